"""The circuit breaker's rules, each at its limit and beside it (rules B1 to B3)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.breaker.assess import RULES, assess, split
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.model.verdict import Effect, Observation, Verdict
from include.groupsync.settings import BreakerLimits

OFF = BreakerLimits(empty=False, run_deletes=None, run_removals=None, course_emptied=None, delete_only=None, rekey=None)


def thing(kind: Kind, number: int, course: str = "C") -> Any:
    key = f"{course}-{number}"
    return {
        Kind.GROUPING: Grouping(course, key, f"N{key}"),
        Kind.GROUP: Group(course, key, f"N{key}"),
        Kind.LINK: Link(course, "L", key),
        Kind.MEMBERSHIP: Membership(course, "M", key),
    }[kind]


def deletes(kind: Kind, count: int, course: str = "C") -> list[Change]:
    return [Change(thing(kind, i, course), None, "P7") for i in range(count)]


def creates(kind: Kind, count: int, course: str = "C") -> list[Change]:
    return [Change(None, thing(kind, 1000 + i, course), "P5") for i in range(count)]


def update(course: str = "C") -> Change:
    return Change(Group(course, "U", "old"), Group(course, "U", "new"), "P6")


def look(rule: str, changes: list[Change], limit: Any, **evidence: Any) -> list[Observation]:
    """One rule alone, all others off."""
    limits = BreakerLimits.model_validate(OFF.model_dump() | {rule: limit} if rule in OFF.model_dump() else OFF)
    verdict = assess(Evidence(Plan.of_changes(changes), **evidence), limits)
    return [one for one in verdict.observations if one.rule == rule]


def tripped(rule: str, changes: list[Change], limit: Any, **evidence: Any) -> set[str]:
    return {one.subject for one in look(rule, changes, limit, **evidence) if one.tripped}


def claims(kind: Kind, count: int) -> list[Change]:
    return [Change(thing(kind, i), thing(kind, i), "O2") for i in range(count)]


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.MEMBERSHIP])
def test_o2_any_claim_is_held_for_a_person(kind: Kind) -> None:
    """One is enough, whatever is managed; what else the plan does goes on."""
    assert tripped("reclaim", creates(kind, 3), None, managed={kind: 9}) == set()
    assert tripped("reclaim", claims(kind, 1), None, managed={kind: 9}) == {f"{kind}s"}
    plan = Plan.of_changes([*claims(kind, 2), *creates(kind, 3), *deletes(kind, 1)])
    parts = split(plan, assess(Evidence(plan), OFF))
    assert {str(change.action) for change in parts.held.changes()} == {"update"}
    assert (len(parts.held), len(parts.released)) == (2, 4)


def test_o2_a_claim_does_not_hide_that_a_plan_only_deletes() -> None:
    """It changes nothing in Moodle."""
    assert tripped("delete_only", [*deletes(Kind.GROUP, 3), *claims(Kind.MEMBERSHIP, 5)], 2) == {"run"}


SHARES = [("run_deletes", Kind.GROUP), ("run_deletes", Kind.GROUPING), ("run_removals", Kind.MEMBERSHIP),
          ("run_removals", Kind.LINK)]  # fmt: skip


@pytest.mark.parametrize(("rule", "kind"), SHARES)
@pytest.mark.parametrize(
    ("count", "managed", "limit", "trips"),
    [
        (10, 200, {"fraction": 0.05, "floor": 0}, False),  # at the fraction
        (11, 200, {"fraction": 0.05, "floor": 0}, True),  # one over
        (20, 40, {"fraction": 0.05, "floor": 20}, False),  # at the floor
        (21, 40, {"fraction": 0.05, "floor": 20}, True),  # one over the floor, far over the fraction
        (19, 20, {"fraction": 0.05, "floor": 20}, False),  # one under the floor
        (21, 1000, {"fraction": 0.05, "floor": 20}, False),  # over the floor, under the fraction
        (5, 1000, {"fraction": None, "count": 5}, False),  # at the number
        (6, 1000, {"fraction": None, "count": 5}, True),  # one over
        (6, 1000, {"fraction": 0.5, "floor": 20, "count": 5}, True),  # the number has no floor
        (1, 1, {"fraction": 0.05, "floor": 0}, True),  # a population of one
        (1, 1, {"fraction": 0.05, "floor": 1}, False),
        (1, 1, {"fraction": 1.0, "floor": 0}, False),
        (1, 100, {"fraction": 0, "floor": 0}, True),  # none allowed
        (1, 100, {"fraction": None, "count": 0}, True),
        (0, 100, {"fraction": 0, "count": 0}, False),
        (0, 0, {"fraction": 0, "count": 0}, False),  # nothing managed, nothing deleted
        (30, 30, {"fraction": None, "count": None}, False),  # both off
        (30, 30, None, False),  # the rule off
    ],
)
def test_b3_a_share_trips_at_strictly_more_than_its_limit(
    rule: str, kind: Kind, count: int, managed: int, limit: Any, trips: bool
) -> None:
    """Each kind by itself, of the managed of that kind."""
    found = tripped(rule, deletes(kind, count), limit, managed={kind: managed})
    assert found == ({f"{kind}s"} if trips else set())


@pytest.mark.parametrize(("rule", "kind"), SHARES)
def test_b3_creates_are_no_deletes(rule: str, kind: Kind) -> None:
    """However many."""
    assert tripped(rule, creates(kind, 30), {"fraction": 0, "count": 0}, managed={kind: 1}) == set()


def test_b1_a_rule_that_passes_says_how_near_it_was() -> None:
    """Observed, limit, numerator, denominator and headroom; a rule that is off has no headroom."""
    limit = {"fraction": 0.05, "floor": 20, "count": 100}
    [_, groups] = look("run_deletes", deletes(Kind.GROUP, 7), limit, managed={Kind.GROUP: 1000})
    seen = (groups.observed, groups.limit, groups.numerator, groups.denominator, groups.headroom)
    assert seen == (7, 50, 7, 1000, 43)
    assert look("run_deletes", [], None)[0].headroom is None


@pytest.mark.parametrize(
    ("managed", "gone", "made", "emptied"),
    [(3, 3, 0, True), (3, 2, 0, False), (1, 1, 0, True), (1, 1, 1, False), (3, 4, 1, True), (2, 0, 0, False)],
)
def test_course_emptied_looks_at_the_course_after_the_plan(managed: int, gone: int, made: int, emptied: bool) -> None:
    """A create in the same plan saves it; another course's does not."""
    changes = [*deletes(Kind.GROUP, gone), *creates(Kind.GROUP, made), *creates(Kind.GROUP, 5, "D")]
    found = tripped("course_emptied", changes, 0, managed_groups={"C": managed, "D": 1})
    assert found == ({"C"} if emptied else set())


