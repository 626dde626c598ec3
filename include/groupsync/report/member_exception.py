"""The page of a pin, an exclusion or the end of one: what it was, what it is, and what the next runs do (rule M6)."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.report.pages import render


def member_exception_page(document: Mapping[str, Any]) -> str:
    """The change's document as HTML; people by source key, but for whoever set it."""
    empty: dict[str, Any] = dict.fromkeys(("refused", "before", "changed", "means"))
    lists: dict[str, Any] = {"after": [], "warnings": [], "history": []}
    return render("member_exception.html", change={**empty, **lists, **document}, headline=_headline(document))


def _headline(document: Mapping[str, Any]) -> str:
    if document.get("refused"):
        return "Not changed"
    if not document["changed"]:
        already = "there was no exception" if document["what"] == "clear" else f"{_DONE[document['what']]} already"
        return f"Nothing was changed: {already}"
    return f"The person is {_DONE[document['what']]}"


_DONE = {
    "pin": "pinned to the group",
    "exclude": "excluded from the group",
    "clear": "no exception any longer",
}
