"""A judged plan in two: what goes on at once, and what a trip holds or blocks (rule B2)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict


@dataclass(frozen=True)
class Split:
    """What goes on at once, and what a trip holds or blocks; of the latter, what an approval may release."""

    released: Plan
    held: Plan
    releasable: Plan


def split(plan: Plan, verdict: Verdict) -> Split:
    """The plan in two; a blocked run releases nothing.

    What cannot happen without something that is held waits with it: a name that is not freed (rules P9, G8), the
    links and memberships of a group that is not made, and whatever what is held was to replace.
    """
    if verdict.plan_digest != plan.digest:
        raise ValueError("this verdict is another plan's")
    held, blocked = _masks(plan.frame, verdict)
    return Split(released=plan.only(~held), held=plan.only(held), releasable=plan.only(held & ~blocked))


def held_by(plan: Plan, verdict: Verdict) -> list[str | None]:
    """For each change the rules that hold or block it, '' where it waits for what is held; None where it goes on."""
    held, _ = _masks(plan.frame, verdict)
    blocking = sorted({trip.rule for trip in verdict.blocked})
    found = [list(blocking) if waits else None for waits in held]
    for rule in sorted({trip.rule for trip in verdict.trips}) if not blocking else ():
        reached = _reached(plan.frame, [trip for trip in verdict.trips if trip.rule == rule])
        for at in (reached & held).to_numpy().nonzero()[0]:
            found[at].append(rule)  # type: ignore[union-attr]  # what is reached is held
    return [None if rules is None else ", ".join(rules) for rules in found]


def with_approved(plan: Plan, verdict: Verdict, courses: Collection[str] | None) -> Split:
    """The plan in two, once a person has approved what is held in these courses (None: in all): it goes with the rest.

    What depends on another change does so within its course.
    """
    held, blocked = _masks(plan.frame, verdict)
    approved = held & ~blocked
    if courses is not None:
        approved &= plan.frame["course"].isin(list(courses))
    left = held & ~approved
    return Split(released=plan.only(~left), held=plan.only(left), releasable=plan.only(left & ~blocked))


def holding(plan: Plan, verdict: Verdict, courses: frozenset[str] | None = None) -> tuple[Observation, ...]:
    """The trips that hold something that an approval may release; of these courses, None for all.

    What waits for what a trip holds need not be looked at: it is in the same course, and blocked only with it.
    """
    held, blocked = _masks(plan.frame, verdict)
    wanted = held & ~blocked
    if courses is not None:
        wanted &= plan.frame["course"].isin(list(courses))
    frame = plan.frame[wanted]
    trips = [(trip, trip.reach) for trip in verdict.trips if trip.reach is not None]
    # Thousands of trips do not each look at all changes.
    named = {alike: _Named.of(frame, *alike) for alike in {(reach.actions, reach.kinds) for _, reach in trips}}
    return tuple(trip for trip, reach in trips if named[reach.actions, reach.kinds].within(reach))


_Alike = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class _Named:
    """The courses, and the objects by course and key, of changes of some actions and kinds."""

    courses: frozenset[str]
    objects: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, frame: pd.DataFrame, actions: tuple[str, ...], kinds: tuple[str, ...]) -> "_Named":
        own = frame[frame["action"].isin(actions) & frame["kind"].isin(kinds)]
        return cls(frozenset(own["course"]), frozenset(zip(own["course"], _keys(own, kinds), strict=True)))

    def within(self, reach: Reach) -> bool:
        """Whether the reach names any of them."""
        if reach.key is not None:
            return any((course, reach.key) in self.objects for course in _courses(reach))
        return bool(self.courses) if None in _courses(reach) else not self.courses.isdisjoint(_courses(reach))


def _courses(reach: Reach) -> tuple[str | None, ...]:
    """The courses that a reach names; None among them: every course."""
    return (reach.course,) if reach.courses is None else reach.courses


def _masks(frame: pd.DataFrame, verdict: Verdict) -> tuple[pd.Series, pd.Series]:
    """What is held or blocked, and of that what is blocked, each with all that waits for it."""
    if verdict.blocked:
        everything = pd.Series(True, index=frame.index)
        return everything, everything
    blocks = [trip for trip in verdict.trips if trip.effect is Effect.BLOCK]
    held, blocked = _reached(frame, verdict.trips), _reached(frame, blocks)
    return with_dependents(frame, held), with_dependents(frame, blocked)


def _reached(frame: pd.DataFrame, trips: Iterable[Observation]) -> pd.Series:
    reached = pd.Series(False, index=frame.index)
    alike: dict[_Alike, list[Reach]] = {}
    for trip in trips:
        if trip.reach is not None:
            alike.setdefault((trip.reach.actions, trip.reach.kinds), []).append(trip.reach)
    # A thousand trips of one rule are one look at the plan.
    for (actions, kinds), reaches in alike.items():
        reached |= frame["action"].isin(actions) & frame["kind"].isin(kinds) & _inside(frame, kinds, reaches)
    return reached


def _inside(frame: pd.DataFrame, kinds: tuple[str, ...], reaches: Iterable[Reach]) -> pd.Series:
    """The changes of the courses, or of the objects, that the reaches name."""
    places = [(course, reach.key) for reach in reaches for course in _courses(reach)]
    if (None, None) in places:
        return pd.Series(True, index=frame.index)
    inside = frame["course"].isin([course for course, key in places if key is None])
    objects = {(course, key) for course, key in places if key is not None}
    near = frame[frame["course"].isin([course for course, _ in objects])]
    pairs = zip(near["course"], _keys(near, kinds), strict=True)
    inside.loc[near.index] |= pd.Series([pair in objects for pair in pairs], index=near.index, dtype=bool)
    return inside


def _keys(frame: pd.DataFrame, kinds: tuple[str, ...]) -> pd.Series:
    """The key of the object that a change is of: a link is its group's, unless the reach speaks of groupings."""
    of_group = frame["kind"].isin([str(Kind.GROUP), str(Kind.MEMBERSHIP)]) | (
        (frame["kind"] == str(Kind.LINK)) & (str(Kind.GROUPING) not in kinds)
    )
    return frame["group"].where(of_group, frame["grouping"])


