"""A large plan in three: what is made, a few deletes of one course, the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.apply.canary import cut
from include.groupsync.model.change import Change
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership


def deletes(**counts: int) -> list[Change]:
    return [
        Change(Group(course, f"G{at}", f"Group {at}"), None, "P7")
        for course, count in counts.items()
        for at in range(count)
    ]


def plan(*changes: Change) -> Plan:
    return Plan.of_changes(changes)


@pytest.mark.parametrize(("over", "count", "is_cut"), [(3, 3, False), (3, 4, True), (0, 1, True), (0, 0, False)])
def test_a_plan_is_cut_when_it_deletes_more_than_the_limit(over: int, count: int, is_cut: bool) -> None:
    """At the limit and one over; null never."""
    assert (cut(plan(*deletes(C1=count)), over, 2) is not None) is is_cut
    assert cut(plan(*deletes(C1=count)), None, 2) is None


def test_removals_are_no_deletes() -> None:
    """Memberships and links of objects that stay do not count, and are not in the canary."""
    gone = [Change(Membership("C1", "G", f"u{at}"), None, "M5") for at in range(9)]
    gone += [Change(Link("C1", "S", f"G{at}"), None, "L2") for at in range(9)]
    assert cut(plan(*gone), 3, 2) is None
    found = cut(plan(*gone, *deletes(C1=4)), 3, 2)
    assert found is not None
    assert set(found.canary.frame["kind"]) == {"group"}


@pytest.mark.parametrize(
    ("counts", "course"),
    [
        ({"C1": 9, "C2": 5, "C3": 2}, "C2"),
        ({"C1": 2, "C2": 3, "C3": 3}, "C2"),
        ({"C1": 5, "C2": 5}, "C1"),
        ({"C9": 20}, "C9"),
    ],
)
def test_the_canary_course_has_enough_and_little_more(counts: dict[str, int], course: str) -> None:
    found = cut(plan(*deletes(**counts)), 3, 4)
    assert found is not None
    assert (found.course, set(found.canary.frame["course"])) == (course, {course})
    assert len(found.canary) == min(4, counts[course])


@given(
    st.dictionaries(st.sampled_from(["C1", "C2", "C3"]), st.integers(1, 9), min_size=1),
    st.integers(0, 9),
    st.integers(0, 6),
    st.integers(1, 5),
)
def test_a1_the_three_parts_are_the_plan_and_nothing_goes_before_all_is_made(
    counts: dict[str, int], made: int, over: int, size: int
) -> None:
    """Each change is in exactly one part, in the plan's order."""
    changes = deletes(**counts)
    changes += [Change(Grouping("C1", "S", "Set"), None, "G7"), Change(Membership("C2", "G", "ann"), None, "M5")]
    changes += [Change(None, Group("C3", f"N{at}", f"New {at}"), "P5") for at in range(made)]
    whole = plan(*changes)
    found = cut(whole, over, size)
    if found is None:
        return
    parts = [found.made, found.canary, found.rest]
    assert sorted(map(repr, (c for part in parts for c in part.changes()))) == sorted(map(repr, whole.changes()))
    assert set(found.made.frame["action"]) <= {"create", "update"}
    assert set(found.canary.frame["action"]) | set(found.rest.frame["action"]) == {"delete"}
    assert 1 <= len(found.canary) <= size
