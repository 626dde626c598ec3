"""The 30 failures that others have published, through the real steps, against the stand-in.

Each begins with a faculty in line with its source (``tests/faculty.py``) under the default limits, and says
what of the failure reaches Moodle: the calls that write are counted at the server.  ``docs/failures.md`` has
the sources and what happens here, in a table.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from include.groupsync.model.term import Blackout
from tests.conftest import ROOT
from tests.faculty import COURSES, SETTINGS, furnish_faculty, image, person, seminars
from tests.machine.faults import Killed, Line
from tests.world import CALENDAR, IN_TERM1, SOURCE, TERM1, Outcome, World

SETID = CALENDAR.terms[0].setid
DELETES = "delete"


@pytest.fixture(scope="session")
def after_first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faculty")
    with World(folder, SETTINGS) as world:
        furnish_faculty(world)
        run = world.sync(run_id="first-run")
        assert run.state == "applied", run.error
    _repeat_in_the_past(folder / "state.db", runs=6)
    return folder


def _repeat_in_the_past(state: Path, runs: int) -> None:
    """The same run on the nights before: enough accepted ones for the rules that look back."""
    with closing(sqlite3.connect(state)) as link, link:
        link.row_factory = sqlite3.Row
        (row,) = link.execute("SELECT * FROM run").fetchall()
        for night in range(1, runs + 1):
            moved = {
                name: str(datetime.fromisoformat(row[name]) - timedelta(days=night))
                for name in ("started_at", "ended_at")
            }
            values = {**dict(row), **moved, "run_id": f"night-{night}"}
            marks = ", ".join("?" * len(values))
            link.execute(f"INSERT INTO run ({', '.join(values)}) VALUES ({marks})", [*values.values()])


@pytest.fixture
def faculty(tmp_path: Path, after_first_run: Path) -> Iterator[World]:
    """12 courses in line with their source, a day later."""
    with World(tmp_path, SETTINGS, like=after_first_run) as world:
        world.now = IN_TERM1 + timedelta(days=1)
        yield world


def held(world: World, *rules: str, writes: int = 0) -> Outcome:
    """A run that these rules hold, among others, with no more calls that write than what is let through needs."""
    return stopped(world.sync(), "held", rules, writes)


def blocked(world: World, *rules: str) -> Outcome:
    """A run that is blocked as a whole, where these rules, among others, have tripped."""
    return stopped(world.sync(), "blocked", rules)


def stopped(run: Outcome, state: str, rules: tuple[str, ...], writes: int = 0) -> Outcome:
    assert run.state == state, run.error
    assert set(rules) <= {rule for rule, _ in run.trips}
    assert run.writes == writes
    return run


def unmoved(world: World, state: str = "applied") -> Outcome:
    """A run that plans nothing and writes nothing."""
    run = world.sync()
    assert (run.state, run.writes, run.changes) == (state, 0, []), run.error
    return run


def deletes(run: Outcome) -> list[tuple[str, ...]]:
    return [change for change in run.changes if change[1] == DELETES]


def read_by_setid(world: World) -> None:
    """The remote tables are statements that ask for the set of the year, as CMIS has it."""
    for name in ("groupings", "groups", "memberships"):
        world.source.execute(f"UPDATE remote_{name} SET term = ?", SETID)
        world.statement(f"{name}.sql", f"SELECT * FROM remote_{name} WHERE term = :setid")
        world.configure({name: {"table": None, "sql": f"{name}.sql", "columns": {"term": None}}})


def call_the_set(world: World, setid: str) -> None:
    """The calendar's word for Term 1's set."""
    term1, *others = world.calendar.terms
    world.calendar = replace(world.calendar, terms=(replace(term1, setid=setid), *others))


# --- the source is gone, or a part of it


def test_failure_02_a_database_link_that_is_down_is_no_empty_table(faculty: World) -> None:
    """TNCC 2005: the link was down, the file empty, all students were disabled."""
    faculty.source.execute("ALTER TABLE remote_memberships RENAME TO far_away")
    faculty.source.execute("CREATE VIEW remote_memberships AS SELECT * FROM linked_database_memberships")
    before = image(faculty)
    run = faculty.sync()
    assert (run.failed_step, run.state, run.writes) == ("extract", "failed", 0)
    assert "nothing was written" in run.error
    assert image(faculty) == before


def test_failure_02_an_empty_student_table_removes_nobody(faculty: World) -> None:
    """TNCC 2005, with the link answering and no rows: every membership would have gone."""
    faculty.source.delete("remote_memberships")
    run = held(faculty, "empty", "run_removals")
    assert len(deletes(run)) == 576


def test_failure_02_a_header_only_file_deletes_nothing(faculty: World) -> None:
    """Canvas, `whoops left out the whole file, don't delete everything`: it deletes all unless a limit is set."""
    for table in ("remote_groupings", "remote_groups", "remote_memberships"):
        faculty.source.delete(table)
    before = image(faculty)
    run = blocked(faculty, "empty", "run_deletes", "delete_only", "course_emptied")
    assert run.held == run.changes
    assert image(faculty) == before


def test_failure_03_a_source_truncated_by_56_percent_deletes_nothing(faculty: World) -> None:
    """Boise State 2008: 56 % of the accounts disabled; the check for an empty file did not catch it."""
    for table in ("remote_groupings", "remote_groups", "remote_memberships"):
        faculty.source.execute(f"DELETE FROM {table} WHERE rowid > (SELECT ROUND(COUNT(*) * 0.44) FROM {table})")
    before = image(faculty)
    run = held(faculty, "run_deletes", "delete_only", "course_emptied")
    assert len(deletes(run)) > 50
    assert run.held == run.changes
    assert image(faculty) == before


def test_failure_03_memberships_alone_truncated_by_56_percent_remove_nobody(faculty: World) -> None:
    """The same where only the long table was cut: every group is still listed."""
    faculty.source.execute("DELETE FROM remote_memberships WHERE rowid > 576 * 0.44")
    run = held(faculty, "run_removals")
    assert {change[0] for change in run.held} == {"membership"}
    assert len(run.held) == 323


def test_failure_03_one_department_missing_deletes_nothing(faculty: World) -> None:
    """The same, sorted by department: two thirds are complete, and the last third is not there."""
    for table in ("remote_groupings", "remote_groups", "remote_memberships"):
        faculty.source.execute(f"DELETE FROM {table} WHERE course LIKE 'STAT%'")
    run = held(faculty, "run_deletes", "course_emptied")
    assert {change[2] for change in run.held} == {course for course in COURSES if course.startswith("STAT")}


def test_failure_06_a_small_corrective_file_in_full_mode_adds_and_deletes_nothing(faculty: World) -> None:
    """Blackboard: a file with the corrections only, uploaded as if it were all; what it adds is added."""
    faculty.source.execute("DELETE FROM remote_groups WHERE idnumber NOT LIKE 'ANTH1A:%'")
    faculty.source.execute("DELETE FROM remote_groupings WHERE course != 'ANTH1'")
    faculty.source.execute("DELETE FROM remote_memberships WHERE course != 'ANTH1'")
    faculty.source.group("ANTH1", "ANTH1A:TUT5", name="ANTH1A TUT5", module="ANTH1A")
    run = held(faculty, "run_deletes", "course_emptied", writes=1)
    assert run.results == {("group", "create", "ANTH1", "ANTH1A:TUT5"): "done"}
    assert [call.function for call in run.writing_calls] == ["core_group_create_groups"]


def merge(world: World, course: str, module: str, source: int, into: int) -> None:
    """A tutorial group is dissolved and its people go to another one: nobody is left without."""
    old, new = (f"{course}{module}:TUT{number}" for number in (source, into))
    world.source.delete("remote_groups", idnumber=old)
    world.source.update("remote_memberships", {"group_idnumber": old}, group_idnumber=new)


def test_failure_05_house_keeping_at_the_start_of_term_is_held(faculty: World) -> None:
    """QMUL 2015: a clean-up at the start of term took accounts that were in use."""
    first_days = Blackout("start of term", date(2026, 9, 28), date(2026, 10, 16))
    faculty.calendar = replace(faculty.calendar, blackouts=(first_days,))
    merge(faculty, "ANTH1", "A", 4, into=3)
    run = faculty.sync()
    assert run.state == "held", run.error
    assert set(run.trips) >= {("blackout", "run")}
    assert deletes(run) == run.held == [("group", "delete", "ANTH1", "ANTH1A:TUT4")]
    assert {call.function for call in run.writing_calls} == {"core_group_add_group_members"}


# --- identifiers


def test_failure_04_an_ownership_mark_that_changes_deletes_nothing(faculty: World) -> None:
    """GMU 2019: the data source key was another one, and all enrolments of the autumn were disabled."""
    for table in ("remote_mappings", "remote_groupings", "remote_groups", "remote_memberships"):
        faculty.source.execute(f"UPDATE {table} SET occurrence = 'A7U'")
    before = image(faculty)
    unmoved(faculty)
    assert image(faculty) == before


def test_failure_12_tut4_deleted_and_tut5_renamed_tut4_ends_with_the_right_students(faculty: World) -> None:
    """UCL: TUT4 deleted, TUT5 renamed TUT4, and Moodle's TUT5 stays with TUT4's students."""
    there = faculty.moodle.groups("ANTH1")
    one, two = (there[f"ANTH1A:TUT{number}"] for number in (1, 2))
    merge(faculty, "ANTH1", "A", 1, into=3)
    faculty.source.update("remote_groups", {"idnumber": "ANTH1A:TUT2"}, name="ANTH1A TUT1")
    run = faculty.sync()
    assert run.state == "applied", run.error
    now = faculty.moodle.groups("ANTH1")
    assert "ANTH1A:TUT1" not in now
    assert (now["ANTH1A:TUT2"].id, now["ANTH1A:TUT2"].name) == (two.id, "ANTH1A TUT1")
    assert now["ANTH1A:TUT2"].members == two.members
    assert one.members <= now["ANTH1A:TUT3"].members, "nobody is left without a group"


def test_failure_12_an_identifier_that_is_used_again_mixes_no_students(faculty: World) -> None:
    """UCL, where the identifier goes along: TUT4 is what TUT3 was, and its own students are in none."""
    there = faculty.moodle.groups("ANTH1")
    three, four = (there[f"ANTH1A:TUT{number}"] for number in (3, 4))
    faculty.source.drop_group("ANTH1", "ANTH1A:TUT4")
    faculty.source.update("remote_groups", {"idnumber": "ANTH1A:TUT3"}, idnumber="ANTH1A:TUT4", name="ANTH1A TUT4")
    faculty.source.update("remote_memberships", {"group_idnumber": "ANTH1A:TUT3"}, group_idnumber="ANTH1A:TUT4")
    run = faculty.sync()
    assert run.state == "held", run.error
    assert ("group_gutted", "ANTH1 ANTH1A:TUT4") in run.trips
    # Until a person says that those six may go, everybody is where they were, and those of TUT3 are in TUT4 too.
    now = faculty.moodle.groups("ANTH1")
    assert now["ANTH1A:TUT4"].members == three.members | four.members
    assert {change[:2] for change in run.held} == {("membership", "delete")}


def test_failure_16_upis_in_another_case_are_the_same_people(faculty: World) -> None:
    """CMIS stores UPIs in upper case, padded; Moodle's usernames are in lower case."""
    faculty.source.execute("UPDATE remote_memberships SET user_key = UPPER(user_key) || '   '")
    unmoved(faculty)


