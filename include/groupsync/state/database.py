"""The state database: opened by its URL, migrated by Alembic, stamped once when it is made (rule I1).

``python -m include.groupsync.state.database URL ENVIRONMENT`` makes or migrates one.
"""

import re
import sqlite3
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from include.groupsync.errors import SettingsError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.state.tables import STAMP

StateEngine = sa.Engine
_MIGRATIONS = Path(__file__).with_name("migrations")
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,49}")


@dataclass(frozen=True)
class Stamp:
    """Whose ledger this is."""

    environment: str
    deployment_id: str


def open_state(connection: DatabaseConnection, project_root: Path) -> sa.Engine:
    """The migrated state database; a relative SQLite path is taken from the project's root.

    Raises SettingsError with the next step where it is not there, refuses, or is not of this version.
    """
    engine = _engine(connection.url, project_root, make=False, name=f"connection {connection.conn_id}")
    make = "python -m include.groupsync.state.database URL ENVIRONMENT makes and migrates it"
    try:
        with engine.connect() as link:
            found = MigrationContext.configure(link).get_current_revision()
    except SQLAlchemyError as error:
        raise SettingsError(
            f"connection {connection.conn_id}: the state database refuses ({type(error).__name__});"
            f" check the connection in Airflow; {make}."
        ) from error
    head = _script().get_current_head()
    if found != head:
        raise SettingsError(
            f"connection {connection.conn_id}: the state database is at version {found}, needed is {head}; {make}."
        )
    return engine


def initialise(url: str, environment: str, project_root: Path = Path()) -> str:
    """Make or migrate the state database and stamp it with the environment; the deployment's id.

    An existing stamp stays as it is; SettingsError where it names another environment.
    """
    if not _ENVIRONMENT.fullmatch(environment):
        raise SettingsError(f"environment {environment!r}: use lower-case letters, digits and hyphens")
    engine = _engine(url, project_root, make=True, name="the state database")
    with engine.begin() as link:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = link
        command.upgrade(config, "head")
    with engine.begin() as link:
        stamp = read_stamp(link)
        if stamp is None:
            stamp = Stamp(environment, str(uuid.uuid4()))
            values = {"environment": stamp.environment, "deployment_id": stamp.deployment_id}
            link.execute(STAMP.insert().values(one=1, created_at=datetime.now(UTC), **values))
    engine.dispose()
    if stamp.environment != environment:
        raise SettingsError(
            f"the state database belongs to environment {stamp.environment!r}, not {environment!r};"
            " a ledger is never taken over: give each environment a state database of its own."
        )
    return stamp.deployment_id


def read_stamp(link: sa.Connection) -> Stamp | None:
    """The stamp; None in a database that has none yet."""
    row = link.execute(sa.select(STAMP.c.environment, STAMP.c.deployment_id)).one_or_none()
    return Stamp(*row) if row else None


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _engine(url: str, project_root: Path, *, make: bool, name: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError) as error:
        raise SettingsError(f"{name}: not a usable database URL ({type(error).__name__})") from None
    path = project_root / (parsed.database or "")
    mode = "rwc" if make else "rw"  # a missing ledger is never silently a new one (rule O2)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=60)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def _durable(link: Any, _: Any) -> None:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("PRAGMA synchronous=FULL")  # an intent must be on disk before the call (rule J1)

    return engine


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m include.groupsync.state.database URL ENVIRONMENT")
    print(f"deployment {initialise(sys.argv[1], sys.argv[2])} of environment {sys.argv[2]}")
