"""The lease: one writer per Moodle site at a time (rule A6).

It is looked at before each call and renewed when it has aged, which is its heartbeat.  It outlives the longest
call: whoever gets it after it ran out can be sure that a holder which was only thought dead sends at most the call
that it has under way.  The machines' clocks must agree to within the margin.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from include.groupsync.errors import LeaseError
from include.groupsync.state.tables import LEASE

MARGIN = 60.0  # seconds that a lease has beyond the longest call
_LOOK = 5.0  # seconds between two attempts to get it


@dataclass
class Lease:
    """``longest_call`` and ``wait`` in seconds; ``holder`` is the name of the run, for whoever has to wait."""

    engine: sa.Engine
    site: str
    holder: str
    longest_call: float
    wait: float
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    _token: str = field(default_factory=lambda: str(uuid.uuid4()))
    _expires: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> "Lease":
        """Take it, waiting for whoever has it; LeaseError that names them where they do not end."""
        until = self.now() + timedelta(seconds=self.wait)
        while not self._take():
            left = (until - self.now()).total_seconds()
            if left <= 0:
                raise LeaseError(
                    f"{self._whose()} After waiting {self.wait:.0f} seconds this run gives up; nothing was written."
                    " Start it again when the other has ended, or raise moodle.lease_wait."
                )
            self.sleep(min(_LOOK, left))
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back.  Another's is left alone."""
        with self.engine.begin() as link:
            link.execute(LEASE.delete().where(LEASE.c.site == self.site, LEASE.c.token == self._token))

    def check(self) -> None:
        """Renew it where it has aged; LeaseError where somebody else has taken it."""
        with self._lock:
            at = self.now()
            if self._expires and self._expires - at > self._length() - timedelta(seconds=MARGIN / 4):
                return
            expires = at + self._length()
            own = (LEASE.c.site == self.site, LEASE.c.token == self._token)
            with self.engine.begin() as link:
                renewed = link.execute(LEASE.update().where(*own).values(expires_at=expires)).rowcount
            if not renewed:
                raise LeaseError(
                    f"{self._whose()} This run had its lease taken from it and has stopped; what it did not do is"
                    " for the next run."
                )
            self._expires = expires

    def _length(self) -> timedelta:
        return timedelta(seconds=self.longest_call + MARGIN)

    def _take(self) -> bool:
        at = self.now()
        values = {
            "holder": self.holder,
            "token": self._token,
            "taken_at": at,
            "expires_at": at + self._length(),
        }
        with self.engine.begin() as link:
            free = LEASE.update().where(LEASE.c.site == self.site, LEASE.c.expires_at < at)
            taken = bool(link.execute(free.values(**values)).rowcount)
            there = taken or link.execute(sa.select(LEASE.c.site).where(LEASE.c.site == self.site)).first()
        if not there:
            try:
                with self.engine.begin() as link:
                    link.execute(LEASE.insert().values(site=self.site, **values))
                taken = True
            except IntegrityError:
                return False  # another was quicker
        self._expires = values["expires_at"] if taken else None  # type: ignore[assignment]
        return taken

    def _whose(self) -> str:
        statement = sa.select(LEASE.c.holder, LEASE.c.taken_at).where(LEASE.c.site == self.site)
        with self.engine.connect() as link:
            found = link.execute(statement).one_or_none()
        if found is None:
            return f"Nobody holds the lease of {self.site} now."
        return f"Run {found.holder} is writing to {self.site} since {found.taken_at:%Y-%m-%d %H:%M} UTC."
