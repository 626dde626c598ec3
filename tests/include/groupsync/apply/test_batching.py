"""Which changes go in one call (rules A1, A3)."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.apply.batching import batches
from include.groupsync.model.change import Change
from include.groupsync.model.plan import PHASES, Plan
from include.groupsync.model.things import Group
from tests.include.groupsync.apply.memory import gone, joins, linked, new_group, new_grouping


class Fields:
    """So many form variables a call."""

    def __init__(self, variables: int):
        self.variables = variables

    def limit(self, fields: int) -> int:
        return max(1, self.variables // fields)


COURSES = st.sampled_from(("C1", "C2", "C3", "C4"))
NUMBERS = st.integers(0, 30).map(str)
CHANGES = st.lists(
    st.one_of(
        st.builds(new_group, COURSES, NUMBERS),
        st.builds(new_grouping, COURSES, NUMBERS),
        st.builds(linked, COURSES, NUMBERS, NUMBERS),
        st.builds(joins, COURSES, NUMBERS, NUMBERS),
        st.builds(gone, st.builds(joins, COURSES, NUMBERS, NUMBERS)),
        st.builds(gone, st.builds(new_group, COURSES, NUMBERS)),
    ),
    max_size=80,
)


@given(CHANGES, st.integers(1, 60))
def test_a1_a3_batches_are_the_plan_in_its_order_within_the_limit(changes: list[Change], variables: int) -> None:
    """A batch is of one phase, and phases follow each other."""
    plan = Plan.of_changes(changes)
    found = list(batches(plan.changes(), Fields(variables)))
    assert [change for batch in found for change in batch.changes] == list(plan.changes())
    phases = [PHASES.index((batch.kind, batch.action)) for batch in found]
    assert phases == sorted(phases)
    fields = {"grouping": 4, "group": 4, "link": 2, "membership": 2}
    for batch in found:
        each = 1 if batch.action == "delete" and batch.kind in ("group", "grouping") else fields[batch.kind]
        assert len(batch.changes) <= max(1, variables // each)
        assert {(change.kind, change.action) for change in batch.changes} == {(batch.kind, batch.action)}


@given(CHANGES, st.integers(4, 60))
def test_two_batches_share_a_course_only_where_it_alone_is_too_large(changes: list[Change], variables: int) -> None:
    """One writer per course at a time would make the second wait."""
    for one, other in pairwise(batches(Plan.of_changes(changes).changes(), Fields(variables))):
        if (one.kind, one.action) == (other.kind, other.action) and one.courses & other.courses:
            assert len(one.courses) == 1


def test_a_batch_spans_courses() -> None:
    """A night's changes are a dozen in each of three hundred courses: one call each would cost six times as much."""
    changes = [new_group(f"K{n:03}", f"G{at}") for n in range(40) for at in range(5)]
    assert [len(batch.changes) for batch in batches(changes, Fields(800))] == [200]


def test_a3_text_is_kept_below_what_web_servers_take() -> None:
    """A megabyte, with every character escaped; what is too large alone goes alone."""
    long = [Change(None, Group("C1", f"G{n}", "n", "é" * 50_000), "P5") for n in range(6)]
    assert [len(batch.changes) for batch in batches(long, Fields(1000))] == [2, 2, 2]
    huge = Change(None, Group("C1", "H", "n", "x" * 900_000), "P5")
    assert [len(batch.changes) for batch in batches([huge, *long[:1]], Fields(1000))] == [1, 1]


def test_a_rate_bounds_a_batch() -> None:
    """More than a minute's objects could never be sent."""
    changes = [new_group("C1", f"G{n}") for n in range(10)]
    assert [len(batch.changes) for batch in batches(changes, Fields(1000), at_most=4)] == [4, 4, 2]
