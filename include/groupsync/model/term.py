"""A term of the academic calendar and what the source calls it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from include.groupsync.model.frames import TEXT, Schema


class TermState(StrEnum):
    """What a person set a term to; a *closed* term's claims have ended, whatever its last day (rule C5)."""

    OPEN = "open"
    CLOSED = "closed"


# The terms that somebody gave a state, and the newest of each.
TERM_STATES: Schema = {"term": TEXT, "state": TEXT}


@dataclass(frozen=True)
class Term:
    """``setid`` is CMIS's set, ``academic_year`` and ``periods`` are SITS's (AYR_CODE, PSL_CODE)."""

    key: str
    first_on: date
    last_on: date
    setid: str
    academic_year: str
    periods: tuple[str, ...]

    @property
    def binds(self) -> dict[str, object]:
        """The named binds that every statement may use."""
        return {
            "term": self.key,
            "setid": self.setid,
            "academic_year": self.academic_year,
            "periods": list(self.periods),
        }

    def week_of(self, day: date) -> int:
        """The week of the term, the first one is 1; 0 and less before it begins."""
        return (day - self.first_on).days // 7 + 1


@dataclass(frozen=True)
class Blackout:
    """Days on which nothing is deleted without a person's word, first and last day included."""

    name: str
    first_on: date
    last_on: date


@dataclass(frozen=True)
class Calendar:
    """All terms, in the order of their first day; ``blackouts`` as they are written down."""

    terms: tuple[Term, ...]
    blackouts: tuple[Blackout, ...] = ()

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
