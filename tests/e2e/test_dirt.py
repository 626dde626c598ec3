"""Each kind of dirt in a clean source: the right rows are set aside, nothing is deleted, all else goes through."""
# ruff: noqa: S608 (the tables in its SQL are its own)

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.groupsync.model.frames import rows
from sandbox import moodle as standin
from sandbox.university.schema import METADATA
from tests.conftest import ROOT
from tests.dirt.__main__ import table
from tests.dirt.kind import INSTANCE, LAST_SET, NATIVE, SET, TABLES, Kind
from tests.dirt.kinds import KINDS
from tests.sample import SQL, native
from tests.world import TERM1, Outcome, World

DOCUMENT = ROOT / "docs" / "data-quality.md"
PEOPLE = ("zzann01", "zzbob02", "zzcid03", "zzdee04", "zzeve05", "zzflo06")
MODULES = ("ARTS0001", "ARTS0002", "ARTS0003")
# What the clean source has to do in every run beside the dirt.
GOOD = {
    NATIVE: ("membership", "create", "ARTS0002-26-27", "LIVE-26-27:ARTS0002:A6U-T1:TUT2", "zzeve05"),
    TABLES: ("membership", "create", "C2", "G1", "20250003"),
}


class Source:
    """A world that has been in line once; ``kept`` is its source as it was then, with one good change on top."""

    def __init__(self, world: World, file: Path):
        self.world, self.file, self.kept = world, file, file.with_suffix(".clean")
        shutil.copy(file, self.kept)

    def with_dirt(self, kind: Kind) -> Outcome:
        """One run up to the verdict; every time from the clean source."""
        shutil.copy(self.kept, self.file)
        with closing(sqlite3.connect(self.file)) as link, link:
            for statement, values in kind.sql:
                assert link.execute(statement, values).rowcount, f"nothing was changed by {statement}"
        folder = self.world.folder / "include" / "sql"
        texts = {name: (folder / name).read_text(encoding="utf-8") for name, _, _ in kind.files}
        for name, old, new in kind.files:
            assert old in texts[name]
            (folder / name).write_text(texts[name].replace(old, new), encoding="utf-8")
        try:
            return self.world.sync(TERM1, until="circuit_breaker")
        finally:
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8")


@contextmanager
def of_native(folder: Path) -> Iterator[Source]:
    """CMIS, SITS and the mappings in one file: three modules, each with two tutorials under a node, of two each."""
    world, file = World(folder), folder / "native.db"
    world.settings = native() | {
        "moodle": world.settings["moodle"],
        "freshness": {"groupsync_cmis": "fresh.sql"},
        "breaker": {},
    }
    world.databases |= dict.fromkeys(("groupsync_cmis", "groupsync_sits", "groupsync_mappings"), f"sqlite:///{file}")
    world.now = datetime(2026, 10, 25, 6, tzinfo=UTC)
    shutil.copytree(SQL, folder / "include" / "sql", dirs_exist_ok=True)
    world.statement("fresh.sql", "SELECT '2026-10-25 00:10:00' AS loaded_at")
    engine = sa.create_engine(f"sqlite:///{file}")
    METADATA.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(file)) as link, link:
        fill_native(link)
    courses = [f"{module}-26-27" for module in MODULES]
    standin.load(
        folder / "moodle.db",
        courses=[{"shortname": one, "idnumber": one, "fullname": one} for one in courses],
        users=[
            {"username": one, "idnumber": one, "email": f"{one}@example.org", "firstname": one, "lastname": "E"}
            for one in PEOPLE
        ],
        enrolments=[{"course_idnumber": course, "user_username": one} for course in courses for one in PEOPLE],
    )
    with world:
        first = world.sync(TERM1)
        assert first.state == "applied", first.error
        with closing(sqlite3.connect(file)) as link, link:
            insert(link, "stumodules", setid=SET, moduleid="ARTS0002", studentid="90000005", modgrpcode="TUT2",
                   instid=1)  # fmt: skip
        yield Source(world, file)


def fill_native(link: sqlite3.Connection) -> None:
    insert(link, "groupsync_stamp", environment="sandbox")
    for setid in (SET, LAST_SET):
        insert(link, "cminstances", setid=setid, instid=1, instcode=INSTANCE)
        for number, upi in enumerate(PEOPLE, start=1):
            insert(link, "students", setid=setid, studentid=f"9000000{number}", qtype2=upi.upper())
        for at, module in enumerate(MODULES):
            fill_module(link, setid, module, 1 + 10 * at)
    for number in range(1, 7):
        insert(link, "ins_spr", spr_code=f"9000000{number}/1", spr_stuc=f"9000000{number}")
        insert(link, "srs_scj", scj_code=f"{number}", scj_stuc=f"9000000{number}", scj_stac="C")
    for module in MODULES:
        insert(link, "group_mappings", course=f"{module}-26-27", module=module, occurrence="A6U", academic_year="2026",
               period="T1", department="ARTS", import_groups="Y", status="active")  # fmt: skip


