"""What calls cost at a real Moodle, and a stand-in that takes as long.

Measured on Moodle 4.5.6, PHP 8.2, PostgreSQL 15, two cores: calls of 1, 10, 50 and 200 items, one client.  A request
and its items in milliseconds, fitted to those totals; what was measured only in the server's process is marked.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

AT_ONCE = 2  # requests that two cores work on; all others wait

COSTS: dict[str, tuple[float, float]] = {
    "core_group_create_groups": (58, 8.0),
    "core_group_create_groupings": (57, 3.8),
    "core_group_delete_groups": (72, 7.3),
    "core_group_delete_groupings": (70, 4.6),
    "core_group_add_group_members": (63, 9.2),
    "core_group_delete_group_members": (63, 7.7),
    "core_group_assign_grouping": (57, 1.0),  # its items: in process
    "core_group_get_group_members": (48, 0.75),
    "core_group_get_groups": (45, 0.48),
    "core_group_get_groupings": (45, 0.5),
    "core_course_get_courses": (45, 1.4),
    "core_course_get_contents": (60, 0),  # assumed: courses without activities
}
_ANY = (45, 0)


def cost(function: str, items: int) -> float:
    """Seconds that one call takes when nothing else is going on."""
    request, item = COSTS.get(function, _ANY)
    return (request + item * items) / 1000


def ceiling(items: Mapping[str, int], per_call: int) -> float:
    """How many times faster full calls can be than calls of one object, one after another both times."""
    alone = sum(count * cost(function, 1) for function, count in items.items())
    return alone / sum(count * cost(function, per_call) / per_call for function, count in items.items())


@dataclass(frozen=True)
class Served:
    """One call as the site saw it, on its own clock."""

    function: str
    items: int
    began: float
    ended: float


@dataclass
class RealCosts:
    """Every call takes what it takes at a real site: no more than two are worked on, the rest of the time is slept.

    Sleeping stands for the site's two busy cores, which this machine needs for the stand-in and the clients.
    ``overran`` counts calls in which the stand-in itself took longer than the real site.
    """

    served: list[Served] = field(default_factory=list)
    overran: int = 0
    _cores: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))

    @contextmanager
    def __call__(self, function: str, items: int) -> Iterator[None]:
        with self._cores:
            began = time.monotonic()
            yield
            left = cost(function, items) - (time.monotonic() - began)
            self.overran += left < 0
            time.sleep(max(0.0, left))
            self.served.append(Served(function, items, began, time.monotonic()))

    def take(self) -> list[Served]:
        """What was served since the last time."""
        taken, self.served = self.served, []
        return taken


def busy(calls: list[Served]) -> float:
    """Seconds in which at least one of the calls was being worked on."""
    seconds, until = 0.0, 0.0
    for call in sorted(calls, key=lambda one: one.began):
        seconds += max(0.0, call.ended - max(until, call.began))
        until = max(until, call.ended)
    return seconds
