"""A number of changes against a fraction of what is managed, with a floor, and against an absolute number."""

from fractions import Fraction as Exact

from include.groupsync.model.verdict import Effect, Observation, Reach
from include.groupsync.settings import Fraction


def share(rule: str, subject: str, count: int, managed: int, limit: Fraction | None, reach: Reach) -> Observation:
    """Trips at strictly more than either; at or below the floor the fraction is not looked at (rule B3)."""
    limits: list[Exact] = []
    if limit is not None and limit.fraction is not None:
        # Exactly: 29 of 100 is not more than 0.29, whatever a float makes of it.
        limits.append(max(Exact(limit.floor), Exact(str(limit.fraction)) * managed))
    if limit is not None and limit.count is not None:
        limits.append(Exact(limit.count))
    lowest = min(limits, default=None)
    percent = f"{count / managed:.1%} of" if managed else "of"
    return Observation(
        rule, subject, count, None if lowest is None else float(lowest), count, managed,
        lowest is not None and count > lowest,
        f"{subject}: {count} to be deleted, {percent} {managed} managed"
        + (f"; limit {float(lowest):g}" if lowest is not None else "; rule off"),
        Effect.HOLD, reach,
    )  # fmt: skip
