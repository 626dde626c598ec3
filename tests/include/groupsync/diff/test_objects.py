"""The changes, findings and ledger rows of one course's objects, part by part (sections G, P and O)."""

from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.diff.course import After, CourseDiff, Fate
from include.groupsync.diff.objects import GROUPINGS, rows_without_course
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.scope import Standing
from include.groupsync.model.things import Group, Grouping
from tests.rules.pure import POLICY, TERM1, TERM2, applied, compare, held, ours, said, short, terms_now, want

AGAIN = "It is tried again at every run."
ADOPT = replace(POLICY, adopt_same_name=True)
ORDINARY = replace(POLICY, rekey=False)


def finding(severity: Severity, rule: str, reason: str, key: str, row: int | None = 1, **more: Any) -> Finding:
    fields: dict[str, Any] = {"dataset": "groups", "course": "C1", "key": key, "source_row": row, "next_step": AGAIN}
    return Finding(severity=severity, rule=rule, reason=reason, **(fields | more))


def ledger_row(found: CourseDiff) -> dict[str, Any]:
    """The only one that was observed."""
    (row,) = found.observed
    return row


# --- what a change says


def test_p5_a_new_group_is_a_change_from_nothing_with_all_its_fields() -> None:
    """With where it comes from; a description that is not configured is made blank (P2)."""
    rows = [want("G1", "Lab", "Wet", label="M T1", row=4), want("G2", "Pub", row=5)]
    found = compare(rows, [])
    assert found.changes == [
        Change(None, Group("C1", "G1", "Lab", "Wet"), "P5", "M T1", 4),
        Change(None, Group("C1", "G2", "Pub", ""), "P5", None, 5),
    ]
    assert found.after == [After("G1", None, "Lab", Fate.CREATED), After("G2", None, "Pub", Fate.CREATED)]
    (grouping,) = compare([want("S1", "Seminars", "All", row=2)], [], words=GROUPINGS).changes
    assert grouping == Change(None, Grouping("C1", "S1", "Seminars", "All"), "G5", None, 2)


def test_p6_an_update_shows_the_fields_before_and_after() -> None:
    """A description that is not configured stays as it is; a name moves at a step of its own (P9)."""
    there = [held(7, "G1", "Old", "Words"), held(8, "G2", "Pub", "Was")]
    rows = [want("G1", "New", label="M", row=4), want("G2", "Pub", "Is", row=5)]
    found = compare(rows, there, [ours(one) for one in there])
    assert found.changes == [
        Change(Group("C1", "G1", "Old", "Words"), Group("C1", "G1", "New", "Words"), "P6", "M", 4, step=1),
        Change(Group("C1", "G2", "Pub", "Was"), Group("C1", "G2", "Pub", "Is"), "P6", None, 5),
    ]
    assert found.after == [After("G1", 7, "New", Fate.STAYS), After("G2", 8, "Pub", Fate.STAYS)]


def test_p7_a_delete_shows_all_that_goes() -> None:
    """Under the delivery that the ledger has for it."""
    there = held(7, "G1", "Lab", "Words")
    found = compare([], [there], [ours(there, module="M T1")])
    assert found.changes == [Change(Group("C1", "G1", "Lab", "Words"), None, "P7", "M T1")]
    assert (found.after, found.observed) == ([After("G1", 7, "Lab", Fate.DELETED)], [])
    found = compare([], [there], [ours(there)], words=GROUPINGS)
    assert found.changes == [Change(Grouping("C1", "G1", "Lab", "Words"), None, "G7")]


def test_p9_what_goes_steps_out_of_its_name_under_its_own_delivery() -> None:
    """And waits for its own release; who takes the name says for whom it waits."""
    old, mine = held(6, "OLD", "Lab", "Words"), held(7, "G1", "Room")
    managed = [ours(old, module="M"), ours(mine)]
    aside, rename, delete = sorted(compare([want("G1", "Lab")], [old, mine], managed).changes, key=short_of)
    assert replace(aside, after=None) == Change(
        Group("C1", "OLD", "Lab", "Words"), None, "P9", "M", step=1, waits_for="OLD"
    )
    assert aside.after is not None
    assert aside.after.description == "Words"
    assert delete == Change(Group("C1", "OLD", "Lab", "Words"), None, "P7", "M")
    assert (rename.rule, rename.step, rename.waits_for) == ("P6", 2, "OLD")


