"""What a restore leaves to people: the new ids of what came back, and what no web service can mend (rule J3)."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import How, Snapshot
from include.groupsync.restore.net import Entry, Net

# Where what a run deleted is now; ``new_id`` null where it is not there.
ID_MAP: Schema = {"kind": TEXT, "course": TEXT, "key": TEXT, "name": TEXT, "old_id": WHOLE, "new_id": WHOLE}
# One line for each thing that somebody has to set again by hand; without ``kind`` a line for the whole course.
WORK: Schema = {
    "course": TEXT,
    "kind": TEXT,
    "key": TEXT,
    "old_id": WHOLE,
    "new_id": WHOLE,
    "what": TEXT,
    "module": TEXT,
    "activity": TEXT,
    "url": TEXT,
    "to_do": TEXT,
}
_TO_DO = {
    How.RESTRICTION: "Choose it again in the activity's access restrictions: they name the old id, and let nobody in.",
    How.SECTION_RESTRICTION: "Choose it again in the section's access restrictions: they name the old id.",
    How.ACTIVITY_GROUPING: "Choose it again as the activity's grouping: since the delete it has none, or all groups.",
    How.DEFAULT_GROUPING: "Choose it again as the course's default grouping, in the course's settings.",
    How.GROUP_MODE: "Look at what the old group had in the activity: posts and submissions belong to no group now.",
    How.UNREAD: "What used it could not be read when it was deleted: look through the course's activities.",
}
_UNSEEN = (
    "No web service tells of these: group overrides of quizzes, assignments and lessons are gone; discussions and team"
    " submissions of the old groups belong to no group. Set the overrides again, and look at the others."
)


def id_map(gone: Iterable[Net], snapshot: Snapshot, made: Mapping[tuple[Kind, str, str], int]) -> pd.DataFrame:
    """Old to new id of each grouping and group that was deleted (columns ID_MAP).

    ``snapshot`` is Moodle before the restore, ``made`` what the restore made, by kind, course and key.
    """
    there = {
        (kind, row["course_id"], keys.key(row["idnumber"])): row[f"{kind}_id"]
        for kind, frame in ((Kind.GROUPING, snapshot.groupings), (Kind.GROUP, snapshot.groups))
        for row in rows(frame)
    }
    found = [
        {
            "kind": str(net.kind),
            "course": net.course,
            "key": net.before.key,
            "name": net.before.name,
            "old_id": net.moodle_id,
            "new_id": made.get((net.kind, net.course, net.before.key))
            or there.get((net.kind, net.course_id, net.before.key)),
        }
        for net in gone
        if net.before is not None
    ]
    return frame_of(sorted(found, key=lambda row: (row["course"], row["kind"], row["key"])), ID_MAP)


def work_list(entries: Iterable[Entry], ids: pd.DataFrame) -> pd.DataFrame:
    """What used the objects of ``ids`` (ID_MAP), as the deletes' before-images have it (columns WORK), by course."""
    back = {(row["kind"], row["old_id"]): row for row in rows(ids)}
    found: list[dict[str, Any]] = []
    for entry in entries:
        own = (
            back.get((entry["kind"], entry[f"{entry['kind']}_id"])) if entry["kind"] in ("group", "grouping") else None
        )
        if own is None or entry["after"] is not None:
            continue
        for use in (entry["before"] or {}).get("used_by") or []:
            named = {name: use.get(name) for name in ("module", "activity", "url")}
            how = How(use["how"])
            found.append({**own, **named, "what": str(how), "to_do": _TO_DO[how]})
    found.sort(key=lambda row: (row["course"], row["activity"] or "", row["key"], row["what"]))
    # What only the database knows can be of any group that is gone.
    courses = sorted({row["course"] for row in rows(ids) if row["kind"] == Kind.GROUP})
    found += [{"course": course, "what": "not to be seen", "to_do": _UNSEEN} for course in courses]
    return frame_of(sorted(found, key=lambda row: row["course"]), WORK)
