"""``unmatched``: users or courses that Moodle does not know, as when every key has changed its form."""

from collections.abc import Iterator
from fractions import Fraction as Exact

from include.groupsync.breaker.baselines import median_of
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker_settings import Unmatched
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for users and one for courses, over distinct keys in scope; a trip holds all deletes."""
    for what, part in sorted(evidence.unmatched.items()):
        median = median_of([one.share for one in evidence.baselines.unmatched.get(what, ())])
        lowest = min(_bounds(limits.run, median), default=None)
        yield Observation(
            "unmatched", what, float(part.share), None if lowest is None else float(lowest), part.count, part.of,
            lowest is not None and part.share > lowest,
            f"{part.count} of {part.of} {what} are not in Moodle ({float(part.share):.1%})"
            + (f"; {float(median):.1%} is the median of the last accepted runs" if median is not None else ""),
            Effect.HOLD, ALL_DELETES,
        )  # fmt: skip


def _bounds(limit: Unmatched | None, median: Exact | None) -> list[Exact]:
    bounds = []
    if limit is not None and limit.fraction is not None:
        bounds.append(Exact(str(limit.fraction)))
    if limit is not None and limit.points is not None and median is not None:
        bounds.append(median + Exact(str(limit.points)))
    return bounds
