"""A source database, opened read-only: one snapshot for all tables read from it, every value as text."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from include.groupsync.errors import SettingsError, SnapshotLost, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.model.frames import TEXT
from include.groupsync.model.identity import WHO_ARE_YOU
from include.groupsync.source import oracle
from include.groupsync.source.arrow_rows import ArrowRows, PostgresRows, SqliteRows
from include.groupsync.source.reader import ANYBODY, Reader
from include.groupsync.source.values import as_text

BATCH_ROWS = 50_000
# PostgreSQL: the snapshot is too old; a standby had to choose between us and what it replays.
_SNAPSHOT_LOST = frozenset({"72000", "40001"})


@dataclass(frozen=True)
class SourceDatabase:
    """A snapshot of one database: what is read from it belongs together.

    ``arrow`` reads its rows in batches; Oracle's driver does that over ``link``.
    """

    connection: DatabaseConnection
    link: sa.Connection
    arrow: ArrowRows | None

    def identity(self) -> str:
        """Who the database itself says it is (rule I1), to be compared with what the settings expect.

        SQLite answers by its stamp table, PostgreSQL by name and system identifier, Oracle by database and
        service name.  A server's address comes with it: a clone keeps all other names.
        """
        questions = WHO_ARE_YOU.get(self.link.dialect.name)
        if questions is None:
            raise SettingsError(
                f"connection {self.connection.conn_id}: {self.link.dialect.name} is not supported;"
                " use a SQLite, PostgreSQL or Oracle URL"
            )
        refused = ""
        for question in questions:
            try:
                with self._leaving_no_trace():
                    return str(self.link.execute(sa.text(question)).scalar_one()) + self._address()
            except SQLAlchemyError as error:
                refused = _short(error)
        return f"no identity ({refused})"

    def _leaving_no_trace(self) -> AbstractContextManager[Any]:
        # A statement that fails spoils the whole of PostgreSQL's transaction.
        return self.link.begin_nested() if self.link.dialect.name == "postgresql" else nullcontext()

    def _address(self) -> str:
        url = sa.make_url(self.connection.url)
        host = url.host or url.query.get("host")
        return f" at {host}{f':{url.port}' if url.port else ''}" if host else ""

    def stamped_environment(self) -> str | None:
        """The environment in the stamp table that the sample generator writes; None without that table."""
        try:
            with self._leaving_no_trace():
                return str(self.link.execute(sa.text("SELECT environment FROM groupsync_stamp")).scalar_one())
        except SQLAlchemyError:
            return None

    def read(self, dataset: str, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table:
        """All rows of the statement; columns as the database names them, each as text.

        Raises SourceError when the answer did not come whole: a part is never returned; SnapshotLost where the
        database could not keep the snapshot for as long as we read.
        """
        try:
            if self.arrow is not None:
                table = self.arrow.read(statement, binds)
            else:
                table = oracle.read_frames(self.link, statement, binds, BATCH_ROWS)
            return table if table is not None else self._read_rows(statement, binds)
        except SQLAlchemyError as error:
            kind = SnapshotLost if _snapshot_is_lost(error) else SourceError
            raise kind(
                f"{dataset}: could not be read over connection {self.connection.conn_id}: {_short(error)}."
                f" Check '{dataset}' in groupsync.yaml and the account's right to read; nothing was written."
            ) from error

    def _read_rows(self, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table:
        result = self.link.execution_options(stream_results=True).execute(statement, dict(binds))
        names = list(result.keys())
        batches = [_batch(names, part) for part in result.partitions(BATCH_ROWS)]
        return pa.Table.from_batches(batches, schema=pa.schema([(name, TEXT) for name in names]))

    def columns(self, dataset: str, table: sa.TableClause) -> list[str]:
        """The table's own column names; SourceError where the table cannot be read."""
        # Before its release 23 Oracle knows no truth value that could stand alone.
        probe = sa.select(sa.text("*")).select_from(table).where(sa.text("1 = 0"))
        names: list[str] = self.read(dataset, probe, {}).column_names
        return names


