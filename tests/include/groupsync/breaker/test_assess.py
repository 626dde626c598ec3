"""All rules, always; those that no setting switches off; the verdict as plain values (rules B1, I3, O3, C1)."""

import json
from dataclasses import fields
from typing import Any

import pytest

from include.groupsync.breaker.assess import RULES, assess, observe_source
from include.groupsync.breaker.evidence import Evidence, Place
from include.groupsync.breaker_settings import BreakerLimits, TermLimits
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from tests.include.groupsync.breaker.plans import NAMES, creates, deletes, judged, look, numbers, update

HARD = {"identity", "unread", "out_of_scope", "reclaim", "opened_again"}


def test_b3_every_rule_of_the_table_has_a_limit_or_is_never_overridable() -> None:
    """Adding a rule is a file and a row; a limit without a rule would limit nothing."""
    assert sorted(NAMES) == sorted(set(NAMES))
    assert set(NAMES) == set(TermLimits.model_fields) | HARD
    assert len(NAMES) == 27


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(Plan.of()),
        Evidence(Plan.of(), rows_read={"groups": 0}, identity=("x",)),
        Evidence(Plan.of(), restore=True),
    ],
)
def test_b1_all_rules_are_always_evaluated(evidence: Evidence) -> None:
    """Also on a plan of nothing, and beside one that blocks; in the order of the table."""
    verdict = assess(evidence, BreakerLimits())
    assert tuple(dict.fromkeys(one.rule for one in verdict.observations)) == NAMES


@pytest.mark.parametrize("rows_read", [{}, {"groups": 3, "memberships": 0}])
def test_what_is_said_of_the_source_before_the_plan_is_what_the_verdict_says(rows_read: dict[str, int]) -> None:
    """By the limits of the run; and of nothing else."""
    evidence = Evidence(Plan.of_changes(deletes(Kind.GROUP, 2)), rows_read=rows_read)
    for limits in (BreakerLimits(), BreakerLimits(volume=None, unmatched=None)):
        found = observe_source(evidence, limits)
        rules = {"stale", "volume", "unmatched", "quarantined"}
        assert found == tuple(one for one in assess(evidence, limits).observations if one.rule in rules)
        assert {one.rule for one in found} == rules


def test_b1_a_restore_is_not_judged_by_its_datasets() -> None:
    """They say so; all others look at it like at any plan."""
    verdict = assess(Evidence(Plan.of(), restore=True, unread=("groups",)), BreakerLimits())
    silent = {one.rule for one in verdict.observations if one.text == "does not apply to a restore"}
    assert silent == {"unread", "empty", "stale", "volume", "unmatched", "quarantined", "growth", "opened_again"}
    assert silent == {rule.name for rule in RULES if not rule.of_restore}
    said = [one for one in verdict.observations if one.rule in silent]
    assert {(one.subject, one.tripped, *numbers(one)) for one in said} == {("run", False, None, None, 0, None, None)}
    assert not verdict.trips


@pytest.mark.parametrize(
    ("rule", "evidence", "observed", "denominator", "text"),
    [
        ("unread", {"unread": ("groups", "mappings"), "rows_read": {"groupings": 1}}, 2, 3, ": groups, mappings"),
        ("identity", {"identity": ("ledger: uat", "marker: none")}, 2, 5, "ledger: uat; marker: none"),
    ],
)
def test_o3_i3_what_is_missing_or_differs_blocks_the_run_with_every_limit_off(
    rule: str, evidence: Any, observed: int, denominator: int, text: str
) -> None:
    """No setting switches it off; it says what it is."""
    changes = [*creates(Kind.GROUP, 1), update()]
    [one] = look(rule, changes, **evidence)
    assert (one.subject, one.tripped, one.effect, one.reach) == ("run", True, Effect.BLOCK, None)
    assert numbers(one) == (observed, 0, observed, denominator, -observed)
    assert one.text.endswith(text)
    [alone] = look(rule, changes, **evidence | {rule: evidence[rule][:1]})
    assert (alone.tripped, alone.observed) == (True, 1), "one is enough"
    parts = judged(changes, {}, **evidence)
    assert (len(parts.released), len(parts.held), len(parts.releasable)) == (0, 2, 0)


def test_o3_i3_where_all_was_read_and_all_agrees_they_say_so() -> None:
    """With the numbers."""
    [one] = look("unread", [], rows_read={"groups": 3})
    assert (one.tripped, *numbers(one), one.text) == (False, 0, 0, 0, 1, 0, "every table that is on was read")
    [one] = look("identity", [])
    assert (one.tripped, *numbers(one)) == (False, 0, 0, 0, 5, 0)
    assert one.text == "deployment, sources, ledger, Moodle and marker name one environment"


def place(course: str = "C", label: str | None = None, active: bool = True, dataset: str = "groups") -> Place:
    return Place(dataset, course, label, active)


