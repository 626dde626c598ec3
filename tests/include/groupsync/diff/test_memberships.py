"""Memberships over several courses, with every column of what comes out (section M, rules K1, K6, C2, C5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest

from include.groupsync.diff.memberships import GROUP_AFTER, MembershipDiff, MembershipSides, diff_memberships
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.ledger import EXCEPTIONS, MANAGED_MEMBERSHIPS
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import SCOPE, Scope
from include.groupsync.model.snapshot import MEMBERS, PARTICIPANTS, USERS
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.quarantine import PROTECTED

TERM, LATER, ENDED = "2026-T1", "2026-T2", "2025-T2"
Row = Mapping[str, Any]

# People by Moodle's id: the ids are the largest that a 32-bit column holds, and far apart.
ANN, BOB, CID = 2_147_483_647, 7, 9
PEOPLE = {ANN: "ann", BOB: "bob", CID: "cid"}


def group(course_id: int, at: int | None, key: str, **more: Any) -> Row:
    ids = {"course": f"C{course_id}", "course_id": course_id, "group_id": at, "group": key}
    return ids | {"match": key, "fate": "stays", "keeps_members": False, **more}


def listed(course: str | None, key: str, user: str, row: int = 1, **more: Any) -> Row:
    return {"course": course, "group": key, "user": user, "source_row": row, **more}


def ours(group_id: int, user_id: int, course_id: int = 1, **more: Any) -> Row:
    ids = {"group_id": group_id, "user_id": user_id, "course_id": course_id, "user": PEOPLE.get(user_id)}
    return ids | {"module": None, "terms": TERM, **more}


# G1 of both courses; ids are not in the order of the rows.
GROUPS = [group(2, 12, "G1"), group(1, 11, "G1"), group(1, 13, "G2")]


@dataclass
class Sides:
    """Everybody is enrolled in both courses unless said otherwise; both are active."""

    listed: Iterable[Row] = ()
    there: Iterable[tuple[int, int]] = ()
    managed: Iterable[Row] = ()
    groups: Iterable[Row] = tuple(GROUPS)
    enrolled: Iterable[tuple[int, int]] = tuple((course, user) for course in (1, 2) for user in PEOPLE)
    accounts: Iterable[tuple[int, str]] = tuple(PEOPLE.items())
    exceptions: Iterable[Row] = ()
    protected: Iterable[Row] = ()
    standings: Iterable[tuple[str, str | None, str]] = (("C1", None, "active"), ("C2", None, "active"))
    by_group_id: bool = False
    open_terms: frozenset[str] | None = None
    reclaim: bool = False

    def compare(self) -> MembershipDiff:
        names = ("course", "label", "standing")
        scope = [{"dataset": "m", **dict(zip(names, one, strict=True))} for one in self.standings]
        sides = MembershipSides(
            wanted=frame_of(self.listed, CLEAN["memberships"]),
            groups=frame_of(self.groups, GROUP_AFTER).iloc[::-1],
            members=frame_of(({"group_id": g, "user_id": u} for g, u in self.there), MEMBERS),
            participants=frame_of(({"course_id": c, "user_id": u} for c, u in self.enrolled), PARTICIPANTS),
            users=frame_of(({"user_id": at, "user": key} for at, key in self.accounts), USERS),
            managed=frame_of(self.managed, MANAGED_MEMBERSHIPS),
            exceptions=frame_of(self.exceptions, EXCEPTIONS),
            by_group_id=self.by_group_id,
        )
        protection = Protection.of(frame_of(({"dataset": "m", **row} for row in self.protected), PROTECTED), "m")
        here = Scope.of(frame_of(scope, SCOPE), "m")
        more = {"reclaim": True} if self.reclaim else {}
        return diff_memberships(sides, protection, here, TERM, self.open_terms, **more)


def told(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows without what is null."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows(frame)]


def moves(found: MembershipDiff) -> set[str]:
    signs = {"create": "+", "update": "=", "delete": "-"}
    return {f"{signs[r['action']]} {r['course']} {r['group']} {r['user']}" for r in rows(found.changes)}


def claims(found: MembershipDiff) -> dict[tuple[int, int], str]:
    return {(row["group_id"], row["user_id"]): row["terms"] for row in rows(found.observed)}


def reasons(found: MembershipDiff) -> list[tuple[int, str]]:
    return [(row["source_row"], row["reason"]) for row in rows(found.findings)]


# --- M3, M4 and M5: who is added, and who is taken out


def test_m4_an_add_and_a_removal_say_where_they_come_from() -> None:
    """Course, group and person by their keys, the delivery, and the row that asks for it."""
    found = Sides(
        [listed("C1", "G1", "ann", 5, label="M T1")],
        [(12, BOB)],
        [ours(12, BOB, 2, module="M T1")],
        standings=[("C1", "M T1", "active"), ("C2", "M T1", "active")],
    ).compare()
    common = {"kind": "membership", "group": "G1", "module": "M T1"}
    assert told(found.changes) == [
        common | {"action": "create", "course": "C1", "user": "ann", "rule": "M4", "source_row": 5},
        common | {"action": "delete", "course": "C2", "user": "bob", "rule": "M5"},
    ]
    assert (told(found.findings), told(found.observed)) == ([], [])
    frames = (found.changes, found.findings, found.observed)
    assert [list(one.columns) for one in frames] == [list(s) for s in (PLAN, FINDING, MANAGED_MEMBERSHIPS)]


def test_k1_a_group_of_another_course_with_the_same_key_is_another_one() -> None:
    """On the way in, on the way out, and among those who are there."""
    found = Sides(
        [listed("C1", "G1", "ann"), listed("C2", "G1", "bob", 2)],
        [(11, BOB), (12, ANN)],
        [ours(11, BOB), ours(12, ANN, 2)],
    ).compare()
    assert moves(found) == {"+ C1 G1 ann", "+ C2 G1 bob", "- C1 G1 bob", "- C2 G1 ann"}


def test_m3_who_is_there_is_not_added_and_does_not_become_ours() -> None:
    """Whoever added them."""
    found = Sides([listed("C1", "G1", "ann")], [(11, ANN)]).compare()
    assert (moves(found), claims(found)) == (set(), {})


def test_m4_who_is_not_enrolled_in_that_course_is_deferred() -> None:
    """An enrolment in another course does not count."""
    found = Sides([listed(c, "G1", "ann", row) for row, c in ((3, "C1"), (4, "C2"))], enrolled=[(2, ANN)]).compare()
    assert moves(found) == {"+ C2 G1 ann"}
    assert told(found.findings) == [
        {
            "dataset": "memberships", "source_row": 3, "severity": "deferred", "rule": "M4", "course": "C1",
            "key": "G1", "user": "ann", "reason": "the person is not enrolled in the course",
            "next_step": "None: it is added once the person is enrolled.",
        }
    ]  # fmt: skip


def test_each_row_that_has_to_wait_is_told_with_its_reason() -> None:
    """Whatever stands between them in the table."""
    rows_of = [
        listed("C1", "G1", "cid", 1), listed("C1", "G1", "ann", 2), listed("C1", "NEW", "ann", 3),
        listed("C1", "G1", "bob", 4), listed("C1", "NEW", "bob", 5),
    ]  # fmt: skip
    groups = [*GROUPS, group(1, None, "NEW", fate="waiting")]
    found = Sides(rows_of, enrolled=[(1, CID)], groups=groups).compare()
    assert moves(found) == {"+ C1 G1 cid"}
    enrolment, approval = "the person is not enrolled in the course", "its group waits for a re-key to be approved"
    assert sorted(reasons(found)) == [(2, enrolment), (3, approval), (4, enrolment), (5, approval)]


def test_k5_two_rows_of_one_membership_add_it_once() -> None:
    """The first row is the one that asks for it."""
    found = Sides([listed("C1", "G1", "ann", 4), listed("C1", "G1", "ann", 2)]).compare()
    assert [(row["user"], row["source_row"]) for row in rows(found.changes)] == [("ann", 4)]


def test_m4_a_group_that_is_to_be_made_can_be_joined() -> None:
    """It has no id yet, and nobody in it."""
    found = Sides([listed("C1", "NEW", "ann")], groups=[*GROUPS, group(1, None, "NEW", fate="created")]).compare()
    assert moves(found) == {"+ C1 NEW ann"}


def test_m2_a_group_that_goes_is_not_found() -> None:
    """Nobody joins it, and nobody leaves it one by one."""
    gone = [group(1, 11, "G1", fate="deleted")]
    found = Sides([listed("C1", "G1", "ann", 4)], [(11, BOB)], [ours(11, BOB)], groups=gone).compare()
    assert (moves(found), reasons(found)) == (set(), [(4, "group not found in the course")])


def test_p10_who_is_listed_for_a_new_idnumber_waits_with_it() -> None:
    """Nothing is added; a row of an ordinary group beside it is."""
    groups = [*GROUPS, group(1, None, "NEW", fate="waiting")]
    found = Sides([listed("C1", "NEW", "ann", 6), listed("C1", "G1", "bob", 7)], groups=groups).compare()
    assert moves(found) == {"+ C1 G1 bob"}
    assert told(found.findings) == [
        {
            "dataset": "memberships", "source_row": 6, "severity": "deferred", "rule": "P10", "course": "C1",
            "key": "NEW", "user": "ann", "reason": "its group waits for a re-key to be approved",
            "next_step": "Approve the re-key, or reject it.",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [{"fate": "rekeyed"}, {"keeps_members": True}])
def test_m5_nobody_leaves_a_group_that_waits_or_is_protected(kept: dict[str, Any]) -> None:
    """Their claims stay as they are."""
    found = Sides([], [(11, ANN)], [ours(11, ANN)], groups=[group(1, 11, "G1", **kept)]).compare()
    assert (moves(found), claims(found)) == (set(), {})


def test_m5_of_two_accounts_with_one_key_the_account_itself_is_named() -> None:
    """Both ours in one group; another person's key there, and the same key in another group, stay as they are."""
    twin = 8
    managed = [ours(11, ANN), ours(11, twin, user="ann"), ours(11, BOB), ours(13, ANN)]
    found = Sides(
        [], [(11, ANN), (11, twin), (11, BOB), (13, ANN)], managed, accounts=[*PEOPLE.items(), (twin, "ann")]
    ).compare()
    assert moves(found) == {f"- C1 G1 #{ANN}", "- C1 G1 #8", "- C1 G1 bob", "- C1 G2 ann"}


