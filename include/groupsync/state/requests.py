"""The requests that were ever read from the queue, and what became of each; the source itself stays as it is (C3)."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from include.groupsync.model.effective import MAPPING_KEY, REQUESTS
from include.groupsync.model.frames import frame_of
from include.groupsync.state.tables import IMPORT_REQUEST

_KEPT = ("term", "request", *MAPPING_KEY, "action", "requested_at")


def load(link: sa.Connection) -> pd.DataFrame:
    """All of them, of all terms (columns REQUESTS, without a doubt)."""
    found = link.execute(sa.select(IMPORT_REQUEST).order_by(IMPORT_REQUEST.c.term, IMPORT_REQUEST.c.request)).mappings()
    return frame_of(map(dict, found), REQUESTS)


def remember(link: sa.Connection, requests: Iterable[Mapping[str, Any]], *, run_id: str, at: datetime) -> None:
    """Write down those (REQUESTS) that are not known; what is known stays as it was read first.

    Another run of the term may read the same new row in this very moment: whoever is first has written it down.
    """
    known = {tuple(row) for row in link.execute(sa.select(IMPORT_REQUEST.c.term, IMPORT_REQUEST.c.request))}
    told = {"read_by": run_id, "read_at": at}
    new = [row for row in requests if (row["term"], row["request"]) not in known]
    for row in new:
        with suppress(IntegrityError), link.begin_nested():
            link.execute(IMPORT_REQUEST.insert().values({name: row[name] for name in _KEPT} | told))


def done(link: sa.Connection, term: str, request: str, outcome: str, *, run_id: str, at: datetime) -> None:
    """Note which run was done with a request, and how; one that is done already stays so."""
    open_one = sa.and_(
        IMPORT_REQUEST.c.term == term, IMPORT_REQUEST.c.request == request, IMPORT_REQUEST.c.done_by.is_(None)
    )
    link.execute(IMPORT_REQUEST.update().where(open_one).values(done_by=run_id, done_at=at, outcome=outcome))
