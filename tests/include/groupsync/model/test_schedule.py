"""When a sync runs by itself: a whole year, every instant, against a calendar that was written for this test alone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from include.groupsync.model.schedule import Planned, Schedule, begun, due, last_until, next_after
from include.groupsync.model.term import Calendar, Term

# First and last day.  In the year are a leap day, both changes of the clock, 1 August, and recesses short and long.
DAYS = {
    "2027-28-T1": ("2027-09-27", "2027-12-17"),
    "2027-28-T2": ("2028-01-10", "2028-03-24"),
    "2027-28-T3": ("2028-04-24", "2028-06-09"),
    "2028-29-T1": ("2028-09-25", "2028-12-15"),
}
# Terms whose first week has a change of the clock in it, for the hours of a week that runs every hour.
AT_THE_CHANGES = {
    "2027-28-T1": ("2027-10-27", "2027-12-17"),
    "2027-28-T2": ("2028-01-10", "2028-03-10"),
    "2027-28-T3": ("2028-03-27", "2028-06-09"),
    "2028-29-T1": ("2028-09-25", "2028-12-15"),
}
YEAR = (datetime(2027, 7, 28, tzinfo=UTC), datetime(2028, 8, 4, tzinfo=UTC))
STEP = timedelta(minutes=15)
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

SCHEDULES = [
    ("Europe/London", DAYS, Schedule()),
    ("Europe/London", AT_THE_CHANGES, Schedule(nightly=time(1, 30))),  # not there in March, twice in October
    ("Europe/Berlin", AT_THE_CHANGES, Schedule(frozenset({0}), time(2, 30), "wednesday")),
    ("Europe/London", DAYS, Schedule(frozenset(), time(1, 15), None)),
    ("Europe/London", DAYS, Schedule(frozenset(range(-20, 53)), time(2), "monday")),  # every hour of the year
    ("America/Santiago", AT_THE_CHANGES, Schedule(frozenset({0, 1, 5}), time(0), "sunday")),  # changes at midnight
    ("Australia/Lord_Howe", DAYS, Schedule(frozenset({0, 1}), time(2, 15), "sunday")),  # changes by half an hour
]
EVERY = pytest.mark.parametrize(("zone", "days", "schedule"), SCHEDULES)


def calendar_of(zone: str, days: dict[str, tuple[str, str]], schedule: Schedule | None) -> Calendar:
    terms = [
        Term(key, date.fromisoformat(first), date.fromisoformat(last), "SET", "2027", ("P",))
        for key, (first, last) in days.items()
    ]
    return Calendar(tuple(terms), timezone=zone, schedule=schedule)


LONDON = calendar_of("Europe/London", DAYS, Schedule())


def naively(zone: str, days: dict[str, tuple[str, str]], schedule: Schedule) -> Iterator[tuple[datetime, str]]:
    """Walks the year by the quarter of an hour and only looks at what the clock on the wall shows.

    Reads each day's clock first: which times it shows, and when for the first time; then asks the plain lists of days.
    """
    shown: dict[date, dict[time, datetime]] = {}
    at = YEAR[0] - timedelta(days=2)
    while at < YEAR[1] + timedelta(days=2):
        wall = at.astimezone(ZoneInfo(zone))
        shown.setdefault(wall.date(), {}).setdefault(wall.time(), at)
        at += STEP
    for day in sorted(shown)[1:-1]:
        clock = shown[day]
        midnight = min(clock.values())
        night = clock.get(schedule.nightly)
        if night is None:  # it comes as long after the day began as it would have
            night = midnight + timedelta(hours=schedule.nightly.hour, minutes=schedule.nightly.minute)
        hours = [first for wall, first in clock.items() if wall.minute == 0]
        found: tuple[str, list[datetime]] | None = None
        for key, (first, last) in days.items():
            first_on, last_on = date.fromisoformat(first), date.fromisoformat(last)
            week = {first_on + timedelta(days=7 * (n - 1) + d): n for n in range(-30, 60) for d in range(7)}.get(day)
            if day <= last_on:
                if week in schedule.hourly_weeks:
                    found = key, hours
                elif day >= first_on or WEEKDAYS[day.weekday()] == schedule.recess_day:
                    found = key, [night]
                break
        if found:
            yield from ((instant, found[0]) for instant in sorted(found[1]) if YEAR[0] < instant <= YEAR[1])


def chained(calendar: Calendar) -> Iterator[Planned]:
    """Each run from the one before, as the schedule tells it."""
    planned = next_after(calendar, YEAR[0])
    while planned is not None and planned.at <= YEAR[1]:
        yield planned
        planned = next_after(calendar, planned.at)


@EVERY
def test_every_instant_of_a_year_is_the_other_calendars(
    zone: str, days: dict[str, tuple[str, str]], schedule: Schedule
) -> None:
    """Days of the terms, weeks, recess, leap day, and both changes of the clock."""
    expected = list(naively(zone, days, schedule))
    assert [(one.at, one.term) for one in chained(calendar_of(zone, days, schedule))] == expected
    assert len(expected) > 200


@EVERY
def test_at_any_moment_the_last_one_is_known(zone: str, days: dict[str, tuple[str, str]], schedule: Schedule) -> None:
    """What was missed is looked for as far back as a week; a recess without runs has none."""
    calendar, expected = calendar_of(zone, days, schedule), list(naively(zone, days, schedule))
    at = YEAR[0] + timedelta(days=9)
    while at < YEAR[1]:
        before = [one for one in expected if one[0] <= at]
        known = last_until(calendar, at)
        if known is None:
            assert not before or at - before[-1][0] > timedelta(days=8), at
        else:
            assert (known.at, known.term) == before[-1]
        at += timedelta(hours=17, minutes=13)


def test_each_run_is_made_once_however_often_one_asks() -> None:
    """A scheduler that asks every 37 minutes; then one that sleeps for days and makes up for the last one missed."""
    made: list[Planned] = []
    now = last = YEAR[0]
    while now < YEAR[1]:
        planned = due(LONDON, now, last)
        if planned is not None and planned.at <= now:
            made.append(planned)
            last = planned.at
        now += timedelta(minutes=37)
    expected = list(chained(LONDON))
    assert made == expected

    back = datetime(2027, 11, 20, 14, tzinfo=UTC)
    missed = due(LONDON, back, datetime(2027, 11, 11, 2, tzinfo=UTC))
    assert missed == Planned(datetime(2027, 11, 20, 2, tzinfo=UTC), "2027-28-T1")
    assert due(LONDON, back, missed.at) == Planned(datetime(2027, 11, 21, 2, tzinfo=UTC), "2027-28-T1")


def test_the_first_run_is_the_next_and_not_one_that_is_past() -> None:
    """Nobody who switches a schedule on at noon wants last night's; one of a moment ago is not lost."""
    tonight = Planned(datetime(2027, 11, 21, 2, tzinfo=UTC), "2027-28-T1")
    assert due(LONDON, datetime(2027, 11, 20, 14, tzinfo=UTC), None) == tonight
    assert due(LONDON, tonight.at + timedelta(minutes=3), None) == tonight
    assert due(LONDON, tonight.at + timedelta(hours=3), None) != tonight


