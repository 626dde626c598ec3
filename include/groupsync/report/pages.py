"""Report, plan and rejected rows as pages that need nothing from outside; the rows as CSV, the plan as JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.groupsync.model.frames import rows
from include.groupsync.report.changes import differences_of

# A page of more than this is no longer looked at; the files beside it have everything.
_COURSES, _CHANGES, _FINDINGS = 300, 200, 5000
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """A template of this folder with the values; whatever they hold is text on the page."""
    return _TEMPLATES.get_template(template).render(**values)


def report_page(document: Mapping[str, Any], headline: str) -> str:
    """The report's document as HTML."""
    return _TEMPLATES.get_template("report.html").render(report=document, headline=headline)


def plan_page(document: Mapping[str, Any], courses: Sequence[Mapping[str, Any]]) -> str:
    """The plan by course (documents of ``changes.courses_of``), as far as a browser can bear."""
    shown = [
        {**course, "changes": course["changes"][:_CHANGES], "more": max(0, len(course["changes"]) - _CHANGES)}
        for course in courses[:_COURSES]
    ]
    return _TEMPLATES.get_template("plan.html").render(
        report=document,
        shown=shown,
        courses=len(courses),
        total=sum(len(course["changes"]) for course in courses),
        differences=differences_of,
    )


def rejected_page(document: Mapping[str, Any], findings: pd.DataFrame) -> str:
    """The findings (columns FINDING) as a page."""
    template = _TEMPLATES.get_template("rejected.html")
    return template.render(report=document, shown=rows(findings.head(_FINDINGS)), total=len(findings))


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
