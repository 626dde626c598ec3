"""Changes and plans: rows, order, digest, inverse (rule A1)."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.model.change import PLAN, Change
from include.groupsync.model.frames import frame_of
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import PHASES, Plan, StoredPlan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.things import Group, Grouping, Link, Membership

COURSES, KEYS = st.sampled_from(["C1", "C2", "Ç"]), st.sampled_from(["A", "B", "#7", "0"])
NAMES = st.sampled_from(["Seminar 1", "Å\u0301", 'R&D "x"', ""])
DESCRIPTIONS = st.none() | st.sampled_from(["", "Weekly"])


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One change of any kind and action that a plan can hold."""
    kind, course, key, other = draw(st.sampled_from(Kind)), draw(COURSES), draw(KEYS), draw(KEYS)
    rest = (
        draw(st.sampled_from(["G5", "M4", "C3"])),
        draw(st.none() | st.just("M A T1")),
        draw(st.none() | st.just(3)),
    )
    if kind is Kind.LINK or kind is Kind.MEMBERSHIP:
        thing = Link(course, key, other) if kind is Kind.LINK else Membership(course, key, other)
        return Change(thing, None, *rest) if draw(st.booleans()) else Change(None, thing, *rest)
    make = Grouping if kind is Kind.GROUPING else Group
    before, after = (
        make(course, key, draw(NAMES), draw(DESCRIPTIONS)),
        make(course, other, draw(NAMES), draw(DESCRIPTIONS)),
    )
    sides = {Action.CREATE: (None, after), Action.UPDATE: (before, after), Action.DELETE: (before, None)}
    return Change(*sides[draw(st.sampled_from(Action))], *rest)


def identity(change: Change) -> tuple[Any, ...]:
    row = change.row()
    return row["kind"], row["action"], row["course"], row.get("grouping"), row.get("group"), row.get("user")


PLANS = st.lists(changes(), max_size=10, unique_by=identity)
few = settings(max_examples=25)


@settings(max_examples=60)
@given(changes())
def test_a_change_comes_back_from_its_row(change: Change) -> None:
    """Every kind and action survives the plan's file, a new idnumber included."""
    [row] = frame_of([change.row()], PLAN).to_dict("records")
    read = Change.of_row({name: None if pd.isna(value) else value for name, value in row.items()})
    assert read == change


@settings(max_examples=60)
@given(changes())
def test_the_inverse_of_a_change_swaps_create_and_delete(change: Change) -> None:
    """And an update's two sides; undone twice, it is the same change."""
    swapped = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE, Action.UPDATE: Action.UPDATE}
    assert change.inverse().action is swapped[change.action]
    assert (change.inverse().before, change.inverse().after) == (change.after, change.before)
    assert change.inverse().inverse() == change
    assert change.inverse().kind is change.kind


def test_a_rekey_names_the_old_idnumber_and_the_new_one() -> None:
    """The row is found under what Moodle has now."""
    change = Change(Group("C", "OLD", "N"), Group("C", "NEW", "N"), "P10")
    assert (change.row()["group"], change.row()["to_key"]) == ("OLD", "NEW")
    assert (change.inverse().row()["group"], change.inverse().row()["to_key"]) == ("NEW", "OLD")


