"""What the journal tells: what is not settled, who has written what and when, and how much is gone (rules J1, A5)."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of
from include.groupsync.model.journal import REFRESH, Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.run_path import RELEASE_DAG, run_name
from include.groupsync.model.things import Grouping
from include.groupsync.state.tables import APPROVAL, JOURNAL

UNSETTLED = sa.or_(JOURNAL.c.outcome.is_(None), JOURNAL.c.outcome == str(Outcome.UNKNOWN))


def unsettled_runs(link: sa.Connection) -> list[tuple[str, str]]:
    """The runs, with their terms, that sent changes of which nobody knows what became of them."""
    several = sa.select(JOURNAL.c.run_id, JOURNAL.c.term).where(UNSETTLED).distinct()
    return [(row.run_id, row.term or "") for row in link.execute(several.order_by(JOURNAL.c.run_id))]


def written_since(link: sa.Connection, entry: int) -> dict[int, str]:
    """The courses, by id, that were written to after that entry, or of which somebody is still to find out whether
    they were; with the run that did."""
    moving = sa.select(JOURNAL.c.course_id, sa.func.max(JOURNAL.c.run_id)).where(
        sa.or_(JOURNAL.c.entry > entry, UNSETTLED)
    )
    return {row[0]: row[1] for row in link.execute(moving.group_by(JOURNAL.c.course_id))}


def last_entry(link: sa.Connection) -> int:
    """The number of the journal's last entry; 0 if it is empty."""
    return link.execute(sa.select(sa.func.max(JOURNAL.c.entry))).scalar() or 0


def left_behind(link: sa.Connection) -> list[tuple[int, Grouping, int]]:
    """The temporary groupings that were made to refresh a course and not removed: course id, thing, id."""
    made, gone = JOURNAL.alias("made"), JOURNAL.alias("gone")
    deleted = sa.select(gone.c.entry).where(
        gone.c.rule == REFRESH,
        gone.c.action == str(Action.DELETE),
        gone.c.outcome == str(Outcome.DONE),
        gone.c.grouping_id == made.c.grouping_id,
    )
    statement = sa.select(made.c.course_id, made.c.after, made.c.grouping_id).where(
        made.c.rule == REFRESH,
        made.c.action == str(Action.CREATE),
        made.c.outcome == str(Outcome.DONE),
        ~deleted.exists(),
    )
    return [(row.course_id, Grouping(**row.after), row.grouping_id) for row in link.execute(statement)]


def entries_of(link: sa.Connection, run_id: str) -> Iterator[dict[str, Any]]:
    """A run's entries in order, read as they are asked for; the columns of JOURNAL but for the run's own."""
    shown = [column for column in JOURNAL.c if column.name not in ("run_id", "term")]
    own = sa.select(*shown).where(JOURNAL.c.run_id == run_id).order_by(JOURNAL.c.entry)
    for row in link.execution_options(yield_per=1000).execute(own).mappings():
        yield dict(row)


def forget(link: sa.Connection, before: datetime) -> int:
    """Drop the entries from before a moment, as the retention says; how many.  What is not settled stays."""
    return link.execute(JOURNAL.delete().where(JOURNAL.c.intent_at < before, ~UNSETTLED)).rowcount


def runs_written(link: sa.Connection, names: Collection[str] = ()) -> list[tuple[str, str]]:
    """The runs that have changed something in Moodle, the newest first, with their terms; of these names, if given."""
    last = sa.func.max(JOURNAL.c.entry)
    asked = sa.select(JOURNAL.c.run_id, sa.func.max(JOURNAL.c.term)).where(
        JOURNAL.c.rule != REFRESH, JOURNAL.c.outcome == str(Outcome.DONE)
    )
    if names:
        asked = asked.where(JOURNAL.c.run_id.in_(list(names)))
    return [(row[0], row[1] or "") for row in link.execute(asked.group_by(JOURNAL.c.run_id).order_by(last.desc()))]


# When each grouping and group was made, and by which run; ``at`` as ISO text.
CREATED: Schema = {"kind": TEXT, "moodle_id": WHOLE, "at": TEXT, "run_id": TEXT}


def creations(link: sa.Connection) -> pd.DataFrame:
    """Every grouping and group that the journal has a successful creation of (columns CREATED)."""
    found = []
    for kind in (Kind.GROUPING, Kind.GROUP):
        moodle_id = JOURNAL.c[f"{kind}_id"]
        asked = (
            sa.select(moodle_id, JOURNAL.c.outcome_at, JOURNAL.c.run_id)
            .where(
                JOURNAL.c.kind == str(kind),
                JOURNAL.c.action == str(Action.CREATE),
                JOURNAL.c.outcome == str(Outcome.DONE),
            )
            .where(JOURNAL.c.rule != REFRESH)
        )
        for made_id, at, run_id in link.execute(asked):
            when = at.isoformat(timespec="seconds")
            found.append({"kind": str(kind), "moodle_id": made_id, "at": when, "run_id": run_id})
    return frame_of(found, CREATED)


def count_gone(link: sa.Connection, since: datetime) -> dict[Kind, int]:
    """What was deleted or removed since then, by any run; one whose call got no answer counts too.

    Removals of links and memberships that a person approved are left out: they were looked at.
    """
    gone = (str(Outcome.DONE), str(Outcome.UNKNOWN))
    releases = sa.literal(run_name(RELEASE_DAG, "")).concat(APPROVAL.c.release_run_id)
    approved = sa.exists().where(JOURNAL.c.run_id == releases)
    asked = (
        sa.select(JOURNAL.c.kind, sa.func.count())
        .where(JOURNAL.c.action == str(Action.DELETE), JOURNAL.c.outcome.in_(gone), JOURNAL.c.intent_at > since)
        .where(JOURNAL.c.rule != REFRESH)
        .where(sa.or_(JOURNAL.c.kind.in_([str(Kind.GROUPING), str(Kind.GROUP)]), ~approved))
        .group_by(JOURNAL.c.kind)
    )
    found = {kind: int(count) for kind, count in link.execute(asked)}
    return {kind: found.get(str(kind), 0) for kind in Kind}
