"""What is held waits with what needs it; everything else goes on (rules B2, M5, P9, G8, A1)."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.breaker.split import Split, held_by, split
from include.groupsync.model.change import Change
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from tests.include.groupsync.breaker.plans import (
    EVERYTHING,
    KINDS,
    deletes,
    goes,
    joins,
    judged,
    leaves,
    linked,
    rekey,
    renames,
    short,
    unlinked,
    update,
)


def parts(changes: list[Change], *reaches: Reach, effect: Effect = Effect.HOLD) -> Split:
    """The plan as trips with these reaches split it."""
    plan = Plan.of_changes(changes)
    trips = tuple(Observation("test", "all", 1, 0, 1, None, True, "held", effect, reach) for reach in reaches)
    return split(plan, Verdict(plan.digest, trips))


def held(changes: list[Change], *reaches: Reach) -> set[tuple[str, ...]]:
    return short(parts(changes, *reaches).held)


def kinds_of(plan: Plan) -> set[tuple[str, str, str]]:
    return {(change.course, str(change.kind), str(change.action)) for change in plan.changes()}


def test_b1_a_verdict_is_of_one_plan() -> None:
    """Another plan's is refused."""
    with pytest.raises(ValueError, match=r"^this verdict is another plan's$"):
        split(Plan.of_changes(deletes(Kind.GROUP, 2)), Verdict(Plan.of_changes(deletes(Kind.GROUP, 1)).digest, ()))


@given(st.sets(st.sampled_from(["a", "b", "c"])), st.booleans())
@settings(max_examples=20, deadline=None)
def test_b2_each_held_change_has_the_rules_that_hold_it(rules: set[str], blocks: bool) -> None:
    """None where it goes on, and nothing where it only waits for what is held; a blocked run's have what blocks it."""
    reaches = {
        "a": Reach(("delete",), ("group",)),
        "b": Reach(("delete",), KINDS, course="C"),
        "c": Reach(("create",), ("group",)),
    }
    plan = Plan.of_changes(EVERYTHING)
    trips = [Observation(one, "all", 1, 0, 1, None, True, "t", Effect.HOLD, reaches[one]) for one in sorted(rules)]
    if blocks:
        trips.append(Observation("z", "run", 1, 0, 1, None, True, "t", Effect.BLOCK))
    verdict = Verdict(plan.digest, tuple(trips))
    told = held_by(plan, verdict)
    assert plan.only(pd.Series([one is not None for one in told])) == split(plan, verdict).held
    for row, one in zip(rows(plan.frame), told, strict=True):
        own = {
            rule
            for rule in rules
            if row["action"] in reaches[rule].actions
            and row["kind"] in reaches[rule].kinds
            and reaches[rule].course in (None, row["course"])
        }
        assert set(filter(None, (one or "").split(", "))) == ({"z"} if blocks else own)


def test_b2_without_a_trip_everything_goes_on() -> None:
    """And what passes holds nothing."""
    plan = Plan.of_changes(EVERYTHING)
    passed = Observation("r", "s", 0, 0, 0, None, False, "t", Effect.BLOCK)
    reached = Observation("r", "s", 0, 0, 0, None, False, "t", Effect.HOLD, Reach(("delete",), KINDS))
    found = split(plan, Verdict(plan.digest, (passed, reached)))
    assert (found.released, len(found.held), len(found.releasable)) == (plan, 0, 0)


def test_b2_too_many_deletes_hold_all_deletes_and_nothing_else() -> None:
    """Adds and updates proceed; removals wait too, while the source is in doubt."""
    found = judged(EVERYTHING, {"run_deletes": {"fraction": None, "count": 3}})
    assert {action for _, _, action in kinds_of(found.held)} == {"delete"}
    assert {action for _, _, action in kinds_of(found.released)} == {"create", "update"}
    assert {kind for _, kind, _ in kinds_of(found.held)} == set(KINDS)
    assert found.releasable == found.held


def test_b2_too_many_removals_hold_removals_alone() -> None:
    """Groups and groupings may go."""
    found = judged(EVERYTHING, {"run_removals": {"fraction": None, "count": 3}})
    assert {(kind, action) for _, kind, action in kinds_of(found.held)} == {
        ("link", "delete"),
        ("membership", "delete"),
    }


