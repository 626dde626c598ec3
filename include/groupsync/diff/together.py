"""The comparison of every course in scope, kind by kind, from the run's frames to the plan's."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from include.groupsync.diff.course import (
    After,
    Course,
    CourseDiff,
    Fate,
    Held,
    Managed,
    Overlap,
    Policy,
    Wanted,
    Words,
    no_overlap,
)
from include.groupsync.diff.links import CourseLinks, ManagedLink, diff_links
from include.groupsync.diff.memberships import GROUP_AFTER
from include.groupsync.diff.objects import diff_course, rows_without_course
from include.groupsync.model import keys
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import TEXT, WHOLE, Schema, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import MANAGED_LINKS, MANAGED_OBJECTS
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import Scope
from include.groupsync.model.snapshot import Snapshot

# Objects as they will be after the plan, for the steps that build on them.
AFTER: Schema = {
    "course": TEXT,
    "course_id": WHOLE,
    "moodle_id": WHOLE,
    "key": TEXT,
    "name": TEXT,
    "fate": TEXT,
}


@dataclass(frozen=True)
class Frames:
    """The outcome of a kind: changes (PLAN), findings (FINDING), ledger rows to write, objects after (AFTER)."""

    changes: pd.DataFrame
    findings: pd.DataFrame
    observed: pd.DataFrame
    after: pd.DataFrame


@dataclass(frozen=True)
class Inputs:
    """What a comparison needs: usable rows (CLEAN), Moodle's side, the ledger's frames, scope, protection."""

    wanted: pd.DataFrame
    snapshot: Snapshot
    managed: pd.DataFrame
    managed_links: pd.DataFrame
    scope: Scope
    protection: Protection
    policy: Policy
    overlap: Callable[[str, int], Overlap] = lambda _course, _course_id: no_overlap


def diff_objects(words: Words, inputs: Inputs) -> Frames:
    """All groupings, or all groups, of the courses that the run may touch."""
    id_column = f"{words.kind}_id"
    courses = _course_ids(inputs.snapshot.courses)
    wanted = _by(rows(inputs.wanted), "course")
    held = _by(rows(getattr(inputs.snapshot, words.dataset)), "course_id")
    managed = _by(rows(inputs.managed[inputs.managed["kind"] == str(words.kind)]), "course_id")
    appropriated = _appropriated(inputs.snapshot.links) if words.kind is Kind.GROUPING else frozenset()
    unread = set(inputs.snapshot.unread["course_id"])
    result = CourseDiff()
    after: list[dict[str, Any]] = []
    touched = inputs.scope.courses
    for course in sorted(touched):
        ids = courses.get(course, [])
        own = [_wanted(row) for row in wanted.get(course, ())]
        if len(ids) != 1:
            result.findings += rows_without_course(words, course, own, ambiguous=len(ids) > 1)
        elif ids[0] not in unread:
            one = diff_course(
                words,
                Course(
                    course=course,
                    course_id=ids[0],
                    wanted=own,
                    held=[_held(row, id_column) for row in held.get(ids[0], ())],
                    managed=[_managed(row) for row in managed.get(ids[0], ())],
                    present=lambda key, course=course: inputs.protection.covers(course, {key}),  # type: ignore[misc]
                    standing=lambda label, course=course: inputs.scope.standing(course, label),  # type: ignore[misc]
                    appropriated=appropriated,
                    overlap=inputs.overlap(course, ids[0]),
                ),
                inputs.policy,
            )
            result.changes += one.changes
            result.findings += one.findings
            result.observed += one.observed
            after += [_after_row(course, ids[0], item) for item in one.after]
    # A course that only a bad mapping speaks of is read and frozen: what is in it can still be named by Moodle's id.
    after += [row for row in rows(objects_as_they_are(inputs.snapshot, words.kind)) if row["course"] not in touched]
    return Frames(
        changes=frame_of((change.row() for change in result.changes), PLAN),
        findings=frame_of((finding.row() for finding in result.findings), FINDING),
        observed=frame_of(result.observed, MANAGED_OBJECTS),
        after=frame_of(after, AFTER),
    )


def unread_courses(snapshot: Snapshot) -> pd.DataFrame:
    """A finding for each course that could not be read: it is left out like a frozen one (rule O3)."""
    known = dict(zip(snapshot.courses["course_id"], snapshot.courses["course"], strict=True))
    found = [
        Finding(
            "moodle",
            Severity.ERROR,
            "O3",
            f"the course could not be read: {row['reason']}",
            course=known.get(row["course_id"]),
            next_step="Let the token's account enter the course; it is left out until then.",
        )
        for row in rows(snapshot.unread)
    ]
    return frame_of((finding.row() for finding in found), FINDING)


def diff_all_links(
    inputs: Inputs, groupings: pd.DataFrame, groups: Frames, grouping_protection: Protection, field_name: str
) -> Frames:
    """All links of the courses in scope, given both kinds of objects as they will be (AFTER)."""
    wanted = _by(rows(inputs.wanted), "course")
    set_aside = {
        (row["course"], row["key"]) for row in rows(groups.findings) if row["severity"] == str(Severity.QUARANTINED)
    }
    grouping_afters, group_afters = _by(rows(groupings), "course"), _by(rows(groups.after), "course")
    links = _links_by_course(inputs.snapshot)
    managed = _by(rows(inputs.managed_links), "course_id")
    courses = _names(inputs.snapshot.courses)
    unread = set(inputs.snapshot.unread["course_id"])
    idnumbers = {row["grouping_id"]: keys.key(row["idnumber"]) for row in rows(inputs.snapshot.groupings)}
    changes, findings, observed = [], [], []
    for course_id, course in sorted(courses.items(), key=lambda item: item[1]):
        if course_id in unread or course not in inputs.scope.courses:
            continue
        one = diff_links(
            CourseLinks(
                course=course,
                course_id=course_id,
                wanted=[_wanted(r) for r in wanted.get(course, ()) if (course, r["idnumber"]) not in set_aside],
                groupings=[_after(row) for row in grouping_afters.get(course, ())],
                groups=[_after(row) for row in group_afters.get(course, ())],
                links=frozenset(links.get(course_id, ())),
                managed=[_managed_link(row) for row in managed.get(course_id, ())],
                present=lambda key, course=course: inputs.protection.covers(course, {key}),  # type: ignore[misc]
                # Of two with one idnumber the plan's key is the id, and a row could have meant either.
                grouping_present=lambda one, course=course: (  # type: ignore[misc]
                    grouping_protection.covers_by_half(course, idnumbers.get(one.moodle_id) or one.key)
                ),
                standing=lambda label, course=course: inputs.scope.standing(course, label),  # type: ignore[misc]
            ),
            field_name,
            inputs.policy,
        )
        changes += one.changes
        findings += one.findings
        observed += one.observed
    return Frames(
        changes=frame_of((change.row() for change in changes), PLAN),
        findings=frame_of((finding.row() for finding in findings), FINDING),
        observed=frame_of(observed, MANAGED_LINKS),
        after=frame_of([], AFTER),
    )


def objects_as_they_are(snapshot: Snapshot, kind: Kind) -> pd.DataFrame:
    """AFTER for a kind that is switched off: nothing of it changes, and links may still name it."""
    names = _names(snapshot.courses)
    found = [
        (row["course_id"], _held(row, f"{kind}_id"))
        for row in rows(getattr(snapshot, f"{kind}s"))
        if row["course_id"] in names
    ]
    borne = Counter((course_id, held.plan_key) for course_id, held in found)
    return frame_of(
        (
            # Of two objects with one key only the id tells which is meant.
            _after_row(names[course_id], course_id, _stays(held, twin=borne[course_id, held.plan_key] > 1))
            for course_id, held in found
        ),
        AFTER,
    )


def taken_over(
    after: pd.DataFrame,
    managed: pd.DataFrame,
    wanted: pd.DataFrame,
    idnumbers: Mapping[int, str | None] = MappingProxyType({}),
) -> frozenset[int]:
    """Ids of managed groups whose idnumber somebody changed in Moodle to one that no row lists: membership rows no
    longer find them, and that is nobody's leaving.

    ``after``: AFTER of groups; ``managed``: MANAGED_OBJECTS; ``wanted``: the usable group rows; ``idnumbers`` the
    groups' keys by id, for those that the plan has to name by their id because two have one key.
    """
    groups = managed[managed["kind"] == str(Kind.GROUP)]
    ours = dict(zip(groups["moodle_id"], groups["idnumber"], strict=True))
    listed = set(zip(wanted["course"], wanted["idnumber"], strict=True))
    found = set()
    for row in rows(after):
        own = row["key"] if keys.moodle_id_of(row["key"]) is None else idnumbers.get(row["moodle_id"])
        if ours.get(row["moodle_id"], own) != own and (row["course"], own) not in listed:
            found.add(row["moodle_id"])
    return frozenset(found)


def groups_to_join(
    after: pd.DataFrame,
    field_name: str,
    protection: Protection,
    others: frozenset[int] = frozenset(),
    idnumbers: Mapping[int, str | None] = MappingProxyType({}),
) -> pd.DataFrame:
    """GROUP_AFTER: the groups after this plan, by the value that membership rows name them by (rule M1).

    ``others`` are the groups that were ``taken_over``; ``idnumbers`` the groups' keys by id, for those that the
    plan has to name by their id because two have one key.
    """
    found = []
    every = rows(after)
    rekeyed = {(row["course"], row["name"]) for row in every if row["fate"] == Fate.REKEYED}
    for row in every:
        own = row["key"] if keys.moodle_id_of(row["key"]) is None else idnumbers.get(row["moodle_id"])
        # By name, a likely re-key under one name is the one group that has it, whatever a person decides.
        same = row["fate"] == Fate.WAITING and (row["course"], row["name"]) in rekeyed
        match = {
            "id": None if row["moodle_id"] is None else str(row["moodle_id"]),
            "idnumber": own,
            "name": None if same else row["name"],
        }
        found.append(
            {
                "course": row["course"],
                "course_id": row["course_id"],
                "group_id": row["moodle_id"],
                "group": row["key"],
                "match": match[field_name],
                "fate": row["fate"],
                "keeps_members": protection.covers_by_half(row["course"], own or row["key"])
                or row["moodle_id"] in others,
            }
        )
    return frame_of(found, GROUP_AFTER)


def _appropriated(links: pd.DataFrame) -> frozenset[int]:
    """Groupings that hold a group without idnumber: somebody has put them to a use of their own (rule G7)."""
    return frozenset(links.loc[links["group_idnumber"].isna(), "grouping_id"])


def _course_ids(courses: pd.DataFrame) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows(courses):
        found[row["course"]].append(row["course_id"])
    return found


def _names(courses: pd.DataFrame) -> dict[int, str]:
    return {ids[0]: course for course, ids in _course_ids(courses).items() if len(ids) == 1}


def _by(some: Iterable[Mapping[str, Any]], column: str) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in some:
        found[row[column]].append(row)
    return found


def _links_by_course(snapshot: Snapshot) -> dict[int, list[tuple[int, int]]]:
    owner = dict(zip(snapshot.groupings["grouping_id"], snapshot.groupings["course_id"], strict=True))
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in rows(snapshot.links):
        found[owner[row["grouping_id"]]].append((row["grouping_id"], row["group_id"]))
    return found


def _wanted(row: Mapping[str, Any]) -> Wanted:
    return Wanted(
        row["idnumber"], row["name"], row["description"], row["label"], row["source_row"], row.get("grouping")
    )


def _held(row: Mapping[str, Any], id_column: str) -> Held:
    return Held(row[id_column], keys.key(row["idnumber"]), row["name"], row["description"] or "")


def _managed(row: Mapping[str, Any]) -> Managed:
    return Managed(row["moodle_id"], row["idnumber"], row["name"], row["description"], row["module"], row["terms"])


def _managed_link(row: Mapping[str, Any]) -> ManagedLink:
    return ManagedLink(row["grouping_id"], row["group_id"], row["module"], row["terms"], bool(row["gone"]))


def _stays(held: Held, *, twin: bool) -> After:
    key = keys.without_idnumber(held.moodle_id) if twin else held.plan_key
    return After(key, held.moodle_id, held.name, Fate.STAYS)


def _after(row: Mapping[str, Any]) -> After:
    return After(row["key"], row["moodle_id"], row["name"], Fate(row["fate"]))


def _after_row(course: str, course_id: int, after: After) -> dict[str, Any]:
    return {
        "course": course,
        "course_id": course_id,
        "moodle_id": after.moodle_id,
        "key": after.key,
        "name": after.name,
        "fate": str(after.fate),
    }
