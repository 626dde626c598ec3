"""Sends a plan to Moodle in order, batch by batch, each intent on disk before its call (rules A1 to A3, J1)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby, islice
from typing import Any

from include.groupsync.apply.ids import Ids
from include.groupsync.apply.ports import Journal, Reader, Writer
from include.groupsync.errors import MoodleRefused, MoodleUnreachable, OutcomeUnknown
from include.groupsync.model.change import Change
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import InQuestion, Now, Use
from include.groupsync.model.things import Group, Grouping

# Form fields that one item of a call takes, by kind and action.
_FIELDS = {
    (Kind.GROUPING, Action.CREATE): 4,
    (Kind.GROUP, Action.CREATE): 4,
    (Kind.GROUPING, Action.UPDATE): 5,
    (Kind.GROUP, Action.UPDATE): 5,
    (Kind.GROUPING, Action.DELETE): 1,
    (Kind.GROUP, Action.DELETE): 1,
    (Kind.LINK, Action.CREATE): 2,
    (Kind.LINK, Action.UPDATE): 2,
    (Kind.LINK, Action.DELETE): 2,
    (Kind.MEMBERSHIP, Action.CREATE): 2,
    (Kind.MEMBERSHIP, Action.UPDATE): 2,
    (Kind.MEMBERSHIP, Action.DELETE): 2,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change."""

    change: Change
    outcome: Outcome
    reason: str | None = None
    made_id: int | None = None


