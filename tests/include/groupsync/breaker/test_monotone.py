"""Adding a delete or a removal to a plan never releases what was held, and never turns a block into less.

For any plan, any limits and any evidence: the rules are drawn tight, so that each of them trips and passes.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from include.groupsync.breaker.assess import assess
from include.groupsync.breaker.baselines import Baselines, Part
from include.groupsync.breaker.evidence import Evidence, Place
from include.groupsync.breaker.split import Split, split
from include.groupsync.breaker_settings import BreakerLimits
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership
from tests.include.groupsync.breaker.plans import limits_of

# The same plans in every test run, which must not fail by the luck of a draw; MONOTONE_EXAMPLES=1500 searches.
EXAMPLES = int(os.environ.get("MONOTONE_EXAMPLES", "60"))
searched = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
COURSES, KEYS, PEOPLE = ("C", "D"), ("G1", "G2", "G3"), tuple("abcdef")
NOW = datetime(2026, 10, 12, 6, tzinfo=UTC)
FRACTIONS = st.none() | st.fixed_dictionaries(
    {
        "fraction": st.sampled_from([None, 0, 0.1, 0.5]),
        "floor": st.integers(0, 3),
        "count": st.sampled_from([None, 0, 1, 3]),
    }
)
COUNTS = st.sampled_from([None, 0, 1, 3])
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("run_deletes", "run_removals", "department_deletes", "courses_emptied", "growth", "renames"), FRACTIONS
        ),
        **dict.fromkeys(("empty", "blackout", "course_emptied", "delete_only", "rekey", "in_use"), COUNTS),
        "config_changed": COUNTS,
        "stale": st.sampled_from([None, 0, 36]),
        **dict.fromkeys(
            ("group_gutted", "grouping_gutted"),
            st.fixed_dictionaries({"fraction": st.sampled_from([0, 0.5, 0.9]), "size": st.integers(1, 4)}),
        ),
        "history": st.fixed_dictionaries({"mads": st.sampled_from([0, 1]), "runs": st.integers(1, 3)}),
        **dict.fromkeys(
            ("cumulative", "cumulative_removals"),
            st.fixed_dictionaries({"day": st.sampled_from([None, 0, 1]), "week": st.sampled_from([None, 2])}),
        ),
        "courses": st.dictionaries(
            st.sampled_from(COURSES),
            st.fixed_dictionaries({}, optional={"run_deletes": FRACTIONS, "course_emptied": COUNTS, "in_use": COUNTS}),
        ),
    },
)


def _objects() -> st.SearchStrategy[Change]:
    def change(make: Any, course: str, key: str, name: str, action: str, rule: str) -> Change:
        before, after = make(course, key, f"N{key}"), make(course, key, name)
        if rule == "P10":
            return Change(before, make(course, f"{key}+", name), "P10", evidence="same name")
        waits = f"G{1 + (int(key[1]) % 3)}" if rule == "waits" and action != "delete" else None
        sides = {"create": (None, after), "update": (before, after), "delete": (before, None)}[action]
        return Change(*sides, "P6", waits_for=waits)

    return st.builds(
        change,
        st.sampled_from([Group, Grouping]),
        st.sampled_from(COURSES),
        st.sampled_from(KEYS),
        st.sampled_from(["NG1", "NG2", "other"]),
        st.sampled_from(["create", "update", "delete"]),
        st.sampled_from(["P6", "P10", "waits"]),
    )


def _inside() -> st.SearchStrategy[Change]:
    links = st.builds(Link, st.sampled_from(COURSES), st.sampled_from(KEYS), st.sampled_from(KEYS))
    people = st.builds(Membership, st.sampled_from(COURSES), st.sampled_from(KEYS), st.sampled_from(PEOPLE))
    return st.builds(lambda thing, made: Change(*((None, thing) if made else (thing, None)), "M4"),
                     links | people, st.booleans())  # fmt: skip


CHANGES = st.lists(_objects() | _inside(), max_size=10)
LOSSES = (_objects() | _inside()).filter(lambda change: change.action is Action.DELETE)
NUMBERS = st.integers(0, 4)
MANAGED = st.fixed_dictionaries({kind: st.fixed_dictionaries(dict.fromkeys(COURSES, NUMBERS)) for kind in Kind})
EVIDENCE = st.fixed_dictionaries(
    {
        "managed": MANAGED,
        "departments": st.sampled_from([{}, {"C": ("P",)}, {"C": ("P", "Q"), "D": ("Q",)}]),
        "courses": st.integers(0, 3),
        "members": st.dictionaries(
            st.tuples(st.sampled_from(COURSES), st.sampled_from(KEYS)),
            st.lists(st.sampled_from(PEOPLE), unique=True).map(tuple),
        ),
        "uses": st.sampled_from([{}, {("group", "C", "G1"): ("quiz",), ("grouping", "D", "G2"): ("forum",)}]),
        "rows_read": st.sampled_from([{}, {"groups": 0, "memberships": 9}, {"groups": 9, "groupings": 0}]),
        "freshness": st.sampled_from([{}, {"cmis": NOW - timedelta(hours=40)}, {"cmis": Decimal(3)}]),
        "unmatched": st.sampled_from([{}, {"users": Part(3, 4)}]),
        "blackouts": st.sampled_from([(), ("rollover",)]),
        "identity": st.sampled_from([(), (), ("ledger: uat",)]),
        "scope": st.sampled_from([None, None, frozenset({Place("groups", "C", None, False)})]),
        "links": st.dictionaries(st.tuples(st.sampled_from(COURSES), st.sampled_from(KEYS)), NUMBERS),
        "applied_day": st.fixed_dictionaries({Kind.GROUP: NUMBERS, Kind.LINK: NUMBERS}),
        "baselines": st.sampled_from(
            [
                Baselines(),
                Baselines(5, {"groups": [100] * 5}, {}, [0, 1, 2], {"cmis": Decimal(4)}, "other"),
            ]
        ),
    }
)


def parts(changes: list[Change], limits: BreakerLimits, evidence: dict[str, Any]) -> Split:
    plan = Plan.of_changes(changes)
    return split(plan, assess(Evidence(plan, now=NOW, settings_digest="this", **evidence), limits))


def worse(changes: list[Change], loss: Change, limits: dict[str, Any], evidence: dict[str, Any]) -> None:
    """With the loss, what was held is held, what was blocked is blocked."""
    given_limits = limits_of(**limits)
    before, after = parts(changes, given_limits, evidence), parts([*changes, loss], given_limits, evidence)
    assert set(before.held.changes()) <= set(after.held.changes())
    assert _blocked(before) <= _blocked(after)
    assert set(after.released.changes()) <= {*before.released.changes(), loss}


def _blocked(parts: Split) -> set[Change]:
    return set(parts.held.changes()) - set(parts.releasable.changes())


NOTHING: dict[str, Any] = {"members": {("C", "G1"): tuple("abcde")}, "managed": {Kind.GROUP: {"C": 1}}}
OTHER_GROUP = [Change(Group("C", "G1", "N"), None, "P7")] + [
    Change(None, Membership("C", "G2", user), "M4") for user in "abc"
]


REPLACED = [
    *(Change(Link("C", "S", group), None, "L2") for group in ("G1", "G2", "G3")),
    *(Change(None, Link("C", "T", group), "L2") for group in ("G1", "G2")),
]


@searched
@given(CHANGES, LOSSES, LIMITS, EVIDENCE)
# The loss takes away the group whose new members were no loss; the loss deletes the group that was being left.
@example(
    OTHER_GROUP, Change(Group("C", "G2", "N"), None, "P7"), {"group_gutted": {"fraction": 0.5, "size": 5}}, NOTHING
)
@example(
    [Change(Membership("C", "G1", user), None, "M5") for user in "abc"],
    Change(Group("C", "G1", "N"), None, "P7"),
    {"run_removals": {"fraction": None, "count": 2}, "group_gutted": {"fraction": 0.5, "size": 5}},
    NOTHING,
)
@example(
    REPLACED,
    Change(Grouping("C", "T", "N"), None, "G7"),
    {"grouping_gutted": {"fraction": 0.5, "size": 4}},
    {"links": {("C", "S"): 4}},
)
def test_b2_one_more_loss_never_releases_what_was_held(
    changes: list[Change], loss: Change, limits: dict[str, Any], evidence: dict[str, Any]
) -> None:
    """Rule by rule and all together."""
    worse(changes, loss, limits, evidence)


@searched
@given(CHANGES, LOSSES, EVIDENCE)
def test_b2_one_more_loss_never_releases_what_was_held_under_the_defaults(
    changes: list[Change], loss: Change, evidence: dict[str, Any]
) -> None:
    """The published limits, with every floor taken away so that small plans reach them."""
    limits = BreakerLimits().model_dump(exclude={"terms", "departments", "courses"})
    for limit in limits.values():
        if isinstance(limit, dict) and "floor" in limit:
            limit["floor"] = 0
    worse(changes, replace(loss, rule="P7"), limits, evidence)
