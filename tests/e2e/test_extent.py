"""A run for a part of its term: it does what the whole run would there, and leaves everything else byte for byte."""

from typing import Any

import pytest

from include.groupsync.errors import RunRefused
from include.groupsync.model.extent import Extent
from include.groupsync.model.mode import Mode
from include.groupsync.steps import Run
from include.groupsync.steps.lineage import events_of
from tests.e2e.conftest import MakeWorld
from tests.world import NO_BREAKER, TERM1, WITH_MODULES, Outcome, World


def change_both(world: World) -> None:
    """In either course a group goes, one comes, one is renamed, and people move; C1 has a new grouping too."""
    world.source.drop_group("C1", "G2")
    world.source.grouping("C1", "S2", name="Sets")
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Renamed", grouping="S2")
    world.source.group("C1", "G3", name="Group 3")
    world.source.members("C1", "G3", "dan")
    world.source.drop_member("C1", "G1", "ann")
    world.source.update("remote_groups", {"course": "C2", "idnumber": "G1"}, name="Renamed")
    world.source.group("C2", "G9", name="Group 9")
    world.source.members("C2", "G1", "ann")
    world.source.drop_member("C2", "G1", "eve")


def of(run: Outcome, *courses: str) -> list[tuple[str, ...]]:
    """The run's changes in these courses."""
    return [change for change in run.changes if change[2] in courses]


def known_of(world: World, *courses: str) -> list[dict[str, Any]]:
    """What the ledger has of these courses."""
    ids = {world.moodle.course_id(course) for course in courses}
    return [row for row in world.ledger if row["course_id"] in ids]


def run_of(run: Outcome, only: dict[str, Any]) -> Run:
    return Run(run.run_id, TERM1, extent=Extent.of(only))


def page(run: Outcome) -> str:
    return (run.folder.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "only",
    [{"courses": " C1 \n\n"}, {"departments": ["D1"]}, {"modules": "M1"}],
    ids=["course", "department", "module"],
)
def test_c2_a_part_is_done_as_a_whole_run_does_it_and_the_rest_is_left(synced: World, only: dict[str, Any]) -> None:
    """By course, department or module: plan, Moodle and ledger; nothing of the other course is read; no baseline."""
    synced.configure(NO_BREAKER)
    synced.remap("C2", department="D2")
    change_both(synced)
    whole = synced.sync(mode=Mode.PLAN)
    image, known = synced.moodle.image("C2"), known_of(synced, "C2")
    run = synced.sync(**only)
    assert run.state == "applied", run.error
    assert run.changes == of(whole, "C1")
    assert of(whole, "C2") != []
    assert (synced.moodle.image("C2"), known_of(synced, "C2")) == (image, known)
    other = str(synced.moodle.course_id("C2"))
    asked = [call for call in run.calls if other in (call.arguments.get("courseid"), call.arguments.get("courseids"))]
    assert asked == []
    kept = synced.runs()[run.run_id]
    assert (kept["outcome"], bool(kept["accepted"]), kept["measures"]) == ("applied in part", False, None)
    assert run.report["only"] is not None
    assert f"Only: {run.report['only']}. Everything else of the term was left as it is." in page(run)
    events = events_of("apply", synced.deployment(), run_of(run, only), "")
    assert [event["only"] for event in events.values()] == [run.report["only"]]
    rest = synced.sync()
    assert rest.changes == of(whole, "C2")
    assert synced.sync().changes == []


KIND_CHANGES: dict[str, list[tuple[str, ...]]] = {
    "grouping": [("grouping", "create", "C1", "S2")],
    "group": [
        ("group", "create", "C1", "G3"),
        ("group", "create", "C2", "G9"),
        ("group", "update", "C1", "G1"),
        ("group", "update", "C2", "G1"),
        # C1's G2 stays: somebody of it may be one of those who are still to be added to other groups.
    ],
    # G1's new grouping is not made, so that it stays in the old one.
    "link": [],
    # Nobody leaves a group of C1 or C2 while groups wait to be made there that they may move to.
    "membership": [("membership", "create", "C2", "G1", "ann")],
}