# --- what cannot be matched


def test_m2_what_is_not_found_or_fits_two_is_one_error_a_row() -> None:
    """The group's trouble is told before the person's."""
    groups = [*GROUPS, group(1, 14, "G3", match="Lab"), group(1, 15, "G4", match="Lab"), group(1, 16, "G5")]
    found = Sides(
        [
            listed("C1", "G9", "ann", 1), listed("C1", "G1", "eve", 2), listed("C1", "Lab", "ann", 3),
            listed("C1", "G1", "two", 4), listed("C1", "Lab", "two", 5), listed("C1", "G9", "eve", 6),
            listed("C9", "G1", "ann", 7), listed("C1", "G5", "ann", 8),
        ],
        groups=groups,
        accounts=[*PEOPLE.items(), (21, "two"), (22, "two")],
    ).compare()  # fmt: skip
    assert moves(found) == {"+ C1 G5 ann"}
    several = "group ambiguous: several groups of the course fit"
    assert reasons(found) == [
        (1, "group not found in the course"), (2, "user not found: no account in Moodle has this key"),
        (3, several), (4, "user ambiguous: several accounts in Moodle have this key"), (5, several),
        (6, "group not found in the course"), (7, "group not found in the course"),
    ]  # fmt: skip
    assert told(found.findings)[0] == {
        "dataset": "memberships", "source_row": 1, "severity": "error", "rule": "M2", "course": "C1", "key": "G9",
        "user": "ann", "reason": "group not found in the course",
        "next_step": "Correct the row, or the account or group in Moodle.",
    }  # fmt: skip


