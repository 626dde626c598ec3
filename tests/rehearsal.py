"""A global deactivation, rehearsed: a term is switched off, its set is emptied on the first of August, and nothing of
it is written until it is switched on again; then a person looks first.

    make rehearsal            the size of UCL; SIZE=small: what `make test` does

CMIS, SITS and the mappings are databases of their own, as at a university.  Both ways of switching off: the term
frozen, and all of its mappings inactive.  Writing calls are counted at the site, whose tables are compared byte for
byte.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import argparse
import hashlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter, process_time

from include.groupsync.model.mode import Mode
from include.groupsync.model.term import Calendar, Term
from sandbox.university import University, generate
from tests.sample import CALENDAR, TABLES, native, sample_world, write_native
from tests.world import Outcome, World

OLD = "LIVE-25-26"
SUMMER = Term("2025-26-summer", date(2026, 6, 15), date(2026, 9, 11), OLD, "2025", ("T1", "T2", "T1/2", "T1/2/3"))
JULY, AUGUST, THE_NIGHT_AFTER, LATER = (
    datetime(2026, month, day, 2, tzinfo=UTC) for month, day in ((7, 20), (8, 1), (8, 2), (8, 12))
)
OF_THE_SET = ("module", "modulegroups", "stumodules")
WAYS = ("frozen", "inactive")  # the term, or all of its mappings
_PORTRAIT = ("mdl_groups", "mdl_groupings", "mdl_groupings_groups", "mdl_groups_members")


def university(size: str = "small") -> University:
    """A sample whose courses of the old year are mapped and imported too."""
    made = generate(size)
    mappings = made.tables["group_mappings"]
    mappings = mappings.assign(status=mappings["status"].where(mappings["academic_year"] != "2025", "active"))
    return replace(made, tables=made.tables | {"group_mappings": mappings})


def in_files(folder: Path, of: University) -> dict[str, str]:
    """CMIS, SITS and the mappings in a file each, by connection."""
    urls = {conn_id: f"sqlite:///{folder / conn_id}.db" for conn_id in TABLES}
    write_native(of, urls)
    return urls


def execute(folder: Path, conn_id: str, *statements: str) -> None:
    """As the night's jobs of the student records would, in their own database."""
    with closing(sqlite3.connect(folder / f"{conn_id}.db")) as link, link:
        for statement in statements:
            link.execute(statement)


def make_july(folder: Path, of: University) -> Path:
    """The summer term is in Moodle, for ``in_july`` to go on from."""
    in_files(folder, of)
    with _opened(folder, of) as world:
        run = world.sync(SUMMER.key, run_id="in-july")
        assert (run.state, run.writes > 0) == ("applied", True), run.error
    return folder


@contextmanager
def in_july(folder: Path, of: University, july: Path) -> Iterator[World]:
    """The world that ``make_july`` has left in another folder, with sources of its own."""
    for conn_id in TABLES:
        shutil.copy(july / f"{conn_id}.db", folder)
    with _opened(folder, of, like=july / "world") as world:
        yield world


@contextmanager
def _opened(folder: Path, of: University, **like: Path) -> Iterator[World]:
    (folder / "world").mkdir()
    with sample_world(folder / "world", of, native(), **like) as world:
        world.databases |= {conn_id: f"sqlite:///{folder / conn_id}.db" for conn_id in TABLES}
        world.calendar = Calendar((SUMMER, *CALENDAR.terms), CALENDAR.blackouts)
        world.now = JULY
        yield world


def empty_the_set(folder: Path) -> None:
    """The rollover's half of it: set and registrations of the old year are gone.  What was there is kept beside."""
    for conn_id in ("groupsync_cmis", "groupsync_sits"):
        shutil.copy(folder / f"{conn_id}.db", folder / f"{conn_id}.kept")
    execute(folder, "groupsync_cmis", *(f"DELETE FROM {table} WHERE setid = '{OLD}'" for table in OF_THE_SET))
    execute(folder, "groupsync_sits", "DELETE FROM cam_smo WHERE ayr_code = '2025'")


def put_back(folder: Path) -> None:
    for conn_id in ("groupsync_cmis", "groupsync_sits"):
        shutil.copy(folder / f"{conn_id}.kept", folder / f"{conn_id}.db")


