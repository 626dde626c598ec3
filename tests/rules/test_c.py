"""Scope: what a run may touch (section C)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from include.groupsync.model.alert import Condition
from include.groupsync.model.ledger import may_delete
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.source.mappings import scope_without_mappings
from include.groupsync.steps import Run
from include.groupsync.steps.alert import look_at
from tests.rules.conftest import MakeWorld
from tests.rules.pure import POLICY, TERM1, TERM2, compare, held, ours, short, terms_now, want
from tests.world import IN_TERM1, IN_TERM2, WITH_MODULES, WITH_TERMS, Outcome, World

BOTH = f"{TERM1} {TERM2}"
INACTIVE = [{"status": "inactive"}, {"import_groups": "0"}, {"status": "inactive", "import_groups": "0"}]


def two_modules(world: World) -> None:
    """C1 takes groups from M1 and M2: G1 of M1 with ann, G2 of M2 with bob; the tables carry the module."""
    world.map("C1", module="M2")
    for key, module, user in (("G1", "M1", "ann"), ("G2", "M2", "bob")):
        world.source.group("C1", key, module=module)
        world.source.members("C1", key, user, module=module)


def test_c1_rows_of_a_module_that_is_not_active_are_left_out(make_world: MakeWorld) -> None:
    """With what the ledger holds of that module; a row without module is left out too, and said so."""
    world = make_world(WITH_MODULES)
    two_modules(world)
    world.source.group("C1", "G3", module="M3")  # of a module that is not mapped to the course
    world.source.group("C1", "G4", module=None)
    run = world.sync()
    assert set(world.moodle.groups("C1")) == {"G1", "G2"}
    assert [(f["rule"], f["key"], f["reason"]) for f in run.findings] == [("C1", "G4", "module is absent")]
    world.remap("C1", module="M2", status="inactive")
    for table in ("remote_groups", "remote_memberships"):
        world.source.delete(table, module="M2")
    world.source.update("remote_groups", {"idnumber": "G1"}, name="New")
    assert world.sync().changes == [("group", "update", "C1", "G1")]
    assert world.moodle.members("C1") == {"G1": {"ann"}, "G2": {"bob"}}


def test_c1_mappings_of_another_term_say_nothing(world: World) -> None:
    """By year and by period; a course that is mapped in another term only is frozen in this one."""
    for course, mapping in (("C2", {"period": "T2"}), ("C3", {"academic_year": "2025"}), ("C4", {"period": "T1/2"})):
        world.course(course)
        world.map(course, **mapping)
        world.source.group(course, "G1")
    assert world.sync().changes == [("group", "create", "C4", "G1")]


@pytest.mark.parametrize("inactive", INACTIVE, ids=["status", "switch", "both"])
def test_c2_inactive_freezes_the_course(world: World, inactive: dict[str, str]) -> None:
    """Nothing is created, updated or deleted, whatever the source says; and nothing when all of it is inactive."""
    world.source.group("C1", "G1", name="Lab")
    world.source.group("C1", "G2")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.remap("C1", **inactive)
    world.source.drop_group("C1", "G2")
    world.source.update("remote_groups", {"idnumber": "G1"}, name="New")
    world.source.group("C1", "G3")
    world.source.move("C1", "ann", of="G1", to="G2")
    run = world.sync()
    assert (run.state, run.changes) == ("applied", [])


def test_c2_one_active_mapping_keeps_a_course_going_where_the_tables_carry_no_module(world: World) -> None:
    """And a withdrawn one beside an inactive one does not thaw it."""
    world.map("C1", module="M2", status="inactive")
    world.course("C2")
    world.map("C2", status="inactive")
    world.map("C2", module="M2", status="withdrawn")
    for course in ("C1", "C2"):
        world.source.group(course, "G1")
    assert world.sync().changes == [("group", "create", "C1", "G1")]


def test_c2_nothing_of_a_frozen_term_is_written_and_what_is_deleted_afterwards_is_held(world: World) -> None:
    """Its run plans, reports and is green; opened again it creates at once, and deletes when a person has looked."""
    for key in ("G1", "G2", "G3"):
        world.source.group("C1", key)
    world.source.members("C1", "G1", "ann", "bob")
    world.sync()
    world.set_state(TERM1, "frozen", reason="week six:\n no more unenrolments")
    change_everything(world)
    before = world.moodle.image("C1"), world.ledger, world.journal
    run = world.sync()
    assert (run.error, run.writes) == ("", 0)
    assert (world.moodle.image("C1"), world.ledger, world.journal) == before
    assert set(run.changes) == CHANGED
    assert (world.runs()[run.run_id]["outcome"], world.approvals()) == ("frozen", [])
    assert not world.runs()[run.run_id]["accepted"], "no baseline for any"
    page = (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert "the term is frozen, nothing written: 4 changes would be applied" in page
    assert f"Term {TERM1} is frozen since 2026-10-12 06:00 UTC, set by ada, who says: week six: no more" in page
    assert alerts(world, run) == (), "a frozen term is meant"

    world.set_state(TERM1, "open")
    for _ in range(2):
        opened = world.sync()
        assert (opened.state, set(opened.held)) == ("held", {change for change in CHANGED if "delete" in change})
        assert {rule for rule, _ in opened.trips} == {"opened_again"}
        assert set(world.moodle.groups("C1")) == {"G1", "G2", "G3", "G4"}
    assert "opened_again: the term is open since" in " ".join(alerts(world, opened)[0].numbers)
    world.answer(opened)
    assert world.release(opened).error == ""
    assert world.moodle.members("C1") == {"G1": {"ann"}, "G2": {"cid"}, "G4": set()}
    world.source.drop_group("C1", "G2")
    later = world.sync()
    assert (later.state, later.changes) == ("applied", [("group", "delete", "C1", "G2")]), "looked at once"


CHANGED = {
    ("group", "create", "C1", "G4"),
    ("membership", "create", "C1", "G2", "cid"),
    ("membership", "delete", "C1", "G1", "bob"),
    ("group", "delete", "C1", "G3"),
}


def change_everything(world: World) -> None:
    """What CHANGED says."""
    world.source.drop_group("C1", "G3")
    world.source.drop_member("C1", "G1", "bob")
    world.source.members("C1", "G2", "cid")
    world.source.group("C1", "G4", "Another")


def alerts(world: World, run: Outcome) -> tuple[Condition, ...]:
    """What people would be told of the run."""
    return look_at(world.deployment(), Run(run.run_id, TERM1), run.folder).conditions


def test_c3_a_withdrawal_deletes_what_that_mapping_manages_and_only_that(make_world: MakeWorld) -> None:
    """Rows of it that the source still has are ignored; hand-made groups and the other module's stay."""
    world = make_world(WITH_MODULES)
    two_modules(world)
    world.sync()
    world.by_hand.group("C1", "Mine", members=["cid"])
    world.remap("C1", module="M2", status="withdrawn")
    run = world.sync()
    assert run.changes == [("group", "delete", "C1", "G2")]
    assert world.moodle.members("C1") == {"G1": {"ann"}, "Mine": {"cid"}}
    assert "run_deletes" in {one["rule"] for one in run.verdict["observations"]}, "through the breaker"


