"""The site's SQLite file behind the few calls Moodle makes of its database, with PostgreSQL's limits."""

import contextlib
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.moodle.errors import MissingRecord, WriteError

Row = dict[str, Any]

# varchar lengths PostgreSQL enforces, in characters.
_LENGTHS = {
    "groups": {"name": 254, "idnumber": 100, "enrolmentkey": 50},
    "groupings": {"name": 255, "idnumber": 100},
    "course": {"fullname": 254, "shortname": 255, "idnumber": 100},
    "user": {
        "username": 100, "firstname": 100, "lastname": 100, "email": 100, "idnumber": 255,
        "department": 255, "institution": 255, "city": 120, "country": 2, "phone1": 20, "phone2": 20,
    },
}  # fmt: skip
_SMALLINT_COLUMNS = {"descriptionformat", "summaryformat", "groupmode", "groupmodeforce", "visible"}


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a site's file, in autocommit, usable from any thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    connection.row_factory = lambda cursor, row: {d[0]: v for d, v in zip(cursor.description, row, strict=True)}
    connection.create_function("unicode_like", 2, _like, deterministic=True)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _like(value: str, pattern: str) -> bool:
    """ILIKE of PostgreSQL, backslash escapes included; SQLite's own LIKE folds only ASCII."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL) is not None


class Database:
    """One connection: Moodle's get_record, insert_record and friends; table names go without the prefix."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last_ids: dict[str, int] = {}

    def all(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Every row of a query."""
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Row | None:
        """The first row of a query."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def exists(self, sql: str, values: Sequence[Any] = ()) -> bool:
        """Whether a query has any row."""
        return self.one(sql, values) is not None

    def among(self, sql: str, values: Sequence[Any]) -> list[Row]:
        """Rows of a query whose {} stands for a list of values, however long."""
        rows: list[Row] = []
        for start in range(0, len(values), 30_000):
            part = values[start : start + 30_000]
            rows += self.all(sql.format(",".join("?" * len(part))), part)
        return rows

    def find(self, table: str, **conditions: Any) -> Row | None:
        """The first row of a table with these values."""
        where = " AND ".join(f'"{name}" = ?' for name in conditions)
        return self.one(f"SELECT * FROM mdl_{table} WHERE {where} ORDER BY id LIMIT 1", [*conditions.values()])

    def must_find(self, table: str, **conditions: Any) -> Row:
        """The row of a table with these values, or MissingRecord."""
        row = self.find(table, **conditions)
        if row is None:
            where = " AND ".join(f"{name} = ?" for name in conditions)
            raise MissingRecord(table, f"SELECT * FROM {{{table}}} WHERE {where}\n[{[*conditions.values()]}]")
        return row

    def insert(self, table: str, row: Row) -> int:
        """Insert a row and return its id. As in PostgreSQL an id is never given twice, rolled back or not."""
        _check_row(table, row)
        new_id = self._next_id(table)
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * (len(row) + 1))
        self.execute(f"INSERT INTO mdl_{table} (id, {names}) VALUES ({marks})", [new_id, *row.values()])
        return new_id

    def update(self, table: str, row_id: int, changes: Row) -> None:
        """Set columns of one row."""
        _check_row(table, changes)
        if changes:
            sets = ", ".join(f'"{name}" = ?' for name in changes)
            self.execute(f"UPDATE mdl_{table} SET {sets} WHERE id = ?", [*changes.values(), row_id])

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Any other writing statement."""
        try:
            self._connection.execute(sql, values)
        except (sqlite3.IntegrityError, OverflowError) as error:
            raise WriteError(str(error)) from None

    def insert_many(self, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert many rows at once; the database gives the ids."""
        marks = ", ".join("?" * len(names))
        self._connection.executemany(f"INSERT INTO mdl_{table} ({', '.join(names)}) VALUES ({marks})", rows)

    def _next_id(self, table: str) -> int:
        stored = self.one("SELECT seq FROM sqlite_sequence WHERE name = ?", [f"mdl_{table}"])
        self._last_ids[table] = max(self._last_ids.get(table, 0), stored["seq"] if stored else 0) + 1
        return self._last_ids[table]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction a savepoint."""
        if self._connection.in_transaction:
            begin, commit, undo = "SAVEPOINT item", "RELEASE item", "ROLLBACK TO item"
        else:
            begin, commit, undo = "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute(undo)
            raise
        self._connection.execute(commit)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _check_row(table: str, row: Row) -> None:
    for name, limit in _LENGTHS.get(table, {}).items():
        if isinstance(row.get(name), str) and len(row[name]) > limit:
            raise WriteError(f"ERROR:  value too long for type character varying({limit})\n{table}.{name}")
    for name in _SMALLINT_COLUMNS & row.keys():
        if isinstance(row[name], int) and abs(row[name]) > 32767:
            raise WriteError(f'ERROR:  value "{row[name]}" is out of range for type smallint')


class Pool:
    """One writing connection behind a lock, and a reading one per thread that sees only what is committed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Database(connect(path))
        self._lock = threading.Lock()
        self._local = threading.local()
        self._readers: list[Database] = []

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        """The writing connection, for one caller at a time."""
        with self._lock:
            yield self._writer

    def reading(self) -> Database:
        """This thread's reading connection."""
        database: Database | None = getattr(self._local, "database", None)
        if database is None:
            database = self._local.database = Database(connect(self._path))
            self._readers.append(database)
        return database

    def close(self) -> None:
        """Close every connection."""
        for database in [*self._readers, self._writer]:
            database.close()
