"""All rules on one plan, always all of them, and the split into what is released and what waits (B1, B2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.rules import (
    course_emptied,
    delete_only,
    empty,
    identity,
    run_deletes,
    run_removals,
    unread,
)
from include.groupsync.model.plan import Plan
from include.groupsync.model.verdict import Observation, Verdict
from include.groupsync.settings import BreakerLimits

Rule = Callable[[Evidence, Any], Iterator[Observation]]

# Name, rule, and where its limit stands in the settings; a rule without limit cannot be set off.
RULES: tuple[tuple[str, Rule, Callable[[BreakerLimits], Any]], ...] = (
    ("identity", identity.look, lambda _: None),
    ("unread", unread.look, lambda _: None),
    ("empty", empty.look, lambda limits: limits.empty),
    ("run_deletes", run_deletes.look, lambda limits: limits.run_deletes),
    ("run_removals", run_removals.look, lambda limits: limits.run_removals),
    ("course_emptied", course_emptied.look, lambda limits: limits.course_emptied),
    ("delete_only", delete_only.look, lambda limits: limits.delete_only),
)


@dataclass(frozen=True)
class Split:
    """What goes on at once, and what a trip holds or blocks."""

    released: Plan
    held: Plan


def assess(evidence: Evidence, limits: BreakerLimits) -> Verdict:
    """The verdict on the evidence's plan; it changes nothing."""
    observations = [one for _, look, limit in RULES for one in look(evidence, limit(limits))]
    return Verdict(evidence.plan.digest, tuple(observations))


def split(plan: Plan, verdict: Verdict) -> Split:
    """The plan in two; a blocked run releases nothing."""
    if verdict.plan_digest != plan.digest:
        raise ValueError("this verdict is another plan's")
    held = pd.Series(bool(verdict.blocked), index=plan.frame.index)
    for trip in verdict.trips:
        if trip.reach is None:
            continue
        reached = plan.frame["action"].isin(trip.reach.actions) & plan.frame["kind"].isin(trip.reach.kinds)
        if trip.reach.course is not None:
            reached &= plan.frame["course"] == trip.reach.course
        held |= reached.astype(bool)
    return Split(released=plan.only(~held), held=plan.only(held))
