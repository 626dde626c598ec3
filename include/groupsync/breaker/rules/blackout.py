"""``blackout``: days of the calendar on which what looks like a delete is most likely a rollover."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: in how many blackouts today is."""
    limit, found = limits.run, len(evidence.blackouts)
    yield Observation(
        "blackout", "run", found, limit, found, None, limit is not None and found > limit,
        f"today is in {', '.join(evidence.blackouts)}" if found else "today is in no blackout of the calendar",
        Effect.HOLD, ALL_DELETES,
    )  # fmt: skip
