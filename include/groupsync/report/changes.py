"""The plan as people read it: by course, then kind, then action, each change with before, after and rule."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from include.groupsync.model.change import Change
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan

_KINDS = list(Kind)
_ACTIONS = list(Action)


def courses_of(plan: Plan) -> Iterator[dict[str, Any]]:
    """A document for each course that the plan touches, in the order of their keys."""
    ordered = sorted(plan.changes(), key=lambda c: (c.course, _KINDS.index(c.kind), _ACTIONS.index(c.action), c.step))
    for course, changes in groupby(ordered, key=lambda change: change.course):
        yield {"course": course, "changes": [as_document(change) for change in changes]}


def as_document(change: Change) -> dict[str, Any]:
    """One change as plain values; what does not apply to it is left out."""
    document: dict[str, Any] = {"kind": str(change.kind), "action": str(change.action), "key": key_of(change)}
    for side, thing in (("before", change.before), ("after", change.after)):
        if thing is not None:
            document[side] = {name: value for name, value in asdict(thing).items() if name != "course"}
    more = {name: getattr(change, name) for name in ("rule", "waits_for", "evidence", "module", "source_row")}
    document |= {name: value for name, value in more.items() if value is not None}
    return document | ({"step": change.step} if change.step else {})


def key_of(change: Change) -> str:
    """The thing's key within its course, in words: ``TUT1``, ``TUT1 in Tutorials``, ``zcabc12 in TUT1``."""
    row = change.row()
    match change.kind:
        case Kind.GROUPING | Kind.GROUP:
            return str(row[change.kind])
        case Kind.LINK:
            return f"{row['group']} in {row['grouping']}"
        case Kind.MEMBERSHIP:
            return f"{row['user']} in {row['group']}"


def differences_of(document: Mapping[str, Any]) -> list[str]:
    """What an update changes, field by field, as ``name: A → B``."""
    before, after = document.get("before", {}), document.get("after", {})
    return [
        f"{name}: {before[name]} → {after[name]}" for name in before if name in after and before[name] != after[name]
    ]
