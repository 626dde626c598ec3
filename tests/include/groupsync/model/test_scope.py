"""How courses and module deliveries stand (rules C1 to C4)."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.model.frames import TEXT, frame_of, rows
from include.groupsync.model.scope import SCOPE, Scope, Standing, combined, delivery_label, label_column

DELIVERY = ("module", "occurrence", "period")


def scope(*standings: tuple[str, str | None, Standing], dataset: str = "groups") -> Scope:
    records = ({"dataset": dataset, "course": c, "label": m, "standing": s} for c, m, s in standings)
    return Scope.of(frame_of(records, SCOPE), "groups")


def test_c4_a_course_that_is_not_mapped_is_frozen() -> None:
    """Disappeared is not withdrawn."""
    assert scope(("C", None, Standing.ACTIVE)).standing("D", None) is Standing.FROZEN


def test_c1_only_the_delivery_that_is_mapped_may_change() -> None:
    """The same module's other occurrence in the same course is frozen."""
    found = scope(("C", "M A T1", Standing.ACTIVE), ("C", "M B T1", Standing.WITHDRAWN))
    assert found.carries_module
    assert found.standing("C", "M A T1") is Standing.ACTIVE
    assert found.standing("C", "M B T1") is Standing.WITHDRAWN
    assert found.standing("C", "M C T1") is Standing.FROZEN


def test_c1_where_the_table_carries_modules_a_thing_without_one_is_left_out() -> None:
    """Nobody can say which mapping it belongs to."""
    assert scope(("C", "M A T1", Standing.ACTIVE)).standing("C", None) is Standing.FROZEN


def test_c1_where_the_table_carries_no_module_the_course_decides() -> None:
    """A module that the ledger remembers from another setting makes no difference."""
    found = scope(("C", None, Standing.ACTIVE))
    assert not found.carries_module
    assert found.standing("C", "M A T1") is Standing.ACTIVE


def test_a_scope_is_of_one_dataset() -> None:
    """The groupings' standings say nothing of the groups'."""
    assert scope(("C", None, Standing.ACTIVE), dataset="groupings").standings == {}


def test_c2_only_courses_with_something_unfrozen_may_change() -> None:
    """Withdrawn ones lose what is managed; frozen ones are left alone."""
    found = scope(("A", None, Standing.ACTIVE), ("W", None, Standing.WITHDRAWN), ("F", None, Standing.FROZEN))
    assert found.courses == {"A", "W"}
    assert found.course_standing("F") == {Standing.FROZEN}


@pytest.mark.parametrize("several", [s for n in (1, 2, 3) for s in product(Standing, repeat=n)])
def test_c2_c3_any_active_mapping_counts_and_a_withdrawal_needs_all(several: tuple[Standing, ...]) -> None:
    """Freeze is what is left: never a delete by half."""
    found = combined(several)
    if Standing.ACTIVE in several:
        assert found is Standing.ACTIVE
    elif all(one is Standing.WITHDRAWN for one in several):
        assert found is Standing.WITHDRAWN
    else:
        assert found is Standing.FROZEN


def test_c3_no_mapping_at_all_is_no_withdrawal() -> None:
    """Of nothing, nothing is withdrawn."""
    assert combined([]) is Standing.FROZEN


@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys(DELIVERY, st.none() | st.sampled_from(["M1", "A", "T1"])))),
    st.integers(0, 3),
)
def test_a_column_of_labels_is_the_rows_labels(records: list[dict[str, str | None]], parts: int) -> None:
    """The mappings' rows and the remote tables' columns must give one text for one delivery."""
    delivery = DELIVERY[:parts]
    frame = frame_of(records, dict.fromkeys(DELIVERY, TEXT))
    frame["label"] = label_column(frame, delivery)
    assert [row["label"] for row in rows(frame)] == [delivery_label(row, delivery) for row in records]