@dataclass
class Executor:
    """``expected_members`` are, by group id, what the plan was made from: a group with more members is not
    deleted.  ``user_keys`` are source keys by user id, for before-images.  ``formats`` are the descriptions'
    formats: an update that does not send its own has Moodle reset it.
    """

    writer: Writer
    reader: Reader
    journal: Journal
    ids: Ids
    expected_members: dict[int, frozenset[int]] = field(default_factory=dict)
    user_keys: dict[int, str] = field(default_factory=dict)
    formats: dict[tuple[Kind, int], int] = field(default_factory=dict)
    _batch: int = 0
    _names: dict[tuple[Kind, int], str] = field(default_factory=dict)  # as this run has left them
    _undone: set[tuple[Kind, str, str]] = field(default_factory=set)  # names that were not freed

    def apply(self, plan: Plan, record: Callable[[Result], None]) -> None:
        """Send every change; ``record`` is told what became of each, in order.

        Raises MoodleUnreachable or OutcomeUnknown when the site stops answering; by then the journal knows
        what was sent, and every change has been recorded.
        """
        stopped: Exception | None = None
        for (kind, action, _), course in groupby(plan.changes(), key=lambda c: (c.kind, c.action, c.course)):
            limit = self.writer.limit(_FIELDS[kind, action])
            while batch := list(islice(course, limit)):
                if stopped is not None:
                    for change in batch:
                        record(Result(change, Outcome.NOT_TRIED, "the site stopped answering"))
                    continue
                try:
                    self._apply_batch(kind, action, batch, record)
                except (MoodleUnreachable, OutcomeUnknown) as error:
                    stopped = error
        if stopped is not None:
            raise stopped

    def _apply_batch(
        self, kind: Kind, action: Action, changes: Sequence[Change], record: Callable[[Result], None]
    ) -> None:
        self._batch += 1
        intents: list[Intent] = []
        for change in changes:
            found = self._resolve(change)
            if isinstance(found, Intent):
                intents.append(found)
            else:
                record(Result(change, Outcome.WAITING, found))
        if action is Action.DELETE or (changes and _is_claim(changes[0])):
            intents = self._read_again(intents, record)
        if not intents:
            return
        entries = self.journal.intend(intents)
        settled: list[Settled] = []
        stopped: Exception | None = None
        try:
            for outcome in self._send(kind, action, list(zip(entries, intents, strict=True))):
                settled.append(outcome)
        except (MoodleUnreachable, OutcomeUnknown) as error:
            stopped = error
            left = Outcome.UNKNOWN if isinstance(error, OutcomeUnknown) else Outcome.NOT_TRIED
            done = {one.entry for one in settled}
            settled += [Settled(entry, left, str(error)) for entry in entries if entry not in done]
        self.journal.settle(settled)
        for entry, intent in zip(entries, intents, strict=True):
            one = next(s for s in settled if s.entry == entry)
            self._learn(intent, one)
            if one.outcome is not Outcome.DONE and isinstance(intent.change.before, Grouping | Group):
                self._undone.add((kind, intent.change.course, intent.change.before.key))
            record(Result(intent.change, one.outcome, one.reason, one.made_id))
        if stopped:
            raise stopped

    def _resolve(self, change: Change) -> Intent | str:
        """The intent with Moodle's ids, or why it must wait."""
        course, thing, kind = change.course, change.thing, change.kind
        if change.waits_for and (kind, course, change.waits_for) in self._undone:
            return f"{change.waits_for} still has the name that it is to get"
        found = Intent(change, self._batch, self.ids.courses[course])
        if kind is not Kind.GROUP and kind is not Kind.MEMBERSHIP and not _made(change, Kind.GROUPING):
            grouping_id = self.ids.object_id(Kind.GROUPING, course, thing.grouping)  # type: ignore[union-attr]
            if grouping_id is None:
                return f"its grouping {thing.grouping} is not in Moodle"  # type: ignore[union-attr]
            found = replace(found, grouping_id=grouping_id)
        if kind is not Kind.GROUPING and not _made(change, Kind.GROUP):
            group_id = self.ids.object_id(Kind.GROUP, course, thing.group)  # type: ignore[union-attr]
            if group_id is None:
                return f"its group {thing.group} is not in Moodle"  # type: ignore[union-attr]
            found = replace(found, group_id=group_id)
            if kind is Kind.MEMBERSHIP:
                user_id = self.ids.user_id(change, group_id)
                if user_id is None:
                    return "the person's key is no longer one account's"
                found = replace(found, user_id=user_id)
        return found

    def _read_again(self, intents: list[Intent], record: Callable[[Result], None]) -> list[Intent]:
        """The deletes that still are what the plan expects, with their before-images (rule A2), or the claims on
        what still is there."""
        group_ids = sorted({i.group_id for i in intents if i.group_id is not None})
        grouping_ids = sorted({i.grouping_id for i in intents if i.grouping_id is not None})
        groups = self.reader.groups_now(group_ids) if group_ids else {}
        groupings = self.reader.groupings_now(grouping_ids) if grouping_ids else {}
        # A batch is one course's, and of one kind.
        takes_objects = isinstance(intents[0].change.before, Grouping | Group) if intents else False
        links = self.reader.links_in(intents[0].course_id) if takes_objects and groups else {}
        asked = InQuestion(
            groups={moodle_id: now.name for moodle_id, now in groups.items()},
            groupings={moodle_id: now.name for moodle_id, now in groupings.items()},
            links=frozenset((grouping, group) for group, several in links.items() for grouping in several),
        )
        uses = self.reader.uses_in(intents[0].course_id, asked) if takes_objects and asked.objects else []
        kept = []
        for intent in intents:
            sides = [
                (Kind.GROUPING, intent.grouping_id, groupings),
                (Kind.GROUP, intent.group_id, groups),
            ]
            reason = next(filter(None, (self._changed(intent, *side) for side in sides)), None)
            if _is_claim(intent.change):
                reason = reason or _left(intent, groups, groupings)
            if reason:
                record(Result(intent.change, Outcome.SKIPPED, reason))
            else:
                kept.append(replace(intent, image=self._image(intent, groups, groupings, links, uses)))
        return kept

    def _changed(self, intent: Intent, kind: Kind, moodle_id: int | None, now: dict[int, Now]) -> str | None:
        if moodle_id is None:
            return None
        there, before = now.get(moodle_id), intent.change.before
        if there is None:
            return f"the {kind} is no longer in Moodle"
        if there.course_id != intent.course_id:
            return f"the {kind} is in another course now"
        if isinstance(before, Grouping | Group):
            own = before.key
            expected = self._names.get((kind, moodle_id), before.name)
            if (there.key, there.name) != (own, expected):
                return f"the {kind} has another name or idnumber now"
            if kind is Kind.GROUP and set(there.holds) - self.expected_members.get(moodle_id, frozenset()):
                return "the group has more members now"
        return None

    def _image(
        self,
        intent: Intent,
        groups: dict[int, Now],
        groupings: dict[int, Now],
        links: dict[int, list[int]],
        uses: list[Use],
    ) -> dict[str, Any] | None:
        """Everything that a delete takes away: fields, members and links; and which activities use it (rule J1)."""
        before, own = intent.change.before, (str(intent.change.kind), intent.grouping_id or intent.group_id)
        used = [asdict(use) for use in uses if (use.kind, use.moodle_id) == own]
        if isinstance(before, Group) and intent.group_id is not None:
            now = groups[intent.group_id]
            members = [{"user_id": u, "user": self.user_keys.get(u)} for u in now.holds]
            return _fields(now) | {
                "members": members,
                "groupings": links.get(intent.group_id, []),
                "used_by": used,
            }
        if isinstance(before, Grouping) and intent.grouping_id is not None:
            now = groupings[intent.grouping_id]
            return _fields(now) | {"groups": list(now.holds), "used_by": used}
        return None

    def _send(self, kind: Kind, action: Action, pending: list[tuple[int, Intent]]) -> Iterator[Settled]:
        """One call for all; what Moodle refuses is halved until the bad item stands alone (rule A3)."""
        try:
            made = self._call(kind, action, [intent for _, intent in pending])
        except MoodleRefused as refused:
            if len(pending) == 1:
                yield Settled(pending[0][0], Outcome.REFUSED, str(refused))
                return
            if kind in (Kind.GROUPING, Kind.GROUP) and action is not Action.DELETE:
                # The refused items that came before the bad one are now phantoms in the course's cache,
                # and would be refused as "already in use" when they are sent again.
                self.writer.heal(pending[0][1].course_id)
            middle = len(pending) // 2
            yield from self._send(kind, action, pending[:middle])
            yield from self._send(kind, action, pending[middle:])
        else:
            for at, (entry, _) in enumerate(pending):
                yield Settled(entry, Outcome.DONE, made_id=made[at] if made else None)

    def _call(self, kind: Kind, action: Action, intents: list[Intent]) -> list[int] | None:
        writer = self.writer
        match kind, action:
            case Kind.GROUPING, Action.CREATE:
                return writer.create_groupings([_new(intent) for intent in intents])
            case Kind.GROUP, Action.CREATE:
                return writer.create_groups([_new(intent) for intent in intents])
            case Kind.GROUPING, Action.UPDATE:
                writer.update_groupings([self._edit(intent) for intent in intents])
            case Kind.GROUP, Action.UPDATE:
                writer.update_groups([self._edit(intent) for intent in intents])
            case Kind.GROUPING, Action.DELETE:
                writer.delete_groupings([_id(intent.grouping_id) for intent in intents])
            case Kind.GROUP, Action.DELETE:
                writer.delete_groups([_id(intent.group_id) for intent in intents])
            case ((Kind.LINK | Kind.MEMBERSHIP), Action.UPDATE):
                pass  # a claim: it is there already, and only the ledger learns of it (rule O2)
            case Kind.LINK, _:
                pairs = [(_id(intent.grouping_id), _id(intent.group_id)) for intent in intents]
                (writer.add_links if action is Action.CREATE else writer.remove_links)(pairs)
            case Kind.MEMBERSHIP, _:
                people = [(_id(intent.group_id), _id(intent.user_id)) for intent in intents]
                (writer.add_members if action is Action.CREATE else writer.remove_members)(people)
        return None

    def _edit(self, intent: Intent) -> dict[str, Any]:
        """Name and format always, as Moodle resets what is not sent; the idnumber only where it changes, as
        its check is loose and cached."""
        before, after = intent.change.before, intent.change.after
        assert isinstance(before, Grouping | Group)
        assert isinstance(after, Grouping | Group)
        moodle_id = _id(intent.grouping_id or intent.group_id)
        item: dict[str, Any] = {"id": moodle_id, "name": after.name}
        if after.key != before.key:
            item["idnumber"] = after.key
        if isinstance(after, Grouping) or after.description != before.description:
            item["description"] = after.description or ""
        return item | {"descriptionformat": self.formats.get((after.kind, moodle_id), 1)}

    def _learn(self, intent: Intent, settled: Settled) -> None:
        """Keep the ids in step: what was created has one, what got a new idnumber is found under it."""
        if settled.outcome is not Outcome.DONE or not isinstance(intent.change.after, Grouping | Group):
            return
        after = intent.change.after
        own = after.key
        moodle_id = settled.made_id or intent.grouping_id or intent.group_id
        if moodle_id is not None:
            self.ids.objects[after.kind, after.course, own] = moodle_id
            self._names[after.kind, moodle_id] = after.name


