"""``grouping_gutted``: a grouping that would lose most of its groups, as when the grouping column is suddenly empty."""

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction as Exact

import pandas as pd

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.worst import tripped_or_nearest
from include.groupsync.breaker_settings import Gutted
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_KINDS = (str(Kind.GROUPING), str(Kind.LINK))
_Place = tuple[str, str]


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each grouping that trips, holding the removal of its links; else the nearest one.

    Groupings of fewer links than ``size`` are looked at together, course by course: where each has one or two, an
    empty column takes them all.  Managed links count.  A group that the plan puts into another grouping of the course
    is not lost; nor is anything by a grouping's own delete, which ``in_use`` and the rules of deletes look at.
    """
    managed = _by_course(evidence.links)
    found: list[Observation] = []
    for course, lost in sorted(_by_course(_lost(evidence.plan.frame)).items()):
        found += _course(course, lost, managed.get(course, {}), limits.of_course(course))
    nothing = Observation(
        "grouping_gutted", "run", 0, None, 0, 0, False,
        "the plan takes no group out of groupings large enough to be looked at",
    )  # fmt: skip
    yield from tripped_or_nearest(found, nothing)


def _by_course(counts: Mapping[_Place, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (course, grouping), count in counts.items():
        found.setdefault(course, {})[grouping] = count
    return found


def _course(
    course: str, lost: Mapping[str, int], managed: Mapping[str, int], limit: Gutted | None
) -> Iterator[Observation]:
    large = [key for key in sorted(lost) if limit is None or managed.get(key, 0) >= limit.size]
    for key in large:
        yield _observation(course, key, lost[key], managed.get(key, 0), limit)
    if limit is not None and len(large) < len(lost):
        small = sum(count for key, count in lost.items() if key not in large)
        together = sum(count for count in managed.values() if count < limit.size)
        if together >= limit.size:
            yield _observation(course, None, small, together, limit)


def _lost(frame: pd.DataFrame) -> Counter[_Place]:
    """By course and grouping, the links to be taken out whose group is put into no other grouping that stays."""
    gone, removed = _rows(frame, Kind.GROUPING, Action.DELETE), _rows(frame, Kind.LINK, Action.DELETE)
    deleted = set(zip(gone["course"], gone["grouping"], strict=True))
    placed: dict[_Place, set[str]] = {}
    added = _rows(frame, Kind.LINK, Action.CREATE)
    for course, grouping, group in zip(added["course"], added["grouping"], added["group"], strict=True):
        if (course, grouping) not in deleted:
            placed.setdefault((course, group), set()).add(grouping)
    return Counter(
        (course, grouping)
        for course, grouping, group in zip(removed["course"], removed["grouping"], removed["group"], strict=True)
        if not placed.get((course, group), set()) - {grouping}
    )


def _rows(frame: pd.DataFrame, kind: Kind, action: Action) -> pd.DataFrame:
    return frame[(frame["kind"] == str(kind)) & (frame["action"] == str(action))]


def _observation(course: str, grouping: str | None, lost: int, links: int, limit: Gutted | None) -> Observation:
    """Of one grouping, or of a course's small ones together; the latter holds what the course's links lose."""
    most = None if limit is None else Exact(str(limit.fraction)) * links
    what = f"grouping {grouping} of {course}" if grouping else f"the small groupings of {course} together"
    return Observation(
        "grouping_gutted", f"{course} {grouping}" if grouping else course, lost,
        None if most is None else float(most), lost, links, most is not None and lost > most,
        f"{what} would lose {lost} of {links} groups",
        Effect.HOLD, Reach((str(Action.DELETE),), _KINDS if grouping else _KINDS[1:], course, grouping),
        stratum=f"course {course}",
    )  # fmt: skip
