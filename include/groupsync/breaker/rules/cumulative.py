"""``cumulative``: deletes of a day and of a week together: a leak that stays below every limit of a single run."""

from collections.abc import Iterator
from fractions import Fraction as Exact

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker.rules.share import bound
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each kind in 24 hours and in 7 days, this run included; a trip holds all deletes.

    The limit is a multiple of that of ``run_deletes``.  A run that deletes nothing adds nothing, and does not trip.
    """
    limit, single = limits.run, limits.beside("run_deletes").run
    spans = (
        ("24 hours", evidence.applied_day, limit and limit.day),
        ("7 days", evidence.applied_week, limit and limit.week),
    )
    for span, applied, times in spans:
        for kind in (Kind.GROUPING, Kind.GROUP):
            now, managed = evidence.count((kind,), Action.DELETE), evidence.managed_count((kind,))
            count, most = applied.get(kind, 0) + now, bound(single, managed)
            most = None if most is None or times is None else most * Exact(str(times))
            yield Observation(
                "cumulative", f"{kind}s in {span}", count, None if most is None else float(most), count, managed,
                most is not None and now > 0 and count > most,
                f"{kind}s: {count} deleted in {span}, {now} of them by this run",
                Effect.HOLD, ALL_DELETES,
            )  # fmt: skip