def test_a_backfill_neither_begins_the_schedule_nor_repeats_what_it_has_made() -> None:
    """On the day after a term was backfilled for the first time, and on the term's first day at midnight."""
    tonight = Planned(datetime(2027, 11, 21, 2, tzinfo=UTC), "2027-28-T1")
    of_term = datetime(2027, 9, 26, 23, 0, 0, 1, tzinfo=UTC)
    assert due(LONDON, datetime(2027, 11, 20, 14, tzinfo=UTC), of_term, backfilled=True) == tonight
    first = Planned(datetime(2027, 9, 26, 23, tzinfo=UTC), "2027-28-T1")  # made already: it is older than the backfill
    assert next_after(LONDON, of_term - timedelta(microseconds=2)) == first
    again = due(LONDON, first.at + timedelta(minutes=3), of_term, backfilled=True)
    assert again == Planned(first.at + timedelta(hours=1), "2027-28-T1")


def test_a_run_in_the_future_is_followed_by_a_later_one() -> None:
    """A clock that was set back does not make what was made already."""
    later = datetime(2028, 2, 3, 2, tzinfo=UTC)
    assert due(LONDON, datetime(2027, 11, 20, 14, tzinfo=UTC), later) == Planned(
        later + timedelta(days=1), "2027-28-T2"
    )


def runs_between(first: str, last: str, calendar: Calendar = LONDON) -> list[str]:
    """As the clock on the wall shows them, with their term."""
    zone = ZoneInfo(calendar.timezone)
    start = datetime.combine(date.fromisoformat(first), time(), zone)
    end = datetime.combine(date.fromisoformat(last) + timedelta(days=1), time(), zone)
    found, planned = [], next_after(calendar, start - timedelta(microseconds=1))
    while planned is not None and planned.at < end:
        found.append(f"{planned.at.astimezone(zone):%m-%d %H:%M %Z} {planned.term[-2:]}")
        planned = next_after(calendar, planned.at)
    return found


