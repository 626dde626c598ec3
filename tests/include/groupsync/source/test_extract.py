"""The remote tables as the settings name them (rules O3, C5)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.groupsync.errors import SettingsError, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.model.frames import rows
from include.groupsync.settings import Groups, Memberships
from include.groupsync.source.database import SourceDatabase, snapshot
from include.groupsync.source.extract import REMOTE, read_dataset, read_freshness

SCRIPT = """
CREATE TABLE GRP (CRS, CODE, TITLE, TERM, EXTRA);
INSERT INTO GRP VALUES ('C1', 'G1', 'Seminar 1', 'T1', 1), ('C1', 7.0, NULL, 'T2', 2), ('C2', 'G1', '', 'T1', 3);
"""
COLUMNS = {"course": "CRS", "idnumber": "CODE", "name": "TITLE"}
BINDS = {"term": "T1", "setid": "SET", "academic_year": "2025", "periods": ["T1", "YEAR"]}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SourceDatabase]:
    """A small table, read-only."""
    link = sqlite3.connect(tmp_path / "x.db")
    link.executescript(SCRIPT)
    link.close()
    with snapshot(DatabaseConnection("cmis", "sqlite:///x.db"), tmp_path) as opened:
        yield opened


def groups(columns: dict[str, str] | None = None, **place: str) -> Groups:
    place = place or {"table": "GRP"}
    return Groups.model_validate({"connection": "cmis", **place, "columns": columns or COLUMNS})


def by_statement(
    database: SourceDatabase, folder: Path, text: str, columns: dict[str, str] | None = None
) -> pd.DataFrame:
    (folder / "groups.sql").write_text(text, encoding="utf-8")
    return read_dataset(database, "groups", groups(columns, sql="groups.sql"), folder, BINDS)


def test_a_table_comes_in_our_columns(database: SourceDatabase, tmp_path: Path) -> None:
    """As read, numbered from 1; a column that is not configured is null, one that nobody asked for is gone."""
    found = read_dataset(database, "groups", groups(), tmp_path, BINDS)
    assert list(found.columns) == list(REMOTE["groups"])
    assert [(r["source_row"], r["course"], r["idnumber"], r["name"]) for r in rows(found)] == [
        (1, "C1", "G1", "Seminar 1"),
        (2, "C1", "7", None),
        (3, "C2", "G1", ""),
    ]
    assert found["grouping"].isna().all()
    assert found["description"].isna().all()


def test_c5_a_table_with_a_term_is_read_for_the_runs_term(database: SourceDatabase, tmp_path: Path) -> None:
    """Rows of other terms are not there."""
    found = read_dataset(database, "groups", groups(COLUMNS | {"term": "TERM"}), tmp_path, BINDS)
    assert [(r["source_row"], r["course"], r["term"]) for r in rows(found)] == [(1, "C1", "T1"), (2, "C2", "T1")]


def test_one_column_of_theirs_may_be_two_of_ours(database: SourceDatabase, tmp_path: Path) -> None:
    """A code that serves as the name too."""
    found = read_dataset(database, "groups", groups(COLUMNS | {"name": "CODE"}), tmp_path, BINDS)
    assert list(found["name"]) == list(found["idnumber"]) == ["G1", "7", "G1"]


@pytest.mark.parametrize("ours", ["course", "idnumber", "name", "term", "grouping"])
def test_a_column_that_is_not_there_is_named_with_its_setting(
    database: SourceDatabase, tmp_path: Path, ours: str
) -> None:
    """With what the table has, so that the next step is clear."""
    for one in (groups(COLUMNS | {ours: "NOSUCH"}), groups(COLUMNS | {ours: "NOSUCH"}, sql="groups.sql")):
        (tmp_path / "groups.sql").write_text("SELECT * FROM GRP", encoding="utf-8")
        with pytest.raises(SettingsError) as refused:
            read_dataset(database, "groups", one, tmp_path, BINDS)
        assert f"groups.columns.{ours}: the table has no column 'NOSUCH'" in str(refused.value)
        assert "CRS, CODE, TITLE, TERM, EXTRA" in str(refused.value)


def test_o3_a_table_that_is_not_there_is_an_error(database: SourceDatabase, tmp_path: Path) -> None:
    """And not an empty one."""
    with pytest.raises(SourceError, match="groups: could not be read"):
        read_dataset(database, "groups", groups(table="NOSUCH"), tmp_path, BINDS)


def test_a_statement_uses_the_terms_binds(database: SourceDatabase, tmp_path: Path) -> None:
    """Lists expand; what it does not use is not sent; a last semicolon is no harm."""
    text = "SELECT CRS, CODE, TITLE FROM GRP WHERE TERM IN :periods AND 'SET' = :setid ORDER BY CODE DESC;\n"
    assert [r["course"] for r in rows(by_statement(database, tmp_path, text))] == ["C1", "C2"]


def test_a_dialects_own_statement_beside_the_portable_one_is_taken(database: SourceDatabase, tmp_path: Path) -> None:
    """By that database alone."""
    (tmp_path / "groups.oracle.sql").write_text("SELECT no such thing", encoding="utf-8")
    (tmp_path / "groups.sqlite.sql").write_text("SELECT CRS, CODE, 'own' AS TITLE FROM GRP", encoding="utf-8")
    found = by_statement(database, tmp_path, "SELECT CRS, CODE, 'portable' AS TITLE FROM GRP")
    assert set(found["name"]) == {"own"}


def test_a_statements_columns_are_found_whatever_their_case(database: SourceDatabase, tmp_path: Path) -> None:
    """Oracle answers in upper case."""
    text = "SELECT CRS AS COURSE, CODE AS IdNumber FROM GRP"
    found = by_statement(database, tmp_path, text, {"course": "course", "idnumber": "IDNUMBER"})
    assert [r["idnumber"] for r in rows(found)] == ["G1", "7", "G1"]


def test_an_unknown_bind_is_named_with_the_known_ones(database: SourceDatabase, tmp_path: Path) -> None:
    """A misspelt bind never reaches the database."""
    with pytest.raises(SettingsError) as refused:
        by_statement(database, tmp_path, "SELECT CRS, CODE, TITLE FROM GRP WHERE TERM = :termcode")
    assert "groups.sql asks for the unknown bind :termcode" in str(refused.value)
    assert ":term, :setid, :academic_year, :periods" in str(refused.value)


@pytest.mark.parametrize("text", ["CODE || ':' || CRS", "'12:30'", "'a:b:c'"])
def test_a_colon_in_a_string_is_no_bind(database: SourceDatabase, tmp_path: Path, text: str) -> None:
    """Composite codes are made with colons."""
    found = by_statement(database, tmp_path, f"SELECT CRS, CODE, {text} AS TITLE FROM GRP")  # noqa: S608
    assert ":" in found["name"][0]


def test_a_colon_in_a_comment_is_no_bind(database: SourceDatabase, tmp_path: Path) -> None:
    """The header says what the statement is for, in words."""
    text = "-- Purpose: groups; it's one row per group\n-- Binds:   term (T1)\nSELECT CRS, CODE, TITLE FROM GRP"
    assert len(by_statement(database, tmp_path, text)) == 3


def test_two_columns_of_one_name_are_an_error(database: SourceDatabase, tmp_path: Path) -> None:
    """Nobody can say which one was meant."""
    with pytest.raises(SourceError, match="two columns have one name"):
        by_statement(database, tmp_path, "SELECT CRS, CODE, TITLE, EXTRA AS Code FROM GRP")


def test_a_missing_statement_file_is_a_setting_to_correct(database: SourceDatabase, tmp_path: Path) -> None:
    """The message says where it belongs."""
    with pytest.raises(SettingsError, match=r"there is no file include/sql/nosuch\.sql"):
        read_dataset(database, "groups", groups(sql="nosuch.sql"), tmp_path, BINDS)


def test_a_table_without_rows_has_its_columns_and_types(database: SourceDatabase, tmp_path: Path) -> None:
    """Empty is an answer, of the same shape as any other."""
    memberships: Any = {"course": "CRS", "group": "CODE", "user": "TITLE", "term": "TERM"}
    table = Memberships.model_validate({"connection": "cmis", "table": "GRP", "columns": memberships})
    found = read_dataset(database, "memberships", table, tmp_path, BINDS | {"term": "T9"})
    assert len(found) == 0
    assert {name: dtype.pyarrow_dtype for name, dtype in found.dtypes.items()} == REMOTE["memberships"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("SELECT '2026-01-12 09:00:00' -- the last load", "2026-01-12 09:00:00"),
        ("SELECT max(EXTRA) FROM GRP WHERE TERM = :term;", "3"),
        ("SELECT 1.5", "1.5"),
    ],
)
def test_freshness_is_what_the_statement_answers(
    database: SourceDatabase, tmp_path: Path, asked: str, answer: str
) -> None:
    """With the same binds as a table's statement."""
    (tmp_path / "freshness.sql").write_text(asked, encoding="utf-8")
    assert read_freshness(database, "cmis", tmp_path / "freshness.sql", BINDS) == answer


@pytest.mark.parametrize(
    "asked", ["SELECT NULL", "SELECT 1, 2", "SELECT EXTRA FROM GRP", "SELECT 1 WHERE 0", "SELECT 'today'", "SELECT ''"]
)
def test_o3_freshness_that_is_not_one_value_is_an_error(database: SourceDatabase, tmp_path: Path, asked: str) -> None:
    """Nothing, two, or what is neither a time nor a number."""
    (tmp_path / "freshness.sql").write_text(asked, encoding="utf-8")
    with pytest.raises(SourceError, match=r"freshness\.cmis: freshness\.sql must answer one value, a time or a number"):
        read_freshness(database, "cmis", tmp_path / "freshness.sql", BINDS)


def test_freshness_without_its_file_is_an_error_that_names_it(database: SourceDatabase, tmp_path: Path) -> None:
    """As for a table's statement."""
    with pytest.raises(SettingsError, match=r"freshness\.cmis\.sql: there is no file include/sql/freshness\.sql"):
        read_freshness(database, "cmis", tmp_path / "freshness.sql", BINDS)
