"""``empty``: a dataset without rows for the term, where the ledger manages something of it."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_KINDS = {
    "groupings": (Kind.GROUPING,),
    "groups": (Kind.GROUP, Kind.LINK),
    "memberships": (Kind.MEMBERSHIP,),
}


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each dataset; a trip blocks the deletes of the dataset's kinds.

    The limit is how many managed things a dataset without rows may leave behind.
    """
    limit = limits.run
    for dataset, kinds in _KINDS.items():
        rows = evidence.rows_read.get(dataset)
        if rows is None:
            continue
        managed = evidence.managed_count(kinds)
        left = 0 if rows else managed
        yield Observation(
            "empty", dataset, left, limit, left, managed, limit is not None and left > limit,
            f"{dataset}: {rows} rows for the term, {managed} managed",
            Effect.BLOCK, Reach((str(Action.DELETE),), tuple(map(str, kinds))),
        )  # fmt: skip