def test_b2_an_emptied_course_holds_its_own_deletes_alone() -> None:
    """The other course's go on."""
    changes = [c for c in EVERYTHING if c.action is Action.DELETE or c.course == "D"]
    found = judged(changes, {"course_emptied": 0}, managed={Kind.GROUP: {"C": 2, "D": 2}})
    assert {(course, action) for course, _, action in kinds_of(found.held)} == {("C", "delete")}
    assert ("D", "group", "delete") in kinds_of(found.released)


def test_b2_a_department_holds_its_own_deletes_alone() -> None:
    """In all of its courses, removals included."""
    found = judged(EVERYTHING, {"department_deletes": {"fraction": None, "count": 1}}, departments={"D": ("P",)})
    assert {(course, action) for course, _, action in kinds_of(found.held)} == {("D", "delete")}
    assert {kind for _, kind, _ in kinds_of(found.held)} == set(KINDS)


def test_b2_an_empty_table_blocks_its_own_kinds_deletes() -> None:
    """Memberships go on where it is the groups' table that is empty; no approval releases what is blocked."""
    found = judged(EVERYTHING, {"empty": 0}, rows_read={"groups": 0, "memberships": 9}, listed={Kind.GROUP: 9})
    assert {(kind, action) for _, kind, action in kinds_of(found.held)} == {("group", "delete"), ("link", "delete")}
    assert len(found.releasable) == 0


def test_b2_what_is_blocked_is_told_apart_from_what_is_held() -> None:
    """Both wait; the first for ever."""
    limits = {"empty": 0, "run_deletes": {"fraction": None, "count": 0}}
    found = judged(EVERYTHING, limits, rows_read={"memberships": 0, "groups": 9}, listed={Kind.MEMBERSHIP: 9})
    assert {kind for _, kind, _ in kinds_of(found.releasable)} == {"grouping", "group", "link"}
    assert {kind for _, kind, _ in kinds_of(found.held)} == set(KINDS)
    assert short(found.releasable) < short(found.held)


def test_b2_a_gutted_group_holds_its_removals_and_its_links_removal() -> None:
    """Other groups' go on, and adds to the group."""
    changes = [
        *leaves("G", *"abc"), *leaves("H", *"a"), *joins("G", "z"), *leaves("G", *"abc", course="D"),
        Change(Link("C", "S", "G"), None, "L2"), Change(Link("C", "S", "H"), None, "L2"),
    ]  # fmt: skip
    found = judged(changes, {"group_gutted": {"fraction": 0.5, "size": 5}}, members={("C", "G"): tuple("abcde")})
    assert short(found.held) == {
        ("membership", "delete", "C", "G", "a"),
        ("membership", "delete", "C", "G", "b"),
        ("membership", "delete", "C", "G", "c"),
        ("link", "delete", "C", "S", "G"),
    }


def test_b2_an_object_is_held_by_kind_course_and_key() -> None:
    """A grouping of the same key, and the same group of another course, go on."""
    changes = [goes("G"), goes("G", "D"), goes("H"), Change(Grouping("C", "G", "N"), None, "G7")]
    assert held(changes, Reach(("delete",), ("group",), "C", "G")) == {("group", "delete", "C", "G")}
    assert held(changes, Reach(("delete",), ("grouping",), "C", "G")) == {("grouping", "delete", "C", "G")}
    both = held(changes, Reach(("delete",), ("group",), "C", "G"), Reach(("delete",), ("group",), "D", "G"))
    assert both == {("group", "delete", "C", "G"), ("group", "delete", "D", "G")}
    assert held(changes, Reach(("delete",), ("group",), "D", "H")) == set()


def test_b2_a_link_is_of_the_kind_of_object_that_the_reach_names() -> None:
    """The group's links, or the grouping's."""
    changes = [Change(Link("C", "X", "Y"), None, "L2"), Change(Link("C", "Y", "X"), None, "L2")]
    assert held(changes, Reach(("delete",), ("group", "link"), "C", "X")) == {("link", "delete", "C", "Y", "X")}
    assert held(changes, Reach(("delete",), ("grouping", "link"), "C", "X")) == {("link", "delete", "C", "X", "Y")}


