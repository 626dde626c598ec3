"""``unread``: a table that is on was not read completely; missing is not empty (rule O3)."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: how many tables are missing."""
    missing = len(evidence.unread)
    yield Observation(
        "unread", "run", missing, 0, missing, missing + len(evidence.rows_read), missing > 0,
        f"not read completely: {', '.join(evidence.unread)}" if missing else "every table that is on was read",
        Effect.BLOCK,
    )  # fmt: skip
