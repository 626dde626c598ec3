"""The source no longer has the term: a set that was cleared, a year that was archived, a table that ran dry.

What is managed there is what the source had once.  A run blocks and says so, in every mode that writes; nobody's
approval changes that, and once the source has it again the next run goes on.
"""

# ruff: noqa: S608 (the tables in its SQL are its own)

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.alert import Severity
from include.groupsync.model.mode import Mode
from include.groupsync.source.derive import UNREGISTERED
from include.groupsync.steps import Run
from include.groupsync.steps.alert import look_at
from sandbox.university import University, generate
from tests.e2e.conftest import MakeWorld, furnish
from tests.rehearsal import OF_THE_SET, execute, in_files
from tests.sample import TABLES as SOURCES
from tests.sample import TERM, native, sample_world
from tests.world import IN_TERM2, NO_BREAKER, TERM1, TERM2, WITH_TERMS, World

TABLES = ("groupings", "groups", "memberships")
T1 = f"term {TERM1} (set LIVE-26-27, year 2026)"
EMPTY = "groupings, groups and memberships are empty"


def clear(world: World, *names: str) -> None:
    """The source has no row any more in these tables, or in all."""
    for name in names or TABLES:
        world.source.delete(f"remote_{name}")


def state_of(world: World) -> tuple[Any, ...]:
    """What a blocked run leaves as it was."""
    return world.moodle.image("C1", "C2"), sorted(map(repr, world.ledger)), world.journal


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.ADD], ids=str)
def test_a_term_that_the_source_no_longer_has_blocks_its_run(synced: World, mode: Mode) -> None:
    """Whatever is allowed otherwise: a run that only adds would end as if there were nothing to add."""
    synced.configure(NO_BREAKER)
    clear(synced)
    before = state_of(synced)
    run = synced.sync(mode=mode)
    assert (run.state, run.failed_step, run.writes) == ("blocked", "circuit_breaker", 0)
    gone = f"the source no longer has {T1}: {EMPTY}, and 10 things of its own are managed. Restore it there, or freeze"
    assert f"no approval overrides it: {gone}" in run.error
    assert gone in (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert (state_of(synced), synced.approvals(), run.request) == (before, [], {})
    kept = synced.runs()[run.run_id]
    assert (kept["outcome"], bool(kept["accepted"])) == ("blocked", False)
    [alert] = look_at(synced.deployment(), Run(run.run_id, TERM1, mode=mode), run.folder).conditions
    assert (alert.severity, [line for line in alert.numbers if gone in line] != []) == (Severity.CRITICAL, True)


def test_once_the_source_has_it_again_the_next_run_goes_on(synced: World) -> None:
    synced.source.execute("CREATE TABLE kept AS SELECT * FROM remote_memberships")
    clear(synced, "memberships")
    run = synced.sync()
    assert (run.state, run.writes) == ("held", 0)
    assert f"memberships: no row of {T1}, and 4 things of it are managed. Restore it there" in run.error
    synced.source.execute("INSERT INTO remote_memberships SELECT * FROM kept")
    again = synced.sync()
    assert (again.error, again.changes) == ("", [])


def test_a_plan_only_shows_what_it_would_be(synced: World) -> None:
    """Green: it writes nothing, and people look at it to see what there is."""
    clear(synced)
    run = synced.sync(mode=Mode.PLAN)
    assert (run.error, run.writes) == ("", 0)
    assert run.trips["empty", "run"]["text"].startswith(f"the source no longer has {T1}")
    assert run.held == run.changes != []


def test_a_table_that_ran_dry_lets_the_rest_be_added_and_is_told(synced: World) -> None:
    """In a run that removes nothing anyway it is no less wrong."""
    synced.configure(NO_BREAKER)
    clear(synced, "memberships")
    synced.source.group("C1", "G3", "Group 3")
    run = synced.sync(mode=Mode.ADD)
    assert (run.state, run.changes) == ("blocked", [("group", "create", "C1", "G3")])
    assert run.error.startswith(f"BLOCKED: memberships: no row of {T1}, and 4 things of it are managed.")
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"cid"}, "G3": set()}
    [alert] = look_at(synced.deployment(), Run(run.run_id, TERM1, mode=Mode.ADD), run.folder).conditions
    assert (alert.key, alert.severity) == ("circuit_breaker", Severity.ERROR)


