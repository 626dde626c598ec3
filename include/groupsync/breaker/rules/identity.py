"""``identity``: the five names of the environment are one (rules I1 to I3); never overridable."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: how many of the five differ."""
    differing = len(evidence.identity)
    yield Observation(
        "identity", "run", differing, 0, differing, 5, differing > 0,
        "; ".join(evidence.identity) or "deployment, sources, ledger, Moodle and marker name one environment",
        Effect.BLOCK,
    )  # fmt: skip