def test_k6_all_that_an_ambiguous_row_could_mean_stays() -> None:
    """Each of the groups of that name, each of the accounts of that key; nobody else."""
    groups = [group(1, 14, "G3", match="Lab"), group(1, 15, "G4", match="Lab"), group(1, 16, "G5")]
    there = [(at, user) for at in (14, 15, 16) for user in (ANN, BOB)]
    managed = [ours(*pair) for pair in there]
    found = Sides([listed("C1", "Lab", "ann")], there, managed, groups=groups).compare()
    assert moves(found) == {"- C1 G3 bob", "- C1 G4 bob", "- C1 G5 ann", "- C1 G5 bob"}
    accounts = [(ANN, "same"), (BOB, "same"), (CID, "cid")]
    both = [ours(16, ANN, user="ann"), ours(16, BOB, user="bob"), ours(16, CID)]
    found = Sides(
        [listed("C1", "G5", "same")], [(16, ANN), (16, BOB), (16, CID)], both, groups=groups, accounts=accounts
    ).compare()
    assert moves(found) == {"- C1 G5 cid"}


def test_m6_an_excluded_person_goes_although_a_row_could_mean_them() -> None:
    """An ambiguous one, or one that cannot be used: the data team's word is clear, and neither would add them."""
    excluded = [{"course": "C1", "group": "G1", "user": "ann", "what": "exclude"}]
    sides = {"there": [(11, ANN), (11, BOB)], "managed": [ours(11, ANN), ours(11, BOB)], "exceptions": excluded}
    bad = [{"course": "C1", "key": None, "user": None}]
    assert moves(Sides(protected=bad, **sides).compare()) == {"- C1 G1 ann"}
    same = [group(1, 11, "G1", match="Lab"), group(1, 15, "G4", match="Lab")]
    rows_of = [listed("C1", "Lab", "ann", 1), listed("C1", "Lab", "bob", 2)]
    assert moves(Sides(rows_of, groups=same, **sides).compare()) == {"- C1 G1 ann"}


