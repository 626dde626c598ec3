"""Calls under way: a bounded number at once, fewer while the site is slow, never two for one course."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

_Landed = TypeVar("_Landed")
_SLOW = 3.0  # times the best seconds an object of the same phase
_START = 10  # a request costs as much as so many objects before it does anything


@dataclass
class _Flight(Generic[_Landed]):
    courses: frozenset[str]
    objects: int
    result: Callable[[], tuple[_Landed, float]]


class InFlight(Generic[_Landed]):
    """Flights land in the order in which they started.  With one at once no thread is used.

    Many at once make a slow site slower: where an object takes three times as long as the best of its phase, only
    half as many are let fly, and one more with each that is quick again.
    """

    def __init__(self, most: int):
        self._most, self._wide = most, float(most)
        self._pool = ThreadPoolExecutor(most) if most > 1 else None
        self._flights: deque[_Flight[_Landed]] = deque()
        self._best: float | None = None

    def __enter__(self) -> "InFlight[_Landed]":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __len__(self) -> int:
        return len(self._flights)

    def must_wait(self, courses: frozenset[str]) -> bool:
        """Whether one has to land before another may start for these courses."""
        full = len(self._flights) >= max(1, int(self._wide))
        return bool(self._flights) and (full or any(courses & flight.courses for flight in self._flights))

    def start(self, courses: frozenset[str], objects: int, work: Callable[[], _Landed]) -> None:
        """Begin the work, or do it where one at once is all."""
        if self._pool is None:
            done = _timed(work)
            self._flights.append(_Flight(courses, objects, lambda: done))
            return
        future: Future[tuple[_Landed, float]] = self._pool.submit(_timed, work)
        self._flights.append(_Flight(courses, objects, future.result))

    def land(self) -> _Landed:
        """What became of the one that has been under way longest."""
        flight = self._flights.popleft()
        landed, seconds = flight.result()
        self._adapt(seconds / (flight.objects + _START))
        return landed

    def new_phase(self) -> None:
        """Another kind of call has another pace."""
        self._best = None

    def _adapt(self, seconds: float) -> None:
        self._best = seconds if self._best is None else min(self._best, seconds)
        if seconds > _SLOW * self._best:
            self._wide = max(1.0, self._wide / 2)
        else:
            self._wide = min(float(self._most), self._wide + 1)


def _timed(work: Callable[[], _Landed]) -> tuple[_Landed, float]:
    began = monotonic()
    return work(), monotonic() - began
