"""All courses at once: whose row, object and ledger entry belongs where (rules K1, K6, O3, C1 to C3)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from include.groupsync.diff.course import Policy, no_overlap
from include.groupsync.diff.memberships import GROUP_AFTER
from include.groupsync.diff.objects import GROUPINGS, GROUPS
from include.groupsync.diff.together import (
    AFTER,
    Frames,
    Inputs,
    diff_all_links,
    diff_objects,
    groups_to_join,
    objects_as_they_are,
    taken_over,
    unread_courses,
)
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import MANAGED_LINKS, MANAGED_OBJECTS
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import SCOPE, Scope
from include.groupsync.model.snapshot import SCHEMAS, Snapshot
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.quarantine import PROTECTED

TERM = "2026-T1"
POLICY = Policy(TERM, None)
Row = Mapping[str, Any]


def moodle(courses: Iterable[tuple[int, str]] = ((1, "C1"), (2, "C2")), **more: Iterable[Row]) -> Snapshot:
    """What was read, by table; two courses unless other ones are named."""
    found = {"courses": [{"course_id": at, "course": key} for at, key in courses], **more}
    return Snapshot(**{table: frame_of(found.get(table, []), schema) for table, schema in SCHEMAS.items()})


def grouping(course_id: int, at: int, idnumber: str | None, name: str = "Seminars", **more: Any) -> Row:
    return {"course_id": course_id, "grouping_id": at, "idnumber": idnumber, "name": name, **more}


def group(course_id: int, at: int, idnumber: str | None, name: str = "Lab", **more: Any) -> Row:
    return {"course_id": course_id, "group_id": at, "idnumber": idnumber, "name": name, **more}


def listed(course: str, idnumber: str, name: str = "Lab", row: int = 1, **more: Any) -> Row:
    return {"course": course, "idnumber": idnumber, "name": name, "source_row": row, **more}


def ours(kind: str, course_id: int, at: int, idnumber: str, name: str = "Lab", **more: Any) -> Row:
    fields = {"kind": kind, "course_id": course_id, "course": f"C{course_id}", "moodle_id": at}
    return fields | {"idnumber": idnumber, "name": name, "description": "", "terms": TERM, **more}


def scope(*standings: tuple[str, str | None, str]) -> Scope:
    """Of these courses and deliveries; C1 and C2 are active where none are given."""
    some = standings or (("C1", None, "active"), ("C2", None, "active"))
    records = [{"dataset": "here", "course": c, "label": label, "standing": how} for c, label, how in some]
    return Scope.of(frame_of(records, SCOPE), "here")


def protection(*parts: tuple[str | None, str | None]) -> Protection:
    """By bad rows with this course and this key."""
    return Protection.of(frame_of([{"dataset": "d", "course": c, "key": k} for c, k in parts], PROTECTED), "d")


def inputs(
    wanted: Iterable[Row] = (), managed: Iterable[Row] = (), links: Iterable[Row] = (), /, **more: Any
) -> Inputs:
    """Usable rows and the ledger's, over an empty Moodle unless ``snapshot`` says otherwise."""
    sides = {"snapshot": moodle(), "scope": scope(), "protection": protection(), "policy": POLICY}
    return Inputs(
        wanted=frame_of(wanted, CLEAN["groups"]),
        managed=frame_of(managed, MANAGED_OBJECTS),
        managed_links=frame_of(links, MANAGED_LINKS),
        **(sides | more),
    )


