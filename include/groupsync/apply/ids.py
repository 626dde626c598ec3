"""Moodle's ids for the natural keys of a plan, growing as things are created."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.lookup import OurMembers


@dataclass
class Ids:
    """``objects`` by (kind, course, key); ``removals`` are our memberships' people by (group id, key)."""

    courses: dict[str, int]
    objects: dict[tuple[Kind, str, str], int]
    users: dict[str, int]
    removals: Mapping[tuple[int, str], int]

    @classmethod
    def of(
        cls, courses: pd.DataFrame, after: Mapping[Kind, pd.DataFrame], users: pd.DataFrame, managed: pd.DataFrame
    ) -> "Ids":
        """From the run's frames: COURSES, AFTER by kind, USERS and MANAGED_MEMBERSHIPS.

        A key that two people have is nobody's (rule K3).
        """
        unique = users.drop_duplicates("user", keep=False).dropna(subset=["user"])
        existing = {
            (kind, row["course"], row["key"]): row["moodle_id"]
            for kind, frame in after.items()
            for row in rows(frame.dropna(subset=["moodle_id"]))
        }
        return cls(
            courses={row["course"]: row["course_id"] for row in rows(courses)},
            objects=existing,
            users={row["user"]: row["user_id"] for row in rows(unique)},
            removals=OurMembers(managed),
        )

    def object_id(self, kind: Kind, course: str, key: str) -> int | None:
        """The id of a grouping or group; a key ``#12`` holds it, but only in the course that it was read in."""
        return self.objects.get((kind, course, key), keys.moodle_id_of(key))

    def user_id(self, change: Change, group_id: int) -> int | None:
        """The person of a membership; a removal means the person whom we added, whatever the key is now."""
        user: str = change.thing.user  # type: ignore[union-attr]
        by_id = keys.moodle_id_of(user)  # two accounts have one key, or this one has none
        if change.action is Action.DELETE:
            return self.removals.get((group_id, user)) or by_id or self.users.get(user)
        return self.users.get(user) or by_id
