"""The first of August, rehearsed: the old set is emptied, the new one comes in halves, and nothing is deleted.

CMIS and SITS are as they are at a university, in files of their own; the summer term of the old year still runs.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.alert import Severity
from include.groupsync.source.derive import DROPPED, LEFT
from include.groupsync.steps import Run
from include.groupsync.steps.alert import look_at
from sandbox.university import University
from tests import rehearsal
from tests.rehearsal import (
    AUGUST,
    OF_THE_SET,
    OLD,
    SUMMER,
    THE_NIGHT_AFTER,
    WAYS,
    execute,
    in_july,
    make_july,
    rehearse,
)
from tests.sample import TERM
from tests.world import Outcome, World

HALF = ("COMP", "STAT")  # the departments whose timetable is made first
OF_HALF_A_SET = {"blackout", "run_deletes", "courses_emptied"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def university() -> University:
    return rehearsal.university()


@pytest.fixture(scope="module")
def july(tmp_path_factory: pytest.TempPathFactory, university: University) -> Path:
    return make_july(tmp_path_factory.mktemp("july"), university)


def rollover(folder: Path) -> None:
    """The night's jobs: registrations and set of the old year are gone, and of the new set half is there."""
    execute(folder, "groupsync_sits", "DELETE FROM cam_smo WHERE ayr_code = '2025'")
    late = " AND ".join(f"moduleid NOT LIKE '{department}%'" for department in HALF)
    for table in OF_THE_SET:
        execute(
            folder,
            "groupsync_cmis",
            f"DELETE FROM {table} WHERE setid = '{OLD}'",
            f"CREATE TABLE late_{table} AS SELECT * FROM {table} WHERE {late}",
            f"DELETE FROM {table} WHERE {late}",
        )


def the_other_half(folder: Path) -> None:
    for table in OF_THE_SET:
        execute(folder, "groupsync_cmis", f"INSERT INTO {table} SELECT * FROM late_{table}")


def seen(world: World) -> dict[str, Any]:
    """Every course's groupings and groups with all that is in them, without Moodle's ids."""
    courses = world.moodle.query("SELECT idnumber FROM mdl_course WHERE idnumber <> ''")
    return {
        course: [
            {key: replace(one, id=0) for key, one in found.items()}
            for found in (world.moodle.groupings(course), world.moodle.groups(course))
        ]
        for (course,) in map(dict.values, courses)
    }


def destructive(run: Outcome) -> list[str]:
    return [call.function for call in run.calls if "delete" in call.function or "unassign" in call.function]


