"""The calendar's file, ``include/config/terms.yaml``: what does not fit together is an error that names the term.

Airflow's scheduler reads it too, so this imports no library of frames.
"""

import re
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from include.groupsync.breaker_settings import Strict
from include.groupsync.errors import SettingsError
from include.groupsync.model.schedule import WEEKDAYS, Schedule
from include.groupsync.model.term import Blackout, Calendar, Term
from include.groupsync.settings_file import load_yaml

_DAY = timedelta(days=1)


def _as_written(value: Any) -> Any:
    # YAML reads 22:00 as 1320, a number of base sixty.
    return f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) else value


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone, such as Europe/London") from None
    return value


ClockTime = Annotated[time, BeforeValidator(_as_written)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class _Days(Strict):
    first_on: date
    last_on: date


class _Year(_Days):
    """An academic year of SITS, and all periods that it has."""

    periods: tuple[str, ...] = Field(min_length=1)


class _Term(_Days):
    setid: str
    academic_year: str
    periods: tuple[str, ...] = Field(min_length=1)
    teaching_weeks: tuple[int, ...] | None = None
    recess_to: date | None = None


class _Blackout(_Days):
    name: str = Field(min_length=1)


def _whole_minutes(value: time) -> time:
    if value != value.replace(second=0, microsecond=0, tzinfo=None):
        raise ValueError("a time of day in hours and minutes, such as 02:00; its zone is the calendar's")
    return value


_Nightly = Annotated[ClockTime, AfterValidator(_whole_minutes)]


class _Schedule(Strict):
    hourly_weeks: tuple[int, ...] = (0, 1)
    nightly: _Nightly = time(2)
    recess_day: str | None = "sunday"

    @field_validator("recess_day")
    @classmethod
    def _weekday(cls, value: str | None) -> str | None:
        if value is not None and value not in WEEKDAYS:
            raise ValueError(f"a day of the week, one of {', '.join(WEEKDAYS)}; or null for no run in recess")
        return value

    @property
    def rule(self) -> Schedule:
        return Schedule(frozenset(self.hourly_weeks), self.nightly, self.recess_day)


class _Calendar(Strict):
    timezone: Zone = "UTC"
    # YAML reads `off` as false.
    schedule: _Schedule | None = None
    drift: _Nightly | None = None
    warn_weeks: int = Field(6, ge=0, le=52)
    years: dict[str, _Year] | None = None
    terms: dict[str, _Term]
    blackouts: tuple[_Blackout, ...] = ()

    @field_validator("schedule", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        if value is True:
            raise ValueError("'off', or the schedule's keys; docs/settings.md has them")
        return None if value is False else value

    @field_validator("drift", mode="before")
    @classmethod
    def _drift_off(cls, value: Any) -> Any:
        if value is True:
            raise ValueError("'off', or a time of day, such as 05:00")
        return None if value is False else value


def load_calendar(path: Path) -> Calendar:
    """The calendar of a YAML file, terms by first day; SettingsError naming the term, what is wrong with it and the
    next step."""
    parsed = load_yaml(path, _Calendar)
    by_first_day = sorted(parsed.terms.items(), key=lambda one: (one[1].first_on, one[0]))
    try:
        _check_days(parsed)
        _check_sequence(by_first_day)
        for key, term in by_first_day:
            _check_term(key, term, parsed.years)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    return Calendar(
        terms=tuple(_term(key, term) for key, term in by_first_day),
        blackouts=tuple(Blackout(**dict(blackout)) for blackout in parsed.blackouts),
        timezone=parsed.timezone,
        schedule=None if parsed.schedule is None else parsed.schedule.rule,
        warn_weeks=parsed.warn_weeks,
        drift_at=parsed.drift,
    )


def calendar_now(path: Path) -> Calendar:
    """``load_calendar`` for those who ask often: read again only when the file has changed."""
    try:
        found = path.stat()
    except OSError:
        return load_calendar(path)  # says what is wrong
    return _as_it_was(path, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=2)
def _as_it_was(path: Path, *_: int) -> Calendar:
    return load_calendar(path)


def _term(key: str, term: _Term) -> Term:
    weeks = None if term.teaching_weeks is None else frozenset(term.teaching_weeks)
    return Term(key, term.first_on, term.last_on, term.setid, term.academic_year, term.periods, weeks)


def _check_days(calendar: _Calendar) -> None:
    """Nothing ends before it begins, and academic years do not overlap."""
    years = sorted((calendar.years or {}).items(), key=lambda one: one[1].first_on)
    named: list[tuple[str, _Days]] = [
        *((f"academic year {key}", year) for key, year in years),
        *((f"term {key}", term) for key, term in calendar.terms.items()),
        *((f"blackout {blackout.name!r}", blackout) for blackout in calendar.blackouts),
    ]
    for name, days in named:
        if days.last_on < days.first_on:
            raise ValueError(f"{name}: last_on is before first_on; correct one of them")
    for (key, year), (following_key, following) in pairwise(years):
        if following.first_on <= year.last_on:
            raise ValueError(
                f"academic year {following_key} begins on {following.first_on}, before academic year {key} has ended"
                f" ({year.last_on}): correct one of them"
            )


def _check_sequence(terms: list[tuple[str, _Term]]) -> None:
    """No overlap, and no gap but a recess that is written down; both dates of a recess are there, so that a slip in
    one is seen."""
    for (key, term), (following_key, following) in pairwise(terms):
        if following.first_on <= term.last_on:
            raise ValueError(
                f"term {following_key} begins on {following.first_on}, before term {key} has ended ({term.last_on}):"
                " a day belongs to one term; correct one of them"
            )
        if (term.recess_to or term.last_on) + _DAY != following.first_on:
            first, last = term.last_on + _DAY, following.first_on - _DAY
            said = f"its recess ends on {term.recess_to}" if term.recess_to else "no recess is written down"
            meant = f"recess_to: {last}" if first <= last else "no recess_to"
            raise ValueError(
                f"term {key} ends on {term.last_on}, {said}, and the next term, {following_key}, begins on"
                f" {following.first_on}: if that is right, give {key} {meant}; else correct the days"
            )
    if terms and terms[-1][1].recess_to is not None:
        raise ValueError(
            f"term {terms[-1][0]}: recess_to is {terms[-1][1].recess_to}, and no term follows: add it, or leave"
            " recess_to out until then"
        )


def _check_term(key: str, term: _Term, years: dict[str, _Year] | None) -> None:
    """Its key, its weeks, and what it says of its academic year."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", key):
        raise ValueError(f"term {key!r}: use letters, digits, dots, underscores and hyphens only, 100 at most")
    weeks = (term.last_on - term.first_on).days // 7 + 1
    for week in term.teaching_weeks or ():
        if not 1 <= week <= weeks:
            raise ValueError(f"term {key}: teaching_weeks: the term has no week {week}, only 1 to {weeks}; correct it")
    if years is None:
        return
    if term.academic_year not in years:
        raise ValueError(
            f"term {key}: academic_year {term.academic_year!r} is not one of years ({', '.join(sorted(years))}):"
            " correct it, or add the year"
        )
    year = years[term.academic_year]
    if not year.first_on <= term.first_on <= term.last_on <= year.last_on:
        raise ValueError(
            f"term {key}: {term.first_on} to {term.last_on} is not within academic year {term.academic_year}"
            f" ({year.first_on} to {year.last_on}): correct one of them"
        )
    for period in term.periods:
        if period not in year.periods:
            raise ValueError(
                f"term {key}: unknown period {period!r}; academic year {term.academic_year} has"
                f" {', '.join(year.periods)}: correct it, or add it there"
            )
