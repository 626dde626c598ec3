"""The states that people gave to terms: every change stays on record, and the newest holds (rule C5)."""

from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.frames import TEXT, Schema, frame_of
from include.groupsync.model.term import TermState
from include.groupsync.state.tables import TERM_STATE

# The terms that somebody gave a state, and the newest of each.
TERM_STATES: Schema = {"term": TEXT, "state": TEXT}


def change(link: sa.Connection, term: str, state: TermState, *, who: str, reason: str, at: datetime) -> None:
    """Give the term another state; nothing that was written before is touched."""
    if not who.strip() or not reason.strip():
        raise ValueError("a term's state is changed by somebody, for a reason")
    values = {"term": term, "state": str(state), "who": who, "reason": reason, "at": at}
    link.execute(TERM_STATE.insert().values(**values))


def load(link: sa.Connection) -> pd.DataFrame:
    """The newest state of each term that was ever given one (columns TERM_STATES); the others are open."""
    newest = sa.select(sa.func.max(TERM_STATE.c.change)).group_by(TERM_STATE.c.term)
    asked = sa.select(TERM_STATE.c.term, TERM_STATE.c.state).where(TERM_STATE.c.change.in_(newest))
    return frame_of(map(dict, link.execute(asked.order_by(TERM_STATE.c.term)).mappings()), TERM_STATES)
