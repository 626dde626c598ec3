"""What a run for some modules or departments leaves in scope, and where that cannot be told."""

import pandas as pd
import pytest

from include.groupsync.errors import RunRefused
from include.groupsync.model.extent import Extent
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.mappings import scope_of
from include.groupsync.source.narrow import courses_within, require_known, within_modules
from include.groupsync.source.quarantine import PROTECTED

ON, OFF, GONE = ("active", "yes"), ("active", "no"), ("withdrawn", "yes")
OF_M1 = Extent(modules=frozenset({"M1"}))


def mappings(*given: tuple[str, str | None, tuple[str, str]]) -> pd.DataFrame:
    """Course, module, and status with switch; department D1 is C1's, D2 the others'."""
    found = [
        {"course": course, "module": module, "status": status, "import_groups": switch,
         "department": "D1" if course == "C1" else "D2"}
        for course, module, (status, switch) in given
    ]  # fmt: skip
    return frame_of(found, CLEAN["mappings"])


def narrowed(table: pd.DataFrame, *delivery: str) -> tuple[dict[tuple[str, str | None], str], list[object]]:
    deliveries = {"groups": delivery}
    scope = scope_of(table, frame_of([], PROTECTED), deliveries)
    found, unclear = within_modules(scope, OF_M1, table, deliveries)
    return {(row["course"], row["label"]): row["standing"] for row in rows(found)}, list(unclear)


def test_c1_a_table_with_modules_is_cut_between_them() -> None:
    table = mappings(("C1", "M1", ON), ("C1", "M2", ON), ("C2", "M1", GONE))
    assert narrowed(table, "module") == (
        {("C1", "M1"): "active", ("C1", "M2"): "frozen", ("C2", "M1"): "withdrawn"}, []
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "standing", "others"),
    [
        ([("M1", ON)], "active", None),
        ([("M2", ON)], "frozen", None),
        ([("M1", ON), ("M2", ON)], "active", ["M2"]),
        ([("M1", ON), (None, ON)], "active", ["one without a module"]),
        ([("M1", ON), ("M2", OFF)], "active", None),  # as the whole run, which cannot tell either
        ([("M1", ON), ("M2", GONE)], "active", None),
        ([("M1", OFF), ("M2", ON)], "frozen", None),
        ([("M1", GONE), ("M2", ON)], "frozen", None),
        ([("M1", GONE)], "withdrawn", None),
        ([("M1", GONE), ("M2", GONE)], "withdrawn", ["M2"]),
        ([("M2", GONE)], "frozen", None),
        ([("M1", OFF)], "frozen", None),
    ],
)
def test_c1_a_table_without_modules_is_cut_between_courses(
    given: list[tuple[str | None, tuple[str, str]]], standing: str, others: list[str] | None
) -> None:
    """What is chosen acts alone in its course, or not at all, or it cannot be told."""
    found, unclear = narrowed(mappings(*(("C1", *one) for one in given)))
    assert found == {("C1", None): standing}
    assert unclear == ([("groups", "C1", others)] if others else [])


def test_a_part_is_what_is_in_all_that_was_chosen() -> None:
    table = mappings(("C1", "M1", ON), ("C2", "M1", ON), ("C3", "M2", OFF))

    def within(**chosen: frozenset[str]) -> frozenset[str] | None:
        return courses_within(Extent(**chosen), table)  # type: ignore[arg-type]

    assert within() is None
    assert within(modules=frozenset({"M1"})) == {"C1", "C2"}
    assert within(modules=frozenset({"M1"}), departments=frozenset({"D2"})) == {"C2"}
    assert within(courses=frozenset({"C3"}), departments=frozenset({"D1"})) == frozenset()


def test_what_is_not_known_is_named() -> None:
    with pytest.raises(RunRefused, match=r"unknown courses of term T: C8, C9\. The table has such as C1, C2"):
        require_known(Extent(courses=frozenset({"C9", "C1", "C8"})), {"courses": ["C2", "C1"]}, "T", "The table")
