"""The mappings of a term, and from them what a run may touch (rules C1 to C6, K6)."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.scope import SCOPE, Scope, Standing
from include.groupsync.model.term import Term
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.mappings import (
    departments_of,
    in_doubt,
    in_scope,
    of_term,
    scope_of,
    scope_without_mappings,
)
from include.groupsync.source.quarantine import PROTECTED

TERM = Term("T1", date(2025, 9, 29), date(2025, 12, 19), "SET", "2025", ("T1", "YEAR"))
DELIVERY = ("module", "occurrence", "period")
ON = {"status": "active", "import_groups": "yes"}
OFF = {"status": "active", "import_groups": "no"}
INACTIVE = {"status": "inactive", "import_groups": "yes"}
GONE = {"status": "withdrawn", "import_groups": "no"}


def mapping(course: str, module: str, how: dict[str, str], **more: Any) -> dict[str, Any]:
    delivery = {"occurrence": "A", "period": "T1", "academic_year": "2025"}
    return {"course": course, "module": module, **delivery, **how, **more}


def scope(*mappings: dict[str, Any], bad: tuple[str | None, ...] = (), by_module: bool = True) -> Scope:
    protected = [{"dataset": "mappings", "course": course} for course in bad]
    delivery = DELIVERY if by_module else ()
    found = scope_of(frame_of(mappings, CLEAN["mappings"]), frame_of(protected, PROTECTED), {"groups": delivery})
    return Scope.of(found, "groups")


@pytest.mark.parametrize(
    ("how", "standing"),
    [
        (ON, Standing.ACTIVE),
        (OFF, Standing.FROZEN),
        (INACTIVE, Standing.FROZEN),
        (GONE, Standing.WITHDRAWN),
        ({"status": "withdrawn", "import_groups": "yes"}, Standing.WITHDRAWN),
    ],
)
@pytest.mark.parametrize("by_module", [True, False])
def test_c1_how_a_mapping_stands(how: dict[str, str], standing: Standing, by_module: bool) -> None:
    """Active needs both the status and the switch; inactive freezes; only a withdrawal withdraws."""
    assert scope(mapping("C", "M", how), by_module=by_module).standing("C", "M A T1") is standing


def test_c2_one_active_mapping_keeps_a_course_going_where_the_table_has_no_module() -> None:
    """A frozen one beside it takes nothing away."""
    found = scope(mapping("C", "M", ON), mapping("C", "N", OFF), mapping("C", "O", GONE), by_module=False)
    assert found.standing("C", None) is Standing.ACTIVE


def test_c2_where_the_table_carries_the_module_each_stands_by_itself() -> None:
    """Nothing of an inactive module changes; of a withdrawn one only deletes."""
    found = scope(mapping("C", "M", ON), mapping("C", "N", OFF), mapping("C", "O", GONE))
    assert [found.standing("C", f"{m} A T1") for m in "MNO"] == [Standing.ACTIVE, Standing.FROZEN, Standing.WITHDRAWN]


def test_c3_without_modules_a_withdrawal_needs_all_of_the_courses_mappings() -> None:
    """Half a withdrawal freezes."""
    assert scope(mapping("C", "M", GONE), mapping("C", "N", GONE), by_module=False).standing("C", None) is (
        Standing.WITHDRAWN
    )
    assert scope(mapping("C", "M", GONE), mapping("C", "N", OFF), by_module=False).standing("C", None) is (
        Standing.FROZEN
    )


def test_c4_a_course_without_mapping_is_frozen() -> None:
    """It is not in the scope at all."""
    assert scope(mapping("C", "M", ON)).standing("D", "M A T1") is Standing.FROZEN


@pytest.mark.parametrize(
    ("bad", "courses"),
    [
        (("C", None), ["C"]),
        ((None, "M A T1"), ["C", "D"]),
        ((None, None), ["C", "D"]),
        (("C", "N A T1"), []),
        (("E", None), []),
        ((None, "N A T1"), []),
    ],
)
def test_k6_half_a_mapping_keeps_what_is_there_of_all_that_it_could_mean(
    bad: tuple[str | None, str | None], courses: list[str]
) -> None:
    """It may be the one that switches another off; a whole key means just itself."""
    usable = [{**mapping(course, "M", ON), "label": "M A T1"} for course in ("D", "C")]
    protected = frame_of([{"dataset": "mappings", "course": bad[0], "key": bad[1]}], PROTECTED)
    found = in_doubt(frame_of(usable, CLEAN["mappings"]), protected, ("groups", "memberships"))
    expected = [(dataset, course) for dataset in ("groups", "memberships") for course in courses]
    assert [(row["dataset"], row["course"]) for row in rows(found)] == expected
    assert all(row["key"] is row["user"] is None for row in rows(found))


@pytest.mark.parametrize("by_module", [True, False])
@pytest.mark.parametrize("course", ["C", None])
def test_k6_a_mapping_that_cannot_be_used_makes_no_withdrawal_complete(course: str | None, by_module: bool) -> None:
    """It could be the one that keeps the course; without a course it could be any course's."""
    found = scope(mapping("C", "M", GONE), bad=(course,), by_module=by_module)
    assert found.standing("C", "M A T1") is Standing.FROZEN