def test_b2_several_courses_and_one_course_and_all() -> None:
    """Whichever trip names them."""
    changes = [goes("G", course) for course in "CDE"]
    every = Reach(("delete",), KINDS)
    assert held(changes, Reach(("delete",), KINDS, courses=("C", "E"))) == {
        ("group", "delete", "C", "G"),
        ("group", "delete", "E", "G"),
    }
    assert held(changes, Reach(("delete",), KINDS, courses=())) == set()
    assert held(changes, Reach(("delete",), KINDS, "D"), Reach(("delete",), KINDS, "E", "G")) == {
        ("group", "delete", "D", "G"),
        ("group", "delete", "E", "G"),
    }
    assert len(held(changes, Reach(("delete",), KINDS, "D"), every)) == 3
    both = held([*changes, goes("H", "C")], Reach(("delete",), KINDS, "C"), Reach(("delete",), KINDS, "C", "G"))
    assert both == {("group", "delete", "C", "G"), ("group", "delete", "C", "H")}, "one object takes nothing back"
    assert held(changes, Reach(("create", "update"), KINDS)) == set()


def test_m5_what_is_held_for_a_group_holds_removals_from_it() -> None:
    """Of its links and memberships; adds go on, and other groups' removals."""
    old = "OLD1"
    changes = [
        rekey(1), *leaves(old, "a"), *joins(old, "z"), *leaves("G", "b"),
        Change(Link("C", "S", old), None, "L2"), Change(None, Link("C", "T", old), "L2"),
        *leaves(old, "a", course="D"),
    ]  # fmt: skip
    assert held(changes, Reach(("update",), ("group",), "C", old)) == {
        ("group", "update", "C", old),
        ("membership", "delete", "C", old, "a"),
        ("link", "delete", "C", "S", old),
    }


def test_m5_what_is_held_for_a_grouping_holds_removals_of_its_links() -> None:
    """Memberships have nothing to do with it."""
    changes = [*renames(Kind.GROUPING, 1), Change(Link("C", "U0", "G"), None, "L2"), *leaves("G", "a")]
    assert held(changes, Reach(("update",), ("grouping",))) == {
        ("grouping", "update", "C", "U0"),
        ("link", "delete", "C", "U0", "G"),
    }


def test_p11_what_takes_a_name_waits_for_who_has_it() -> None:
    """A chain of any length, of one kind and course."""
    gone = goes("A")
    second = Change(Group("C", "B", "B"), Group("C", "B", "Name of A"), "P6", waits_for="A", step=2)
    third = Change(None, Group("C", "D", "B"), "P5", waits_for="B", step=3)
    other = Change(None, Grouping("C", "D", "B"), "G5", waits_for="A")
    elsewhere = Change(None, Group("D", "D", "B"), "P5", waits_for="A")
    inside = joins("D", "a")
    found = held([gone, second, third, other, elsewhere, *inside], Reach(("delete",), ("group",), "C", "A"))
    assert found == {
        ("group", "delete", "C", "A"),
        ("group", "update", "C", "B"),
        ("group", "create", "C", "D"),
        ("membership", "create", "C", "D", "a"),
    }


def test_p11_a_held_change_that_keeps_its_name_holds_nobody() -> None:
    """Only a delete and a rename free a name."""
    kept = update()
    waits = Change(None, Group("C", "D", "N"), "P5", waits_for="U")
    assert held([kept, waits], Reach(("update",), ("group",))) == {("group", "update", "C", "U")}


def test_b2_what_is_inside_something_that_is_not_made_waits() -> None:
    """Memberships and links of a held create."""
    made = Change(None, Group("C", "NEW", "N"), "P5")
    grouping = Change(None, Grouping("C", "S", "N"), "G5")
    changes = [
        made, grouping, *joins("NEW", "a"), *joins("G", "a"), Change(None, Link("C", "S", "G"), "L1"),
        Change(None, Link("C", "T", "NEW"), "L1"), Change(None, Link("C", "T", "G"), "L1"),
    ]  # fmt: skip
    assert held(changes, Reach(("create",), ("group",))) == {
        ("group", "create", "C", "NEW"),
        ("membership", "create", "C", "NEW", "a"),
        ("link", "create", "C", "T", "NEW"),
    }
    assert held(changes, Reach(("create",), ("grouping",))) == {
        ("grouping", "create", "C", "S"),
        ("link", "create", "C", "S", "G"),
    }