# --- by Moodle's id


def test_m1_by_id_the_group_says_the_course() -> None:
    """A row without course takes the group's; one that names another course finds none; one that names it does."""
    by_id = [{**one, "match": str(one["group_id"])} for one in GROUPS]
    found = Sides(
        [
            listed(None, "12", "ann", 1), listed("C1", "12", "bob", 2), listed("C1", "13", "cid", 3),
            listed(None, "99", "ann", 4), listed("C1", "98", "ann", 5),
        ],
        groups=by_id,
        by_group_id=True,
    ).compare()  # fmt: skip
    assert moves(found) == {"+ C2 G1 ann", "+ C1 G2 cid"}
    none = "group not found in the course"
    assert [(f["source_row"], f["course"], f["reason"]) for f in rows(found.findings)] == [
        (2, "C1", none), (4, None, none), (5, "C1", none)
    ]  # fmt: skip


def test_c1_by_id_rows_whose_group_is_out_of_scope_say_nothing() -> None:
    """By the group's own course and the row's delivery: neither added nor reported."""
    by_id = [{**one, "match": str(one["group_id"])} for one in GROUPS]
    rows_of = [
        listed(None, "11", "ann", 1, label="A"), listed(None, "11", "bob", 2, label="B"),
        listed(None, "11", "cid", 3), listed(None, "12", "ann", 4, label="A"), listed(None, "99", "ann", 5, label="B"),
    ]  # fmt: skip
    standings = [("C1", "A", "active"), ("C1", "B", "withdrawn"), ("C2", "A", "frozen")]
    found = Sides(rows_of, groups=by_id, by_group_id=True, standings=standings).compare()
    assert (moves(found), reasons(found)) == ({"+ C1 G1 ann"}, [(5, "group not found in the course")])