def test_p11_a_create_says_whose_name_it_waits_for() -> None:
    """And one that takes a free name waits for nobody."""
    old = held(6, "OLD", "Lab")
    found = compare([want("G1", "Lab"), want("G2", "Pub")], [old], [ours(old)], policy=ORDINARY)
    assert {c.thing.key: c.waits_for for c in found.changes if c.before is None} == {"G1": "OLD", "G2": None}


def short_of(change: Change) -> int:
    return 2 if change.after is None else {"P9": 0, "P6": 1}[change.rule]


def test_p9_a_swap_has_one_that_steps_aside_first() -> None:
    """Three changes of names, at three steps, each of which says whose name it takes."""
    a, b = held(1, "A", "x", "Words"), held(2, "B", "y")
    found = compare([want("A", "y", row=3, label="M"), want("B", "x", row=4)], [a, b], [ours(a), ours(b)])
    seen = [(c.before, c.rule, c.step, c.waits_for, c.module, c.source_row) for c in found.changes]
    (temporary,) = [c.after.name for c in found.changes if c.rule == "P9" and isinstance(c.after, Group)]
    assert seen == [
        (Group("C1", "A", "x", "Words"), "P9", 1, "B", "M", 3),
        (Group("C1", "A", temporary, "Words"), "P6", 3, "B", "M", 3),
        (Group("C1", "B", "y", ""), "P6", 2, "A", None, 4),
    ]


def test_g8_a_description_does_not_wait_for_a_name() -> None:
    """It goes first, at no step; the name follows when it is free."""
    a, b = held(1, "A", "x", "Old"), held(2, "B", "y", "Old")
    found = compare([want("A", "y", "New"), want("B", "z", "New")], [a, b], [ours(a), ours(b)])
    assert found.changes == [
        Change(Group("C1", "A", "x", "Old"), Group("C1", "A", "x", "New"), "P6", None, 1),
        Change(Group("C1", "A", "x", "New"), Group("C1", "A", "y", "New"), "P6", None, 1, step=2, waits_for="B"),
        Change(Group("C1", "B", "y", "Old"), Group("C1", "B", "z", "New"), "P6", None, 1, step=1),
    ]


def test_p10_a_likely_rekey_is_one_change_with_its_evidence() -> None:
    """The description stays where none is configured; what waits is said with what stays until then."""
    old = held(7, "OLD", "Lab", "Words")
    found = compare([want("NEW", "Lab", row=5, label="M")], [old], [ours(old, module="L")])
    assert found.changes == [
        Change(
            Group("C1", "OLD", "Lab", "Words"), Group("C1", "NEW", "Lab", "Words"), "P10", "M", 5,
            evidence="both are named 'Lab'",
        )
    ]  # fmt: skip
    assert found.after == [After("NEW", None, "Lab", Fate.WAITING), After("OLD", 7, "Lab", Fate.REKEYED)]
    (change,) = compare([want("NEW", "Lab", "")], [old], [ours(old)]).changes
    assert isinstance(change.after, Group)
    assert change.after.description == "", "blanked, where the column is configured"


def test_p10_the_name_that_the_new_one_would_have_counts_too() -> None:
    """Suffix and all: there is nothing to rename."""
    old, other = held(7, "OLD", "Lab (NEW)"), held(8, "G2", "Lab (G2)")
    found = compare([want("NEW", "Lab"), want("G2", "Lab")], [old, other], [ours(old), ours(other)])
    assert short(found) == ["~ OLD>NEW"]