def test_failure_16_keys_that_match_nobody_any_more_remove_nobody(faculty: World) -> None:
    """Where the key is an idnumber, whose case counts: the whole university is suddenly unknown."""
    faculty.configure(localuserfield="idnumber")
    faculty.source.execute("UPDATE remote_memberships SET user_key = 'p-' || user_key")
    before = image(faculty)
    run = held(faculty, "run_removals")
    assert len(deletes(run)) == 576
    assert image(faculty) == before


def test_failure_26_a_mass_rekey_is_held_whole(faculty: World) -> None:
    """Canvas: a school made its calendar again, all section ids were new, and a day went into the restore."""
    for table, column in (
        ("remote_groupings", "idnumber"), ("remote_groups", "idnumber"), ("remote_groups", "grouping"),
        ("remote_memberships", "group_idnumber"),
    ):  # fmt: skip
        faculty.source.execute(f"UPDATE {table} SET {column} = 'NEW:' || {column}")
    before = image(faculty)
    run = held(faculty, "rekey")
    assert not [change for change in run.changes if change[0] in ("group", "grouping") and change[1] != "update"]
    assert image(faculty) == before


# --- the year and its sets


def test_failure_08_a_set_that_is_cleared_at_rollover_deletes_nothing(faculty: World) -> None:
    """uclapi#468: `the timetable for 2017/18 has been cleared`, seen in the summer."""
    read_by_setid(faculty)
    for name in ("groupings", "groups", "memberships"):
        faculty.source.delete(f"remote_{name}", term=SETID)
    run = blocked(faculty, "empty", "run_deletes")
    assert run.held == run.changes
    assert f"the source no longer has term {TERM1} (set {SETID}, year 2026)" in run.error


