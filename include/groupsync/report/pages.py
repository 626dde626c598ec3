"""Report, plan and rejected rows as pages that need nothing from outside; the rows as CSV, the plan as JSON."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.groupsync.model.frames import rows
from include.groupsync.report.changes import differences_of
from include.groupsync.report.impact import TAKES

# A page of more than this is no longer looked at; the files beside it have everything.
_COURSES, _CHANGES, _FINDINGS, _OBJECTS = 300, 200, 5000, 10_000
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


def verdict_page(document: Mapping[str, Any]) -> str:
    """The verdict with every rule's numbers, trips first, as far as a browser can bear."""
    observations = document["verdict"]["observations"]
    trips = [one for one in observations if one["tripped"]]
    return _TEMPLATES.get_template("verdict.html").render(
        report=document,
        trips=trips[:_FINDINGS],
        left_out=max(0, len(trips) - _FINDINGS),
        passed=[one for one in observations if not one["tripped"]],
    )


def rejected_page(document: Mapping[str, Any], findings: pd.DataFrame) -> str:
    """The findings (columns FINDING) as a page."""
    template = _TEMPLATES.get_template("rejected.html")
    return template.render(report=document, shown=rows(findings.head(_FINDINGS)), total=len(findings))


def journal_page(run: Mapping[str, Any], first: Sequence[Mapping[str, Any]], counts: Mapping[str, int]) -> str:
    """The first entries of a run's journal as a page; ``counts`` are all of its entries by outcome."""
    shown = [{**entry, "changed": _changed(entry)} for entry in first]
    return render("journal.html", report=run, shown=shown, counts=counts)


def _changed(entry: Mapping[str, Any]) -> list[str]:
    """What an entry changed, or all that a delete took away, field by field."""
    before, after = entry["before"] or {}, entry["after"] or {}
    names = sorted({*before, *after} - {"course", "grouping", "group", "user"})
    told = ((name, before.get(name), after.get(name)) for name in names)
    if entry["action"] == "update":
        return [f"{name}: {old} → {new}" for name, old, new in told if old != new]
    return [f"{name}: {_brief(old if after == {} else new)}" for name, old, new in told if old or new]


def _brief(value: Any) -> str:
    """People by their source key, or by id where they have none."""
    if not isinstance(value, list):
        return str(value)
    return ", ".join(
        str((one.get("user") or one.get("user_id") or one) if isinstance(one, Mapping) else one) for one in value
    )


def journal_row(entry: Mapping[str, Any]) -> list[Any]:
    """An entry as a row of the journal's CSV; what it had before and after as JSON."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else _harmless(value)
        for value in entry.values()
    ]


def impact_page(document: Mapping[str, Any]) -> str:
    """The impact's document as HTML: the sums, then every object that is taken away, folded by course."""
    by_course: dict[str, list[Mapping[str, Any]]] = {}
    taken = [row for row in document["objects"] if row["change"] in TAKES]
    for row in taken:
        by_course.setdefault(row["course"], []).append(row)
    courses: list[dict[str, Any]] = []
    for course in (*(one["course"] for one in document["by_course"]), *by_course):
        if course in by_course and sum(len(one["objects"]) for one in courses) < _OBJECTS:
            courses.append({"course": course, "objects": by_course.pop(course)})
    sums = {one["course"]: one for one in document["by_course"]}
    left = sum(len(some) for some in by_course.values())
    return render("impact.html", impact=document, courses=courses, sums=sums, left=left, in_use=_in_use(taken))


def _in_use(taken: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The objects whose going breaks something that is there to see, as far as a page can bear."""
    return [row for row in taken if row["in_use"] == "yes" and row["fate"] != "not made"][:_FINDINGS]


def frame_csv(frame: pd.DataFrame) -> str:
    """All rows as CSV, the columns' names first: findings, or who was left out; people by source key only (rule W3).

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    return as_csv([frame.columns, *(row.values() for row in rows(frame))])


def as_csv(lines: Iterable[Iterable[Any]]) -> str:
    """Lines of cells as CSV, the header among them."""
    text = io.StringIO()
    writer = csv.writer(text)
    for line in lines:
        writer.writerow(_harmless(value) for value in line)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
