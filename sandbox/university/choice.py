"""Choices that are the same for ever: a hash of (seed, stream, keys), in integers only.

No random generator of a library is asked, so that no new version of one can change the sample.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def draw(seed: int, stream: str, *keys: Any) -> NDArray[np.uint64]:
    """Return one 64-bit number per element of the (broadcast) integer keys; streams are independent."""
    start = blake2b(f"{seed}|{stream}".encode(), digest_size=8).digest()
    state = np.array([int.from_bytes(start, "big")], dtype=np.uint64)
    for key in keys:
        state = _mix(state ^ np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return state


def below(limit: Any, seed: int, stream: str, *keys: Any) -> Codes:
    """Return whole numbers 0 <= x < limit, one per element of the keys; limit may be an array too."""
    return (draw(seed, stream, *keys) % np.asarray(limit, dtype=np.uint64)).astype(np.int64)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64: unsigned arithmetic that wraps is alike on every machine."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
