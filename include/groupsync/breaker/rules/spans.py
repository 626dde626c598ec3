"""What is gone in a day and in a week, this run included, against a multiple of what a single run may take."""

from collections.abc import Iterator
from fractions import Fraction as Exact

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.share import bound
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach


def spans(
    evidence: Evidence, limits: Limits, single: str, kinds: tuple[Kind, ...], reach: Reach, done: str
) -> Iterator[Observation]:
    """One observation for each kind in 24 hours and in 7 days; ``single`` is the rule whose limit is multiplied.

    A run that takes nothing adds nothing, and does not trip.
    """
    limit, of_a_run = limits.run, limits.beside(single).run
    times_applied = (
        ("24 hours", evidence.applied_day, limit and limit.day),
        ("7 days", evidence.applied_week, limit and limit.week),
    )
    for span, applied, times in times_applied:
        for kind in kinds:
            now, managed = evidence.count((kind,), Action.DELETE), evidence.managed_count((kind,))
            count, most = applied.get(kind, 0) + now, bound(of_a_run, managed)
            most = None if most is None or times is None else most * Exact(str(times))
            yield Observation(
                limits.rule, f"{kind}s in {span}", count, None if most is None else float(most), count, managed,
                most is not None and now > 0 and count > most,
                f"{kind}s: {count} {done} in {span}, {now} of them by this run",
                Effect.HOLD, reach,
            )  # fmt: skip
