"""Limits by default, term, department and course: the narrowest wins, field by field (rule B3)."""

from typing import Any

import pytest
from pydantic import ValidationError

from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker_settings import BreakerLimits, Fraction

DEPARTMENTS = {"C": ("D",), "TWO": ("D", "E")}


def limits(rule: str, raw: dict[str, Any], term: str = "T") -> Limits:
    return Limits(rule, BreakerLimits.model_validate(raw), term, DEPARTMENTS)


def test_b3_what_is_not_set_is_the_published_default() -> None:
    """For every rule, everywhere."""
    for rule, field in BreakerLimits.model_fields.items():
        if rule in ("terms", "departments", "courses"):
            continue
        found = limits(rule, {})
        assert found.run == found.of_department("D") == found.of_course("C") == field.default, rule


def test_b3_the_published_defaults() -> None:
    """As the rules' table has them."""
    assert {k: v for k, v in BreakerLimits().model_dump().items() if k not in ("terms", "departments", "courses")} == {
        "empty": 0,
        "stale": 36,
        "blackout": 0,
        "volume": {"low": 0.90, "high": 1.25, "floor": 20},
        "unmatched": {"fraction": 0.20, "points": 0.02},
        "quarantined": 0.02,
        "run_deletes": {"fraction": 0.05, "floor": 20, "count": 100},
        "run_removals": {"fraction": 0.10, "floor": 100, "count": 2000},
        "department_deletes": {"fraction": 0.10, "floor": 10, "count": None},
        "course_emptied": 0,
        "courses_emptied": {"fraction": 0.005, "floor": 3, "count": None},
        "group_gutted": {"fraction": 0.50, "size": 5},
        "grouping_gutted": {"fraction": 0.50, "size": 4},  # ours, beyond the table
        "delete_only": 20,
        "rekey": 0,
        "growth": {"fraction": 0.50, "floor": 200, "count": None},
        "renames": {"fraction": 0.20, "floor": 50, "count": None},
        "history": {"mads": 6, "runs": 10, "least": 1},
        "cumulative": {"day": 1, "week": 2},
        "cumulative_removals": {"day": 1, "week": 2},  # ours, beyond the table
        "in_use": 0,
        "config_changed": 0,
    }


def test_b3_the_narrowest_wins() -> None:
    """Course over department over term over default; of another term, department or course nothing is taken."""
    raw = {
        "course_emptied": 1,
        "terms": {"T": {"course_emptied": 2}, "OTHER": {"course_emptied": 9}},
        "departments": {"D": {"course_emptied": 3}, "X": {"course_emptied": 9}},
        "courses": {"C": {"course_emptied": 4}, "Y": {"course_emptied": 9}},
    }
    found = limits("course_emptied", raw)
    assert (found.run, found.of_department("D"), found.of_course("C")) == (2, 3, 4)
    assert (found.of_department("NONE"), found.of_course("NONE"), found.of_course("TWO")) == (2, 2, 3)
    assert limits("course_emptied", raw, "NONE").run == 1
    assert (found.own_departments, found.own_courses) == (["D", "X"], ["C", "Y"])
    assert found.beside("in_use").run == 0
    assert found.beside("in_use").own_courses == []


def test_b3_a_course_of_two_departments_takes_the_last_by_name() -> None:
    """The same whatever the order in which they are written."""
    raw = {"departments": {"E": {"course_emptied": 5}, "D": {"course_emptied": 3}}}
    assert limits("course_emptied", raw).of_course("TWO") == 5


def test_b3_a_limit_is_merged_field_by_field() -> None:
    """A partial count keeps the fraction and the floor, from whatever level they are."""
    raw = {
        "run_deletes": {"fraction": 0.04},
        "terms": {"T": {"run_deletes": {"floor": 3}}},
        "departments": {"D": {"run_deletes": {"count": 7}}},
        "courses": {"C": {"run_deletes": {"fraction": None}}},
    }
    found = limits("run_deletes", raw)
    assert limits("run_deletes", raw, "NONE").run == Fraction(fraction=0.04, floor=20, count=100)
    assert found.run == Fraction(fraction=0.04, floor=3, count=100)
    assert found.of_department("D") == Fraction(fraction=0.04, floor=3, count=7)
    assert found.of_course("C") == Fraction(fraction=None, floor=3, count=7)


def test_b3_null_switches_off_and_may_be_switched_on_again() -> None:
    """Then what is not written down is as it was before."""
    raw = {
        "run_deletes": {"count": 9},
        "terms": {"T": {"run_deletes": None}},
        "departments": {"D": {"run_deletes": {"floor": 2}}},
    }
    found = limits("run_deletes", raw)
    assert found.run is None
    assert found.of_department("D") == Fraction(fraction=0.05, floor=2, count=9)
    off = limits("run_deletes", {"run_deletes": None, "courses": {"C": {"run_deletes": {"count": 1}}}})
    assert off.run is None
    assert off.of_course("C") == Fraction(fraction=0.05, floor=20, count=1)


def test_b3_nought_is_a_limit() -> None:
    """It is not off."""
    assert limits("course_emptied", {"course_emptied": 5, "courses": {"C": {"course_emptied": 0}}}).of_course("C") == 0
    assert limits("course_emptied", {"courses": {"C": {"course_emptied": None}}}).of_course("C") is None


def test_b3_a_rule_without_a_limit_has_none() -> None:
    """Identity cannot be set."""
    assert limits("identity", {}).run is None
    assert limits("identity", {}).of_course("C") is None


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ({"identity": None}, ("identity",)),
        ({"out_of_scope": 1}, ("out_of_scope",)),
        ({"terms": {"T": {"run_delets": None}}}, ("terms", "T", "run_delets")),
        ({"departments": {"D": {"department_deletes": {"percent": 5}}}},
         ("departments", "D", "department_deletes", "percent")),
        ({"departments": {"D": {"delete_only": 1}}}, ("departments", "D", "delete_only")),
        ({"courses": {"C": {"department_deletes": None}}}, ("courses", "C", "department_deletes")),
        ({"courses": {"C": {"volume": None}}}, ("courses", "C", "volume")),
        ({"volume": {"middle": 1}}, ("volume", "middle")),
        ({"empty": True}, ("empty",)),
        ({"course_emptied": -1}, ("course_emptied",)),
        ({"quarantined": 2}, ("quarantined",)),
        ({"stale": "36"}, ("stale",)),
        ({"history": {"runs": 0}}, ("history", "runs")),
        ({"cumulative": {"day": float("inf")}}, ("cumulative", "day")),
    ],
)  # fmt: skip
def test_b3_what_is_unknown_or_no_limit_is_an_error_that_names_it(raw: dict[str, Any], where: tuple[str, ...]) -> None:
    """Also a rule at a level at which it says nothing."""
    with pytest.raises(ValidationError) as refused:
        BreakerLimits.model_validate(raw)
    assert [error["loc"][: len(where)] for error in refused.value.errors()] == [where]
