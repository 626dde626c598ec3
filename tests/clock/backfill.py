"""A backfill of three terms, one of them the current, while the nightly run is due: a real Airflow, by the true clock.

Four runs want to write at once.  Who wrote when is told by three that do not know of each other: the site, which notes
every writing call with the run that it is of; the journal in the state database; and whoever looks who has the lease.
"""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import yaml

from include.groupsync.model.run_path import safe_run_id
from sandbox.airflow.background import wait_until
from sandbox.airflow.server import airflow
from sandbox.moodle.calls import Written
from tests.clock.machine import SECONDS, SYNC, Machine
from tests.conftest import ROOT
from tests.world import NO_BREAKER, WITH_TERMS, World

ZONE = "Europe/London"
# Calls that take their time and carry little, so that runs that do not wait for each other would meet.
SETTINGS = {**NO_BREAKER, **WITH_TERMS, "moodle": {"lease_wait": 300, "batch_items": 2, "in_flight": 2}}
SITE = {"delay_request_ms": 150}
COURSES, GROUPS = 2, 8
_BEGINS = ((8, 1), (1, 1), (5, 1))  # the terms of this university fill the year


@dataclass(frozen=True)
class Days:
    """One term: its key and its days."""

    key: str
    first: date
    last: date


@dataclass
class Wrote:
    """One run, and when it wrote, as three tell it; seconds since 1970."""

    run: dict[str, Any]
    applying: tuple[float, float] | None
    site: list[Written]
    journal: tuple[float, float] | None
    lease: float | None

    @property
    def at_site(self) -> tuple[float, float] | None:
        return (min(c.began for c in self.site), max(c.ended for c in self.site)) if self.site else None


@dataclass
class Act:
    """What was asked for, the runs that came of it, and what was not as it has to be."""

    name: str
    runs: list[Wrote]
    calls: list[Written]
    wrong: list[str] = field(default_factory=list)


def terms_around(today: date) -> list[Days]:
    """The last three terms that have begun, and the one to come."""
    firsts = sorted(date(year, *begins) for year in range(today.year - 2, today.year + 2) for begins in _BEGINS)
    begun = [first for first in firsts if first <= today][-3:]
    some = [*begun, *firsts[firsts.index(begun[-1]) + 1 :][:2]]
    return [_term(first, following - timedelta(days=1)) for first, following in pairwise(some)]


def _term(first: date, last: date) -> Days:
    year = first.year if first.month >= _BEGINS[0][0] else first.year - 1
    number = [month for month, _ in _BEGINS].index(first.month) + 1
    return Days(f"{year}-{(year + 1) % 100:02}-T{number}", first, last)


def write_calendar(path: Path, terms: list[Days], night: datetime) -> None:
    """These terms, and the nightly run at that time of day."""
    wall = night.astimezone(ZoneInfo(ZONE))
    told = {
        one.key: {"first_on": one.first, "last_on": one.last, "setid": "LIVE", "academic_year": one.key[:4],
                  "periods": [one.key[-2:]]}
        for one in terms
    }  # fmt: skip
    schedule = {"hourly_weeks": [], "nightly": f"{wall:%H:%M}", "recess_day": None}
    partial = path.with_suffix(".new")
    partial.write_text(yaml.safe_dump({"timezone": ZONE, "schedule": schedule, "warn_weeks": 0, "terms": told}))
    partial.replace(path)


def fill(world: World, terms: list[Days]) -> None:
    """Courses of each term, and one that has all three of them; nothing is in Moodle yet."""
    people = [f"student{at:02}" for at in range(GROUPS)]
    for term in terms[:3]:
        mapping = {"module": "M1", "academic_year": term.key[:4], "period": term.key[-2:]}
        for course in courses_of(term):
            world.course(course, users=people)
            world.map(course, **mapping)
            for at in range(GROUPS):
                add_group(world, term, course, at)
    world.course("EVERY-TERM", users=people)
    for term in terms[:3]:
        world.map("EVERY-TERM", module="M1", academic_year=term.key[:4], period=term.key[-2:])
        world.source.group("EVERY-TERM", "EVERY-TERM-G", name="All year", term=term.key)
        world.source.members("EVERY-TERM", "EVERY-TERM-G", *people[:4], term=term.key)


def add_group(world: World, term: Days, course: str, at: int) -> None:
    key = f"{course}-G{at}"
    world.source.group(course, key, name=f"Group {at}", term=term.key)
    world.source.members(course, key, f"student{at % GROUPS:02}", f"student{(at + 1) % GROUPS:02}", term=term.key)


def courses_of(term: Days) -> list[str]:
    """Its own; beside them there is one that has all three terms."""
    return [f"C{at}-{term.key}" for at in range(COURSES)]


