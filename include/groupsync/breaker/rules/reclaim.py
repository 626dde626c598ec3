"""``reclaim``: links and memberships that a run would make ours because they are there and listed (rule O2).

Nothing is sent to Moodle for a claim, but what is ours can be removed later: a person has to agree.
"""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_PAIRS = (Kind.LINK, Kind.MEMBERSHIP)
_CLAIMS = Reach((str(Action.UPDATE),), tuple(map(str, _PAIRS)))


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each of the two kinds; any claim is held, and no setting changes that."""
    for kind in _PAIRS:
        claims, managed = evidence.count((kind,), Action.UPDATE), evidence.managed_count((kind,))
        yield Observation(
            "reclaim", f"{kind}s", claims, 0, claims, managed, claims > 0,
            f"{kind}s: {claims} found in Moodle to become ours, beside {managed} managed",
            Effect.HOLD, _CLAIMS,
        )  # fmt: skip
