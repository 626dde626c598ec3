"""One batch on its way: sent once, split where Moodle refuses it, settled where the answer is lost (A3, A4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.groupsync.apply.healing import Healing
from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.ports import Reader, Writer
from include.groupsync.apply.reasons import judge
from include.groupsync.apply.settling import Settling
from include.groupsync.errors import GroupsyncError, MoodleRefused, OutcomeUnknown
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.things import Group, Grouping

Pending = list[tuple[int, Intent]]
_TRIES = 4  # of a batch whose answer is lost and that was not done
# Said of an item that has nothing wrong: another transaction was in the way, or the cache shows a phantom.
_MAY_PASS = ("dmlwriteexception", "idnumbertaken")


@dataclass(frozen=True)
class Means:
    """What every delivery uses.  ``formats`` are the descriptions' formats: Moodle resets what is not sent."""

    writer: Writer
    reader: Reader
    healing: Healing
    settling: Settling
    pace: Pace
    formats: Mapping[tuple[Kind, int], int]


@dataclass
class Delivery:
    """``settled`` grows as outcomes become known; ``stopped`` is why it ended before all of them were."""

    means: Means
    pending: Pending
    settled: list[Settled] = field(default_factory=list)
    stopped: GroupsyncError | None = None
    _failed: set[tuple[str, str]] = field(default_factory=set)

    def run(self) -> "Delivery":
        """Send the batch; every entry has an outcome afterwards."""
        try:
            self._send(self.pending)
        except GroupsyncError as error:
            self.stopped = error
            known = {one.entry for one in self.settled}
            left = [entry for entry, _ in self.pending if entry not in known]
            self.settled += [Settled(entry, Outcome.NOT_TRIED, str(error)) for entry in left]
        return self

    def _send(self, pending: Pending, tries: int = 1) -> None:
        """One call for all that need not wait; what is refused is halved until the bad item stands alone."""
        pending = self._free(pending)
        if not pending:
            return
        try:
            made = self._call([intent for _, intent in pending])
        except MoodleRefused as refused:
            self._refused(pending, refused, tries)
        except OutcomeUnknown as unknown:
            self._unknown(pending, unknown, tries)
        else:
            for at, (entry, _) in enumerate(pending):
                self.settled.append(Settled(entry, Outcome.DONE, made_id=made[at] if made else None))

    def _free(self, pending: Pending) -> Pending:
        """Those that wait for no name which this batch failed to free."""
        kept = []
        for entry, intent in pending:
            change = intent.change
            if change.waits_for and (change.course, change.waits_for) in self._failed:
                self.settled.append(Settled(entry, Outcome.WAITING, still_taken(change.waits_for)))
                self._fail(intent)
            else:
                kept.append((entry, intent))
        return kept

    def _fail(self, intent: Intent) -> None:
        if isinstance(intent.change.before, Grouping | Group):
            self._failed.add((intent.change.course, intent.change.before.key))

    def _refused(self, pending: Pending, refused: MoodleRefused, tries: int) -> None:
        change = pending[0][1].change
        makes_names = change.kind in (Kind.GROUPING, Kind.GROUP) and change.action is not Action.DELETE
        if len(pending) > 1:
            if makes_names:
                # What came before the bad item is now a phantom in its course's cache, and would be refused as
                # "already in use" when it is sent again.
                self._heal(pending)
            middle = len(pending) // 2
            self._send(pending[:middle])
            self._send(pending[middle:])
            return
        if refused.errorcode in _MAY_PASS and tries == 1:
            if makes_names:
                self._heal(pending)
            self._send(pending, tries + 1)
            return
        entry, intent = pending[0]
        outcome, reason = judge(self.means.reader, intent, refused)
        self.settled.append(Settled(entry, outcome, reason))
        if outcome is not Outcome.DONE:
            self._fail(intent)

    def _heal(self, pending: Pending) -> None:
        self.means.healing.heal({intent.course_id: intent.change.course for _, intent in pending})

    def _unknown(self, pending: Pending, unknown: OutcomeUnknown, tries: int) -> None:
        """Read what was done; what was not, and no longer can be, is sent again."""
        try:
            done = self.means.settling.settle(pending, since=self.means.pace.now())
        except GroupsyncError as error:
            self._leave_unknown(pending, f"{unknown} It could not be read back: {error}")
            raise
        self.settled += done.values()
        left = [(entry, intent) for entry, intent in pending if entry not in done]
        if left and tries >= _TRIES:
            self._leave_unknown(left, str(unknown))
            raise unknown
        self._send(left, tries + 1)

    def _leave_unknown(self, pending: Pending, why: str) -> None:
        self.settled += [Settled(entry, Outcome.UNKNOWN, why) for entry, _ in pending]

    def _call(self, intents: Sequence[Intent]) -> list[int] | None:
        def sent() -> list[int] | None:
            with self.means.pace.call(len(intents)):
                return call(self.means.writer, intents, self.means.formats)

        return self.means.pace.insist(sent)


def still_taken(key: str) -> str:
    """Why a change waits for another's name."""
    return f"{key} still has the name that it is to get"


def call(writer: Writer, intents: Sequence[Intent], formats: Mapping[tuple[Kind, int], int]) -> list[int] | None:
    """Send intents of one kind and action in one call; the ids of what was created."""
    kind, action = intents[0].change.kind, intents[0].change.action
    match kind, action:
        case Kind.GROUPING, Action.CREATE:
            return writer.create_groupings([_new(intent) for intent in intents])
        case Kind.GROUP, Action.CREATE:
            return writer.create_groups([_new(intent) for intent in intents])
        case Kind.GROUPING, Action.UPDATE:
            writer.update_groupings([_edit(intent, formats) for intent in intents])
        case Kind.GROUP, Action.UPDATE:
            writer.update_groups([_edit(intent, formats) for intent in intents])
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


def _new(intent: Intent) -> dict[str, Any]:
    after = intent.change.after
    assert isinstance(after, Grouping | Group)
    fields = {"name": after.name, "description": after.description or "", "idnumber": after.key}
    return {"courseid": intent.course_id, **fields}


def _edit(intent: Intent, formats: Mapping[tuple[Kind, int], int]) -> dict[str, Any]:
    """Name and format always, as Moodle resets what is not sent; the idnumber only where it changes, as its check
    is loose and cached."""
    before, after = intent.change.before, intent.change.after
    assert isinstance(before, Grouping | Group)
    assert isinstance(after, Grouping | Group)
    moodle_id = _id(intent.grouping_id or intent.group_id)
    item: dict[str, Any] = {"id": moodle_id, "name": after.name}
    if after.key != before.key:
        item["idnumber"] = after.key
    if isinstance(after, Grouping) or after.description != before.description:
        item["description"] = after.description or ""
    return item | {"descriptionformat": formats.get((after.kind, moodle_id), 1)}


def _id(moodle_id: int | None) -> int:
    assert moodle_id is not None, "an intent is resolved before it is sent"
    return moodle_id
