"""What Moodle holds now, as frames; its cached lists give ids only, its database says what is behind them.

``get_course_groups`` and ``get_course_groupings`` answer from a cache that shows phantoms after a rollback and
unwritten names after a refused update; ``get_groups``, ``get_groupings`` and ``get_group_members`` do not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from include.groupsync.errors import MoodleRefused, SettingsError
from include.groupsync.model import keys
from include.groupsync.model.frames import frame_of
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import COURSES, SCHEMAS, USERS, InQuestion, Now, Snapshot, Use
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.halving import bisect
from include.groupsync.moodle.marker import CONTROL_COURSE
from include.groupsync.moodle.uses import read_uses

RAW = {"moodlewssettingraw": 1}  # without it names come escaped and descriptions cleaned
_NOT_THERE = "invalidrecord"
_USERS_PER_CALL = 500


def read_course_keys(client: MoodleClient, field_name: str) -> pd.DataFrame:
    """All courses of the site (columns COURSES), never the control course or the front page; ``course`` is the key
    in ``field_name``, null where a course has none.

    Two courses may share a key after trimming; both are listed, and fit nothing (rule K3).
    """
    try:
        listed = client.read("core_course_get_courses", RAW)
    except MoodleRefused as refused:
        if refused.errorcode != "errorcoursecontextnotvalid":
            raise
        # One course that the account may not enter makes the whole list fail; this one leaves it out.
        listed = client.read("core_course_get_courses_by_field", RAW)["courses"]
    # Moodle may not show an idnumber in the list and still find the course by it.
    asked = {"field": "idnumber", "value": CONTROL_COURSE}
    control = {course["id"] for course in client.read("core_course_get_courses_by_field", asked)["courses"]}
    found = []
    for course in listed:
        if field_name not in course:
            raise SettingsError(
                f"localcoursefield: Moodle does not show a course's {field_name} to the token's account;"
                " give it the capability moodle/course:update, or choose another field."
            )
        key = keys.key(str(course[field_name]))
        if course["id"] not in control and course.get("categoryid") != 0:
            found.append({"course_id": course["id"], "course": key})
    return frame_of(found, COURSES)


# An object as a list or the database has it: kind, id, name and idnumber.
_Listed = tuple[str, int, str, str]


@dataclass
class _Courses:
    """What the calls per course gave: ids to be looked up, people, and the courses that failed."""

    group_ids: dict[int, list[int]] = field(default_factory=dict)
    grouping_ids: dict[int, list[int]] = field(default_factory=dict)
    listed: dict[int, set[_Listed]] = field(default_factory=dict)
    people: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)


def read_snapshot(
    client: MoodleClient,
    courses: pd.DataFrame,
    *,
    user_field: str,
    with_people: bool,
    known_groups: Mapping[int, Sequence[int]],
    known_groupings: Mapping[int, Sequence[int]],
) -> Snapshot:
    """Everything that Moodle holds of the given courses (columns COURSES).

    ``known_groups`` and ``known_groupings`` are ids by course that the ledger expects: the lists may hide a
    new object, so those are looked up whether listed or not.  A course that refuses is in ``unread``.
    Raises MoodleUnreachable when the site stops answering.
    """
    lists = _Courses()
    with ThreadPoolExecutor(client.settings.readers) as pool:
        wanted = [int(course_id) for course_id in courses["course_id"]]
        for course_id, outcome in zip(
            wanted, pool.map(lambda c: _read_course(client, c, user_field, with_people), wanted), strict=True
        ):
            _collect(lists, course_id, outcome, known_groups, known_groupings)
        groups = _details(pool, client, "core_group_get_groups", "groupids", lists.group_ids, lists, RAW)
        groupings = _details(
            pool,
            client,
            "core_group_get_groupings",
            "groupingids",
            lists.grouping_ids,
            lists,
            RAW | {"returngroups": 1},
        )
        found_ids = _by_course(groups)
        members = _details(pool, client, "core_group_get_group_members", "groupids", found_ids, lists, {})
    return _snapshot(courses, lists, groups, groupings, members)


def find_users(client: MoodleClient, user_field: str, wanted: Iterable[str]) -> pd.DataFrame:
    """The site's users with one of the keys, enrolled or not (columns USERS).

    Moodle's look-up matches bytes and refuses upper-case usernames: keys of that field come in lower case.
    """
    found: list[dict[str, Any]] = []
    values = sorted(set(wanted))
    size = min(_USERS_PER_CALL, client.settings.form_variables - 10)
    for start in range(0, len(values), size):
        some = values[start : start + size]
        for user in bisect(lambda part: _users(client, user_field, part), some, _no_such_user):
            found.append({"user_id": user["id"], "user": _user_key(user, user_field)})
    return frame_of(found, USERS).drop_duplicates()


def _users(client: MoodleClient, user_field: str, values: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.read("core_user_get_users_by_field", {"field": user_field, "values": values})
    return found


def _no_such_user(_: str, refused: MoodleRefused) -> None:
    """A key that could not be a username or an address at all makes Moodle refuse the whole call."""
    if refused.errorcode != "invalidparameter":
        raise refused


_Answers = list[dict[str, Any]]
_Outcome = tuple[_Answers, _Answers, _Answers] | str


def _read_course(client: MoodleClient, course_id: int, user_field: str, with_people: bool) -> _Outcome:
    course = {"courseid": course_id} | RAW
    try:
        groups = client.read("core_group_get_course_groups", course)
        groupings = client.read("core_group_get_course_groupings", course)
        people = _participants(client, course_id, user_field) if with_people else []
    except MoodleRefused as refused:
        return str(refused)
    return groups, groupings, people


def _participants(client: MoodleClient, course_id: int, user_field: str) -> list[dict[str, Any]]:
    option = {"name": "userfields", "value": "id" if user_field == "id" else f"id,{user_field}"}
    found = client.read("core_enrol_get_enrolled_users", {"courseid": course_id, "options": [option]})
    return [{"user_id": person["id"], "user": _user_key(person, user_field)} for person in found]


def _user_key(user: Mapping[str, Any], user_field: str) -> str | None:
    return keys.user_key(str(user.get(user_field) or ""), user_field)


def _collect(
    lists: _Courses,
    course_id: int,
    outcome: _Outcome,
    known_groups: Mapping[int, Sequence[int]],
    known_groupings: Mapping[int, Sequence[int]],
) -> None:
    if isinstance(outcome, str):
        lists.unread[course_id] = outcome
        return
    groups, groupings, people = outcome
    lists.group_ids[course_id] = sorted({*(g["id"] for g in groups), *known_groups.get(course_id, ())})
    lists.grouping_ids[course_id] = sorted({*(g["id"] for g in groupings), *known_groupings.get(course_id, ())})
    lists.listed[course_id] = {*_as_listed("group", groups), *_as_listed("grouping", groupings)}
    lists.people[course_id] = people


def _as_listed(kind: str, objects: Iterable[Mapping[str, Any]]) -> Iterator[_Listed]:
    return ((kind, one["id"], one["name"], one["idnumber"] or "") for one in objects)


def _stale(lists: _Courses, groups: _Answers, groupings: _Answers, course_ids: set[int]) -> list[int]:
    """The courses whose cached lists say other than the database."""
    true: dict[int, set[_Listed]] = {course_id: set() for course_id in course_ids}
    for kind, objects in (("group", groups), ("grouping", groupings)):
        for one in objects:
            true[one["courseid"]].update(_as_listed(kind, [one]))
    return sorted(course_id for course_id, there in true.items() if there != lists.listed.get(course_id))


def _details(
    pool: ThreadPoolExecutor,
    client: MoodleClient,
    function: str,
    argument: str,
    ids: Mapping[int, Sequence[int]],
    lists: _Courses,
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The database's answer for every id; an id that is not there is left out, another error unreads its course."""
    owner = {moodle_id: course_id for course_id, several in ids.items() for moodle_id in several}
    wanted = list(owner)
    size = max(1, client.settings.form_variables - 10)
    chunks = [wanted[start : start + size] for start in range(0, len(wanted), size)]

    def failed(moodle_id: int, refused: MoodleRefused) -> None:
        if refused.errorcode != _NOT_THERE:
            lists.unread[owner[moodle_id]] = str(refused)

    def ask(some: list[int]) -> list[dict[str, Any]]:
        return bisect(lambda part: client.read(function, {argument: part, **options}), some, failed)

    return [item for part in pool.map(ask, chunks) for item in part]


