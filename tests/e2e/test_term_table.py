"""The tables of docs/terms.md: state of mapping x state of term x mode, each cell by a run over the real steps.

The page is the test's only list of what is allowed: a line or a table that is added there is tested, or named as one
that the scene does not have.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.mode import Mode
from include.groupsync.model.term import TermState
from tests.world import IN_TERM1, IN_TERM2, NO_BREAKER, TERM1, TERM2, WITH_TERMS, Outcome, ServerCall, Source, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "terms.md"
ENDED = "ended by the calendar"
STATES = (*map(str, TermState), ENDED)
# The course of each line, and what becomes of its one mapping, or of its two.
OFF = {"import_groups": "0"}
MAPPINGS: dict[str, tuple[str, list[dict[str, str]]]] = {
    "active": ("ACTIVE", [{}]),
    "active, import off": ("OFF", [OFF]),
    "inactive": ("INACTIVE", [{"status": "inactive"}]),
    "withdrawn": ("WITHDRAWN", [{"status": "withdrawn"}]),
    "disappeared": ("GONE", []),
    "active and inactive": ("PARTLY", [{}, {"status": "inactive"}]),
    "active and withdrawn": ("LESS", [{}, {"status": "withdrawn"}]),
    "withdrawn and inactive": ("DOUBT", [{"status": "withdrawn"}, {"status": "inactive"}]),
}
UNMAPPED = {"no mapping table": "NAMED", "no mapping table, no longer named": "UNNAMED"}
WORDS = {
    "create": r"core_group_create_",
    "update": r"core_group_update_",
    "add": r"core_group_(add_group_members|assign_grouping)",
    "remove": r"core_group_(delete_group_members|unassign_grouping)",
    "delete": r"core_group_delete_group(ing)?s",
}
SHARED = "Listed by this term too, and dropped by the other"
MOMENTS = {"up to its last day": IN_TERM1, "after it": IN_TERM2}


@functools.cache
def tables() -> dict[str, dict[str, dict[str, str]]]:
    """The page's tables by heading, line and column."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        heading, _, text = section.partition("\n## ")[0].partition("\n")
        lines = [
            [cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line[:1] == "|"
        ]
        columns = lines[0][1:]
        found[heading] = {name: dict(zip(columns, cells, strict=True)) for name, *cells in lines[2:]}
    return found


def words(cell: str) -> frozenset[str]:
    return frozenset() if cell == "nothing" else frozenset(cell.split(", "))


# --- the scene: one course a line, all alike


def furnish(world: World, course: str) -> None:
    """Term 1 lists S1, S2, S9 and G1 (in S1: ann, bob), G2 (cid); both terms list SH (eve), Term 2 alone TH (dan);
    somebody's own group is beside them."""
    world.course(course, users=["ann", "bob", "cid", "dan", "eve"])
    for key, name in (("S1", "Seminars"), ("S2", "Sets"), ("S9", "Old ones")):
        world.source.grouping(course, key, name)
    world.source.group(course, "G1", "Group 1", grouping="S1")
    world.source.group(course, "G2", "Group 2")
    world.source.members(course, "G1", "ann", "bob")
    world.source.members(course, "G2", "cid")
    for term in (TERM1, TERM2):
        world.source.group(course, "SH", "Shared", term=term)
        world.source.members(course, "SH", "eve", term=term)
    world.source.group(course, "TH", "Theirs", term=TERM2)
    world.source.members(course, "TH", "dan", term=TERM2)
    world.by_hand.group(course, "Mine", members=["bob"])


def change_everything(world: World, course: str) -> None:
    """Something for each word, in Term 1 alone; SH is dropped there, which Term 2 still lists."""
    source = world.source
    source.update("remote_groups", {"course": course, "idnumber": "G1"}, name="Renamed", grouping="S2")
    source.drop_member(course, "G1", "ann")
    source.members(course, "G1", "dan")
    source.drop_group(course, "G2")
    source.drop_grouping(course, "S9")
    source.group(course, "G3", "Group 3")
    source.members(course, "G3", "eve")
    for table, column in (("remote_groups", "idnumber"), ("remote_memberships", "group_idnumber")):
        source.delete(table, course=course, term=TERM1, **{column: "SH"})


def seen(world: World, course: str) -> dict[str, Any]:
    groups = world.moodle.groups(course).values()
    return {one.idnumber or one.name: (one.name, set(one.members), set(one.groupings)) for one in groups} | {
        key: one.name for key, one in world.moodle.groupings(course).items()
    }


def expected(may: frozenset[str]) -> dict[str, Any]:
    """``seen`` after a run that was allowed this, from what ``furnish`` and ``change_everything`` say."""

    def has(word: str, *those: str) -> set[str]:
        return set(those) if word in may else set()

    kept: dict[str, Any] = {"SH": ("Shared", {"eve"}, set()), "TH": ("Theirs", {"dan"}, set())}
    kept["Mine"] = ("Mine", {"bob"}, set())
    if "withdraw" in may:
        return kept
    members = {"ann", "bob"} | has("add", "dan")
    placed = {"S1"} | has("add", "S2")
    kept["G1"] = (
        "Renamed" if "update" in may else "Group 1",
        members - has("remove", "ann"),
        placed - has("remove", "S1"),
    )
    kept |= {"S1": "Seminars", "S2": "Sets"}
    if "delete" not in may:
        kept |= {"G2": ("Group 2", {"cid"}, set()), "S9": "Old ones"}
    return kept | ({"G3": ("Group 3", {"eve"}, set())} if "create" in may else {})


def prepared(folder: Path, courses: Mapping[str, list[dict[str, str]]], mappings: dict[str, Any]) -> Path:
    """Both terms are in Moodle; then the mappings become what they are, and the source changes."""
    with World(folder, WITH_TERMS | NO_BREAKER | mappings) as world:
        for course in courses:
            furnish(world, course)
            world.map(course, period="YEAR")
        for term in (TERM1, TERM2):
            run = world.sync(term, run_id=f"first run of {term}")
            assert run.state == "applied", run.error
        for course, wanted in courses.items():
            world.unmap(course)
            for number, fields in enumerate(wanted):
                world.map(course, module=f"M{number + 1}", period="YEAR", **fields)
            change_everything(world, course)
    return folder


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("mapped"), dict(MAPPINGS.values()), {})


