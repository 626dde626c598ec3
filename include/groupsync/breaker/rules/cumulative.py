"""``cumulative``: deletes of a day and of a week together: a leak that stays below every limit of a single run."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker.rules.spans import spans
from include.groupsync.model.kind import Kind
from include.groupsync.model.verdict import Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for groupings and one for groups, in 24 hours and in 7 days; a trip holds all deletes.

    The limit is a multiple of that of ``run_deletes``.
    """
    yield from spans(evidence, limits, "run_deletes", (Kind.GROUPING, Kind.GROUP), ALL_DELETES, "deleted")
