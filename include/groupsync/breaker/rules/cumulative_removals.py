"""``cumulative_removals``: removals of a day and of a week together: a slow leak of memberships, or of links."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_REMOVALS
from include.groupsync.breaker.rules.spans import spans
from include.groupsync.model.kind import Kind
from include.groupsync.model.verdict import Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for memberships and one for links, in 24 hours and in 7 days; a trip holds all removals.

    The limit is a multiple of that of ``run_removals``.  What a person has approved was looked at, and does not count:
    else one large removal that was right would hold every small one of the week after it.
    """
    yield from spans(evidence, limits, "run_removals", (Kind.MEMBERSHIP, Kind.LINK), ALL_REMOVALS, "removed")