_Object = tuple[str, str, str]


@dataclass(frozen=True)
class _Held:
    """Of the held changes of objects: all of them, those that keep their names, those that are not made or not given
    their idnumber, and the courses where a group, or a grouping, is not made.  Of the memberships that are not made:
    who would be in a group of which course."""

    objects: set[_Object]
    stuck: set[_Object]
    unmade: set[_Object]
    without_group: set[str]
    without_grouping: set[str]
    unjoined: set[tuple[str, str]]

    @cached_property
    def courses_of_unjoined(self) -> set[str]:
        return {course for course, _ in self.unjoined}


def with_dependents(frame: pd.DataFrame, held: pd.Series) -> pd.Series:
    """Held, and all that waits for it, however long the chain."""
    near = frame[frame["course"].isin(frame.loc[held, "course"].unique())]
    depends = (
        near["waits_for"].notna()
        | near["kind"].isin([str(Kind.LINK), str(Kind.MEMBERSHIP)])
        | (near["action"] == str(Action.DELETE))
    )
    candidates = rows(near[depends].reset_index(names="at"))
    while True:
        so_far = _held_objects(frame[held])
        more = {row["at"] for row in candidates if _waits(row, so_far)}
        if more <= set(held.index[held]):
            return held
        held = held | held.index.isin(more)


def _held_objects(frame: pd.DataFrame) -> _Held:
    objects = [
        ((row["kind"], row["course"], row[row["kind"]]), row)
        for row in rows(frame[frame["kind"].isin([str(Kind.GROUPING), str(Kind.GROUP)])])
    ]
    created = {key for key, row in objects if row["action"] == Action.CREATE}
    joins = frame[(frame["kind"] == str(Kind.MEMBERSHIP)) & (frame["action"] == str(Action.CREATE))]
    # What is in an object to be adopted is planned under the idnumber that it is to be given (rules G4, P4).
    unnamed = {(row["kind"], row["course"], row["to_key"]) for _, row in objects if row["to_key"] is not None}
    return _Held(
        objects={key for key, _ in objects} | unnamed,
        stuck={key for key, row in objects if row["name_before"] != row["name_after"]},
        unmade=created | unnamed,
        without_group={course for kind, course, _ in created if kind == Kind.GROUP},
        without_grouping={course for kind, course, _ in created if kind == Kind.GROUPING},
        unjoined=set(zip(joins["course"], joins["user"], strict=True)),
    )


def _waits(row: Mapping[str, Any], held: _Held) -> bool:
    if (row["kind"], row["course"], row["waits_for"]) in held.stuck:
        return True
    if row["action"] == Action.DELETE:
        return _keeps(row, held)
    return _is_inside(row, held.unmade)


def _keeps(row: Mapping[str, Any], held: _Held) -> bool:
    """What is held for an object holds the removals from it (rule M5).  And where a group is not made, nothing of its
    course goes: the group may be what takes its place, and nobody is to be without one meanwhile (rule A1).  For the
    same reason who is not added to a group is taken out of none, unless the data team excludes them (rule M6), nor does
    a group of that course go: a plan does not say who is in it.  Nor does a group leave its grouping where another is
    not made."""
    if row["course"] in held.without_group or (row["kind"] == Kind.LINK and row["course"] in held.without_grouping):
        return True
    if row["kind"] == Kind.MEMBERSHIP and (row["course"], row["user"]) in held.unjoined and row["rule"] != "M6":
        return True
    if row["kind"] == Kind.GROUP and row["course"] in held.courses_of_unjoined:
        return True
    return _is_inside(row, held.objects)


def _is_inside(row: Mapping[str, Any], objects: set[_Object]) -> bool:
    if row["kind"] in (Kind.GROUPING, Kind.GROUP):
        return False
    return any((str(kind), row["course"], row[str(kind)]) in objects for kind in (Kind.GROUPING, Kind.GROUP))