@pytest.mark.parametrize("kind", list(KIND_CHANGES))
def test_o3_each_kind_alone(synced: World, kind: str) -> None:
    """The other kinds stay as they are in Moodle, but for what goes with a group; and in the ledger."""
    synced.configure(NO_BREAKER)
    change_both(synced)
    before = [row for row in synced.ledger if row["kind"] not in (kind, "membership", "link")]
    run = synced.sync(kinds=[kind])
    assert run.error == ""
    assert sorted(run.changes) == sorted(KIND_CHANGES[kind])
    assert [row for row in synced.ledger if row["kind"] not in (kind, "membership", "link")] == before
    assert set(synced.moodle.groups("C1")) == {"G1", "G2"} | ({"G3"} if kind == "group" else set())
    assert synced.sync().state == "applied"
    assert synced.moodle.members("C1") == {"G1": {"bob"}, "G3": {"dan"}}
    assert synced.moodle.groups("C1")["G1"].groupings == {"S2"}
    assert synced.moodle.members("C2") == {"G1": {"ann"}, "G9": set()}


def test_p7_with_a_group_goes_what_was_in_it_and_nothing_else(synced: World) -> None:
    """Members and links that are no kind of the part, and its place in a grouping of another course; the ledger forgets
    what Moodle took along, so that the whole run has nothing left to do."""
    synced.configure(NO_BREAKER)
    theirs = synced.by_hand.grouping("C2", "Theirs")
    synced.by_hand.link("C2", "G1", "Theirs")
    gone = synced.moodle.groups("C1")["G2"].id
    synced.by_hand.call("core_group_assign_grouping", assignments=[{"groupid": gone, "groupingid": theirs}])
    synced.source.drop_group("C1", "G2")
    assert synced.moodle.groupings("C2")["Theirs"].groups == {"G1", "G2"}
    before, others = synced.ledger, {course: synced.moodle.members(course) for course in ("C1", "C2")}
    run = synced.sync(courses="C1", kinds=["group"])
    assert (run.error, run.changes) == ("", [("group", "delete", "C1", "G2")])
    inside = [row for row in before if row.get("group_id") == gone]
    assert {row["kind"] for row in inside} == {"link", "membership"}
    assert synced.ledger == [
        row for row in before if row not in inside and (row["kind"], row.get("moodle_id")) != ("group", gone)
    ]
    del others["C1"]["G2"]
    assert {course: synced.moodle.members(course) for course in ("C1", "C2")} == others
    assert synced.moodle.groups("C1")["G1"].groupings == {"S1"}
    assert synced.moodle.groupings("C2")["Theirs"].groups == {"G1"}
    assert synced.sync().changes == []


@pytest.mark.parametrize("only", [{"kinds": ["group"]}, {"kinds": ["group", "grouping", "link"], "courses": "C1"}])
def test_a1_a_group_stays_while_what_its_members_move_to_is_left_out(synced: World, only: dict[str, Any]) -> None:
    synced.configure(NO_BREAKER)
    synced.source.drop_group("C1", "G2")
    synced.source.members("C1", "G1", "cid")
    run = synced.sync(**only)
    assert (run.error, run.writes, synced.moodle.members("C1")["G2"]) == ("", 0, {"cid"})
    assert [reason for reason in run.reasons("note") if reason.startswith("delete of the group waits")] != []
    assert synced.sync().error == ""
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob", "cid"}}


def test_c1_what_was_there_before_the_tables_had_modules_is_not_frozen(synced: World) -> None:
    """It is of the delivery that lists it from the next run on, so that who leaves is taken out."""
    synced.configure({**WITH_MODULES, **NO_BREAKER})
    assert synced.sync().changes == []
    synced.source.drop_member("C1", "G1", "ann")
    assert synced.sync().changes == [("membership", "delete", "C1", "G1", "ann")]


def test_o3_what_waits_for_a_kind_that_is_left_out_is_a_note(synced: World) -> None:
    synced.configure(NO_BREAKER)
    change_both(synced)
    run = synced.sync(kinds=["membership"], courses="C1")
    assert run.changes == []
    assert sorted(run.reasons("note")) == [
        "create of the membership waits for what this run leaves out (only courses C1; kinds membership)",
        "delete of the membership waits for what this run leaves out (only courses C1; kinds membership)",
    ]


