"""``delete_only``: a plan that deletes and neither creates nor updates: the shape of the incident."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation

_OBJECTS = (Kind.GROUPING, Kind.GROUP)


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: the plan's deletes of groupings and groups, if it does nothing else."""
    limit, deletes = limits.run, evidence.deletes
    # The update of a link or membership is a claim (rule O2), which changes nothing in Moodle.
    others = evidence.count(Kind, Action.CREATE) + evidence.count(_OBJECTS, Action.UPDATE)
    only = deletes if others == 0 else 0
    yield Observation(
        "delete_only", "run", only, limit, deletes, others, limit is not None and only > limit,
        f"{deletes} deletes beside {others} creates and updates",
        Effect.HOLD, ALL_DELETES,
    )  # fmt: skip