@pytest.mark.parametrize(("limit", "trips"), [(0, True), (1, True), (2, False), (None, False)])
def test_course_emptied_allows_as_many_courses_as_its_limit(limit: int | None, trips: bool) -> None:
    """Two courses are emptied: each is told, and each is held or none."""
    changes = [*deletes(Kind.GROUP, 1, "C"), *deletes(Kind.GROUP, 1, "D")]
    found = look("course_emptied", changes, limit, managed_groups={"C": 1, "D": 1, "E": 4})
    assert [(one.subject, one.tripped) for one in found] == [("C", trips), ("D", trips)]


def test_course_emptied_is_about_groups() -> None:
    """Groupings and memberships may go."""
    changes = [*deletes(Kind.GROUPING, 1), *deletes(Kind.MEMBERSHIP, 9)]
    assert tripped("course_emptied", changes, 0, managed_groups={"C": 1}) == set()


@pytest.mark.parametrize(
    ("count", "limit", "trips"), [(20, 20, False), (21, 20, True), (1, 0, True), (99, None, False)]
)
@pytest.mark.parametrize("kind", [Kind.GROUP, Kind.GROUPING])
def test_delete_only_trips_on_a_plan_that_does_nothing_else(kind: Kind, count: int, limit: Any, trips: bool) -> None:
    """At strictly more than its limit."""
    assert tripped("delete_only", deletes(kind, count), limit) == ({"run"} if trips else set())


