"""Rules that compare a number of changes with what is managed, each at its limit and beside it (rule B3)."""

from typing import Any

import pytest

from include.groupsync.breaker.baselines import Baselines
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import creates, deletes, look, numbers, renames, tripped, update

ALL = ("grouping", "group", "link", "membership")
SHARES = [
    ("run_deletes", Kind.GROUP, deletes),
    ("run_deletes", Kind.GROUPING, deletes),
    ("run_removals", Kind.MEMBERSHIP, deletes),
    ("run_removals", Kind.LINK, deletes),
    ("growth", Kind.GROUP, creates),
    ("growth", Kind.GROUPING, creates),
    ("renames", Kind.GROUP, renames),
    ("renames", Kind.GROUPING, renames),
]
PAST = {"baselines": Baselines(accepted=5)}
CASES = [
    (10, 200, {"fraction": 0.05, "floor": 0, "count": None}, False),  # at the fraction
    (11, 200, {"fraction": 0.05, "floor": 0, "count": None}, True),  # one over
    (29, 100, {"fraction": 0.29, "floor": 0, "count": None}, False),  # exactly, whatever a float makes of it
    (20, 40, {"fraction": 0.05, "floor": 20, "count": None}, False),  # at the floor
    (21, 40, {"fraction": 0.05, "floor": 20, "count": None}, True),  # one over the floor, far over the fraction
    (19, 20, {"fraction": 0.05, "floor": 20, "count": None}, False),  # one under the floor
    (21, 1000, {"fraction": 0.05, "floor": 20, "count": None}, False),  # over the floor, under the fraction
    (5, 1000, {"fraction": None, "floor": 0, "count": 5}, False),  # at the number
    (6, 1000, {"fraction": None, "floor": 0, "count": 5}, True),  # one over
    (6, 1000, {"fraction": 0.5, "floor": 20, "count": 5}, True),  # the number has no floor
    (1, 1, {"fraction": 0.05, "floor": 0, "count": None}, True),  # a population of one
    (1, 1, {"fraction": 0.05, "floor": 1, "count": None}, False),
    (1, 1, {"fraction": 1.0, "floor": 0, "count": None}, False),
    (1, 0, {"fraction": 1.0, "floor": 0, "count": None}, True),  # nothing managed
    (1, 100, {"fraction": 0, "floor": 0, "count": None}, True),  # none allowed
    (1, 100, {"fraction": None, "floor": 0, "count": 0}, True),
    (0, 100, {"fraction": 0, "floor": 0, "count": 0}, False),
    (0, 0, {"fraction": 0, "floor": 0, "count": 0}, False),
    (30, 30, {"fraction": None, "floor": 0, "count": None}, False),  # both off
    (30, 30, None, False),  # the rule off
]


@pytest.mark.parametrize(("rule", "kind", "make"), SHARES)
@pytest.mark.parametrize(("count", "managed", "limit", "trips"), CASES)
def test_b3_a_share_trips_at_strictly_more_than_its_limit(
    rule: str, kind: Kind, make: Any, count: int, managed: int, limit: Any, trips: bool
) -> None:
    """Of the managed of that kind, and of no other."""
    others = {other: {"C": 10**6} for other in Kind if other is not kind and rule != "renames"}
    found = tripped(rule, make(kind, count), limit, managed={**others, kind: {"C": managed}}, **PAST)
    assert found == (({"names"} if rule == "renames" else {f"{kind}s"}) if trips else set())


@pytest.mark.parametrize(("count", "managed", "limit", "trips"), CASES)
def test_b3_a_department_is_a_population_of_its_own(count: int, managed: int, limit: Any, trips: bool) -> None:
    """Groupings and groups apart; another department's are not counted."""
    for kind in (Kind.GROUP, Kind.GROUPING):
        changes = [*deletes(kind, count), *deletes(kind, 0 if trips else 40, "NO")]
        found = tripped(
            "department_deletes", changes, limit,
            managed={kind: {"C": managed, "X": 10**6}}, departments={"C": ("D",), "X": ("OTHER",)},
        )  # fmt: skip
        assert found == ({f"{kind}s of department D"} if trips else set())


