"""A source database, opened read-only: missing is not empty, and every value is text (rules O3, I1)."""

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.groupsync.errors import SettingsError, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.source.database import BATCH_ROWS, snapshot
from include.groupsync.source.values import as_text


def connection(path: Path | str) -> DatabaseConnection:
    return DatabaseConnection("cmis", f"sqlite:///{path}")


def make(path: Path, script: str) -> DatabaseConnection:
    link = sqlite3.connect(path)
    link.executescript(script)
    link.close()
    return connection(path)


@pytest.mark.parametrize("name", ["nowhere.db", "no/folder/x.db", ""])
def test_o3_a_missing_file_is_an_error_and_never_an_empty_database(tmp_path: Path, name: str) -> None:
    """SQLite would make one; nothing is left behind."""
    with pytest.raises(SourceError, match="connection cmis: the database refuses"):
        snapshot(connection(name), tmp_path).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_o3_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    """A truncated or foreign file is not an empty table."""
    (tmp_path / "x.db").write_bytes(b"not a database at all" * 100)
    with snapshot(connection("x.db"), tmp_path) as database, pytest.raises(SourceError):
        database.read("groups", sa.text("SELECT * FROM t"), {})


@pytest.mark.parametrize(
    "statement", ["INSERT INTO t VALUES (2)", "DELETE FROM t", "DROP TABLE t", "CREATE TABLE u (a)", "UPDATE t SET a=2"]
)
def test_the_database_itself_refuses_to_write(tmp_path: Path, statement: str) -> None:
    """Whatever a statement file says, the source stays as it is."""
    path = tmp_path / "x.db"
    source = make(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    with snapshot(source, tmp_path) as database, pytest.raises(SourceError, match="readonly"):
        database.read("groups", sa.text(statement), {})
    assert sqlite3.connect(path).execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_relative_path_is_taken_from_the_projects_root(tmp_path: Path) -> None:
    """Wherever the process was started, and whatever characters the folder has."""
    folder = tmp_path / "a ? # % folder"
    folder.mkdir()
    make(folder / "x.db", "CREATE TABLE t (a); INSERT INTO t VALUES ('here');")
    with snapshot(connection("x.db"), folder) as database:
        assert database.read("groups", sa.text("SELECT a FROM t"), {}).to_pylist() == [{"a": "here"}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("  padded ", "  padded "),
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (7.5, "7.5"),
        (True, "1"),
        (Decimal("12.00"), "12"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (2**60 + 1, str(2**60 + 1)),
        ("Å".encode(), "Å"),
        (b"\xff7", "\ufffd7"),
    ],
)
def test_every_value_becomes_the_text_that_a_person_would_write(value: object, text: str | None) -> None:
    """Oracle's NUMBER comes as a float: ``7.0`` is the key ``7``."""
    assert as_text(value) == text


def test_k4_text_that_is_not_utf8_is_read_and_can_be_recognised(tmp_path: Path) -> None:
    """One bad byte spoils one value, not the table."""
    source = make(tmp_path / "x.db", "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'41ff' AS TEXT)), ('B');")
    with snapshot(source, tmp_path) as database:
        assert database.read("groups", sa.text("SELECT a AS A FROM t"), {}).to_pylist() == [
            {"A": "A\ufffd"},
            {"A": "B"},
        ]


def test_a_table_of_more_than_one_batch_comes_whole(tmp_path: Path) -> None:
    """In its order, without a row lost where batches meet."""
    count = BATCH_ROWS + 1
    source = make(tmp_path / "x.db", "CREATE TABLE t (a INTEGER PRIMARY KEY);")
    writer = sqlite3.connect(tmp_path / "x.db")
    writer.executemany("INSERT INTO t VALUES (?)", ([i] for i in range(1, count + 1)))
    writer.commit()
    writer.close()
    with snapshot(source, tmp_path) as database:
        found = database.read("groups", sa.text("SELECT a FROM t"), {}).column("a").to_pylist()
    assert found == [str(i) for i in range(1, count + 1)]


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    """No rows is an answer, and it says which columns there would be."""
    source = make(tmp_path / "x.db", "CREATE TABLE t (COURSE, Name);")
    with snapshot(source, tmp_path) as database:
        found = database.read("groups", sa.text("SELECT * FROM t"), {})
        assert (found.num_rows, found.column_names) == (0, ["COURSE", "Name"])
        assert database.columns("groups", sa.table("t")) == ["COURSE", "Name"]


def test_all_tables_of_one_snapshot_belong_together(tmp_path: Path) -> None:
    """What another writes while we read is not seen by half."""
    path = tmp_path / "x.db"
    source = make(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (a); CREATE TABLE u (a); INSERT INTO t VALUES (1);")
    writer = sqlite3.connect(path)
    with snapshot(source, tmp_path) as database:
        assert database.read("t", sa.text("SELECT a FROM t"), {}).num_rows == 1
        writer.execute("INSERT INTO u VALUES (1)")
        writer.commit()
        assert database.read("u", sa.text("SELECT a FROM u"), {}).num_rows == 0
    writer.close()


def test_o3_a_statement_that_fails_is_an_error_with_the_databases_own_words(tmp_path: Path) -> None:
    """Neither the statement nor its values are repeated in the message."""
    source = make(tmp_path / "x.db", "CREATE TABLE t (a);")
    with snapshot(source, tmp_path) as database, pytest.raises(SourceError) as refused:
        database.read("memberships", sa.text("SELECT secret FROM t WHERE a = :who"), {"who": "ann"})
    assert "memberships: could not be read over connection cmis: no such column: secret" in str(refused.value)
    assert "ann" not in str(refused.value)


def test_i1_a_stamped_database_says_whose_it_is(tmp_path: Path) -> None:
    """The sample generator's stamp is both its identity and its environment."""
    source = make(
        tmp_path / "x.db",
        "CREATE TABLE groupsync_stamp (environment); INSERT INTO groupsync_stamp VALUES ('sandbox');",
    )
    with snapshot(source, tmp_path) as database:
        assert database.identity() == "sqlite sandbox"
        assert database.stamped_environment() == "sandbox"


def test_i1_a_database_without_stamp_has_no_identity_and_can_still_be_read(tmp_path: Path) -> None:
    """It says so, and agrees with nothing."""
    source = make(tmp_path / "x.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    with snapshot(source, tmp_path) as database:
        assert database.identity().startswith("no identity (")
        assert database.stamped_environment() is None
        assert database.read("t", sa.text("SELECT a FROM t"), {}).num_rows == 1


@pytest.mark.parametrize("url", ["", "not a url", "nosuch://u:secret@h/d", "oracle+nosuch://u:secret@h/d"])
def test_a_url_that_is_none_is_a_setting_to_correct(tmp_path: Path, url: str) -> None:
    """The message names the connection and never the password (rule W3)."""
    with pytest.raises(SettingsError, match="connection cmis: not a usable database URL") as refused:
        snapshot(DatabaseConnection("cmis", url), tmp_path).__enter__()
    assert "secret" not in str(refused.value)


def test_w3_a_connection_does_not_show_its_password() -> None:
    """Not even where somebody prints it."""
    assert "secret" not in repr(DatabaseConnection("cmis", "postgresql://u:secret@h/d"))
