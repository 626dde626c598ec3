"""``empty``: a dataset without rows for the term, where the ledger manages something of it."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_KINDS = {
    "groupings": (Kind.GROUPING,),
    "groups": (Kind.GROUP, Kind.LINK),
    "memberships": (Kind.MEMBERSHIP,),
}


def look(evidence: Evidence, limit: bool | None) -> Iterator[Observation]:
    """One observation for each dataset; a trip blocks the deletes of the dataset's kinds."""
    for dataset, kinds in _KINDS.items():
        rows = evidence.rows_read.get(dataset)
        if rows is None:
            continue
        managed = sum(evidence.managed.get(kind, 0) for kind in kinds)
        tripped = bool(limit) and rows == 0 and managed > 0
        yield Observation(
            "empty", dataset, managed if rows == 0 else 0, 0 if limit else None, managed, None, tripped,
            f"{dataset}: {rows} rows for the term, {managed} managed",
            Effect.BLOCK, Reach((str(Action.DELETE),), tuple(map(str, kinds))),
        )  # fmt: skip
