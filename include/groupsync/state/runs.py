"""The runs: how each ended, and what later ones compare themselves with (rule B5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.groupsync.state.tables import RUN

# Years of nightly runs; a few hundred bytes each.
_LOOKED_AT = 10_000


def begin(link: sa.Connection, run_id: str, term: str, at: datetime) -> None:
    """Note that a run has begun; a run that is repeated begins anew."""
    link.execute(RUN.delete().where(RUN.c.run_id == run_id))
    link.execute(RUN.insert().values(run_id=run_id, term=term, started_at=at))


def measure(link: sa.Connection, run_id: str, measures: Mapping[str, Any], settings_digest: str) -> None:
    """Note what the run saw and under which configuration, for those after it if it is accepted."""
    values = {"measures": dict(measures), "settings_digest": settings_digest}
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(**values))


def end(
    link: sa.Connection, run_id: str, at: datetime, outcome: str, digest: str | None, counts: dict[str, Any]
) -> None:
    """Note how a run ended: ``applied``, ``applied in part`` (of a run for a part of its term), ``added`` (of a run
    that only adds), ``planned``, ``frozen`` (its term is), ``held``, ``stale``, ``blocked``, ``refused`` or ``failed``,
    or as a release run ``released``; only the first is accepted by itself."""
    values = {"ended_at": at, "outcome": outcome, "plan_digest": digest, "counts": counts}
    accepted = outcome == "applied"
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(**values, accepted=accepted))


def accept(link: sa.Connection, run_id: str) -> bool:
    """Let a run be a baseline for later ones: what it held was approved and applied (rule B5).

    False, and nothing is changed, where the run did not end as held: a failed one is none, whatever was approved.
    """
    held = sa.and_(RUN.c.run_id == run_id, RUN.c.outcome == "held")
    return link.execute(RUN.update().where(held).values(accepted=True)).rowcount == 1


def accepted(link: sa.Connection, besides: str) -> list[dict[str, Any]]:
    """The measured runs that were accepted, of all terms, the newest first: ``term``, ``outcome``, ``measures`` and
    ``settings_digest``.  The run ``besides`` is left out: it is no baseline for itself."""
    columns = (RUN.c.run_id, RUN.c.term, RUN.c.outcome, RUN.c.measures, RUN.c.settings_digest)
    asked = (
        sa.select(*columns)
        .where(RUN.c.accepted, RUN.c.measures.is_not(None), RUN.c.run_id != besides)
        .order_by(RUN.c.started_at.desc(), RUN.c.run_id.desc())
        .limit(_LOOKED_AT)
    )
    return [dict(row) for row in link.execute(asked).mappings()]


def hold(link: sa.Connection, run_id: str, digest: str) -> None:
    """Note the digest of all that a run held, what is blocked included."""
    link.execute(RUN.update().where(RUN.c.run_id == run_id).values(held_digest=digest))


def holding(link: sa.Connection, term: str, digest: str, since: datetime) -> list[str]:
    """The runs of the term that have ended since then and held exactly what has this digest."""
    same = sa.and_(RUN.c.term == term, RUN.c.held_digest == digest, RUN.c.ended_at >= since)
    return list(link.execute(sa.select(RUN.c.run_id).where(same)).scalars())