def test_p10_each_rekey_takes_its_own_pair_out_of_the_deletes_and_creates() -> None:
    """What is left of them is an ordinary delete and an ordinary create."""
    a, b, c = held(7, "A", "Lab"), held(8, "B", "Hall"), held(9, "C", "Gone")
    rows = [want("A9", "Lab"), want("B9", "Hall"), want("D9", "Fresh")]
    found = compare(rows, [a, b, c], [ours(a), ours(b), ours(c)])
    assert short(found) == ["~ A>A9", "~ B>B9", "+ D9 Fresh", "- C"]
    assert {(one.key, str(one.fate)) for one in found.after} == {
        ("A", "rekeyed"), ("B", "rekeyed"), ("C", "deleted"), ("A9", "waiting"), ("B9", "waiting"), ("D9", "created")
    }  # fmt: skip


def test_p10_a_rekey_of_another_name_keeps_its_suffix_and_waits_for_it() -> None:
    """Members in common, and the new name is one that somebody gives up in this plan."""
    old, other = held(7, "OLD", "Lab 1", "Words"), held(8, "G2", "Hall")
    found = compare(
        [want("NEW", "Hall", "Other"), want("G2", "Room")], [old, other], [ours(old), ours(other)],
        overlap={(7, "NEW"): 0.9},
    )  # fmt: skip
    (rekey,) = [c for c in found.changes if c.rule == "P10"]
    assert (rekey.before, rekey.after) == (Group("C1", "OLD", "Lab 1", "Words"), Group("C1", "NEW", "Hall", "Other"))
    assert (rekey.step, rekey.waits_for) == (2, "G2"), "the description waits with it: nothing of it is released"
    assert (After("NEW", None, "Hall", Fate.WAITING) in found.after, len(found.changes)) == (True, 2)


# --- adopt_same_name


def test_p4_an_adopted_group_gets_the_idnumber_and_the_rows_description() -> None:
    """In place; it is the row's group from then on, whose members and links it keeps."""
    there = held(7, None, "Lab", "Words")
    found = compare([want("G1", "Lab", "Wet", row=3, label="M")], [there], policy=ADOPT)
    assert found.changes == [Change(Group("C1", "#7", "Lab", "Words"), Group("C1", "G1", "Lab", "Wet"), "P4", "M", 3)]
    assert found.after == [After("G1", 7, "Lab", Fate.STAYS)]
    assert said(found) == []
    (kept,) = compare([want("G1", "Lab")], [there], policy=ADOPT).changes
    assert isinstance(kept.after, Group)
    assert kept.after.description == "Words"
    (grouping,) = compare([want("S1", "Lab")], [there], words=GROUPINGS, policy=ADOPT).changes
    assert (grouping.rule, grouping.before) == ("G4", Grouping("C1", "#7", "Lab", "Words"))


def test_p4_what_has_an_idnumber_or_a_twin_is_not_adopted() -> None:
    """The row is set aside, or warned of; without the option always."""
    reason = 'Group "Lab" was not imported because an existing group exists with the same name but no idNumber'
    two = [held(7, None, "Lab"), held(8, None, "Lab")]
    assert said(compare([want("G1", "Lab")], two, policy=ADOPT)) == [("warning", "P4", "G1", reason)]
    assert said(compare([want("G1", "Lab")], two[:1])) == [("warning", "P4", "G1", reason)]
    mixed = [held(7, None, "Hall"), held(8, "X", "Lab")]
    found = compare([want("G1", "Lab")], mixed, policy=ADOPT)
    assert (short(found), said(found)) == ([], [("quarantined", "P11", "G1", "name taken by X")])
    assert [one.key for one in found.after] == ["#7", "X"]


# --- what is said of a row


def test_p11_a_row_that_is_set_aside_is_told_with_its_place_and_what_happens_next() -> None:
    """Warnings alike."""
    there = [held(7, "X", "Lab"), held(8, None, "Hall")]
    found = compare([want("G1", "Lab", row=3), want("G2", "Hall", row=4)], there)
    reason = 'Group "Hall" was not imported because an existing group exists with the same name but no idNumber'
    assert found.findings == [
        finding(Severity.QUARANTINED, "P11", "name taken by X", "G1", 3),
        finding(Severity.WARNING, "P4", reason, "G2", 4),
    ]
    (of_grouping,) = compare([want("S1", "Lab")], there, words=GROUPINGS).findings
    assert (of_grouping.dataset, of_grouping.rule) == ("groupings", "G8")


