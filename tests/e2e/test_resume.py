"""Killed, stopped and doubled runs end where an undisturbed one would have ended (rules A5, A6, O1, M5)."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from include.groupsync.errors import LeaseError
from tests.machine.faults import Killed, Line
from tests.world import NO_BREAKER, TERM1, World

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = [f"p{n}" for n in range(12)]
COURSES = ("C1", "C2", "C3")
FEW_AT_ONCE = {"moodle": {"batch_items": 5, "in_flight": 2, "read_timeout": 20, "retry_seconds": 5}}


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[World]:
    """Three courses with four groups of five people each to be made, at a site that takes its time."""
    with World(tmp_path, {**NO_BREAKER, **FEW_AT_ONCE}, delay_request_ms=30, delay_item_ms=5) as world:
        for course in COURSES:
            world.course(course, users=PEOPLE)
            world.map(course)
            world.source.grouping(course, "S", "Seminars")
            for at in range(4):
                world.source.group(course, f"G{at}", f"Group {at}", grouping="S")
                world.source.members(course, f"G{at}", *PEOPLE[at : at + 5])
        yield world


def check_in_line(world: World, groups: int = 4) -> None:
    """Everything once, in Moodle, in the journal and in the ledger; and a further run finds nothing to do."""
    for course in COURSES:
        members = {f"G{at}": set(PEOPLE[at : at + 5]) for at in range(groups)}
        assert world.moodle.members(course) == members
        assert world.moodle.groupings(course).keys() == {"S"}
        assert world.moodle.groupings(course)["S"].groups == members.keys()
    made = [row for row in world.journal if (row["kind"], row["action"], row["outcome"]) == ("group", "create", "done")]
    assert Counter(row["group_id"] for row in made) == Counter(
        group.id for course in COURSES for group in world.moodle.groups(course).values()
    )
    assert all(row["outcome"] for row in world.journal), "nothing is left open"
    ours = Counter(row["kind"] for row in world.ledger)
    assert ours == {"grouping": 3, "group": 3 * groups, "link": 3 * groups, "membership": 15 * groups}
    last = world.sync()
    assert (last.state, last.writes) == ("applied", 0), last.error


@contextmanager
def applying(world: World, run_id: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The run's apply step in another process."""
    arguments = [str(world.folder), run_id, TERM1, world.url, world.token, world.deployment().now().isoformat()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.apply_process", *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_calls(world: World, process: "subprocess.Popen[bytes]", count: int) -> None:
    """Until so many writing calls have reached the site."""
    for _ in range(6000):
        if world.site.writing_calls() >= count:
            return
        assert process.poll() is None, "it ended before"
        sleep(0.01)
    raise AssertionError("it never wrote so much")


@pytest.mark.parametrize(("calls", "then", "again"), [(1, 0.0, "apply"), (4, 0.03, "apply"), (9, 0.01, None)])
def test_a5_a_killed_task_goes_on_by_its_retry_or_by_the_next_run(
    busy: World, calls: int, then: float, again: str | None
) -> None:
    """SIGKILL in the middle of calls: what was sent is found out, what was done is not done again."""
    first = busy.sync(until="circuit_breaker")
    busy.site.reset_calls()
    with applying(busy, first.run_id) as process:
        wait_for_calls(busy, process, calls)
        sleep(then)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    sleep(0.3)  # the site ends what it is at
    busy.now += timedelta(minutes=10)  # the lease of the dead has run out
    run = busy.sync(run_id=first.run_id, start=again) if again else busy.sync()
    assert run.state == "applied", run.error
    check_in_line(busy)


def test_a5_sigterm_ends_a_task_after_the_batch_that_is_under_way(busy: World) -> None:
    """With which Airflow stops a task that was marked failed: everything it sent is settled, the lease given back."""
    first = busy.sync(until="circuit_breaker")
    busy.site.reset_calls()
    with applying(busy, first.run_id) as process:
        wait_for_calls(busy, process, 3)
        os.kill(process.pid, signal.SIGTERM)
        calls = busy.site.writing_calls()
        assert process.wait(20) != 0
        assert b"StoppedError: the run was told to stop" in process.stderr.read()  # type: ignore[union-attr]
    assert busy.site.writing_calls() <= calls + 2, "no more than what was in flight"
    assert all(row["outcome"] for row in busy.journal)
    assert busy._state("SELECT * FROM lease") == []
    assert busy.sync().state == "applied"
    check_in_line(busy)


def test_a6_a_second_writer_waits_and_then_names_the_first(busy: World) -> None:
    """It has written nothing."""
    run = busy.sync(until="circuit_breaker")
    busy.edit_state(
        "INSERT INTO lease VALUES (?, 'nightly-7', 'token', '2026-10-12 05:30:00', '2026-10-12 09:00:00')", busy.url
    )
    busy.configure({"moodle": {"lease_wait": 0.2}})
    second = busy.sync(run_id=run.run_id, start="apply")
    assert isinstance(second.errors["apply"], LeaseError)
    assert str(second.errors["apply"]).startswith(
        f"Run nightly-7 is writing to {busy.url} since 2026-10-12 05:30 UTC. After waiting 0 seconds"
    )
    assert second.writes == 0
    busy.now += timedelta(hours=4)
    assert busy.sync().state == "applied", "it has run out"


def test_a6_a_zombie_sends_no_call_more(busy: World) -> None:
    """Its lease was taken while it slept: it notices before the next call, and tells who has it."""
    stolen: list[int] = []

    def steal(*_: Any) -> None:
        if not stolen and busy.site.writing_calls() >= 2:
            stolen.append(busy.site.writing_calls())
            busy.edit_state("UPDATE lease SET token = 'theirs', holder = 'nightly-8'")
            busy.now += timedelta(minutes=5)

    busy.configure({"moodle": {"in_flight": 1}})
    busy.site.reset_calls()
    reached = busy.site._application.rest_server.calls.reached
    busy.site._application.rest_server.calls.reached = lambda *of: (reached(*of), steal())[0]  # type: ignore[method-assign]
    run = busy.sync()
    assert isinstance(run.errors["apply"], LeaseError)
    assert "Run nightly-8 is writing" in str(run.errors["apply"])
    assert busy.site.writing_calls() <= stolen[0] + 1
    assert {"done", "not tried"} == set(run.results.values())
    busy.now += timedelta(hours=1)
    assert busy.sync().state == "applied"
    check_in_line(busy)


@pytest.mark.parametrize("fault", ["killed after", "killed before"])
@pytest.mark.parametrize("at", [0, 2, 5])
def test_a4_what_was_lost_with_its_process_becomes_ours(busy: World, at: int, fault: str) -> None:
    """Not somebody else's: it is in the ledger, so that it is removed when the source drops it."""
    busy.configure({"moodle": {"in_flight": 1, "batch_items": 20}})
    with Line({at: fault}).open(), pytest.raises(Killed):
        busy.sync()
    busy.now += timedelta(minutes=10)
    assert busy.sync().state == "applied"
    check_in_line(busy)


@pytest.mark.parametrize("at", [1, 2])
def test_a3_a_temporary_grouping_that_a_lost_call_left_is_swept(busy: World, at: int) -> None:
    """It is in the journal, whichever of its two calls was lost."""
    busy.configure({"moodle": {"in_flight": 1}})
    busy.source.group("C1", "G9", "Taken", grouping="S")
    plan = busy.sync(until="circuit_breaker")
    busy.by_hand.group("C1", "Taken", "theirs")
    groups = next(n for n, call in enumerate(_writes_of(plan)) if call == "group")
    line = Line({groups + at: "killed after"})
    with line.open(), pytest.raises(Killed):
        busy.sync(run_id=plan.run_id, start="apply")
    assert line.calls[-1].function in ("core_group_create_groupings", "core_group_delete_groupings")
    busy.now += timedelta(minutes=10)
    busy.sync()
    assert set(busy.moodle.groupings("C1")) == {"S"}


def _writes_of(plan: Any) -> list[str]:
    """The kinds of the calls that a plan takes, one after the other: groupings are one call, groups follow."""
    kinds = [change[0] for change in plan.changes]
    return ["grouping"] * -(-kinds.count("grouping") // 5) + ["group"]


def test_a_course_whose_list_is_out_of_date_is_healed_after_the_run(busy: World) -> None:
    """A teacher looks at the page while a batch over several courses is under way."""
    busy.configure({"moodle": {"in_flight": 1, "batch_items": 200}})
    rest = busy.site._application.rest_server
    invalidate, looked = rest.cache.invalidate, []

    def looks_at_once(courseid: int) -> None:
        """What Moodle's page does right after the cache is emptied, before the commit."""
        invalidate(courseid)
        if courseid == busy.moodle.course_id("C1") and not looked:
            looked.append(courseid)
            rest.cache.course(rest._pool.reading(), courseid)

    rest.cache.invalidate = looks_at_once  # type: ignore[method-assign]
    run = busy.sync()
    assert run.state == "applied", run.error
    listed = busy.by_hand.call("core_group_get_course_groups", courseid=busy.moodle.course_id("C1"))
    assert {one["idnumber"] for one in listed} == {"G0", "G1", "G2", "G3"}
    check_in_line(busy)
