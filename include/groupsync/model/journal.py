"""What is written down of a change before and after it is sent (rule J1)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from include.groupsync.model.change import Change
from include.groupsync.model.frames import TEXT, WHOLE, Schema


class Outcome(StrEnum):
    """``waiting``: what it depends on failed.  ``skipped``: no longer what the plan expects (rule A2).
    ``deferred``: the person is not enrolled, and added once they are (rule M4).  ``unknown``: sent, and no answer
    came.  ``not tried``: the run ended before it, or Moodle does not have what was sent."""

    DONE = "done"
    REFUSED = "refused"
    SKIPPED = "skipped"
    WAITING = "waiting"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    NOT_TRIED = "not tried"


# What makes an apply incomplete: what was not done, and not on purpose.
LEFT_UNDONE = (Outcome.REFUSED, Outcome.WAITING, Outcome.UNKNOWN, Outcome.NOT_TRIED)
# The rule of a link or membership that a hand had made and a deleted object took with it: brought back, it is still not
# ours, and nothing of it enters the ledger (rules J3, O1).
BY_HAND = "J3/O1"
# The rule of changes that only make Moodle forget a stale cache: journaled like all, and never managed.
REFRESH = "A3"


@dataclass(frozen=True, slots=True)
class Intent:
    """A change about to be sent, with Moodle's ids; ``image`` is a delete's full before-image."""

    change: Change
    batch: int
    course_id: int
    grouping_id: int | None = None
    group_id: int | None = None
    user_id: int | None = None
    image: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an intent; ``made_id`` is the Moodle id of what was created."""

    entry: int
    outcome: Outcome
    reason: str | None = None
    made_id: int | None = None


# What became of every change of a plan: PLAN's keys with outcome, reason and the id that was made.
OUTCOME: Schema = {
    "kind": TEXT,
    "action": TEXT,
    "course": TEXT,
    "grouping": TEXT,
    "group": TEXT,
    "user": TEXT,
    "step": WHOLE,
    "outcome": TEXT,
    "reason": TEXT,
    "made_id": WHOLE,
    "source_row": WHOLE,
}
