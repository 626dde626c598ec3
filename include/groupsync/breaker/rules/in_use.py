"""``in_use``: a group or grouping to be deleted that an activity uses, as far as web services show it."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each such object, holding it; one for the run where there is none.

    The limit is how many objects in use may be deleted without a word.
    """
    used = [
        (str(kind), course, key)
        for kind in (Kind.GROUPING, Kind.GROUP)
        for course, key in _deleted(evidence, kind)
        if evidence.uses.get((str(kind), course, key))
    ]
    for kind, course, key in used:
        limit, uses = limits.of_course(course), evidence.uses[kind, course, key]
        yield Observation(
            "in_use", f"{course} {kind} {key}", len(used), limit, len(uses), None,
            limit is not None and len(used) > limit,
            f"{kind} {key} of {course} is used by {'; '.join(uses)}",
            Effect.HOLD, Reach((str(Action.DELETE),), (kind,), course, key), stratum=f"course {course}",
        )  # fmt: skip
    if not used:
        yield Observation(
            "in_use", "run", 0, limits.run, 0, evidence.deletes, False,
            f"of {evidence.deletes} groups and groupings to be deleted no activity is known to use one",
        )  # fmt: skip


def _deleted(evidence: Evidence, kind: Kind) -> list[tuple[str, str]]:
    frame = evidence.plan.frame
    own = frame[(frame["kind"] == str(kind)) & (frame["action"] == str(Action.DELETE))]
    return list(zip(own["course"], own[str(kind)], strict=True))
