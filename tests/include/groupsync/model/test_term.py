"""Terms and the calendar (rule C5)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from include.groupsync.model.term import Blackout, Calendar, Term


def term(key: str, first: date, last: date) -> Term:
    return Term(key, first, last, "SET", "2025", (key, "YEAR"))


T1 = term("T1", date(2025, 9, 29), date(2025, 12, 19))
T2 = term("T2", date(2026, 1, 12), date(2026, 3, 27))
SUMMER = term("S", date(2026, 3, 1), date(2026, 8, 31))
CALENDAR = Calendar((T1, T2, SUMMER))


@pytest.mark.parametrize(
    ("today", "key"),
    [
        (date(2025, 9, 28), None),
        (date(2025, 9, 29), "T1"),
        (date(2025, 12, 19), "T1"),
        (date(2025, 12, 20), None),
        (date(2026, 1, 12), "T2"),
    ],
)
def test_a_term_runs_from_its_first_to_its_last_day(today: date, key: str | None) -> None:
    """Both days are part of it, and between terms there is none."""
    assert CALENDAR.current(today) == key


def test_where_two_terms_run_the_later_one_is_current() -> None:
    """The one that began last."""
    assert CALENDAR.current(date(2026, 3, 15)) == "S"


def test_c5_a_claim_ends_with_the_last_day() -> None:
    """On the last day the term is open, on the next it is not; one that has not begun is open."""
    assert CALENDAR.open_on(date(2025, 12, 19)) == {"T1", "T2", "S"}
    assert CALENDAR.open_on(date(2025, 12, 20)) == {"T2", "S"}
    assert CALENDAR.open_on(date(2026, 9, 1)) == frozenset()


def test_c5_later_terms_are_those_that_begin_later() -> None:
    """A term is not later than itself."""
    assert CALENDAR.later_than("T1") == {"T2", "S"}
    assert CALENDAR.later_than("S") == frozenset()


def test_an_unknown_term_names_the_known_ones() -> None:
    """The message is what a person needs to correct it."""
    with pytest.raises(KeyError, match="unknown term 'T9'; known: T1, T2, S"):
        CALENDAR.term("T9")


def test_every_statement_may_use_the_terms_binds() -> None:
    """Periods are a list, so that a statement can say ``IN :periods``."""
    assert T1.binds == {"term": "T1", "setid": "SET", "academic_year": "2025", "periods": ["T1", "YEAR"]}


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2025, 9, 28), 0),
        (date(2025, 9, 29), 1),
        (date(2025, 10, 5), 1),
        (date(2025, 10, 6), 2),
        (date(2025, 9, 21), -1),
    ],
)
def test_weeks_are_counted_from_the_first_day(day: date, week: int) -> None:
    """The first one is 1."""
    assert T1.week_of(day) == week


def test_blackouts_have_their_first_and_last_day() -> None:
    """Several may be on one day."""
    day = date(2026, 8, 1)
    calendar = Calendar(
        (T1,), (Blackout("a", day, date(2026, 8, 3)), Blackout("b", date(2026, 8, 3), date(2026, 8, 9)))
    )
    seen = {n: calendar.blackouts_on(date(2026, 8, n)) for n in (1, 3, 4, 9, 10)}
    assert seen == {1: ("a",), 3: ("a", "b"), 4: ("b",), 9: ("b",), 10: ()}
    assert calendar.blackouts_on(date(2026, 7, 31)) == ()
    assert CALENDAR.blackouts_on(day) == ()


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (date(2025, 9, 28), "begins on 2025-09-29"),
        (date(2025, 9, 29), "week 1 of 12"),
        (date(2025, 11, 9), "week 6 of 12"),
        (date(2025, 11, 10), "week 7 of 12, no teaching"),
        (date(2025, 12, 19), "week 12 of 12"),
        (date(2025, 12, 20), "ended on 2025-12-19"),
    ],
)
def test_a_day_of_a_term_in_words(day: date, told: str) -> None:
    """For the report; a term that does not list its teaching weeks has teaching in all of them."""
    weeks = frozenset({1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12})
    assert replace(T1, teaching_weeks=weeks).told_on(day) == told
    assert T1.told_on(day) == told.removesuffix(", no teaching")


def test_what_is_no_part_of_a_runs_work_is_not_in_a_terms_text() -> None:
    """The configuration's digest is made of it: a week of reading that moves holds no deletes."""
    assert repr(replace(T1, teaching_weeks=frozenset({1}))) == repr(T1)


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 7, 20), None),
        (date(2026, 7, 21), "the calendar ends with term S on 2026-08-31: add the terms that come after it"),
        (date(2026, 8, 31), "the calendar ends with term S on 2026-08-31: add the terms that come after it"),
        (date(2026, 9, 1), "the calendar has ended with term S on 2026-08-31: add the terms that come after it"),
    ],
)
def test_a_calendar_that_ends_soon_says_so_for_weeks(today: date, told: str | None) -> None:
    """Six, where nothing else is set."""
    assert CALENDAR.ends_soon(today) == told
    assert Calendar((T1, T2), warn_weeks=0).ends_soon(date(2026, 3, 27)) is None


def test_an_empty_calendar_needs_terms() -> None:
    """At once."""
    assert Calendar(()).ends_soon(date(2026, 1, 1)) == "the calendar has no term at all: add the terms to come"


def test_days_are_told_by_the_universitys_clock() -> None:
    """In summer an hour before midnight in UTC is the next day in London."""
    instant = datetime(2026, 9, 27, 23, tzinfo=UTC)
    assert Calendar((), timezone="Europe/London").day_of(instant) == date(2026, 9, 28)
    assert Calendar(()).day_of(instant) == date(2026, 9, 27)