def labelled(label: str | None, action: str = "create", course: str = "C") -> Change:
    group = Group(course, "G", "N")
    return Change(None, group, "P5", label) if action == "create" else Change(group, None, "P7", label)


@pytest.mark.parametrize(
    ("change", "scope", "outside"),
    [
        (labelled(None), {place()}, False),
        (labelled(None), {place("D")}, True),
        (labelled(None), set(), True),
        (labelled(None), None, False),  # all of Moodle
        (labelled("M1"), {place()}, False),  # a table that carries no module
        (labelled("M1"), {place(label="M1")}, False),
        (labelled("M2"), {place(label="M1")}, True),
        (labelled(None), {place(label="M1")}, True),  # without a module, in a table that carries them
        (labelled("M1"), {place("D", "M1"), place()}, True),
        (labelled(None, "delete"), {place(active=False)}, False),
        (labelled(None), {place(active=False)}, True),  # a withdrawn course only loses
        (update(), {place(active=False)}, True),
        (update(), {place()}, False),
        (labelled(None, "delete"), {place(active=False, course="D")}, True),
        (labelled("M1", "delete"), {place(label="M1", active=False)}, False),
        (labelled("M2", "delete"), {place(label="M1", active=False)}, True),  # another module's
        (deletes(Kind.LINK, 1)[0], {place()}, False),
        (deletes(Kind.MEMBERSHIP, 1)[0], {place()}, True),
        (deletes(Kind.MEMBERSHIP, 1)[0], {place(dataset="memberships")}, False),
        (deletes(Kind.GROUPING, 1)[0], {place()}, True),
        (deletes(Kind.GROUPING, 1)[0], {place(dataset="groupings")}, False),
    ],
)
def test_c1_a_change_outside_the_scope_blocks_the_run(change: Change, scope: Any, outside: bool) -> None:
    """Whatever made it: it is a bug."""
    [one] = look("out_of_scope", [change], scope=None if scope is None else frozenset(scope))
    assert (one.tripped, *numbers(one)) == (outside, int(outside), 0, int(outside), 1, -int(outside))
    assert (one.effect, one.reach) == (Effect.BLOCK, None)


def test_c1_out_of_scope_says_where() -> None:
    """Of many the first few."""
    changes = [change for n in range(7) for change in deletes(Kind.GROUP, 2, f"C{n}")]
    [one] = look("out_of_scope", changes, scope=frozenset({place("C6")}))
    assert (one.subject, one.observed, one.denominator) == ("run", 12, 14)
    assert "2 deletes of a group in C0; 2 deletes of a group in C1" in one.text
    assert "C4" in one.text
    assert "C5" not in one.text
    assert one.text.endswith("are outside the run's scope; this is a bug, tell who keeps the project")
    assert look("out_of_scope", [], scope=frozenset())[0].text == "all 0 changes are in scope"


def test_b1_the_verdict_is_plain_values() -> None:
    """With the rules that passed and their headroom, as JSON bears it."""
    plan = Plan.of_changes(deletes(Kind.GROUP, 21))
    verdict = assess(Evidence(plan, managed={Kind.GROUP: {"C": 30}}), BreakerLimits())
    document = json.loads(json.dumps(verdict.document()))
    assert document["plan_digest"] == verdict.plan_digest == plan.digest
    assert document["tripped"] is True
    keys = {field.name for field in fields(Observation)} | {"headroom"}
    assert keys >= {"rule", "subject", "stratum", "observed", "limit", "numerator", "denominator", "tripped"}
    assert all(one.keys() == keys for one in document["observations"])
    assert not Verdict("x", ()).document()["tripped"]


@pytest.mark.parametrize(
    ("observed", "limit", "at_least", "headroom"),
    [(3, 5, False, 2), (3, 5, True, -2), (5, 3, True, 2), (None, 5, False, None), (3, None, True, None)],
)
def test_b1_headroom_is_how_much_more_or_less_it_could_have_been(
    observed: Any, limit: Any, at_least: bool, headroom: Any
) -> None:
    """Unknown where there is nothing to compare."""
    one = Observation("r", "s", observed, limit, 0, None, False, "t", at_least=at_least)
    assert one.headroom == headroom
    assert one.stratum == "run"


def test_b2_only_a_block_without_a_reach_blocks_the_run() -> None:
    """A block of some changes lets the others go on."""
    reach = Reach(("delete",), ("group",))
    trips = [
        Observation("a", "s", 1, 0, 1, None, True, "t", Effect.BLOCK),
        Observation("b", "s", 1, 0, 1, None, True, "t", Effect.BLOCK, reach),
        Observation("c", "s", 1, 0, 1, None, True, "t", Effect.HOLD),
        Observation("d", "s", 1, 0, 1, None, False, "t", Effect.BLOCK),
    ]
    verdict = Verdict("x", tuple(trips))
    assert [one.rule for one in verdict.blocked] == ["a"]
    assert [one.rule for one in verdict.trips] == ["a", "b", "c"]
