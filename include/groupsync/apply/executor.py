"""Sends a plan to Moodle phase by phase, each intent on disk before its call (rules A1 to A5, J1).

What goes in one call is ``batching``'s, what becomes of a call ``sending``'s, when it may be sent ``pacing``'s.
Here is the order: a phase ends before the next begins, and of two batches with a course in common the second waits
for the first.  Only this thread looks before a batch, writes outcomes and learns ids; calls fly in others.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from include.groupsync.apply.batching import Batch, batches
from include.groupsync.apply.healing import Healing
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.in_flight import InFlight
from include.groupsync.apply.look_again import Left, LookAgain
from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.ports import Journal, Reader, Writer
from include.groupsync.apply.sending import Delivery, Means, still_taken
from include.groupsync.apply.settling import Settling
from include.groupsync.errors import GroupsyncError, MoodleRefused, MoodleUnreachable, StoppedError
from include.groupsync.model.change import Change
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan, StoredPlan
from include.groupsync.model.things import Group, Grouping


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change."""

    change: Change
    outcome: Outcome
    reason: str | None = None
    made_id: int | None = None


Record = Callable[[Result], None]
_OBJECTS = (Kind.GROUPING, Kind.GROUP)
_USER_BITS = 32


@dataclass
class Executor:
    """``expected_members`` are, by group id, what the plan was made from: a group with more members is not
    deleted.  ``user_keys`` are source keys by user id, for before-images.  ``formats`` are the descriptions'
    formats: an update that does not send its own has Moodle reset it.  ``claimed`` is what other terms list since the
    plan was made, by kind and ids: it is not deleted.
    """

    writer: Writer
    reader: Reader
    journal: Journal
    ids: Ids
    expected_members: Mapping[int, frozenset[int]] = field(default_factory=dict)
    user_keys: dict[int, str] = field(default_factory=dict)
    formats: dict[tuple[Kind, int], int] = field(default_factory=dict)
    claimed: frozenset[tuple[Any, ...]] = frozenset()
    pace: Pace = field(default_factory=Pace)
    _batch: int = 0
    _as_left: dict[tuple[Kind, int], Grouping | Group] = field(default_factory=dict)  # what this run has changed
    _undone: set[tuple[Kind, str, str]] = field(default_factory=set)  # names that were not freed
    _joined: "array[int]" = field(default_factory=lambda: array("q"))  # who was added, in which course: 8 bytes each
    _unjoined: set[int] = field(default_factory=set)  # who was not
    _why: str | None = None  # nothing more is sent
    _stopped: GroupsyncError | None = None

    def apply(self, plan: Plan | StoredPlan, record: Record) -> None:
        """Send every change; ``record`` is told what became of each, batch by batch.

        What the same run has done already is not sent again.  Outside the hours for writing nothing is sent.
        Raises what stopped it: MoodleUnreachable or OutcomeUnknown when the site stops answering, LeaseError,
        SettingsError; by then the journal knows what was sent, and every change has been recorded.  With StoppedError
        there is no time for that: what was not begun is not recorded.
        """
        healing = Healing(self.writer, self.journal, self.pace)
        settling = Settling(self.reader, healing, self.pace)
        means = Means(self.writer, self.reader, healing, settling, self.pace, self.formats)
        look = LookAgain(self.reader, self.expected_members, self.user_keys, self._as_left, self.claimed)
        phase = None
        with InFlight[Delivery](self.pace.in_flight) as flights:
            for batch in batches(plan.changes(), self.writer, self.pace.objects_per_minute):
                if phase != (batch.kind, batch.action):
                    self._land(flights, record, down_to=0)
                    flights.new_phase()
                    phase = (batch.kind, batch.action)
                while flights.must_wait(batch.courses):
                    self._land(flights, record, down_to=len(flights) - 1)
                if isinstance(self._stopped, StoppedError):
                    break
                self._start(flights, batch, means, look, record)
            self._land(flights, record, down_to=0)
        if self._stopped is not None:
            raise self._stopped

    def _start(self, flights: InFlight[Delivery], batch: Batch, means: Means, look: LookAgain, record: Record) -> None:
        """Send what of a batch is to be sent."""
        changes = self._not_done(batch.changes, record)
        self._why = self._why or self.pace.closed()
        if self._why is None:
            try:
                self.pace.check()
                intents = self._intents(changes, look, record)
            except GroupsyncError as error:
                self._stop(error)
        if self._why is not None:
            for change in changes:
                record(Result(change, Outcome.NOT_TRIED, self._why))
            return
        if intents:
            entries = self.journal.intend(intents)
            delivery = Delivery(means, list(zip(entries, intents, strict=True)))
            flights.start(batch.courses, len(intents), delivery.run)

    def _not_done(self, changes: list[Change], record: Record) -> list[Change]:
        """The changes without those that the run did before it was interrupted."""
        done = self.journal.done(changes)
        for at, moodle_id in done.items():
            self._learn(changes[at], moodle_id)
            made = changes[at].action is Action.CREATE
            record(Result(changes[at], Outcome.DONE, None, moodle_id if made else None))
        return [change for at, change in enumerate(changes) if at not in done]

    def _intents(self, changes: list[Change], look: LookAgain, record: Record) -> list[Intent]:
        """The intents to be sent; every other change has been recorded, unless an error ends it all."""
        self._batch += 1
        resolved = [(change, self._resolve(change)) for change in changes]
        looked = iter(self._looked(look, [found for _, found in resolved if isinstance(found, Intent)]))
        intents, skipped = [], []
        for change, found in resolved:
            fate: Intent | Left = next(looked) if isinstance(found, Intent) else found
            if change.waits_for and (change.kind, change.course, change.waits_for) in self._undone:
                fate = Left(Outcome.WAITING, still_taken(change.waits_for))
            if isinstance(fate, Intent) and self._leaves_without(fate):
                fate = _waiting("who would be taken out could not be added to any other group of the course")
            if isinstance(fate, Intent):
                intents.append(fate)
                continue
            if isinstance(found, Intent) and fate.outcome is Outcome.SKIPPED:
                skipped.append((found, fate.reason))
            self._left_undone(change, fate.outcome)
            record(Result(change, fate.outcome, fate.reason))
        if skipped:
            self.journal.leave(skipped)
        return intents

    def _looked(self, look: LookAgain, intents: list[Intent]) -> list[Intent | Left]:
        """What the look found; one course that refuses to be read does not keep the others from it."""
        if not intents or (intents[0].change.action is Action.CREATE and intents[0].change.kind in _OBJECTS):
            return list(intents)
        try:
            return self.pace.insist(lambda: look.look(intents))
        except MoodleRefused as refused:
            if len(intents) == 1:
                return [Left(Outcome.SKIPPED, f"it could not be looked at before it was to be written: {refused}")]
        middle = len(intents) // 2
        return self._looked(look, intents[:middle]) + self._looked(look, intents[middle:])

    def _land(self, flights: InFlight[Delivery], record: Record, down_to: int) -> None:
        """Write down what became of batches until so many are left under way."""
        while len(flights) > down_to:
            delivery = flights.land()
            outcomes = {one.entry: one for one in delivery.settled}
            self.journal.settle([outcomes[entry] for entry, _ in delivery.pending])
            for entry, intent in delivery.pending:
                self._take(intent, outcomes[entry], record)
            if delivery.stopped is not None:
                self._stop(delivery.stopped)

    def _take(self, intent: Intent, settled: Settled, record: Record) -> None:
        if settled.outcome is Outcome.DONE:
            self._learn(intent.change, settled.made_id or intent.grouping_id or intent.group_id)
        else:
            self._left_undone(intent.change, settled.outcome)
        record(Result(intent.change, settled.outcome, settled.reason, settled.made_id))

    def _stop(self, error: GroupsyncError) -> None:
        if self._stopped is None:
            self._stopped = error
            unreachable = isinstance(error, MoodleUnreachable)
            self._why = "the site stopped answering" if unreachable else str(error)

    def _left_undone(self, change: Change, outcome: Outcome) -> None:
        if isinstance(change.before, Grouping | Group):
            self._undone.add((change.kind, change.course, change.before.key))
        # Who is not enrolled Moodle has taken out of all groups itself.
        if _made(change, Kind.MEMBERSHIP) and outcome is not Outcome.DEFERRED:
            self._unjoined.add(self._person(change))

    def _leaves_without(self, intent: Intent) -> bool:
        """Whether it takes somebody out of a group whom this run was to add to others of the course, and could add to
        none: who moves is never without one (rule A1).  Whom the data team has excluded goes all the same (rule M6)."""
        change = intent.change
        if change.action is not Action.DELETE or change.rule == "M6" or not self._unjoined:
            return False
        self._unjoined.difference_update(self._joined)  # nobody is added any more once anything goes
        self._joined = array("q")
        people = [intent.user_id] if change.kind is Kind.MEMBERSHIP else []
        if change.kind is Kind.GROUP:
            people = [member["user_id"] for member in (intent.image or {}).get("members", [])]
        return any(_packed(intent.course_id, user_id) in self._unjoined for user_id in people)

    def _person(self, change: Change) -> int:
        return _packed(self.ids.courses[change.course], self.ids.user_id(change, 0))

    def _learn(self, change: Change, moodle_id: int | None) -> None:
        """Keep the ids in step: what was created has one, what got a new idnumber is found under it; who was added."""
        after = change.after
        if _made(change, Kind.MEMBERSHIP):
            self._joined.append(self._person(change))
        if isinstance(after, Grouping | Group) and moodle_id is not None:
            self.ids.objects[after.kind, after.course, after.key] = moodle_id
            if change.before is not None:
                self._as_left[after.kind, moodle_id] = after

    def _resolve(self, change: Change) -> Intent | Left:
        """The intent with Moodle's ids, or why it must wait."""
        course, thing, kind = change.course, change.thing, change.kind
        found = Intent(change, self._batch, self.ids.courses[course])
        if kind is not Kind.GROUP and kind is not Kind.MEMBERSHIP and not _made(change, Kind.GROUPING):
            grouping_id = self.ids.object_id(Kind.GROUPING, course, thing.grouping)  # type: ignore[union-attr]
            if grouping_id is None:
                return _waiting(f"its grouping {thing.grouping} is not in Moodle")  # type: ignore[union-attr]
            found = replace(found, grouping_id=grouping_id)
        if kind is not Kind.GROUPING and not _made(change, Kind.GROUP):
            group_id = self.ids.object_id(Kind.GROUP, course, thing.group)  # type: ignore[union-attr]
            if group_id is None:
                return _waiting(f"its group {thing.group} is not in Moodle")  # type: ignore[union-attr]
            found = replace(found, group_id=group_id)
            if kind is Kind.MEMBERSHIP:
                user_id = self.ids.user_id(change, group_id)
                if user_id is None:
                    return _waiting("the person's key is no longer one account's")
                found = replace(found, user_id=user_id)
        return found


def _waiting(reason: str) -> Left:
    return Left(Outcome.WAITING, reason)


def _packed(course_id: int, user_id: int | None) -> int:
    """A person in a course; 0 where the key is nobody's."""
    return course_id << _USER_BITS | user_id if user_id else 0


def _made(change: Change, kind: Kind) -> bool:
    """Whether the change itself creates its object of that kind, which then has no id yet."""
    return change.kind is kind and change.action is Action.CREATE