def test_failure_11_last_years_set_deletes_nothing(faculty: World) -> None:
    """uclapi: the set of the year is set by hand each September; forgotten, last year's rows are read."""
    read_by_setid(faculty)
    _copy_as_last_years(faculty)
    call_the_set(faculty, "LIVE-25-26")
    before = image(faculty)
    run = faculty.sync()
    assert run.state == "held", run.error
    assert len([change for change in deletes(run) if change[0] == "group"]) == 48
    assert not [change for change in deletes(run) if change not in run.held]
    assert {change[2] for change in run.held} == set(COURSES)
    _nothing_went(before, image(faculty))


def _copy_as_last_years(world: World) -> None:
    """Last year's set: other people, and half of the groups bear the same identifiers, the others had others."""
    for name, column in (("groupings", "idnumber"), ("groups", "idnumber"), ("memberships", "group_idnumber")):
        table = f"remote_{name}"
        names = {
            "groupings": "course, idnumber, name, description, module, occurrence, period",
            "groups": "course, idnumber, name, description, grouping, module, occurrence, period",
            "memberships": "course, group_idnumber, user_key, module, occurrence, period",
        }[name]
        old = names.replace(column, f"REPLACE({column}, 'B:TUT', 'B:OLD')")
        old = old.replace(" name,", " REPLACE(name, 'B TUT', 'B OLD'),").replace("user_key", "'old-' || user_key")
        world.source.execute(
            f"INSERT INTO {table} ({names}, term) SELECT {old}, 'LIVE-25-26' FROM {table} WHERE term = ?", SETID
        )


