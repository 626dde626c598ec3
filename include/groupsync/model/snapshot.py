"""What Moodle held when it was read: the schemas of its frames.

Text is as Moodle stores it; an empty idnumber is null.  ``course`` and ``user`` are keys as rule K3 reads them.
"""

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Use:
    """An activity that refers to a grouping or group; ``how`` is ``restriction`` or ``activity grouping``.

    Deleting the object leaves such an activity closed to all, or open to all: what web services show of it.
    """

    kind: str
    moodle_id: int
    cmid: int
    activity: str
    module: str
    how: str


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