def test_c3_a_withdrawal_goes_through_the_breaker_and_keeps_what_is_appropriated(make_world: MakeWorld) -> None:
    """Without modules it acts when all of the course's mappings are withdrawn; G7's keep still holds."""
    world = make_world(breaker={"run_deletes": {"count": 0}})
    world.map("C1", module="M2")
    for key in ("S1", "S2"):
        world.source.grouping("C1", key)
    world.source.group("C1", "G1", grouping="S1")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.by_hand.group("C1", "Mine", groupings=["S2"])
    world.remap("C1", module="M1", status="withdrawn")
    assert world.sync().changes == [], "M2's still is active"
    world.remap("C1", module="M2", status="withdrawn", import_groups="0")
    run = world.sync()
    assert (run.state, run.writes) == ("held", 0)
    world.configure(breaker={"run_deletes": None})
    assert world.sync().state == "applied"
    assert (set(world.moodle.groups("C1")), set(world.moodle.groupings("C1"))) == ({"Mine"}, {"S2"})


def test_c4_a_course_that_has_left_the_mappings_is_frozen(make_world: MakeWorld) -> None:
    """And so is a module that has left them, in a course that others still take part in."""
    world = make_world(WITH_MODULES)
    two_modules(world)
    world.course("C2", users=["ann"])
    world.map("C2")
    world.source.group("C2", "G1")
    world.sync()
    world.unmap("C2")
    world.unmap("C1", module="M2")
    for table in ("remote_groups", "remote_memberships"):
        world.source.delete(table, module="M2")
    world.source.delete("remote_groups", course="C2")
    run = world.sync()
    assert (run.state, run.changes) == ("applied", [])


def test_c4_what_is_not_in_the_scope_is_frozen() -> None:
    """Not withdrawn: neither a course nor a delivery."""
    scope = Scope(True, {("C1", "M1"): Standing.ACTIVE})
    assert scope.standing("C1", "M2") is Standing.FROZEN
    assert scope.standing("C2", "M1") is Standing.FROZEN
    assert scope.courses == {"C1"}


# --- C5


