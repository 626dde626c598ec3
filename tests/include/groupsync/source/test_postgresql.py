"""A PostgreSQL source: read-only, one snapshot, its own identity (rules O3, I1)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.groupsync.errors import SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.model.freshness import Freshness, parse_freshness
from include.groupsync.settings import Groups
from include.groupsync.source.database import snapshot
from include.groupsync.source.extract import read_dataset, read_freshness
from include.groupsync.source.reader import Reader

pytestmark = pytest.mark.needs("postgresql")
SCRIPT = """
CREATE SCHEMA cmis;
CREATE TABLE cmis.grp (course char(6), idnumber numeric, name text, term text, made timestamp, ok boolean);
CREATE FUNCTION cmis.tidy() RETURNS int LANGUAGE sql AS 'DELETE FROM cmis.grp RETURNING 1';
INSERT INTO cmis.grp VALUES ('C1', 7, 'Å', 'T1', '2026-01-12 09:00', true), ('C2', 8.5, NULL, 'T2', NULL, false);
"""


@pytest.fixture
def writer(postgresql_url: str) -> Iterator[sa.Connection]:
    """Another session of the same database, which may write."""
    engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        link.exec_driver_sql(SCRIPT)
        yield link
    engine.dispose()


@pytest.fixture
def source(postgresql_url: str, writer: sa.Connection) -> DatabaseConnection:
    """The connection that the engine is given."""
    return DatabaseConnection("cmis", postgresql_url)


def test_every_value_comes_as_text(tmp_path: Path, source: DatabaseConnection) -> None:
    """Numbers without needless noughts, padding and all; null stays null."""
    with snapshot(source, tmp_path) as database:
        found = database.read("groups", sa.text("SELECT * FROM cmis.grp ORDER BY idnumber"), {}).to_pylist()
    assert found[0] == {
        "course": "C1    ", "idnumber": "7", "name": "Å", "term": "T1", "made": "2026-01-12 09:00:00", "ok": "1",
    }  # fmt: skip
    assert (found[1]["idnumber"], found[1]["name"], found[1]["ok"]) == ("8.5", None, "0")


def test_the_database_itself_refuses_to_write(tmp_path: Path, source: DatabaseConnection) -> None:
    """A statement that deletes, or calls what deletes, is an error and deletes nothing."""
    for statement, words in (("SELECT cmis.tidy()", "read-only transaction"), ("DELETE FROM cmis.grp", "groups")):
        with snapshot(source, tmp_path) as database, pytest.raises(SourceError, match=words):
            database.read("groups", sa.text(statement), {})
    with snapshot(source, tmp_path) as database:
        assert database.read("groups", sa.text("SELECT 1 FROM cmis.grp"), {}).num_rows == 2


def test_all_tables_of_one_snapshot_belong_together(
    tmp_path: Path, source: DatabaseConnection, writer: sa.Connection
) -> None:
    """What another writes while we read is not seen by half."""
    with snapshot(source, tmp_path) as database:
        database.read("t", sa.text("SELECT 1"), {})
        writer.exec_driver_sql("DELETE FROM cmis.grp")
        assert database.read("groups", sa.text("SELECT 1 FROM cmis.grp"), {}).num_rows == 2


def test_the_database_is_told_who_reads_and_how_long_it_may_take(tmp_path: Path, source: DatabaseConnection) -> None:
    """For the transaction only; an answer that does not come in time is an error (rule O3)."""
    reader = Reader(module="moodle_group_sync", action="extract", client="run-1", answer_timeout=0.2)
    with snapshot(source, tmp_path, reader) as database:
        asked = database.read("t", sa.text("SELECT current_setting('application_name') AS who"), {})
        assert asked.to_pylist() == [{"who": "moodle_group_sync extract run-1"}]
        with pytest.raises(SourceError, match="statement timeout"):
            database.read("t", sa.text("SELECT pg_sleep(20)"), {})


def test_i1_it_says_its_name_and_its_system(tmp_path: Path, source: DatabaseConnection, writer: sa.Connection) -> None:
    """A copy under the same name on another server has another system identifier."""
    name = writer.exec_driver_sql("SELECT current_database()").scalar_one()
    with snapshot(source, tmp_path) as database:
        said = database.identity()
        assert database.stamped_environment() is None
        assert database.read("t", sa.text("SELECT 1"), {}).num_rows == 1
    answered, _, address = said.partition(" at ")
    assert answered.startswith(f"postgresql {name} system ")
    assert answered.rsplit(" ", 1)[1].isdecimal()
    assert address == sa.make_url(source.url).query["host"]


def test_i1_without_the_right_to_the_system_identifier_it_says_that_it_is_missing(
    tmp_path: Path, postgresql_url: str, writer: sa.Connection
) -> None:
    """Some hosts keep it from ordinary accounts: the weaker answer is never the same as the full one."""
    name = writer.exec_driver_sql("SELECT current_database()").scalar_one()
    full = DatabaseConnection("cmis", postgresql_url)
    reader = DatabaseConnection("cmis", postgresql_url.replace("test@", "reader@"))
    writer.exec_driver_sql("DROP ROLE IF EXISTS reader")
    writer.exec_driver_sql("CREATE ROLE reader LOGIN")
    writer.exec_driver_sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        with snapshot(reader, tmp_path) as database, snapshot(full, tmp_path) as owners:
            said = database.identity()
            assert said.startswith(f"postgresql {name} oid ")
            assert " without system identifier at " in said
            assert said != owners.identity()
            assert database.read("t", sa.text("SELECT 1"), {}).num_rows == 1, "the snapshot goes on"
    finally:
        writer.exec_driver_sql("DROP ROLE reader")


def test_i1_its_address_is_part_of_what_it_says_and_the_account_is_not(
    tmp_path: Path, source: DatabaseConnection
) -> None:
    """A clone of a server keeps its names and its system identifier, and lives elsewhere (rule W3: no password)."""
    url = sa.make_url(source.url)
    host = url.query["host"]
    moved = url.set(query={}, host="db.example.ac.uk", port=5432, password="secret").render_as_string(False)
    with snapshot(source, tmp_path) as database:
        here = database.identity()
        elsewhere = replace(database, connection=DatabaseConnection("cmis", moved)).identity()
    assert here.endswith(f" at {host}")
    assert elsewhere.endswith(" at db.example.ac.uk:5432")
    assert "secret" not in elsewhere


def test_a_table_is_read_for_the_runs_term(tmp_path: Path, source: DatabaseConnection) -> None:
    """Over its own schema and with its own column names."""
    columns = {"course": "course", "idnumber": "idnumber", "name": "name", "term": "term"}
    groups = Groups.model_validate({"connection": "cmis", "table": "cmis.grp", "columns": columns})
    with snapshot(source, tmp_path) as database:
        found = read_dataset(database, "groups", groups, tmp_path, {"term": "T1"})
    assert found[["course", "idnumber", "source_row"]].to_dict("records") == [
        {"course": "C1    ", "idnumber": "7", "source_row": 1}
    ]


def test_o3_a_table_that_is_not_there_is_an_error(tmp_path: Path, source: DatabaseConnection) -> None:
    """And not an empty one."""
    groups = Groups.model_validate({"connection": "cmis", "table": "cmis.grps"})
    with snapshot(source, tmp_path) as database, pytest.raises(SourceError, match=r'"cmis\.grps" does not exist'):
        read_dataset(database, "groups", groups, tmp_path, {"term": "T1"})


def test_o3_a_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """The message names the connection."""
    nobody = DatabaseConnection("cmis", f"postgresql+psycopg2://u:secret@/d?host={tmp_path}")
    with pytest.raises(SourceError, match="connection cmis: the database refuses") as refused:
        snapshot(nobody, tmp_path).__enter__()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("SELECT max(made) FROM cmis.grp", datetime(2026, 1, 12, 9, tzinfo=UTC)),
        ("SELECT max(made) AT TIME ZONE 'Europe/Paris' FROM cmis.grp", datetime(2026, 1, 12, 8, tzinfo=UTC)),
        ("SELECT max(idnumber) FROM cmis.grp", Decimal("8.5")),
        ("SELECT count(*) FROM cmis.grp", Decimal(2)),
    ],
)
def test_freshness_is_a_time_or_a_number(
    tmp_path: Path, source: DatabaseConnection, asked: str, answer: Freshness
) -> None:
    """As PostgreSQL's own types come."""
    (tmp_path / "freshness.sql").write_text(asked, encoding="utf-8")
    with snapshot(source, tmp_path) as database:
        text = read_freshness(database, "cmis", tmp_path / "freshness.sql", {})
    assert parse_freshness(text) == answer
