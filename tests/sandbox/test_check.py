"""The check finds what is wrong in Moodle, one line each, and is silent when nothing is."""

# ruff: noqa: S608 (the statements are written here, of constants)

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.check import OURS, TERMS, Wanted, desired, differences, main
from sandbox.university import University, generate, write

TERM = TERMS["2026-27-T1"]
ODDS1, ODDS4, ODDS5 = (f"LIVE-26-27:ODDS000{number}:A6U-T1" for number in (1, 4, 5))
TABLES = """
CREATE TABLE mdl_course (id INTEGER PRIMARY KEY, idnumber TEXT);
CREATE TABLE mdl_user (id INTEGER PRIMARY KEY, username TEXT);
CREATE TABLE mdl_enrol (id INTEGER PRIMARY KEY, courseid INTEGER);
CREATE TABLE mdl_user_enrolments (enrolid INTEGER, userid INTEGER, status INTEGER);
CREATE TABLE mdl_groupings
    (id INTEGER PRIMARY KEY, courseid INTEGER, idnumber TEXT, name TEXT, description TEXT);
CREATE TABLE mdl_groups
    (id INTEGER PRIMARY KEY, courseid INTEGER, idnumber TEXT, name TEXT, description TEXT);
CREATE TABLE mdl_groupings_groups (groupingid INTEGER, groupid INTEGER);
CREATE TABLE mdl_groups_members (groupid INTEGER, userid INTEGER);
"""


@pytest.fixture(scope="module")
def university() -> University:
    return generate("small")


@pytest.fixture(scope="module")
def source(university: University, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('source')}/source.db"
    write(university, url)
    return url


@pytest.fixture(scope="module")
def wanted(source: str) -> dict[str, Wanted]:
    return desired(source, TERM)


