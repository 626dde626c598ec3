"""The report as a page that needs nothing from outside, and the rejected rows as CSV."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.groupsync.model.frames import rows

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def report_page(document: Mapping[str, Any], headline: str) -> str:
    """The report's document as HTML."""
    return _TEMPLATES.get_template("report.html").render(report=document, headline=headline)


def rejected_csv(findings: pd.DataFrame) -> str:
    """The findings (columns FINDING) as CSV; people by source key only (rule W3).

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(findings.columns)
    for row in rows(findings):
        writer.writerow(_harmless(value) for value in row.values())
    return text.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