def portrait(world: World) -> str:
    """SHA-256 over every row of Moodle's tables of groups and of the ledger, and the length of the journal."""
    digest = hashlib.sha256()
    for table in _PORTRAIT:
        for row in world.moodle.query(f"SELECT * FROM {table} ORDER BY id"):
            digest.update(repr(tuple(row.values())).encode())
    for line in sorted(map(repr, [*world.ledger, *world._state("SELECT COUNT(*) FROM journal")])):
        digest.update(line.encode())
    return digest.hexdigest()


# A group that has others beside it in its course.
_ONE_OF_MANY = """
SELECT idnumber FROM mdl_groups WHERE courseid = (
    SELECT courseid FROM mdl_groups WHERE idnumber LIKE ? GROUP BY courseid ORDER BY COUNT(*) DESC, courseid LIMIT 1
) ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Act:
    """One run of the story: what it came to, how many calls that write reached the site with it, and whether Moodle and
    the ledger are as they were when the term was switched off."""

    name: str
    run: Outcome
    writes: int
    untouched: bool
    seconds: float

    @property
    def told(self) -> str:
        word = self.run.error.partition(": ")[0] or "green"
        kept = "untouched" if self.untouched else "CHANGED"
        return (
            f"{self.name}: {word}; {len(self.run.changes):,} changes planned, {len(self.run.held):,} held,"
            f" {self.writes} calls that write, {kept} ({self.seconds:.0f} s)"
        )


def rehearse(world: World, folder: Path, way: str) -> Iterator[Act]:
    """Switched off in that way, two nights with the rollover between them, switched on again, and after that the set
    put back without one of its groups.  The site is ``in_july``'s."""
    before = portrait(world)

    def night(name: str, at: datetime, mode: Mode = Mode.FULL) -> Act:
        world.now = at
        world.site.reset_calls()
        began = perf_counter()
        run = world.sync(SUMMER.key, mode=mode)
        took = perf_counter() - began
        return Act(name, run, world.site.writing_calls(), portrait(world) == before, took)

    switch(world, folder, way, on=False)
    yield night("off: the next night", JULY)
    empty_the_set(folder)
    yield night("off: the night of the rollover, the set is empty", AUGUST)
    switch(world, folder, way, on=True)
    yield night("on again, the set still empty: a plan", LATER, Mode.PLAN)
    yield night("on again, the set still empty", LATER)
    yield night("on again, the set still empty: a backfill that only adds", LATER, Mode.ADD)
    put_back(folder)
    [lost] = world.moodle.query(_ONE_OF_MANY, f"{OLD}:%")
    _, module, _, code = lost["idnumber"].split(":")
    for table, column in (("modulegroups", "grpcode"), ("stumodules", "modgrpcode")):
        of_it = f"setid = '{OLD}' AND TRIM(moduleid) = '{module}' AND TRIM({column}) = '{code}'"
        execute(folder, "groupsync_cmis", f"DELETE FROM {table} WHERE {of_it}")
    yield night("on again, the set put back without one group", LATER)


def switch(world: World, folder: Path, way: str, *, on: bool) -> None:
    if way == "frozen":
        assert world.set_state(SUMMER.key, "open" if on else "frozen", reason="the rehearsal").error == ""
    else:
        status = "active" if on else "inactive"
        of_the_term = f"UPDATE group_mappings SET status = '{status}' WHERE academic_year = '2025'"
        execute(folder, "groupsync_mappings", of_the_term)


def main() -> int:
    """Tell it, both ways; 0 where nothing was written that should not have been."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--size", default="ucl", choices=["small", "medium", "ucl"])
    size, wrong = parser.parse_args().size, 0
    of = university(size)
    with tempfile.TemporaryDirectory(prefix="groupsync-rehearsal-") as name:
        folders = {one: Path(name) / one for one in ("july", *WAYS)}
        for folder in folders.values():
            folder.mkdir()
        make_july(folders["july"], of)
        for way in WAYS:
            with in_july(folders[way], of, folders["july"]) as world:
                print(f"{size}, {way}: {_counted(world)}", flush=True)
                for act in rehearse(world, folders[way], way):
                    print(f"  {act.told}", flush=True)
                    wrong += act.writes > 0 or not act.untouched
    print(f"{process_time():.0f} s of CPU")
    return 1 if wrong else 0


def _counted(world: World) -> str:
    counts = {table: world.moodle.query(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] for table in _PORTRAIT}
    return ", ".join(f"{n:,} {table.removeprefix('mdl_')}" for table, n in counts.items())


if __name__ == "__main__":
    sys.exit(main())
