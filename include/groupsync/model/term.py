"""The academic calendar: its terms and what the source calls them, and its days on the university's own clock.

Read by Airflow's scheduler too, so it imports no library of frames.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from include.groupsync.model.mode import Mode
from include.groupsync.model.schedule import Schedule


class TermState(StrEnum):
    """What a person set a term to; one that nobody gave a state is *open* (rules C2, C5)."""

    OPEN = "open"
    ADD_ONLY = "add-only"
    FROZEN = "frozen"
    CLOSED = "closed"

    @property
    def most(self) -> Mode:
        """The most that a run of the term may do, whatever it is told."""
        return {TermState.ADD_ONLY: Mode.ADD, TermState.FROZEN: Mode.PLAN}.get(self, Mode.FULL)

    @property
    def means(self) -> str:
        """What a person may expect of the term's next run, in one sentence."""
        return _MEANS[self]


_MEANS = {
    TermState.OPEN: "Its runs create, update and delete",
    TermState.ADD_ONLY: "Its runs create, update and add; they delete and remove nothing, and whatever its last day, no"
    " other term's run deletes what it lists",
    TermState.FROZEN: "Its runs show what they would do and write nothing, neither to Moodle nor to the ledger, and"
    " whatever its last day, no other term's run deletes what it lists",
    TermState.CLOSED: "Its claims have ended, whatever its last day: a run of another term deletes what that one drops,"
    " though this term lists it too",
}


@dataclass(frozen=True)
class StateChange:
    """Somebody gave a term a state; ``change`` numbers all of them, ``at`` is an aware UTC time."""

    change: int
    term: str
    state: TermState
    who: str
    reason: str
    at: datetime

    @property
    def told(self) -> str:
        """State, since when, by whom and why, in one sentence; for pages, not for logs and alerts (rule W3)."""
        # A person's reason may not pass for one of our own lines.
        return f"{self.since}, set by {self.who}, who says: {' '.join(self.reason.split())}"

    @property
    def since(self) -> str:
        """State, and since when; names nobody."""
        return f"{self.state} since {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Term:
    """``setid`` is CMIS's set, ``academic_year`` and ``periods`` are SITS's (AYR_CODE, PSL_CODE);
    ``teaching_weeks`` None: all of its weeks."""

    key: str
    first_on: date
    last_on: date
    setid: str
    academic_year: str
    periods: tuple[str, ...]
    # Not in its repr, which is in the configuration's digest (rule ``config_changed``): it reads nothing else.
    teaching_weeks: frozenset[int] | None = field(default=None, repr=False)

    @property
    def binds(self) -> dict[str, object]:
        """The named binds that every statement may use."""
        return {
            "term": self.key,
            "setid": self.setid,
            "academic_year": self.academic_year,
            "periods": list(self.periods),
        }

    @property
    def at_source(self) -> str:
        """Its key, and what the source calls it, for people."""
        return f"{self.key} (set {self.setid}, year {self.academic_year})"

    def week_of(self, day: date) -> int:
        """The week of the term, the first one is 1; 0 and less before it begins."""
        return (day - self.first_on).days // 7 + 1

    def told_on(self, day: date) -> str:
        """Where in the term that day is, for people."""
        if day > self.last_on:
            return f"ended on {self.last_on}"
        if day < self.first_on:
            return f"begins on {self.first_on}"
        week = self.week_of(day)
        taught = self.teaching_weeks is None or week in self.teaching_weeks
        return f"week {week} of {self.week_of(self.last_on)}" + ("" if taught else ", no teaching")


@dataclass(frozen=True)
class Blackout:
    """Days on which nothing is deleted without a person's word, first and last day included."""

    name: str
    first_on: date
    last_on: date


@dataclass(frozen=True)
class Calendar:
    """All terms, in the order of their first day; ``blackouts`` as they are written down; ``timezone`` is the clock
    that its days are told by, and ``schedule`` None where nothing runs by itself; ``drift_at`` is when it is looked for
    drift each night, None: never."""

    terms: tuple[Term, ...]
    blackouts: tuple[Blackout, ...] = ()
    timezone: str = "UTC"
    schedule: Schedule | None = None
    warn_weeks: int = 6
    drift_at: time | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def day_of(self, instant: datetime) -> date:
        """The university's own day at that instant."""
        return instant.astimezone(self.zone).date()

    def term(self, key: str) -> Term:
        """The term of that key; KeyError names the known ones."""
        for term in self.terms:
            if term.key == key:
                return term
        raise KeyError(f"unknown term {key!r}; known: {', '.join(t.key for t in self.terms)}")

    def current(self, today: date) -> str | None:
        """The key of the term that runs on that day; None between terms."""
        running = [term.key for term in self.terms if term.first_on <= today <= term.last_on]
        return running[-1] if running else None

    def ends_soon(self, today: date) -> str | None:
        """What to do before the calendar has no term left; None as long as there is time."""
        last = self.terms[-1] if self.terms else None
        if last is not None and today <= last.last_on - timedelta(weeks=self.warn_weeks):
            return None
        if last is None:
            return "the calendar has no term at all: add the terms to come"
        verb = "has ended" if today > last.last_on else "ends"
        return f"the calendar {verb} with term {last.key} on {last.last_on}: add the terms that come after it"

    def blackouts_on(self, day: date) -> tuple[str, ...]:
        """The names of the blackouts that the day is in."""
        return tuple(one.name for one in self.blackouts if one.first_on <= day <= one.last_on)

    def open_on(self, today: date) -> frozenset[str]:
        """The terms whose claim has not ended: a claim ends with the term's last day (rule C5)."""
        return frozenset(term.key for term in self.terms if term.last_on >= today)

    def later_than(self, key: str) -> frozenset[str]:
        """Terms that begin after the given one: their fields hold where both list a thing (rule C5)."""
        first_on = self.term(key).first_on
        return frozenset(term.key for term in self.terms if term.first_on > first_on)