def _nothing_went(before: object, after: object) -> None:
    """Every grouping, group and member that there was is still there."""
    for course, (groupings, groups) in before.items():  # type: ignore[attr-defined]
        now_groupings, now_groups = after[course]  # type: ignore[index]
        assert groupings.keys() <= now_groupings.keys()
        for key, group in groups.items():
            assert group.members <= now_groups[key].members


# --- the mappings


def test_failure_09_a_mapping_that_is_deactivated_freezes(faculty: World) -> None:
    """UCL, the incident: 312 of the 323 courses had no mapping set to sync, and that meant delete."""
    faculty.source.execute("UPDATE remote_mappings SET status = 'inactive' WHERE course LIKE 'HIST%'")
    faculty.source.execute("DELETE FROM remote_groups WHERE course LIKE 'HIST%'")
    faculty.source.execute("DELETE FROM remote_memberships WHERE course LIKE 'HIST%'")
    unmoved(faculty)


def test_failure_09_a_mapping_that_is_removed_freezes(faculty: World) -> None:
    """UCL: `removing a mapping deletes the groups`; here it is frozen, with its rows (HIST1) or without."""
    faculty.source.execute("DELETE FROM remote_mappings WHERE course LIKE 'HIST%'")
    faculty.source.execute("DELETE FROM remote_groups WHERE course LIKE 'HIST%' AND course != 'HIST1'")
    unmoved(faculty)


def test_failure_09_all_mappings_gone_change_nothing(faculty: World) -> None:
    """A mapping table that is empty by mistake is a freeze of everything."""
    faculty.source.delete("remote_mappings")
    unmoved(faculty)


def test_failure_27_a_trailing_space_in_a_mapping_changes_nothing(faculty: World) -> None:
    """CEU: a blank after the code, and the students were unenrolled."""
    faculty.source.execute("UPDATE remote_mappings SET course = course || '  ', module = ' ' || module")
    unmoved(faculty)