def test_p4_a_rename_onto_the_name_of_one_without_idnumber_leaves_the_name_alone() -> None:
    """The description goes on, and so do the claim and the group's place in the plan."""
    mine, other = held(6, "G1", "Old", "Was"), held(7, None, "Lab")
    found = compare([want("G1", "Lab", "Is")], [mine, other], [ours(mine)])
    assert found.changes == [Change(Group("C1", "G1", "Old", "Was"), Group("C1", "G1", "Old", "Is"), "P6", None, 1)]
    assert found.after == [After("G1", 6, "Old", Fate.STAYS), After("#7", 7, "Lab", Fate.STAYS)]


def test_p3_rows_of_no_course_are_warned_of_one_by_one() -> None:
    """With what to do about it."""
    rows = [want("G1", "Lab", row=3), want("G2", "Pub", row=4)]
    found = rows_without_course(GROUPINGS, "C9", rows, ambiguous=False)
    assert [(f.dataset, f.rule, f.course, f.key, f.source_row, f.next_step) for f in found] == [
        ("groupings", "G3", "C9", key, row, "Give the course its key in Moodle, or correct the mapping.")
        for key, row in (("G1", 3), ("G2", 4))
    ]


def test_k7_an_idnumber_that_moodle_takes_for_anothers_is_told_with_that_one() -> None:
    """Of several the one that Moodle made first; the row makes nothing managed."""
    there = [held(9, "07", "Nine"), held(8, "007", "Eight"), held(5, "G1", "Five")]
    found = compare([want("7", "Lab", row=2), want("G2", "Pub")], there)
    reason = "Moodle takes its idnumber and the existing '007' for equal"
    assert found.findings == [finding(Severity.QUARANTINED, "K7", reason, "7", 2)]
    assert short(found) == ["+ G2 Pub"]


def test_k3_of_two_objects_with_one_idnumber_the_plan_names_each_by_its_id() -> None:
    """Neither is the row's, neither is ours to delete, and what else is there keeps its key."""
    there = [held(7, "G1", "Lab"), held(8, "G1", "Hall"), held(9, "G2", "Pub"), held(5, None, "Mine")]
    managed = [ours(one) for one in there[:3]]
    found = compare([want("G1", "Room", row=6), want("G2", "Pub")], there, managed)
    reason = "two objects of the course have this idnumber in Moodle"
    assert found.findings == [finding(Severity.QUARANTINED, "K3", reason, "G1", 6)]
    assert (found.changes, found.observed) == ([], [])
    assert [one.key for one in found.after] == ["#5", "#7", "#8", "G2"]
    gone = compare([want("G2", "Pub")], there, managed)
    assert (short(gone), terms_now(gone)) == ([], {})


def test_p8_a_row_that_fits_two_objects_keeps_no_other_from_its_name() -> None:
    """It is quarantined, and claims nothing."""
    there = [held(7, "G1", "One"), held(8, "G1", "Two")]
    found = compare([want("G1", "Lab"), want("G2", "Lab")], there)
    assert short(found) == ["+ G2 Lab"]


def test_o4_what_was_edited_by_hand_and_stays_is_a_note() -> None:
    """Each field by its name; what the source and a hand agree on is not worth one."""
    keep = replace(POLICY, on_local_edit="keep")
    there = held(7, "G1", "By hand", "By hand")
    mine = ours(there, name="Was", description="Was")
    found = compare([want("G1", "New", "New", row=3)], [there], [mine], policy=keep)
    assert found.findings == [
        finding(Severity.NOTE, "O4", f"its {what} was edited in Moodle and stays as it is there", "G1", 3)
        for what in ("name", "description")
    ]
    assert found.changes == []
    agreed = compare([want("G1", "By hand", "By hand")], [there], [mine], policy=keep)
    assert (agreed.findings, agreed.changes) == ([], [])
    untouched = compare([want("G1", "New")], [there], [ours(there)], policy=keep)
    assert (short(untouched), untouched.findings) == (["~ G1 By hand > New"], [])


