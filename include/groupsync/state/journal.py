"""The journal, and with it the ledger: an outcome and what it makes managed are one transaction (rule J1)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import with_term
from include.groupsync.model.things import Group, Grouping
from include.groupsync.state import ledger
from include.groupsync.state.tables import JOURNAL, OBJECT

# When each grouping and group was made, and by which run; ``at`` as ISO text.
CREATED: Schema = {"kind": TEXT, "moodle_id": WHOLE, "at": TEXT, "run_id": TEXT}


def creations(link: sa.Connection) -> pd.DataFrame:
    """Every grouping and group that the journal has a successful creation of (columns CREATED)."""
    found = []
    for kind in (Kind.GROUPING, Kind.GROUP):
        moodle_id = JOURNAL.c[f"{kind}_id"]
        asked = sa.select(moodle_id, JOURNAL.c.outcome_at, JOURNAL.c.run_id).where(
            JOURNAL.c.kind == str(kind), JOURNAL.c.action == str(Action.CREATE), JOURNAL.c.outcome == str(Outcome.DONE)
        )
        for made_id, at, run_id in link.execute(asked):
            when = at.isoformat(timespec="seconds")
            found.append({"kind": str(kind), "moodle_id": made_id, "at": when, "run_id": run_id})
    return frame_of(found, CREATED)


class RunJournal:
    """The journal of one run; what it has written down is on disk when a call returns."""

    def __init__(self, engine: sa.Engine, run_id: str, term: str, now: Callable[[], datetime]):
        self._engine, self._run_id, self._term, self._now = engine, run_id, term, now
        self._open: dict[int, Intent] = {}

    def intend(self, intents: Sequence[Intent]) -> list[int]:
        """Write down what is about to be sent; the entries' numbers, in the order of the intents."""
        common = {"run_id": self._run_id, "intent_at": self._now()}
        numbered = JOURNAL.insert().returning(JOURNAL.c.entry, sort_by_parameter_order=True)
        with self._engine.begin() as link:
            made = link.execute(numbered, [_entry(intent) | common for intent in intents]).scalars()
            entries = [int(entry) for entry in made]
        self._open.update(zip(entries, intents, strict=True))
        return entries

    def settle(self, settled: Sequence[Settled]) -> None:
        """Write down the outcomes, and what they change in the ledger."""
        if not settled:
            return
        at = self._now()
        outcomes = [
            {"of_entry": s.entry, "to": str(s.outcome), "at": at, "why": s.reason, "made": s.made_id} for s in settled
        ]
        done = [(self._open[s.entry], s.made_id) for s in settled if s.outcome is Outcome.DONE]
        with self._engine.begin() as link:
            link.execute(_SETTLE, outcomes)
            for kind in Kind:
                self._manage(link, kind, [(intent, made) for intent, made in done if intent.change.kind is kind])
        for one in settled:
            del self._open[one.entry]

    def _manage(self, link: sa.Connection, kind: Kind, done: Sequence[tuple[Intent, int | None]]) -> None:
        """Put what was done in the place of what the ledger has under the same ids."""
        if not done:
            return
        if kind in (Kind.GROUPING, Kind.GROUP):
            self._manage_objects(link, done)
            return
        name = "links" if kind is Kind.LINK else "memberships"
        rows = [(intent, self._pair(intent)) for intent, _ in done]
        kept = [row for intent, row in rows if intent.change.after is not None]
        ledger.replace(link, name, kept, [row for _, row in rows])

    def _manage_objects(self, link: sa.Connection, done: Sequence[tuple[Intent, int | None]]) -> None:
        rows = [(intent, self._object(link, intent, made)) for intent, made in done]
        kept = {row["moodle_id"]: row for intent, row in rows if intent.change.after is not None}
        ledger.replace(link, "objects", list(kept.values()), [row for _, row in rows])
        for intent, row in rows:
            if intent.change.after is None:
                ledger.drop_inside(link, row["kind"], row["moodle_id"])

    def _object(self, link: sa.Connection, intent: Intent, made_id: int | None) -> dict[str, Any]:
        """The fields as applied now, and one more claim beside those of other terms.

        A field that this change left as it was is not applied by it: a hand's edit stays one (rule O4).
        """
        before, thing = intent.change.before, intent.change.after or intent.change.thing
        assert isinstance(thing, Grouping | Group)
        moodle_id = made_id or intent.grouping_id or intent.group_id
        same = sa.and_(OBJECT.c.kind == str(thing.kind), OBJECT.c.moodle_id == moodle_id)
        asked = sa.select(OBJECT.c.terms, OBJECT.c.name, OBJECT.c.description).where(same)
        known = link.execute(asked).one_or_none()
        name, description, terms = thing.name, thing.description, None
        if known is not None and isinstance(before, Grouping | Group):
            terms = known.terms
            name = known.name if before.name == thing.name else thing.name
            description = known.description if before.description == thing.description else thing.description
        return {
            "kind": str(thing.kind),
            "moodle_id": moodle_id,
            "course_id": intent.course_id,
            "course": thing.course,
            "idnumber": thing.key,
            "name": name,
            "description": description,
            "module": intent.change.module,
            "terms": with_term(terms, self._term),
        }

    def _pair(self, intent: Intent) -> dict[str, Any]:
        common = {
            "group_id": intent.group_id,
            "course_id": intent.course_id,
            "module": intent.change.module,
            "terms": with_term(None, self._term),
        }
        if intent.change.kind is Kind.LINK:
            return common | {"grouping_id": intent.grouping_id, "gone": False}
        return common | {"user_id": intent.user_id, "user": intent.change.thing.user}  # type: ignore[union-attr]


