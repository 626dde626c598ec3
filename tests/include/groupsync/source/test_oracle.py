"""A source over Oracle's wire protocol: read-only, one snapshot, told who reads, whole or not at all (rules O3, I1).

The driver and SQLAlchemy are the real ones; the server is described in ``tests/oracle_wire.py``, and is not Oracle.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from include.groupsync.errors import SnapshotLost, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.settings import Groups
from include.groupsync.source.database import snapshot
from include.groupsync.source.extract import read_dataset, read_file
from include.groupsync.source.reader import Reader

if TYPE_CHECKING:
    from tests.oracle_wire import Wire

pytestmark = pytest.mark.needs("the Oracle wire")
READER = Reader(module="moodle_group_sync", action="extract", client="manual__2026-10-12", connect_timeout=5)
TABLE = """
CREATE SCHEMA sync_ro;
CREATE TABLE sync_ro.grp (course char(6), idnumber numeric, name varchar(20), big numeric, made timestamp);
INSERT INTO sync_ro.grp VALUES ('C1', 7, 'Å', 10000000000000001, '2026-01-12 09:00'), ('C2', 8.5, NULL, 0, NULL);
"""


@pytest.fixture(scope="module")
def wire(postgresql_server: str) -> "Iterator[Wire]":
    from tests import oracle_wire

    with oracle_wire.serving(postgresql_server, "cmis") as served:
        served.edit(TABLE)
        yield served


@pytest.fixture
def source(wire: "Wire") -> DatabaseConnection:
    wire.statements.clear()
    wire.introductions.clear()
    return DatabaseConnection("cmis", wire.url)


def test_every_value_comes_as_text(tmp_path: Path, source: DatabaseConnection) -> None:
    """Numbers exactly, without needless noughts; padding and all; null stays null."""
    with snapshot(source, tmp_path, READER) as database:
        found = database.read("groups", sa.text("SELECT * FROM grp ORDER BY idnumber"), {}).to_pylist()
        strict = database.read(
            "groups", sa.text("SELECT course, big FROM grp WHERE big < :big"), {"big": 1}
        ).to_pylist()
        fractions = database.read("t", sa.text("SELECT idnumber, name FROM grp ORDER BY idnumber"), {}).to_pylist()
        long = database.read("t", sa.text("SELECT idnumber / 3 AS third FROM grp WHERE big > 1"), {}).to_pylist()
        none = database.read("t", sa.text("SELECT course, big FROM grp WHERE big < 0"), {})
    assert found == [
        {"course": "C1    ", "idnumber": "7", "name": "Å", "big": "10000000000000001", "made": "2026-01-12 09:00:00"},
        {"course": "C2    ", "idnumber": "8.5", "name": None, "big": "0", "made": None},
    ]
    assert fractions == [{"idnumber": "7", "name": "Å"}, {"idnumber": "8.5", "name": None}]
    assert long[0]["third"].startswith("2.3333333333333")
    assert (none.column_names, none.num_rows) == (["course", "big"], 0)
    assert strict == [{"course": "C2    ", "big": "0"}]


def test_the_read_only_transaction_is_the_first_statement(
    tmp_path: Path, wire: "Wire", source: DatabaseConnection
) -> None:
    """And the database itself refuses to write in it."""
    with snapshot(source, tmp_path, READER) as database:
        database.read("t", sa.text("SELECT course FROM grp"), {})
        with pytest.raises(SourceError, match="ORA-01456"):
            database.read("t", sa.text("DELETE FROM grp"), {})
        assert database.read("t", sa.text("SELECT course FROM grp"), {}).num_rows == 2
    began = [number for number, sql in enumerate(wire.statements) if sql.startswith("SET TRANSACTION READ ONLY")]
    assert len(began) == 1
    assert not any("grp" in sql for sql in wire.statements[: began[0]])


def test_all_tables_of_one_snapshot_belong_together(tmp_path: Path, wire: "Wire", source: DatabaseConnection) -> None:
    """What another connection deletes while we read is not seen by half."""
    wire.edit("CREATE TABLE mem AS SELECT course FROM grp")
    with snapshot(source, tmp_path, READER) as database:
        assert database.read("groups", sa.text("SELECT course FROM grp"), {}).num_rows == 2
        wire.edit("DELETE FROM mem")
        assert database.read("memberships", sa.text("SELECT course FROM mem"), {}).num_rows == 2
    with snapshot(source, tmp_path, READER) as database:
        assert database.read("memberships", sa.text("SELECT course FROM mem"), {}).num_rows == 0


def test_the_database_is_told_who_reads(tmp_path: Path, wire: "Wire", source: DatabaseConnection) -> None:
    """DAG, task and run, as far as Oracle keeps them."""
    with snapshot(source, tmp_path, replace(READER, client="å" * 40)):
        assert wire.introductions == [
            {"module": "moodle_group_sync", "action": "extract", "client_identifier": "å" * 32}
        ]


def test_i1_it_says_its_name_its_service_and_its_address(
    tmp_path: Path, wire: "Wire", source: DatabaseConnection
) -> None:
    """And never the account's password."""
    with snapshot(source, tmp_path, READER) as database:
        assert database.identity() == f"oracle CMIS service CMIS at 127.0.0.1:{wire.port}"
        assert database.stamped_environment() is None


