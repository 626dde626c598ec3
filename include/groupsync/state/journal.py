"""The journal, and with it the ledger: an outcome and what it makes managed are one transaction (rule J1)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.groupsync.model.change import Change
from include.groupsync.model.journal import BY_HAND, REFRESH, Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import with_term
from include.groupsync.model.things import Group, Grouping, Link, Membership, Thing
from include.groupsync.state import ledger
from include.groupsync.state.history import UNSETTLED
from include.groupsync.state.tables import JOURNAL, LINK, MEMBERSHIP, OBJECT


class RunJournal:
    """The journal of one run; what it has written down is on disk when a call returns.

    ``after`` is the journal's last entry when the run read what its plan was made of: what the run sent before was of
    another plan, as it was repeated from the start, and what other runs did since is not in its plan.
    """

    def __init__(
        self,
        engine: sa.Engine,
        run_id: str,
        term: str,
        now: Callable[[], datetime],
        after: int = 0,
    ):
        self._engine, self._run_id, self._term, self._now, self._after = engine, run_id, term, now, after
        self._of_this_plan = (JOURNAL.c.run_id == run_id, JOURNAL.c.rule != REFRESH, JOURNAL.c.entry > after)
        self._open: dict[int, Intent] = {}
        self._resumed: bool | None = None
        self._doubled: bool | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the run has sent something of its plan, in this process or before it was interrupted."""
        sent = sa.select(JOURNAL.c.entry).where(*self._of_this_plan)
        with self._engine.connect() as link:
            return link.execute(sent.limit(1)).first() is not None

    def unsettled(self) -> list[tuple[int, Intent]]:
        """The run's entries of which nobody knows what became of them, to be settled now; in their order."""
        own = sa.select(JOURNAL).where(JOURNAL.c.run_id == self._run_id, UNSETTLED).order_by(JOURNAL.c.entry)
        with self._engine.connect() as link:
            found = [(int(row.entry), _intent(row)) for row in link.execute(own)]
        self._open.update(found)
        return found

    def done(self, changes: Sequence[Change]) -> dict[int, int | None]:
        """The places of changes that this run did before it was interrupted, with the object's id; and of groupings and
        groups that another run made, just so, since this one's plan was made: they are this run's term's too from now
        on (rule C5).  For whoever has the lease."""
        if not changes:
            return {}
        if self._resumed is None:
            self._resumed = self.has_begun
        return self._done_by_others(changes) | (self._done_before(changes) if self._resumed else {})

    def _done_by_others(self, changes: Sequence[Change]) -> dict[int, int | None]:
        others = (JOURNAL.c.run_id != self._run_id, JOURNAL.c.entry > self._after, JOURNAL.c.action == "create")
        if self._doubled is None:
            with self._engine.connect() as link:
                self._doubled = link.execute(sa.select(JOURNAL.c.entry).where(*others).limit(1)).first() is not None
        kind, action = changes[0].kind, changes[0].action
        if not self._doubled or action is not Action.CREATE or kind not in (Kind.GROUPING, Kind.GROUP):
            return {}
        statement = (
            sa.select(JOURNAL)
            .where(
                *others,
                JOURNAL.c.rule.not_in([REFRESH, BY_HAND]),
                JOURNAL.c.course.in_(sorted({change.course for change in changes})),
                JOURNAL.c.kind == str(kind),
                JOURNAL.c.outcome == str(Outcome.DONE),
            )
            .order_by(JOURNAL.c.entry)
        )  # the last one holds
        found: dict[int, int | None] = {}
        with self._engine.begin() as link:
            made = {_same(_change(row)): row for row in link.execute(statement)}
            for at, change in enumerate(changes):
                row = made.get(_same(change))
                if row is None or _thing(row.kind, row.after) != change.after:
                    continue
                moodle_id = row.grouping_id if kind is Kind.GROUPING else row.group_id
                if ledger.claim(link, str(kind), moodle_id, self._term):
                    found[at] = moodle_id
        return found

    def _done_before(self, changes: Sequence[Change]) -> dict[int, int | None]:
        courses = sorted({change.course for change in changes})
        statement = sa.select(JOURNAL).where(
            *self._of_this_plan,
            JOURNAL.c.course.in_(courses),
            JOURNAL.c.kind == str(changes[0].kind),
            JOURNAL.c.action == str(changes[0].action),
            JOURNAL.c.outcome == str(Outcome.DONE),
        )
        with self._engine.connect() as link:
            done = {_same(_change(row)): row for row in link.execute(statement)}
        found = {}
        for at, change in enumerate(changes):
            row = done.get(_same(change))
            if row is not None:
                found[at] = row.grouping_id if change.kind is Kind.GROUPING else row.group_id
        return found

    def intend(self, intents: Sequence[Intent]) -> list[int]:
        """Write down what is about to be sent; the entries' numbers, in the order of the intents."""
        common = {"run_id": self._run_id, "term": self._term, "intent_at": self._now()}
        numbered = JOURNAL.insert().returning(JOURNAL.c.entry, sort_by_parameter_order=True)
        with self._engine.begin() as link:
            ours = _ours_inside(link, intents)
            entries_of_intents = [_entry(intent, ours) | common for intent in intents]
            made = link.execute(numbered, entries_of_intents).scalars()
            entries = [int(entry) for entry in made]
        self._open.update(zip(entries, intents, strict=True))
        return entries

    def leave(self, left: Sequence[tuple[Intent, str]]) -> None:
        """Write down what was not sent, as it is no longer what the plan expects, and why (rules A2, G1)."""
        at = self._now()
        common = {"run_id": self._run_id, "term": self._term, "intent_at": at, "outcome_at": at}
        common["outcome"] = str(Outcome.SKIPPED)
        with self._engine.begin() as link:
            link.execute(
                JOURNAL.insert(), [_entry(intent, {}) | common | {"reason": reason} for intent, reason in left]
            )

    def settle(self, settled: Sequence[Settled]) -> None:
        """Write down the outcomes, and what they change in the ledger."""
        if not settled:
            return
        at = self._now()
        outcomes = [
            {"of_entry": s.entry, "to": str(s.outcome), "at": at, "why": s.reason, "made": s.made_id} for s in settled
        ]
        done = [(self._open[s.entry], s.made_id) for s in settled if s.outcome is Outcome.DONE]
        done = [(intent, made) for intent, made in done if intent.change.rule not in (REFRESH, BY_HAND)]
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
        key = ("grouping_id", "group_id") if kind is Kind.LINK else ("group_id", "user_id")
        rows = [(intent, self._pair(intent)) for intent, _ in done]
        known = ledger.claims(link, name, [tuple(row[part] for part in key) for _, row in rows])
        for _, row in rows:
            row["terms"] = with_term(known.get(tuple(row[part] for part in key)), self._term)
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