def test_m1_by_id_an_empty_table_asks_for_nothing() -> None:
    """And ours in groups that stay go."""
    by_id = [{**one, "match": str(one["group_id"])} for one in GROUPS]
    found = Sides([], [(11, ANN)], [ours(11, ANN)], groups=by_id, by_group_id=True).compare()
    assert (moves(found), reasons(found)) == ({"- C1 G1 ann"}, [])


# --- what protects, and what is out of scope


@pytest.mark.parametrize(
    ("bad", "stay"),
    [
        ({"course": "C1", "key": "Lab", "user": "ann"}, {"ann"}),  # as rows name the group
        ({"course": "C1", "key": "G1", "user": "ann"}, {"ann"}),
        ({"course": "C1", "key": "G1"}, {"ann", "bob"}),
        ({"key": "G1", "user": "bob"}, {"bob"}),
        ({"course": "C2", "key": "G1", "user": "ann"}, set()),
        ({"course": "C1", "key": "G2", "user": "ann"}, set()),
    ],
)
def test_k6_a_bad_row_keeps_whom_it_could_mean(bad: Row, stay: set[str]) -> None:
    """By the group's idnumber, or by what rows call it."""
    groups = [group(1, 11, "G1", match="Lab")]
    found = Sides([], [(11, ANN), (11, BOB)], [ours(11, ANN), ours(11, BOB)], groups=groups, protected=[bad]).compare()
    assert {"ann", "bob"} - {row["user"] for row in rows(found.changes)} == stay
    assert claims(found) == {}


def test_k6_a_group_without_the_field_that_rows_name_it_by_is_protected_by_its_key() -> None:
    """One without idnumber, where rows name groups by idnumber."""
    groups = [group(1, 11, "#11", match=None)]
    bad = [{"course": "C1", "key": "#11", "user": "ann"}]
    found = Sides([], [(11, ANN), (11, BOB)], [ours(11, ANN), ours(11, BOB)], groups=groups, protected=bad).compare()
    assert moves(found) == {"- C1 #11 bob"}


def test_c2_memberships_of_a_frozen_delivery_stay_and_a_withdrawn_ones_go() -> None:
    """By the module that the ledger has for them; what was seen gone is forgotten all the same."""
    managed = [ours(11, ANN, module="A"), ours(11, BOB, module="B"), ours(11, CID, module="B"), ours(12, ANN, 2)]
    found = Sides(
        [],
        [(11, ANN), (11, BOB), (12, ANN)],
        managed,
        standings=[("C1", "A", "withdrawn"), ("C1", "B", "frozen"), ("C2", "A", "active")],
    ).compare()
    assert (moves(found), claims(found)) == ({"- C1 G1 ann"}, {(11, CID): ""})


# --- the ledger's claims


@pytest.mark.parametrize("module", [None, "OLD T1"])
def test_c1_a_membership_is_of_the_delivery_of_the_row_that_lists_it(module: str | None) -> None:
    """Also where it was learned before its table had modules, or of a delivery that is frozen: once it is listed no
    more it would stay for ever."""
    sides = Sides(
        [listed("C1", "G1", "ann", label="M T1")], [(11, ANN)], [ours(11, ANN, module=module)],
        standings=[("C1", "M T1", "active"), ("C1", "OLD T1", "frozen")],
    )  # fmt: skip
    found = sides.compare()
    assert moves(found) == set()
    learned = {"group_id": 11, "user_id": ANN, "course_id": 1, "user": "ann", "module": "M T1", "terms": TERM}
    assert told(found.observed) == [learned]
    assert told(replace(sides, managed=[learned]).compare().observed) == []
    assert moves(replace(sides, listed=[]).compare()) == set()
    assert moves(replace(sides, listed=[], managed=[learned]).compare()) == {"- C1 G1 ann"}