@few
@given(PLANS, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_rows(found: list[Change], random: Any) -> None:
    """One plan, one name, however the steps put it together."""
    shuffled = random.sample(found, len(found))
    cut = random.randint(0, len(found))
    parts = [frame_of((c.row() for c in part), PLAN) for part in (shuffled[:cut], shuffled[cut:])]
    assert Plan.of(*parts).digest == Plan.of_changes(found).digest
    assert Plan.of(*parts) == Plan.of_changes(found)


@few
@given(PLANS)
def test_the_digest_does_not_depend_on_where_a_row_stood(found: list[Change]) -> None:
    """A source that is sorted anew asks for the same changes."""
    moved = [Change(c.before, c.after, c.rule, c.module, 99) for c in found]
    assert Plan.of_changes(moved).digest == Plan.of_changes(found).digest


@pytest.mark.parametrize(
    "other",
    [
        Change(Group("C", "A", "N", "d"), Group("C", "A", "M", "d"), "P6"),
        Change(Group("C", "A", "N", "d"), Group("C", "A", "N", "e"), "P6"),
        Change(Group("C", "A", "N", None), Group("C", "A", "N2", None), "P6"),
        Change(Group("C", "A", "N", "d"), Group("C", "A", "N2", "d"), "P9"),
        Change(Group("D", "A", "N", "d"), Group("D", "A", "N2", "d"), "P6"),
        Change(Group("C", "A", "N", "d"), Group("C", "B", "N2", "d"), "P10"),
        Change(Group("C", "A", "N", "d"), None, "P7"),
        Change(Grouping("C", "A", "N", "d"), Grouping("C", "A", "N2", "d"), "P6"),
    ],
)
def test_the_digest_tells_different_changes_apart(other: Change) -> None:
    """An approval names a digest, so whatever would be done differently has another."""
    one = Change(Group("C", "A", "N", "d"), Group("C", "A", "N2", "d"), "P6")
    assert Plan.of_changes([one]).digest != Plan.of_changes([other]).digest


@few
@given(PLANS)
def test_the_inverse_of_the_inverse_is_the_plan(found: list[Change]) -> None:
    """A restore can be undone."""
    plan = Plan.of_changes(found)
    assert plan.inverse().inverse() == plan
    assert len(plan.inverse()) == len(plan) == len(found)


@few
@given(PLANS)
def test_a1_a_plan_is_in_the_order_of_its_application(found: list[Change]) -> None:
    """Makes from the container inwards, then deletes from the inside outwards."""
    order = [(change.kind, change.action) for change in Plan.of_changes(found).changes()]
    assert order == sorted(order, key=PHASES.index)


def test_a1_what_is_needed_comes_before_what_needs_it() -> None:
    """A group exists before its link and members; they are gone before it goes; adds precede removals."""
    at = {phase: place for place, phase in enumerate(PHASES)}
    create, delete = Action.CREATE, Action.DELETE
    for container, inside in ((Kind.GROUPING, Kind.LINK), (Kind.GROUP, Kind.LINK), (Kind.GROUP, Kind.MEMBERSHIP)):
        assert at[container, create] < at[inside, create]
        assert at[inside, delete] < at[container, delete]
    assert max(place for (_, action), place in at.items() if action is not delete) < min(
        place for (_, action), place in at.items() if action is delete
    )
    assert {(kind, action) for kind in Kind for action in (create, delete)} <= set(PHASES)


@few
@given(PLANS)
def test_counts_say_every_kind_and_action(found: list[Change]) -> None:
    """Zeros included, and together they are the plan's length."""
    counts = Plan.of_changes(found).counts
    assert set(counts) == set(map(str, Kind))
    assert all(set(actions) == set(map(str, Action)) for actions in counts.values())
    assert sum(n for actions in counts.values() for n in actions.values()) == len(found)
    for change in found:
        assert counts[str(change.kind)][str(change.action)] > 0


@few
@given(PLANS)
def test_a_plan_parts_into_two_without_loss(found: list[Change]) -> None:
    """What is released and what is held are together the plan."""
    plan = Plan.of_changes(found)
    deletes = plan.frame["action"] == "delete"
    held, released = plan.only(deletes), plan.only(~deletes)
    assert {c.action for c in held.changes()} <= {Action.DELETE}
    assert Plan.of(held.frame, released.frame) == plan


def test_a_plan_of_nothing_is_a_plan() -> None:
    """It has a digest, counts of nought, and an inverse."""
    empty = Plan.of()
    assert len(empty) == 0
    assert list(empty.frame.columns) == list(PLAN)
    assert empty == Plan.of_changes([]) == empty.inverse()
    assert all(n == 0 for actions in empty.counts.values() for n in actions.values())


@few
@given(PLANS, st.integers(0, 3))
def test_a7_a_plan_on_disk_is_the_plan(found: list[Change], at: int) -> None:
    """Read batch by batch it has the digest, the order and the parts that it has in memory."""
    plan = Plan.of_changes(found)
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder(Path(name))
        folder.save_frame("plan", plan.frame, PLAN)
        stored = StoredPlan(folder, "plan")
        assert stored.digest == plan.digest
        assert [*stored.changes()] == [*plan.changes()]
        assert stored.deletes == plan.deletes == any(change.after is None for change in found)
        courses = {change.course for change in found[:at]}
        part = plan.only(plan.frame["course"].isin(list(courses)))
        assert stored.of_courses(courses) == part
