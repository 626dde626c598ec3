"""What a restore brought back and no row lists: it stays, and every run says so (rule J5)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import is_restored
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.steps.extent import within
from include.groupsync.steps.run import Run, load_ledger

_NEXT = (
    "List it at the source again, or let it go: run moodle_group_restore with the restore's run id and 'Let go'."
    " The next run of its term deletes it then."
)


def report_kept(run: Run, folder: RunFolder) -> None:
    """A note for each object that is kept, and one for what is kept inside a group, of the courses that were read.

    It needs no help to stay: no run may delete what only a restore claims (``model/ledger.py``).
    """
    folder.save_frame("findings/kept", frame_of((one.row() for one in _found(run, folder)), FINDING), FINDING)


def _found(run: Run, folder: RunFolder) -> Iterator[Finding]:
    managed, courses, unread = load_ledger(folder), folder.frame("moodle/courses"), folder.frame("moodle/unread")
    names = {row["course_id"]: row["course"] for row in rows(courses)}
    for course_id in unread["course_id"]:
        names.pop(course_id, None)
    seen = {kind: _ids(folder, kind) for kind in (Kind.GROUPING, Kind.GROUP)}
    known = {row["moodle_id"]: row["idnumber"] for row in rows(managed["objects"]) if row["kind"] == Kind.GROUP}
    listed = _observed(folder, ("kind", "moodle_id"), "groupings", "groups")
    part = within(run, folder)
    for row in _kept(managed["objects"], names, listed, ("kind", "moodle_id")):
        in_part = part.has(Kind(row["kind"]), names[row["course_id"]], row["module"])
        if in_part and row["moodle_id"] in seen[Kind(row["kind"])]:
            yield _finding(names[row["course_id"]], row["idnumber"], f"the {row['kind']} is kept")
    for kind, ids in ((Kind.LINK, ("grouping_id", "group_id")), (Kind.MEMBERSHIP, ("group_id", "user_id"))):
        table = kind.plural
        inside = _kept(managed[table], names, _observed(folder, ids, table), ids)
        counts = Counter(
            (row["course_id"], row["group_id"])
            for row in inside
            if row["group_id"] in seen[Kind.GROUP] and part.has(kind, names[row["course_id"]], row["module"])
        )
        for (course_id, group_id), count in sorted(counts.items()):
            noun = table[:-1] if count == 1 else table
            yield _finding(names[course_id], known.get(group_id) or f"#{group_id}", f"{count} {noun} of it kept")


def _kept(
    frame: Any, names: dict[int, str], listed: set[tuple[Any, ...]], ids: tuple[str, ...]
) -> list[dict[str, Any]]:
    return [
        row
        for row in rows(frame)
        if is_restored(row["terms"]) and row["course_id"] in names and tuple(row[one] for one in ids) not in listed
    ]


def _observed(folder: RunFolder, ids: tuple[str, ...], *parts: str) -> set[tuple[Any, ...]]:
    """What this run saw otherwise than the ledger has it: listed again, or gone."""
    return {tuple(row[one] for one in ids) for part in parts for row in rows(folder.frame(f"observed/{part}"))}


def _ids(folder: RunFolder, kind: Kind) -> set[int]:
    return set(folder.frame(f"moodle/{kind}s")[f"{kind}_id"])


def _finding(course: str, key: str, what: str) -> Finding:
    reason = f"{what}: a restore brought it back, and nothing lists it"
    return Finding("restore", Severity.NOTE, "J5", reason, course=course, key=key, next_step=_NEXT)