def test_no_approval_overrides_it(synced: World) -> None:
    """One that was given before the source was cleared is not applied, and of a cleared one nobody is asked."""
    synced.configure({"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}})
    synced.source.drop_group("C1", "G2")
    asked = synced.sync()
    assert asked.state == "held"
    synced.answer(asked)
    clear(synced)
    released = synced.release(asked)
    assert (released.failed_step, released.writes) == ("circuit_breaker", 0)
    assert f"the source no longer has {T1}" in str(released.errors["circuit_breaker"])
    assert synced.moodle.groups("C1").keys() == {"G1", "G2"}


def test_what_was_deleted_behind_our_back_is_not_taken_for_nothing_to_do(synced: World) -> None:
    """The backfill that is to bring it back: the ledger has forgotten it, an accepted run has read it."""
    synced.configure(NO_BREAKER)
    for course, group in (("C1", "G1"), ("C1", "G2"), ("C2", "G1")):
        synced.by_hand.delete_group(course, group)
    synced.by_hand.delete_grouping("C1", "S1")
    synced.remap("C1", import_groups="0")
    synced.remap("C2", import_groups="0")
    assert synced.sync().changes == []
    synced.remap("C1", import_groups="1")
    synced.remap("C2", import_groups="1")
    clear(synced)
    for mode in (Mode.ADD, Mode.FULL):
        run = synced.sync(mode=mode)
        assert (run.state, run.writes) == ("blocked", 0)
        assert f"the source no longer has {T1}: {EMPTY}, and an accepted run read 4 rows of it" in run.error


def test_a_term_that_is_yet_to_come_is_green_and_one_that_has_ended_is_not(make_world: MakeWorld) -> None:
    """Mapped in August, timetabled in September; what is empty after its last day will stay so."""
    world = make_world()
    world.course("C1", users=["ann"])
    world.map("C1")
    run = world.sync()
    assert (run.error, run.changes, run.writes) == ("", [], 0)
    world.now = IN_TERM2
    run = world.sync()
    assert (run.state, run.writes) == ("blocked", 0)
    assert f"{T1}: {EMPTY}, and its last day is past: no more is to be expected" in run.error


def test_another_terms_things_are_not_this_ones(make_world: MakeWorld) -> None:
    """Term 2 is mapped to the same courses, and has no row yet; Term 1's groups are no sign that it had."""
    world = make_world(WITH_TERMS)
    furnish(world)
    for course in ("C1", "C2"):
        world.remap(course, period="YEAR")
    assert world.sync(TERM1).state == "applied"
    run = world.sync(TERM2)
    assert (run.error, run.changes, run.trips) == ("", [], {})


def test_without_a_mapping_table_too(make_world: MakeWorld) -> None:
    """Rule C6: what the tables no longer name is frozen, and three empty tables name nothing."""
    world = make_world({"mappings": "none"})
    furnish(world)
    assert world.sync().state == "applied"
    clear(world)
    run = world.sync()
    assert (run.state, run.writes) == ("blocked", 0)
    assert f"the source no longer has {T1}: {EMPTY}, and 10 things of its own" in run.error


def test_a_term_that_takes_no_groups_is_green(synced: World) -> None:
    """All of its mappings inactive: nobody waits for its rows."""
    clear(synced)
    for course in ("C1", "C2"):
        synced.remap(course, status="inactive")
    run = synced.sync()
    assert (run.error, run.changes, run.trips) == ("", [], {})


# --- CMIS and SITS as they are


@pytest.fixture(scope="module")
def small() -> University:
    return generate("small")


IN_TERM = datetime(2026, 10, 12, 6, tzinfo=UTC)
OF_SET, OF_YEAR = f"WHERE setid = '{TERM.setid}'", f"WHERE ayr_code = '{TERM.academic_year}'"
THERE = f"{TERM.key} (set {TERM.setid}, year {TERM.academic_year})"
REGISTRATIONS = ("cam_smo", "cam_sms")


@contextmanager
def from_native(folder: Path, university: University, **like: Path) -> Iterator[World]:
    """The sources beside the world's folder, as CMIS and SITS are."""
    (folder / "world").mkdir()
    with sample_world(folder / "world", university, native(), **like) as world:
        world.databases |= {conn_id: f"sqlite:///{folder / conn_id}.db" for conn_id in SOURCES}
        world.now = IN_TERM
        yield world


@pytest.fixture(scope="module")
def in_moodle(tmp_path_factory: pytest.TempPathFactory, small: University) -> Path:
    """The term as they list it is in Moodle, without one person whose registrations SITS has dropped."""
    folder = tmp_path_factory.mktemp("in_moodle")
    in_files(folder, small)
    busiest = f"SELECT spr_code FROM cam_smo {OF_YEAR} GROUP BY spr_code ORDER BY COUNT(*) DESC, spr_code LIMIT 1"
    execute(folder, "groupsync_sits", f"DELETE FROM cam_smo WHERE spr_code = ({busiest})")
    with from_native(folder, small) as world:
        run = world.sync(TERM.key, run_id="first-run")
        assert (run.state, run.writes > 0) == ("applied", True), run.error
        assert run.report["derived"][f"left out: {UNREGISTERED}"] > 0
    return folder


@pytest.fixture
def sample(tmp_path: Path, small: University, in_moodle: Path) -> Iterator[World]:
    """A world of its own, with sources of its own in ``tmp_path``."""
    for conn_id in SOURCES:
        shutil.copy(in_moodle / f"{conn_id}.db", tmp_path)
    with from_native(tmp_path, small, like=in_moodle / "world") as world:
        yield world


def test_sits_that_answers_no_more_lets_nobody_in_and_a_set_that_is_cleared_blocks(
    tmp_path: Path, sample: World
) -> None:
    """Whom SITS had kept out would come back, as nobody is unregistered any more; nobody goes without a set."""
    before = members(sample)
    execute(tmp_path, "groupsync_sits", *(f"DELETE FROM {table} {OF_YEAR}" for table in REGISTRATIONS))
    told = sample.sync(TERM.key)
    assert (told.state, told.writes, told.request) == ("held", 0, {})
    assert {(kind, action) for kind, action, *_ in told.held} == {("membership", "create")}
    assert f"sits_registrations: SITS answers no row for term {THERE}, and " in told.error
    execute(tmp_path, "groupsync_cmis", *(f"DELETE FROM {table} {OF_SET}" for table in OF_THE_SET))
    run = sample.sync(TERM.key)
    assert (run.state, run.writes) == ("blocked", 0)
    assert f"the source no longer has term {THERE}: {EMPTY}" in run.error
    assert members(sample) == before


def test_a_part_that_is_cleared_waits_for_a_person(tmp_path: Path, sample: World) -> None:
    """A department's deliveries, or one of SITS's two tables of registrations: it may be meant, so people are asked."""
    before = members(sample)
    execute(tmp_path, "groupsync_sits", f"DELETE FROM cam_smo {OF_YEAR}")
    some = sample.sync(TERM.key)
    gone = f"{OF_SET} AND moduleid LIKE 'STAT%'"
    execute(tmp_path, "groupsync_cmis", *(f"DELETE FROM {table} {gone}" for table in OF_THE_SET))
    for run in (some, sample.sync(TERM.key)):
        assert (run.state, "empty" in {rule for rule, _ in run.trips}, len(run.request) > 0) == ("held", False, True)
        assert before <= members(sample)


def members(world: World) -> set[tuple[int, int]]:
    found = world.moodle.query("SELECT groupid, userid FROM mdl_groups_members")
    return {(row["groupid"], row["userid"]) for row in found}
