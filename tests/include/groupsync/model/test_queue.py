"""What was remembered of the queue and what is read of it, put together (rule C3)."""

from typing import Any

from include.groupsync.model.effective import REQUESTS
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.queue import put_together
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.quarantine import PROTECTED

KEY = {"course": "C", "module": "M", "occurrence": "A", "academic_year": "2026", "period": "T1"}
SAID = {**KEY, "action": "RMV", "requested_at": "2026-10-01T09:00:00.000000+00:00"}
DELIVERY = ("module", "occurrence", "period")


def together(
    *, known: dict[str, Any] | None = None, read: dict[str, Any] | None = None, spoilt: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Request 7, as it is known and read; its row and the reasons that are reported."""
    remembered = [{"term": "T", "request": "7", **SAID, **known}] if known is not None else []
    usable = [{"id": "7", "source_row": 1, **SAID, **read}] if read is not None else []
    halves = rows(frame_of([spoilt] if spoilt else [], PROTECTED))
    listed = [row["id"] for row in usable]
    frame, findings = put_together(
        "T", frame_of(remembered, REQUESTS), frame_of(usable, CLEAN["requests"]), listed, halves, DELIVERY
    )
    [row] = rows(frame)
    return row, [one.reason for one in findings]


def test_c3_a_new_row_is_taken_as_it_is() -> None:
    row, reported = together(read={})
    assert row == {"term": "T", "request": "7", **SAID, "done_by": None, "outcome": None, "doubt": None}
    assert reported == []


def test_c3_a_row_that_was_changed_is_reported_and_removes_nothing() -> None:
    """What was read first holds: an id is asked with once."""
    row, reported = together(known={}, read={"course": "D"})
    assert (row["course"], row["doubt"]) == ("C", "its row in the queue is another one since it was first read")
    assert reported == [
        "request 7 was read before with other values: what was read first holds, and no removal is done by it"
    ]
    assert together(known={"action": "ADD"}, read={})[0]["doubt"] is None, "of an import nothing is in doubt"


def test_c3_an_open_removal_whose_row_is_gone_is_in_doubt_and_one_that_is_done_is_not() -> None:
    assert together(known={})[0]["doubt"] == "its row is no longer in the queue"
    assert together(known={"done_by": "run", "outcome": "removed"})[0]["doubt"] is None
    assert together(known={}, read={})[0]["doubt"] is None


def test_k6_a_row_that_cannot_be_used_may_take_back_the_removal_of_all_that_it_could_mean() -> None:
    """One of another course or delivery does not."""
    may = [{"course": "C"}, {"key": "M A T1"}, {"course": "C", "key": "M A T1"}]
    cannot = [{"course": "D"}, {"course": "C", "key": "N A T1"}, {"course": "D", "key": "M A T1"}]
    doubts = [together(read={}, spoilt={"dataset": "requests", **half})[0]["doubt"] for half in (*may, *cannot)]
    assert [bool(doubt) for doubt in doubts] == [True] * 3 + [False] * 3