@pytest.mark.parametrize(("count", "managed", "limit", "trips"), CASES)
def test_b3_emptied_courses_are_a_share_of_the_courses_in_scope(
    count: int, managed: int, limit: Any, trips: bool
) -> None:
    """Not of the courses that have managed groups, and not of all of Moodle."""
    changes = [change for n in range(count) for change in deletes(Kind.GROUP, 1, f"C{n}")]
    evidence = {"managed": {Kind.GROUP: {f"C{n}": 1 for n in range(count + 3)}}, "courses": managed}
    assert tripped("courses_emptied", changes, limit, **evidence) == ({"run"} if trips else set())


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("run_deletes", [*creates(Kind.GROUP, 30), *deletes(Kind.MEMBERSHIP, 30), *deletes(Kind.LINK, 30), update()]),
        ("run_removals", [*creates(Kind.LINK, 30), *deletes(Kind.GROUP, 30), *deletes(Kind.GROUPING, 30), update()]),
        ("growth", [*creates(Kind.LINK, 30), *creates(Kind.MEMBERSHIP, 30), *deletes(Kind.GROUP, 30), update()]),
        ("renames", [*creates(Kind.GROUP, 30), *deletes(Kind.GROUP, 30), update()]),
        ("courses_emptied", [*deletes(Kind.GROUPING, 30), *deletes(Kind.MEMBERSHIP, 30), update()]),
        ("department_deletes", [*creates(Kind.GROUP, 30), *deletes(Kind.MEMBERSHIP, 30), *deletes(Kind.LINK, 30)]),
    ],
)
def test_b3_a_rule_counts_its_own_changes_alone(rule: str, changes: Any) -> None:
    """However many there are of others."""
    found = look(rule, changes, {"fraction": 0, "floor": 0, "count": 0}, departments={"C": ("D",)}, **PAST)
    assert {(one.tripped, one.observed) for one in found} == {(False, 0)}


@pytest.mark.parametrize(
    ("rule", "kind", "make", "reach"),
    [
        ("run_deletes", Kind.GROUP, deletes, Reach(("delete",), ALL)),
        ("run_removals", Kind.LINK, deletes, Reach(("delete",), ("link", "membership"))),
        ("growth", Kind.GROUP, creates, Reach(("create",), ("grouping", "group"))),
        ("renames", Kind.GROUP, renames, Reach(("update",), ("grouping", "group"))),
        ("courses_emptied", Kind.GROUP, deletes, Reach(("delete",), ALL)),
        ("department_deletes", Kind.GROUP, deletes, Reach(("delete",), ALL, courses=("C",))),
    ],
)
def test_b2_what_a_share_holds(rule: str, kind: Kind, make: Any, reach: Reach) -> None:
    """All deletes, all removals, all creates or all updates of the stratum."""
    evidence = {"managed": {kind: {"C": 1}}, "courses": 1, "departments": {"C": ("D",)}, **PAST}
    [trip] = [one for one in look(rule, make(kind, 2), {"fraction": 0, "floor": 0}, **evidence) if one.tripped]
    assert (trip.effect, trip.reach) == (Effect.HOLD, reach)
    assert trip.stratum == ("department D" if rule == "department_deletes" else "run")


def test_b1_a_share_says_how_near_it_was() -> None:
    """Observed, limit, numerator, denominator and headroom; a rule that is off has neither limit nor headroom."""
    limit = {"fraction": 0.05, "floor": 20, "count": 100}
    [groupings, groups] = look("run_deletes", deletes(Kind.GROUP, 7), limit, managed={Kind.GROUP: {"C": 600, "D": 400}})
    assert numbers(groups) == (7, 50, 7, 1000, 43)
    assert numbers(groupings) == (0, 20, 0, 0, 20)
    assert groups.text == "groups: 7 to be deleted of 1000 managed (0.7%); limit 50"
    assert groupings.text == "groupings: 0 to be deleted of 0 managed; limit 20"
    off = look("run_deletes", deletes(Kind.GROUP, 7), None)[1]
    assert numbers(off) == (7, None, 7, 0, None)
    assert off.text == "groups: 7 to be deleted of 0 managed; rule off"
    over = look("run_deletes", deletes(Kind.GROUP, 25), limit, managed={Kind.GROUP: {"C": 100}})[1]
    assert numbers(over) == (25, 20, 25, 100, -5)
    [emptied] = look("courses_emptied", [], limit, courses=1000)
    assert numbers(emptied) == (0, 50, 0, 1000, 50)
    assert emptied.text == "0 of 1000 courses in scope would lose their last managed group"


@pytest.mark.parametrize(("rule", "done"), [("run_removals", "removed"), ("growth", "created"), ("renames", "changed")])
def test_b1_a_share_says_what_would_be_done(rule: str, done: str) -> None:
    """In a person's words."""
    limit = {"fraction": 0.5, "floor": 0}
    assert all(f"0 to be {done} of 4 managed" in one.text for one in look(rule, [], limit, **PAST, managed={
        Kind.GROUP: {"C": 4}, Kind.GROUPING: {} if rule == "renames" else {"C": 4},
        Kind.LINK: {"C": 4}, Kind.MEMBERSHIP: {"C": 4}}))  # fmt: skip


