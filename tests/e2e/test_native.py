"""CMIS and SITS as they are, and three ready-made tables: one plan, whatever the databases."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from include.groupsync.errors import SnapshotLost
from include.groupsync.steps import Run
from include.groupsync.steps.lineage import events_of
from sandbox.university import University, generate
from tests import postgresql
from tests.sample import READY_MADE, TABLES, TERM, native, ready_made, sample_world, write_native, write_ready_made

if TYPE_CHECKING:
    from tests.oracle_wire import Wire

DESIRED = ("groupings", "groups", "memberships")
Seen = tuple[dict[str, pd.DataFrame], str]


@pytest.fixture(scope="module")
def university() -> University:
    return generate("small")


def compared(folder: Path, university: University, settings: Mapping[str, Any], urls: Mapping[str, str]) -> Seen:
    """What one run up to the plan wants, without the numbers of the source's rows, and the plan's digest."""
    folder.mkdir()
    with sample_world(folder, university, settings) as world:
        world.databases |= urls
        run = world.sync(TERM.key, until="circuit_breaker")
        assert run.errors == {}
        assert run.plan is not None
        frames = {name: run.folder.frame(f"desired/{name}").drop(columns="source_row") for name in DESIRED}
        ordered = {name: frame.sort_values(list(frame), ignore_index=True) for name, frame in frames.items()}
        return ordered, run.plan.digest


@pytest.fixture(scope="module")
def from_ready_made(tmp_path_factory: pytest.TempPathFactory, university: University) -> Seen:
    folder = tmp_path_factory.mktemp("ready")
    url = f"sqlite:///{folder / 'source.db'}"
    write_ready_made(university, url)
    urls = {READY_MADE: url, "groupsync_mappings": url}
    return compared(folder / "world", university, ready_made(), urls)


@contextmanager
def in_sqlite(folder: Path, university: University) -> Iterator[dict[str, str]]:
    """CMIS, SITS and the mappings in a file each."""
    urls = {conn_id: f"sqlite:///{folder / conn_id}.db" for conn_id in TABLES}
    write_native(university, urls)
    yield urls


def test_cmis_alone_wants_what_the_ready_made_tables_want(
    tmp_path: Path, university: University, from_ready_made: Seen
) -> None:
    """Row for row: the same keys, names, descriptions and people, the same rows set aside."""
    with in_sqlite(tmp_path, university) as urls:
        frames, digest = compared(tmp_path / "world", university, native(sits=None), urls)
    for name in DESIRED:
        pd.testing.assert_frame_equal(frames[name], from_ready_made[0][name])
    assert digest == from_ready_made[1]


def test_cmis_and_sits_are_an_asset_each_with_what_every_statement_answered(
    tmp_path: Path, university: University
) -> None:
    with in_sqlite(tmp_path, university) as urls:
        (tmp_path / "world").mkdir()
        with sample_world(tmp_path / "world", university, native()) as world:
            world.databases |= urls
            run = world.sync(TERM.key, until="extract")
            assert run.errors == {}
            events = events_of("extract", world.deployment(), Run(run.run_id, TERM.key), "https://airflow/run")
    of_cmis, of_sits = (events[f"x-groupsync://source/groupsync_{name}"] for name in ("cmis", "sits"))
    assert len(events) == 3, "and the mappings"
    assert set(of_cmis["rows"]) == {"cmis_groupings", "cmis_groups", "cmis_memberships"}
    assert set(of_sits["rows"]) == {"sits_modules", "sits_students", "sits_registrations"}
    assert of_sits["rows"]["sits_students"] > 0
    assert set(of_cmis["sha256"]) == set(DESIRED)
    assert of_cmis["snapshot"] is not None
    assert (of_sits["sha256"], of_sits["page"]) == ({}, "https://airflow/run")


def test_a_lecturers_way_of_grouping_is_a_setting(tmp_path: Path, university: University) -> None:
    """By session type a group is in the grouping of its lectures, tutorials or labs."""
    types = {"T": "Tutorials", "S": "Seminars", "LAB": "Labs"}
    settings = native(sits=None, groupings="session_type", session_types=types)
    with in_sqlite(tmp_path, university) as urls:
        frames, _ = compared(tmp_path / "world", university, settings, urls)
    groupings = frames["groupings"].dropna(subset=["idnumber"]).set_index(["course", "idnumber"])["name"]
    assert set(groupings) == set(types.values())
    placed = frames["groups"].dropna(subset=["grouping"])
    assert len(placed) > 0
    for group in placed.itertuples():
        kind = groupings[group.course, group.grouping]
        assert (kind[:3].upper(), kind[:-1]) == (group.idnumber.split(":")[3][:3], group.name.split()[0])


def left_in_sits(university: University) -> set[str]:
    """The UPIs of those of whom every course of study has ended, by loops of its own."""
    stands: dict[str, set[str]] = {}
    for study in university.tables["srs_scj"].itertuples():
        stands.setdefault(study.scj_stuc, set()).add(study.scj_stac)
    gone = {number for number, statuses in stands.items() if statuses <= {"G", "DE", "L", "NS", "T"}}
    students = university.tables["students"].dropna(subset=["qtype2"])
    return {row.qtype2.strip().lower() for row in students.itertuples() if row.studentid in gone}


@contextmanager
def in_postgresql(folder: Path, university: University) -> Iterator[dict[str, str]]:
    """CMIS, SITS and the mappings in a database each."""
    with postgresql.running() as address:
        for name in TABLES:
            postgresql.create_database(address, name)
        urls = {name: address.format(database=name) for name in TABLES}
        write_native(university, urls)
        yield urls


@contextmanager
def behind_listeners(university: University) -> "Iterator[dict[str, Wire]]":
    """CMIS, SITS and the mappings, each behind a listener that speaks Oracle's protocol."""
    from tests.oracle_wire import serving

    with postgresql.running() as address, ExitStack() as stack:
        wires = {name: stack.enter_context(serving(address, name)) for name in TABLES}
        for name, wire in wires.items():
            wire.fill(university, TABLES[name])
        yield wires