def count_deletes(link: sa.Connection, since: datetime) -> dict[Kind, int]:
    """Groupings and groups that were deleted since then, by any run; one whose call got no answer counts too."""
    gone = (str(Outcome.DONE), str(Outcome.UNKNOWN))
    asked = (
        sa.select(JOURNAL.c.kind, sa.func.count())
        .where(JOURNAL.c.action == str(Action.DELETE), JOURNAL.c.outcome.in_(gone), JOURNAL.c.intent_at > since)
        .group_by(JOURNAL.c.kind)
    )
    found = {kind: int(count) for kind, count in link.execute(asked)}
    return {kind: found.get(str(kind), 0) for kind in (Kind.GROUPING, Kind.GROUP)}


def _made(kind: Kind) -> sa.Case[Any]:
    """The new id goes into the column of the entry's own kind; other entries keep what they have."""
    column = JOURNAL.c[f"{kind}_id"]
    return sa.case((JOURNAL.c.kind == str(kind), sa.func.coalesce(sa.bindparam("made"), column)), else_=column)


_SETTLE = (
    JOURNAL.update()
    .where(JOURNAL.c.entry == sa.bindparam("of_entry"))
    .values(
        outcome=sa.bindparam("to"),
        outcome_at=sa.bindparam("at"),
        reason=sa.bindparam("why"),
        grouping_id=_made(Kind.GROUPING),
        group_id=_made(Kind.GROUP),
    )
)


def _entry(intent: Intent) -> dict[str, Any]:
    """A journal row; a delete's ``before`` is the full image, another's the thing itself."""
    change, row = intent.change, intent.change.row()
    before = asdict(change.before) if change.before else None
    return {
        "batch": intent.batch,
        "kind": str(change.kind),
        "action": str(change.action),
        "rule": change.rule,
        "course_id": intent.course_id,
        "course": change.course,
        "grouping": row.get("grouping"),
        "group": row.get("group"),
        "user": row.get("user"),
        "grouping_id": intent.grouping_id,
        "group_id": intent.group_id,
        "user_id": intent.user_id,
        "before": before | (intent.image or {}) if before else None,
        "after": asdict(change.after) if change.after else None,
    }
