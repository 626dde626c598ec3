"""``run_deletes``: groupings, and groups, that one run would delete, of those managed in scope."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.rules.share import share
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation, Reach
from include.groupsync.settings import Fraction

ALL_DELETES = Reach((str(Action.DELETE),), tuple(map(str, Kind)))


def look(evidence: Evidence, limit: Fraction | None) -> Iterator[Observation]:
    """One observation for each of the two kinds; a trip of either holds all deletes."""
    for kind in (Kind.GROUPING, Kind.GROUP):
        count = evidence.count((kind,), Action.DELETE)
        yield share("run_deletes", f"{kind}s", count, evidence.managed.get(kind, 0), limit, ALL_DELETES)