@pytest.mark.parametrize("other", [update(), *creates(Kind.MEMBERSHIP, 1), *creates(Kind.LINK, 1)])
def test_delete_only_is_quiet_where_anything_is_made_or_changed(other: Change) -> None:
    """The incident's plan made nothing at all; removals count on neither side."""
    assert tripped("delete_only", [*deletes(Kind.GROUP, 99), other], 20) == set()
    assert tripped("delete_only", deletes(Kind.MEMBERSHIP, 99), 0) == set()
    assert tripped("delete_only", [*deletes(Kind.GROUP, 21), *deletes(Kind.MEMBERSHIP, 99)], 20) == {"run"}


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        ("groupings", Kind.GROUPING),
        ("groups", Kind.GROUP),
        ("groups", Kind.LINK),
        ("memberships", Kind.MEMBERSHIP),
    ],
)
def test_empty_blocks_the_deletes_of_a_table_without_rows(dataset: str, kind: Kind) -> None:
    """Where the ledger manages one thing of it; one row, or nothing managed, and it is quiet."""
    assert tripped("empty", [], True, rows_read={dataset: 0}, managed={kind: 1}) == {dataset}
    assert tripped("empty", [], True, rows_read={dataset: 1}, managed={kind: 1}) == set()
    assert tripped("empty", [], True, rows_read={dataset: 0}, managed={kind: 0}) == set()
    assert tripped("empty", [], False, rows_read={dataset: 0}, managed={kind: 1}) == set()
    assert tripped("empty", [], True, rows_read={}, managed={kind: 1}) == set()
    [trip] = [o for o in look("empty", [], True, rows_read={dataset: 0}, managed={kind: 1}) if o.tripped]
    assert trip.effect is Effect.BLOCK
    assert trip.reach is not None
    assert str(kind) in trip.reach.kinds


@pytest.mark.parametrize("rule", ["unread", "identity"])
def test_o3_i3_what_is_missing_or_differs_blocks_the_run_with_every_limit_off(rule: str) -> None:
    """No setting switches it off."""
    changes = [*creates(Kind.GROUP, 1), update()]
    found = Evidence(Plan.of_changes(changes), **{rule: ("ledger says uat",)})
    verdict = assess(found, OFF)
    assert [trip.rule for trip in verdict.blocked] == [rule]
    assert "ledger says uat" in verdict.blocked[0].text
    parts = split(found.plan, verdict)
    assert (len(parts.released), len(parts.held)) == (0, 2)


@pytest.mark.parametrize(("limit", "trips"), [(0, True), (1, True), (2, False), (None, False)])
def test_p10_a_likely_rekey_is_held_by_itself(limit: int | None, trips: bool) -> None:
    """Two are proposed; an update of another kind goes on."""
    rekeys = [
        Change(Group("C", f"OLD{i}", "N"), Group("C", f"NEW{i}", "N"), "P10", evidence="same name") for i in (1, 2)
    ]
    changes = [*rekeys, update()]
    assert tripped("rekey", changes, limit) == ({"C OLD1", "C OLD2"} if trips else set())
    plan = Plan.of_changes(changes)
    parts = split(plan, assess(Evidence(plan), BreakerLimits.model_validate(OFF.model_dump() | {"rekey": limit})))
    assert {change.rule for change in parts.held.changes()} == ({"P10"} if trips else set())


def test_b1_all_rules_are_always_evaluated() -> None:
    """Also on a plan of nothing, and beside one that blocks."""
    for evidence in (Evidence(Plan.of()), Evidence(Plan.of(), rows_read={"groups": 0}, identity=("x",))):
        verdict = assess(evidence, BreakerLimits())
        seen = {one.rule for one in verdict.observations}
        assert seen | {"empty"} == {name for name, _, _ in RULES}


def test_b1_a_verdict_is_of_one_plan() -> None:
    """Another plan's is refused."""
    verdict = assess(Evidence(Plan.of_changes(deletes(Kind.GROUP, 1))), BreakerLimits())
    with pytest.raises(ValueError, match="another plan's"):
        split(Plan.of_changes(deletes(Kind.GROUP, 2)), verdict)


