"""``run_removals``: memberships, and links, that one run would take out of objects that stay."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_REMOVALS
from include.groupsync.breaker.rules.share import share, strata
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each of the two kinds, in each stratum; a trip of either holds the stratum's removals.

    Every removal of the plan counts: what goes with its group or grouping is no change of its own (rule P7).
    """
    for stratum in strata(evidence, limits):
        for kind in (Kind.MEMBERSHIP, Kind.LINK):
            count = evidence.count((kind,), Action.DELETE, stratum.courses)
            managed = evidence.managed_count((kind,), stratum.courses)
            yield share("run_removals", f"{kind}s", count, managed, stratum, ALL_REMOVALS, "to be removed")
