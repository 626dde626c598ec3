"""When a sync runs by itself, and for which term: a rule of the calendar's days, told by the university's own clock.

On a day the first of these that fits says when:

- a term runs: every hour in its ``hourly_weeks``, in its other weeks at ``nightly``;
- none runs, and the next one is in one of its ``hourly_weeks`` (week 0 is the last before its first day): every hour;
- none runs (recess): on ``recess_day`` at ``nightly``, for the term to come.  The one that has ended is left as it is:
  the rollover of the year empties its source;
- no term is to come: never.

An hour that the clock shows twice has one run, the first time; one that it leaves out has none of its own, and a
nightly run in it comes as much later as the clock is put forward.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from include.groupsync.model.term import Calendar, Term

Phase = Literal["hourly", "term", "recess", "ended"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# How long after its time the very first run may still begin; later ones are made up for whenever they were missed.
_FIRST_GRACE = timedelta(minutes=10)
_MADE_UP_FOR = timedelta(days=9)
_EVERY_HOUR = tuple(time(hour) for hour in range(24))
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """``hourly_weeks`` as ``Term.week_of`` counts them; ``recess_day`` one of WEEKDAYS, None: not in recess."""

    hourly_weeks: frozenset[int] = frozenset({0, 1})
    nightly: time = time(2)
    recess_day: str | None = "sunday"

    def told(self) -> str:
        """The rule in a few words, for people."""
        weeks = " and ".join(map(str, sorted(self.hourly_weeks)))
        hourly = f"hourly in week {weeks}, " if self.hourly_weeks else ""
        recess = f", {self.recess_day.title()}s in recess" if self.recess_day else ""
        return f"{hourly}nightly at {self.nightly:%H:%M}{recess}"


@dataclass(frozen=True, order=True)
class Planned:
    """One run of the schedule: ``at`` an aware UTC time, and the key of its term."""

    at: datetime
    term: str


def due(calendar: "Calendar", now: datetime, last: datetime | None, *, backfilled: bool = False) -> Planned | None:
    """The next run to be made, perhaps at once; None where there is none to come.

    ``last`` is the time of the latest run that was made; of all that were missed since only the latest is made up for.
    Where the schedule has made none yet, or the latest is ``backfilled``, which is no sign that it has, it begins with
    what comes next.  Asked again and again at any moment, with the ``last`` of what it answered before, it names each
    run once.
    """
    begins = now - _FIRST_GRACE
    since = begins if last is None else max(begins, last) if backfilled else last
    missed = last_until(calendar, now)
    if missed is not None and missed.at > since:
        return missed
    return next_after(calendar, max(now, since))


def too_late(calendar: "Calendar", at: datetime, begins: datetime) -> bool:
    """Whether a run of the schedule that begins only now is for a time that is over: a later one has been due since, or
    it would no longer be made up for.  An Airflow that was down makes the run that it had put down as the next."""
    since = last_until(calendar, begins)
    return begins - at > _MADE_UP_FOR or (since is not None and since.at > at)


def next_after(calendar: "Calendar", instant: datetime) -> Planned | None:
    """The first run after that instant."""
    if not calendar.terms:
        return None
    day, end = calendar.day_of(instant) - _DAY, max(term.last_on for term in calendar.terms)
    while day <= end:
        for planned in runs_on(calendar, day):
            if planned.at > instant:
                return planned
        day += _DAY
    return None


def last_until(calendar: "Calendar", instant: datetime) -> Planned | None:
    """The latest run at that instant or before it, of that day and the eight before: what was missed longer ago, in
    a recess without runs or after the calendar's end, is no longer made up for."""
    today = calendar.day_of(instant)
    for days in range(9):
        for planned in reversed(list(runs_on(calendar, today - days * _DAY))):
            if planned.at <= instant:
                return planned
    return None


def runs_on(calendar: "Calendar", day: date) -> Iterator[Planned]:
    """The runs of one local day, in their order."""
    schedule = calendar.schedule
    term = _term_on(calendar, day)
    if schedule is None or term is None:
        return
    if term.week_of(day) in schedule.hourly_weeks:
        instants = [_instant(calendar, day, at) for at in _EVERY_HOUR]
        shown = [one for one, at in zip(instants, _EVERY_HOUR, strict=True) if _local(calendar, one) == at]
        yield from (Planned(instant, term.key) for instant in shown)
    elif day >= term.first_on or WEEKDAYS[day.weekday()] == schedule.recess_day:
        yield Planned(_instant(calendar, day, schedule.nightly), term.key)


def phase_of(calendar: "Calendar", term: "Term", day: date) -> Phase:
    """Where a run of that term is on that day: in one of the weeks in which a schedule runs every hour, in the term's
    other weeks, in the recess before it, or after its last day."""
    if day > term.last_on:
        return "ended"
    if term.week_of(day) in (calendar.schedule or Schedule()).hourly_weeks:
        return "hourly"
    return "term" if day >= term.first_on else "recess"


def _instant(calendar: "Calendar", day: date, at: time) -> datetime:
    """The first time that the clock shows it; where it is left out, as long after midnight as it would have been."""
    return datetime.combine(day, at, calendar.zone).astimezone(UTC)


def _local(calendar: "Calendar", instant: datetime) -> time:
    return instant.astimezone(calendar.zone).time()


def begun(calendar: "Calendar", first: date, last: date, today: date) -> "list[Term]":
    """The terms whose first day is from ``first`` to ``last`` and not after today: what a backfill can do."""
    return [term for term in calendar.terms if first <= term.first_on <= min(last, today)]


def _term_on(calendar: "Calendar", day: date) -> "Term | None":
    """The term that a run on that day belongs to: the one that runs, else the next to come."""
    running = [term for term in calendar.terms if term.first_on <= day <= term.last_on]
    coming = [term for term in calendar.terms if term.first_on > day]
    return running[-1] if running else coming[0] if coming else None