def tells_who_was_left_out(run: Outcome) -> None:
    """Counted on the report's page, by key and with the reason in the file beside it."""
    with (run.folder.path / "left_out.csv").open(encoding="utf-8", newline="") as file:
        reasons = Counter(row["reason"] for row in csv.DictReader(file))
    counts = run.report["derived"]
    assert reasons == {reason: counts[f"left out: {reason}"] for reason in reasons}
    assert {DROPPED, LEFT} <= reasons.keys()
    page = (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert all(f"<td>left out: {reason}</td>" in page for reason in reasons)


@pytest.fixture(scope="module")
def as_it_should_be(tmp_path_factory: pytest.TempPathFactory, university: University, july: Path) -> dict[str, Any]:
    """Both years as a site has them that never saw a rollover."""
    with in_july(tmp_path_factory.mktemp("both"), university, july) as world:
        run = world.sync(TERM.key)
        assert run.state == "applied", run.error
        return seen(world)


def test_what_was_made_of_the_new_year_before_is_held_while_half_of_it_is_missing(
    tmp_path: Path, university: University, july: Path, as_it_should_be: dict[str, Any]
) -> None:
    """The timetable of July was provisional: two terms are held, neither loses anything, and then nothing is to do."""
    with in_july(tmp_path, university, july) as world:
        july = world.sync(TERM.key)
        assert seen(world) == as_it_should_be
        tells_who_was_left_out(july)
        rollover(tmp_path)
        world.now = AUGUST
        for term, state, rules, told, severity in (
            (SUMMER, "blocked", {"empty", "blackout"}, "nothing was written", Severity.CRITICAL),
            (TERM, "held", OF_HALF_A_SET, "are held; everything else was applied", Severity.WARNING),
        ):
            run = world.sync(term.key)
            assert (run.state, destructive(run)) == (state, [])
            assert rules <= {rule for rule, _ in run.trips}
            [alert] = look_at(world.deployment(), Run(run.run_id, term.key), run.folder).conditions
            assert (told in alert.what, alert.severity) == (True, severity)
            assert any("blackout: today is in " in line for line in alert.numbers)
            gone = f"the source no longer has term {SUMMER.key} (set {OLD}, year 2025)"
            assert any(gone in line for line in alert.numbers) == (gone in run.error) == (term is SUMMER)
        assert seen(world) == as_it_should_be
        the_other_half(tmp_path)
        world.now = THE_NIGHT_AFTER
        run = world.sync(TERM.key)
        assert (run.state, run.changes, run.writes) == ("applied", [], 0)
        # Until somebody freezes it the old term is blocked; a claim ends with the term's last day.
        assert world.sync(SUMMER.key).state == "blocked"
        assert seen(world) == as_it_should_be


def test_what_comes_of_the_new_year_in_halves_ends_as_if_it_had_come_at_once(
    tmp_path: Path, university: University, july: Path, as_it_should_be: dict[str, Any]
) -> None:
    """The half that is there is made in the night of the rollover, the other half when it is there."""
    with in_july(tmp_path, university, july) as world:
        rollover(tmp_path)
        world.now = AUGUST
        half = world.sync(TERM.key)
        assert (half.state, destructive(half), half.writes > 0) == ("applied", [], True), half.error
        assert {action for _, action, *_ in half.changes} == {"create"}
        the_other_half(tmp_path)
        world.now = THE_NIGHT_AFTER
        rest = world.sync(TERM.key)
        assert (rest.state, destructive(rest)) == ("applied", []), rest.error
        assert not set(half.changes) & set(rest.changes)
        assert seen(world) == as_it_should_be


@pytest.mark.parametrize("way", WAYS)
def test_c2_a_term_that_is_switched_off_lives_through_the_rollover_and_loses_nothing_unseen(
    tmp_path: Path, university: University, july: Path, way: str
) -> None:
    """Frozen, or all of its mappings inactive: a nightly run, its set emptied on 1 August, a nightly run: no writing
    call reaches the site.  Switched on again it is blocked as long as the set is empty; what the set has lost when it
    is back waits for a person."""
    with in_july(tmp_path, university, july) as world:
        acts = list(rehearse(world, tmp_path, way))
        assert [(act.name, act.writes, act.untouched) for act in acts] == [(act.name, 0, True) for act in acts]
        night, rollover_night, plan, full, add, back = (act.run for act in acts)
        for run in (night, rollover_night):
            state = {"frozen": "frozen", "inactive": "applied"}[way]
            assert (run.error, world.runs()[run.run_id]["outcome"]) == ("", state)
            told = look_at(world.deployment(), Run(run.run_id, SUMMER.key), run.folder).conditions
            assert {aspect for one in told for aspect in one.aspects} <= {"blackout"}, "nobody is to do anything"
        assert night.changes == []
        losses = set(plan.changes)
        assert {action for _, action, *_ in losses} == {"delete"}
        assert set(rollover_night.changes) == {"frozen": losses, "inactive": set()}[way], "what it would do is shown"
        assert plan.error == ""
        for run in (full, add):
            assert run.error.startswith("BLOCKED: ")
            assert f"no longer has term {SUMMER.key} (set {OLD}, year 2025): groupings, groups and mem" in run.error
            assert run.request == {}, "nobody is asked"
        assert (full.trips.get(("opened_again", "run"), {}).get("numerator")) == {"frozen": len(losses)}.get(way)
        [(kind, action, _, _)] = back.held
        assert (back.state, kind, action, len(back.request) > 0) == ("held", "group", "delete", True)
        assert (("opened_again", "run") in back.trips) == (way == "frozen")
