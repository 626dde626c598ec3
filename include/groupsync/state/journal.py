"""The journal, and with it the ledger: an outcome and what it makes managed are one transaction (rule J1)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import with_term
from include.groupsync.model.things import Group, Grouping
from include.groupsync.state import ledger
from include.groupsync.state.tables import JOURNAL, LINK, MEMBERSHIP, OBJECT


class RunJournal:
    """The journal of one run; what it has written down is on disk when a call returns."""

    def __init__(self, engine: sa.Engine, run_id: str, term: str, now: Callable[[], datetime]):
        self._engine, self._run_id, self._term, self._now = engine, run_id, term, now
        self._open: dict[int, Intent] = {}

    def intend(self, intents: Sequence[Intent]) -> list[int]:
        """Write down what is about to be sent; the entries' numbers, in the order of the intents."""
        at = self._now()
        with self._engine.begin() as link:
            entries = []
            for intent in intents:
                row = JOURNAL.insert().values(**_entry(intent), run_id=self._run_id, intent_at=at)
                made = link.execute(row).inserted_primary_key
                assert made is not None
                entries.append(int(made[0]))
        self._open.update(zip(entries, intents, strict=True))
        return entries

    def settle(self, settled: Sequence[Settled]) -> None:
        """Write down the outcomes, and what they change in the ledger."""
        at = self._now()
        with self._engine.begin() as link:
            for one in settled:
                intent = self._open.pop(one.entry)
                values: dict[str, Any] = {"outcome": str(one.outcome), "outcome_at": at, "reason": one.reason}
                if one.made_id is not None:
                    values[f"{intent.change.kind}_id"] = one.made_id
                link.execute(JOURNAL.update().where(JOURNAL.c.entry == one.entry).values(**values))
                if one.outcome is Outcome.DONE:
                    self._manage(link, intent, one.made_id)

    def _manage(self, link: sa.Connection, intent: Intent, made_id: int | None) -> None:
        change, term = intent.change, self._term
        common = {"course_id": intent.course_id, "module": change.module}
        match change.kind, change.action:
            case ((Kind.GROUPING | Kind.GROUP), Action.DELETE):
                moodle_id = intent.grouping_id or intent.group_id
                link.execute(OBJECT.delete().where(OBJECT.c.kind == str(change.kind), OBJECT.c.moodle_id == moodle_id))
                ledger.drop_inside(link, str(change.kind), moodle_id or 0)
            case ((Kind.GROUPING | Kind.GROUP), _):
                self._applied(link, intent, made_id)
            case Kind.LINK, _:
                ids: dict[str, Any] = {"grouping_id": intent.grouping_id, "group_id": intent.group_id}
                row = {**ids, **common, "terms": with_term(None, term), "gone": False}
                kept = [row] if change.action is Action.CREATE else []
                ledger.replace(link, LINK, ("grouping_id", "group_id"), kept, [ids])
            case Kind.MEMBERSHIP, _:
                ids = {"group_id": intent.group_id, "user_id": intent.user_id}
                user = change.thing.user  # type: ignore[union-attr]
                row = {**ids, **common, "user": user, "terms": with_term(None, term)}
                kept = [row] if change.action is Action.CREATE else []
                ledger.replace(link, MEMBERSHIP, ("group_id", "user_id"), kept, [ids])

    def _applied(self, link: sa.Connection, intent: Intent, made_id: int | None) -> None:
        """The fields as applied now, and one more claim beside those of other terms."""
        after = intent.change.after
        assert isinstance(after, Grouping | Group)
        moodle_id = made_id or intent.grouping_id or intent.group_id
        key = {"kind": str(after.kind), "moodle_id": moodle_id}
        same = sa.and_(OBJECT.c.kind == key["kind"], OBJECT.c.moodle_id == moodle_id)
        terms = link.execute(sa.select(OBJECT.c.terms).where(same)).scalar_one_or_none()
        row = {
            **key,
            "course_id": intent.course_id,
            "course": after.course,
            "idnumber": after.key,
            "name": after.name,
            "description": after.description,
            "module": intent.change.module,
            "terms": with_term(terms, self._term),
        }
        ledger.replace(link, OBJECT, ("kind", "moodle_id"), [row], [key])


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
