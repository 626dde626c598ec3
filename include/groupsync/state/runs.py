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


def hold(link: sa.Connection, run_id: str, digest: str) -> None:
    """Note the digest of all that a run held, what is blocked included."""
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(held_digest=digest))


def accept(link: sa.Connection, run_id: str) -> None:
    """Let a run be a baseline for later ones: what it held was approved and applied (rule B5)."""
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(accepted=True))


def holding(link: sa.Connection, term: str, digest: str, since: datetime) -> list[str]:
    """The runs of the term that have ended since then and held exactly what has this digest."""
    same = sa.and_(RUN.c.term == term, RUN.c.held_digest == digest, RUN.c.ended_at >= since)
    return list(link.execute(sa.select(RUN.c.run_id).where(same)).scalars())