@pytest.mark.parametrize("column", ["course", "module"])
def test_failure_27_a_typo_in_a_mapping_changes_nothing(faculty: World, column: str) -> None:
    """CEU: a code with a letter wrong; the course loses nothing, the report says what is missing."""
    faculty.source.execute(f"UPDATE remote_mappings SET {column} = 'ANHT1' WHERE course = 'ANTH1'")
    before = image(faculty)
    unmoved(faculty)
    assert image(faculty) == before


def test_failure_23_a_mapping_that_is_switched_on_again_makes_no_second_group(faculty: World) -> None:
    """moodle-local_o365#9: on again, and every group was there twice; 200 were deleted by hand."""
    faculty.source.execute("UPDATE remote_mappings SET status = 'inactive'")
    unmoved(faculty)
    faculty.source.execute("UPDATE remote_mappings SET status = 'active'")
    unmoved(faculty)


def test_failure_13_same_names_of_two_modules_are_two_groups(faculty: World) -> None:
    """UCL: TUT1 of ANTH1014 and of ANTH1014A, mapped to one course, became one group."""
    faculty.source.execute("UPDATE remote_groups SET name = SUBSTR(name, -4) WHERE course = 'ANTH1'")
    assert faculty.sync().state == "applied"
    groups = faculty.moodle.groups("ANTH1")
    assert (groups["ANTH1A:TUT1"].name, groups["ANTH1B:TUT1"].name) == ("TUT1 (ANTH1A:TUT1)", "TUT1 (ANTH1B:TUT1)")
    assert not groups["ANTH1A:TUT1"].members & groups["ANTH1B:TUT1"].members


def test_failure_22_a_course_of_two_modules_loses_what_either_drops(faculty: World) -> None:
    """Canvas: deletes did not reach merged courses."""
    faculty.source.drop_group("ANTH1", "ANTH1B:TUT4")
    faculty.source.drop_member("ANTH1", "ANTH1A:TUT1", person("ANTH1", 1))
    faculty.source.group("ANTH1", "ANTH1B:TUT9", name="ANTH1B TUT9", module="ANTH1B")
    faculty.source.members("ANTH1", "ANTH1B:TUT9", *(person("ANTH1", 43 + n) for n in range(4)), module="ANTH1B")
    run = faculty.sync()
    assert run.state == "applied", run.error
    members = faculty.moodle.members("ANTH1")
    assert "ANTH1B:TUT4" not in members
    assert members["ANTH1A:TUT1"] == {person("ANTH1", n) for n in range(2, 7)}


# --- bad rows


def test_failure_14_duplicate_keys_are_set_aside_and_delete_nothing(faculty: World) -> None:
    """uclapi#983: several MODULE rows for one key; never the last one wins."""
    faculty.source.group("ANTH1", "ANTH1A:TUT1", name="Another name", module="ANTH1A", grouping="ANTH1A:S")
    before = image(faculty)
    run = unmoved(faculty)
    assert len(run.reasons("quarantined")) == 2
    assert image(faculty) == before


def test_failure_15_a_row_without_group_code_is_no_group_and_deletes_none(faculty: World) -> None:
    """STUMODULES: the row without group code is the whole class."""
    faculty.source.execute("UPDATE remote_groups SET idnumber = NULL WHERE idnumber = 'ANTH1A:TUT1'")
    faculty.source.execute("UPDATE remote_memberships SET group_idnumber = '' WHERE group_idnumber = 'ANTH1A:TUT1'")
    run = unmoved(faculty)
    assert "idnumber is absent" in run.reasons("quarantined")


def test_failure_15_a_grouping_column_that_is_suddenly_empty_takes_no_group_out(faculty: World) -> None:
    """An absent code in every row: below a hundred links, no limit of the whole run looks at them."""
    faculty.source.execute("UPDATE remote_groups SET grouping = NULL")
    before = image(faculty)
    run = held(faculty, "grouping_gutted")
    assert {rule for rule, _ in run.trips} == {"grouping_gutted"}
    assert len(deletes(run)) == len(run.held) == 96
    assert image(faculty) == before


# --- the target


