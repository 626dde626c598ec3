"""The switches that people gave to courses of a term: every change stays on record, and the newest holds (rule C2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.effective import SWITCHES, Switch
from include.groupsync.model.frames import frame_of
from include.groupsync.state.ledger import in_utc
from include.groupsync.state.tables import COURSE_SWITCH, RUN


@dataclass(frozen=True)
class Switched:
    """Somebody switched these courses at one time, an aware UTC one, for one reason."""

    switch: Switch
    courses: tuple[str, ...]
    who: str
    reason: str
    at: datetime

    @property
    def told(self) -> str:
        """For pages, not for logs and alerts (rule W3)."""
        named = ", ".join(self.courses[:5]) + (f" and {len(self.courses) - 5} more" if len(self.courses) > 5 else "")
        reason = " ".join(self.reason.split())  # a person's reason may not pass for one of our own lines
        return f"{self.at:%Y-%m-%d %H:%M} UTC: {self.switch}, {named}; by {self.who}, who says: {reason}"


def change(
    link: sa.Connection, term: str, courses: Iterable[str], switch: Switch, *, who: str, reason: str, at: datetime
) -> None:
    """Switch the courses; nothing that was written before is touched."""
    if not who.strip() or not reason.strip():
        raise ValueError("a course is switched by somebody, for a reason")
    common = {"term": term, "switch": str(switch), "who": who, "reason": reason, "at": at}
    every = [{"course": course, **common} for course in sorted(courses)]
    if every:
        link.execute(COURSE_SWITCH.insert(), every)


def load(link: sa.Connection) -> pd.DataFrame:
    """The newest switch of each course and term that was ever switched (columns SWITCHES)."""
    newest = sa.select(sa.func.max(COURSE_SWITCH.c.change)).group_by(COURSE_SWITCH.c.term, COURSE_SWITCH.c.course)
    asked = sa.select(COURSE_SWITCH).where(COURSE_SWITCH.c.change.in_(newest))
    found = link.execute(asked.order_by(COURSE_SWITCH.c.term, COURSE_SWITCH.c.course)).mappings()
    return frame_of(({**row, "since": f"{in_utc(row['at']):%Y-%m-%d %H:%M}"} for row in found), SWITCHES)


def history(link: sa.Connection, term: str) -> list[Switched]:
    """Every change in the term, in order; what was switched together is one."""
    found: list[Switched] = []
    for row in link.execute(
        sa.select(COURSE_SWITCH).where(COURSE_SWITCH.c.term == term).order_by(COURSE_SWITCH.c.change)
    ).mappings():
        one = Switched(Switch(row["switch"]), (row["course"],), row["who"], row["reason"], in_utc(row["at"]))
        last = found[-1] if found else None
        if last and (last.switch, last.who, last.reason, last.at) == (one.switch, one.who, one.reason, one.at):
            found[-1] = Switched(one.switch, (*last.courses, row["course"]), one.who, one.reason, one.at)
        else:
            found.append(one)
    return found


def off_since(link: sa.Connection, term: str, change: int) -> list[str]:
    """The courses of the term that somebody switched off after that change, whatever became of it since."""
    later = sa.and_(
        COURSE_SWITCH.c.term == term, COURSE_SWITCH.c.change > change, COURSE_SWITCH.c.switch == str(Switch.OFF)
    )
    return sorted(set(link.execute(sa.select(COURSE_SWITCH.c.course).where(later)).scalars()))


def on_unseen(link: sa.Connection, term: str) -> dict[str, str]:
    """The courses of the term that are no longer off, or are on, by a change since which no run began that was accepted
    (rule B5); each with its switch and since when."""
    found: dict[str, str] = {}
    last = link.execute(sa.select(sa.func.max(RUN.c.started_at)).where(RUN.c.term == term, RUN.c.accepted)).scalar()
    seen_at = in_utc(last) if last is not None else None
    for one in history(link, term):
        for course in one.courses:
            found.pop(course, None)
            if one.switch is not Switch.OFF and (seen_at is None or seen_at < one.at):
                found[course] = f"{one.switch} since {one.at:%Y-%m-%d %H:%M} UTC"
    return found
