"""A number of changes against a fraction of what is managed, with a floor, and against an absolute number."""

from include.groupsync.model.verdict import Effect, Observation, Reach
from include.groupsync.settings import Fraction


def share(rule: str, subject: str, count: int, managed: int, limit: Fraction | None, reach: Reach) -> Observation:
    """Trips at strictly more than either; at or below the floor the fraction is not looked at (rule B3)."""
    by_fraction = None
    if limit is not None and limit.fraction is not None:
        by_fraction = max(float(limit.floor), limit.fraction * managed)
    by_count = None if limit is None or limit.count is None else float(limit.count)
    limits = [one for one in (by_fraction, by_count) if one is not None]
    lowest = min(limits) if limits else None
    percent = f"{count / managed:.1%} of" if managed else "of"
    return Observation(
        rule, subject, count, lowest, count, managed, lowest is not None and count > lowest,
        f"{subject}: {count} to be deleted, {percent} {managed} managed"
        + (f"; limit {lowest:g}" if lowest is not None else "; rule off"),
        Effect.HOLD, reach,
    )  # fmt: skip
