"""A real Airflow at six moments of an academic year, its clock set: which runs it makes by itself, and when.

What has to come is told by the calendar of ``test_schedule.py``, which shares nothing with the engine's.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from include.groupsync.model.run_path import find_run_folder
from include.groupsync.model.schedule import Schedule
from sandbox.airflow.background import wait_until
from sandbox.airflow.client import ENDED, FINISHED
from tests.clock.machine import SECONDS, SYNC, Machine
from tests.clock.shifted import ShiftedClock
from tests.include.groupsync.model.test_schedule import DAYS, naively
from tests.world import NO_BREAKER, WITH_TERMS, World

ZONE = "Europe/London"
SETTINGS = {**NO_BREAKER, **WITH_TERMS, "moodle": {"lease_wait": 60}}
_NIGHT = clock_time(1, 30)  # the clock shows it twice in October, and leaves it out in March
_STILL = 12.0  # seconds after an hour at which no run may come
_TO_GO = timedelta(seconds=6)


@dataclass(frozen=True)
class Moment:
    """Airflow is started at ``begins`` and meets each of ``looks``, UTC; what is between them is passed over."""

    name: str
    begins: datetime
    looks: tuple[datetime, ...]
    schedule: Schedule


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _moment(name: str, begins: str, looks: str, weeks: set[int], recess_day: str = "sunday") -> Moment:
    return Moment(name, _utc(begins), tuple(map(_utc, looks.split())), Schedule(frozenset(weeks), _NIGHT, recess_day))


MOMENTS = (
    _moment(
        "the clock is put back, every hour",
        "2027-10-30T23:50",
        "2027-10-31T00:00 2027-10-31T01:00 2027-10-31T02:00",
        {5},
    ),
    _moment("last day of a term", "2027-12-17T01:20", "2027-12-17T01:30 2027-12-18T01:30 2027-12-19T01:30", set()),
    _moment("recess", "2027-12-25T01:20", "2027-12-25T01:30 2027-12-26T01:30 2027-12-27T01:30", set()),
    _moment(
        "first day of a term",
        "2028-01-09T01:20",
        "2028-01-09T01:30 2028-01-09T23:00 2028-01-10T00:00 2028-01-10T01:00",
        {1},
    ),
    _moment("the clock is put forward", "2028-03-26T00:50", "2028-03-26T01:00 2028-03-26T01:30", set()),
    _moment("1 August", "2028-07-31T23:50", "2028-08-01T00:30 2028-08-01T01:30", set(), "tuesday"),
)


@dataclass
class Seen:
    """One moment that was met: the runs that the calendar has, and those that were made.

    ``too_late`` is the one that Airflow had put down as the next when it was stopped: it may make it at its start, and
    then it has to write nothing.
    """

    moment: str
    at: datetime
    made_up: bool
    expected: list[tuple[datetime, str]]
    runs: list[dict[str, Any]] = field(default_factory=list)
    terms: list[str | None] = field(default_factory=list)  # as the engine took each run
    too_late: list[dict[str, Any]] = field(default_factory=list)
    written_too_late: int = 0

    @property
    def made(self) -> list[tuple[datetime, str]]:
        return [(datetime.fromisoformat(one["run_after"]), one["partition_key"]) for one in self.runs]

    @property
    def late(self) -> list[float]:
        """Seconds from the moment to each run."""
        return [(datetime.fromisoformat(one["queued_at"]) - self.at).total_seconds() for one in self.runs]

    @property
    def wrong(self) -> list[str]:
        """Where it is not as the calendar says."""
        found = [] if self.made == self.expected else [f"expected {self.expected}, made {self.made}"]
        found += [f"{one['dag_run_id']} ended as {one['state']}" for one in self.runs if one["state"] != "success"]
        found += [f"{one['dag_run_id']} is {one['run_type']}" for one in self.runs if one["run_type"] != "scheduled"]
        found += [] if self.terms == [term for _, term in self.made] else [f"the engine took them for {self.terms}"]
        found += [f"{self.written_too_late} writes of a run that came too late"] if self.written_too_late else []
        if not self.made_up:
            found += [f"made {late:.0f} s after its time" for late in self.late if not 0 <= late < 60]
        return [f"{self.moment}, {self.at:%Y-%m-%d %H:%M} UTC: {one}" for one in found]


def fill(world: World) -> None:
    """For each term a course of its own, with something to do in it."""
    for at, key in enumerate(DAYS):
        course = f"COURSE-{key}"
        world.course(course, users=["ann", "bob"])
        world.map(course, module=f"M{at}", academic_year=key[:4], period=key[-2:])
        for group in ("A", "B"):
            world.source.group(course, f"{key}-{group}", name=f"Group {group}", module=f"M{at}", term=key)
            world.source.members(course, f"{key}-{group}", "ann", module=f"M{at}", term=key)


def write_calendar(path: Path, schedule: Schedule) -> None:
    """The same terms, with that schedule."""
    firsts = [date.fromisoformat(first) for first, _ in DAYS.values()]
    terms: dict[str, Any] = {}
    for (key, (first, last)), following in zip(DAYS.items(), [*firsts[1:], None], strict=True):
        term = {"first_on": first, "last_on": last, "setid": "LIVE", "academic_year": key[:4], "periods": [key[-2:]]}
        terms[key] = term | ({"recess_to": str(following - timedelta(days=1))} if following else {})
    told = {
        "hourly_weeks": sorted(schedule.hourly_weeks),
        "nightly": f"{schedule.nightly:%H:%M}",
        "recess_day": schedule.recess_day,
    }
    whole = {"timezone": ZONE, "schedule": told, "warn_weeks": 0, "terms": terms}
    partial = path.with_suffix(".new")
    partial.write_text(yaml.safe_dump(whole), encoding="utf-8")
    partial.replace(path)


def expected_of(moment: Moment, last: datetime | None) -> Iterator[tuple[datetime, bool, list[tuple[datetime, str]]]]:
    """When one looks, whether what is there then is made up for, and the runs that have to be there.

    Of what was missed before it began the latest is made up for, of nine days, where there were runs before.
    """
    every = list(naively(ZONE, DAYS, moment.schedule))
    missed = [one for one in every if moment.begins - timedelta(days=8) < one[0] <= moment.begins]
    yield moment.begins, True, [one for one in missed[-1:] if last is not None and one[0] > last]
    coming = [one for one in every if moment.begins < one[0] <= moment.looks[-1]]
    assert {at for at, _ in coming} <= set(moment.looks), "a run would be passed over"
    for look in moment.looks:
        yield look, False, [one for one in coming if one[0] == look]


def meet(
    machine: Machine, clock: ShiftedClock, moment: Moment, before: Sequence[dict[str, Any]], *, whole: bool
) -> Iterator[Seen]:
    """Start Airflow at that moment, meet what comes, and stop it; ``before`` are the runs of the moments before.

    Not ``whole``, a run is ended when its first task has: that one knows the term.
    """
    clock.set(moment.begins)
    write_calendar(machine.calendar, moment.schedule)
    last = max((datetime.fromisoformat(one["run_after"]) for one in before), default=None)
    seen = {one["dag_run_id"] for one in before}
    try:
        machine.start()
        for at, made_up, expected in expected_of(moment, last):
            if not made_up:
                clock.set(at - _TO_GO)
                clock.sleep_until(at)
            if not expected:
                time.sleep(_STILL)
            every = _wait_for(machine, seen, [one for one, _ in expected], whole=whole)
            new = [one for one in every if one["dag_run_id"] not in seen]
            seen |= {one["dag_run_id"] for one in new}
            late = [one for one in new if made_up and datetime.fromisoformat(one["run_after"]) < _missed(moment)]
            runs = [one for one in new if one not in late]
            terms = [_term_of(machine, one) for one in runs]
            yield Seen(moment.name, at, made_up, expected, runs, terms, late, _writes(machine, late))
    finally:
        machine.stop()


def _wait_for(machine: Machine, seen: set[str], expected: list[datetime], *, whole: bool) -> list[dict[str, Any]]:
    """All runs, once those of these times are there and all have ended, or time is over; not ``whole``, a new run is
    marked as ended once its first task has."""

    def there() -> bool:
        runs = machine.runs()
        for run in runs if not whole else ():
            path = f"/api/v2/dags/{SYNC}/dagRuns/{quote(run['dag_run_id'], safe='')}"
            if run["dag_run_id"] in seen or run["state"] in FINISHED:
                continue
            if machine.call("GET", f"{path}/taskInstances/check_identity")["state"] in ENDED:
                machine.call("PATCH", path, {"state": "success"})
        made = {datetime.fromisoformat(run["run_after"]) for run in runs if run["dag_run_id"] not in seen}
        return made >= set(expected) and all(run["state"] in FINISHED for run in runs)

    wait_until(there, SECONDS, 1.0)
    return machine.runs()


def _missed(moment: Moment) -> datetime:
    """The latest run that was missed before the moment."""
    return max(at for at, _ in naively(ZONE, DAYS, moment.schedule) if at <= moment.begins)


def _writes(machine: Machine, runs: list[dict[str, Any]]) -> int:
    """How many writes the journal has of these runs."""
    ids = {one["dag_run_id"] for one in runs}
    return sum(row["run_id"] in ids for row in machine.ask_state("SELECT run_id FROM journal"))


def _term_of(machine: Machine, run: dict[str, Any]) -> str | None:
    """The term for which the run's first task made its folder."""
    folder = find_run_folder(machine.world.folder / "runs", run["dag_run_id"])
    return folder.parent.name if folder else None
