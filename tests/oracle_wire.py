"""Servers that speak Oracle's wire protocol, with PostgreSQL and orafce behind them.

python-oracledb in thin mode and SQLAlchemy talk to them as they would to Oracle: negotiation, log-in, binds, types,
fetches, TLS.  Their SQL is PostgreSQL's with Oracle's functions: they show the wire, not Oracle's optimiser or undo.
Where they differ from Oracle in what the sync relies on, the difference is closed here: a read-only transaction is
one snapshot until it ends, and refuses to write with Oracle's own number.

    with running() as address, oracle_wire.serving(address, "cmis") as wire:
        wire.fill(generate("small"), CMIS)
        snapshot(DatabaseConnection("cmis", wire.url), root)
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import seerdb.server.backends.postgres as mirror
import sqlalchemy as sa
from seerdb.server.backend import BackendError, Result
from seerdb.server.service import Server

from sandbox.university import University, write
from tests import postgresql

ACCOUNT, PASSWORD, SCHEMA = "SYNC_RO", "s3cret", "sync_ro"

# The server asks for a newer orafce and PostgreSQL than Debian 12 has; without these it needs no more.
mirror._ORAFCE_SESSION_SETTINGS = mirror._ORAFCE_SESSION_SETTINGS.replace(
    mirror._ORAFCE_SESSION_SETTINGS_BASE + "; ", ""
)
mirror._HELPER_FUNCTIONS_DDL = re.sub(
    r"CREATE OR REPLACE FUNCTION sys\.ora_is_json\((text|bytea)\).*?\$\$;(?=CREATE)", "", mirror._HELPER_FUNCTIONS_DDL
)
_READ_ONLY = re.compile(r"\s*SET\s+TRANSACTION\s+READ\s+ONLY\b", re.IGNORECASE)
_WRITE = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)


@dataclass
class Wire:
    """One database behind the wire.

    ``statements``: all that was sent, in order; ``introductions``: what sessions said of themselves.
    """

    name: str
    behind: str
    statements: list[str] = field(default_factory=list)
    introductions: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    _faults: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"oracle+oracledb://{ACCOUNT}:{PASSWORD}@127.0.0.1:{self.port}/?service_name={self.name.upper()}"

    def fill(self, university: University, tables: Collection[str]) -> None:
        """The sample's tables in the account's own schema, put there from behind."""
        self.edit(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        write(university, f"{self.behind}&options=-csearch_path%3D{SCHEMA}", tables)

    def edit(self, statement: str) -> None:
        """Another connection's statement, committed."""
        engine = sa.create_engine(f"{self.behind}&options=-csearch_path%3D{SCHEMA}", isolation_level="AUTOCOMMIT")
        with engine.connect() as link:
            link.exec_driver_sql(statement)
        engine.dispose()

    def once(self, pattern: str, what: Callable[[], None]) -> None:
        """Do this before the next statement in which the pattern occurs is run."""
        self._faults.append((pattern, what))

    def refuse(self, pattern: str, code: int, message: str, times: int = 1) -> None:
        """Answer the next statements in which the pattern occurs with an error of Oracle's."""
        for _ in range(times):
            self.once(pattern, lambda: _refusal(code, message))

    def drop(self) -> None:
        """Break off every session, as a listener that goes down with its server does."""
        for one in self._sockets:
            with suppress(OSError):  # it is over already
                one.shutdown(socket.SHUT_RDWR)

    def met(self, sql: str) -> None:
        self.statements.append(sql)
        for number, (pattern, what) in enumerate(self._faults):
            if re.search(pattern, sql, re.IGNORECASE):
                del self._faults[number]
                what()
                return


def _refusal(code: int, message: str) -> None:
    raise BackendError(f"ORA-{code:05}: {message}", ora_code=code)


class _Session(mirror.PostgresBackend):  # type: ignore[misc]
    """One client's session; outside a read-only transaction as the server has it."""

    def __init__(self, wire: Wire):
        self._wire, self._snapshot = wire, False
        super().__init__(_conninfo(wire.behind), credentials={ACCOUNT: PASSWORD}, presents="23ai")

    def _release_read_locks(self) -> None:
        # It ends a transaction that has written nothing after each statement: the snapshot would end with it.
        if not self._snapshot:
            super()._release_read_locks()

    def commit(self) -> None:
        self._snapshot = False
        super().commit()

    def rollback(self) -> None:
        self._snapshot = False
        super().rollback()

    def set_end_to_end(self, attrs: dict[str, Any]) -> None:
        self._wire.introductions.append(attrs)
        super().set_end_to_end(attrs)

    def execute(self, sql: str, binds: Any = ()) -> Any:
        self._wire.met(sql)
        if _READ_ONLY.match(sql):
            self._conn.rollback()
            self._conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._snapshot = True
            return Result()
        if self._snapshot and _WRITE.match(sql):
            _refusal(1456, "may not perform insert, delete, update operation inside a READ ONLY transaction")
        return super().execute(sql, binds)


class _Listener(Server):  # type: ignore[misc]
    def __init__(self, wire: Wire, tls: ssl.SSLContext | None):
        self._wire = wire
        super().__init__("127.0.0.1", 0, backend_factory=lambda: _Session(wire), ssl_context=tls)

    def _serve(self, client: socket.socket, addr: Any) -> None:
        self._wire._sockets.append(client)
        super()._serve(client, addr)


@contextmanager
def serving(address: str, name: str, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """A database of that name on the PostgreSQL server, behind a listener of its own."""
    postgresql.create_database(address, name)
    wire = Wire(name, address.format(database=name))
    listener = _Listener(wire, tls)
    wire.port = listener.port
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield wire
    finally:
        listener.close()


def _conninfo(url: str) -> str:
    parsed = sa.make_url(url)
    return f"host={parsed.query['host']} dbname={parsed.database} user={parsed.username}"
