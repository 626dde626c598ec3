"""``run_deletes``: groupings, and groups, that one run would delete, of those managed in scope."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker.rules.share import share, strata
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each of the two kinds, in each stratum; a trip of either holds the stratum's deletes."""
    for stratum in strata(evidence, limits):
        for kind in (Kind.GROUPING, Kind.GROUP):
            count = evidence.count((kind,), Action.DELETE, stratum.courses)
            managed = evidence.managed_count((kind,), stratum.courses)
            yield share("run_deletes", f"{kind}s", count, managed, stratum, ALL_DELETES)