@pytest.mark.parametrize(
    ("claims", "open_terms", "may"),
    [
        (TERM1, {TERM1, TERM2}, True),
        (BOTH, {TERM1, TERM2}, False),
        (BOTH, {TERM1}, True),  # the other one has ended
        (BOTH, None, False),  # without a calendar every term is open
        (TERM2, {TERM1}, False),  # what only ended terms list is left alone by others
        ("", {TERM1}, False),
        (None, None, False),
    ],
)
def test_c5_a_run_deletes_what_its_term_dropped_and_no_other_open_one_lists(
    claims: str | None, open_terms: set[str] | None, may: bool
) -> None:
    """One word for objects, links and memberships."""
    assert may_delete(claims, TERM1, None if open_terms is None else frozenset(open_terms)) is may


def test_c5_a_dropped_claim_goes_and_the_thing_stays() -> None:
    """The other term's run may delete it when it drops it too."""
    there = held(7, "G1", "Lab")
    found = compare([], [there], [ours(there, terms=BOTH)])
    assert (short(found), terms_now(found)) == ([], {7: TERM2})


@pytest.mark.parametrize(("open_terms", "name"), [({TERM1, TERM2}, "Lab"), ({TERM1}, "Hall")])
def test_c5_the_latest_open_terms_fields_hold(open_terms: set[str], name: str) -> None:
    """Where two list one thing; once it has ended, the other's."""
    policy = replace(POLICY, open_terms=frozenset(open_terms), later_terms=frozenset({TERM2}))
    there = held(7, "G1", "Lab")
    found = compare([want("G1", "Hall")], [there], [ours(there, terms=BOTH)], policy=policy)
    assert short(found) == ([f"~ G1 Lab > {name}"] if name != "Lab" else [])


def test_c5_a_year_long_module_over_two_terms(make_world: MakeWorld) -> None:
    """Term 2 adds its claim and its members; Term 1's claim ends with its last day."""
    world = make_world(WITH_TERMS)
    world.map("C1", module="MY", period="YEAR")
    world.remap("C1", module="M1", period="YEAR")
    for term in (TERM1, TERM2):
        world.source.group("C1", "YEAR", term=term)
        world.source.members("C1", "YEAR", "ann", "bob", term=term)
    world.source.group("C1", "AUTUMN", term=TERM1)
    world.source.members("C1", "AUTUMN", "ann", term=TERM1)
    assert world.sync(TERM1).state == "applied"
    assert world.sync(TERM2).changes == [], "the same things, claimed by both"
    world.source.delete("remote_memberships", term=TERM2, user_key="bob")
    assert (world.sync(TERM2).changes, world.now) == ([], IN_TERM1), "Term 1 is open, and lists him"

    world.now = IN_TERM2
    world.source.members("C1", "YEAR", "bob", term=TERM2)
    world.sync(TERM2)
    world.source.delete("remote_memberships", term=TERM2, user_key="bob")
    assert world.sync(TERM2).changes == [("membership", "delete", "C1", "YEAR", "bob")]
    assert world.moodle.members("C1") == {"AUTUMN": {"ann"}, "YEAR": {"ann"}}, "what only Term 1 lists is left alone"


def test_c5_a_claim_ends_with_the_terms_last_day(make_world: MakeWorld) -> None:
    """On that day another term's drop changes nothing; the day after it deletes."""
    world = make_world(WITH_TERMS)
    world.remap("C1", period="YEAR")
    for term in (TERM1, TERM2):
        world.source.group("C1", "G1", term=term)
        world.source.group("C1", "G2", term=term)
        world.sync(term)
    world.source.delete("remote_groups", term=TERM2, idnumber="G1")
    world.now = datetime(2026, 12, 18, 22, tzinfo=UTC)
    assert world.sync(TERM2).changes == []
    world.source.delete("remote_groups", term=TERM2, idnumber="G2")
    world.source.group("C1", "G3", term=TERM2)
    world.now = datetime(2026, 12, 19, 1, tzinfo=UTC)
    assert set(world.sync(TERM2).changes) == {("group", "delete", "C1", "G2"), ("group", "create", "C1", "G3")}
    assert set(world.moodle.groups("C1")) == {"G1", "G3"}, "G1 is Term 1's alone, and left alone"


def test_c5_a_claim_ends_when_its_term_is_closed(make_world: MakeWorld) -> None:
    """Whatever its last day is; opened again, it holds again. The run goes by what it read, and by no later word."""
    world = make_world(WITH_TERMS)
    world.remap("C1", period="YEAR")
    for term in (TERM1, TERM2):
        for key in ("G1", "G2", "G3"):
            world.source.group("C1", key, term=term)
        world.sync(term)
    world.source.delete("remote_groups", term=TERM2, idnumber="G1")
    assert world.sync(TERM2).changes == [], "Term 1 is open, and lists it"
    world.set_state(TERM1, "closed")
    world.source.delete("remote_groups", term=TERM2, idnumber="G2")
    assert world.sync(TERM2).changes == [("group", "delete", "C1", "G2")]
    world.set_state(TERM1, "open")
    world.source.delete("remote_groups", term=TERM2, idnumber="G3")
    close = {"diff_groups": lambda: world.set_state(TERM1, "closed")}
    assert world.sync(TERM2, before=close).changes == []
    assert set(world.moodle.groups("C1")) == {"G1", "G3"}