@pytest.fixture(scope="module")
def unmapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    courses: dict[str, list[dict[str, str]]] = {course: [] for course in UNMAPPED.values()}
    folder = prepared(tmp_path_factory.mktemp("unmapped"), courses, {"mappings": "none"})
    for table in ("groupings", "groups", "memberships"):
        Source(folder / "source.db").delete(f"remote_{table}", course="UNNAMED", term=TERM1)
    return folder


# --- what a run did, course by course


def done_to(world: World, run: Outcome, before: Mapping[int, str]) -> dict[str, set[str]]:
    """The words of the writing calls that reached the site, by course; ``before`` are the objects that there were."""
    names = {row["id"]: row["idnumber"] for row in world.moodle.query("SELECT id, idnumber FROM mdl_course")}
    places = {**before, **places_of(world)}
    found: dict[str, set[str]] = {}
    for call in run.writing_calls:
        [word] = [word for word, functions in WORDS.items() if re.match(functions, call.function)]
        for item in call.items:
            found.setdefault(_course(call, item, names, places), set()).add(word)
    return found


def _course(call: ServerCall, item: Mapping[str, str], names: Mapping[int, str], places: Mapping[Any, str]) -> str:
    if "courseid" in item:
        return names[int(item["courseid"])]
    kind = "grouping" if re.search("_groupings$", call.function) else "group"
    return places[kind, int(item.get("groupid") or item["id"])]


def places_of(world: World) -> dict[Any, str]:
    """The course of each object in Moodle, by kind and id."""
    sql = "SELECT '{0}' AS kind, g.id, c.idnumber FROM mdl_{0}s g JOIN mdl_course c ON c.id = g.courseid"
    every = [row for kind in ("group", "grouping") for row in world.moodle.query(sql.format(kind))]
    return {(row["kind"], row["id"]): row["idnumber"] for row in every}


