"""What a run did in all, out of its journal: of several changes to one thing the first before and the last after."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.model.journal import REFRESH, Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.things import Group, Grouping

Entry = Mapping[str, Any]
Object = tuple[Kind, int]
Pair = tuple[Kind, int, int]  # grouping and group, or group and user


@dataclass
class Net:
    """What a run did to one object in all."""

    kind: Kind
    moodle_id: int
    course_id: int
    course: str
    module: str | None
    before: Grouping | Group | None
    after: Grouping | Group | None


@dataclass
class PairNet:
    """What a run did to one link or membership: whether it was there before, and is after."""

    course_id: int
    course: str
    module: str | None
    was: bool
    is_now: bool
    user: str | None = None
    ours: bool = True  # False: a hand had made it, and the object that was deleted took it with it


def net_of(entries: Iterable[Entry]) -> tuple[dict[tuple[Kind, int], Net], dict[Pair, PairNet]]:
    """What a run did in all: to objects by kind and id, and to pairs of objects, or of group and person, by ids."""
    objects: dict[tuple[Kind, int], Net] = {}
    pairs: dict[Pair, PairNet] = {}
    for entry in entries:
        if entry["outcome"] != Outcome.DONE or entry["rule"] == REFRESH:
            continue
        kind, action = Kind(entry["kind"]), Action(entry["action"])
        if kind in (Kind.GROUPING, Kind.GROUP):
            moodle_id = entry[f"{kind}_id"]
            before, after = _object(kind, entry["before"]), _object(kind, entry["after"])
            where = entry["course_id"], entry["course"], entry["module"]
            known = objects.setdefault((kind, moodle_id), Net(kind, moodle_id, *where, before, after))
            known.after = after
            if action is Action.DELETE:
                _inside(pairs, entry, kind, moodle_id)
        elif action is not Action.UPDATE:
            first, second = ("grouping_id", "group_id") if kind is Kind.LINK else ("group_id", "user_id")
            _pair(pairs, (kind, entry[first], entry[second]), entry, action, entry["user"])
    return objects, pairs


def _inside(pairs: dict[Pair, PairNet], entry: Entry, kind: Kind, moodle_id: int) -> None:
    """What went with a deleted object: its before-image has it, and what of it was ours (rule J1)."""
    image = entry["before"]
    ours = image.get("ours") or {}
    for member in image.get("members") or []:
        user_id = member["user_id"]
        own = user_id in ours.get("members", ())
        _pair(pairs, (Kind.MEMBERSHIP, moodle_id, user_id), entry, Action.DELETE, member["user"], own)
    for grouping_id in image.get("groupings") or []:
        own = grouping_id in ours.get("groupings", ())
        _pair(pairs, (Kind.LINK, grouping_id, moodle_id), entry, Action.DELETE, None, own)
    for group_id in (image.get("groups") or []) if kind is Kind.GROUPING else []:
        own = group_id in ours.get("groups", ())
        _pair(pairs, (Kind.LINK, moodle_id, group_id), entry, Action.DELETE, None, own)


def _pair(
    pairs: dict[Pair, PairNet], pair: Pair, entry: Entry, action: Action, user: str | None, ours: bool = True
) -> None:
    there = action is Action.CREATE
    where = entry["course_id"], entry["course"], entry["module"]
    known = pairs.setdefault(pair, PairNet(*where, was=not there, is_now=there, user=user, ours=ours))
    known.is_now = there


def _object(kind: Kind, values: Mapping[str, Any] | None) -> Grouping | Group | None:
    if not values:
        return None
    make = Grouping if kind is Kind.GROUPING else Group
    return make(values["course"], values[str(kind)], values["name"], values["description"])
