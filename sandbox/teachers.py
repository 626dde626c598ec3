"""What the sample's teachers make of the groups that the sync has brought: activities that refer to them.

Activities name groups by Moodle's ids, which are there only after a first run; so teachers come after it.  They take
every third course that has groups, and use its first grouping and first groups, each course in another way.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.moodle.coursework import add_activities, set_sections
from sandbox.moodle.database import Database, connect

SEPARATE, VISIBLE = 1, 2
_EVERY = 3
Condition = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A course, its first grouping that holds groups, and those groups, by id."""

    course: int
    grouping: int
    groups: list[int]


def use_groups(moodle_file: Path) -> int:
    """Make the activities, once; in how many courses something was made."""
    with closing(Database(connect(moodle_file))) as site, site.transaction():
        if site.exists("SELECT 1 FROM mdl_course_modules WHERE groupmode > 0 OR availability IS NOT NULL"):
            return 0
        places = [*_courses(site)][::_EVERY]
        for at, place in enumerate(places):
            _WAYS[at % len(_WAYS)](site, place)
        return len(places)


def _courses(site: Database) -> Iterator[Place]:
    sql = (
        "SELECT c.id AS course, MIN(p.id) AS grouping_id FROM mdl_course c JOIN mdl_groupings p ON p.courseid = c.id"
        " JOIN mdl_groupings_groups l ON l.groupingid = p.id GROUP BY c.id ORDER BY c.idnumber"
    )
    for row in site.all(sql):
        inside = "SELECT groupid FROM mdl_groupings_groups WHERE groupingid = ? ORDER BY groupid"
        groups = [found["groupid"] for found in site.all(inside, [row["grouping_id"]])]
        yield Place(row["course"], row["grouping_id"], groups)


def _group(moodle_id: int) -> Condition:
    return {"type": "group", "id": moodle_id}


def _grouping(moodle_id: int) -> Condition:
    return {"type": "grouping", "id": moodle_id}


def _only(*conditions: Condition) -> Condition:
    return {"op": "&", "c": list(conditions), "showc": [True] * len(conditions)}


def _add(site: Database, place: Place, module: str, name: str, **fields: Any) -> None:
    add_activities(site, [{"course": place.course, "module": module, "name": name, **fields}])


def _readings(site: Database, place: Place) -> None:
    """A page for each of two groups, which nobody else may read."""
    for at, group in enumerate(place.groups[:2], start=1):
        _add(site, place, "page", f"Reading for group {at}", availability=_only(_group(group)))


def _debate(site: Database, place: Place) -> None:
    """A forum in separate groups of the grouping."""
    _add(site, place, "forum", "Debate", groupmode=SEPARATE, groupingid=place.grouping)


def _lab_book(site: Database, place: Place) -> None:
    """The course's default grouping, and an assignment and a quiz that have it from there."""
    changes = {"groupmode": VISIBLE, "defaultgroupingid": place.grouping}
    site.update("course", place.course, changes)
    for module, name in (("assign", "Lab book"), ("quiz", "Safety test")):
        _add(site, place, module, name, groupmode=VISIBLE, groupingid=place.grouping)


def _second_half(site: Database, place: Place) -> None:
    """A section for the grouping, with a page for one group of it and for all who are not in another."""
    set_sections(site, [{"course": place.course, "section": 2, "availability": _only(_grouping(place.grouping))}])
    first, last = place.groups[0], place.groups[-1]
    either = {"op": "|", "c": [_group(first), {"op": "!|", "c": [_group(last)]}]}
    _add(site, place, "page", "Second half", section=2, availability=_only(either))
    _add(site, place, "label", "From here on by grouping", section=2)


_WAYS: tuple[Callable[[Database, Place], None], ...] = (_readings, _debate, _lab_book, _second_half)