def test_failure_17_what_was_changed_in_moodle_is_seen(faculty: World) -> None:
    """Canvas compares one feed with the one before: what was changed by hand is never mended."""
    faculty.by_hand.remove_member("ANTH1", "ANTH1A:TUT1", person("ANTH1", 1))
    faculty.by_hand.add_member("ANTH1", "ANTH1A:TUT1", person("ANTH1", 48))
    faculty.by_hand.edit_group("ANTH1", "ANTH1A:TUT2", name="Renamed by hand")
    run = faculty.sync()
    assert (run.state, run.writes) == ("applied", 2)
    groups = faculty.moodle.groups("ANTH1")
    assert groups["ANTH1A:TUT1"].members == {person("ANTH1", n) for n in (1, 2, 3, 4, 5, 6, 48)}
    assert groups["ANTH1A:TUT2"].name == "ANTH1A TUT2"


def test_failure_25_a_delete_stays_in_its_course(faculty: World) -> None:
    """gudatabase deletes groups by a prefix of their code, in every course."""
    for course in ("ANTH1", "ANTH2"):
        faculty.source.group(course, "SHARED:TUT1", name="Shared", module=f"{course}A")
    assert faculty.sync().state == "applied"
    faculty.source.drop_group("ANTH1", "SHARED:TUT1")
    run = faculty.sync()
    assert (run.state, run.writes) == ("applied", 1)
    assert "SHARED:TUT1" not in faculty.moodle.groups("ANTH1")
    assert "SHARED:TUT1" in faculty.moodle.groups("ANTH2")


# --- settings


def test_failure_07_a_filter_that_finds_too_little_deletes_nothing(faculty: World) -> None:
    """authentik#19295: a typing error in the filter, and everybody was deleted, second factors too."""
    for name in ("groupings", "groups", "memberships"):
        faculty.statement(f"{name}.sql", f"SELECT * FROM remote_{name} WHERE course LIKE 'ANTH%'")
        faculty.configure({name: {"table": None, "sql": f"{name}.sql", "columns": {"term": None}}})
    run = held(faculty, "run_deletes", "course_emptied")
    assert run.held == run.changes


def test_failure_07_a_misspelt_setting_stops_the_run_at_its_door(faculty: World) -> None:
    """The same, where it can be known: an unknown key or column is no default."""
    faculty.configure({"breaker": {"run_delets": {"fraction": 1.0}}})
    run = faculty.sync()
    assert (run.state, run.failed_step, run.writes) == ("failed", "check_identity", 0)
    assert "breaker.run_delets: unknown key" in run.error


def test_failure_18_one_course_emptied_is_seen_in_a_large_university(faculty: World) -> None:
    """The incident was 2.3 % of the courses; a limit over all of them sees nothing."""
    for table in ("remote_groupings", "remote_groups", "remote_memberships"):
        faculty.source.delete(table, course="STAT4")
    faculty.source.members("ANTH1", "ANTH1A:TUT1", person("ANTH1", 48), module="ANTH1A")
    run = held(faculty, "course_emptied", writes=1)
    assert run.trips.keys() >= {("course_emptied", "STAT4")}
    assert ("run_deletes", "groups") not in run.trips, "8 of 96 are below the floor"
    assert {change[2] for change in run.held} == {"STAT4"}


def test_failure_18_a_department_is_held_alone(faculty: World) -> None:
    """One school of 370 asked for limits of its own: those of the whole account were too wide."""
    for course in ("STAT1", "STAT2", "STAT3", "STAT4"):
        for source, into in ((2, 1), (4, 3)):
            merge(faculty, course, "A", source, into)
    for course in ("STAT1", "STAT2", "STAT3"):
        merge(faculty, course, "B", 2, into=1)
    merge(faculty, "ANTH1", "A", 4, into=3)
    for number in range(5, 8):  # as many rows as ever: it is not the volume that holds
        faculty.source.group("HIST1", f"HIST1A:TUT{number}", name=f"HIST1A TUT{number}", module="HIST1A")
    run = faculty.sync()
    assert run.state == "held", run.error
    assert {rule for rule, _ in run.trips} == {"department_deletes"}
    assert len(run.held) == 11
    assert {change[2][:4] for change in run.held} == {"STAT"}
    assert run.results[("group", "delete", "ANTH1", "ANTH1A:TUT4")] == "done"


# --- the ledger and the run