def _made(change: Change, kind: Kind) -> bool:
    """Whether the change itself creates its object of that kind, which then has no id yet."""
    return change.kind is kind and change.action is Action.CREATE


def _is_claim(change: Change) -> bool:
    return change.action is Action.UPDATE and change.kind in (Kind.LINK, Kind.MEMBERSHIP)


def _left(intent: Intent, groups: dict[int, Now], groupings: dict[int, Now]) -> str | None:
    """Why a link or membership cannot be claimed: it was taken out since it was read."""
    if intent.change.kind is Kind.LINK:
        there = intent.group_id in groupings[_id(intent.grouping_id)].holds
    else:
        there = intent.user_id in groups[_id(intent.group_id)].holds
    return None if there else f"the {intent.change.kind} is no longer in Moodle"


def _id(moodle_id: int | None) -> int:
    assert moodle_id is not None, "an intent is resolved before it is sent"
    return moodle_id


def _fields(now: Now) -> dict[str, Any]:
    return {
        "idnumber": now.key,
        "name": now.name,
        "description": now.description,
        "description_format": now.description_format,
    }


def _new(intent: Intent) -> dict[str, Any]:
    after = intent.change.after
    assert isinstance(after, Grouping | Group)
    own = after.key
    fields = {"name": after.name, "description": after.description or "", "idnumber": own}
    return {"courseid": intent.course_id, **fields}