def test_p4_what_is_inside_an_object_that_is_not_adopted_waits() -> None:
    """Its links and members are planned under the idnumber that it has not got yet; other groups' go on."""
    adopted = Change(Group("C", "#302", "B"), Group("C", "B", "B"), "P4")
    changes = [
        adopted, *joins("B", "a"), *leaves("B", "b"), *joins("G", "a"), *leaves("G", "b"),
        Change(None, Link("C", "S", "B"), "L2"), *unlinked("S", "G"),
    ]  # fmt: skip
    assert held(changes, Reach(("update",), ("group",), "C", "#302")) == {
        ("group", "update", "C", "#302"),
        ("membership", "create", "C", "B", "a"),
        ("membership", "delete", "C", "B", "b"),
        ("link", "create", "C", "S", "B"),
    }


def test_a1_where_a_group_is_not_made_nothing_of_its_course_goes() -> None:
    """The held group may be what takes the place of the one that goes: nobody is without one meanwhile."""
    changes = [
        Change(None, Group("C", "NEW", "N"), "P5"), goes("G"), *leaves("H", "a"), goes("G", "D"), update(),
        Change(None, Grouping("D", "S", "N"), "G5"),
    ]  # fmt: skip
    assert held(changes, Reach(("create",), ("grouping", "group"))) == {
        ("group", "create", "C", "NEW"),
        ("group", "delete", "C", "G"),
        ("membership", "delete", "C", "H", "a"),
        ("grouping", "create", "D", "S"),
    }


def test_a1_who_is_not_added_to_a_group_is_taken_out_of_none() -> None:
    """Nor is a group of the course deleted, as they may be in it; others leave groups, and other courses go on.  Whom
    the data team excludes leaves the group (rule M6)."""
    changes = [
        Change(Membership("C", "BAN", "a"), None, "M6"), *joins("NEW", "a"),
        *leaves("OLD", "a", "b"), goes("G"), *leaves("OLD", "a", course="D"), goes("G", "D"),
        *unlinked("S", "OLD"), Change(Grouping("C", "T", "N"), None, "G7"),
    ]  # fmt: skip
    assert held(changes, Reach(("create",), ("membership",), "C", "NEW")) == {
        ("membership", "create", "C", "NEW", "a"),
        ("membership", "delete", "C", "OLD", "a"),
        ("group", "delete", "C", "G"),
    }
    assert held(changes, Reach(("create",), ("group",))) == set()


def test_a1_where_a_grouping_is_not_made_no_group_of_its_course_leaves_another() -> None:
    """It may be the one that they are put into."""
    changes = [
        Change(None, Grouping("C", "NEW", "N"), "G5"), *unlinked("S", "G"), *unlinked("S", "G", course="D"),
        *linked("NEW", "G"), *linked("S", "H"), *leaves("G", "a"), goes("K"),
    ]  # fmt: skip
    assert held(changes, Reach(("create",), ("grouping",))) == {
        ("grouping", "create", "C", "NEW"),
        ("link", "create", "C", "NEW", "G"),
        ("link", "delete", "C", "S", "G"),
    }


@settings(max_examples=20)
@given(st.lists(st.sampled_from(EVERYTHING), unique=True, max_size=12), st.integers(0, 5), st.integers(0, 5))
def test_b1_a_split_loses_nothing_and_changes_nothing(changes: list[Change], most: int, removals: int) -> None:
    """Released and held are together the plan, each change on one side; each with its digest."""
    limits: dict[str, Any] = {"run_deletes": {"fraction": None, "count": most}, "course_emptied": 0}
    limits |= {"run_removals": {"fraction": None, "count": removals}}
    found = judged(changes, limits, managed={Kind.GROUP: {"C": 2, "D": 2}})
    assert Plan.of(found.released.frame, found.held.frame) == Plan.of_changes(changes)
    assert set(found.released.changes()).isdisjoint(found.held.changes())
    assert Plan.of_changes(found.held.changes()).digest == found.held.digest


def test_b2_a_plan_of_nothing_is_split_into_nothing() -> None:
    """Also by a verdict that blocks."""
    found = judged([], {}, identity=("x",))
    assert (len(found.released), len(found.held), len(found.releasable)) == (0, 0, 0)


def test_b2_what_waits_for_something_blocked_is_blocked_too() -> None:
    """No approval releases a create whose name is never freed."""
    waits = Change(None, Group("C", "D", "Name of A"), "P5", waits_for="A")
    found = parts([goes("A"), waits, goes("B", "D")], Reach(("delete",), ("group",), "C"), effect=Effect.BLOCK)
    assert (len(found.held), len(found.releasable), len(found.released)) == (2, 0, 1)