def test_failure_10_a_ledger_from_an_old_backup_deletes_nothing(faculty: World) -> None:
    """The incident: the mapping database had been restored from a back-up three months old."""
    state = faculty.folder / "state.db"
    old = _copy_of(state)
    source, course = faculty.source, "ANTH1"
    source.group(course, "ANTH1A:TUT5", name="ANTH1A TUT5", module="ANTH1A")
    source.move(course, person(course, 1), of="ANTH1A:TUT1", to="ANTH1A:TUT5")
    source.drop_member(course, "ANTH1A:TUT2", person(course, 7))
    assert faculty.sync().state == "applied"
    faculty.by_hand.add_member(course, "ANTH1A:TUT2", person(course, 7))
    before = image(faculty)
    _put_back(old, state)
    run = faculty.sync()
    assert image(faculty)["ANTH2"] == before["ANTH2"]
    assert run.writes <= 1
    assert len(deletes(run)) <= 1


def test_failure_20_a_run_that_died_leaves_no_flag_behind(faculty: World) -> None:
    """enrol_ues: `already running`, for ever, after a run that was killed."""
    faculty.source.members("ANTH1", "ANTH1A:TUT1", person("ANTH1", 48), module="ANTH1A")
    assert faculty.sync(until="circuit_breaker").writes == 0
    run = faculty.sync()
    assert (run.state, run.writes) == ("applied", 1)


def test_failure_21_a_run_that_breaks_off_is_finished_by_the_next(faculty: World) -> None:
    """Canvas has applied the adds when its limit is looked at; a batch that fails leaves a half."""
    for course in ("ANTH1", "HIST1", "STAT1"):
        faculty.source.group(course, "NEW", name="New", module=f"{course}A")
        faculty.source.members(course, "NEW", person(course, 1), module=f"{course}A")
    with Line(faults={1: "killed before"}).open(), pytest.raises(Killed):
        faculty.sync()
    faculty.now += timedelta(minutes=10)  # the dead run's lease has run out
    assert faculty.sync().state == "applied"
    for course in ("ANTH1", "HIST1", "STAT1"):
        assert faculty.moodle.members(course)["NEW"] == {person(course, 1)}
    unmoved(faculty)


def test_failure_24_a_site_that_cuts_long_forms_gets_short_ones(tmp_path: Path, after_first_run: Path) -> None:
    """o365-moodle#2391: 85,840 users and 30,000 parameters; PHP cuts what is past max_input_vars in silence."""
    with World(tmp_path, SETTINGS, like=after_first_run, max_input_vars=60) as world:
        world.configure(moodle={"form_variables": 60})
        world.source.execute("DELETE FROM remote_memberships WHERE 0")
        for number in range(1, 41):
            world.source.membership(
                "ANTH1", f"ANTH1B:TUT{number % 4 + 1}", person("ANTH1", number % 24 + 1), module="ANTH1B"
            )
        run = world.sync()
        assert run.state == "applied", run.error
        added = [change for change in run.changes if change[:2] == ("membership", "create")]
        assert set(run.results.values()) == {"done"}
        assert len(added) == 24
        assert run.folder.json("steps/verify")["compared"] == len(added)
        unmoved(world)


def test_failure_29_what_was_sent_is_read_back(faculty: World) -> None:
    """Census: rows marked as done that were never sent."""
    faculty.source.members("ANTH1", "ANTH1A:TUT1", person("ANTH1", 48), module="ANTH1A")
    undo = {"verify": lambda: faculty.by_hand.remove_member("ANTH1", "ANTH1A:TUT1", person("ANTH1", 48))}
    run = faculty.sync(before=undo)
    assert (run.state, run.failed_step) == ("failed", "verify")
    assert "Moodle differs from what was written" in run.error
    assert faculty.sync().state == "applied"
    assert person("ANTH1", 48) in faculty.moodle.members("ANTH1")["ANTH1A:TUT1"]


