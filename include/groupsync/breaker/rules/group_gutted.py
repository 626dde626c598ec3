"""``group_gutted``: a group that would lose most of its members, by removals or by its own delete."""

from collections.abc import Iterator, Mapping
from fractions import Fraction as Exact

import pandas as pd

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.worst import tripped_or_nearest
from include.groupsync.breaker_settings import Gutted
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_KINDS = (str(Kind.GROUP), str(Kind.LINK), str(Kind.MEMBERSHIP))
_Group = tuple[str, str]


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each group that trips, holding its removals and its delete; else the nearest one.

    All members in Moodle count, ours or not.  Those whom the plan adds to another group of the course are not lost.
    """
    frame = evidence.plan.frame
    gone, removed = _rows(frame, Kind.GROUP), _rows(frame, Kind.MEMBERSHIP)
    deleted = set(zip(gone["course"], gone["group"], strict=True))
    taken: dict[_Group, list[str]] = {group: [] for group in sorted(deleted)}
    for course, group, user in zip(removed["course"], removed["group"], removed["user"], strict=True):
        taken.setdefault((course, group), []).append(user)
    joined = _joined(frame, {course for course, _ in taken}, deleted)
    found = []
    for group, users in taken.items():
        limit, members = limits.of_course(group[0]), evidence.members.get(group, ())
        lost = _lost(group, users, joined)
        if group in deleted:
            lost = max(lost, _lost(group, members, joined))
        if limit is None or len(members) >= limit.size:
            found.append(_observation(group, lost, len(members), limit))
    nothing = Observation(
        "group_gutted", "run", 0, None, 0, 0, False, "the plan takes nobody out of a group large enough to be looked at"
    )
    yield from tripped_or_nearest(found, nothing)


def _rows(frame: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    return frame[(frame["kind"] == str(kind)) & (frame["action"] == str(Action.DELETE))]


def _joined(frame: pd.DataFrame, courses: set[str], deleted: set[_Group]) -> dict[_Group, set[str]]:
    """By course and person, the groups that the plan adds the person to, without those that it deletes."""
    adds = frame[(frame["kind"] == str(Kind.MEMBERSHIP)) & (frame["action"] == str(Action.CREATE))]
    adds = adds[adds["course"].isin(list(courses))]
    joined: dict[_Group, set[str]] = {}
    for course, group, user in zip(adds["course"], adds["group"], adds["user"], strict=True):
        if (course, group) not in deleted:
            joined.setdefault((course, user), set()).add(group)
    return joined


def _lost(group: _Group, users: list[str] | tuple[str, ...], joined: Mapping[_Group, set[str]]) -> int:
    course, key = group
    return sum(not joined.get((course, user), set()) - {key} for user in users)


def _observation(group: _Group, lost: int, members: int, limit: Gutted | None) -> Observation:
    course, key = group
    most = None if limit is None else Exact(str(limit.fraction)) * members
    return Observation(
        "group_gutted", f"{course} {key}", lost, None if most is None else float(most), lost, members,
        most is not None and lost > most,
        f"group {key} of {course} would lose {lost} of {members} members",
        Effect.HOLD, Reach((str(Action.DELETE),), _KINDS, course, key), stratum=f"course {course}",
    )  # fmt: skip
