"""How fast, when and how patiently is written (rules A4 to A6)."""

import threading
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.apply.in_flight import InFlight
from include.groupsync.apply.pacing import Pace, Window
from include.groupsync.errors import LeaseError, MoodleUnreachable, StoppedError
from tests.include.groupsync.apply.memory import Clock

LONDON = ZoneInfo("Europe/London")


def pace(clock: Clock, **settings: object) -> Pace:
    return Pace(now=clock.now, sleep=clock.sleep, **settings)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.integers(1, 10), st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=40),
    st.integers(10, 30),
)
def test_the_server_never_counts_more_in_any_minute(calls: list[tuple[int, float, float]], limit: int) -> None:
    """Wherever between sending and answer a call reached it."""
    clock = Clock()
    paced, seen = pace(clock, objects_per_minute=limit), []
    for objects, to_the_server, back in calls:
        with paced.call(objects):
            clock.sleep(to_the_server)
            seen.append((clock.time, objects))
            clock.sleep(back)
    for at, _ in seen:
        within = sum(n for when, n in seen if at <= when < at + timedelta(seconds=60))
        assert within <= limit


def test_a_rate_is_used_up() -> None:
    """Two thousand objects at a hundred a minute take twenty minutes and no more."""
    clock = Clock()
    paced = pace(clock, objects_per_minute=100)
    for _ in range(20):
        with paced.call(100):
            clock.sleep(0.5)
    assert 19 * 60 <= clock.passed < 20 * 62


@pytest.mark.parametrize(
    ("opens", "closes", "inside", "outside"),
    [
        ("22:00", "06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("01:00", "05:00", ["01:00", "04:59"], ["00:59", "05:00"]),
    ],
)
def test_a_window_may_go_past_midnight(opens: str, closes: str, inside: list[str], outside: list[str]) -> None:
    """On the clock of its own place."""
    window = Window(time.fromisoformat(opens), time.fromisoformat(closes), LONDON)
    for clock, there in [(inside, True), (outside, False)]:
        for text in clock:
            summer = datetime.combine(datetime(2026, 7, 1), time.fromisoformat(text), LONDON)  # noqa: DTZ001
            assert window.is_open(summer.astimezone(UTC)) is there, text


def test_a_closed_window_says_its_hours() -> None:
    clock = Clock()
    window = Window(time(22), time(1), LONDON)
    assert pace(clock, window=window).closed() == (
        "outside the hours for writing, 22:00 to 01:00 (Europe/London); the next run goes on"
    )


def test_a4_a_site_that_cannot_be_reached_is_asked_again_within_the_patience() -> None:
    """Later and later; the last error is what ends it."""
    clock, asked = Clock(), []

    def ask() -> None:
        asked.append(clock.passed)
        raise MoodleUnreachable(f"number {len(asked)}")

    with pytest.raises(MoodleUnreachable):
        pace(clock, retry_seconds=600).insist(ask)
    assert 590 <= clock.passed <= 601
    assert 10 < len(asked) < 40


def test_a4_the_patience_is_for_each_time_anew() -> None:
    """Three outages in one night are no reason to give up at the third."""
    clock = Clock()
    paced = pace(clock, retry_seconds=10)
    for _ in range(3):
        answers = iter([False, False, True])

        def ask(answers: object = answers) -> str:
            if not next(answers):  # type: ignore[call-overload]
                raise MoodleUnreachable("not there")
            return "there"

        assert paced.insist(ask) == "there"


def test_a4_maintenance_says_when_to_come_back() -> None:
    clock, error = Clock(), MoodleUnreachable("maintenance")
    error.retry_after = 120
    answers = iter([error, None])

    def ask() -> str:
        if answer := next(answers):
            raise answer
        return "there"

    assert pace(clock, retry_seconds=600).insist(ask) == "there"
    assert 120 <= clock.passed < 130


def test_a5_a6_no_call_and_no_rest_goes_on_once_told_to_stop_or_without_the_lease() -> None:
    """Within five seconds."""
    clock, told = Clock(), threading.Event()
    clock.at.append((clock.time + timedelta(seconds=20), told.set))
    paced = pace(clock, stopping=told.is_set)
    with pytest.raises(StoppedError):
        paced.rest(600)
    assert clock.passed <= 25
    with pytest.raises(StoppedError), paced.call(1):
        raise AssertionError("it was sent")

    def lost() -> None:
        raise LeaseError("run-2 is writing")

    with pytest.raises(LeaseError), pace(clock, still_ours=lost).call(1):
        raise AssertionError("it was sent")


def test_flights_for_one_course_follow_each_other_and_others_do_not_wait() -> None:
    """Bounded by how many may fly."""
    with InFlight[str](2) as flights:
        gate = threading.Event()
        flights.start(frozenset({"C1"}), 1, lambda: str(gate.wait(10)))
        assert flights.must_wait(frozenset({"C1", "C2"}))
        assert not flights.must_wait(frozenset({"C2"}))
        flights.start(frozenset({"C2"}), 1, lambda: "second")
        assert flights.must_wait(frozenset({"C3"}))
        gate.set()
        assert [flights.land(), flights.land()] == ["True", "second"]


def test_a_slow_site_gets_fewer_at_once_and_a_quick_one_more_again() -> None:
    """As many as allowed, half of them, and one more with each that is quick."""
    flights = InFlight[None](4)
    widths = []
    for seconds in (0.01, 0.01, 0.05, 0.05, 0.01, 0.01, 0.01, 0.01):
        flights._adapt(seconds)
        widths.append(int(flights._wide))
    assert widths == [4, 4, 2, 1, 2, 3, 4, 4]
