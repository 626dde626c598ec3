"""What a person is asked about a held plan, and what came of it (rules B4, B5)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from include.groupsync.model.extent import Extent

APPROVE_ALL = "Approve all"
APPROVE_COURSES = "Approve only these courses"
REJECT = "Reject"
OPTIONS = (APPROVE_ALL, APPROVE_COURSES, REJECT)


class Answered(StrEnum):
    """How far a request has come; of ``open`` there is one for each part of a term that runs are for, most often the
    whole of it, and all but ``approved`` are ends."""

    OPEN = "open"
    APPROVED = "approved"
    APPLIED = "applied"  # what was approved is in Moodle, read back
    REJECTED = "rejected"  # a person said no
    REFUSED = "refused"  # the answer cannot be used, or the plan no longer fits
    EXPIRED = "expired"
    SUPERSEDED = "superseded"  # a later run holds something else


@dataclass(frozen=True)
class Approval:
    """A request with its answer.

    ``digest`` names the held part of the plan of run ``run_id``; ``trips`` are the observations that hold it, as
    in the verdict's document.  ``courses`` are those that were approved, None for all.  ``reason`` is the
    person's; ``remark`` says why it ended as it did where no person said so.  ``extent`` is the part of the term that
    the run was for, as ``Extent.document``; None for all of it.
    """

    approval: int
    term: str
    run_id: str
    release_run_id: str
    digest: str
    trips: Sequence[Mapping[str, Any]]
    asked_at: datetime
    expires_at: datetime
    state: Answered
    who: str | None = None
    answered_at: datetime | None = None
    reason: str | None = None
    courses: tuple[str, ...] | None = None
    remark: str | None = None
    extent: Mapping[str, Sequence[str]] | None = None

    @property
    def part(self) -> Extent:
        """The part of the term that it is about."""
        return Extent.of(self.extent or {})

    @property
    def usable_until(self) -> datetime:
        """An answer holds as long as the request would have waited: a repeated run of next week asks anew."""
        return self.expires_at if self.answered_at is None else self.answered_at + self.waits

    @property
    def waits(self) -> timedelta:
        return self.expires_at - self.asked_at

    @property
    def told(self) -> str:
        """Who said what, or why nobody could, in one sentence."""
        by = f" by {self.who} at {self.answered_at:%Y-%m-%d %H:%M} UTC" if self.who and self.answered_at else ""
        # A person's reason may not pass for one of our own lines.
        reason = f", who says: {' '.join(self.reason.split())}" if self.reason else ""
        extent = "" if self.courses is None else f" for {len(self.courses)} courses only"
        return f"{self.state}{extent}{by}{reason}" + (f" ({self.remark})" if self.remark else "")


@dataclass(frozen=True)
class Answer:
    """What a person, or a script in a person's name, sent: not checked yet."""

    option: str
    given: Mapping[str, Any]
    who: str
    at: datetime

    @property
    def reason(self) -> str:
        """Without what surrounds it, and what no database takes; empty where none was given."""
        return str(self.given.get("reason") or "").replace("\x00", "").strip()


def courses_named(given: object, held: Iterable[str]) -> tuple[frozenset[str], list[str]]:
    """The courses of the plan that an answer names, and what it names that is none of them.

    A list, or text with one course a line or separated by commas or semicolons; a course whose own key has
    such a character stands on a line of its own.
    """
    known = frozenset(held)
    lines = given if isinstance(given, list) else str(given or "").splitlines()
    wanted: set[str] = set()
    for line in (str(one).strip() for one in lines):
        parts = [line] if line in known or isinstance(given, list) else re.split(r"[,;]", line)
        wanted |= {part.strip() for part in parts}
    wanted.discard("")
    return frozenset(wanted & known), sorted(wanted - known)


def worse_trips(
    approved: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], besides: frozenset[str]
) -> list[str]:
    """A sentence for each trip that the approval does not name, or that is further past its limit by now.

    ``besides`` are rules that do not count here.  Both are observations as in the verdict's document.
    """
    named = {(trip["rule"], trip["subject"]): trip["headroom"] for trip in approved}
    found = []
    for trip in now:
        subject = (trip["rule"], trip["subject"])
        told = f"{trip['rule']}: {trip['text']}"
        if trip["rule"] in besides:
            continue
        if subject not in named:
            found.append(told)
        elif trip["headroom"] is not None and trip["headroom"] < (named[subject] or 0):
            found.append(f"{told} (worse than approved)")
    return found
