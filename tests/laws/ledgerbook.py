"""The ledger as state/ledger.py and state/journal.py keep it, in dictionaries."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import count
from typing import Any

from include.groupsync.model.change import Change
from include.groupsync.model.journal import REFRESH, Intent, Outcome, Settled
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import with_term
from include.groupsync.model.things import Group, Grouping
from tests.laws.university import TERM, Ledger, Row

_KEYS = {
    "objects": ("kind", "moodle_id"),
    "links": ("grouping_id", "group_id"),
    "memberships": ("group_id", "user_id"),
}


class LedgerBook:
    """A run's journal that keeps no entries, only what they make managed."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self._open: dict[int, Intent] = {}
        self._entries = count(1)

    @classmethod
    def copied(cls, ledger: Ledger) -> "LedgerBook":
        return cls(deepcopy(ledger))

    def observe(self, table: str, records: Sequence[Row]) -> None:
        """What a run observed; a row without terms is dropped, an object with all that was in it."""
        for row in records:
            own = tuple(row[part] for part in _KEYS[table])
            getattr(self.ledger, table).pop(own, None)
            if row["terms"]:
                getattr(self.ledger, table)[own] = dict(row)
            elif table == "objects":
                self._drop_inside(row["kind"], row["moodle_id"])

    def intend(self, intents: Sequence[Intent]) -> list[int]:
        entries = [next(self._entries) for _ in intents]
        self._open.update(zip(entries, intents, strict=True))
        return entries

    def settle(self, settled: Sequence[Settled]) -> None:
        for one in settled:
            intent = self._open.pop(one.entry)
            if one.outcome is Outcome.DONE and intent.change.rule != REFRESH:
                self._done(intent, one.made_id)

    def leave(self, left: Sequence[tuple[Intent, str]]) -> None:
        """What was not sent makes nothing managed."""

    def done(self, changes: Sequence[Change]) -> dict[int, int | None]:
        """No run here goes on after it was interrupted."""
        return {}

    def _done(self, intent: Intent, made_id: int | None) -> None:
        change = intent.change
        if change.kind is Kind.LINK:
            own = (intent.grouping_id, intent.group_id)
            self._pair(self.ledger.links, own, intent, {"grouping_id": own[0], "group_id": own[1], "gone": False})
        elif change.kind is Kind.MEMBERSHIP:
            own = (intent.group_id, intent.user_id)
            fields = {"group_id": own[0], "user_id": own[1], "user": change.thing.user}
            self._pair(self.ledger.memberships, own, intent, fields)
        else:
            self._object(intent, made_id)

    def _pair(self, table: dict[Any, Row], own: Any, intent: Intent, fields: Row) -> None:
        table.pop(own, None)
        if intent.change.after is not None:
            common = {"course_id": intent.course_id, "module": intent.change.module, "terms": TERM}
            table[own] = common | fields

    def _object(self, intent: Intent, made_id: int | None) -> None:
        thing = intent.change.after or intent.change.thing
        assert isinstance(thing, Grouping | Group)
        own = (str(thing.kind), made_id or intent.grouping_id or intent.group_id)
        known = self.ledger.objects.pop(own, None)
        if intent.change.after is None:
            self._drop_inside(*own)
            return
        before = intent.change.before
        name, description = thing.name, thing.description
        if known and isinstance(before, Grouping | Group):
            # What this change left as it was is not applied by it: a hand's edit stays one (rule O4).
            name = known["name"] if before.name == name else name
            description = known["description"] if before.description == description else description
        self.ledger.objects[own] = {
            "kind": own[0],
            "moodle_id": own[1],
            "course_id": intent.course_id,
            "course": thing.course,
            "idnumber": thing.key,
            "name": name,
            "description": description,
            "module": intent.change.module,
            "terms": with_term(known["terms"] if known and made_id is None else None, TERM),
        }

    def _drop_inside(self, kind: str, moodle_id: int) -> None:
        links, at = self.ledger.links, 0 if kind == "grouping" else 1
        for own in [own for own in links if own[at] == moodle_id]:
            del links[own]
        if kind == "group":
            for own in [own for own in self.ledger.memberships if own[0] == moodle_id]:
                del self.ledger.memberships[own]