def test_b1_the_verdict_is_plain_values() -> None:
    """With the rules that passed and their headroom."""
    verdict = assess(Evidence(Plan.of_changes(deletes(Kind.GROUP, 21)), managed={Kind.GROUP: 30}), BreakerLimits())
    document = verdict.document()
    assert document["plan_digest"] == verdict.plan_digest
    assert document["tripped"] is True
    assert all("headroom" in one for one in document["observations"])
    assert not Verdict("x", ()).document()["tripped"]


def judged(changes: list[Change], limits: dict[str, Any], **evidence: Any) -> tuple[set[Any], set[Any]]:
    """Kind and action of what is released, and of what is held."""
    plan = Plan.of_changes(changes)
    verdict = assess(Evidence(plan, **evidence), BreakerLimits.model_validate(OFF.model_dump() | limits))
    parts = split(plan, verdict)
    released, held = ({(c.course, c.kind, c.action) for c in part.changes()} for part in (parts.released, parts.held))
    return released, held


EVERYTHING = [c for kind in Kind for course in "CD" for c in (*deletes(kind, 2, course), *creates(kind, 2, course))] + [
    update("C"), update("D")]  # fmt: skip


def test_b2_too_many_deletes_hold_all_deletes_and_nothing_else() -> None:
    """Adds and updates proceed; removals wait too, while the source is in doubt."""
    released, held = judged(EVERYTHING, {"run_deletes": {"fraction": None, "count": 3}})
    assert {action for _, _, action in held} == {Action.DELETE}
    assert {action for _, _, action in released} == {Action.CREATE, Action.UPDATE}
    assert {kind for _, kind, _ in held} == set(Kind)


def test_b2_too_many_removals_hold_removals_alone() -> None:
    """Groups and groupings may go."""
    _, held = judged(EVERYTHING, {"run_removals": {"fraction": None, "count": 3}})
    assert {(kind, action) for _, kind, action in held} == {
        (Kind.LINK, Action.DELETE),
        (Kind.MEMBERSHIP, Action.DELETE),
    }


def test_b2_an_emptied_course_holds_its_own_deletes_alone() -> None:
    """The other course's go on."""
    changes = [c for c in EVERYTHING if c.action is Action.DELETE or c.course == "D"]
    released, held = judged(changes, {"course_emptied": 0}, managed_groups={"C": 2, "D": 2})
    assert {(course, action) for course, _, action in held} == {("C", Action.DELETE)}
    assert ("D", Kind.GROUP, Action.DELETE) in released


def test_b2_an_empty_table_blocks_its_own_kinds_deletes() -> None:
    """Memberships go on where it is the groups' table that is empty."""
    _, held = judged(EVERYTHING, {"empty": True}, rows_read={"groups": 0}, managed={Kind.GROUP: 9})
    assert {(kind, action) for _, kind, action in held} == {(Kind.GROUP, Action.DELETE), (Kind.LINK, Action.DELETE)}


def test_b2_without_a_trip_everything_goes_on() -> None:
    """And nothing is held."""
    released, held = judged(EVERYTHING, {})
    assert held == set()
    assert len(released) == len({(c.course, c.kind, c.action) for c in EVERYTHING})


@settings(max_examples=20)
@given(st.lists(st.sampled_from(EVERYTHING), unique=True, max_size=12), st.integers(0, 5), st.integers(0, 5))
def test_b1_a_split_loses_nothing_and_changes_nothing(changes: list[Change], most: int, removals: int) -> None:
    """Released and held are together the plan, each change on one side."""
    plan = Plan.of_changes(changes)
    limits = OFF.model_dump() | {"run_deletes": {"fraction": None, "count": most}, "course_emptied": 0}
    limits |= {"run_removals": {"fraction": None, "count": removals}}
    evidence = Evidence(plan, managed_groups={"C": 2, "D": 2})
    parts = split(plan, assess(evidence, BreakerLimits.model_validate(limits)))
    assert Plan.of(parts.released.frame, parts.held.frame) == plan
    assert set(parts.released.changes()).isdisjoint(parts.held.changes())
