"""Makes Moodle forget what its group cache has wrong of a course: by a grouping that lives for two calls.

A refused batch leaves phantoms there, and whoever looks at a course while it is written to leaves a picture that
is out of date; any successful group or grouping write in the course ends both.  This one changes nothing that
anybody uses.  It is journaled like every write: where a lost call leaves the grouping behind, the next run finds
it by the journal and removes it.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.ports import Journal, Writer
from include.groupsync.errors import MoodleRefused, MoodleUnreachable, OutcomeUnknown
from include.groupsync.model.change import Change
from include.groupsync.model.journal import REFRESH, Intent, Outcome, Settled
from include.groupsync.model.things import Grouping

_Answer = TypeVar("_Answer")
_NAME = "groupsync cache refresh"
_TRIES = 3
_FIELDS = 4


@dataclass(frozen=True)
class Refresh:
    """A temporary grouping, in Moodle if it has an id."""

    course_id: int
    thing: Grouping
    moodle_id: int | None = None


@dataclass
class Healing:
    """Refreshes courses, and removes what earlier refreshes left behind."""

    writer: Writer
    journal: Journal
    pace: Pace

    def heal(self, courses: Mapping[int, str]) -> None:
        """Refresh these courses, given as their keys by id; one that refuses is left as it is."""
        size = min(self.writer.limit(_FIELDS), self.pace.objects_per_minute or 1_000_000)
        ordered = sorted(courses.items())
        for start in range(0, len(ordered), size):
            self.remove(self._make([_refresh(*one) for one in ordered[start : start + size]]))

    def remove(self, refreshes: Iterable[Refresh]) -> None:
        """Delete temporary groupings.  Moodle passes over one that is gone, so that a lost call may be repeated."""
        there = list(refreshes)
        if not there:
            return
        intents = [
            Intent(
                Change(one.thing, None, REFRESH), 0, one.course_id, grouping_id=one.moodle_id, image=_image(one.thing)
            )
            for one in there
        ]
        entries = self.journal.intend(intents)
        outcome, reason = Outcome.UNKNOWN, None
        for _ in range(_TRIES):
            try:
                self._send(len(there), lambda: self.writer.delete_groupings([one.moodle_id or 0 for one in there]))
                outcome, reason = Outcome.DONE, None
                break
            except OutcomeUnknown as unknown:
                reason = str(unknown)
            except MoodleRefused as refused:
                outcome, reason = Outcome.REFUSED, str(refused)
                break
        self.journal.settle([Settled(entry, outcome, reason) for entry in entries])

    def _make(self, refreshes: list[Refresh]) -> list[Refresh]:
        """The refreshes that are in Moodle now; refused together, each is tried alone."""
        items = [
            {"courseid": one.course_id, "name": one.thing.name, "description": "", "idnumber": one.thing.key}
            for one in refreshes
        ]
        entries = self.journal.intend([Intent(Change(None, one.thing, REFRESH), 0, one.course_id) for one in refreshes])
        try:
            made = self._send(len(items), lambda: self.writer.create_groupings(items))
        except OutcomeUnknown as unknown:
            self.journal.settle([Settled(entry, Outcome.UNKNOWN, str(unknown)) for entry in entries])
            return []
        except (MoodleRefused, MoodleUnreachable) as refused:
            gone = isinstance(refused, MoodleRefused)
            outcome = Outcome.REFUSED if gone else Outcome.NOT_TRIED
            self.journal.settle([Settled(entry, outcome, str(refused)) for entry in entries])
            if not gone:
                raise
            alone = [] if len(refreshes) == 1 else refreshes
            return [done for one in alone for done in self._make([_refresh(one.course_id, one.thing.course)])]
        self.journal.settle(
            [Settled(entry, Outcome.DONE, made_id=made_id) for entry, made_id in zip(entries, made, strict=True)]
        )
        return [Refresh(one.course_id, one.thing, made_id) for one, made_id in zip(refreshes, made, strict=True)]

    def _send(self, objects: int, call: Callable[[], _Answer]) -> _Answer:
        def paced() -> _Answer:
            with self.pace.call(objects):
                return call()

        return self.pace.insist(paced)


def _image(thing: Grouping) -> dict[str, Any]:
    """All that there is to it: nobody puts a group into it in the moment that it lives."""
    fields = {"idnumber": thing.key, "name": thing.name, "description": "", "description_format": 1}
    return fields | {"groups": [], "used_by": []}


def _refresh(course_id: int, course: str) -> Refresh:
    name = f"{_NAME} {uuid.uuid4()}"
    return Refresh(course_id, Grouping(course, name, name, ""))
