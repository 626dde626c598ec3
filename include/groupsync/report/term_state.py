"""The page of a change of a term's state: what it was, what it is, what that means, and every change before."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.report.pages import render


def term_state_page(document: Mapping[str, Any]) -> str:
    """The change's document as HTML."""
    empty: dict[str, Any] = dict.fromkeys(("refused", "before", "changed", "stops", "means", "closed_request"))
    return render("term_state.html", change={**empty, "history": [], **document}, headline=_headline(document))


def _headline(document: Mapping[str, Any]) -> str:
    term = document["term"] or "(no term)"
    if document.get("refused"):
        return f"Term {term}: not changed"
    if not document["changed"]:
        return f"Term {term} is {document['after']} already: nothing was changed"
    return f"Term {term} is {document['after']} now"
