"""Rows in Arrow batches are the rows that are read value by value, in the same snapshot (rules O3, K4)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.errors import SnapshotLost, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.source.arrow_rows import SqliteRows
from include.groupsync.source.database import SourceDatabase, snapshot

# A fraction is told to 15 digits by SQLite, and to 17 by Python.
VALUES = st.one_of(
    st.none(),
    st.text(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**53), 2**53).map(float),
    st.integers(-999, 999).map(lambda n: n / 8),
    st.binary(max_size=5),
)


def by_one(database: SourceDatabase, statement: sa.Executable) -> pa.Table:
    """The other way."""
    return database._read_rows(statement, {})


@given(rows=st.lists(st.tuples(VALUES, VALUES), max_size=12))
def test_sqlites_values_are_the_same_whatever_a_column_holds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, object]]
) -> None:
    """SQLite's columns have no type: a text may come after a thousand numbers, and a blob after both."""
    folder = tmp_path_factory.mktemp("rows")
    link = sqlite3.connect(folder / "x.db")
    link.execute('CREATE TABLE t ("Group", b TEXT)')
    link.executemany("INSERT INTO t VALUES (?, ?)", rows)
    link.commit()
    link.close()
    statement = sa.text('SELECT "Group", b FROM t ORDER BY rowid DESC -- the last first')
    with snapshot(DatabaseConnection("cmis", "sqlite:///x.db"), folder) as database:
        assert database.arrow is not None
        assert database.arrow.read(statement, {}) == by_one(database, statement)


def test_sqlites_columns_take_their_type_from_no_batch(tmp_path: Path) -> None:
    """What is null, or a number, for as long as a batch may be text in the next."""
    link = sqlite3.connect(tmp_path / "x.db")
    link.execute("CREATE TABLE t (a, b)")
    link.executemany("INSERT INTO t VALUES (?, ?)", [(None, 7)] * 9 + [("é", "x"), (b"\xff", 2**60 + 1), (8.0, None)])
    link.commit()
    link.close()
    found = SqliteRows(tmp_path / "x.db", batch_rows=4).read(sa.text("SELECT * FROM t"), {})
    assert found is not None
    assert found.column("a").to_pylist() == [None] * 9 + ["é", "\ufffd", "8"]
    assert found.column("b").to_pylist() == ["7"] * 9 + ["x", str(2**60 + 1), None]


def test_sqlites_answer_with_one_name_twice_is_left_to_the_other_way(tmp_path: Path) -> None:
    """It would come with another name, and nobody would be told."""
    sqlite3.connect(tmp_path / "x.db").close()
    statement = sa.text("SELECT 1 AS a, 2 AS a")
    with snapshot(DatabaseConnection("cmis", "sqlite:///x.db"), tmp_path) as database:
        assert database.arrow is not None
        assert database.arrow.read(statement, {}) is None
        assert database.read("groups", statement, {}).column_names == ["a", "a"]


@pytest.fixture
def writer(postgresql_url: str) -> Iterator[sa.Connection]:
    """Another session of the same database, which may write."""
    engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        yield link
    engine.dispose()


@pytest.mark.needs("postgresql")
def test_postgresqls_values_are_the_same(tmp_path: Path, postgresql_url: str, writer: sa.Connection) -> None:
    """Of every type in which a key may stand."""
    writer.exec_driver_sql("CREATE TYPE mood AS ENUM ('lecture', 'lab'); CREATE DOMAIN code AS varchar(9)")
    writer.exec_driver_sql(
        "CREATE TABLE t (a char(6), b varchar(9), c text, d name, e mood, f code, g int2, h int4, i int8, j numeric,"
        " k numeric(9, 2), l float8, m bool, n date, o timestamp, p bytea)"
    )
    writer.exec_driver_sql(
        "INSERT INTO t VALUES ('C1', '%% :x', 'Å', 'n', 'lab', 'f', 1, 2, 1152921504606846977, 7.0, 8.5, 7, true,"
        r" '2026-01-12', '2026-01-12 09:00:00.25', '\x41ff'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('', '', '', '', 'lecture', '', -1, -2, -3, 'NaN', 0, 0.1, false,"
        " '2026-10-25', '2026-10-25 01:30', '')"
    )
    statement = sa.text("SELECT * FROM t")
    with snapshot(DatabaseConnection("cmis", postgresql_url), tmp_path) as database:
        assert database.arrow is not None
        assert database.arrow.read(statement, {}) == by_one(database, statement)


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4000000000::oid", "4000000000"),
        ("4.5::money", "$4.50"),
        ("1.1::float4", "1.1"),
        ("'10.0.0.1'::inet", "10.0.0.1"),
        ("'2026-01-12 09:00+02'::timestamptz", "2026-01-12 07:00:00+00:00"),
    ],
)
def test_a_type_that_would_not_come_the_same_is_read_value_by_value(
    tmp_path: Path, postgresql_url: str, value: str, text: str
) -> None:
    """The driver would tell an oid as a negative number, and money in pence."""
    statement = sa.text(f"SELECT {value.replace('::', chr(92) + ':' + chr(92) + ':')} AS a")
    with snapshot(DatabaseConnection("cmis", postgresql_url), tmp_path) as database:
        assert database.arrow is not None
        assert database.arrow.read(statement, {}) is None
        assert database.read("groups", statement, {}).column("a").to_pylist() == [text]