def ledger_of(world: World, course: str) -> list[str]:
    course_id = world.moodle.course_id(course)
    return sorted(repr(row) for row in world.ledger if row["course_id"] == course_id)


def claims(world: World, course: str, key: str) -> str:
    course_id = world.moodle.course_id(course)
    [terms] = [row["terms"] for row in world.ledger if row["course_id"] == course_id and row.get("idnumber") == key]
    return str(terms)


def run_in(world: World, state: str, mode: Mode) -> Outcome:
    """A run of Term 1 in that mode and state of the term."""
    if state == ENDED:
        world.now = IN_TERM2
    elif state != TermState.OPEN:
        assert world.set_state(TERM1, state).error == ""
    return world.sync(mode=mode)


def check(world: World, state: str, mode: Mode, courses: Mapping[str, str]) -> None:
    """One run, and of each course what the line of the page says."""
    page = tables()[state]
    before = places_of(world), {course: ledger_of(world, course) for course in courses.values()}
    run = run_in(world, state, mode)
    assert run.error == ""
    did = done_to(world, run, before[0])
    for line, course in courses.items():
        may = words(page[line][str(mode)])
        cell = f"{line}, {state}, {mode}"
        calls = did.pop(course, set())
        assert (cell, calls) == (cell, {"delete" if word == "withdraw" else word for word in may - {"ledger"}})
        assert (cell, seen(world, course)) == (cell, expected(may))
        assert (cell, ledger_of(world, course) != before[1][course]) == (cell, "ledger" in may)
        gives_up = may >= {"remove", "ledger"} or "withdraw" in may
        assert (cell, claims(world, course, "SH")) == (cell, TERM2 if gives_up else f"{TERM1} {TERM2}")
    assert did == {}


@pytest.mark.parametrize("mode", list(Mode), ids=str)
@pytest.mark.parametrize("state", STATES)
def test_what_each_mapping_allows(tmp_path: Path, mapped: Path, state: str, mode: Mode) -> None:
    with World(tmp_path, WITH_TERMS | NO_BREAKER, like=mapped) as world:
        check(world, state, mode, {line: course for line, (course, _) in MAPPINGS.items()})


@pytest.mark.parametrize("mode", list(Mode), ids=str)
@pytest.mark.parametrize("state", STATES)
def test_what_a_course_without_mapping_table_allows(tmp_path: Path, unmapped: Path, state: str, mode: Mode) -> None:
    with World(tmp_path, WITH_TERMS | NO_BREAKER | {"mappings": "none"}, like=unmapped) as world:
        check(world, state, mode, UNMAPPED)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("state", list(map(str, TermState)))
def test_what_another_terms_run_may_delete(tmp_path: Path, mapped: Path, state: str, moment: str) -> None:
    """Of the group that both list, which it drops; all else in the course is still listed, or this term's."""
    with World(tmp_path, WITH_TERMS | NO_BREAKER, like=mapped) as world:
        for table, column in (("remote_groups", "idnumber"), ("remote_memberships", "group_idnumber")):
            world.source.delete(table, course="ACTIVE", term=TERM2, **{column: "SH"})
        if state != TermState.OPEN:
            assert world.set_state(TERM1, state).error == ""
        world.now = MOMENTS[moment]
        before = seen(world, "ACTIVE")
        run = world.sync(TERM2)
        assert run.error == ""
        becomes = {"stays": before, "goes": {key: one for key, one in before.items() if key != "SH"}}
        assert seen(world, "ACTIVE") == becomes[tables()[SHARED][state][moment]]


def test_the_page_has_every_state_mode_and_mapping() -> None:
    """And nothing that is not run here."""
    assert tables().keys() == {*STATES, SHARED}
    for state in STATES:
        lines = tables()[state]
        assert list(lines) == [*MAPPINGS, *UNMAPPED], state
        assert {tuple(cells) for cells in lines.values()} == {tuple(map(str, Mode))}, state
        every = {word for cells in lines.values() for cell in cells.values() for word in words(cell)}
        assert every <= {*WORDS, "withdraw", "ledger"}, state
    assert {line: tuple(cells) for line, cells in tables()[SHARED].items()} == dict.fromkeys(
        map(str, TermState), tuple(MOMENTS)
    )
