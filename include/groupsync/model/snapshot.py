"""What Moodle held when it was read: the schemas of its frames.

Text is as Moodle stores it; an empty idnumber is null.  ``course`` and ``user`` are keys as rule K3 reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import pandas as pd

from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of

COURSES: Schema = {"course_id": WHOLE, "course": TEXT}
GROUPINGS: Schema = {
    "course_id": WHOLE,
    "grouping_id": WHOLE,
    "idnumber": TEXT,
    "name": TEXT,
    "description": TEXT,
    "description_format": WHOLE,
}
GROUPS: Schema = {
    "course_id": WHOLE,
    "group_id": WHOLE,
    "idnumber": TEXT,
    "name": TEXT,
    "description": TEXT,
    "description_format": WHOLE,
}
# Moodle lets a grouping hold a group of another course: the group's idnumber comes along.
LINKS: Schema = {"grouping_id": WHOLE, "group_id": WHOLE, "group_idnumber": TEXT}
MEMBERS: Schema = {"group_id": WHOLE, "user_id": WHOLE}
PARTICIPANTS: Schema = {"course_id": WHOLE, "user_id": WHOLE}
USERS: Schema = {"user_id": WHOLE, "user": TEXT}
UNREAD: Schema = {"course_id": WHOLE, "reason": TEXT}
STALE: Schema = {"course_id": WHOLE}

# What uses an object that a plan would delete; one without idnumber has the key ``#`` and its id.
USE: Schema = {
    "kind": TEXT,
    "moodle_id": WHOLE,
    "course_id": WHOLE,
    "course": TEXT,
    "key": TEXT,
    "how": TEXT,
    "cmid": WHOLE,
    "activity": TEXT,
    "module": TEXT,
    "url": TEXT,
}

SCHEMAS: dict[str, Schema] = {
    "courses": COURSES,
    "groupings": GROUPINGS,
    "groups": GROUPS,
    "links": LINKS,
    "members": MEMBERS,
    "participants": PARTICIPANTS,
    "users": USERS,
    "unread": UNREAD,
    "stale": STALE,
}


@dataclass(frozen=True)
class Snapshot:
    """The frames of the courses that were read.

    ``courses`` are the courses of Moodle whose key is in scope, all of them; ``unread`` the ones that could
    not be read, which are left out of everything (rule O3).  ``participants`` are enrolled, suspended or not.
    ``stale`` are courses whose lists, from Moodle's cache, say other than its database.
    """

    courses: pd.DataFrame
    groupings: pd.DataFrame
    groups: pd.DataFrame
    links: pd.DataFrame
    members: pd.DataFrame
    participants: pd.DataFrame
    users: pd.DataFrame
    unread: pd.DataFrame
    stale: pd.DataFrame = field(default_factory=lambda: frame_of([], STALE))


class How(StrEnum):
    """How an object is used; ``unread``: Moodle did not tell, which is never the same as not used."""

    RESTRICTION = "restriction"
    ACTIVITY_GROUPING = "activity grouping"
    SECTION_RESTRICTION = "section restriction"
    DEFAULT_GROUPING = "default grouping"
    GROUP_MODE = "group mode"
    UNREAD = "unread"


@dataclass(frozen=True)
class Use:
    """What refers to a grouping or group: an activity, or without ``cmid`` a section or the course itself.

    Deleting the object leaves an activity that it restricts closed to all, and one whose grouping it is open to
    all groups.  ``group mode`` is weaker: an activity works in groups, and the group has a part of its own in it.
    """

    kind: str
    moodle_id: int
    how: How
    cmid: int | None = None
    activity: str | None = None
    module: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class InQuestion:
    """The groups and groupings of one course whose use is asked for: names by id, as Moodle stores them.

    ``links`` are (grouping id, group id): which groups an activity with a grouping works with.
    """

    groups: Mapping[int, str] = field(default_factory=dict)
    groupings: Mapping[int, str] = field(default_factory=dict)
    links: frozenset[tuple[int, int]] = frozenset()

    @cached_property
    def objects(self) -> frozenset[tuple[str, int]]:
        """Each object as its kind and id."""
        return frozenset({*(("group", i) for i in self.groups), *(("grouping", i) for i in self.groupings)})


@dataclass(frozen=True)
class Now:
    """An object as Moodle's database has it at this moment; ``holds`` are a group's members or a
    grouping's groups, by id."""

    course_id: int
    key: str | None
    name: str
    description: str
    description_format: int
    holds: tuple[int, ...]
