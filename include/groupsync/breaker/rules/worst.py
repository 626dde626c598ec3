"""Rules that look at thousands of subjects tell of those that trip, or of the one that is nearest to it."""

from collections.abc import Iterator, Sequence
from math import inf

from include.groupsync.model.verdict import Observation


def tripped_or_nearest(found: Sequence[Observation], nothing: Observation) -> Iterator[Observation]:
    """All that tripped; else the one with the least headroom, of equals the one with most; ``nothing`` without any."""
    trips = [one for one in found if one.tripped]
    yield from trips or [min(found, key=_nearness, default=nothing)]


def _nearness(one: Observation) -> tuple[float, float]:
    return (inf if one.headroom is None else one.headroom, -one.numerator)
