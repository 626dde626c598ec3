"""The states that people gave to terms: every change stays on record, and the newest holds (rules C2, C5)."""

from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of
from include.groupsync.model.mode import Mode
from include.groupsync.model.term import StateChange, TermState
from include.groupsync.state.ledger import in_utc
from include.groupsync.state.tables import RUN, TERM_STATE

# The terms that somebody gave a state, the newest of each, and the number of that change.
TERM_STATES: Schema = {"term": TEXT, "state": TEXT, "change": WHOLE}


def change(link: sa.Connection, term: str, state: TermState, *, who: str, reason: str, at: datetime) -> None:
    """Give the term another state; nothing that was written before is touched."""
    if not who.strip() or not reason.strip():
        raise ValueError("a term's state is changed by somebody, for a reason")
    values = {"term": term, "state": str(state), "who": who, "reason": reason, "at": at}
    link.execute(TERM_STATE.insert().values(**values))


def load(link: sa.Connection) -> pd.DataFrame:
    """The newest state of each term that was ever given one (columns TERM_STATES); the others are open."""
    newest = sa.select(sa.func.max(TERM_STATE.c.change)).group_by(TERM_STATE.c.term)
    columns = [TERM_STATE.c[name] for name in TERM_STATES]
    asked = sa.select(*columns).where(TERM_STATE.c.change.in_(newest)).order_by(TERM_STATE.c.term)
    return frame_of(map(dict, link.execute(asked).mappings()), TERM_STATES)


def history(link: sa.Connection, term: str, since: int = 0) -> list[StateChange]:
    """Every change of the term's state from that one on, in order."""
    own = sa.and_(TERM_STATE.c.term == term, TERM_STATE.c.change >= since)
    found = link.execute(sa.select(TERM_STATE).where(own).order_by(TERM_STATE.c.change)).mappings()
    return [StateChange(**{**row, "state": TermState(row["state"]), "at": in_utc(row["at"])}) for row in found]


def opened_unseen(link: sa.Connection, term: str) -> StateChange | None:
    """The change that let the term's runs delete again, where none that began since was accepted (rule B5).

    None where they always were allowed to, or are not now.
    """
    opened, before = None, Mode.FULL
    for one in history(link, term):
        if one.state.most is not Mode.FULL:
            opened = None
        elif before is not Mode.FULL:
            opened = one
        before = one.state.most
    if opened is None:
        return None
    seen = sa.and_(RUN.c.term == term, RUN.c.accepted, RUN.c.started_at >= opened.at)
    return None if link.execute(sa.select(RUN.c.run_id).where(seen).limit(1)).first() else opened