def test_g7_a_grouping_that_is_kept_for_its_group_is_a_note() -> None:
    """Nothing to do, and nothing else is said."""
    there = held(7, "S1", "Seminars")
    found = compare([], [there], [ours(there)], words=GROUPINGS, appropriated=[7])
    reason = 'Grouping "Seminars" is no longer listed and stays: it holds a group without idnumber'
    assert found.findings == [finding(Severity.NOTE, "G7", reason, "S1", None, dataset="groupings", next_step=None)]
    assert found.after == [After("S1", 7, "Seminars", Fate.STAYS)]


# --- what is left alone, and the ones after it


def test_p7_one_that_stays_does_not_keep_the_next_from_going() -> None:
    """Unmanaged, without idnumber, with another idnumber now, listed, a twin, protected, frozen, another term's."""
    there = [
        held(1, "UNMANAGED", "1"), held(2, None, "2"), held(3, "NOW", "3"), held(4, "LISTED", "4"),
        held(5, "TWIN", "5"), held(6, "TWIN", "6"), held(7, "BAD", "7"), held(8, "FROZEN", "8"),
        held(9, "OTHER", "9"), held(10, "GONE", "10"),
    ]  # fmt: skip
    managed = [
        *(ours(one, key="WAS" if one.moodle_id in (2, 3) else one.key) for one in there[1:7]),
        ours(there[7], module="frozen"), ours(there[8], terms=f"{TERM1} {TERM2}"), ours(there[9], module="M"),
    ]  # fmt: skip
    found = compare(
        [want("LISTED", "4")], there, managed, protected={"BAD"},
        standing=lambda label: Standing.FROZEN if label == "frozen" else Standing.ACTIVE,
    )  # fmt: skip
    assert short(found) == ["- GONE"]
    assert terms_now(found) == {9: TERM2}
    assert [(one.moodle_id, str(one.fate)) for one in found.after if one.fate is not Fate.STAYS] == [(10, "deleted")]


def test_c5_an_ended_terms_claim_does_not_keep_a_group() -> None:
    """And what only an ended term lists is left alone, its claim too."""
    policy = replace(POLICY, open_terms=frozenset({TERM1}))
    there = held(7, "G1", "Lab")
    assert short(compare([], [there], [ours(there, terms=f"{TERM1} {TERM2}")], policy=policy)) == ["- G1"]
    left = compare([], [there], [ours(there, terms=TERM2)], policy=policy)
    assert (short(left), left.observed) == ([], [])


def test_c5_a_later_terms_fields_hold_while_it_is_open() -> None:
    """Nothing is changed, and the claim of this term is written down; the next row goes on."""
    there, other = held(7, "G1", "Lab"), held(8, "G2", "Hall")
    managed = [ours(there, terms=TERM2), ours(other)]
    policy = replace(POLICY, later_terms=frozenset({TERM2}))
    found = compare([want("G1", "New"), want("G2", "Room")], [there, other], managed, policy=policy)
    assert (short(found), terms_now(found)) == (["~ G2 Hall > Room"], {7: f"{TERM1} {TERM2}"})
    ended = replace(policy, open_terms=frozenset({TERM1}))
    assert len(compare([want("G1", "New"), want("G2", "Room")], [there, other], managed, policy=ended).changes) == 2


# --- the ledger's row


def test_o1_a_claim_is_a_whole_row_of_the_ledger() -> None:
    """Fields that Moodle has as the source wants them were applied, whoever did it."""
    there = held(7, "G1", "Lab", "Words")
    whole = {
        "kind": "group", "moodle_id": 7, "course_id": 1, "course": "C1", "idnumber": "G1", "name": "Lab",
        "description": "Words", "module": "M", "terms": TERM1,
    }  # fmt: skip
    assert ledger_row(compare([want("G1", "Lab", "Words", label="M")], [there])) == whole
    assert ledger_row(compare([want("G1", "Lab", label="M")], [there])) == whole | {"description": None}
    assert ledger_row(compare([want("G1", "New", label="M")], [there])) == whole | {"name": None, "description": None}
    grouping = compare([want("G1", "Lab", "Words", label="M")], [there], words=GROUPINGS)
    assert ledger_row(grouping) == whole | {"kind": "grouping"}


