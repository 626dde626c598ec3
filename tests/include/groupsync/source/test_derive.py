"""From rows of CMIS and SITS to the three tables: what is a key, who is left out and why (rules C1, K3, K6)."""

from typing import Any

import pandas as pd

from include.groupsync.model.frames import frame_of, rows
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.derive import DROPPED, INACTIVE, LEFT, UNREGISTERED, Derived, derive
from include.groupsync.source.extract import REMOTE
from include.groupsync.source.native import NATIVE
from include.groupsync.source_settings import Native

ALL = ("groupings", "groups", "memberships")
M1 = {"course": "C1", "module": "M1", "occurrence": "A6U", "period": "T1"}
NODE = {"setid": "LIVE", "module": "M1", "instance": "A6U-T1", "instance_id": "7", "code": "TUT1", "name": "Tutorial 1"}
TUT1 = "LIVE:M1:A6U-T1:TUT1"
SITS = {"cmis": "cmis", "sits": "sits"}


def derived(mappings: list[dict[str, Any]], /, settings: dict[str, Any] | None = None, **answers: Any) -> Derived:
    """What the statements' answers make; a statement that is not given answers no row."""
    read: dict[str, pd.DataFrame] = {name: frame_of(answers.get(name, []), NATIVE[name]) for name in NATIVE}
    native = Native.model_validate(settings or {"cmis": "cmis"})
    if native.groupings == "group_tree":
        del read["cmis_sessions"]
    return derive(frame_of(mappings, CLEAN["mappings"]), read, native, ALL)


def member(student: str, **changed: Any) -> dict[str, Any]:
    return NODE | {"student": student, "upi": f"U{student}", "dropped": "N", "inactive": None} | changed


def people(found: Derived) -> set[tuple[str, str]]:
    return {(row["group"], row["user"]) for row in rows(found.tables["memberships"])}


def why(found: Derived) -> dict[str, str]:
    return {row["student"]: row["reason"] for row in rows(found.left_out)}


def test_the_tables_are_what_the_extract_hands_on() -> None:
    """Columns and types of REMOTE, also where there is no row at all."""
    for found in (derived([M1], cmis_groups=[NODE], cmis_memberships=[member("1")]), derived([])):
        for name in ALL:
            assert found.tables[name].dtypes.astype(str).to_dict() == {
                column: f"{dtype}[pyarrow]" for column, dtype in REMOTE[name].items()
            }


def test_k3_padded_codes_meet_trimmed_ones() -> None:
    """CHAR on one side and VARCHAR on the other, or a person's own blanks."""
    padded = NODE | {"module": "M1          ", "instance": "A6U-T1    ", "code": " TUT1 "}
    group = rows(derived([M1], cmis_groups=[padded]).tables["groups"])[0]
    assert (group["course"], group["idnumber"], group["occurrence"]) == ("C1", TUT1, "A6U")


def test_no_two_deliveries_share_an_idnumber() -> None:
    """Not even where a code holds the sign between the parts, or the one that stands for it."""
    mappings = [M1 | {"module": module, "occurrence": o} for module, o in (("M:A", "B"), ("M", "A:B"), ("M%3AA", "B"))]
    nodes = [
        NODE | {"module": mapping["module"], "instance": f"{mapping['occurrence']}-T1", "instance_id": str(number)}
        for number, mapping in enumerate(mappings)
    ]
    assert derived(mappings, cmis_groups=nodes).tables["groups"]["idnumber"].nunique() == len(mappings)


def test_k6_a_delivery_of_two_instances_is_nobodys() -> None:
    """Its groups are never merged: without idnumber they are set aside, and what the course has stays."""
    other = NODE | {"instance_id": "8", "name": "Another's"}
    found = derived([M1], cmis_groups=[NODE, other], cmis_memberships=[member("1")])
    assert [row["idnumber"] for row in rows(found.tables["groups"])] == [None, None]
    assert people(found) == {(None, "U1")}
    assert found.counts["deliveries with two instances in CMIS"] == 1


def test_c1_half_a_mapping_finds_no_delivery() -> None:
    """And what has no key at the source is not taken for it."""
    half = NODE | {"module": None}
    found = derived([M1 | {"module": None}, M1 | {"period": None}], cmis_groups=[half, NODE])
    assert len(found.tables["groups"]) == 0


def test_k6_a_group_without_code_comes_without_idnumber() -> None:
    """So that it is reported, and protects what the course has."""
    found = derived([M1], cmis_groups=[NODE | {"code": "  "}], cmis_groupings=[NODE | {"code": None}])
    assert [[row["idnumber"] for row in rows(found.tables[name])] for name in ("groups", "groupings")] == [
        [None],
        [None],
    ]


def test_whom_cmis_has_dropped_or_made_inactive_is_left_out_with_the_reason() -> None:
    """An empty flag is a no; who has another row that stays is not left out."""
    found = derived(
        [M1],
        cmis_memberships=[
            *(member("1", dropped=None), member("2", dropped="Y"), member("3", inactive="y")),
            *(member("4"), member("4", dropped="Y")),
        ],
    )
    assert people(found) == {(TUT1, "U1"), (TUT1, "U4")}
    assert why(found) == {"2": DROPPED, "3": INACTIVE}
    assert found.counts[f"left out: {DROPPED}"] == 1


def test_who_left_the_university_is_left_out() -> None:
    """Only if all their courses of study have ended; SITS not knowing somebody is no reason."""
    status = [("1", "L"), ("2", "L"), ("2", "C"), ("3", None), ("5", "L "), ("5", "NS")]
    students = [{"student": student, "status": code} for student, code in status]
    found = derived([M1], SITS, sits_students=students, cmis_memberships=[member(n) for n in "12345"])
    assert {user for _, user in people(found)} == {"U2", "U3", "U4"}
    assert why(found) == {"1": LEFT, "5": LEFT}