def told(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows without what is null."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows(frame)]


def moves(frames: Frames) -> list[str]:
    """The changes: action, course and key, or both keys of a link."""
    return [
        " ".join(str(part) for part in (row["action"], row["course"], row["grouping"], row["group"]) if part)
        for row in rows(frames.changes)
    ]


# --- groupings, or groups, of all courses


def test_k1_each_course_is_compared_with_its_own_rows_objects_and_ledger() -> None:
    """One idnumber in two courses: made in one, renamed in the other, another one deleted there."""
    there = [group(2, 21, "G1", "Old", description="As it was"), group(2, 22, "G2", "Gone", description="D")]
    found = diff_objects(
        GROUPS,
        inputs(
            [listed("C2", "G1", "New", 2, label="M T1"), listed("C1", "G1", "Lab", 1, description="Wet")],
            [ours("group", 2, 22, "G2", module="M T1"), ours("group", 2, 21, "G1", "Old")],
            snapshot=moodle(groups=there),
            scope=scope(("C1", None, "active"), ("C2", "M T1", "active"), ("C1", "M T1", "active")),
        ),
    )
    assert told(found.changes) == [
        {
            "kind": "group", "action": "create", "course": "C1", "group": "G1", "name_after": "Lab",
            "description_after": "Wet", "rule": "P5", "step": 0, "source_row": 1,
        },
        {
            "kind": "group", "action": "update", "course": "C2", "group": "G1", "name_before": "Old",
            "name_after": "New", "description_before": "As it was", "description_after": "As it was",
            "rule": "P6", "step": 1, "module": "M T1", "source_row": 2,
        },
        {
            "kind": "group", "action": "delete", "course": "C2", "group": "G2", "name_before": "Gone",
            "description_before": "D", "rule": "P7", "step": 0, "module": "M T1",
        },
    ]  # fmt: skip
    assert told(found.observed) == [
        {
            "kind": "group", "moodle_id": 21, "course_id": 2, "course": "C2", "idnumber": "G1", "name": "Old",
            "description": "", "module": "M T1", "terms": TERM,
        }
    ]  # fmt: skip
    assert told(found.after) == [
        {"course": "C1", "course_id": 1, "key": "G1", "name": "Lab", "fate": "created"},
        {"course": "C2", "course_id": 2, "moodle_id": 21, "key": "G1", "name": "New", "fate": "stays"},
        {"course": "C2", "course_id": 2, "moodle_id": 22, "key": "G2", "name": "Gone", "fate": "deleted"},
    ]
    assert told(found.findings) == []
    frames = (found.changes, found.findings, found.observed, found.after)
    assert [list(one.columns) for one in frames] == [list(s) for s in (PLAN, FINDING, MANAGED_OBJECTS, AFTER)]


def test_o1_the_ledger_says_what_was_last_applied_and_is_told_what_is_found() -> None:
    """Name and description as Moodle has them where the source agrees; else as they were last applied."""
    there = [group(1, 11, "G1", "Lab", description="Dry"), group(1, 12, "G2", "By hand", description=None)]
    found = diff_objects(
        GROUPS,
        inputs(
            [listed("C1", "G1", "Lab", description="Wet"), listed("C1", "G2", "Pub", 2, description="")],
            [ours("group", 1, 11, "G1", "Was", description="Was so", module="M", terms="2025-T2")],
            snapshot=moodle(groups=there),
            policy=replace(POLICY, on_local_edit="keep"),
        ),
    )
    assert [(r["moodle_id"], r.get("name"), r.get("description"), r["terms"]) for r in told(found.observed)] == [
        (11, "Lab", "Was so", f"2025-T2 {TERM}"),
        (12, None, "", TERM),
    ]
    assert [(f["key"], f["rule"], f["reason"]) for f in told(found.findings)] == [
        ("G1", "O4", "its description was edited in Moodle and stays as it is there")
    ]
    assert moves(found) == ["update C1 G2"]


def test_k3_a_key_of_moodle_is_read_as_a_row_is_and_an_absent_description_is_blank() -> None:
    """Without surrounding blanks; nothing is updated for that."""
    there = [group(1, 11, " G1 ", "Lab", description=None)]
    found = diff_objects(GROUPS, inputs([listed("C1", "G1", "Lab", description="")], snapshot=moodle(groups=there)))
    assert moves(found) == []
    assert [row["moodle_id"] for row in told(found.observed)] == [11]


@pytest.mark.parametrize(
    ("courses", "rule", "why"),
    [
        ([(1, "C1")], "P3", "it belongs to a non-existent course"),
        ([(1, "C1"), (2, "C2"), (3, "C2")], "K3", "its course key fits two courses of Moodle"),
    ],
)
def test_p3_a_course_that_is_not_there_or_there_twice_is_warned_of_row_by_row(
    courses: list[tuple[int, str]], rule: str, why: str
) -> None:
    """Nothing else happens in it, and the other course goes on."""
    rows_of = [listed("C1", "G1"), listed("C2", "G2", "Lab", 2), listed("C2", "G3", "Pub", 3)]
    found = diff_objects(GROUPS, inputs(rows_of, snapshot=moodle(courses)))
    assert moves(found) == ["create C1 G1"]
    assert told(found.findings) == [
        {
            "dataset": "groups", "source_row": row, "severity": "warning", "rule": rule, "course": "C2", "key": key,
            "reason": f'Group "{name}" was not imported because {why}',
            "next_step": "Give the course its key in Moodle, or correct the mapping.",
        }
        for row, key, name in ((2, "G2", "Lab"), (3, "G3", "Pub"))
    ]  # fmt: skip


def test_p3_what_is_said_of_one_course_does_not_hide_what_is_said_of_another() -> None:
    """Whatever is wrong with each: a name that is taken, no course, and no course again."""
    rows_of = [listed(f"C{at}", f"G{at}", "Lab", at) for at in (1, 2, 3, 4)]
    found = diff_objects(
        GROUPS,
        inputs(
            rows_of,
            snapshot=moodle([(1, "C1"), (4, "C4")], groups=[group(1, 11, None), group(4, 41, None)]),
            scope=scope(*((f"C{at}", None, "active") for at in (1, 2, 3, 4))),
        ),
    )
    assert [(f["course"], f["rule"]) for f in told(found.findings)] == [
        ("C1", "P4"), ("C2", "P3"), ("C3", "P3"), ("C4", "P4")
    ]  # fmt: skip


def test_o3_a_course_that_was_not_read_is_left_out_and_the_next_goes_on() -> None:
    """Nothing is planned, observed or said of its rows and objects."""
    found = diff_objects(
        GROUPS,
        inputs(
            [listed("C1", "G1"), listed("C2", "G2")],
            [ours("group", 1, 12, "G9")],
            snapshot=moodle(unread=[{"course_id": 1, "reason": "refused"}]),
        ),
    )
    assert (moves(found), told(found.observed), told(found.findings)) == (["create C2 G2"], [], [])
    assert [row["course"] for row in told(found.after)] == ["C2"]


def test_c2_a_frozen_course_or_delivery_loses_nothing_and_a_withdrawn_one_does() -> None:
    """As the scope says of the ledger's course and module."""
    there = [group(1, 11, "G1", "One"), group(1, 12, "G2", "Two"), group(2, 21, "G1", "One")]
    managed = [
        ours("group", 1, 11, "G1", module="withdrawn"), ours("group", 1, 12, "G2", module="frozen"),
        ours("group", 2, 21, "G1", module="withdrawn"),
    ]  # fmt: skip
    standings = scope(("C1", "withdrawn", "withdrawn"), ("C1", "frozen", "frozen"), ("C2", "withdrawn", "frozen"))
    found = diff_objects(GROUPS, inputs([], managed, snapshot=moodle(groups=there), scope=standings))
    assert moves(found) == ["delete C1 G1"]
    then = [(row["course"], row["key"], row["fate"]) for row in told(found.after)]
    assert then == [("C1", "G1", "deleted"), ("C1", "G2", "stays"), ("C2", "G1", "stays")]


def test_k6_a_bad_row_protects_the_key_in_its_own_course() -> None:
    """The same idnumber in another course is not meant."""
    there = [group(at, at * 10, "G1") for at in (1, 2)]
    managed = [ours("group", at, at * 10, "G1") for at in (1, 2)]
    found = diff_objects(
        GROUPS, inputs([], managed, snapshot=moodle(groups=there), protection=protection(("C1", "G1")))
    )
    assert moves(found) == ["delete C2 G1"]


def test_g7_only_a_grouping_is_kept_for_a_group_without_idnumber() -> None:
    """By that grouping's id; a group that has the same id by chance goes."""
    links = [
        {"grouping_id": 11, "group_id": 50, "group_idnumber": None},
        {"grouping_id": 12, "group_id": 51, "group_idnumber": "G1"},
    ]
    there = moodle(
        groupings=[grouping(1, 11, "S1", "One"), grouping(1, 12, "S2", "Two")], groups=[group(1, 11, "G9")], links=links
    )
    managed = [ours("grouping", 1, 11, "S1"), ours("grouping", 1, 12, "S2"), ours("group", 1, 11, "G9")]
    groupings, groups = (diff_objects(words, inputs([], managed, snapshot=there)) for words in (GROUPINGS, GROUPS))
    assert moves(groupings) == ["delete C1 S2"]
    assert told(groupings.findings) == [
        {
            "dataset": "groupings", "severity": "note", "rule": "G7", "course": "C1", "key": "S1",
            "reason": 'Grouping "One" is no longer listed and stays: it holds a group without idnumber',
        }
    ]  # fmt: skip
    assert (moves(groups), told(groups.findings)) == (["delete C1 G9"], [])


def test_o1_a_grouping_of_the_ledger_is_no_group_of_the_same_id() -> None:
    """Ids are each kind's own."""
    found = diff_objects(
        GROUPS, inputs([], [ours("grouping", 1, 11, "G1")], snapshot=moodle(groups=[group(1, 11, "G1")]))
    )
    assert (moves(found), told(found.observed)) == ([], [])


def test_p10_members_in_common_are_asked_for_by_course() -> None:
    """Only in the course where they are does the new idnumber look like the old one."""
    there = [group(at, at * 10, "G1", "Old") for at in (1, 2)]
    managed = [ours("group", at, at * 10, "G1") for at in (1, 2)]
    asked = []

    def overlap(course: str, course_id: int) -> Any:
        asked.append((course, course_id))
        return (lambda group_id, key: 1.0 if (group_id, key) == (20, "G2") else None) if course == "C2" else no_overlap

    rows_of = [listed("C1", "G2", "New"), listed("C2", "G2", "New")]
    found = diff_objects(GROUPS, inputs(rows_of, managed, snapshot=moodle(groups=there), overlap=overlap))
    assert asked == [("C1", 1), ("C2", 2)]
    assert moves(found) == ["create C1 G2", "delete C1 G1", "update C2 G1"]
    without = diff_objects(GROUPS, inputs(rows_of, managed, snapshot=moodle(groups=there)))
    assert moves(without) == ["create C1 G2", "delete C1 G1", "create C2 G2", "delete C2 G1"]


def test_o3_each_course_that_was_not_read_is_an_error_with_its_reason() -> None:
    """By its key, where Moodle told it."""
    refused = [{"course_id": 2, "reason": "No permission."}, {"course_id": 9, "reason": "Gone."}]
    found = unread_courses(moodle(unread=refused))
    common = {
        "dataset": "moodle", "severity": "error", "rule": "O3",
        "next_step": "Let the token's account enter the course; it is left out until then.",
    }  # fmt: skip
    assert told(found) == [
        common | {"reason": "the course could not be read: No permission.", "course": "C2"},
        common | {"reason": "the course could not be read: Gone."},
    ]
    assert list(found.columns) == list(FINDING)


# --- links of all courses


def after(course_id: int, at: int | None, key: str, name: str = "Lab", fate: str = "stays") -> dict[str, Any]:
    ids = {"course": f"C{course_id}", "course_id": course_id, "moodle_id": at}
    return ids | {"key": key, "name": name, "fate": fate}


def link(grouping_id: int, group_id: int) -> Row:
    return {"grouping_id": grouping_id, "group_id": group_id, "group_idnumber": "G1"}


def our_link(course_id: int, grouping_id: int, group_id: int, **more: Any) -> Row:
    ids = {"course_id": course_id, "grouping_id": grouping_id, "group_id": group_id}
    return ids | {"module": None, "terms": TERM, "gone": False, **more}


# S1 and S2 of course C1 are 11 and 12, of C2 21 and 22; its group G1 is 15 or 25, its G2 16 or 26.
IN_MOODLE = [grouping(c, c * 10 + n, f"S{n}") for c in (1, 2) for n in (1, 2)]
GROUPINGS_AFTER = [after(c, c * 10 + n, f"S{n}", f"Seminars {n}") for c in (1, 2) for n in (1, 2)]
GROUPS_AFTER = [after(c, c * 10 + 4 + n, f"G{n}") for c in (1, 2) for n in (1, 2)]


def all_links(
    wanted: Iterable[Row] = (),
    there: Iterable[tuple[int, int]] = (),
    base: Iterable[Row] = (),
    *,
    findings: Iterable[Row] = (),
    half: Protection | None = None,
    field_name: str = "idnumber",
    courses: Iterable[tuple[int, str]] = ((1, "C1"), (2, "C2")),
    unread: Iterable[Row] = (),
    groupings: Iterable[Row] = GROUPINGS_AFTER,
    groups: Iterable[Row] = GROUPS_AFTER,
    **more: Any,
) -> Frames:
    """The links of C1 and C2, each with groupings S1, S2 and groups G1, G2."""
    snapshot = moodle(courses, groupings=IN_MOODLE, links=[link(*pair) for pair in there], unread=unread)
    of_groups = Frames(
        frame_of([], PLAN), frame_of(findings, FINDING), frame_of([], MANAGED_OBJECTS), frame_of(groups, AFTER)
    )
    return diff_all_links(
        inputs(wanted, [], base, snapshot=snapshot, **more),
        frame_of(groupings, AFTER),
        of_groups,
        half or protection(),
        field_name,
    )


def test_k1_a_link_joins_the_group_and_the_grouping_of_its_own_course() -> None:
    """By course in the order of their keys; new where it is not there, nobody's where it is."""
    rows_of = [
        listed("C2", "G1", "Lab", 3, grouping="S2", label="M"), listed("C1", "G1", "Lab", 1, grouping="S1"),
        listed("C1", "G2", "Lab", 2, grouping="S1"),
    ]  # fmt: skip
    found = all_links(
        rows_of,
        [(11, 15)],
        courses=[(2, "C2"), (1, "C1")],
        scope=scope(("C1", None, "active"), ("C2", None, "active")),
    )
    assert told(found.changes) == [
        {
            "kind": "link", "action": "create", "course": "C1", "grouping": "S1", "group": "G2", "rule": "L2",
            "step": 0, "source_row": 2,
        },
        {
            "kind": "link", "action": "create", "course": "C2", "grouping": "S2", "group": "G1", "rule": "L2",
            "step": 0, "source_row": 3, "module": "M",
        },
    ]  # fmt: skip
    assert (told(found.findings), told(found.observed), told(found.after)) == ([], [], [])
    frames = (found.changes, found.findings, found.observed, found.after)
    assert [list(one.columns) for one in frames] == [list(s) for s in (PLAN, FINDING, MANAGED_LINKS, AFTER)]


def test_l2_our_old_link_goes_with_the_claim_of_its_own_course() -> None:
    """Ours as the ledger says it, by course; the same pair of keys elsewhere stays."""
    rows_of = [listed("C1", "G1", grouping="S2"), listed("C2", "G1", grouping="S1")]
    found = all_links(
        rows_of, [(11, 15), (21, 25)], [our_link(1, 11, 15, module="M"), our_link(2, 21, 25, terms="2025-T2")]
    )
    assert told(found.changes)[1] == {
        "kind": "link", "action": "delete", "course": "C1", "grouping": "S1", "group": "G1", "rule": "L2", "step": 0,
        "module": "M",
    }  # fmt: skip
    assert moves(found) == ["create C1 S2 G1", "delete C1 S1 G1"]
    assert told(found.observed) == [
        {"grouping_id": 21, "group_id": 25, "course_id": 2, "terms": f"2025-T2 {TERM}", "gone": False}
    ]


def test_l2_a_link_that_somebody_took_out_is_not_made_again() -> None:
    """The ledger remembers it as gone."""
    row = listed("C1", "G1", grouping="S1")
    found = all_links([row], [], [our_link(1, 11, 15, gone=True)])
    assert (moves(found), told(found.observed)) == ([], []), "the ledger knows it already"
    assert moves(all_links([row], [], [])) == ["create C1 S1 G1"]


def test_k1_courses_are_taken_by_key_and_what_is_said_of_one_hides_no_other() -> None:
    """Not by Moodle's id of them; findings and the ledger's rows alike."""
    found = all_links(
        [listed("C1", "G1", grouping="S9"), listed("C2", "G1", grouping="S9")],
        base=[our_link(1, 11, 99), our_link(2, 21, 99)],
        courses=[(1, "C2"), (2, "C1")],
        groups=[after(1, 15, "G1") | {"course": "C2"}, after(2, 25, "G1") | {"course": "C1"}],
    )
    assert [f["course"] for f in told(found.findings)] == ["C1", "C2"]
    assert [(row["course_id"], row["terms"]) for row in told(found.observed)] == [(2, ""), (1, "")]


def test_l1_the_grouping_is_matched_by_the_configured_field_in_its_course() -> None:
    """By name here; none found is a warning of that course's row."""
    rows_of = [listed("C1", "G1", grouping="Seminars 2"), listed("C2", "G1", "Lab", 2, grouping="S2")]
    found = all_links(rows_of, field_name="name")
    assert moves(found) == ["create C1 S2 G1"]
    assert told(found.findings) == [
        {
            "dataset": "groups", "source_row": 2, "severity": "warning", "rule": "L1", "course": "C2", "key": "G1",
            "reason": 'Group "Lab" was not placed in grouping "S2" because no such grouping exists',
            "next_step": "List the grouping in the grouping table, or make it in Moodle.",
        }
    ]  # fmt: skip


def test_k6_a_row_that_was_set_aside_says_nothing_of_its_groups_links() -> None:
    """Only a quarantined one, and only in its course."""
    rows_of = [listed(c, g, grouping="S2") for c in ("C1", "C2") for g in ("G1", "G2")]
    base = [our_link(1, 11, 15), our_link(1, 11, 16), our_link(2, 21, 25)]
    findings = [
        {"course": "C1", "key": "G1", "severity": "quarantined"}, {"course": "C1", "key": "G2", "severity": "warning"}
    ]  # fmt: skip
    found = all_links(rows_of, [(11, 15), (11, 16), (21, 25)], base, findings=findings)
    assert moves(found) == [
        "create C1 S2 G2", "delete C1 S1 G2", "create C2 S2 G1", "create C2 S2 G2", "delete C2 S1 G1"
    ]  # fmt: skip


def test_k6_half_a_key_of_a_grouping_and_a_bad_row_of_a_group_keep_the_links() -> None:
    """Of that course; whole keys of groupings protect the grouping, not its links."""
    rows_of = [listed(c, "G1") for c in ("C1", "C2")]
    there, base = [(11, 15), (21, 25)], [our_link(1, 11, 15), our_link(2, 21, 25)]
    both = ["delete C1 S1 G1", "delete C2 S1 G1"]
    assert moves(all_links(rows_of, there, base)) == both
    assert moves(all_links(rows_of, there, base, protection=protection(("C1", "G1")))) == both[1:]
    assert moves(all_links(rows_of, there, base, half=protection(("C1", None)))) == both[1:]
    assert moves(all_links(rows_of, there, base, half=protection((None, "S1")))) == []
    assert moves(all_links(rows_of, there, base, half=protection((None, "S2")))) == both
    assert moves(all_links(rows_of, there, base, half=protection(("C1", "S1")))) == both


def test_k6_half_a_key_protects_the_links_of_both_of_two_groupings_that_have_it() -> None:
    """The plan names them by their ids, and the row could have meant either."""
    twins = [grouping(1, 11, "S1"), grouping(1, 12, "S1"), grouping(1, 13, "S3")]
    named = [after(1, 11, "#11"), after(1, 12, "#12"), after(1, 13, "S3")]
    there = [(11, 15), (12, 15), (13, 15)]
    found = diff_all_links(
        inputs(
            [listed("C1", "G1")], [], [our_link(1, *pair) for pair in there],
            snapshot=moodle([(1, "C1")], groupings=twins, links=[link(*pair) for pair in there]),
        ),
        frame_of(named, AFTER),
        Frames(
            frame_of([], PLAN), frame_of([], FINDING), frame_of([], MANAGED_OBJECTS),
            frame_of([after(1, 15, "G1")], AFTER),
        ),
        protection((None, "S1")),
        "idnumber",
    )  # fmt: skip
    assert moves(found) == ["delete C1 S3 G1"]


def test_c2_links_of_a_frozen_delivery_stay() -> None:
    """As the scope says of the course and the module under which the link was made."""
    rows_of = [listed(c, "G1") for c in ("C1", "C2")]
    base = [our_link(1, 11, 15, module="A"), our_link(2, 21, 25, module="A")]
    standings = scope(("C1", "A", "frozen"), ("C1", "B", "active"), ("C2", "A", "active"))
    assert moves(all_links(rows_of, [(11, 15), (21, 25)], base, scope=standings)) == ["delete C2 S1 G1"]


@pytest.mark.parametrize("left_out", ["unread", "frozen", "ambiguous"])
def test_o3_links_of_a_course_that_was_not_read_or_is_frozen_are_left_out(left_out: str) -> None:
    """And the next course goes on."""
    rows_of = [listed(c, "G1", grouping="S1") for c in ("C1", "C2")]
    how: dict[str, Any] = {
        "unread": {"unread": [{"course_id": 1, "reason": "refused"}]},
        "frozen": {"scope": scope(("C1", None, "frozen"), ("C2", None, "active"))},
        "ambiguous": {"courses": [(1, "C1"), (3, "C1"), (2, "C2")]},
    }
    found = all_links(rows_of, [], [our_link(1, 12, 99)], **how[left_out])
    assert (moves(found), told(found.observed)) == (["create C2 S1 G1"], [])


def test_l2_objects_that_are_new_or_go_are_linked_as_they_will_be() -> None:
    """A new grouping is one; the links of what is deleted go with it."""
    made = after(1, None, "S3", "New", "created")
    gone = after(1, 11, "S1", "Old", "deleted")
    found = all_links([listed("C1", "G1", grouping="S3")], [(11, 15)], [our_link(1, 11, 15)], groupings=[made, gone])
    assert moves(found) == ["create C1 S3 G1"]
    new = after(1, None, "G3", "New", "created")
    found = all_links([listed("C1", "G3", grouping="S1")], groups=[new])
    assert [(row["group"], row["rule"]) for row in told(found.changes)] == [("G3", "L1")]


# --- what is handed to the next step


@pytest.mark.parametrize("kind", [Kind.GROUPING, Kind.GROUP])
def test_o3_objects_of_a_kind_that_is_off_stay_as_they_are(kind: Kind) -> None:
    """By idnumber, or by Moodle's id where there is none or two have it; of courses that are one."""
    make = grouping if kind is Kind.GROUPING else group
    there = [
        make(1, 11, "X1", "One"), make(1, 12, "X2", "Two"), make(1, 13, " X2", "Three"), make(1, 14, None, "Four"),
        make(2, 21, "X2", "Five"), make(3, 31, "X3", "Six"),
    ]  # fmt: skip
    found = objects_as_they_are(moodle([(1, "C1"), (2, "C2"), (3, "C3"), (4, "C3")], **{f"{kind}s": there}), kind)
    assert told(found) == [
        after(1, 11, "X1", "One"), after(1, 12, "#12", "Two"), after(1, 13, "#13", "Three"),
        after(1, 14, "#14", "Four"), after(2, 21, "X2", "Five"),
    ]  # fmt: skip
    assert list(found.columns) == list(AFTER)


def test_m5_a_managed_group_with_an_idnumber_that_nobody_lists_was_taken_over() -> None:
    """Not one that kept its idnumber, has another listed one, is not ours, or is a grouping of that id."""
    now = [
        after(1, 11, "NEW"), after(1, 12, "G2"), after(1, 13, "G3"), after(1, 14, "NEW4"), after(1, 15, "NEW5"),
        after(1, None, "NEW6"),
    ]  # fmt: skip
    managed = [
        ours("group", 1, 11, "G1"), ours("group", 1, 12, "G2"), ours("group", 1, 13, "WAS"),
        ours("grouping", 1, 14, "S4"),
    ]  # fmt: skip
    wanted = [listed("C1", "G3"), listed("C2", "NEW")]
    found = taken_over(frame_of(now, AFTER), frame_of(managed, MANAGED_OBJECTS), frame_of(wanted, CLEAN["groups"]))
    assert found == {11}


def test_m5_of_two_groups_with_one_idnumber_the_one_that_got_it_by_hand_was_taken_over() -> None:
    """The plan names both by their ids; their keys in Moodle say which had it all along."""
    now = frame_of([after(1, 11, "#11"), after(1, 12, "#12")], AFTER)
    managed = frame_of([ours("group", 1, 11, "G1"), ours("group", 1, 12, "G2")], MANAGED_OBJECTS)
    found = taken_over(now, managed, frame_of([], CLEAN["groups"]), {11: "G1", 12: "G1"})
    assert found == {12}


@pytest.mark.parametrize(
    ("field_name", "matches"),
    [
        ("id", ["11", "12", "13", None]),
        ("idnumber", ["G1", None, "G3", "G4"]),
        ("name", ["One", "Two", "Three", "Four"]),
    ],
)
def test_m1_membership_rows_find_a_group_by_the_configured_field(field_name: str, matches: list[str | None]) -> None:
    """One that the plan names by its id keeps the idnumber that it has, if it has one."""
    now = [
        after(1, 11, "G1", "One"), after(1, 12, "#12", "Two"), after(2, 13, "#13", "Three", "deleted"),
        after(2, None, "G4", "Four", "created"),
    ]  # fmt: skip
    found = groups_to_join(frame_of(now, AFTER), field_name, protection(), idnumbers={13: "G3", 11: "not asked"})
    assert rows(found) == [
        {
            "course": one["course"], "course_id": one["course_id"], "group_id": one["moodle_id"], "group": one["key"],
            "match": match, "fate": one["fate"], "keeps_members": False,
        }
        for one, match in zip(now, matches, strict=True)
    ]  # fmt: skip
    assert list(found.columns) == list(GROUP_AFTER)


def test_m1_by_name_a_likely_rekey_is_found_as_the_one_group_that_has_the_name() -> None:
    """Whatever a person decides; one that waits under another name, or in another course, is found by its own."""
    now = [
        after(1, 11, "OLD", "Lab", "rekeyed"), after(1, None, "NEW", "Lab", "waiting"),
        after(1, None, "OTHER", "Pub", "waiting"), after(1, 13, "G3", "Lab"), after(2, None, "NEW", "Lab", "waiting"),
    ]  # fmt: skip
    found = groups_to_join(frame_of(now, AFTER), "name", protection())
    assert [row["match"] for row in rows(found)] == ["Lab", None, "Pub", "Lab", "Lab"]


def test_k6_nobody_leaves_a_group_that_half_a_key_protects_or_that_was_taken_over() -> None:
    """In its own course; a whole key protects the group and not its members."""
    now = frame_of([after(1, 11, "G1"), after(2, 21, "G1"), after(2, 22, "G2")], AFTER)

    def keeping(some: Protection, others: frozenset[int] = frozenset()) -> list[int]:
        found = groups_to_join(now, "idnumber", some, others)
        return [row["group_id"] for row in rows(found) if row["keeps_members"]]

    assert keeping(protection()) == []
    assert keeping(protection(("C1", None))) == [11]
    assert keeping(protection((None, "G1"))) == [11, 21]
    assert keeping(protection(("C1", "G1"))) == []
    assert keeping(protection(), frozenset({22})) == [22]


def test_k6_half_a_key_protects_both_of_two_groups_that_have_it() -> None:
    """The plan names them by their ids, and the row could have meant either."""
    now = frame_of([after(1, 11, "#11"), after(1, 12, "#12"), after(1, 13, "G3")], AFTER)
    found = groups_to_join(now, "name", protection((None, "G1")), idnumbers={11: "G1", 12: "G1", 13: "G3"})
    assert [row["group_id"] for row in rows(found) if row["keeps_members"]] == [11, 12]
