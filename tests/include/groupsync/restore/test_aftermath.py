"""The new ids of what came back, and what has to be set again by hand (rule J3)."""

from typing import Any

from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import SCHEMAS, Snapshot
from include.groupsync.model.things import Group, Grouping
from include.groupsync.restore.aftermath import ID_MAP, id_map, work_list
from include.groupsync.restore.net import Net

GONE = [
    Net(Kind.GROUP, 11, 9, "c", None, Group("c", "G", "name G"), None),
    Net(Kind.GROUP, 12, 9, "c", None, Group("c", "H", "name H"), None),
    Net(Kind.GROUPING, 1, 9, "c", None, Grouping("c", "A", "name A"), None),
    Net(Kind.GROUP, 21, 8, "b", None, Group("b", "G", "name G"), None),
]


def ids_of(made: dict[tuple[Kind, str, str], int]) -> list[dict[str, Any]]:
    """With H of course 9 in Moodle already, under another id."""
    there = {"groups": [{"course_id": 9, "group_id": 77, "idnumber": " H", "name": "name H"}]}
    snapshot = Snapshot(**{name: frame_of(there.get(name, []), schema) for name, schema in SCHEMAS.items()})
    return rows(id_map(GONE, snapshot, made))


def test_j3_each_old_id_has_its_new_one_or_none() -> None:
    """Made by this restore, or there before it; of the object's own course and kind."""
    found = ids_of({(Kind.GROUP, "c", "G"): 101, (Kind.GROUPING, "c", "A"): 102})
    assert [(row["course"], row["kind"], row["key"], row["old_id"], row["new_id"]) for row in found] == [
        ("b", "group", "G", 21, None),
        ("c", "group", "G", 11, 101),
        ("c", "group", "H", 12, 77),
        ("c", "grouping", "A", 1, 102),
    ]


def test_j3_what_used_a_deleted_object_is_work_and_what_cannot_be_seen_is_a_line_of_its_course() -> None:
    uses = [
        {"how": "restriction", "cmid": 5, "activity": "Quiz", "module": "quiz", "url": "https://m/5"},
        {"how": "activity grouping", "cmid": 4, "activity": "Forum", "module": "forum", "url": "https://m/4"},
    ]
    entries = [
        {"kind": "group", "group_id": 11, "after": None, "before": {"used_by": uses[:1]}},
        {"kind": "grouping", "grouping_id": 1, "after": None, "before": {"used_by": uses[1:]}},
        {"kind": "group", "group_id": 99, "after": None, "before": {"used_by": uses}},  # not asked for
        {"kind": "group", "group_id": 12, "after": {"name": "x"}, "before": {"used_by": uses}},  # an update
        {"kind": "membership", "group_id": 11, "after": None, "before": {"user": "ann"}},
    ]
    left = rows(work_list(entries, frame_of(ids_of({(Kind.GROUP, "c", "G"): 101}), ID_MAP)))
    assert [(row["course"], row["activity"], row["what"], row["old_id"], row["new_id"]) for row in left] == [
        ("b", None, "not to be seen", None, None),
        ("c", "Forum", "activity grouping", 1, None),
        ("c", "Quiz", "restriction", 11, 101),
        ("c", None, "not to be seen", None, None),
    ]
    assert [row["url"] for row in left] == [None, "https://m/4", "https://m/5", None]
    assert all(row["to_do"] for row in left)
