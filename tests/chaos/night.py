"""A world whose sync goes through the proxy, and whose time passes as fast as the sync sleeps.

``moodle.settle_after`` and the patience with a site that is down are those of a real deployment: a sync that waits for
seven minutes has waited for them, and what comes late to Moodle in these minutes has come.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from include.groupsync.steps import Deployment
from tests.chaos.proxy import Chaos, between
from tests.world import NO_BREAKER, World

SETTINGS: dict[str, Any] = {
    # A group that goes while another of like members comes is no matter for a person here.
    "breaker": {**NO_BREAKER["breaker"], "rekey": None},
    "moodle": {"batch_items": 4, "in_flight": 2, "read_timeout": 5, "retry_seconds": 900, "settle_after": 420},
}
# Seconds until a late call is done.  With two calls in flight each one's sleep passes the other's time too: half of
# settle_after keeps what comes late within what the rule promises.
LATEST = 200.0


@dataclass
class _Late:
    at: datetime
    act: Callable[[], object]


class Night(World):
    """``chaos`` is the proxy; ``seed`` draws how late a late call is."""

    def __init__(self, folder: Path, seed: int):
        super().__init__(folder, SETTINGS)
        self._chance = Random(f"late {seed}")
        self._late: list[_Late] = []
        self._time = threading.Lock()
        self.came_late = 0  # calls that Moodle did when the healing run had begun
        self.healing = False

    def __enter__(self) -> "Night":
        super().__enter__()
        chaos = Chaos(self.url, late=0.05, told=self._told, put_off=self._put_off)
        self.chaos = self._stack.enter_context(between(chaos))
        self.url = self.chaos.address
        return self

    def deployment(self) -> Deployment:
        return replace(super().deployment(), sleep=self.rest)

    def rest(self, seconds: float) -> None:
        """Let so many seconds pass, with what comes late in them."""
        with self._time:
            self.now += timedelta(seconds=seconds)
            due = sorted((one for one in self._late if one.at <= self.now), key=lambda one: one.at)
            self._late = [one for one in self._late if one.at > self.now]
            self.came_late += len(due) if self.healing else 0
            for one in due:
                one.act()

    def _put_off(self, what: Callable[[], object]) -> None:
        with self._time:
            self._late.append(_Late(self.now + timedelta(seconds=self._chance.uniform(1, LATEST)), what))

    def _told(self, asked: bytes) -> bytes:
        """Another process sleeps so many seconds, and asks what time it is then."""
        self.rest(float(asked))
        return self.now.isoformat().encode()