@contextmanager
def over_oracles_wire(folder: Path, university: University) -> Iterator[dict[str, str]]:
    with behind_listeners(university) as wires:
        yield {name: wire.url for name, wire in wires.items()}


WHERE = {"sqlite": in_sqlite, "postgresql": in_postgresql, "oracle": over_oracles_wire}


@pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.needs("postgresql")),
        pytest.param("oracle", marks=pytest.mark.needs("the Oracle wire")),
    ],
)
def test_with_sits_only_those_are_missing_who_have_left(
    tmp_path: Path, university: University, from_ready_made: Seen, kind: str
) -> None:
    """In each kind of database; nobody who left is in Moodle, so that the plan is the very same."""
    left = left_in_sits(university)
    with WHERE[kind](tmp_path, university) as urls:
        frames, digest = compared(tmp_path / "world", university, native(), urls)
    wanted = dict(from_ready_made[0])
    listed = wanted["memberships"]
    wanted["memberships"] = listed[~listed["user"].isin(list(left))].reset_index(drop=True)
    assert len(wanted["memberships"]) < len(listed)
    for name in DESIRED:
        pd.testing.assert_frame_equal(frames[name], wanted[name])
    assert digest == from_ready_made[1]


@pytest.mark.needs("the Oracle wire")
def test_a_lost_snapshot_is_answered_by_reading_everything_again(tmp_path: Path, university: University) -> None:
    """As often as the settings say; then the run fails, and no part of a table is handed on (rule O3)."""
    too_old = (1555, 'snapshot too old: rollback segment number 9 with name "_SYSSMU9$" too small')
    with behind_listeners(university) as wires, sample_world(tmp_path, university, native()) as world:
        world.databases |= {name: wire.url for name, wire in wires.items()}
        wires["groupsync_sits"].refuse("FROM cam_smo", *too_old)
        run = world.sync(TERM.key, until="extract")
        assert run.errors == {}
        record = run.folder.json("steps/extract")
        assert record["restarts"] == 1
        assert record["snapshots"].keys() == TABLES.keys()
        assert record["rows"]["memberships"] > 0
        began = [sql for sql in wires["groupsync_cmis"].statements if sql.startswith("SET TRANSACTION READ ONLY")]
        assert len(began) == 3, "asked who it is, and two snapshots of the database that lost nothing too"
        wires["groupsync_sits"].refuse("FROM cam_smo", *too_old, times=3)
        failed = world.sync(TERM.key, until="extract")
    assert isinstance(failed.errors["extract"], SnapshotLost)
    assert "ORA-01555" in failed.error
    assert not failed.folder.has("source/memberships.parquet")
