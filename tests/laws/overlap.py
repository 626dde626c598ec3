"""How many of a group's members are listed for another key of its course (rule P10), as steps/compare.py has it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from include.groupsync.diff.course import Overlap
from include.groupsync.model.frames import rows
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.settings import Settings


def overlaps(
    settings: Settings, snapshot: Snapshot, wanted: pd.DataFrame | None, users: pd.DataFrame
) -> Callable[[str, int], Overlap]:
    """Only where memberships name their groups by idnumber: by another field a row says nothing of the key."""
    members: dict[int, set[int]] = {}
    for row in rows(snapshot.members):
        members.setdefault(row["group_id"], set()).add(row["user_id"])
    ids: dict[str, list[int]] = {}
    for row in rows(users):
        ids.setdefault(row["user"], []).append(row["user_id"])
    listed: dict[tuple[Any, Any], set[int]] = {}
    if wanted is not None and settings.localgroupfield == "idnumber":
        for row in rows(wanted):
            listed.setdefault((row["course"], row["group"]), set()).update(ids.get(row["user"], ()))

    def of_course(course: str, _course_id: int) -> Overlap:
        def overlap(group_id: int, key: str) -> float | None:
            now = members.get(group_id)
            return len(now & listed.get((course, key), set())) / len(now) if now else None

        return overlap

    return of_course