def test_c5_a_claim_is_written_down_as_a_row_of_the_ledger() -> None:
    """Listed again by this term, and there: both terms list it; all else of the row stays."""
    found = Sides([listed("C1", "G1", "ann")], [(11, ANN)], [ours(11, ANN, module=None, terms=LATER)]).compare()
    assert told(found.observed) == [
        {"group_id": 11, "user_id": ANN, "course_id": 1, "user": "ann", "terms": f"{TERM} {LATER}"}
    ]
    assert claims(Sides([listed("C1", "G1", "ann")], [(11, ANN)], [ours(11, ANN)]).compare()) == {}


def test_c5_another_open_terms_claim_keeps_a_membership_and_an_ended_ones_does_not() -> None:
    """The calendar says which terms are open; without one all are."""
    there, open_terms = [(11, ANN)], frozenset({TERM, LATER})

    def found(terms: str, **more: Any) -> MembershipDiff:
        return Sides([], there, [ours(11, ANN, terms=terms)], **more).compare()

    later, ended = f"{TERM} {LATER}", f"{ENDED} {TERM}"
    assert (moves(found(later)), claims(found(later))) == (set(), {(11, ANN): LATER})
    assert (moves(found(ended)), claims(found(ended))) == (set(), {(11, ANN): ENDED})
    both = found(ended, open_terms=open_terms)
    assert (moves(both), claims(both)) == ({"- C1 G1 ann"}, {}), "it leaves the ledger when it is done"
    only = found(ENDED, open_terms=open_terms)
    assert (moves(only), claims(only)) == (set(), {}), "what only an ended term lists is left alone"


def test_m5_who_is_listed_no_more_goes_out_from_among_those_who_stay() -> None:
    """The first of ours is still listed, the last is protected."""
    found = Sides(
        [listed("C1", "G1", "ann")],
        [(11, ANN), (11, BOB), (11, CID)],
        [ours(11, ANN), ours(11, BOB), ours(11, CID)],
        protected=[{"course": "C1", "user": "cid"}],
    ).compare()
    assert moves(found) == {"- C1 G1 bob"}


def test_m5_what_was_seen_gone_is_no_longer_ours() -> None:
    """Listed or not; listed and enrolled, it is added anew."""
    found = Sides([listed("C1", "G1", "ann")], [], [ours(11, ANN), ours(11, BOB)]).compare()
    assert (moves(found), claims(found)) == ({"+ C1 G1 ann"}, {(11, ANN): "", (11, BOB): ""})


def test_m5_what_the_ledger_has_in_a_group_that_was_not_read_is_left() -> None:
    """Nothing is known of it."""
    found = Sides([], [], [ours(99, ANN)]).compare()
    assert (moves(found), claims(found)) == (set(), {})


# --- O2


def test_o2_with_reclaim_who_is_there_and_listed_becomes_ours() -> None:
    """Nobody who is ours already, is not listed, is not there, or is excluded."""
    groups = [*GROUPS, group(1, 14, "OLD", fate="rekeyed")]
    rows_of = [
        listed("C1", "G1", "ann", 3, label="M"), listed("C1", "G1", "bob", 4, label="M"),
        listed("C1", "G2", "ann", 5, label="M"), listed("C1", "G2", "bob", 6, label="M"),
    ]  # fmt: skip
    sides = Sides(
        rows_of, [(11, ANN), (11, BOB), (11, CID), (13, ANN)], [ours(11, BOB, module="M")], groups=groups,
        exceptions=[exception("exclude", key="G2")], standings=[("C1", "M", "active")], reclaim=True,
    )  # fmt: skip
    found = sides.compare()
    assert moves(found) == {"= C1 G1 ann", "+ C1 G2 bob"}
    assert told(found.changes)[1] == {
        "kind": "membership", "action": "update", "course": "C1", "group": "G1", "user": "ann", "rule": "O2",
        "evidence": "there and listed: it becomes ours, and nothing is sent to Moodle", "module": "M",
        "source_row": 3,
    }  # fmt: skip
    assert moves(replace(sides, reclaim=False).compare()) == {"+ C1 G2 bob"}


