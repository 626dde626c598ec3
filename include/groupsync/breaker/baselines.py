"""What accepted runs looked like; a rejected run never becomes a baseline (rule B5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction as Exact
from statistics import median

from include.groupsync.model.freshness import Freshness

# Before so many accepted runs only the fixed limits speak; the median is of the last so many.
LEAST_RUNS, LAST_RUNS = 5, 10


@dataclass(frozen=True)
class Part:
    """So many of so many."""

    count: int
    of: int

    @property
    def share(self) -> Exact:
        """Exactly; of nothing it is 0."""
        return Exact(self.count, self.of) if self.of else Exact(0)


@dataclass(frozen=True)
class Baselines:
    """Of the accepted runs, the newest first.

    ``accepted``: how many the term has.  ``rows``: of each dataset and answer of SITS, in the term, since
    its baseline began.  ``unmatched``: shares of users and of courses, in the term.  ``deletes``: groupings and groups,
    in this week of any term.  ``freshness``: the highest answer of each source.  ``settings_digest``: the last applied
    run's, None where there is none.
    """

    accepted: int = 0
    rows: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unmatched: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    deletes: Sequence[int] = ()
    freshness: Mapping[str, Freshness] = field(default_factory=dict)
    settings_digest: str | None = None


def median_of(newest_first: Sequence[int | Exact]) -> Exact | None:
    """The median of the last runs, exactly; None where there are too few to say."""
    if len(newest_first) < LEAST_RUNS:
        return None
    return median(Exact(value) for value in newest_first[:LAST_RUNS])
