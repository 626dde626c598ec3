"""What a restore leaves to people, as a page (rule J3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.groupsync.report.pages import render

_SHOWN = 5000  # a page of more is no longer looked at; the CSV files have everything


def restored_page(about: Mapping[str, Any], ids: Sequence[Mapping[str, Any]], work: Sequence[Mapping[str, Any]]) -> str:
    """Rows of ID_MAP and WORK as HTML: the work by course first, then where everything is now."""
    by_course: dict[str, list[Mapping[str, Any]]] = {}
    unseen = [row for row in work if row["kind"] is None]  # a line a course, all alike
    for row in [row for row in work if row["kind"] is not None][:_SHOWN]:
        by_course.setdefault(row["course"], []).append(row)
    back = sum(row["new_id"] is not None for row in ids)
    values = {"ids": ids[:_SHOWN], "of": len(ids), "back": back, "work": by_course, "unseen": unseen}
    return render("restored.html", report=about, **values)
