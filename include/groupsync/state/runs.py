"""The runs, for the report and for what later compares a run with those before it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.groupsync.state.tables import RUN


def begin(link: sa.Connection, run_id: str, term: str, at: datetime) -> None:
    """Note that a run has begun; a run that is repeated begins anew."""
    link.execute(RUN.delete().where(RUN.c.run_id == run_id))
    link.execute(RUN.insert().values(run_id=run_id, term=term, started_at=at))


def end(
    link: sa.Connection, run_id: str, at: datetime, outcome: str, digest: str | None, counts: dict[str, Any]
) -> None:
    """Note how a run ended: ``applied``, ``held``, ``blocked`` or ``failed``."""
    values = {"ended_at": at, "outcome": outcome, "plan_digest": digest, "counts": counts}
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(**values))