@pytest.mark.parametrize(("state", "keeps"), [("frozen", True), ("add-only", True), ("open", False)])
def test_c5_what_a_frozen_or_add_only_term_lists_outlives_its_last_day(
    make_world: MakeWorld, state: str, keeps: bool
) -> None:
    """A run of another term that drops it deletes nothing of it, and takes its own claim away."""
    world = make_world(WITH_TERMS)
    world.remap("C1", period="YEAR")
    for term in (TERM1, TERM2):
        world.source.group("C1", "G1", term=term)
        world.source.group("C1", "G2", term=term)
        world.source.members("C1", "G2", "ann", term=term)
        world.sync(term)
    if state != "open":
        world.set_state(TERM1, state)
    world.now = IN_TERM2
    world.source.delete("remote_groups", term=TERM2, idnumber="G1")
    world.source.delete("remote_memberships", term=TERM2)
    taken = {("group", "delete", "C1", "G1"), ("membership", "delete", "C1", "G2", "ann")}
    run = world.sync(TERM2)
    assert (run.state, set(run.changes)) == ("applied", set() if keeps else taken)
    assert terms_of(world, "G1") == (TERM1 if keeps else None)


def test_c5_an_add_only_term_keeps_its_claims_on_what_its_source_drops(make_world: MakeWorld) -> None:
    """It only adds: nothing goes, and no other term's run may take it for gone. Opened again it gives it up."""
    world = make_world(WITH_TERMS)
    world.remap("C1", period="YEAR")
    for term in (TERM1, TERM2):
        world.source.group("C1", "G1", term=term)
        world.source.members("C1", "G1", "ann", term=term)
        world.sync(term)
    world.source.group("C1", "G2", term=TERM1)
    world.source.members("C1", "G2", "ann", term=TERM1)
    world.sync(TERM1)
    world.set_state(TERM1, "add-only")
    for table in ("remote_groups", "remote_memberships"):
        world.source.delete(table, term=TERM1)
    world.source.group("C1", "G3", "New", term=TERM1)
    ledger = sorted(map(repr, world.ledger))
    run = world.sync(TERM1)
    assert (run.error, run.changes) == ("", [("group", "create", "C1", "G3")])
    assert sorted(repr(one) for one in world.ledger if one.get("idnumber") != "G3") == ledger
    assert run.reasons("note") == ["the group stays: the add-only term only adds"], "of G2, and all that is in it"
    assert world.runs()[run.run_id]["outcome"] == "added"
    for table in ("remote_groups", "remote_memberships"):
        world.source.delete(table, term=TERM2)
    assert world.sync(TERM2).changes == []
    world.set_state(TERM1, "open")
    opened = world.sync(TERM1)
    assert opened.state == "held"
    assert opened.held == opened.changes != []
    assert all(action == "delete" for _, action, *_ in opened.changes)


def terms_of(world: World, idnumber: str) -> str | None:
    """The claims on a group, None where it is not managed."""
    return next((row["terms"] for row in world.ledger if row.get("idnumber") == idnumber), None)


# --- C6


def test_c6_every_course_that_a_table_names_is_in_scope_for_all_of_them() -> None:
    """A course that only one of them names still loses what the others no longer list."""
    scope = scope_without_mappings({"groupings": frozenset({"C1"}), "groups": frozenset({"C2"})})
    for dataset in ("groupings", "groups"):
        assert Scope.of(scope, dataset).courses == {"C1", "C2"}


def test_c6_without_mappings_a_course_in_no_table_is_frozen(make_world: MakeWorld) -> None:
    """Moodle's courses that no table names are not touched, whatever is managed there."""
    world = make_world(mappings="none")
    for course in ("C2", "C3"):
        world.course(course)
    for course in ("C1", "C2"):
        world.source.grouping(course, "S1")
        world.source.group(course, "G1")
    world.unmap("C1")
    world.sync()
    assert {course: set(world.moodle.groups(course)) for course in ("C1", "C2", "C3")} == {
        "C1": {"G1"},
        "C2": {"G1"},
        "C3": set(),
    }
    world.source.drop_group("C1", "G1")  # its grouping is still listed
    world.source.drop_group("C2", "G1")
    world.source.drop_grouping("C2", "S1")  # nothing of this course is listed any more
    assert world.sync().changes == [("group", "delete", "C1", "G1")]
