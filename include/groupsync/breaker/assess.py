"""All rules on one plan, always all of them, and the split into what is released and what waits (B1, B2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.rules import (
    course_emptied,
    delete_only,
    empty,
    identity,
    reclaim,
    rekey,
    run_deletes,
    run_removals,
    unread,
)
from include.groupsync.model.frames import rows
from include.groupsync.model.plan import Plan
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
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
    ("rekey", rekey.look, lambda limits: limits.rekey),
    ("reclaim", reclaim.look, lambda _: None),
)


@dataclass(frozen=True)
class Split:
    """What goes on at once, and what a trip holds or blocks; of the latter, what an approval may release."""

    released: Plan
    held: Plan
    releasable: Plan


def assess(evidence: Evidence, limits: BreakerLimits) -> Verdict:
    """The verdict on the evidence's plan; it changes nothing."""
    observations = [one for _, look, limit in RULES for one in look(evidence, limit(limits))]
    return Verdict(evidence.plan.digest, tuple(observations))


def split(plan: Plan, verdict: Verdict) -> Split:
    """The plan in two; a blocked run releases nothing.

    What cannot happen without something that is held waits with it: a name that is not freed (rules P9, G8),
    the links and memberships of a group that is not made.
    """
    if verdict.plan_digest != plan.digest:
        raise ValueError("this verdict is another plan's")
    held, blocked = _masks(plan.frame, verdict)
    return Split(released=plan.only(~held), held=plan.only(held), releasable=plan.only(held & ~blocked))


def holding(plan: Plan, verdict: Verdict, courses: frozenset[str] | None = None) -> tuple[Observation, ...]:
    """The trips that hold something that an approval may release; of these courses, None for all."""
    frame = plan.frame
    held, blocked = _masks(frame, verdict)
    wanted = held & ~blocked
    if courses is not None:
        wanted &= frame["course"].isin(list(courses)).astype(bool)

    def holds(trip: Observation) -> bool:
        if trip.reach is None:
            return False
        reached = _reached(frame, trip.reach)
        return bool((reached & wanted).any() or (_with_dependents(frame, reached) & wanted).any())

    return tuple(filter(holds, verdict.trips))


def _masks(frame: pd.DataFrame, verdict: Verdict) -> tuple[pd.Series, pd.Series]:
    """What is held or blocked, and of that what is blocked, each with all that waits for it."""
    blocked = pd.Series(bool(verdict.blocked), index=frame.index)
    held = blocked.copy()
    for trip in verdict.trips:
        if trip.reach is not None:
            reached = _reached(frame, trip.reach)
            held |= reached
            if trip.effect is Effect.BLOCK:
                blocked |= reached
    return _with_dependents(frame, held), _with_dependents(frame, blocked)


def _reached(frame: pd.DataFrame, reach: Reach) -> pd.Series:
    reached = frame["action"].isin(reach.actions) & frame["kind"].isin(reach.kinds)
    if reach.course is not None:
        reached &= frame["course"] == reach.course
    if reach.key is not None:
        reached &= frame["group"].where(frame["kind"] == "group", frame["grouping"]) == reach.key
    return reached.fillna(False).astype(bool)


def _with_dependents(frame: pd.DataFrame, held: pd.Series) -> pd.Series:
    """Held, and all that waits for it, however long the chain."""
    near = frame[frame["course"].isin(frame.loc[held, "course"].unique())]
    depends = near["waits_for"].notna() | near["kind"].isin(["link", "membership"])
    candidates = rows(near[depends].reset_index(names="at"))
    while True:
        stuck, unmade = _held_objects(frame[held])
        more = {row["at"] for row in candidates if _waits(row, stuck) or _is_inside(row, unmade)}
        if more <= set(held.index[held]):
            return held
        held = held | held.index.isin(more)


_Object = tuple[str, str, str]


def _held_objects(frame: pd.DataFrame) -> tuple[set[_Object], set[_Object]]:
    """Of the held changes: the objects that keep their names, and those that are not made."""
    objects = [
        ((row["kind"], row["course"], row[row["kind"]]), row)
        for row in rows(frame[frame["kind"].isin(["grouping", "group"])])
    ]
    stuck = {key for key, row in objects if row["action"] == "delete" or row["name_before"] != row["name_after"]}
    return stuck, {key for key, row in objects if row["action"] == "create"}


def _waits(row: Mapping[str, Any], stuck: set[_Object]) -> bool:
    return (row["kind"], row["course"], row["waits_for"]) in stuck


def _is_inside(row: Mapping[str, Any], unmade: set[_Object]) -> bool:
    if row["kind"] in ("grouping", "group"):
        return False
    return any((kind, row["course"], row[kind]) in unmade for kind in ("grouping", "group"))
