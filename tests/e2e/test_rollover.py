"""The first of August, rehearsed: the old set is emptied, the new one comes in halves, and nothing is deleted.

CMIS and SITS are as they are at a university, in files of their own; the summer term of the old year still runs.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import csv
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.alert import Severity
from include.groupsync.model.term import Calendar, Term
from include.groupsync.source.derive import DROPPED, LEFT
from include.groupsync.steps import Run
from include.groupsync.steps.alert import look_at
from sandbox.university import University, generate
from tests.sample import CALENDAR, TABLES, TERM, native, sample_world, write_native
from tests.world import Outcome, World

OLD = "LIVE-25-26"
SUMMER = Term("2025-26-summer", date(2026, 6, 15), date(2026, 9, 11), OLD, "2025", ("T1", "T2", "T1/2", "T1/2/3"))
JULY, AUGUST, THE_NIGHT_AFTER = (datetime(2026, month, day, 2, tzinfo=UTC) for month, day in ((7, 20), (8, 1), (8, 2)))
HALF = ("COMP", "STAT")  # the departments whose timetable is made first
OF_HALF_A_SET = {"blackout", "run_deletes", "courses_emptied"}
BY_DEPARTMENT = ("module", "modulegroups", "stumodules")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def university() -> University:
    """The sample, whose courses of the old year are mapped and imported too."""
    made = generate("small")
    mappings = made.tables["group_mappings"]
    mappings = mappings.assign(status=mappings["status"].where(mappings["academic_year"] != "2025", "active"))
    return replace(made, tables=made.tables | {"group_mappings": mappings})


def in_files(folder: Path, university: University) -> dict[str, str]:
    urls = {conn_id: f"sqlite:///{folder / conn_id}.db" for conn_id in TABLES}
    write_native(university, urls)
    return urls


def execute(folder: Path, conn_id: str, *statements: str) -> None:
    """As the night's jobs of the student records would, in their own database."""
    with closing(sqlite3.connect(folder / f"{conn_id}.db")) as link, link:
        for statement in statements:
            link.execute(statement)


def rollover(folder: Path) -> None:
    """The night's jobs: registrations and set of the old year are gone, and of the new set half is there."""
    execute(folder, "groupsync_sits", "DELETE FROM cam_smo WHERE ayr_code = '2025'")
    late = " AND ".join(f"moduleid NOT LIKE '{department}%'" for department in HALF)
    for table in BY_DEPARTMENT:
        execute(
            folder,
            "groupsync_cmis",
            f"DELETE FROM {table} WHERE setid = '{OLD}'",
            f"CREATE TABLE late_{table} AS SELECT * FROM {table} WHERE {late}",
            f"DELETE FROM {table} WHERE {late}",
        )


def the_other_half(folder: Path) -> None:
    for table in BY_DEPARTMENT:
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


@contextmanager
def in_july(folder: Path, university: University) -> Iterator[World]:
    """The summer term is in Moodle."""
    (folder / "world").mkdir()
    urls = in_files(folder, university)
    with sample_world(folder / "world", university, native()) as world:
        world.databases |= urls
        world.calendar = Calendar((SUMMER, *CALENDAR.terms), CALENDAR.blackouts)
        world.now = JULY
        run = world.sync(SUMMER.key)
        assert (run.state, run.writes > 0) == ("applied", True), run.error
        yield world


@pytest.fixture(scope="module")
def as_it_should_be(tmp_path_factory: pytest.TempPathFactory, university: University) -> dict[str, Any]:
    """Both years as a site has them that never saw a rollover."""
    with in_july(tmp_path_factory.mktemp("july"), university) as world:
        run = world.sync(TERM.key)
        assert run.state == "applied", run.error
        return seen(world)


def test_what_was_made_of_the_new_year_before_is_held_while_half_of_it_is_missing(
    tmp_path: Path, university: University, as_it_should_be: dict[str, Any]
) -> None:
    """The timetable of July was provisional: two terms are held, neither loses anything, and then nothing is to do."""
    with in_july(tmp_path, university) as world:
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
    tmp_path: Path, university: University, as_it_should_be: dict[str, Any]
) -> None:
    """The half that is there is made in the night of the rollover, the other half when it is there."""
    with in_july(tmp_path, university) as world:
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


def test_c2_a_frozen_term_lives_through_the_rollover_and_loses_nothing_unseen(
    tmp_path: Path, university: University
) -> None:
    """Frozen, a nightly run, its set emptied on 1 August, a nightly run: no writing call reaches the site. Opened
    again, it is blocked as long as its set is empty, and then every delete waits for a person."""
    with in_july(tmp_path, university) as world:
        assert world.set_state(SUMMER.key, "frozen", reason="week six: no more unenrolments").error == ""
        before = seen(world), sorted(map(repr, world.ledger)), world.journal
        world.site.reset_calls()
        nights = [world.sync(SUMMER.key)]
        rollover(tmp_path)
        world.now = AUGUST
        nights.append(world.sync(SUMMER.key))
        assert world.site.writing_calls() == 0
        assert (seen(world), sorted(map(repr, world.ledger)), world.journal) == before
        for run in nights:
            assert (run.error, world.runs()[run.run_id]["outcome"]) == ("", "frozen")
            assert look_at(world.deployment(), Run(run.run_id, SUMMER.key), run.folder).conditions == ()
        assert nights[0].changes == []
        losses = set(nights[1].changes)
        assert losses, "what it would do is shown"
        assert {action for _, action, *_ in losses} == {"delete"}

        world.now = THE_NIGHT_AFTER
        world.set_state(SUMMER.key, "open", reason="term is over")
        opened = world.sync(SUMMER.key)
        assert (opened.state, opened.writes, set(opened.held)) == ("blocked", 0, losses)
        assert opened.trips["opened_again", "run"]["numerator"] == len(losses)
        assert seen(world) == before[0]