def test_o1_what_the_ledger_has_already_is_not_told_again() -> None:
    """Only what differs: a new module, another term, a field as it was last applied."""
    there = held(7, "G1", "Lab", "Words")
    assert compare([want("G1", "Lab", "Words")], [there], [ours(there)]).observed == []
    moved = ledger_row(compare([want("G1", "Lab", "Words", label="N")], [there], [ours(there, module="M")]))
    assert (moved["module"], moved["terms"]) == ("N", TERM1)
    claimed = ledger_row(compare([want("G1", "Lab", "Words")], [there], [ours(there, terms=TERM2)]))
    assert claimed["terms"] == f"{TERM1} {TERM2}"
    learnt = ledger_row(compare([want("G1", "Lab", "Words")], [there], [ours(there, name="Was", description="Was")]))
    assert (learnt["name"], learnt["description"]) == ("Lab", "Words")
    kept = ledger_row(compare([want("G1", "New", "New", label="N")], [there], [ours(there, name="Was")]))
    assert (kept["name"], kept["description"]) == ("Was", "Words"), "as last applied, until the change is made"


def test_o1_what_is_gone_leaves_the_ledger_with_its_whole_row() -> None:
    """The others stay in it."""
    was, there = held(6, "G1", "Lab", "Words"), held(7, "G2", "Hall")
    found = compare([want("G2", "Hall", "")], [there], [ours(was, module="M"), ours(there)])
    assert ledger_row(found) == {
        "kind": "group", "moodle_id": 6, "course_id": 1, "course": "C1", "idnumber": "G1", "name": "Lab",
        "description": "Words", "module": "M", "terms": "",
    }  # fmt: skip


def test_k6_a_row_that_was_set_aside_makes_nothing_managed_and_the_next_one_does() -> None:
    """For its name, or for a collision."""
    warn = replace(POLICY, on_name_collision="warn")
    there = [held(1, "A", "x"), held(2, "B", "y"), held(3, "C", "z"), held(4, "X", "taken"), held(5, "D", "w")]
    rows = [want("A", "same"), want("B", "same"), want("C", "taken"), want("D", "w")]
    found = compare(rows, there, policy=warn)
    assert terms_now(found) == {5: TERM1}
    assert [(f[0], f[1], f[2]) for f in said(found)] == [
        ("quarantined", "P8", "A"), ("quarantined", "P8", "B"), ("quarantined", "P11", "C")
    ]  # fmt: skip


def test_the_plan_does_not_depend_on_the_order_of_rows_or_ids() -> None:
    """Neither in its changes nor in what follows from them."""
    there = [held(7, "B", "2"), held(6, "A", "1"), held(9, None, "3")]
    rows = [want("C", "4", row=1), want("B", "3", row=2), want("A", "5", row=3)]
    first = compare(rows, there, [ours(there[0])], policy=ORDINARY)
    second = compare(rows[::-1], there[::-1], [ours(there[0])], policy=ORDINARY)
    assert (first.changes, first.findings, first.after) == (second.changes, second.findings, second.after)
    assert [one.moodle_id for one in first.after] == [None, 6, 7, 9]


@pytest.mark.parametrize("words", ["group", "grouping"])
def test_p8_a_suffixed_name_may_be_as_long_as_moodle_takes_it(words: str) -> None:
    """254 characters of a group, 255 of a grouping."""
    limit = 254 if words == "group" else 255
    name = "L" * (limit - len(" (G1)"))
    more: dict[str, Any] = {} if words == "group" else {"words": GROUPINGS}
    found = compare([want("G1", name), want("G2", name)], [], **more)
    assert applied(found, []) == {key: f"{name} ({key})" for key in ("G1", "G2")}
    longer = compare([want("G1", name + "L"), want("G2", name + "L")], [], **more)
    assert [f[3] for f in said(longer)] == [f"its name with the idnumber added is over {limit} characters"] * 2
