"""How fast and how patiently the site is written to: objects a minute, hours of the day, tries (rule A4)."""

import random
import time as clock
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import count
from threading import Lock
from typing import TypeVar

from include.groupsync.errors import MoodleUnreachable, StoppedError

_Answer = TypeVar("_Answer")
_BEAT = 5.0  # seconds: no rest is longer without a look at the lease and at whether to stop
_LONGEST_REST = 60.0


@dataclass(frozen=True)
class Window:
    """The hours in which is written, such as from 22:00 to 06:00 of the clock in ``zone``."""

    opens: time
    closes: time
    zone: tzinfo

    def is_open(self, at: datetime) -> bool:
        now = at.astimezone(self.zone).time()
        if self.opens <= self.closes:
            return self.opens <= now < self.closes
        return now >= self.opens or now < self.closes

    def __str__(self) -> str:
        return f"{self.opens:%H:%M} to {self.closes:%H:%M} ({self.zone})"


@dataclass
class _Sent:
    """Objects of one call; ``ended`` is when its answer came, None while it is under way."""

    objects: int
    ended: datetime | None = None


@dataclass
class Pace:
    """``retry_seconds`` is how long one spell of an unreachable site is borne; ``settle_after`` the seconds after
    which the server can no longer be at a call.  ``still_ours`` raises where the lease is lost, ``stopping`` says
    whether the run was told to stop.  Used by several threads.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = clock.sleep
    objects_per_minute: int | None = None
    window: Window | None = None
    in_flight: int = 1
    settle_after: float = 0
    retry_seconds: float = 0
    still_ours: Callable[[], None] = lambda: None
    stopping: Callable[[], bool] = lambda: False
    _sent: deque[_Sent] = field(default_factory=deque)
    _waited: float = 0
    _lock: Lock = field(default_factory=Lock)

    def closed(self) -> str | None:
        """Why nothing may be sent at this hour."""
        if self.window is None or self.window.is_open(self.now()):
            return None
        return f"outside the hours for writing, {self.window}; the next run goes on"

    def check(self) -> None:
        """StoppedError or LeaseError where no further call may be sent."""
        if self.stopping():
            raise StoppedError("the run was told to stop; the next one goes on where it ended")
        self.still_ours()

    @contextmanager
    def call(self, objects: int) -> Iterator[None]:
        """One writing call of so many objects, once there is room for it."""
        self.check()
        sent = self._admit(objects)
        try:
            yield
        finally:
            sent.ended = self.now()

    def rest(self, seconds: float) -> None:
        """Sleep, with the lease kept alive."""
        while seconds > 0:
            self.check()
            self.sleep(min(seconds, _BEAT))
            seconds -= _BEAT
        self.check()

    def insist(self, ask: Callable[[], _Answer]) -> _Answer:
        """The answer; an unreachable site is asked again, later and later, until the patience is used up."""
        for attempt in count():
            try:
                answer = ask()
            except MoodleUnreachable as error:
                self._bear(error, attempt)
            else:
                self._waited = 0
                return answer
        raise AssertionError("count() does not end")

    def _bear(self, error: MoodleUnreachable, attempt: int) -> None:
        with self._lock:
            left = self.retry_seconds - self._waited
            if left <= 0:
                raise error
            wanted = random.uniform(0.5, 1) * min(_LONGEST_REST, 2.0**attempt)
            wait = min(left, max(wanted, error.retry_after or 0))
            self._waited += wait
        self.rest(wait)

    def _admit(self, objects: int) -> _Sent:
        """Wait until no minute can have more than allowed, wherever in it the server sees the call.

        A call counts from when it is sent until a minute after its answer: it reached the server in between.
        """
        sent = _Sent(objects)
        if self.objects_per_minute is None:
            return sent
        while (wait := self._try_to_admit(sent)) > 0:
            self.rest(wait)
        return sent

    def _try_to_admit(self, sent: _Sent) -> float:
        """0 if admitted; else after how many seconds to ask again."""
        with self._lock:
            at = self.now()
            a_minute_ago = at - timedelta(seconds=60)
            kept = [one for one in self._sent if one.ended is None or one.ended >= a_minute_ago]
            self._sent = deque(kept)
            if sum(one.objects for one in kept) + sent.objects <= (self.objects_per_minute or 0):
                self._sent.append(sent)
                return 0
            ends = [one.ended for one in kept if one.ended is not None]
            return max(0.05, (min(ends) - a_minute_ago).total_seconds()) if ends else 0.5