@pytest.mark.parametrize(
    ("only", "told"),
    [
        ({"courses": "C1\nC9"}, "unknown courses of term 2026-27-T1: C9. Its mapping table has such as C1, C2."),
        ({"modules": "M9"}, "unknown modules of term 2026-27-T1: M9. Its mapping table has such as M1, M2."),
        ({"departments": "D9"}, "unknown departments of term 2026-27-T1: D9. Its mapping table has such as D1."),
        ({"courses": "C1", "modules": "M2"}, "no course of term 2026-27-T1 is in all of: courses C1; modules M2."),
        ({"kinds": ["link"]}, "the settings have link switched off, so that no run can be for it: choose of grouping"),
    ],
    ids=["course", "module", "department", "nothing in common", "kind"],
)
def test_c2_what_the_term_does_not_have_is_refused_before_moodle_is_read(
    make_world: MakeWorld, only: dict[str, Any], told: str
) -> None:
    world = make_world({"groups": {"columns": {"grouping": None}}})
    world.map("C1")
    world.map("C2", module="M2")
    run = world.sync(**only)
    assert (run.failed_step, isinstance(run.errors["extract"], RunRefused)) == ("extract", True)
    assert str(run.errors["extract"]).startswith(told)
    of_identity = [call.function for call in world.sync(until="check_identity").calls]
    assert [call.function for call in run.calls] == of_identity
    assert world.ledger == []


def test_c6_without_mappings_a_part_is_courses_and_kinds(make_world: MakeWorld) -> None:
    world = make_world({"mappings": "none"})
    for course in ("C1", "C2"):
        world.course(course)
        world.source.group(course, "G1", "Group 1")
    run = world.sync(courses="C2", kinds=["group"])
    assert (run.state, run.changes) == ("applied", [("group", "create", "C2", "G1")]), run.error
    refused = world.sync(modules="M1")
    assert "unknown modules of term 2026-27-T1: M1. Without a mapping table the term has none at all" in refused.error


@pytest.fixture
def of_modules(make_world: MakeWorld) -> World:
    """C1 takes G1 from M1 and G2 from M2; the tables say so."""
    world = make_world({**WITH_MODULES, **NO_BREAKER})
    world.course("C1", users=["ann", "bob", "cid"])
    world.map("C1")
    world.map("C1", module="M2")
    world.source.group("C1", "G1", "Group 1")
    world.source.members("C1", "G1", "ann")
    world.source.group("C1", "G2", "Group 2", module="M2")
    world.source.members("C1", "G2", "bob", module="M2")
    assert world.sync().state == "applied"
    return world


def test_c1_one_module_of_a_course_leaves_the_others_groups_alone(of_modules: World) -> None:
    """Its deletes too, also what the whole run would tell of the other module; but who moves to the other one stays."""
    world = of_modules
    world.source.drop_member("C1", "G1", "ann")
    world.source.drop_member("C1", "G2", "bob")
    world.source.members("C1", "G1", "bob")
    run = world.sync(modules="M2")
    assert run.changes == []
    assert run.reasons("note") == ["delete of the membership waits for what this run leaves out (only modules M2)"]
    world.source.drop_member("C1", "G1", "bob")
    world.source.members("C1", "G1", "cid")  # a table without rows would be another matter
    run = world.sync(modules="M2")
    assert run.changes == [("membership", "delete", "C1", "G2", "bob")]
    assert world.moodle.members("C1") == {"G1": {"ann"}, "G2": set()}


def test_k5_what_another_module_lists_too_is_kept(of_modules: World) -> None:
    """A row of each module, the same but for it: the whole run takes it for the first one's, and so does a part."""
    world = of_modules
    world.source.group("C1", "G2", "Group 2")
    world.source.members("C1", "G2", "bob")
    for only in ({"modules": "M2"}, {"modules": "M1"}, {}):
        assert world.sync(**only).changes == []


def test_k6_half_a_key_of_what_is_left_out_protects(of_modules: World) -> None:
    world = of_modules
    world.source.drop_group("C1", "G1")
    world.source.group(None, "G1", "?", module="M2")
    for only in ({"modules": "M1"}, {"courses": "C1", "kinds": ["group"]}):
        run = world.sync(**only)
        assert [change for change in run.changes if change[0] == "group"] == []


