"""The queue of requested imports and removals: read, remembered, done once, and told (rules C3, K6)."""

from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.mode import Mode
from tests.e2e.conftest import MakeWorld
from tests.world import NO_BREAKER, TERM1, WITH_MODULES, WITH_QUEUE, Outcome, World

QUEUE = {**WITH_QUEUE, **WITH_MODULES}


def told(run: Outcome) -> dict[str, tuple[str, str]]:
    """What the report says of each request: its state, and what became of it."""
    assert run.report, run.errors
    return {row["request"]: (row["state"], row["told"]) for row in run.report["requests"]["first"]}


def kept(world: World) -> dict[str, dict[str, Any]]:
    return {row["request"]: row for row in world._state("SELECT * FROM import_request")}


@pytest.fixture(scope="module")
def with_modules(tmp_path_factory: pytest.TempPathFactory, after_one_run: Path) -> Path:
    """Made once: C1 (module M1) and C2 (module M2) are synced, by tables that carry the module; the queue is empty."""
    folder = tmp_path_factory.mktemp("modules")
    with World(folder, QUEUE, like=after_one_run) as world:
        for table in ("remote_groups", "remote_memberships"):
            world.source.update(table, {"course": "C2"}, module="M2")
        first = world.sync(run_id="with-modules")  # the ledger learns the modules
        assert (first.error, first.writes, first.report["requests"]["total"]) == ("", 0, 0)
    return folder


@pytest.fixture
def asked(make_world: MakeWorld, with_modules: Path) -> World:
    return make_world(QUEUE, like=with_modules)


def test_c3_a_removal_goes_through_the_breaker_and_is_done_once_all_of_it_is_gone(asked: World) -> None:
    """Held, it says so; approved, the release run is done with it; the source's queue stays as it is, and the mapping
    withdrawn, also when its rows are listed."""
    asked.source.request(7, "RMV", "C2", module="M2")
    looked = asked.sync(mode=Mode.PLAN)
    assert told(looked) == {"7": ("open", "the run only planned")}
    run = asked.sync()
    assert run.state == "held"
    assert {change[2] for change in run.held} == {"C2"}
    assert told(run) == {"7": ("open", f"waits for approval: {len(run.held)} changes are held")}
    assert kept(asked)["7"]["done_by"] is None
    assert kept(asked)["7"]["read_by"] == looked.run_id, "read is read, whatever the run may do"

    asked.answer(run)
    released = asked.release(run)
    assert released.error == ""
    assert told(released) == {"7": ("done", f"removed: {len(run.held)} things deleted by this run")}
    assert (asked.moodle.groups("C2"), set(asked.moodle.groups("C1"))) == ({}, {"G1", "G2"})
    assert kept(asked)["7"]["done_by"] == released.run_id
    assert asked.source.count("group_import") == 1

    asked.source.delete("group_import")
    after = asked.sync()
    assert (after.error, after.changes, told(after)) == ("", [], {}), "withdrawn for good, and told of no more"
    asked.source.request(8, "ADD", "C2", module="M2", at="2026-10-12 05:00")
    again = asked.sync()
    assert told(again) == {"8": ("done", "imported: 1 group, 1 membership made")}
    assert asked.moodle.members("C2") == {"G1": {"eve"}}


def test_c3_an_import_switches_a_mapping_on_and_is_done_when_its_rows_are_there(asked: World) -> None:
    """A run for some kinds, and a change that Moodle refuses, keep it open; it stays on when the row has gone."""
    asked.configure(NO_BREAKER)
    asked.remap("C1", import_groups="0")
    asked.source.group("C1", "G3", name="Group 3")
    assert asked.sync().changes == []
    asked.source.request("a/1", "add ", "C1 ")
    assert told(asked.sync(kinds=["grouping"])) == {"a/1": ("open", "the run was only for kinds grouping")}
    in_the_way = {"asked": False}

    def spoil() -> None:
        in_the_way["asked"] = bool(asked.by_hand.group("C1", "Group 3"))

    run = asked.sync(before={"apply": spoil})
    assert in_the_way["asked"]
    state, words = told(run)["a/1"]
    assert (state, words.startswith("1 changes were not made, the first: ")) == ("open", True), words
    asked.by_hand.delete_group("C1", "Group 3")
    run = asked.sync()
    assert (run.error, told(run)) == ("", {"a/1": ("done", "imported: 1 group made")})
    asked.source.delete("group_import")
    asked.source.group("C1", "G4", name="Group 4")
    later = asked.sync()
    assert (later.error, set(asked.moodle.groups("C1"))) == ("", {"G1", "G2", "G3", "G4"})


def test_m4_whom_a_course_lists_that_a_request_brings_in_is_looked_up(asked: World) -> None:
    """Not enrolled, and no stranger; the import stays off at the source, night after night."""
    asked.user("zoe")
    asked.remap("C1", import_groups="0")
    asked.source.members("C1", "G1", "zoe")
    asked.source.request(1, "ADD", "C1")
    for _ in range(2):
        run = asked.sync()
        assert [(f["severity"], f["rule"], f["user"]) for f in run.findings] == [("deferred", "M4", "zoe")]