def test_k6_a_mapping_that_cannot_be_used_takes_no_active_one_away() -> None:
    """And says nothing of another course."""
    found = scope(mapping("C", "M", ON), mapping("D", "M", GONE), bad=("C",), by_module=False)
    assert found.standing("C", None) is Standing.ACTIVE
    assert found.standing("D", None) is Standing.WITHDRAWN


def test_c1_the_term_is_told_by_whatever_the_table_has() -> None:
    """A row that does not say its year or period stays, to be judged."""
    table = frame_of(
        [
            mapping("A", "M", ON),
            mapping("B", "M", ON, period="T2"),
            mapping("C", "M", ON, academic_year="2024"),
            mapping("D", "M", ON, period="YEAR"),
            mapping("E", "M", ON, period=None),
            mapping("F", "M", ON, term="T9"),
        ],
        CLEAN["mappings"],
    )
    every = {"academic_year": "AYR", "period": "PSL"}
    assert list(of_term(table, TERM, every)["course"]) == ["A", "D", "E", "F"]
    assert list(of_term(table, TERM, every | {"term": "TERM"})["course"]) == ["A", "D", "E"]
    assert list(of_term(table, TERM, {})["course"]) == list("ABCDEF")


def test_c6_without_mappings_every_course_that_a_table_names_is_in_scope() -> None:
    """For all tables alike; one that disappeared from all of them is frozen."""
    found = Scope.of(scope_without_mappings({"groups": frozenset({"C"}), "memberships": frozenset({"D"})}), "groups")
    assert found.courses == {"C", "D"}
    assert not found.carries_module
    assert found.standing("E", None) is Standing.FROZEN


def test_a_department_is_kept_once() -> None:
    """A course without one has no line, a course of two has two."""
    table = frame_of(
        [
            mapping("C", "M", ON, department="H"),
            mapping("C", "N", ON, department="H"),
            mapping("D", "M", ON),
            mapping("C", "O", ON, department="A"),
        ],
        CLEAN["mappings"],
    )
    assert rows(departments_of(table)) == [
        {"course": "C", "department": "A"},
        {"course": "C", "department": "H"},
    ]


def groups_in_scope(by_module: bool, *keys: tuple[str | None, str | None]) -> list[int]:
    standings = [("C", "M A T1" if by_module else None, "active"), ("D", "N A T1" if by_module else None, "frozen")]
    scope_frame = frame_of(
        ({"dataset": "groups", "course": c, "label": m, "standing": s} for c, m, s in standings), SCOPE
    )
    frame: pd.DataFrame = frame_of(
        ({"source_row": i, "course": c, "label": m} for i, (c, m) in enumerate(keys, start=1)), CLEAN["groups"]
    )
    return list(in_scope(frame, scope_frame, "groups")["source_row"])


def test_c1_rows_of_a_module_that_is_not_active_are_left_out() -> None:
    """So are rows of a frozen course, and of the right module in another course."""
    rows_given = (("C", "M A T1"), ("C", "N A T1"), ("D", "N A T1"), ("D", "M A T1"), ("X", "M A T1"))
    assert groups_in_scope(True, *rows_given) == [1]
    assert groups_in_scope(False, *rows_given) == [1, 2]


def test_k6_rows_that_lack_the_course_or_the_module_stay_to_be_set_aside() -> None:
    """Where they could mean something in scope."""
    given = ((None, "M A T1"), (None, "N A T1"), (None, None), ("C", None), ("D", None))
    assert groups_in_scope(True, *given) == [1, 3, 4]
    assert groups_in_scope(False, (None, None), ("C", None), ("D", None)) == [1, 2]


def test_a_table_without_rows_stays_one() -> None:
    """In scope or not."""
    assert groups_in_scope(True) == []
    assert groups_in_scope(False) == []