def test_p9_names_that_two_modules_swap_wait_for_both(of_modules: World) -> None:
    """Neither half of a swap can be done alone; Moodle is not even asked."""
    world = of_modules
    for key, name in (("G1", "Group 2"), ("G2", "Group 1")):
        world.source.update("remote_groups", {"course": "C1", "idnumber": key}, name=name)
    run = world.sync(modules="M1")
    assert (run.state, run.writes) == ("applied", 0), run.error
    assert set(run.reasons("note")) == {"update of the group waits for what this run leaves out (only modules M1)"}
    assert world.sync().state == "applied"
    assert world.moodle.groups("C1")["G1"].name == "Group 2"


def test_p8_a_name_that_two_modules_share_is_as_the_whole_run_has_it(of_modules: World) -> None:
    """The other module's row still collides: the suffix neither goes nor comes because of the part."""
    world = of_modules
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G2"}, name="Group 1")
    assert world.sync(modules="M2").error == ""
    assert {key: group.name for key, group in world.moodle.groups("C1").items()} == {
        "G1": "Group 1",
        "G2": "Group 1 (G2)",
    }
    assert world.sync(modules="M1").error == ""
    assert world.sync().changes == []


def test_c1_where_the_tables_do_not_say_the_module_a_shared_course_is_refused(synced: World) -> None:
    """Named, with what to do; a course that takes groups from one module only is done."""
    synced.map("C1", module="M3")
    run = synced.sync(modules="M1")
    assert run.failed_step == "extract"
    assert "course C1 (table groupings; it takes groups from M3 too)" in run.error
    assert "Choose the courses instead" in run.error
    synced.remap("C1", module="M3", import_groups="0")
    synced.source.group("C1", "G3", "Group 3")
    synced.source.group("C2", "G3", "Group 3")
    run = synced.sync(modules="M1\nM3")
    assert (run.state, run.changes) == ("applied", [("group", "create", "C1", "G3")]), run.error
    assert synced.sync(modules="M3").changes == [], "inactive"


def test_m5_what_is_gone_elsewhere_is_not_forgotten(synced: World) -> None:
    """By hand, and out of the part: the ledger stays as it is until a run of the whole sees it."""
    synced.configure(NO_BREAKER)
    synced.by_hand.delete_group("C2", "G1")
    synced.by_hand.remove_member("C1", "G2", "cid")
    known = known_of(synced, "C2")
    synced.sync(courses="C1", kinds=["group", "grouping"])
    assert known_of(synced, "C2") == known
    assert synced.moodle.members("C1")["G2"] == set()


def test_p7_a_part_counts_nothing_towards_grace_and_forgets_no_count(synced: World) -> None:
    synced.configure({**NO_BREAKER, "vanish_grace_runs": 1})
    synced.source.drop_group("C1", "G2")
    synced.source.drop_member("C2", "G1", "eve")
    missing = "SELECT * FROM vanishing ORDER BY course, key, user"
    synced.sync()
    counted = synced._state(missing)
    for _ in range(2):
        assert synced.sync(courses="C1").changes == []
        assert synced._state(missing) == counted
    assert ("group", "delete", "C1", "G2") in synced.sync().changes


def test_o2_reclaim_and_plan_of_a_part(synced: World) -> None:
    """Only the part's memberships become ours; a plan of a part writes nothing anywhere."""
    for course, user in (("C1", "dan"), ("C2", "ann")):
        synced.by_hand.add_member(course, "G1", user)
        synced.source.members(course, "G1", user)
    ledger, journal = synced.ledger, synced.journal
    planned = synced.sync(courses="C1", mode=Mode.PLAN, reclaim="lost")
    assert planned.changes == [("membership", "update", "C1", "G1", "dan")]
    assert (planned.writes, synced.ledger, synced.journal) == (0, ledger, journal)
    run = synced.sync(courses="C1", reclaim="lost")
    synced.answer(run)
    released = synced.release(run)
    assert (released.error, released.changes) == ("", planned.changes)
    known = {(row["user"], row["course_id"]) for row in synced.ledger if row["kind"] == "membership"}
    assert ("dan", synced.moodle.course_id("C1")) in known
    assert ("ann", synced.moodle.course_id("C2")) not in known
