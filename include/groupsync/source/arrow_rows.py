"""Rows of PostgreSQL and SQLite as Arrow batches, by ADBC: a fifth of the processor time of one object a value.

The values are the text of ``as_text``, as if read one by one.  Where ADBC would tell one differently, or does not
serve, the answer is None and the statement has to be read value by value: slower, and never another answer.
"""

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from include.groupsync.model.frames import TEXT
from include.groupsync.source.values import as_text

log = logging.getLogger(__name__)
# psycopg2's parameter style would double each per cent sign.
_POSTGRESQL: sa.Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
_SQLITE = sqlite.dialect(paramstyle="named")


class ArrowRows(ABC):
    """Reads one snapshot over a connection of its own, opened by the first read."""

    def __init__(self) -> None:
        self._connection: Any = None

    def read(self, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table | None:
        """All rows of the statement, every column as text; None where that needs another way.

        Raises SQLAlchemy's DatabaseError where the database refuses.
        """
        if self._connection is None:
            self._connection = self._connect() or False
        if self._connection is False:
            return None
        with self._connection.cursor() as cursor:
            return self._read(cursor, statement, binds)

    def close(self) -> None:
        """End the snapshot."""
        if self._connection:
            self._connection.close()

    @abstractmethod
    def _connect(self) -> Any:
        """A connection that is in the snapshot; None where there can be none."""

    @abstractmethod
    def _read(self, cursor: Any, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table | None: ...


class PostgresRows(ArrowRows):
    """In the very snapshot of ``link``; ``introduction`` tells the transaction who reads, and for how long.

    To be made before any savepoint, from which PostgreSQL would not let a snapshot be shared.
    """

    # What is the same by either way.  float4 is not, whose short form is PostgreSQL's own, nor timestamptz, told in
    # the session's zone; money and oid would even be other numbers.
    _SAME = frozenset({"int2", "int4", "int8", "bool", "numeric", "float8", "date", "timestamp", "bytea"})

    def __init__(self, link: sa.Connection, introduction: sa.TextClause):
        super().__init__()
        self._engine, self._introduction = link.engine, introduction
        self._snapshot = link.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()

    def _connect(self) -> Any:
        import adbc_driver_postgresql.dbapi as driver
        from psycopg2.extensions import make_dsn

        address = self._engine.dialect.create_connect_args(self._engine.url)[1]
        try:
            connection = driver.connect(make_dsn(**address))
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
                cursor.execute(_sql(self._introduction, {}, _POSTGRESQL))
        except driver.Error as error:
            log.warning("rows are read one by one: no second connection to the snapshot (%s)", _words(error))
            return None
        return connection

    def _read(self, cursor: Any, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table | None:
        # A parameter of its own would keep the driver from PostgreSQL's COPY.
        sql = _sql(statement, binds, _POSTGRESQL)
        with _as_sqlalchemys():
            schema = cursor.adbc_execute_schema(sql)
            if not schema.names or not all(map(self._is_the_same, schema)):
                return None
            cursor.execute(sql)
            return _table(schema.names, cursor.fetch_arrow_table())

    def _is_the_same(self, field: pa.Field) -> bool:
        kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
        return kind in self._SAME or field.type == TEXT


class SqliteRows(ArrowRows):
    """The snapshot is this connection's own; the file is opened read-only."""

    # Each value as SQLite writes it, but 7.0 as the key 7 that it is.
    _TEXT = (
        "CASE WHEN typeof({0}) <> 'real' THEN {0} WHEN {0} = CAST({0} AS INTEGER) THEN CAST({0} AS INTEGER)"
        " ELSE CAST({0} AS TEXT) END"
    )
    # SQLite's own names where an answer has one name twice.
    _TWICE = re.compile(r":\d+$")

    def __init__(self, path: Path, batch_rows: int):
        super().__init__()
        self._path, self._batch_rows = path, batch_rows

    def _connect(self) -> Any:
        import adbc_driver_sqlite.dbapi as driver

        return driver.connect(f"{self._path.absolute().as_uri()}?mode=ro")

    def _read(self, cursor: Any, statement: sa.Executable, binds: Mapping[str, Any]) -> pa.Table | None:
        import adbc_driver_sqlite.dbapi as driver

        sql = _sql(statement, binds, _SQLITE)
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": self._batch_rows})
        try:
            cursor.execute(f"SELECT * FROM ({sql}\n) LIMIT 0")  # noqa: S608 - include/sql
            names = [column[0] for column in cursor.description or ()]
            if any(map(self._TWICE.search, names)):
                return None
            quoted = ['"' + name.replace('"', '""') + '"' for name in names]
            # The driver takes a column's type from what comes first, and all of it in that type: so text comes first.
            first = ", ".join(f"'' AS {name}" for name in quoted)
            rest = ", ".join(self._TEXT.format(name) for name in quoted)
            cursor.execute(f"SELECT {first} UNION ALL SELECT {rest} FROM ({sql}\n)")  # noqa: S608
            return _table(names, cursor.fetch_arrow_table()).slice(1)
        except driver.Error:
            return None  # the way that is left says it in the database's own words


def _sql(statement: sa.Executable, binds: Mapping[str, Any], dialect: sa.Dialect) -> str:
    """The statement with its binds, which are texts of the calendar, written out."""
    filled: Any = statement
    filled = filled.bindparams(**binds) if isinstance(statement, sa.TextClause) else filled.params(**binds)
    return str(filled.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _table(names: list[str], read: pa.Table) -> pa.Table:
    columns = [pa.chunked_array(map(_text, column.chunks), TEXT) for column in read.columns]
    return pa.table(columns, schema=pa.schema([(name, TEXT) for name in names]))


def _text(column: pa.Array) -> pa.Array:
    storage = column.storage if isinstance(column.type, pa.BaseExtensionType) else column
    if storage is column and column.type == TEXT:
        return _decoded(column)
    if pa.types.is_integer(column.type):
        return column.cast(TEXT)
    # A numeric comes as its digits, in a type that says so.
    encoded = storage.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    if storage is not column:
        values = [value if value is None else Decimal(value) for value in values]
    return pa.array(map(as_text, values), TEXT).take(encoded.indices)


def _decoded(column: pa.Array) -> pa.Array:
    """Bytes that are no UTF-8 become the mark by which they are recognised (rule K4)."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(map(as_text, column.cast(pa.binary()).to_pylist()), TEXT)
    return column


@contextmanager
def _as_sqlalchemys() -> Iterator[None]:
    """The driver's errors as SQLAlchemy's, by whose code a lost snapshot is known."""
    import adbc_driver_postgresql.dbapi as driver

    try:
        yield
    except driver.Error as error:
        raise sa.exc.DatabaseError(None, None, _Refused(_words(error), error.sqlstate)) from error


class _Refused(Exception):
    """What a DatabaseError carries, as if it were psycopg2's own."""

    def __init__(self, words: str, pgcode: str | None):
        super().__init__(words)
        self.pgcode = pgcode


def _words(error: Any) -> str:
    """PostgreSQL's own; the driver's have the statement in them (rule W3)."""
    told = {key: value.decode("utf-8", "replace") for key, value in error.details}
    return told.get("PG_DIAG_MESSAGE_PRIMARY") or str(error).partition("\n")[0]
