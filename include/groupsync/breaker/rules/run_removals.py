"""``run_removals``: memberships, and links, that one run would take out of objects that stay."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.rules.share import share
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation, Reach
from include.groupsync.settings import Fraction

_REMOVALS = Reach((str(Action.DELETE),), (str(Kind.LINK), str(Kind.MEMBERSHIP)))


def look(evidence: Evidence, limit: Fraction | None) -> Iterator[Observation]:
    """One observation for each of the two kinds; a trip of either holds all removals."""
    for kind in (Kind.MEMBERSHIP, Kind.LINK):
        count = evidence.count((kind,), Action.DELETE)
        yield share("run_removals", f"{kind}s", count, evidence.managed.get(kind, 0), limit, _REMOVALS)
