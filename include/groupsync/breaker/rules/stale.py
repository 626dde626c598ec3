"""``stale``: a source that answers with an older time or a lower number than before, or with a time too old."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction as Exact

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.freshness import Freshness
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """For each source its age in hours, where it answers with a time, and how far it went on since the highest
    answer of an accepted run; a trip of either blocks all deletes."""
    limit = limits.run
    if not evidence.freshness:
        yield Observation(
            "stale", "run", None, limit, 0, None, False, "not configured: no source has a freshness query"
        )
    for source, answer in sorted(evidence.freshness.items()):
        if isinstance(answer, datetime) and evidence.now is not None:
            yield _age(source, evidence.now - answer, answer, limit)
        yield _since(source, answer, evidence.baselines.freshness.get(source), limit)


def _age(source: str, age: timedelta, answer: datetime, limit: float | None) -> Observation:
    hours = _hours(age)
    return Observation(
        "stale", source, float(hours), limit, float(hours), None, limit is not None and hours > Exact(str(limit)),
        f"{source} is as of {answer.isoformat(timespec='seconds')}, {float(hours):.1f} hours ago",
        Effect.BLOCK, ALL_DELETES,
    )  # fmt: skip


def _since(source: str, answer: Freshness, before: Freshness | None, limit: float | None) -> Observation:
    """At least 0: hours, or what the number grew by.  A time and a number cannot be compared."""
    gained: Exact | None = None
    if isinstance(answer, datetime) and isinstance(before, datetime):
        gained = _hours(answer - before)
    elif isinstance(answer, Decimal) and isinstance(before, Decimal):
        gained = Exact(answer) - Exact(before)
    known = gained is not None
    return Observation(
        "stale", f"{source} since an accepted run", float(gained) if gained is not None else None,
        0 if known and limit is not None else None, float(gained or 0), None,
        limit is not None and gained is not None and gained < 0,
        f"{source} answers {answer}, "
        + (f"{before} before" if known else "and no accepted run has an answer to compare it with"),
        Effect.BLOCK, ALL_DELETES, at_least=True,
    )  # fmt: skip


def _hours(span: timedelta) -> Exact:
    return Exact(span // timedelta(microseconds=1), 3_600_000_000)