def test_o2_a_reclaimed_membership_bears_the_groups_key_whatever_its_row_is_named_by() -> None:
    """Here by the group's name."""
    groups = [group(1, 11, "G1", match="Lab")]
    found = Sides([listed("C1", "Lab", "ann")], [(11, ANN)], groups=groups, reclaim=True).compare()
    assert moves(found) == {"= C1 G1 ann"}


# --- M6


def exception(what: str, user: str = "ann", course: str = "C1", key: str = "G1") -> Row:
    return {"course": course, "group": key, "user": user, "what": what}


def test_m6_an_exception_is_of_one_person_in_one_group_of_one_course() -> None:
    """Everybody else, and the person elsewhere, goes and comes as the source says."""
    there = [(11, ANN), (11, BOB), (12, ANN), (13, ANN)]
    managed = [ours(11, ANN), ours(11, BOB), ours(12, ANN, 2), ours(13, ANN)]
    found = Sides([], there, managed, exceptions=[exception("pin")]).compare()
    assert moves(found) == {"- C1 G1 bob", "- C2 G1 ann", "- C1 G2 ann"}
    rows_of = [
        listed("C1", "G1", "ann", 1), listed("C1", "G1", "bob", 2), listed("C2", "G1", "ann", 3),
        listed("C1", "G2", "ann", 4),
    ]  # fmt: skip
    found = Sides(rows_of, exceptions=[exception("exclude")]).compare()
    assert moves(found) == {"+ C1 G1 bob", "+ C2 G1 ann", "+ C1 G2 ann"}
    found = Sides(rows_of, there, managed, exceptions=[exception("exclude")]).compare()
    assert [(row["user"], row["rule"]) for row in rows(found.changes)] == [("ann", "M6")]


def test_m6_the_excluded_go_whatever_a_bad_row_or_another_term_says() -> None:
    """Not out of a frozen course, nor if they are not ours."""
    managed = [ours(11, ANN, terms=f"{TERM} {LATER}")]
    more: dict[str, Any] = {"exceptions": [exception("exclude")], "protected": [{"course": "C1", "key": "G1"}]}
    assert moves(Sides([], [(11, ANN)], managed, **more).compare()) == {"- C1 G1 ann"}
    assert moves(Sides([], [(11, ANN)], [], **more).compare()) == set()
    frozen = Sides([], [(11, ANN)], managed, standings=[("C1", None, "frozen")], **more).compare()
    assert (moves(frozen), claims(frozen)) == (set(), {})


def test_m6_pinned_and_excluded_at_once_is_one_error() -> None:
    """And the source decides; whom nobody knows, and a group that is not there, are passed over."""
    both = [exception("pin"), exception("exclude"), exception("pin", "eve"), exception("exclude", "bob", key="G9")]
    found = Sides([listed("C1", "G1", "ann", 3)], exceptions=both).compare()
    assert moves(found) == {"+ C1 G1 ann"}
    error = {
        "dataset": "memberships", "severity": "error", "rule": "M6", "course": "C1", "key": "G1", "user": "ann",
        "reason": "the person is both pinned to the group and excluded from it",
        "next_step": "Clear one of the two exceptions.",
    }  # fmt: skip
    assert told(found.findings) == [error]
    only_pinned = exception("pin", "bob")
    twice = [only_pinned, *both, exception("pin", key="G2"), exception("exclude", key="G2")]
    assert told(Sides(exceptions=twice).compare().findings) == [error, error | {"key": "G2"}]


def test_m6_a_pinned_persons_claim_by_this_term_is_kept() -> None:
    """Listed no more, and not to go: the ledger keeps what it has."""
    found = Sides([], [(11, ANN)], [ours(11, ANN)], exceptions=[exception("pin")]).compare()
    assert (moves(found), claims(found)) == (set(), {})