def _copy_of(state: Path) -> bytes:
    with closing(sqlite3.connect(state)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return state.read_bytes()


def _put_back(old: bytes, state: Path) -> None:
    for path in state.parent.glob(f"{state.name}-*"):
        path.unlink()
    state.write_bytes(old)


def answers_its_age(world: World, at: str) -> None:
    """The source tells when it was loaded."""
    world.source.execute("CREATE TABLE IF NOT EXISTS loads (at TEXT)")
    world.source.execute("DELETE FROM loads")
    world.source.execute("INSERT INTO loads VALUES (?)", at)
    world.statement("freshness.sql", "SELECT MAX(at) FROM loads")
    world.configure(freshness={SOURCE: "freshness.sql"})


def test_failure_10_a_source_clock_going_backwards_deletes_nothing(faculty: World) -> None:
    """The incident: a database of November answered in February; it was whole, and three months old."""
    answers_its_age(faculty, "2026-10-13T05:00:00")
    assert faculty.sync().state == "applied"
    faculty.now += timedelta(hours=1)
    answers_its_age(faculty, "2026-10-13T04:00:00")
    merge(faculty, "ANTH1", "A", 4, into=3)
    run = faculty.sync()
    assert (run.state, deletes(run)) == ("held", run.held)
    assert {rule for rule, _ in run.trips} == {"stale"}
    assert "core_group_delete_groups" not in {call.function for call in run.writing_calls}


def test_failure_19_what_was_let_through_once_is_held_again(faculty: World) -> None:
    """Grouper before 2.6.6: `change the flag, run, change it back`, and somebody forgets the last step."""
    faculty.source.drop_group("ANTH1", "ANTH1A:TUT4")
    first = held(faculty, "group_gutted")
    faculty.answer(first)
    assert [call.function for call in faculty.release(first).writing_calls] == ["core_group_delete_groups"]
    faculty.source.drop_group("ANTH1", "ANTH1A:TUT3")
    second = held(faculty, "group_gutted")
    assert second.held == [("group", "delete", "ANTH1", "ANTH1A:TUT3")]


def test_failure_28_a_slow_leak_below_every_limit_is_held(faculty: World) -> None:
    """Entra counts 30 minutes: what stays below the limit of a run goes through for ever."""
    for run_number, (source, into) in enumerate(((4, 3), (3, 2))):
        faculty.now += timedelta(hours=8)
        for course in COURSES:
            merge(faculty, course, "A", source, into)
            faculty.source.group(course, f"N{run_number}", name=f"Another {run_number}", module=f"{course}B")
        run = faculty.sync()
        assert run.state == ("held" if run_number else "applied"), run.error
    assert {rule for rule, _ in run.trips} == {"cumulative"}
    assert len([change for change in run.held if change[0] == "group"]) == len(COURSES)


def test_failure_28_a_slow_leak_of_memberships_is_held(faculty: World) -> None:
    """One of six in each group, and a stranger in the place: no group is gutted, no row is missing."""
    for night in range(2):
        faculty.now += timedelta(hours=8)
        for one, after in zip(whole := list(seminars()), (*whole[1:], whole[0]), strict=True):
            if one.course == after.course:
                row = {"group_idnumber": one.idnumber, "user_key": one.members[night]}
                faculty.source.update("remote_memberships", row, user_key=after.members[5 - night])
        run = faculty.sync()
        assert run.state == ("held" if night else "applied"), run.error
    assert {rule for rule, _ in run.trips} == {"cumulative_removals"}
    assert len(run.held) == 84
    assert {change[:2] for change in run.held} == {("membership", "delete")}


def test_failure_30_a_feed_that_stopped_is_told(faculty: World) -> None:
    """UW 2022: the imports failed one after the other, and it was noticed late."""
    answers_its_age(faculty, "2026-10-09T05:00:00")
    run = faculty.sync()
    assert (run.state, run.writes, run.changes) == ("stale", 0, [])
    assert ("stale", SOURCE) in run.trips
    told = run.trips["stale", SOURCE]["text"]
    assert "hours ago" in told
    assert told in (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert run.error.startswith(f"STALE: {told}. Everything was applied, and nothing was to be deleted")
    assert not faculty.runs()[run.run_id]["accepted"], "what an old source says is no baseline"
    answers_its_age(faculty, "2026-10-13T05:00:00")
    assert faculty.sync().state == "applied"


def test_every_failure_has_its_line_and_every_test_that_is_named_is_there() -> None:
    page = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(line.split("|")[1]) for line in lines] == list(range(1, 31))
    named = set(re.findall(r"`(test_\w+)`", page))
    there = {name for path in (ROOT / "tests" / "e2e").glob("test_*.py") for name in _functions(path)}
    assert named - there == set()
    assert {name for name in _functions(Path(__file__)) if name.startswith("test_failure_")} - named == set()


def _functions(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