def _ours_inside(link: sa.Connection, intents: Sequence[Intent]) -> dict[tuple[Kind, int], dict[str, list[int]]]:
    """What of the inside of the groups and groupings that are to go is managed: a restore makes only that ours again.

    By object: ``members`` of a group by user id, its ``groupings``, and the ``groups`` of a grouping.
    """
    gone = [intent for intent in intents if intent.change.after is None]
    groups = [intent.group_id for intent in gone if intent.change.kind is Kind.GROUP]
    groupings = [intent.grouping_id for intent in gone if intent.change.kind is Kind.GROUPING]
    found: dict[tuple[Kind, int], dict[str, list[int]]] = {}

    def ask(table: sa.Table, kind: Kind, own: str, inside: str, ids: Sequence[int | None]) -> None:
        name = {"user_id": "members", "grouping_id": "groupings", "group_id": "groups"}[inside]
        wanted = sa.select(table.c[own], table.c[inside]).where(table.c[own].in_(ids))
        for own_id, other in link.execute(wanted if table is MEMBERSHIP else wanted.where(~table.c.gone)):
            found.setdefault((kind, own_id), {}).setdefault(name, []).append(other)

    if groups:
        ask(MEMBERSHIP, Kind.GROUP, "group_id", "user_id", groups)
        ask(LINK, Kind.GROUP, "group_id", "grouping_id", groups)
    if groupings:
        ask(LINK, Kind.GROUPING, "grouping_id", "group_id", groupings)
    return found


def _entry(intent: Intent, ours: Mapping[tuple[Kind, int], Mapping[str, list[int]]]) -> dict[str, Any]:
    """A journal row; a delete's ``before`` is the full image, another's the thing itself."""
    change, row = intent.change, intent.change.row()
    before = asdict(change.before) if change.before else None
    own_id = intent.grouping_id if change.kind is Kind.GROUPING else intent.group_id
    inside = ours.get((change.kind, own_id or 0))
    image = (intent.image or {}) | ({"ours": inside} if inside else {})
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
        "before": before | image if before else None,
        "after": asdict(change.after) if change.after else None,
        "module": change.module,
    }


def _intent(row: Any) -> Intent:
    """The intent of a journal row; of a before-image only what is needed to find the thing."""
    return Intent(_change(row), row.batch, row.course_id, row.grouping_id, row.group_id, row.user_id)


def _change(row: Any) -> Change:
    return Change(_thing(row.kind, row.before), _thing(row.kind, row.after), row.rule, row.module)


def _thing(kind: str, values: Mapping[str, Any] | None) -> Thing | None:
    made = _THINGS[Kind(kind)]
    return made(**{part.name: values.get(part.name) for part in fields(made)}) if values else None


def _same(change: Change) -> tuple[Any, ...]:
    """What tells changes of one run apart.  A delete's image has the fields of the moment: its key is enough."""
    thing = change.thing
    own = tuple(getattr(thing, part, None) for part in ("course", "grouping", "group", "user"))
    return (change.action, *own, *((change.before, change.after) if change.action is Action.UPDATE else ()))


_THINGS: dict[Kind, type[Any]] = {
    Kind.GROUPING: Grouping,
    Kind.GROUP: Group,
    Kind.LINK: Link,
    Kind.MEMBERSHIP: Membership,
}
