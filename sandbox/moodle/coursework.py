"""Activities and restricted sections, put into a site's courses as teachers do it.

Moodle has forms for it and no core web service, so these work on the tables.
"""

import json
import time
from collections.abc import Iterable
from typing import Any

from sandbox.moodle.access import CONTEXT_MODULE
from sandbox.moodle.database import Database, Row

_SETTINGS = {"visible": 1, "visibleoncoursepage": 1, "groupmode": 0, "groupingid": 0}


def add_activities(database: Database, activities: Iterable[Row]) -> list[int]:
    """Add activities at the end of their sections; their course module ids.

    Each has course (id), module and name, and maybe section (its number), visible, visibleoncoursepage, groupmode
    (0 none, 1 separate, 2 visible), groupingid and availability (the tree of "Restrict access").
    """
    return [_add(database, activity) for activity in activities]


def _add(database: Database, activity: Row) -> int:
    now, kind, course = int(time.time()), activity["module"], activity["course"]
    row = {"course": course, "name": activity["name"], "timemodified": now}
    if kind == "label":
        row["intro"] = activity["name"]
    section = _section(database, course, activity.get("section", 0))
    module = {
        "course": course,
        "module": database.must_find("modules", name=kind)["id"],
        "instance": database.insert(kind, row),
        "section": section["id"],
        "added": now,
        "availability": _json(activity.get("availability")),
        "showdescription": int(kind == "label"),
        "visibleold": activity.get("visible", 1),
        **{name: activity.get(name, usual) for name, usual in _SETTINGS.items()},
    }
    cmid = database.insert("course_modules", module)
    database.insert("context", {"contextlevel": CONTEXT_MODULE, "instanceid": cmid, "depth": 4})
    sequence = ",".join(filter(None, [section["sequence"], str(cmid)]))
    database.update("course_sections", section["id"], {"sequence": sequence})
    return cmid


def set_sections(database: Database, sections: Iterable[Row]) -> list[int]:
    """Change sections, made first where a course has none of that number; their ids.

    Each has course (id) and section (its number), and maybe visible and availability.
    """
    ids = []
    for wanted in sections:
        found = _section(database, wanted["course"], wanted["section"])
        changes = {"visible": wanted.get("visible", 1), "availability": _json(wanted.get("availability"))}
        database.update("course_sections", found["id"], changes)
        ids.append(found["id"])
    return ids


def _section(database: Database, course: int, number: int) -> Row:
    for each in range(number + 1):
        if not database.find("course_sections", course=course, section=each):
            database.insert("course_sections", {"course": course, "section": each, "sequence": ""})
    return database.must_find("course_sections", course=course, section=number)


def _json(tree: Any) -> str | None:
    return json.dumps(tree, separators=(",", ":")) if tree else None
