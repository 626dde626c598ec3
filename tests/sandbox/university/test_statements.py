"""The statements of include/sql do what their headers say, run for real on the sample."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlalchemy import bindparam, create_engine, text

from include.groupsync.source.native import NATIVE
from sandbox.university import generate, write

SQL = Path(__file__).parents[3] / "include" / "sql"
TERM: dict[str, Any] = {
    "setid": "LIVE-26-27",
    "academic_year": "2026",
    "periods": ["T1", "T1/2", "T1/2/3", "YEAR"],
}
STATEMENTS = ("mappings", "groupings", "groups", "memberships")
COLUMNS = {
    "mappings": "course module occurrence academic_year period department import_groups status",
    "groupings": "course idnumber name description module occurrence period",
    "groups": "course idnumber name description grouping_idnumber module occurrence period",
    "memberships": "course group_idnumber username module occurrence period",
}
EVERY = (*STATEMENTS, *NATIVE)
ODDS1 = "LIVE-26-27:ODDS0001:A6U-T1"


def read(url: str, name: str, **binds: Any) -> list[dict[str, Any]]:
    statement = text((SQL / f"{name}.sql").read_text())
    known = {key: value for key, value in (TERM | binds).items() if f":{key}" in statement.text}
    if "periods" in known:
        statement = statement.bindparams(bindparam("periods", expanding=True))
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(statement, known).mappings()]
    engine.dispose()
    return rows


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('source')}/source.db"
    write(generate("small"), url)
    return url


@pytest.mark.parametrize("name", EVERY)
def test_a_statement_returns_the_columns_of_its_contract(url: str, name: str) -> None:
    assert list(read(url, name)[0]) == (COLUMNS[name].split() if name in COLUMNS else list(NATIVE[name]))


@pytest.mark.parametrize("name", EVERY)
def test_a_statement_is_portable(name: str) -> None:
    """'' is NULL in Oracle, and ROWNUM, LIMIT and vendors' functions are known to one database each."""
    body = re.sub(r"--.*", "", (SQL / f"{name}.sql").read_text()).upper()
    forbidden = r"\*|''|ROWNUM|\bLIMIT\b|\bNVL\b|\bDECODE\b|\bIFNULL\b|DISTINCT|;|\bGROUP\b|\bCOMMENT\b"
    assert re.search(forbidden, body) is None
    assert body.split()[0] == "SELECT"


@pytest.mark.parametrize("name", EVERY)
def test_a_statement_says_its_purpose_grain_and_binds(name: str) -> None:
    header = (SQL / f"{name}.sql").read_text()
    assert all(f"{word}:" in header for word in ("Purpose", "Grain", "Binds"))


