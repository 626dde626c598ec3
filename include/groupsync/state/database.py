"""The state database: opened by its URL, migrated by Alembic, stamped once when it is made (rule I1).

``python -m include.groupsync.state.database URL ENVIRONMENT`` makes or migrates one; with ``--moved ID`` it takes
note that the one of that deployment id lives elsewhere now, and is a deployment of its own from then on.
"""

import argparse
import functools
import sqlite3
import sys
import uuid
from dataclasses import dataclass, replace
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
from include.groupsync.model.identity import ENVIRONMENT, WHO_ARE_YOU
from include.groupsync.state.tables import STAMP

StateEngine = sa.Engine
_MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True)
class Stamp:
    """Whose ledger this is, and in which server and database it was made (None: in a SQLite file)."""

    environment: str
    deployment_id: str
    place: str | None


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
    head = _head()
    if found != head:
        raise SettingsError(
            f"connection {connection.conn_id}: the state database is at version {found}, needed is {head}; {make}."
        )
    return engine


def initialise(url: str, environment: str, project_root: Path = Path(), *, moved: str | None = None) -> str:
    """Make or migrate the state database and stamp it with the environment; the deployment's id.

    An existing stamp stays as it is; SettingsError where it names another environment, or was made in another
    place: the copy of a ledger is no second ledger.  ``moved`` is the deployment id of one that has moved for
    good: it gets a new id, so that what may be left behind can no longer write once the site is armed again.
    """
    if not ENVIRONMENT.fullmatch(environment):
        raise SettingsError(f"environment {environment!r}: use lower-case letters, digits and hyphens")
    engine = _engine(url, project_root, make=True, name="the state database")
    with engine.begin() as link:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = link
        command.upgrade(config, "head")
    with engine.begin() as link:
        stamp = _stamped(link, environment, moved)
    engine.dispose()
    return stamp.deployment_id


def read_stamp(link: sa.Connection) -> Stamp | None:
    """The stamp; None in a database that has none yet."""
    row = link.execute(sa.select(STAMP.c.environment, STAMP.c.deployment_id, STAMP.c.place)).one_or_none()
    return Stamp(*row) if row else None


def place_of(link: sa.Connection) -> str | None:
    """The server and database, as they name themselves; None for a SQLite file, which has no name of its own."""
    if link.dialect.name == "sqlite":
        return None
    for question in WHO_ARE_YOU.get(link.dialect.name, ()):
        try:
            with link.begin_nested():
                return str(link.execute(sa.text(question)).scalar_one())
        except SQLAlchemyError:
            continue
    return None


def _stamped(link: sa.Connection, environment: str, moved: str | None) -> Stamp:
    """The stamp as it is now, made where there is none; SettingsError where it is another's."""
    found, place = read_stamp(link), place_of(link)
    if found is None:
        stamp = Stamp(environment, str(uuid.uuid4()), place)
        link.execute(STAMP.insert().values(one=1, created_at=datetime.now(UTC), **vars(stamp)))
        return stamp
    if found.environment != environment:
        raise SettingsError(
            f"the state database belongs to environment {found.environment!r}, not {environment!r};"
            " a ledger is never taken over: give each environment a state database of its own."
        )
    if moved is not None and moved != found.deployment_id:
        raise SettingsError(f"the state database is not that of deployment {moved}, but of {found.deployment_id}")
    if moved is not None:
        stamp = replace(found, deployment_id=str(uuid.uuid4()), place=place)
    elif found.place is None:
        stamp = replace(found, place=place)  # made by a version that took no note
    elif found.place != place:
        raise SettingsError(
            f"the state database was made in {found.place} and is in {place}: a copy. If the first one is gone for"
            f" good, run this again with --moved {found.deployment_id}: it gets an id of its own, and the site has to"
            " be armed again. If not, give this deployment a state database of its own."
        )
    else:
        stamp = found
    if stamp != found:
        link.execute(STAMP.update().values(deployment_id=stamp.deployment_id, place=stamp.place))
    return stamp


@functools.cache
def _head() -> str | None:
    """The version that this code needs."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


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


def main() -> None:
    """The command line; prints the deployment's id."""
    parser = argparse.ArgumentParser(prog="python -m include.groupsync.state.database", description=__doc__)
    parser.add_argument("url", help="SQLAlchemy URL of the state database")
    parser.add_argument("environment", help="what GROUPSYNC_ENVIRONMENT says")
    parser.add_argument("--moved", metavar="ID", help="the deployment id of a database that has moved here for good")
    told = parser.parse_args()
    try:
        deployment_id = initialise(told.url, told.environment, moved=told.moved)
    except SettingsError as error:
        sys.exit(str(error))
    print(f"deployment {deployment_id} of environment {told.environment}")


if __name__ == "__main__":
    main()
