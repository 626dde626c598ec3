"""What became of calls whose answers were lost, found out by reading, never by repeating (rule A4).

A batch shows at once where it was done.  Where it does not, the server may still be at it: only after
``settle_after`` is "not there" an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.groupsync.apply.healing import Healing
from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.ports import Reader
from include.groupsync.errors import MoodleRefused
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.snapshot import Now
from include.groupsync.model.things import Group, Grouping

Pending = Sequence[tuple[int, Intent]]
FOUND = "the answer was lost; Moodle shows it"
_FIRST_LOOK, _LAST_LOOK = 1.0, 30.0  # seconds between two looks


@dataclass
class Settling:
    """Looks at Moodle past its cache, as often as it takes."""

    reader: Reader
    healing: Healing | None  # None: nothing is written, and a new object that Moodle's list hides stays unknown
    pace: Pace

    def settle(self, pending: Pending, since: datetime) -> dict[int, Settled]:
        """What was done of these, by entry; what is not among them was not done, and will not be.

        ``since`` is when the last of them may have been sent.  All are of one kind and action.
        """
        if not pending:
            return {}
        wait = _FIRST_LOOK
        shown = self._look(pending)
        while len(shown) < len(pending) and (left := self._left(since)) > 0:
            self.pace.rest(min(left, wait))
            wait = min(_LAST_LOOK, wait * 2)
            shown = self._look(pending)
        change = pending[0][1].change
        if change.action is Action.CREATE and change.kind in (Kind.GROUPING, Kind.GROUP):
            hidden = [intent for entry, intent in pending if entry not in shown]
            if hidden and self.healing:
                # Moodle's list hides a new object from everybody if somebody looked while it was made.
                self.healing.heal({intent.course_id: intent.change.course for intent in hidden})
                shown = self._look(pending)
        return {entry: Settled(entry, Outcome.DONE, FOUND, made_id) for entry, made_id in shown.items()}

    def _left(self, since: datetime) -> float:
        return self.pace.settle_after - (self.pace.now() - since).total_seconds()

    def _look(self, pending: Pending) -> dict[int, int | None]:
        """The entries whose change shows in Moodle, with the id of what was created."""
        kind, action = pending[0][1].change.kind, pending[0][1].change.action
        if kind in (Kind.LINK, Kind.MEMBERSHIP):
            return self._pairs(kind, action, pending)
        if action is Action.CREATE:
            return self._created(kind, pending)
        ids = sorted({_own_id(intent) for _, intent in pending})
        ask = self.reader.groups_now if kind is Kind.GROUP else self.reader.groupings_now
        there = self.pace.insist(lambda: ask(ids))
        if action is Action.DELETE:
            return {entry: None for entry, intent in pending if _own_id(intent) not in there}
        # Of several updates of one object the last is what shows; all are of one call, and so done or not together.
        last = {_own_id(intent): _is_now(intent, there.get(_own_id(intent))) for _, intent in pending}
        return {entry: None for entry, intent in pending if last[_own_id(intent)]}

    def _created(self, kind: Kind, pending: Pending) -> dict[int, int | None]:
        found: dict[tuple[int, str], int] = {}
        for course_id in sorted({intent.course_id for _, intent in pending}):
            for moodle_id, now in sorted(self._objects(kind, course_id).items(), reverse=True):
                found[course_id, now.key or ""] = moodle_id
        keyed = ((entry, (intent.course_id, _thing(intent).key)) for entry, intent in pending)
        return {entry: found[key] for entry, key in keyed if key in found}

    def _objects(self, kind: Kind, course_id: int) -> dict[int, Now]:
        try:
            return self.pace.insist(lambda: self.reader.objects_in(kind, course_id))
        except MoodleRefused:
            return {}  # the course is gone, with all that was in it

    def _pairs(self, kind: Kind, action: Action, pending: Pending) -> dict[int, int | None]:
        if kind is Kind.LINK:
            ask, sides = self.reader.groupings_now, [(e, i.grouping_id, i.group_id) for e, i in pending]
        else:
            ask, sides = self.reader.groups_now, [(e, i.group_id, i.user_id) for e, i in pending]
        there = self.pace.insist(lambda: ask(sorted({container or 0 for _, container, _ in sides})))
        inside = {container: now.holds for container, now in there.items()}
        wanted = action is not Action.DELETE  # a claim is on what is there
        return {entry: None for entry, container, one in sides if (one in inside.get(container or 0, ())) == wanted}


def _thing(intent: Intent) -> Grouping | Group:
    thing = intent.change.after or intent.change.thing
    assert isinstance(thing, Grouping | Group)
    return thing


def _own_id(intent: Intent) -> int:
    return (intent.group_id if intent.change.kind is Kind.GROUP else intent.grouping_id) or 0


def _is_now(intent: Intent, now: Now | None) -> bool:
    before: Any = intent.change.before
    after = _thing(intent)
    if now is None or now.name != after.name:
        return False
    if after.key not in (before.key, now.key):
        return False
    return after.description == before.description or now.description == (after.description or "")