def test_o3_an_import_is_not_done_while_a_table_is_empty(asked: World) -> None:
    """Done is for good, and the table may be back tomorrow."""
    asked.source.delete("remote_groups")
    asked.source.request(1, "ADD", "C1")
    assert told(asked.sync()) == {"1": ("open", "the source has no row of the term for groups (rule empty)")}


def test_c3_what_an_import_waits_for_is_said_with_the_next_step(asked: World) -> None:
    """An inactive mapping, a course that is switched off, a course without mapping, one that Moodle does not have, a
    frozen term; and a mapping that a person then switches on."""
    asked.course("C3")
    for course in ("C3", "C4", "C5"):
        asked.map(course, status="inactive" if course == "C3" else "active")
    asked.switch("off", "C4")
    for number, course in enumerate(("C3", "C4", "C9", "C5")):
        asked.source.request(number, "ADD", course)
    run = asked.sync()
    assert told(run) == {
        "0": ("open", "the mapping is inactive at the source"),
        "1": ("open", "the course is switched off"),
        "2": ("open", "no mapping of the term that can be used is of this course and delivery"),
        "3": ("open", "Moodle has no course of this key"),
    }
    assert all(row["next_step"] for row in run.report["requests"]["first"])
    page = (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert "4 open, 0 done in this run" in page
    assert "switch the course on with moodle_course_switch" in page

    asked.switch("on", "C3")
    asked.set_state(TERM1, "frozen")
    assert told(asked.sync())["0"] == ("open", "the term is frozen")
    asked.set_state(TERM1, "open")
    assert told(asked.sync())["0"] == ("done", "imported: all that its rows list was there")


def test_c3_the_newest_holds_and_two_of_one_instant_are_neither_done(asked: World) -> None:
    """An earlier one is done with by a later one; the conflict freezes the mapping and is said of both."""
    asked.source.request(1, "RMV", "C2", "2026-10-01 08:00", module="M2")
    asked.source.request(2, "ADD", "C2", "2026-10-01T09:00:00+01:00", module="M2")
    run = asked.sync()
    assert (run.error, run.changes) == ("", [])
    assert {one: state for one, (state, _) in told(run).items()} == {"1": "open", "2": "open"}
    assert told(run)["1"][1] == (
        "request 2 of the same instant asks for the contrary: neither is done, and the mapping is frozen"
    )
    asked.source.group("C2", "G9", name="Group 9", module="M2")
    assert asked.sync().changes == []
    asked.source.request(3, "ADD", "C2", "2026-10-02", module="M2")
    run = asked.sync()
    assert told(run) == {
        "1": ("done", "superseded by request 3"),
        "2": ("done", "superseded by request 3"),
        "3": ("done", "imported: 1 group made"),
    }


def test_k4_k6_a_row_that_cannot_be_used_is_set_aside_and_removes_nothing(asked: World) -> None:
    """Nor does any removal that it could be about; the run's other work goes on."""
    asked.configure(NO_BREAKER)
    asked.source.request(1, "RMV", "C2", module="M2")
    asked.source.request(2, "ADDD", "C2", module="M2")
    asked.source.request(3, "RMV", "C1", at="last week")
    asked.source.group("C1", "G3", name="Group 3")
    run = asked.sync()
    assert (run.error, run.changes) == ("", [("group", "create", "C1", "G3")])
    assert sorted((row["key"], row["reason"]) for row in run.findings if row["severity"] == "quarantined") == [
        ("2", "action is neither ADD nor RMV"), ("3", "requested_at is no time"),
    ]  # fmt: skip
    assert told(run) == {
        "1": ("open", "not removed: a row of the queue that cannot be used may be about the same mapping")
    }
    assert set(kept(asked)) == {"1"}
    asked.source.delete("group_import", id="2")
    removed = asked.sync()
    assert (told(removed)["1"][0], asked.moodle.groups("C2")) == ("done", {})


def test_c3_a_removal_that_was_taken_back_before_it_was_done_is_not_done(asked: World) -> None:
    """Its row is gone: the mapping is left as it is, until somebody asks anew."""
    asked.source.request(1, "RMV", "C2", module="M2")
    assert asked.sync().state == "held"
    asked.source.delete("group_import")
    run = asked.sync()
    assert (run.error, run.changes) == ("", [])
    assert told(run) == {"1": ("open", "not removed: its row is no longer in the queue")}


def test_c3_of_another_term_and_without_modules(synced: World) -> None:
    """A request of another period is not read; where tables carry no module a removal needs the whole course."""
    synced.configure({**WITH_QUEUE, **NO_BREAKER})
    synced.map("C1", module="M7")
    synced.source.request(1, "RMV", "C1")
    synced.source.request(2, "RMV", "C1", module="M7", period="T2")
    run = synced.sync()
    assert (run.error, run.changes, list(told(run))) == ("", [], ["1"])
    assert told(run)["1"][1].startswith("the course is left as it is: another mapping of it is not withdrawn")
    synced.source.request(3, "RMV", "C1", module="M7")
    run = synced.sync()
    assert {state for state, _ in told(run).values()} == {"done"}
    assert synced.moodle.groups("C1") == {}


def test_o3_a_queue_that_cannot_be_read_fails_the_run(asked: World) -> None:
    asked.source.execute("DROP TABLE group_import")
    run = asked.sync()
    assert (run.failed_step, run.writes) == ("extract", 0)
    assert "requests" in run.error