def _by_course(objects: Iterable[Mapping[str, Any]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for item in objects:
        found.setdefault(item["courseid"], []).append(item["id"])
    return found


def _snapshot(
    courses: pd.DataFrame,
    lists: _Courses,
    groups: list[dict[str, Any]],
    groupings: list[dict[str, Any]],
    members: list[dict[str, Any]],
) -> Snapshot:
    ids = set(courses["course_id"]) - set(lists.unread)
    groups = [group for group in groups if group["courseid"] in ids]
    groupings = [grouping for grouping in groupings if grouping["courseid"] in ids]
    kept = {group["id"] for group in groups}
    people = [(c, person) for c, several in lists.people.items() if c in ids for person in several]
    records: dict[str, list[dict[str, Any]]] = {
        "groups": [_object(group, "group_id") for group in groups],
        "groupings": [_object(grouping, "grouping_id") for grouping in groupings],
        "links": [
            {"grouping_id": grouping["id"], "group_id": g["id"], "group_idnumber": g["idnumber"] or None}
            for grouping in groupings
            for g in grouping.get("groups", ())
        ],
        "members": [
            {"group_id": answer["groupid"], "user_id": user_id}
            for answer in members
            if answer["groupid"] in kept
            for user_id in answer["userids"]
        ],
        "participants": [{"course_id": c, "user_id": person["user_id"]} for c, person in people],
        "users": [person for _, person in people],
        "stale": [{"course_id": c} for c in _stale(lists, groups, groupings, ids)],
        "unread": [{"course_id": c, "reason": reason} for c, reason in sorted(lists.unread.items())],
    }
    frames = {name: frame_of(some, SCHEMAS[name]).drop_duplicates() for name, some in records.items()}
    return Snapshot(courses=courses, **frames)


def _object(found: Mapping[str, Any], id_column: str) -> dict[str, Any]:
    return {
        "course_id": found["courseid"],
        id_column: found["id"],
        "idnumber": found["idnumber"] or None,
        "name": found["name"],
        "description": found["description"] or "",
        "description_format": found.get("descriptionformat", 1),
    }


class ObjectsNow:
    """Single objects past the cache, for the look before a write (rules A2, G1)."""

    def __init__(self, client: MoodleClient):
        self._client = client

    def objects_now(self, kind: Kind, ids: Sequence[int]) -> dict[int, Now]:
        """Groupings or groups without what they hold; an id that is gone is left out."""
        return {one["id"]: _now(one, ()) for one in self._ask(f"core_group_get_{kind}s", f"{kind}ids", ids, RAW)}

    def groups_now(self, ids: Sequence[int]) -> dict[int, Now]:
        """Groups with their members; an id that is gone is left out."""
        found = self._ask("core_group_get_groups", "groupids", ids, RAW)
        members = self._ask("core_group_get_group_members", "groupids", [g["id"] for g in found], {})
        holds = {answer["groupid"]: tuple(sorted(answer["userids"])) for answer in members}
        return {group["id"]: _now(group, holds.get(group["id"], ())) for group in found}

    def groupings_now(self, ids: Sequence[int]) -> dict[int, Now]:
        """Groupings with their groups; an id that is gone is left out."""
        found = self._ask("core_group_get_groupings", "groupingids", ids, RAW | {"returngroups": 1})
        return {g["id"]: _now(g, tuple(sorted(x["id"] for x in g.get("groups", ())))) for g in found}

    def objects_in(self, kind: Kind, course_id: int) -> dict[int, Now]:
        """A course's groupings or groups, without what they hold: by Moodle's list, as the database has them."""
        listed = self._client.read(f"core_group_get_course_{kind}s", {"courseid": course_id})
        found = self._ask(f"core_group_get_{kind}s", f"{kind}ids", [one["id"] for one in listed], RAW)
        return {one["id"]: _now(one, ()) for one in found if one["courseid"] == course_id}

    def enrolled_in(self, course_id: int) -> frozenset[int]:
        """Who is enrolled in a course, suspended or not."""
        return frozenset(person["user_id"] for person in _participants(self._client, course_id, "id"))

    def links_in(self, course_ids: Sequence[int]) -> dict[int, dict[int, list[int]]]:
        """The groupings that each group is in, by course of the grouping and group id."""

        def listed(course_id: int) -> list[int]:
            found = self._client.read("core_group_get_course_groupings", {"courseid": course_id})
            return [grouping["id"] for grouping in found]

        with ThreadPoolExecutor(self._client.settings.readers) as pool:
            ids = [grouping_id for several in pool.map(listed, course_ids) for grouping_id in several]
        found: dict[int, dict[int, list[int]]] = {course_id: {} for course_id in course_ids}
        for grouping_id, now in self.groupings_now(ids).items():
            for group_id in now.holds:
                found.setdefault(now.course_id, {}).setdefault(group_id, []).append(grouping_id)
        return found

    def uses_in(self, asked: Mapping[int, InQuestion]) -> dict[int, list[Use]]:
        """What in each course uses the objects in question; ``unread`` where Moodle does not tell (rule J1)."""
        return read_uses(self._client, asked).found

    def _ask(
        self, function: str, argument: str, ids: Sequence[int], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        def failed(_: int, refused: MoodleRefused) -> None:
            if refused.errorcode != _NOT_THERE:
                raise refused

        size = max(1, self._client.settings.form_variables - 10)
        return [
            item
            for start in range(0, len(ids), size)
            for item in bisect(
                lambda part: self._client.read(function, {argument: part, **options}),
                list(ids[start : start + size]),
                failed,
            )
        ]


def _now(found: Mapping[str, Any], holds: tuple[int, ...]) -> Now:
    return Now(
        course_id=found["courseid"],
        key=keys.key(found["idnumber"]),
        name=found["name"],
        description=found["description"] or "",
        description_format=found.get("descriptionformat", 1),
        holds=holds,
    )
