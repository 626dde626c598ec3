"""Read what uses the groups and groupings that the plan would delete, before the circuit breaker judges it."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.apply.ids import Ids
from include.groupsync.model.change import Change
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.snapshot import USE, InQuestion, Use
from include.groupsync.model.things import Group, Grouping
from include.groupsync.moodle.uses import Uses, read_uses
from include.groupsync.steps.extent import within
from include.groupsync.steps.run import Deployment, Run, client_of, load_ledger, recorded

_PARTS = {Kind.GROUPING: "groupings", Kind.GROUP: "groups"}
# Of a course's objects in question: their names, and their keys, by kind and id.
_Keys = dict[tuple[str, int], tuple[str, str]]


@recorded
def read_use(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Save ``uses.parquet`` (columns USE): only the objects in question, and only their courses, are asked for.

    A course that could not be read is reported, and its objects have a use ``unread``: not known is never unused.
    """
    doomed = _doomed(run, folder)
    client = client_of(deployment)
    uses = read_uses(client, _in_question(folder, doomed)) if doomed else Uses()
    courses = {row["course_id"]: row["course"] for row in rows(folder.frame("moodle/courses"))}
    found = [
        _row(use, course_id, courses[course_id], doomed[course_id][use.kind, use.moodle_id][1])
        for course_id, several in uses.found.items()
        for use in several
    ]
    found.sort(key=lambda row: (row["course"], row["kind"], row["key"], row["how"], row["cmid"] or 0))
    folder.save_frame("uses", frame_of(found, USE), USE)
    unread = [_unread(courses[course_id], reason) for course_id, reason in uses.unread.items()]
    folder.save_frame("findings/use", frame_of((one.row() for one in unread), FINDING), FINDING)
    asked = sum(map(len, doomed.values()))
    return {"objects": asked, "courses": len(doomed), "uses": len(found), "calls": dict(client.calls)}


def _doomed(run: Run, folder: RunFolder) -> dict[int, _Keys]:
    """The objects that the plan would delete, by course id."""
    after = {kind: folder.frame(f"after/{part}") for kind, part in _PARTS.items()}
    managed = load_ledger(folder)["memberships"]
    ids = Ids.of(folder.frame("moodle/courses"), after, folder.frame("users"), managed)
    found: dict[int, _Keys] = {}
    own = within(run, folder)
    for part in _PARTS.values():
        plan = folder.frame(f"plan/{part}")
        for row in rows(plan[plan["action"] == "delete"]):
            if not own.has(Kind(row["kind"]), row["course"], row["module"]):
                continue
            gone = Change.of_row(row).before
            assert isinstance(gone, Grouping | Group)
            moodle_id = ids.object_id(gone.kind, gone.course, gone.key)
            if moodle_id is not None:
                found.setdefault(ids.courses[gone.course], {})[str(gone.kind), moodle_id] = (gone.name, gone.key)
    return found


def _in_question(folder: RunFolder, doomed: Mapping[int, _Keys]) -> dict[int, InQuestion]:
    links = frozenset((row["grouping_id"], row["group_id"]) for row in rows(folder.frame("moodle/links")))
    return {
        course_id: InQuestion(
            groups={moodle_id: name for (kind, moodle_id), (name, _) in objects.items() if kind == Kind.GROUP},
            groupings={moodle_id: name for (kind, moodle_id), (name, _) in objects.items() if kind == Kind.GROUPING},
            links=links,
        )
        for course_id, objects in doomed.items()
    }


def _row(use: Use, course_id: int, course: str, key: str) -> dict[str, Any]:
    fields = ("kind", "moodle_id", "cmid", "activity", "module", "url")
    row = {name: getattr(use, name) for name in fields}
    return row | {"how": str(use.how), "course_id": course_id, "course": course, "key": key}


def _unread(course: str, reason: str) -> Finding:
    return Finding(
        "moodle",
        Severity.WARNING,
        "in_use",
        f"whether an activity uses what is to be deleted could not be read: {reason}",
        course=course,
        next_step="Let the token's account read the course's contents; until then the deletes count as in use.",
    )
