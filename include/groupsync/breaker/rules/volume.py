"""``volume``: rows of a dataset against the median of the last accepted runs of the term: truncated, or doubled."""

from collections.abc import Iterator
from fractions import Fraction as Exact

from include.groupsync.breaker.baselines import median_of
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker_settings import Band
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each dataset, and for each answer of SITS; a trip holds all deletes."""
    for dataset, rows in sorted({**evidence.rows_read, **evidence.answered}.items()):
        runs = evidence.baselines.rows.get(dataset, ())
        median = median_of(runs)
        if median is None:
            yield Observation(
                "volume", dataset, rows, None, rows, None, False,
                f"{dataset}: {rows} rows; {len(runs)} accepted runs are too few for a baseline",
            )  # fmt: skip
        else:
            yield _against(dataset, rows, median, limits.run)


def _against(dataset: str, rows: int, median: Exact, limit: Band | None) -> Observation:
    """The bound on the side on which the rows are.

    Small on both sides is too small to judge; ten rows that are left of thousands are not.
    """
    fewer = rows < median
    bound = None if limit is None else Exact(str(limit.low if fewer else limit.high)) * median
    beyond = bound is not None and (rows < bound if fewer else rows > bound)
    looked_at = limit is not None and (rows > limit.floor or median > limit.floor)
    return Observation(
        "volume", dataset, rows, None if bound is None else float(bound), rows, round(median),
        beyond and looked_at,
        f"{dataset}: {rows} rows, {float(median):g} is the median of the last accepted runs",
        Effect.HOLD, ALL_DELETES, at_least=fewer,
    )  # fmt: skip
