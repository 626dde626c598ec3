"""One writer per Moodle site (rule A6), on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.groupsync.errors import LeaseError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.state.database import initialise, open_state
from include.groupsync.state.lease import MARGIN, Lease
from include.groupsync.state.tables import LEASE
from tests.include.groupsync.apply.memory import Clock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A state database."""
    sqlite = f"sqlite:///{tmp_path}/state.db"
    url = sqlite if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))
    initialise(url, "uat")
    opened = open_state(DatabaseConnection("state", url), tmp_path)
    yield opened
    opened.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(engine: sa.Engine, clock: Clock, holder: str, wait: float = 0, site: str = "https://m") -> Lease:
    return Lease(engine, site, holder, longest_call=300, wait=wait, now=clock.now, sleep=clock.sleep)


def test_a6_the_second_waits_and_then_names_the_first(engine: sa.Engine, clock: Clock) -> None:
    """As long as it was told to, and no longer."""
    first = lease(engine, clock, "run-1")
    with first:

        def alive() -> None:
            first.check()
            clock.at.append((clock.time, alive))

        clock.at = [(clock.time, alive)]
        with pytest.raises(LeaseError, match=r"Run run-1 is writing to https://m since 2026-11-03 02:00 UTC\."):
            lease(engine, clock, "run-2", wait=1000).__enter__()
        assert 1000 <= clock.passed < 1010


def test_a6_the_second_begins_when_the_first_ends(engine: sa.Engine, clock: Clock) -> None:
    """It is given back."""
    first = lease(engine, clock, "run-1").__enter__()
    clock.at = [(clock.time, first.__exit__)]
    with lease(engine, clock, "run-2", wait=60) as second:
        second.check()
        assert clock.passed <= 5


def test_a6_two_sites_are_two_leases(engine: sa.Engine, clock: Clock) -> None:
    """One does not wait for the other."""
    with lease(engine, clock, "run-1"), lease(engine, clock, "run-2", site="https://n"):
        assert clock.passed == 0


def test_a6_a_dead_holders_lease_outlives_its_longest_call(engine: sa.Engine, clock: Clock) -> None:
    """And then it is anybody's; the dead one finds out before its next call, and takes nothing back with it."""
    dead = lease(engine, clock, "run-1").__enter__()
    clock.sleep(10)
    dead.check()
    with lease(engine, clock, "run-2", wait=3600) as second:
        assert 300 < clock.passed <= 300 + MARGIN + 20
        with pytest.raises(LeaseError, match="Run run-2 is writing"):
            dead.check()
        dead.__exit__()
        second.check()


def test_a6_looking_at_it_keeps_it_alive_and_costs_little(engine: sa.Engine, clock: Clock) -> None:
    """A write every quarter of a minute at most."""
    writes: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *of: writes.append(of[2]))
    with lease(engine, clock, "run-1") as held:
        for _ in range(3600):
            clock.sleep(1)
            held.check()
        assert len([one for one in writes if one.startswith("UPDATE")]) < 3600 / 14
        with engine.connect() as link:
            [expires] = link.execute(sa.select(LEASE.c.expires_at)).scalars()
        left = expires.replace(tzinfo=None) - clock.time.replace(tzinfo=None)
        assert left.total_seconds() >= 300, "the longest call fits in"
