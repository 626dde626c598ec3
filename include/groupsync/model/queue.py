"""The queue of requested imports and removals: what was remembered and what a run has read, put together (rule C3)."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from include.groupsync.model.effective import MAPPING_KEY, REQUESTS, Asked
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.scope import delivery_label

_SAID = (*MAPPING_KEY, "action", "requested_at")


def put_together(
    term: str,
    remembered: pd.DataFrame,
    usable: pd.DataFrame,
    listed: Iterable[str | None],
    spoilt: Iterable[Mapping[str, Any]],
    delivery: tuple[str, ...],
) -> tuple[pd.DataFrame, list[Finding]]:
    """The term's requests (REQUESTS), and what is to be reported of them.

    ``remembered`` (REQUESTS) are those of the term from earlier runs, ``usable`` (CLEAN) the rows that were read now;
    ``listed`` has the ids of all rows of the term, those that cannot be used too, and ``spoilt`` (PROTECTED) what such
    rows could mean, by the queue's ``delivery`` columns.  A removal is in doubt where a row that cannot be used could
    be about its mapping, as it may take the removal back; where its own row has changed since it was read; and, as long
    as it is open, where its row is gone.
    """
    known = {row["request"]: row for row in rows(remembered)}
    read = {row["id"]: row for row in rows(usable)}
    found: list[dict[str, Any]] = []
    findings: list[Finding] = []
    there, halves = set(listed), list(spoilt)
    for request in sorted(known.keys() | read.keys()):
        row = dict(known.get(request) or _as_read(term, read[request]))
        doubts = []
        if request in known and request in read and _said(read[request]) != _said(row):
            doubts.append("its row in the queue is another one since it was first read")
            findings.append(_changed(request, read[request]))
        if row["done_by"] is None and request in known and request not in there:
            doubts.append("its row is no longer in the queue")
        label = delivery_label(row, delivery)
        if any(half["course"] in (None, row["course"]) and half["key"] in (None, label) for half in halves):
            doubts.append("a row of the queue that cannot be used may be about the same mapping")
        row["doubt"] = "; ".join(doubts) if doubts and row["action"] == Asked.RMV else None
        found.append(row)
    return frame_of(found, REQUESTS), findings


def _as_read(term: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"term": term, "request": row["id"], **{name: row[name] for name in _SAID}, "done_by": None, "outcome": None}


def _said(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SAID)


def _changed(request: str, row: Mapping[str, Any]) -> Finding:
    return Finding(
        "requests",
        Severity.QUARANTINED,
        "C3",
        f"request {request} was read before with other values: what was read first holds, and no removal is done by it",
        course=row["course"],
        key=request,
        source_row=row["source_row"],
        next_step="Ask by a new row, with an id and a time of its own.",
    )