def test_char_columns_are_padded_on_sqlite_too(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT moduleid, grpcode, name FROM modulegroups")).first()
    engine.dispose()
    assert row is not None
    assert (len(row.moduleid), len(row.grpcode)) == (12, 10)
    assert not row.name.endswith(" ")


def test_idnumbers_are_trimmed_and_name_the_delivery(url: str) -> None:
    pattern = re.compile(r"LIVE-26-27:[A-Z]{4}\d{4}A?:[A-Z]\d[UP]-(T1|T1/2|T1/2/3|YEAR):[A-Z]+\d*[A-Z]?")
    for name in ("groupings", "groups"):
        assert all(pattern.fullmatch(row["idnumber"]) for row in read(url, name) if row["idnumber"])


def test_only_the_parents_of_the_tree_are_groupings(url: str) -> None:
    groupings = {row["idnumber"] for row in read(url, "groupings")}
    groups = read(url, "groups")
    assert f"{ODDS1}:TUTS" in groupings
    assert not groupings & {row["idnumber"] for row in groups}
    assert {row["grouping_idnumber"] for row in groups} - {None} <= groupings


def test_a_group_without_code_comes_without_idnumber(url: str) -> None:
    names = {row["name"] for row in read(url, "groups") if row["idnumber"] is None}
    assert names == {"Without code", "Blank code"}


def test_a_parent_that_is_not_there_is_no_grouping(url: str) -> None:
    rows = [row for row in read(url, "groups") if row["name"] == "Tutorial 3" and "ODDS" in row["module"]]
    assert {row["grouping_idnumber"] for row in rows} == {None}


def test_one_delivery_in_two_courses_gives_a_row_for_each(url: str) -> None:
    rows = [row for row in read(url, "groups") if row["module"] == "ODDS0007" and row["name"] == "Tutorial 1"]
    assert [row["course"] for row in rows] == ["ODDS0007-26-27", "ODDS0008-26-27"]


def test_whole_class_rows_and_people_who_left_are_no_memberships(url: str) -> None:
    rows = [row for row in read(url, "memberships") if row["module"] == "ODDS0001"]
    names = [row["username"] for row in rows if row["group_idnumber"] == f"{ODDS1}:TUT1"]
    assert {"ZZPLA01", "ZZBAK01", "zzlow01"} <= set(names)
    assert not {"ZZDRO01", "ZZINA01"} & set(names)
    assert names.count("ZZBAK01") == 1
    assert all(row["group_idnumber"] is not None for row in rows)


def test_duplicates_come_through(url: str) -> None:
    names = [row["username"] for row in read(url, "memberships") if row["group_idnumber"] == f"{ODDS1}:TUT1"]
    assert names.count("ZZDUP01") == 4  # two rows in STUMODULES times two in STUDENTS
    assert names.count("ZZTWO01") == 2


def test_a_member_without_upi_or_student_row_comes_without_username(url: str) -> None:
    rows = [row for row in read(url, "memberships") if row["group_idnumber"] == f"{ODDS1}:TUT2"]
    assert [row["username"] for row in rows].count(None) == 2


def test_the_term_narrows_every_statement(url: str) -> None:
    for name in STATEMENTS:
        assert not any("ODDS0016" in row["module"] for row in read(url, name))
        assert any("ODDS0016" in row["module"] for row in read(url, name, periods=["T2"]))


def test_last_years_set_gives_last_years_names(url: str) -> None:
    names = {row["name"] for row in read(url, "groups", setid="LIVE-25-26") if row["module"] == "ODDS0001"}
    assert names == {"Last year 1"}


def test_mappings_of_every_status_come_through(url: str) -> None:
    rows = read(url, "mappings")
    assert {row["status"] for row in rows} == {"active", "inactive", "withdrawn"}
    assert {row["import_groups"] for row in rows} == {"Y", "N"}
    assert any(row["module"] == "ODDS0010" for row in read(url, "groups"))


def test_the_same_sample_is_the_same_file(tmp_path: Path) -> None:
    """In processes of their own, because Python orders sets anew in each."""
    for name, order in (("one", "1"), ("two", "2")):
        where = f"sqlite:///{tmp_path / name}"
        command = [sys.executable, "-m", "sandbox.university", "--size", "small", "--url", where]
        run(command, check=True, cwd=SQL.parents[1], env=os.environ | {"PYTHONHASHSEED": order})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_writing_again_replaces_what_was_there(url: str) -> None:
    before = read(url, "memberships")
    write(generate("small"), url)
    assert read(url, "memberships") == before


@pytest.fixture(scope="module")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own, on a socket only. PostgreSQL refuses to run as root, so root lends it a user."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, user)
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs_path = f"{programs[-1]}:{os.environ['PATH']}" if programs else os.environ["PATH"]
    found = {name: shutil.which(name, path=programs_path) for name in ("initdb", "pg_ctl")}
    cluster = str(folder / "data")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"

    def call(program: str, *arguments: str) -> None:
        run([str(found[program]), *arguments], check=True, capture_output=True, user=user, cwd=folder)

    call("initdb", "-D", cluster, "-A", "trust", "-U", "sample", "-E", "UTF8", "--locale=C", "--no-sync")
    call("pg_ctl", "-D", cluster, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg2://sample@/postgres?host={folder}"
    finally:
        call("pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.mark.needs("postgresql")
def test_postgresql_gives_the_same_rows_as_sqlite(url: str, postgresql_url: str) -> None:
    write(generate("small"), postgresql_url)

    def rows(where: str, name: str) -> list[str]:
        return sorted(map(repr, read(where, name)))

    for name in EVERY:
        assert rows(postgresql_url, name) == rows(url, name), name