def fill_module(link: sqlite3.Connection, setid: str, module: str, key: int) -> None:
    """Two tutorials under TUTS, with the first and the second two people; the other two are of the class alone."""
    of = {"setid": setid, "moduleid": module, "instid": 1}
    insert(link, "module", **of, name=f"Module {module}")
    codes = ("TUTS", "TUT1", "TUT2", *(["CAF\u00c9"] if module == "ARTS0001" else []))
    for step, code in enumerate(codes):
        parent = key if code.startswith("TUT") and step else None
        insert(link, "modulegroups", **of, grpcode=code, name=f"{module} {code}", thiskey=key + step, parentkey=parent)
    seats = (("1", "TUT1"), ("2", "TUT1"), ("3", "TUT2"), ("4", "TUT2"), *(("5", code) for code in codes[3:]))
    for number, code in seats:
        insert(link, "stumodules", **of, studentid=f"9000000{number}", modgrpcode=code)
    for number in range(1, 7):
        insert(link, "stumodules", **of, studentid=f"9000000{number}", modgrpcode=None)
        if setid == SET:
            insert(link, "cam_smo", spr_code=f"9000000{number}/1", mod_code=module, mav_occur="A6U", ayr_code="2026",
                   psl_code="T1")  # fmt: skip


def insert(link: sqlite3.Connection, table: str, **row: object) -> None:
    link.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


@contextmanager
def of_tables(folder: Path) -> Iterator[Source]:
    """Three ready-made tables without modules; the user column is of no type, so that it can hold any number."""
    with World(folder, {"localuserfield": "idnumber"}) as world:
        world.source.execute("DROP TABLE remote_memberships")
        world.source.execute(
            "CREATE TABLE remote_memberships (course, group_idnumber, user_key, module, occurrence, period, term)"
        )
        for number in ("20250001", "20250002", "20250003", "10000000000000000"):
            world.user(f"u{number}", idnumber=number)
        for course in ("C1", "C2"):
            world.course(course, users=[f"u{n}" for n in ("20250001", "20250002", "20250003", "10000000000000000")])
            world.map(course)
            world.source.grouping(course, "S1")
            world.source.group(course, "G1", grouping="S1")
            world.source.members(course, "G1", "20250001", "10000000000000000")
        world.source.group("C1", "7", name="Seven")
        world.source.members("C1", "7", "20250002")
        first = world.sync(TERM1)
        assert first.state == "applied", first.error
        world.source.members("C2", "G1", "20250003")
        yield Source(world, world.folder / "source.db")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Source]]:
    with of_native(tmp_path_factory.mktemp(NATIVE)) as one, of_tables(tmp_path_factory.mktemp(TABLES)) as other:
        yield {NATIVE: one, TABLES: other}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_dirt_spoils_what_it_is_on_and_deletes_nothing(sources: dict[str, Source], kind: Kind) -> None:
    """The rows that cannot be used are set aside, each with its rule and reason; no delete is released, of what is in
    Moodle and in the ledger; what is good beside it goes through."""
    run = sources[kind.place].with_dirt(kind)
    if kind.stops:
        assert run.failed_step in ("validate", "circuit_breaker")
        assert kind.stops in run.error
        assert run.plan is None or set(run.changes) == set(run.held)
        return
    assert run.errors == {}
    check_set_aside(run, kind)
    check_plan(run, kind)
    assert {row["rule"] for row in watch_failures(run)} == kind.watched
    if run.folder.has("source/left_out.parquet"):
        assert {(row["user"].lower(), row["reason"]) for row in rows(run.folder.frame("source/left_out"))} == {
            *kind.left_out
        }


def check_set_aside(run: Outcome, kind: Kind) -> None:
    aside = [row for row in run.findings if row["severity"] == "quarantined"]
    assert {(row["dataset"], row["rule"], row["reason"]) for row in aside} == kind.aside
    assert len({(row["dataset"], row["source_row"]) for row in aside}) == kind.rows_aside
    others = [row for row in run.findings if row["severity"] != "quarantined"]
    assert len(others) == len(kind.reported), others
    for row, (rule, reason) in zip(others, kind.reported, strict=True):
        assert row["rule"] == rule
        assert row["reason"].startswith(reason)


def check_plan(run: Outcome, kind: Kind) -> None:
    """What waits does so because of the rule that is meant, whatever other rules say of so small a university."""
    released = set(run.changes) - set(run.held)
    assert {change for change in released if change[1] == "delete"} == set()
    assert released == set(kind.changes) | (set() if kind.nothing_else else {GOOD[kind.place]})
    assert bool(run.held) == bool(kind.trips)
    assert {rule for rule, _ in run.trips} >= kind.trips


def watch_failures(run: Outcome) -> list[dict[str, str]]:
    document = run.folder.json("quality")
    return [
        one["expectation_config"]["meta"]
        for name, suite in document["suites"].items()
        for one in suite["results"]
        if not one["success"] and one["expectation_config"]["severity"] == "info" and name != "numbers"
    ]


def test_there_are_twenty_five_kinds_and_the_table_is_what_is_tried() -> None:
    """``python -m tests.dirt`` writes it anew."""
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 25
    assert table() in DOCUMENT.read_text(encoding="utf-8")
