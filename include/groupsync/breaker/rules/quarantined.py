"""``quarantined``: the share of a dataset that cannot be used: the rest is not to be trusted either."""

from collections.abc import Iterator
from fractions import Fraction as Exact

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each dataset, over distinct keys in scope; a trip holds all deletes."""
    limit = limits.run
    for dataset, part in sorted(evidence.quarantined.items()):
        yield Observation(
            "quarantined", dataset, float(part.share), limit, part.count, part.of,
            limit is not None and part.share > Exact(str(limit)),
            f"{dataset}: {part.count} of {part.of} keys are in quarantine ({float(part.share):.1%})",
            Effect.HOLD, ALL_DELETES,
        )  # fmt: skip
