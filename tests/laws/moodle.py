"""A Moodle in memory that refuses what Moodle refuses, and what a run may read of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from include.groupsync.errors import MoodleRefused
from include.groupsync.model import keys
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import InQuestion, Now, Use

Pair = tuple[int, int]
Item = dict[str, Any]


@dataclass(frozen=True)
class Object:
    """A grouping or group as Moodle stores it."""

    course_id: int
    idnumber: str | None
    name: str
    description: str = ""


@dataclass
class MoodleState:
    """Everything that a run looks at; ids of groupings and groups come from one counter."""

    courses: dict[int, str] = field(default_factory=dict)
    users: dict[int, str] = field(default_factory=dict)
    enrolled: set[Pair] = field(default_factory=set)  # course and user, suspended or not
    suspended: set[Pair] = field(default_factory=set)  # those of them whose enrolment is suspended
    groupings: dict[int, Object] = field(default_factory=dict)
    groups: dict[int, Object] = field(default_factory=dict)
    links: set[Pair] = field(default_factory=set)  # grouping and group
    members: set[Pair] = field(default_factory=set)  # group and user

    def copy(self) -> "MoodleState":
        return deepcopy(self)

    def portrait(self, first_new: int = 10**9) -> dict[str, set[Any]]:
        """What counts of the state; ``first_new`` on, ids give way to what the object is."""

        def ref(objects: dict[int, Object], at: int) -> Any:
            return at if at < first_new else (objects[at].course_id, objects[at].idnumber)

        return {
            "groupings": {(ref(self.groupings, at), one) for at, one in self.groupings.items()},
            "groups": {(ref(self.groups, at), one) for at, one in self.groups.items()},
            "links": {(ref(self.groupings, a), ref(self.groups, b)) for a, b in self.links},
            "members": {(ref(self.groups, a), b) for a, b in self.members},
        }


class Refused(MoodleRefused):
    """A refusal of the Moodle in memory."""

    def __init__(self, message: str):
        super().__init__("test", "refused", message)


@dataclass
class MemoryMoodle:
    """The executor's writer and reader over a state; a refused call changes nothing."""

    state: MoodleState
    batch: int = 100
    _ids: Iterator[int] = field(default_factory=lambda: count(1000))  # an id is never used again

    def limit(self, fields: int) -> int:
        return self.batch

    # --- reading

    def objects_now(self, kind: Kind, ids: Sequence[int]) -> dict[int, Now]:
        """Without what they hold."""
        objects = self.state.groups if kind is Kind.GROUP else self.state.groupings
        return {at: self._now(objects[at], (), at) for at in ids if at in objects}

    def groups_now(self, ids: Sequence[int]) -> dict[int, Now]:
        return {at: self._now(self.state.groups[at], self.state.members, at) for at in ids if at in self.state.groups}

    def groupings_now(self, ids: Sequence[int]) -> dict[int, Now]:
        return {
            at: self._now(self.state.groupings[at], self.state.links, at) for at in ids if at in self.state.groupings
        }

    def _now(self, one: Object, inside: Iterable[Pair], at: int) -> Now:
        holds = tuple(sorted(other for own, other in inside if own == at))
        return Now(one.course_id, keys.key(one.idnumber), one.name, one.description, 1, holds)

    def objects_in(self, kind: Kind, course_id: int) -> dict[int, Now]:
        """There is no cache here: what is listed is there."""
        objects = self.state.groups if kind is Kind.GROUP else self.state.groupings
        return {at: self._now(one, (), at) for at, one in objects.items() if one.course_id == course_id}

    def enrolled_in(self, course_id: int) -> frozenset[int]:
        return frozenset(user_id for course, user_id in self.state.enrolled if course == course_id)

    def uses_in(self, asked: Mapping[int, InQuestion]) -> dict[int, list[Use]]:
        """No activity uses anything here."""
        return {course_id: [] for course_id in asked}

    def links_in(self, course_ids: Sequence[int]) -> dict[int, dict[int, list[int]]]:
        """The groupings of every group that is in one of the courses."""
        return {course_id: self._links_in(course_id) for course_id in course_ids}

    def _links_in(self, course_id: int) -> dict[int, list[int]]:
        own = {at for at, one in self.state.groupings.items() if one.course_id == course_id}
        links = sorted(pair for pair in self.state.links if pair[0] in own)
        return {group: [a for a, b in links if b == group] for _, group in links}

    # --- writing

    def create_groupings(self, items: Sequence[Item]) -> list[int]:
        return self._whole(lambda: [self._create(self.state.groupings, item) for item in items])

    def create_groups(self, items: Sequence[Item]) -> list[int]:
        return self._whole(lambda: [self._create(self.state.groups, item) for item in items])

    def update_groupings(self, items: Sequence[Item]) -> None:
        self._whole(lambda: [self._update(self.state.groupings, item) for item in items])

    def update_groups(self, items: Sequence[Item]) -> None:
        self._whole(lambda: [self._update(self.state.groups, item) for item in items])

    def delete_groups(self, ids: Sequence[int]) -> None:
        self._whole(lambda: [self._delete(self.state.groups, at) for at in ids])

    def delete_groupings(self, ids: Sequence[int]) -> None:
        self._whole(lambda: [self._delete(self.state.groupings, at) for at in ids])

    def add_links(self, pairs: Sequence[Pair]) -> None:
        self._whole(lambda: [self._link(pair) for pair in pairs])

    def remove_links(self, pairs: Sequence[Pair]) -> None:
        self._whole(lambda: [self._known(pair) and self.state.links.discard(pair) for pair in pairs])

    def add_members(self, pairs: Sequence[Pair]) -> None:
        self._whole(lambda: [self._join(pair) for pair in pairs])

    def remove_members(self, pairs: Sequence[Pair]) -> None:
        for group_id, _ in pairs:
            self._need(group_id in self.state.groups, f"no group {group_id}")
        self.state.members -= set(pairs)

    def _whole(self, write: Callable[[], list[Any]]) -> Any:
        before = self.state.copy()
        try:
            return write()
        except Refused:
            self.state.__dict__.update(before.__dict__)
            raise

    @staticmethod
    def _need(granted: bool, why: str) -> None:
        if not granted:
            raise Refused(why)

    def _create(self, objects: dict[int, Object], item: Item) -> int:
        one = Object(item["courseid"], item["idnumber"], item["name"], item["description"])
        self._need(one.course_id in self.state.courses, f"no course {one.course_id}")
        self._free_name(objects, one)
        self._free_idnumber(objects, one)
        at = next(i for i in self._ids if i not in self.state.groupings and i not in self.state.groups)
        objects[at] = one
        return at

    def _update(self, objects: dict[int, Object], item: Item) -> None:
        self._need(item["id"] in objects, f"no object {item['id']}")
        before = objects.pop(item["id"])
        after = replace(before, name=item["name"], description=item.get("description", before.description))
        if "idnumber" in item:
            after = replace(after, idnumber=item["idnumber"])
        if after.name != before.name:
            self._free_name(objects, after)
        if after.idnumber != before.idnumber:
            self._free_idnumber(objects, after)
        objects[item["id"]] = after

    def _free_name(self, objects: dict[int, Object], one: Object) -> None:
        self._need(bool(one.name) and keys.survives_cleaning(one.name) and len(one.name) <= 255, "not a name")
        taken = any(other.course_id == one.course_id and other.name == one.name for other in objects.values())
        self._need(not taken, f"the name {one.name!r} is taken in course {one.course_id}")

    def _free_idnumber(self, objects: dict[int, Object], one: Object) -> None:
        loose = keys.loose(one.idnumber or "")
        taken = any(
            other.idnumber and other.course_id == one.course_id and keys.loose(other.idnumber) == loose
            for other in objects.values()
        )
        self._need(not taken, f"the idnumber {one.idnumber!r} is taken in course {one.course_id}")

    def _delete(self, objects: dict[int, Object], at: int) -> None:
        self._need(at in objects, f"no object {at}")
        del objects[at]
        if objects is self.state.groups:
            self.state.members = {pair for pair in self.state.members if pair[0] != at}
            self.state.links = {pair for pair in self.state.links if pair[1] != at}
        else:
            self.state.links = {pair for pair in self.state.links if pair[0] != at}

    def _known(self, pair: Pair) -> bool:
        known = pair[0] in self.state.groupings and pair[1] in self.state.groups
        self._need(known, f"no such grouping and group {pair}")
        return known

    def _link(self, pair: Pair) -> None:
        self._known(pair)
        self.state.links.add(pair)

    def _join(self, pair: Pair) -> None:
        self._need(pair[0] in self.state.groups, f"no group {pair[0]}")
        course_id = self.state.groups[pair[0]].course_id
        self._need((course_id, pair[1]) in self.state.enrolled, f"user {pair[1]} is not enrolled in {course_id}")
        self.state.members.add(pair)