def change(world: World, terms: list[Days], at: int) -> None:
    """Something to do again for every term: a group more in each course, its number, and somebody less in another."""
    for term in terms[:3]:
        for course in courses_of(term):
            add_group(world, term, course, at)
            world.source.drop_member(course, f"{course}-G{at - GROUPS}", f"student{at - GROUPS:02}")


def next_minute(seconds: float) -> datetime:
    """The first whole minute at least so many seconds from now."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


@contextmanager
def looking_who_has_the_lease(machine: Machine) -> Iterator[dict[str, float]]:
    """By holder, when it was first seen to have it."""
    seen: dict[str, float] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.3):
            for row in machine.ask_state("SELECT holder, taken_at FROM lease"):
                seen.setdefault(row["holder"], row["taken_at"].timestamp())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@contextmanager
def act(machine: Machine, name: str, runs: int, acts: list[Act]) -> Iterator[None]:
    """What is done in it brings so many runs; who wrote when is put to ``acts``."""
    before = {one["dag_run_id"] for one in machine.runs()}
    machine.world.site.reset_calls()
    with looking_who_has_the_lease(machine) as leases:
        yield
        made = [one for one in machine.wait_for_runs(len(before) + runs) if one["dag_run_id"] not in before]
    calls = sorted(machine.world.site.written(), key=lambda call: call.began)
    wrote = [_wrote(machine, run, calls, leases) for run in made]
    acts.append(one := Act(name, wrote, calls))
    if len(made) != runs:
        one.wrong.append(f"{len(made)} runs came, not {runs}")
    one.wrong += [f"{run['dag_run_id']} ended as {run['state']}" for run in made if run["state"] != "success"]
    one.wrong += overlaps(one)


def overlaps(one: Act) -> list[str]:
    """Where two runs wrote at once, by the site and by the journal."""
    found = []
    agents = [agent for agent, _ in groupby(call.agent for call in one.calls)]
    if len(agents) != len(set(agents)):
        found.append(f"the calls of one run are among those of another: {agents}")
    for told in ("at_site", "journal"):
        spans = sorted((span, run.run["dag_run_id"]) for run in one.runs if (span := getattr(run, told)) is not None)
        for (span, run_id), (following, later) in pairwise(spans):
            if following[0] < span[1]:
                found.append(f"by {told}, {later} began before {run_id} had ended")
    return found


def _wrote(machine: Machine, run: dict[str, Any], calls: list[Written], leases: dict[str, float]) -> Wrote:
    run_id = run["dag_run_id"]
    rows = machine.ask_state("SELECT run_id, min(intent_at) a, max(outcome_at) b FROM journal GROUP BY run_id")
    path = f"/api/v2/dags/{SYNC}/dagRuns/{quote(run_id, safe='')}/taskInstances/apply"
    task = machine.call("GET", path)
    span = (task["start_date"], task["end_date"])
    return Wrote(
        run,
        (_seconds(span[0]), _seconds(span[1])) if all(span) else None,
        [call for call in calls if call.agent == f"groupsync {safe_run_id(run_id)}"],
        next(((row["a"].timestamp(), row["b"].timestamp()) for row in rows if row["run_id"] == run_id), None),
        leases.get(run_id),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def by_rest(machine: Machine, terms: list[Days], **more: Any) -> dict[str, Any]:
    """A backfill of the three terms, by the REST API."""
    body = {
        "dag_id": SYNC,
        "from_date": f"{terms[0].first}T00:00:00Z",
        "to_date": f"{terms[2].first}T00:00:00Z",
        "max_active_runs": 3,
        "run_backwards": False,
        "reprocess_behavior": "completed",
        "dag_run_conf": {},
        **more,
    }
    made: dict[str, Any] = machine.call("POST", "/api/v2/backfills", body)
    return made


def by_command_line(machine: Machine, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = airflow("backfill", "create", "--dag-id", SYNC, *arguments)
    return subprocess.run(
        command, env=machine.environment, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def one_at_a_time(machine: Machine) -> None:
    """Until Airflow takes another backfill: it notices the end of one some time after its last run."""
    path = f"/api/v2/backfills?dag_id={SYNC}"
    assert wait_until(
        lambda: all(one["completed_at"] for one in machine.call("GET", path)["backfills"]), SECONDS, 1.0
    ), "a backfill was never completed"


def widen_the_pool(machine: Machine, slots: int) -> None:
    """What somebody does by mistake: more than one writer, as far as Airflow goes."""
    pool = {"pool": "moodle_writes", "slots": slots, "include_deferred": False}
    machine.call("PATCH", "/api/v2/pools/moodle_writes?update_mask=slots", pool)


def sleep_until(at: datetime) -> None:
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
