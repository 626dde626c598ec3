"""The engine's own way from a plan to a site that was read back: executor, journal in SQLite, verification."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import sqlalchemy as sa

from include.groupsync.apply.executor import Executor, Result
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.verify import State, differences
from include.groupsync.model.change import Change
from include.groupsync.model.connection import MoodleConnection
from include.groupsync.model.frames import frame_of
from include.groupsync.model.journal import Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import COURSES
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow, read_snapshot
from include.groupsync.moodle.writer import MoodleWriter
from include.groupsync.settings import Moodle
from include.groupsync.state.database import initialise
from include.groupsync.state.journal import RunJournal


class Engine:
    """Applies plans one after another, as runs do, and verifies each."""

    def __init__(
        self, url: str, token: str, folder: Path, courses: Mapping[str, int], users: Mapping[str, int], in_flight: int
    ):
        self.client = MoodleClient(MoodleConnection("moodle", url, token), Moodle(in_flight=in_flight))
        initialise(f"sqlite:///{folder / f'state-{in_flight}.db'}", "sandbox")
        self._state = sa.create_engine(f"sqlite:///{folder / f'state-{in_flight}.db'}")
        self._ids = Ids(dict(courses), {}, dict(users), {})
        self._runs = 0

    def apply(self, changes: Sequence[Change]) -> list[Result]:
        """What became of the changes; AssertionError where one was not done."""
        self._runs += 1
        settings = self.client.settings
        results: list[Result] = []
        executor = Executor(
            writer=MoodleWriter(self.client),
            reader=ObjectsNow(self.client),
            journal=RunJournal(self._state, f"run-{self._runs}", "term", lambda: datetime.now(UTC)),
            ids=self._ids,
            pace=Pace(in_flight=settings.in_flight, settle_after=settings.settle_after, retry_seconds=900),
        )
        executor.apply(Plan.of_changes(changes), results.append)
        undone = [one for one in results if one.outcome is not Outcome.DONE]
        assert not undone, undone[:3]
        return results

    def verify(self, results: list[Result]) -> float:
        """Seconds that it took to read the touched courses back and to compare; AssertionError on a difference."""
        began = monotonic()
        touched = sorted({result.change.course for result in results})
        known: dict[Kind, dict[int, list[int]]] = {Kind.GROUP: {}, Kind.GROUPING: {}}
        gone = {
            (one.change.kind, one.change.course, getattr(one.change.before, "key", ""))
            for one in results
            if one.change.after is None
        }
        for (kind, course, key), moodle_id in self._ids.objects.items():
            if course in set(touched) and (kind, course, key) not in gone:
                known[kind].setdefault(self._ids.courses[course], []).append(moodle_id)
        courses = frame_of(({"course_id": self._ids.courses[c], "course": c} for c in touched), COURSES)
        now = read_snapshot(
            self.client,
            courses,
            user_field="username",
            with_people=False,
            known_groups=known[Kind.GROUP],
            known_groupings=known[Kind.GROUPING],
        )
        found = differences(results, self._ids, State(now))
        assert not found, found[:3]
        return monotonic() - began