@contextmanager
def snapshot(connection: DatabaseConnection, project_root: Path, reader: Reader = ANYBODY) -> Iterator[SourceDatabase]:
    """The database as it is at one moment, read-only, until the block ends.

    A relative SQLite path is taken from the project's root.  Raises SettingsError for an URL that is none,
    SourceError when the database refuses or is not there.
    """
    engine = _engine(connection, project_root, reader)
    try:
        link = engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise SourceError(
            f"connection {connection.conn_id}: the database refuses: {_short(error)}."
            " Check the connection's address, account and password in Airflow."
        ) from error
    try:
        with link:
            arrow = _freeze(connection, project_root, link, reader)
            with nullcontext() if arrow is None else closing(arrow):
                yield SourceDatabase(connection, link, arrow)
    finally:
        engine.dispose()


def sqlite_path(url: sa.URL, project_root: Path) -> Path:
    """The file of a SQLite URL, relative paths from the project's root."""
    return project_root / (url.database or "")


def _engine(connection: DatabaseConnection, project_root: Path, reader: Reader) -> sa.Engine:
    try:
        url = sa.make_url(connection.url)
        arguments: dict[str, Any] = {}
        if url.get_backend_name() == "sqlite":
            path = sqlite_path(url, project_root)
            return sa.create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=sa.NullPool)
        if url.get_backend_name() == "oracle":
            url, arguments = oracle.connect_args(url, reader)
            return sa.create_engine(url, connect_args=arguments, poolclass=sa.NullPool, arraysize=oracle.ARRAY_ROWS)
        if url.get_driver_name().startswith("psycopg") and "connect_timeout" not in url.query:
            arguments = {"connect_timeout": ceil(reader.connect_timeout)}
        return sa.create_engine(url, connect_args=arguments, poolclass=sa.NullPool)
    except (SQLAlchemyError, ImportError) as error:
        raise SettingsError(
            f"connection {connection.conn_id}: not a usable database URL ({type(error).__name__});"
            " it reads dialect+driver://account:password@host:port/database"
        ) from None


def _read_only(path: Path) -> sqlite3.Connection:
    # mode=ro: SQLite would answer a missing file with a new, empty database.
    link = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    link.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return link


def _freeze(
    connection: DatabaseConnection, project_root: Path, link: sa.Connection, reader: Reader
) -> ArrowRows | None:
    """One snapshot for all statements of the connection, in which the database itself refuses to write.

    It is the first statement of the transaction, before which Oracle would not have it.  Returns what reads that
    snapshot's rows in batches, where that is not the driver itself.
    """
    try:
        match link.dialect.name:
            case "postgresql":
                link.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                introduction = _FOR_THIS_TRANSACTION.bindparams(**_told(reader))
                link.execute(introduction)
                return PostgresRows(link, introduction)
            case "oracle":
                oracle.introduce(link, reader)
                link.execute(sa.text("SET TRANSACTION READ ONLY"))
            case "sqlite":
                link.exec_driver_sql("BEGIN")
                return SqliteRows(sqlite_path(sa.make_url(connection.url), project_root), BATCH_ROWS)
    except SQLAlchemyError as error:
        raise SourceError(
            f"connection {connection.conn_id}: the database gives no snapshot to read from: {_short(error)}."
        ) from error
    return None


_FOR_THIS_TRANSACTION = sa.text(
    "SELECT set_config('application_name', :name, true), set_config('statement_timeout', :milliseconds, true)"
)


def _told(reader: Reader) -> dict[str, str]:
    words = " ".join(filter(None, (reader.module, reader.action, reader.client)))
    return {"name": words, "milliseconds": str(int(reader.answer_timeout * 1000))}


def _snapshot_is_lost(error: SQLAlchemyError) -> bool:
    own = getattr(error, "orig", None)
    if getattr(own, "pgcode", None) in _SNAPSHOT_LOST:
        return True
    return any(getattr(part, "code", None) in oracle.SNAPSHOT_LOST for part in getattr(own, "args", ()))


def _batch(names: list[str], part: Any) -> pa.RecordBatch:
    columns = zip(*part, strict=True)
    return pa.RecordBatch.from_arrays([pa.array(map(as_text, column), TEXT) for column in columns], names)


def _short(error: Exception) -> str:
    """The database's own words, without the statement and its parameters (rule W3)."""
    own = getattr(error, "orig", None) or error
    return " ".join(str(own).split())[:300]