def test_the_nights_of_both_changes_have_one_run_each() -> None:
    """At an hour that is there once, is not there, and is there twice."""
    at_two = [*runs_between("2027-10-30", "2027-11-01"), *runs_between("2028-03-23", "2028-03-24")]
    assert at_two == [
        "10-30 02:00 BST T1", "10-31 02:00 GMT T1", "11-01 02:00 GMT T1", "03-23 02:00 GMT T2", "03-24 02:00 GMT T2",
    ]  # fmt: skip
    days = {"2027-28-T1": ("2027-09-27", "2028-06-09")}
    at_half_past_one = calendar_of("Europe/London", days, Schedule(nightly=time(1, 30)))
    assert runs_between("2027-10-30", "2027-11-01", at_half_past_one) == [
        "10-30 01:30 BST T1", "10-31 01:30 BST T1", "11-01 01:30 GMT T1",
    ]  # fmt: skip
    assert runs_between("2028-03-25", "2028-03-27", at_half_past_one) == [
        "03-25 01:30 GMT T1", "03-26 02:30 BST T1", "03-27 01:30 BST T1",
    ]  # fmt: skip


def test_every_hour_that_the_clock_shows_has_one_run() -> None:
    """The October hour that comes twice has its run the first time, the one that March leaves out has none."""
    calendar = calendar_of("Europe/London", AT_THE_CHANGES, Schedule())
    october = [one[6:15] for one in runs_between("2027-10-31", "2027-10-31", calendar)]
    assert october[:4] == ["00:00 BST", "01:00 BST", "02:00 GMT", "03:00 GMT"]
    assert len(october) == 24
    march = [one[6:15] for one in runs_between("2028-03-26", "2028-03-26", calendar)]  # the last day before T3
    assert march[:3] == ["00:00 GMT", "02:00 BST", "03:00 BST"]
    assert len(march) == 23


def test_a_term_from_the_week_before_to_its_last_day() -> None:
    """Weeks 0 and 1 every hour, then nights; the night after the last day is of the recess."""
    assert runs_between("2027-09-18", "2027-09-20")[:2] == ["09-19 02:00 BST T1", "09-20 00:00 BST T1"]
    assert len(runs_between("2027-09-20", "2027-10-03")) == 14 * 24
    assert runs_between("2027-10-04", "2027-10-05") == ["10-04 02:00 BST T1", "10-05 02:00 BST T1"]
    assert runs_between("2027-12-16", "2027-12-20") == [
        "12-16 02:00 GMT T1",
        "12-17 02:00 GMT T1",
        "12-19 02:00 GMT T2",
    ]
    assert runs_between("2028-02-28", "2028-03-01") == [
        "02-28 02:00 GMT T2",
        "02-29 02:00 GMT T2",
        "03-01 02:00 GMT T2",
    ]


def test_the_rollover_finds_no_run_of_the_year_that_has_ended() -> None:
    """In recess runs are for the term to come: on 1 August the source of the old ones is emptied."""
    assert runs_between("2028-07-29", "2028-08-07") == ["07-30 02:00 BST T1", "08-06 02:00 BST T1"]
    planned = next_after(LONDON, datetime(2028, 7, 31, 23, tzinfo=UTC))
    assert planned is not None
    assert planned.term == "2028-29-T1"


def test_where_terms_follow_closely_the_one_that_runs_goes_first() -> None:
    """A day has one run at a time: the days of week 0 that another term has are that term's."""
    calendar = calendar_of("UTC", {"A": ("2027-09-27", "2027-12-17"), "B": ("2027-12-20", "2028-03-24")}, Schedule())
    assert runs_between("2027-12-16", "2027-12-18", calendar)[:3] == [
        "12-16 02:00 UTC A", "12-17 02:00 UTC A", "12-18 00:00 UTC B",
    ]  # fmt: skip
    assert len(runs_between("2027-12-18", "2027-12-19", calendar)) == 2 * 24


def test_after_the_last_term_and_without_a_schedule_nothing_runs() -> None:
    """Nor is anything made up for that is long past."""
    end = datetime(2028, 12, 15, 12, tzinfo=UTC)
    assert next_after(LONDON, end) is None
    assert due(LONDON, end + timedelta(days=60), end - timedelta(days=30)) is None
    for calendar in (calendar_of("UTC", DAYS, None), calendar_of("UTC", {}, Schedule())):
        assert due(calendar, YEAR[0], None) is None
        assert due(calendar, YEAR[0], YEAR[0] - timedelta(days=3)) is None


def test_a_backfill_has_the_terms_that_have_begun() -> None:
    """By their first day, both ends of the range included; the one that runs is among them, one to come is not."""
    on = date.fromisoformat
    asked = [
        (on("2027-09-27"), on("2028-01-10")),
        (on("2027-09-28"), on("2028-09-25")),
        (on("2020-01-01"), on("2027-09-26")),
    ]
    today = on("2028-04-24")
    assert [[term.key[-2:] for term in begun(LONDON, first, last, today)] for first, last in asked] == [
        ["T1", "T2"], ["T2", "T3"], [],
    ]  # fmt: skip


def test_the_rule_in_a_few_words() -> None:
    """For the list of DAGs."""
    assert Schedule().told() == "hourly in week 0 and 1, nightly at 02:00, Sundays in recess"
    assert Schedule(frozenset(), time(1, 15), None).told() == "nightly at 01:15"
