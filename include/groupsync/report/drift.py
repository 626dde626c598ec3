"""What drifted, of all open terms, as a page and as CSV: people by source key only (rule W3)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.model.drift import SHOWN, What
from include.groupsync.model.frames import rows
from include.groupsync.report.pages import as_csv, render

_SHOWN = 2000  # rows of a term on the page; the CSV has all
Frames = Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]  # DRIFT and NOT_READ, by term


def drift_csv(frames: Frames) -> str:
    """Every drift of every term; a course that was not read is a row too, never nothing."""
    lines: list[list[Any]] = [["term", *SHOWN]]
    for term, (drift, not_read) in frames.items():
        lines += [[term, *(row[name] for name in SHOWN)] for row in rows(drift)]
        for row in rows(not_read):
            told = {"course": row["course"], "kind": "course", "what": "not read", "why": row["reason"]}
            lines.append([term, *(told.get(name) for name in SHOWN)])
    return as_csv(lines)


def drift_page(document: Mapping[str, Any], frames: Frames) -> str:
    """The run's document as HTML, with the rows as far as a browser can bear."""
    terms = []
    for one in document["terms"]:
        if not one["ok"]:
            terms.append({**one, "rows": [], "courses_not_read": []})
            continue
        drift, not_read = frames[one["term"]]
        # What went with a group is counted above, and only listed where there is room.
        first = drift.assign(with_it=drift["what"] == str(What.WITH_IT)).sort_values("with_it", kind="stable")
        shown = first.drop(columns="with_it").head(_SHOWN).sort_index()
        terms.append({**one, "rows": rows(shown), "courses_not_read": rows(not_read.head(_SHOWN))})
    return render("drift.html", report=document, terms=terms, headline=drift_headline(document))


def drift_headline(document: Mapping[str, Any]) -> str:
    """One sentence on all terms."""
    terms, looked = document["terms"], [one for one in document["terms"] if one["ok"]]
    if not terms:
        return "No term is open: nothing was looked at"
    things, not_read = sum(one["things"] for one in looked), sum(one["not_read"] for one in looked)
    said = "Nothing has drifted" if not things else "1 drift" if things == 1 else f"{things:,} drifts"
    told = [f"{said} ({len(looked)} of {len(terms)} open terms looked at)"]
    if not_read:
        told.append(f"{not_read:,} {'course was' if not_read == 1 else 'courses were'} not read")
    return "; ".join(told)
