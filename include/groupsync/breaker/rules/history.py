"""``history``: deletes against those of accepted runs in the same week of term, above the usual band only."""

from collections.abc import Iterator, Sequence
from fractions import Fraction as Exact
from statistics import median

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker_settings import History
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation; a trip holds all deletes."""
    limit, deletes, runs = limits.run, evidence.deletes, evidence.baselines.deletes
    most = _upper(limit, runs)
    yield Observation(
        "history", "run", deletes, None if most is None else float(most), deletes, None,
        most is not None and deletes > most,
        f"{deletes} deletes; {len(runs)} accepted runs in week {evidence.week} of a term"
        + (f" had {float(median(runs)):g} as median" if most is not None else " are not looked at"),
        Effect.HOLD, ALL_DELETES,
    )  # fmt: skip


def _upper(limit: History | None, runs: Sequence[int]) -> Exact | None:
    """Median and so many MADs; after many runs without a delete the MAD is nought, and ``least`` stands for it."""
    if limit is None or len(runs) < limit.runs:
        return None
    middle = median(map(Exact, runs))
    spread = median(abs(run - middle) for run in runs)
    return middle + Exact(str(limit.mads)) * max(spread, Exact(str(limit.least)))
