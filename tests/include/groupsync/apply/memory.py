"""A Moodle in memory whose calls may be refused, lost or late, and a journal that remembers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from include.groupsync.apply.executor import Executor, Result
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.pacing import Pace
from include.groupsync.errors import MoodleUnreachable, OutcomeUnknown
from include.groupsync.model.change import Change
from include.groupsync.model.journal import REFRESH, Intent, Outcome, Settled
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership
from tests.laws.moodle import MemoryMoodle, MoodleState, Object

COURSES = {f"C{n}": n for n in range(1, 6)}
USERS = {f"u{n}": n for n in range(1, 41)}
WRITES = (
    "create_groupings", "create_groups", "update_groupings", "update_groups", "delete_groupings", "delete_groups",
    "add_links", "remove_links", "add_members", "remove_members",
)  # fmt: skip


class Clock:
    """Time that passes only while somebody sleeps; ``at`` are things that happen on the way."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 3, 2, tzinfo=UTC)
        self.began = self.time
        self.at: list[tuple[datetime, Callable[[], Any]]] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        due = [what for when, what in self.at if when <= self.time]
        self.at = [one for one in self.at if one[0] > self.time]
        for what in due:
            what()

    @property
    def passed(self) -> float:
        return (self.time - self.began).total_seconds()


@dataclass
class Book:
    """A journal that keeps every entry with what became of it."""

    entries: list[tuple[Intent, Settled | None]] = field(default_factory=list)
    already: dict[tuple[Any, Any], int | None] = field(default_factory=dict)

    def intend(self, intents: Sequence[Intent]) -> list[int]:
        self.entries += [(intent, None) for intent in intents]
        return list(range(len(self.entries) - len(intents), len(self.entries)))

    def settle(self, settled: Sequence[Settled]) -> None:
        for one in settled:
            intent, before = self.entries[one.entry]
            assert before is None, "an entry is settled once"
            self.entries[one.entry] = intent, one

    def leave(self, left: Sequence[tuple[Intent, str]]) -> None:
        for intent, reason in left:
            self.entries.append((intent, Settled(len(self.entries), Outcome.SKIPPED, reason)))

    def done(self, changes: Sequence[Change]) -> dict[int, int | None]:
        keys = [(change.before, change.after) for change in changes]
        return {at: self.already[key] for at, key in enumerate(keys) if key in self.already}

    @property
    def open(self) -> list[Intent]:
        return [intent for intent, settled in self.entries if settled is None]

    @property
    def own(self) -> list[tuple[Intent, Settled | None]]:
        """Without what refreshed a cache."""
        return [(intent, settled) for intent, settled in self.entries if intent.change.rule != REFRESH]


@dataclass
class Site(MemoryMoodle):
    """``faults`` by the number of the writing call, from 0: ``unreachable``, ``lost before``, ``lost after``, or
    ``late``: it is done so many seconds after its answer was lost."""

    faults: dict[int, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    calls: list[tuple[str, int]] = field(default_factory=list)
    late_by: float = 100.0

    def __post_init__(self) -> None:
        for name in WRITES:
            setattr(self, name, self._over_the_line(name, getattr(self, name)))

    def _delete(self, objects: dict[int, Object], at: int) -> None:
        """As Moodle does: an id that is gone already is passed over."""
        if at in objects:
            super()._delete(objects, at)

    def _over_the_line(self, name: str, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(items: Sequence[Any]) -> Any:
            fault = self.faults.get(len(self.calls), "")
            self.calls.append((name, len(items)))
            if fault == "unreachable":
                raise MoodleUnreachable("not there")
            if fault == "late":
                self.clock.at.append((self.clock.time + timedelta(seconds=self.late_by), lambda: write(items)))
            answer = write(items) if fault in ("", "lost after") else None
            if fault:
                raise OutcomeUnknown("lost")
            return answer

        return call


@dataclass
class Stage:
    """A site with five courses and forty people, a plan sent to it, and what came of it."""

    site: Site = field(default_factory=lambda: Site(state_of()))
    book: Book = field(default_factory=Book)
    results: list[Result] = field(default_factory=list)
    pace: dict[str, Any] = field(default_factory=dict)

    def apply(self, *changes: Change, **more: Any) -> list[Result]:
        """What became of the changes; an error that stopped it is raised."""
        self.results = []
        clock = self.site.clock
        pace = Pace(now=clock.now, sleep=clock.sleep, **({"retry_seconds": 300} | self.pace))
        self.executor(pace, **more).apply(Plan.of_changes(changes), self.results.append)
        return self.results

    def executor(self, pace: Pace, **more: Any) -> Executor:
        state = self.site.state
        names = {at: name for name, at in COURSES.items()}
        objects = {
            (kind, names[one.course_id], one.idnumber): at
            for kind, there in ((Kind.GROUPING, state.groupings), (Kind.GROUP, state.groups))
            for at, one in there.items()
            if one.idnumber
        }
        members: dict[int, set[int]] = {}
        for group_id, user_id in state.members:
            members.setdefault(group_id, set()).add(user_id)
        expected = {group_id: frozenset(ids) for group_id, ids in members.items()}
        ids = Ids(COURSES, objects, USERS, {})
        return Executor(self.site, self.site, self.book, ids, expected_members=expected, pace=pace, **more)

    def outcomes(self) -> dict[Outcome, int]:
        found: dict[Outcome, int] = {}
        for result in self.results:
            found[result.outcome] = found.get(result.outcome, 0) + 1
        return found


def state_of() -> MoodleState:
    enrolled = {(course, user) for course in COURSES.values() for user in USERS.values()}
    return MoodleState(courses={at: name for name, at in COURSES.items()}, enrolled=enrolled)


_numbers = count(1)


def new_group(course: str, key: str, name: str | None = None) -> Change:
    return Change(None, Group(course, key, name or f"Group {key}", ""), "P5", source_row=next(_numbers))


def new_grouping(course: str, key: str) -> Change:
    return Change(None, Grouping(course, key, f"Grouping {key}", ""), "G5")


def joins(course: str, group: str, user: str) -> Change:
    return Change(None, Membership(course, group, user), "M4")


def linked(course: str, grouping: str, group: str) -> Change:
    return Change(None, Link(course, grouping, group), "L2")


def gone(change: Change) -> Change:
    return change.inverse()