@pytest.mark.parametrize("rule", ["run_deletes", "run_removals"])
def test_b3_where_a_share_is_set_for_a_department_or_a_course_it_is_looked_at_there_too(rule: str) -> None:
    """Against what is managed there, and holding what is there; the run's own limit goes on."""
    kind = Kind.GROUP if rule == "run_deletes" else Kind.MEMBERSHIP
    changes = [*deletes(kind, 3, "C"), *deletes(kind, 1, "E")]
    levels = {
        "departments": {"D": {rule: {"fraction": 0.2}}, "Q": {rule: {"count": 0}}},
        "courses": {"C": {rule: {"count": 2}}, "E": {rule: {"count": 1}}},
    }
    found = look(
        rule, changes, {"fraction": 0.5, "floor": 0, "count": None}, levels=levels,
        managed={kind: {"C": 10, "E": 10, "F": 80}}, departments={"C": ("D",), "E": ("D", "X")},
    )  # fmt: skip
    own = {one.subject: one for one in found if one.subject.startswith(f"{kind}s")}
    assert {subject: (one.tripped, one.stratum, *numbers(one)[:4]) for subject, one in own.items()} == {
        f"{kind}s": (False, "run", 4, 50, 4, 100),
        f"{kind}s of department D": (False, "department D", 4, 4, 4, 20),
        f"{kind}s of department Q": (False, "department Q", 0, 0, 0, 0),
        f"{kind}s of course C": (True, "course C", 3, 2, 3, 10),
        f"{kind}s of course E": (False, "course E", 1, 1, 1, 10),
    }
    reach = own[f"{kind}s of course C"].reach
    assert reach is not None
    assert (reach.courses, reach.actions) == (("C",), ("delete",))
    assert own[f"{kind}s of department D"].reach.courses == ("C", "E")  # type: ignore[union-attr]


def test_b1_of_the_departments_those_that_trip_are_told_or_the_nearest() -> None:
    """A hundred lines of nothing hide the one that says something."""
    departments = {"C": ("D",), "E": ("F",), "G": ("H", "D")}
    managed = {Kind.GROUP: {"C": 10, "E": 10, "G": 10}, Kind.GROUPING: {"C": 5}}
    changes = [*deletes(Kind.GROUP, 2, "C"), *deletes(Kind.GROUP, 2, "E"), *deletes(Kind.GROUP, 1, "G")]
    limit = {"fraction": 0.2, "floor": 0, "count": None}
    [one] = look("department_deletes", changes, limit, managed=managed, departments=departments)
    assert (one.subject, one.tripped, *numbers(one)) == ("groups of department F", False, 2, 2, 2, 10, 0)
    limit["fraction"] = 0.1
    found = look("department_deletes", changes, limit, managed=managed, departments=departments)
    assert [(one.subject, one.tripped) for one in found] == [
        ("groups of department D", True),
        ("groups of department F", True),
    ]
    assert found[0].numerator == 3, "a course of two departments counts in both"
    [one] = look("department_deletes", changes, limit)
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, None, 0, 0, None)
    assert one.text == "the mappings name no department"


def test_b3_a_departments_own_limit_is_its_alone() -> None:
    """Off for one, none allowed for the other."""
    changes = [*deletes(Kind.GROUP, 9, "C"), *deletes(Kind.GROUP, 1, "E")]
    levels = {"departments": {"D": {"department_deletes": None}, "F": {"department_deletes": {"count": 0}}}}
    departments = {"C": ("D",), "E": ("F",)}
    found = tripped("department_deletes", changes, {"floor": 0}, levels=levels, departments=departments)
    assert found == {"groups of department F"}


@pytest.mark.parametrize(("accepted", "trips"), [(4, False), (5, True), (6, True)])
def test_growth_is_looked_at_from_the_fifth_accepted_run_on(accepted: int, trips: bool) -> None:
    """A term begins with nothing managed."""
    found = look(
        "growth", creates(Kind.GROUP, 1), {"fraction": 0, "floor": 0}, baselines=Baselines(accepted=accepted)
    )  # fmt: skip
    assert [(one.subject, one.tripped) for one in found] == [("groupings", False), ("groups", trips)]
    if not trips:
        assert numbers(found[1]) == (1, None, 1, 0, None)
        assert found[1].text == "groups: 1 to be created beside 0 managed; the term has 4 accepted runs of 5"


def test_renames_counts_one_that_steps_aside_once() -> None:
    """A swap of two names is two renames, however many calls it takes."""
    first, second = renames(Kind.GROUP, 2)
    changes = [first, second, *renames(Kind.GROUPING, 1), *renames(Kind.GROUP, 1, "D")]
    again = [type(first)(first.after, first.before, "P9", step=2)]
    [one] = look("renames", [*changes, *again], {"fraction": None, "floor": 0, "count": 4})
    assert (one.observed, one.tripped) == (4, False)
    assert {str(Action.UPDATE)} == set(one.reach.actions)  # type: ignore[union-attr]
