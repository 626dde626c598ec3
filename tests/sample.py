"""The sample university as a university has it: CMIS, SITS and the mappings in a database each; or as three
ready-made tables.

    with sample_world(tmp_path, generate("small")) as world:
        connect_native(world, urls)
        assert world.sync(until="circuit_breaker").plan.digest == ...
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from include.groupsync.calendar_settings import load_calendar
from include.groupsync.model.term import Term
from sandbox import moodle as standin
from sandbox.university import University, write
from sandbox.university.schema import CMIS, MAPPINGS, SITS
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent
SQL, CONFIG = ROOT / "include" / "sql", ROOT / "include" / "config"
CALENDAR = load_calendar(CONFIG / "terms.yaml")
TERM: Term = CALENDAR.term("2026-27-T1")
TABLES = {"groupsync_cmis": CMIS, "groupsync_sits": SITS, "groupsync_mappings": MAPPINGS}
READY_MADE = "ready_made"


def as_shipped() -> dict[str, Any]:
    """The settings of the project."""
    settings: dict[str, Any] = yaml.safe_load((CONFIG / "groupsync.yaml").read_text(encoding="utf-8"))
    return settings


def native(**changed: Any) -> dict[str, Any]:
    """The settings of the project with the tables derived from CMIS and SITS; ``sits=None`` from CMIS alone."""
    given = {"cmis": "groupsync_cmis", "sits": "groupsync_sits", **changed}
    derived: dict[str, Any] = {name: {} for name in ("groupings", "groups", "memberships")}
    return as_shipped() | derived | {"native": {key: value for key, value in given.items() if value is not None}}


def ready_made() -> dict[str, Any]:
    """The settings of the project with three ready-made tables, by the names that ``write_ready_made`` gives."""
    settings = as_shipped()
    for name in ("groupings", "groups", "memberships"):
        kept = {key: value for key, value in settings[name].items() if key not in ("sql", "connection")}
        settings[name] = {**kept, "connection": READY_MADE, "table": f"remote_{name}"}
    return settings


def write_native(university: University, urls: Mapping[str, str]) -> None:
    """Each connection's tables to its own database."""
    for conn_id, url in urls.items():
        write(university, url, TABLES[conn_id])


def write_ready_made(university: University, url: str) -> None:
    """All native tables in one database, and the three tables that the statements for such a database make of them."""
    write(university, url)
    engine = sa.create_engine(url)
    with engine.begin() as link:
        for name in ("groupings", "groups", "memberships"):
            statement = sa.text((SQL / f"{name}.sql").read_text(encoding="utf-8"))
            found = link.execute(statement.bindparams(sa.bindparam("periods", expanding=True)), TERM.binds).mappings()
            rows = [dict(row) for row in found]
            table = sa.Table(f"remote_{name}", sa.MetaData(), *(sa.Column(column, sa.Text) for column in rows[0]))
            table.create(link)
            link.execute(sa.insert(table), rows)
    engine.dispose()


@contextmanager
def sample_world(
    folder: Path, university: University, settings: Mapping[str, Any], *, like: Path | None = None
) -> Iterator[World]:
    """A world with the sample's Moodle and the project's statements and calendar; its sources are the test's.  ``like``
    is the folder of another one, which is closed."""
    world = World(folder, like=like)
    world.settings, world.calendar = dict(settings), CALENDAR
    shutil.copytree(SQL, folder / "include" / "sql", dirs_exist_ok=True)
    if like is None:
        standin.load(
            folder / "moodle.db",
            courses=university.courses,
            users=university.users,
            enrolments=university.enrolments,
        )
    with world:
        yield world