@pytest.mark.needs("postgresql")
def test_binds_arrive_as_they_are(tmp_path: Path, postgresql_url: str) -> None:
    """They are written out, quotes, colons and all."""
    statement = sa.text("SELECT :a AS a, 'x%' AS b WHERE :c IN :list").bindparams(
        sa.bindparam("list", type_=sa.String, expanding=True)
    )
    binds = {"a": "O'Brien \\ :a %s", "c": "T1", "list": ["T1", "T'2"]}
    for url in (postgresql_url, "sqlite:///x.db"):
        sqlite3.connect(tmp_path / "x.db").close()
        with snapshot(DatabaseConnection("cmis", url), tmp_path) as database:
            assert database.arrow is not None
            assert database.arrow.read(statement, binds).to_pylist() == [{"a": binds["a"], "b": "x%"}]


@pytest.mark.needs("postgresql")
def test_the_batches_are_of_the_snapshot_and_not_of_the_moment(
    tmp_path: Path, postgresql_url: str, writer: sa.Connection
) -> None:
    """The second connection is made by the first read, long after the snapshot, and after what failed in between."""
    writer.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS a")
    with snapshot(DatabaseConnection("cmis", postgresql_url), tmp_path) as database:
        assert database.stamped_environment() is None
        writer.exec_driver_sql("DELETE FROM t")
        assert database.arrow is not None
        assert database.arrow.read(sa.text("SELECT a FROM t"), {}).num_rows == 1


@pytest.mark.needs("postgresql")
def test_where_no_second_connection_is_granted_rows_are_read_one_by_one(
    tmp_path: Path, postgresql_url: str, writer: sa.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It is slower, and the log says so."""
    writer.exec_driver_sql("DROP ROLE IF EXISTS lonely")
    writer.exec_driver_sql("CREATE ROLE lonely LOGIN CONNECTION LIMIT 1")
    try:
        source = DatabaseConnection("cmis", postgresql_url.replace("test@", "lonely@"))
        with snapshot(source, tmp_path) as database:
            assert database.read("groups", sa.text("SELECT 'x' AS a"), {}).to_pylist() == [{"a": "x"}]
            assert database.read("groups", sa.text("SELECT 'y' AS a"), {}).to_pylist() == [{"a": "y"}]
    finally:
        writer.exec_driver_sql("DROP ROLE lonely")
    told = [record.getMessage() for record in caplog.records if "one by one" in record.getMessage()]
    assert len(told) == 1, "once is enough"
    assert 'too many connections for role "lonely"' in told[0]


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(("code", "error"), [("72000", SnapshotLost), ("40001", SnapshotLost), ("22012", SourceError)])
@pytest.mark.parametrize("arrow", [True, False])
def test_a_lost_snapshot_is_known_by_its_code(
    tmp_path: Path, postgresql_url: str, writer: sa.Connection, code: str, error: type[SourceError], arrow: bool
) -> None:
    """Too old, or in the way of what a standby replays: then all is read again (rule O3)."""
    writer.exec_driver_sql(
        "CREATE FUNCTION lose() RETURNS {} LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '{}'; END $$".format("text" if arrow else "money", code)
    )
    source = DatabaseConnection("cmis", postgresql_url)
    with snapshot(source, tmp_path) as database, pytest.raises(SourceError, match="gone") as refused:
        database.read("groups", sa.text("SELECT lose() AS a WHERE 'secret' <> ''"), {})
    assert type(refused.value) is error
    assert "secret" not in str(refused.value)