@pytest.fixture(scope="module")
def empty(university: University, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moodle before any sync; nobody writes to it."""
    path = tmp_path_factory.mktemp("moodle") / "empty.db"
    with closing(sqlite3.connect(path)) as moodle, moodle:
        moodle.executescript(TABLES)
        for course in university.courses["idnumber"]:
            moodle.execute("INSERT INTO mdl_course (idnumber) VALUES (?)", [course])
        moodle.execute("INSERT INTO mdl_enrol SELECT id, id FROM mdl_course")
        for username in university.users["username"]:
            moodle.execute("INSERT INTO mdl_user (username) VALUES (?)", [username])
        for row in university.enrolments.itertuples(index=False):
            moodle.execute(
                "INSERT INTO mdl_user_enrolments SELECT c.id, u.id, ? FROM mdl_course c, mdl_user u"
                " WHERE c.idnumber = ? AND u.username = ?",
                [row.status, row.course_idnumber, row.user_username],
            )
    return path


@pytest.fixture(scope="module")
def faultless(empty: Path, wanted: dict[str, Wanted]) -> Path:
    """Moodle as a faultless sync leaves it; nobody writes to it."""
    path = Path(shutil.copy(empty, empty.with_name("faultless.db")))
    with closing(sqlite3.connect(path)) as moodle, moodle:
        for course, want in wanted.items():
            for table, rows in (("mdl_groupings", want.groupings), ("mdl_groups", want.groups)):
                for idnumber, row in rows.items():
                    moodle.execute(
                        f"INSERT INTO {table} (courseid, idnumber, name, description)"
                        " SELECT id, ?, ?, ? FROM mdl_course WHERE idnumber = ?",
                        [idnumber, row.name, row.description, course],
                    )
            for group, row in want.groups.items():
                moodle.execute(
                    "INSERT INTO mdl_groupings_groups SELECT p.id, g.id FROM mdl_groups g"
                    " JOIN mdl_groupings p ON p.courseid = g.courseid AND p.idnumber = ?"
                    " JOIN mdl_course c ON c.id = g.courseid WHERE g.idnumber = ? AND c.idnumber = ?",
                    [row.grouping, group, course],
                )
                for username in want.members[group]:
                    moodle.execute(
                        "INSERT INTO mdl_groups_members SELECT g.id, u.id FROM mdl_groups g"
                        " JOIN mdl_course c ON c.id = g.courseid JOIN mdl_enrol e ON e.courseid = c.id"
                        " JOIN mdl_user_enrolments ue ON ue.enrolid = e.id"
                        " JOIN mdl_user u ON u.id = ue.userid"
                        " WHERE g.idnumber = ? AND c.idnumber = ? AND u.username = ?",
                        [group, course, username],
                    )
    return path


@pytest.fixture
def synced(faultless: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(faultless, tmp_path / "moodle.db"))


@pytest.fixture
def after(source: str, synced: Path) -> Callable[[str], list[str]]:
    """What the check says after one statement against a Moodle that was right."""

    def run(statement: str) -> list[str]:
        with closing(sqlite3.connect(synced)) as moodle, moodle:
            assert moodle.execute(statement).rowcount > 0
        return differences(source, synced, TERM)

    return run


def test_a_faultless_sync_leaves_no_difference(source: str, synced: Path) -> None:
    assert differences(source, synced, TERM) == []


def test_everything_is_missing_before_the_first_sync(
    source: str, empty: Path, wanted: dict[str, Wanted], university: University
) -> None:
    here = [want for course, want in wanted.items() if course in set(university.courses["idnumber"])]
    found = differences(source, empty, TERM)
    assert len(found) == sum(len(want.groups) + len(want.groupings) for want in here) > 100
    assert all(line.endswith("is missing") for line in found)


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        (
            f"UPDATE mdl_groups SET name = 'X' WHERE idnumber = '{ODDS1}:TUT1'",
            "is named 'X', not 'Tutorial 1'",
        ),
        (f"UPDATE mdl_groups SET description = 'X' WHERE idnumber = '{ODDS1}:TUT1'", "has description 'X'"),
        (f"UPDATE mdl_groupings SET name = 'X' WHERE idnumber = '{ODDS1}:TUTS'", "is named 'X'"),
        (f"DELETE FROM mdl_groups WHERE idnumber = '{ODDS4}:TUT2'", "(Tutorial 2) is missing"),
        (f"UPDATE mdl_groups SET idnumber = '{OURS}X' WHERE idnumber = '{ODDS4}:TUT2'", "not in the source"),
    ],
)
def test_a_wrong_or_missing_object_is_named(after: Callable[[str], list[str]], statement: str, line: str) -> None:
    assert any(line in found for found in after(statement))


@pytest.mark.parametrize("table", ["mdl_groups", "mdl_groupings"])
@pytest.mark.parametrize("course", ["ODDS0009-26-27", "ODDS0010-26-27", "ODDS0011-26-27", "COMP0001-25-26"])
def test_nothing_may_be_in_a_course_without_an_active_mapping(
    after: Callable[[str], list[str]], table: str, course: str
) -> None:
    (line,) = after(
        f"INSERT INTO {table} (courseid, idnumber, name, description)"
        f" SELECT id, 'LIVE-26-27:X', 'X', '' FROM mdl_course WHERE idnumber = '{course}'"
    )
    assert line.startswith(f"{course}: ")
    assert line.endswith("is in a course without an active mapping")


def test_a_group_made_by_hand_is_no_difference(after: Callable[[str], list[str]]) -> None:
    assert after("INSERT INTO mdl_groups (courseid, idnumber, name) SELECT id, '', 'X' FROM mdl_course") == []


def test_a_name_that_a_group_made_by_hand_holds_excuses_ours(after: Callable[[str], list[str]]) -> None:
    assert after(f"UPDATE mdl_groups SET idnumber = '' WHERE idnumber = '{ODDS1}:TUT1'") == []


def test_what_a_bad_row_protects_may_be_there_or_not(after: Callable[[str], list[str]]) -> None:
    for idnumber, course in ((f"{ODDS4}:TUT1", "ODDS0004"), (f"{ODDS5}:ANY", "ODDS0005")):
        statement = (
            f"INSERT INTO mdl_groups (courseid, idnumber, name) SELECT id, '{idnumber}', 'Kept'"
            f" FROM mdl_course WHERE idnumber = '{course}-26-27'"
        )
        assert after(statement) == []


def test_a_member_who_is_lacking_is_named(after: Callable[[str], list[str]]) -> None:
    found = after("DELETE FROM mdl_groups_members WHERE userid = (SELECT id FROM mdl_user WHERE username = 'zzsus01')")
    assert found == [f"ODDS0001-26-27: group {ODDS1}:TUT1 (Tutorial 1) lacks zzsus01"]


ADD_MEMBER = (
    "INSERT INTO mdl_groups_members SELECT g.id, u.id FROM mdl_groups g, mdl_user u"
    " WHERE g.idnumber = '{}' AND u.username = 'zzdro01'"
)


def test_a_member_whom_the_source_does_not_list_is_named(after: Callable[[str], list[str]]) -> None:
    (line,) = after(ADD_MEMBER.format(f"{ODDS1}:TUT1"))
    assert line.endswith("has zzdro01, whom the source does not list")


def test_a_member_row_without_user_protects_the_groups_members(after: Callable[[str], list[str]]) -> None:
    assert after(ADD_MEMBER.format(f"{ODDS1}:TUT2")) == []


def test_what_the_caller_excuses_is_no_difference(source: str, synced: Path, after: Callable[[str], list[str]]) -> None:
    assert after(ADD_MEMBER.format(f"{ODDS1}:TUT1"))
    by_hand = {("ODDS0001-26-27", f"{ODDS1}:TUT1", "ZZDRO01")}
    assert differences(source, synced, TERM, added_by_hand=by_hand) == []
    assert differences(source, synced, TERM, ignore_courses={"ODDS0001-26-27"}) == []


def test_links_that_are_lacking_wrong_or_twice_are_named(after: Callable[[str], list[str]]) -> None:
    tutorials = f"(SELECT id FROM mdl_groupings WHERE idnumber = '{ODDS4}:TUTS')"
    twice = after(f"INSERT INTO mdl_groupings_groups SELECT * FROM mdl_groupings_groups WHERE groupingid = {tutorials}")
    assert twice == ["ODDS0004-26-27: a link is there twice"]
    labs = f"(SELECT id FROM mdl_groupings WHERE idnumber = '{ODDS4}:LABS')"
    moved = after(f"UPDATE mdl_groupings_groups SET groupingid = {labs} WHERE groupingid = {tutorials}")
    assert any(f"{ODDS4}:TUT2 is not in grouping {ODDS4}:TUTS" in line for line in moved)
    assert any(f"{ODDS4}:TUT2 is in grouping {ODDS4}:LABS, where" in line for line in moved)


def test_names_that_collide_are_all_suffixed(wanted: dict[str, Wanted]) -> None:
    """P8: the groups of ANTH1014 and ANTH1014A were once merged."""
    names = {row.name for row in wanted["ANTH1014-26-27"].groups.values()}
    assert names == {f"TUT1 (LIVE-26-27:{module}:A6U-T1:TUT1)" for module in ("ANTH1014", "ANTH1014A")}


def test_rows_that_cannot_be_used_are_not_expected(wanted: dict[str, Wanted]) -> None:
    assert [row.name for row in wanted["ODDS0003-26-27"].groups.values()] == ["Fine"]
    assert wanted["ODDS0003-26-27"].groupings == {}
    assert f"{ODDS4}:TUT1" in wanted["ODDS0004-26-27"].protected["group"]


def test_modules_whose_mapping_is_not_active_are_left_out(wanted: dict[str, Wanted]) -> None:
    assert [row.name for row in wanted["ODDS0013-26-27"].groups.values()] == ["Active group"]
    assert not {f"ODDS00{number}-26-27" for number in ("09", "10", "11", "16")} & set(wanted)


def test_the_command_exits_with_1_when_something_differs(
    source: str, synced: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check", "--source", source, "--moodle", str(synced)])
    main()
    assert capsys.readouterr().out.startswith("Moodle equals the source: ")
    with closing(sqlite3.connect(synced)) as moodle, moodle:
        moodle.execute("DELETE FROM mdl_groups_members")
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "lacks" in capsys.readouterr().out