def test_o3_a_wrong_password_is_an_error(tmp_path: Path, wire: "Wire") -> None:
    """In the database's own words, without the password that was tried."""
    wrong = DatabaseConnection("cmis", wire.url.replace("s3cret", "wr0ng"))
    with pytest.raises(SourceError, match="connection cmis: the database refuses: ORA-01017") as refused:
        snapshot(wrong, tmp_path, READER).__enter__()
    assert "wr0ng" not in str(refused.value)


def test_o3_a_table_that_is_not_there_is_an_error(tmp_path: Path, source: DatabaseConnection) -> None:
    """And not an empty one."""
    groups = Groups.model_validate({"connection": "cmis", "table": "grps"})
    with snapshot(source, tmp_path, READER) as database, pytest.raises(SourceError, match="ORA-00942"):
        read_dataset(database, "groups", groups, tmp_path, {"term": "T1"})


def test_a_table_is_read_for_the_runs_term_and_a_list_is_a_bind(tmp_path: Path, source: DatabaseConnection) -> None:
    """By its own column names, and by a statement with a list."""
    groups = {"connection": "cmis", "table": "grp", "columns": {"name": "NAME", "term": "course"}}
    (tmp_path / "some.sql").write_text("SELECT course, idnumber FROM grp WHERE TRIM(course) IN :periods")
    with snapshot(source, tmp_path, READER) as database:
        read = read_dataset(database, "groups", Groups.model_validate(groups), tmp_path, {"term": "C1    "})
        listed = read_file(database, "groups", tmp_path / "some.sql", {"periods": ["C1", "C2"]})
    assert read[["course", "idnumber", "name"]].to_dict("records") == [
        {"course": "C1    ", "idnumber": "7", "name": "Å"}
    ]
    assert listed.column("idnumber").to_pylist() == ["7", "8.5"]


def test_o3_a_listener_that_is_down_is_an_error(tmp_path: Path) -> None:
    """The message names the connection."""
    from tests.world import closed_port

    nobody = DatabaseConnection("cmis", f"oracle+oracledb://u:p@127.0.0.1:{closed_port()}/?service_name=CMIS")
    with pytest.raises(SourceError, match="connection cmis: the database refuses: DPY-6005"):
        snapshot(nobody, tmp_path, READER).__enter__()


def test_o3_a_connection_that_breaks_in_the_middle_is_an_error(
    tmp_path: Path, wire: "Wire", source: DatabaseConnection
) -> None:
    """A part is never returned."""
    wire.once("FROM grp", wire.drop)
    with snapshot(source, tmp_path, READER) as database, pytest.raises(SourceError, match="DPY-4011") as broken:
        database.read("groups", sa.text("SELECT course FROM grp"), {})
    assert type(broken.value) is SourceError


def test_o3_an_answer_that_does_not_come_in_time_is_an_error(tmp_path: Path, source: DatabaseConnection) -> None:
    """``sources.answer_timeout`` is for each call."""
    hasty = replace(READER, answer_timeout=0.5)
    slow = sa.text("SELECT COUNT(*) AS n FROM grp a, grp b WHERE pg_sleep(3) IS NOT NULL")
    with snapshot(source, tmp_path, hasty) as database, pytest.raises(SourceError, match="DPY-40"):
        database.read("groups", slow, {})


@pytest.mark.parametrize("code", [1555, 1466, 8176])
def test_a_snapshot_that_oracle_could_not_keep_has_an_error_of_its_own(
    tmp_path: Path, wire: "Wire", source: DatabaseConnection, code: int
) -> None:
    """Undo overwritten, or the table changed: only another snapshot helps."""
    wire.refuse("FROM grp", code, "snapshot too old")
    with snapshot(source, tmp_path, READER) as database, pytest.raises(SnapshotLost, match=f"ORA-0{code}"):
        database.read("groups", sa.text("SELECT course FROM grp"), {})
