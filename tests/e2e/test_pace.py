"""What the site itself sees of ``moodle.objects_per_minute`` and ``moodle.window``, over the real steps."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.groupsync.steps import Deployment
from sandbox.moodle.functions import FUNCTIONS
from tests.include.groupsync.apply.memory import Clock
from tests.world import NO_BREAKER, TERM1, World

pytestmark = pytest.mark.slow

LIMIT = 20
MINUTE = timedelta(seconds=60)


class Site:
    """The server's own clock, an hour ahead of ours, and what it counted by it; calls are a while on the way."""

    def __init__(self, clock: Clock):
        self._clock, self._random = clock, random.Random(7)
        self.counted: list[tuple[datetime, int]] = []

    @contextmanager
    def count(self, function: str, items: int) -> Iterator[None]:
        writes = function in FUNCTIONS and FUNCTIONS[function].writes
        if writes:
            self._clock.sleep(self._random.uniform(0, 40))
            self.counted.append((self._clock.time + timedelta(hours=1), items))
        yield
        if writes:
            self._clock.sleep(self._random.uniform(0, 20))

    @property
    def most_in_a_minute(self) -> int:
        return max(sum(n for when, n in self.counted if at <= when < at + MINUTE) for at, _ in self.counted)


class Night(World):
    """Runs whose time passes only while they rest or a call is on its way."""

    clock: Clock

    def deployment(self) -> Deployment:
        return replace(super().deployment(), now=self.clock.now, sleep=self.clock.sleep)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.time = datetime(2026, 10, 12, 1, tzinfo=UTC)
    return clock


@pytest.fixture
def site(clock: Clock) -> Site:
    return Site(clock)


@pytest.fixture
def world(tmp_path: Path, clock: Clock, site: Site) -> Iterator[Night]:
    """Three courses with eight groups of five."""
    people = [f"u{n}" for n in range(5)]
    with Night(tmp_path, NO_BREAKER, around=site.count) as world:
        world.clock = clock
        for course in ("C1", "C2", "C3"):
            world.course(course, users=people)
            world.map(course)
            for n in range(8):
                world.source.group(course, f"G{n}", name=f"Group {n}")
                world.source.members(course, f"G{n}", *people)
        site.counted.clear()
        yield world


@pytest.mark.parametrize("in_flight", [1, 3])
def test_the_site_never_counts_more_objects_in_a_minute_than_allowed(world: Night, site: Site, in_flight: int) -> None:
    """By its own clock, however long a call was on its way; a batch is no larger than a minute's worth."""
    world.configure(moodle={"objects_per_minute": LIMIT, "in_flight": in_flight})
    run = world.sync()
    assert run.state == "applied", run.error
    assert sum(n for _, n in site.counted) == len(run.changes) == 3 * 8 * 6
    assert site.most_in_a_minute <= LIMIT


def test_a_refused_batch_is_paced_like_any_other(world: Night, site: Site) -> None:
    """The halves of a batch and the calls that refresh a cache count too."""
    world.configure(moodle={"objects_per_minute": LIMIT})
    taken = {"apply": lambda: (world.by_hand.group("C2", "Group 3"), site.counted.clear())}
    run = world.sync(before=taken)
    assert [one for one in run.results.values() if one == "refused"] == ["refused"]
    assert sum(n for _, n in site.counted) > len(run.changes) - 6, "more was sent than was planned: the halves"
    assert site.most_in_a_minute <= LIMIT


def test_at_the_end_of_the_window_the_run_stops_and_the_next_goes_on_where_it_was(
    world: Night, site: Site, clock: Clock
) -> None:
    """Within the one batch that is under way; nothing is done twice and nothing is lost."""
    nightly = {"opens": "22:00", "closes": "02:05", "timezone": "Europe/London"}  # 01:05 UTC in October
    world.configure(moodle={"objects_per_minute": LIMIT, "window": nightly})
    closes = datetime(2026, 10, 12, 1, 5, tzinfo=UTC) + timedelta(hours=1)  # by the site's clock
    first = world.sync()
    assert (first.state, set(first.results.values())) == ("failed", {"done", "not tried"})
    assert "outside the hours for writing, 22:00 to 02:05 (Europe/London); the next run goes on" in first.error
    sent = len(site.counted)
    late = [at for at, _ in site.counted if at >= closes]
    # It was admitted before the end, or waited for its minute then: the last one may arrive after it.
    assert len(late) <= 1
    assert 0 < sum(n for _, n in site.counted) < len(first.changes)

    by_day = world.sync()
    assert (len(site.counted), set(by_day.results.values())) == (sent, {"not tried"}), "by day nothing is sent"
    clock.time += timedelta(hours=21)
    world.configure(moodle={"objects_per_minute": None})
    second = world.sync()
    assert second.state == "applied", second.error
    assert sum(n for _, n in site.counted) == len(first.changes), "each change was sent once"
    assert world.moodle.members("C3") == {f"G{n}": {f"u{p}" for p in range(5)} for n in range(8)}
    assert world.sync(TERM1).writes == 0