def test_who_is_not_registered_is_left_out_where_sits_knows_the_delivery() -> None:
    """A delivery that SITS does not list, or whose people it cannot all name, leaves nobody out."""
    registered = [
        {**M1, "student": "1"},
        {**M1, "module": "M2", "student": None},
        {**M1, "module": "M2", "student": "1"},
    ]
    taken = [member(n, module=module) for module in ("M1", "M2", "M3") for n in "12"] + [member("", module="M1")]
    mappings = [M1 | {"module": module} for module in ("M1", "M2", "M3")]
    found = derived(mappings, SITS, sits_registrations=registered, cmis_memberships=taken)
    assert why(found) == {"2": UNREGISTERED}
    assert len(people(found)) == len(taken) - 1


def test_a_person_may_be_named_by_student_number() -> None:
    """Then nobody needs a UPI."""
    found = derived([M1], {"cmis": "cmis", "user": "student_number"}, cmis_memberships=[member("1", upi=None)])
    assert people(found) == {(TUT1, "1")}


def test_where_cmis_has_no_name_of_a_delivery_sits_has_one_of_the_module() -> None:
    """For the description."""
    nodes = [NODE | {"description": " "}, NODE | {"code": "TUT2", "description": "CMIS's"}]
    found = derived([M1], SITS, cmis_groups=nodes, sits_modules=[{"module": "M1 ", "name": "SITS's"}])
    assert [row["description"] for row in rows(found.tables["groups"])] == ["SITS's", "CMIS's"]


def test_groupings_by_session_type() -> None:
    """A group of several types is in the first one of the settings; a type that is not named there makes none."""
    by_type = {"cmis": "cmis", "groupings": "session_type", "session_types": {"LAB": "Labs", "T": "Tutorials"}}
    nodes = [NODE | {"code": code, "parent": "TUTS"} for code in ("A", "B", "C", "D", None)]
    slots = [("A", "T"), ("A", "T"), ("B", "T"), ("B", "LAB"), ("C", "L")]
    sessions = [NODE | {"code": code, "session_type": kind} for code, kind in slots]
    found = derived([M1], by_type, cmis_groups=nodes, cmis_sessions=sessions)
    labs, tutorials = "LIVE:M1:A6U-T1:type:LAB", "LIVE:M1:A6U-T1:type:T"
    assert [(row["idnumber"], row["name"]) for row in rows(found.tables["groupings"])] == [
        (labs, "Labs"),
        (tutorials, "Tutorials"),
    ]
    assert {row["idnumber"]: row["grouping"] for row in rows(found.tables["groups"])} == {
        "LIVE:M1:A6U-T1:A": tutorials,
        "LIVE:M1:A6U-T1:B": labs,
        "LIVE:M1:A6U-T1:C": None,
        "LIVE:M1:A6U-T1:D": None,
        None: None,
    }


def test_the_order_in_which_a_database_answers_is_not_in_the_tables() -> None:
    """Rows are numbered in an order of their own."""
    nodes = [NODE, NODE | {"code": "TUT2"}, NODE | {"code": "TUT2", "name": None}]
    one, other = derived([M1], cmis_groups=nodes), derived([M1], cmis_groups=nodes[::-1])
    pd.testing.assert_frame_equal(one.tables["groups"], other.tables["groups"])


def test_k6_a_code_in_another_case_is_in_doubt() -> None:
    """Left out, it would take away what is there; its row comes without idnumber, is set aside, and protects."""
    odd = [NODE | {"code": "TUT2", "module": "m1"}, NODE | {"code": "TUT3", "instance": "a6u-t1"}]
    found = derived([M1], cmis_groups=[NODE, *odd], cmis_memberships=[member("1"), member("2", module="m1")])
    groups = [(row["course"], row["module"], row["idnumber"]) for row in rows(found.tables["groups"])]
    assert groups == [("C1", "M1", TUT1), ("C1", "M1", None), ("C1", "M1", None)]
    assert people(found) == {(TUT1, "U1"), (None, "U2")}


def test_k6_two_mapped_modules_that_differ_by_case_alone_are_two() -> None:
    """Nothing is in doubt where both are known."""
    both = [M1, M1 | {"course": "C2", "module": "m1"}]
    found = derived(both, cmis_groups=[NODE, NODE | {"module": "m1", "instance_id": "8"}])
    assert {(row["course"], row["idnumber"]) for row in rows(found.tables["groups"])} == {
        ("C1", TUT1),
        ("C2", "LIVE:m1:A6U-T1:TUT1"),
    }


def test_k6_a_members_group_code_in_another_case_is_in_doubt() -> None:
    """A code that fits no group in any case is the source's word, and told as such (rule M2)."""
    found = derived([M1], cmis_groups=[NODE], cmis_memberships=[member("1", code="tut1"), member("2", code="TUT9")])
    assert people(found) == {(None, "U1"), ("LIVE:M1:A6U-T1:TUT9", "U2")}


def test_a_registration_counts_in_any_case() -> None:
    """Nobody loses a place by how SITS writes a code; who is not registered is still left out."""
    taken = {"module": "m1", "occurrence": "a6u", "period": "t1", "student": "1"}
    found = derived([M1], SITS, cmis_memberships=[member("1"), member("2")], sits_registrations=[taken])
    assert people(found) == {(TUT1, "U1")}
    assert why(found) == {"2": UNREGISTERED}
