"""Whether Moodle, read again, is what the applied changes said (rule J2)."""

from collections.abc import Iterable, Mapping

from include.groupsync.apply.executor import Result
from include.groupsync.apply.ids import Ids
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.frames import rows
from include.groupsync.model.journal import Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.model.things import Group, Grouping


class State:
    """A snapshot as look-up tables by Moodle's ids."""

    def __init__(self, snapshot: Snapshot):
        self.objects: dict[Kind, Mapping[int, Mapping[str, object]]] = {
            Kind.GROUPING: {row["grouping_id"]: row for row in rows(snapshot.groupings)},
            Kind.GROUP: {row["group_id"]: row for row in rows(snapshot.groups)},
        }
        self.pairs: dict[Kind, set[tuple[int, int]]] = {
            Kind.LINK: {(row["grouping_id"], row["group_id"]) for row in rows(snapshot.links)},
            Kind.MEMBERSHIP: {(row["group_id"], row["user_id"]) for row in rows(snapshot.members)},
        }


def differences(results: Iterable[Result], ids: Ids, state: State) -> list[Finding]:
    """A finding for every change that is marked done and does not show in Moodle.

    Of several changes of one object, such as a rename by way of a temporary name, the last is what shows.
    """
    last: dict[object, tuple[Result, str | None]] = {}
    for result in results:
        if result.outcome is Outcome.DONE:
            reason = _difference(result.change, result.made_id, ids, state)
            last[_subject(result, ids)] = (result, reason)
    return [_finding(result.change, reason) for result, reason in last.values() if reason]


def _subject(result: Result, ids: Ids) -> object:
    thing = result.change.thing
    if not isinstance(thing, Grouping | Group):
        return thing
    return thing.kind, result.made_id or ids.object_id(thing.kind, thing.course, thing.key)


def _difference(change: Change, made_id: int | None, ids: Ids, state: State) -> str | None:
    if change.kind in (Kind.GROUPING, Kind.GROUP):
        return _object_difference(change, made_id, ids, state)
    pair = _pair(change, ids)
    there = pair in state.pairs[change.kind]
    if there != (change.after is not None):
        return "still there after it was removed" if there else "not there after it was added"
    return None


def _object_difference(change: Change, made_id: int | None, ids: Ids, state: State) -> str | None:
    thing = change.after or change.thing
    assert isinstance(thing, Grouping | Group)
    own = thing.key
    moodle_id = made_id or ids.object_id(change.kind, change.course, own)
    there = state.objects[change.kind].get(moodle_id or 0)
    if change.action is Action.DELETE:
        return "still there after it was deleted" if there else None
    if there is None:
        return "not there after it was written"
    expected = {"idnumber": own, "name": thing.name, "description": thing.description or ""}
    if keys.moodle_id_of(own) is not None:
        del expected["idnumber"]
    stored = dict(there) | {"idnumber": keys.key(str(there["idnumber"] or ""))}
    wrong = [what for what, value in expected.items() if (stored[what] or "") != value]
    return f"other {', '.join(wrong)} than was written" if wrong else None


def _pair(change: Change, ids: Ids) -> tuple[int | None, int | None]:
    thing = change.thing
    group_id = ids.object_id(Kind.GROUP, thing.course, thing.group)  # type: ignore[union-attr]
    if change.kind is Kind.LINK:
        return ids.object_id(Kind.GROUPING, thing.course, thing.grouping), group_id  # type: ignore[union-attr]
    return group_id, ids.user_id(change, group_id or 0)


def _finding(change: Change, reason: str) -> Finding:
    row = change.row()
    return Finding(
        dataset="moodle",
        severity=Severity.ERROR,
        rule="J2",
        reason=f"{change.action} of {change.kind}: {reason}",
        course=change.course,
        key=row.get("group") or row.get("grouping"),
        user=row.get("user"),
        source_row=change.source_row,
        next_step="Look at it in Moodle; the next run compares it again.",
    )
