"""The page of a switch of courses: what each was and is, what that means, and every change before (rule C2)."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.report.pages import render

_SHOWN = 200


def course_switch_page(document: Mapping[str, Any]) -> str:
    """The change's document as HTML."""
    empty: dict[str, Any] = dict.fromkeys(("refused", "changed", "asked", "means"))
    lists: dict[str, Any] = {"warnings": [], "history": [], "courses_switched": []}
    change = {**empty, **lists, **document}
    shown = change["courses_switched"][:_SHOWN]
    return render("course_switch.html", change=change, shown=shown, headline=_headline(document))


def _headline(document: Mapping[str, Any]) -> str:
    term = document["term"] or "(no term)"
    if document.get("refused"):
        return f"Courses of term {term}: not changed"
    how = {"on": "switched on", "off": "switched off"}.get(document["switch"], "as the source says")
    if not document["changed"]:
        return f"Term {term}: nothing was changed, {document['asked']} courses are {how} already"
    return f"Term {term}: {document['changed']} courses are {how} now"
