"""The changes, findings and ledger rows of one course's links, part by part (section L)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.diff.course import After, Fate, Wanted
from include.groupsync.diff.links import CourseLinks, LinkDiff, ManagedLink, Pair, diff_links
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.scope import Standing
from include.groupsync.model.things import Link
from tests.rules.pure import POLICY, TERM1, TERM2, want

# Three groupings and three groups of course C1, by key and by Moodle id.
GROUPINGS = [After(f"S{n}", n, f"Seminars {n}", Fate.STAYS) for n in (1, 2, 3)]
GROUPS = [After(f"G{n}", 10 + n, f"Lab {n}", Fate.STAYS) for n in (1, 2, 3)]


def ours(pair: Pair, *, gone: bool = False, terms: str = TERM1, module: str | None = None) -> ManagedLink:
    return ManagedLink(*pair, module, terms, gone)


def links(
    rows: Iterable[Wanted] = (),
    there: Iterable[Pair] = (),
    base: Iterable[ManagedLink] = (),
    *,
    groupings: Iterable[After] = tuple(GROUPINGS),
    groups: Iterable[After] = tuple(GROUPS),
    field: str = "idnumber",
    policy: Any = POLICY,
    **more: Any,
) -> LinkDiff:
    """``there`` are Moodle's links, ``base`` those that we applied."""
    sides = {"present": lambda _: False, "grouping_present": lambda _: False, "standing": lambda _: Standing.ACTIVE}
    course = CourseLinks(
        "C1", 5, list(rows), list(groupings), list(groups), frozenset(there), list(base), **(sides | more)
    )
    return diff_links(course, field, policy)


def moves(found: LinkDiff) -> list[str]:
    return [
        f"{'+' if change.before is None else '-'} {change.thing.grouping} {change.thing.group}"
        for change in found.changes
        if isinstance(change.thing, Link)
    ]


def learnt(found: LinkDiff) -> dict[Pair, tuple[str, bool]]:
    return {(row["grouping_id"], row["group_id"]): (row["terms"], row["gone"]) for row in found.observed}


def test_l2_a_link_says_where_it_comes_from_and_which_rule_asks_for_it() -> None:
    """L1's for a group that is made in this run, L2's for one that is there; the old one under its own delivery."""
    made = After("G4", None, "Lab 4", Fate.CREATED)
    rows = [want("G4", grouping="S1", row=4, label="M"), want("G1", grouping="S2", row=5, label="N")]
    found = links(rows, [(1, 11)], [ours((1, 11), module="OLD")], groups=[*GROUPS, made])
    assert found.changes == [
        Change(None, Link("C1", "S2", "G1"), "L2", "N", 5),
        Change(None, Link("C1", "S1", "G4"), "L1", "M", 4),
        Change(Link("C1", "S1", "G1"), None, "L2", "OLD"),
    ]
    assert (found.findings, found.observed) == ([], [])


@pytest.mark.parametrize("new", ["grouping", "group"])
def test_l1_a_link_of_something_new_is_made_with_it(new: str) -> None:
    """Whichever of the two is new."""
    fresh = After("NEW", None, "New", Fate.CREATED)
    if new == "grouping":
        assert moves(links([want("G1", grouping="NEW")], groupings=[*GROUPINGS, fresh])) == ["+ NEW G1"]
    else:
        assert moves(links([want("NEW", grouping="S1")], groups=[*GROUPS, fresh])) == ["+ S1 NEW"]


def test_l2_our_old_link_goes_when_the_new_grouping_is_made_in_this_run() -> None:
    """The source's word is clear, although the new link has no ids yet."""
    fresh = After("NEW", None, "New", Fate.CREATED)
    found = links([want("G1", grouping="NEW")], [(1, 11)], [ours((1, 11))], groupings=[*GROUPINGS, fresh])
    assert moves(found) == ["+ NEW G1", "- S1 G1"]


def test_l1_by_id_what_has_none_yet_is_not_found() -> None:
    """Not under the text of nothing either."""
    fresh = After("NEW", None, "New", Fate.CREATED)
    found = links([want("G1", grouping="None"), want("G2", grouping="2")], groupings=[fresh, *GROUPINGS], field="id")
    assert (moves(found), [f.key for f in found.findings]) == (["+ S2 G2"], ["G1"])


def test_l1_a_grouping_that_is_not_there_is_told_with_the_rows_place() -> None:
    """And what to do; the old link stays, and the rows after it go on."""
    rows = [want("G1", "other name", grouping="S9", row=4), want("G2", grouping="S1", row=5)]
    found = links(rows, [(1, 11)], [ours((1, 11))])
    assert found.findings == [
        Finding(
            "groups", Severity.WARNING, "L1",
            'Group "Lab 1" was not placed in grouping "S9" because no such grouping exists',
            course="C1", key="G1", source_row=4,
            next_step="List the grouping in the grouping table, or make it in Moodle.",
        )
    ]  # fmt: skip
    assert (moves(found), found.observed) == (["+ S1 G2"], [])


def test_l1_a_row_that_names_no_grouping_is_in_none() -> None:
    """Even where a grouping has no value in the field that they are matched by."""
    by_hand = After("#9", 9, "", Fate.STAYS)
    found = links([want("G1", grouping=None), want("G2", grouping="")], groupings=[by_hand], field="name")
    assert (moves(found), found.findings) == ([], [])


def test_l2_a_group_of_a_row_that_was_not_applied_keeps_its_links() -> None:
    """A re-key in waiting, its new idnumber, a group that goes, one that is not there; the rows after them go on."""
    odd = [
        After("G1", 11, "Lab 1", Fate.REKEYED), After("G2", 12, "Lab 2", Fate.DELETED),
        After("NEW", None, "Lab 1", Fate.WAITING), GROUPS[2],
    ]  # fmt: skip
    rows = [want(key, grouping="S2") for key in ("G0", "G1", "G2", "NEW", "G3")]
    found = links(rows, [(1, 11), (1, 12), (1, 13)], [ours((1, at)) for at in (11, 12, 13)], groups=odd)
    assert moves(found) == ["+ S2 G3", "- S1 G3"]


def test_l2_what_the_ledger_is_told_of_a_link_is_its_whole_row() -> None:
    """Seen gone by hand, and claimed by this term too."""
    found = links([want("G1", grouping="S1", label="M")], [], [ours((1, 11), terms=TERM2, module="M")])
    assert found.observed == [
        {
            "grouping_id": 1, "group_id": 11, "course_id": 5, "module": "M", "terms": f"{TERM1} {TERM2}",
            "gone": True,
        }
    ]  # fmt: skip
    assert links([want("G1", grouping="S1")], [(1, 11)], [ours((1, 11))]).observed == []


@pytest.mark.parametrize("module", [None, "OLD"])
def test_c1_a_link_is_of_the_delivery_of_the_row_that_lists_it(module: str | None) -> None:
    """Also where it was learned before its table had modules: it would be frozen for ever."""
    listed = [want("G1", grouping="S1", label="M")]
    found = links(listed, [(1, 11)], [ours((1, 11), module=module)])
    assert [(row["module"], row["terms"], row["gone"]) for row in found.observed] == [("M", TERM1, False)]
    assert links(listed, [(1, 11)], [ours((1, 11), module="M")]).observed == []


def test_l2_one_link_that_stays_does_not_keep_the_next_from_going() -> None:
    """Listed, of a row that is not there, protected either way, frozen, with one end gone or going."""
    groupings = [*GROUPINGS, After("S4", 4, "Goes", Fate.DELETED), After("S5", 5, "Half", Fate.STAYS)]
    groups = [*GROUPS, After("G4", 14, "Bad", Fate.STAYS), After("G5", 15, "Frozen", Fate.STAYS),
              After("G6", 16, "Goes", Fate.DELETED)]  # fmt: skip
    rows = [want(key, grouping="S1" if key == "G1" else None, label="M") for key in ("G1", "G2", "G4", "G5")]
    pairs = [(1, 11), (1, 13), (1, 14), (1, 15), (1, 16), (1, 99), (4, 11), (5, 12), (9, 12), (3, 12)]
    found = links(
        rows, pairs, [ours(pair, module="frozen" if pair == (1, 15) else "M") for pair in pairs],
        groupings=groupings, groups=groups, present=lambda key: key == "G4",
        grouping_present=lambda one: one.key == "S5",
        standing=lambda label: Standing.FROZEN if label == "frozen" else Standing.ACTIVE,
    )  # fmt: skip
    assert moves(found) == ["- S3 G2"]
    assert learnt(found) == {(1, 99): ("", False), (9, 12): ("", False)}, "one end is no longer there"


def test_l2_each_reason_to_stay_is_looked_at_for_every_link() -> None:
    """Whichever link comes first by its ids."""
    frozen = {"standing": lambda label: Standing.FROZEN if label == "frozen" else Standing.ACTIVE}
    rows = [want("G1"), want("G2")]
    both = [(1, 11), (1, 12)]

    def left(**more: Any) -> list[str]:
        return moves(links(rows, both, [ours((1, 11), module="frozen"), ours((1, 12))], **more))

    assert left() == ["- S1 G1", "- S1 G2"]
    assert left(**frozen) == ["- S1 G2"]
    assert left(present=lambda key: key == "G1") == ["- S1 G2"]
    assert moves(links(rows[1:], both, [ours((1, 11)), ours((1, 12))])) == ["- S1 G2"]
    assert moves(links([want("G1", grouping="S1"), want("G2")], both, [ours(p) for p in both])) == ["- S1 G2"]
    pairs = [(1, 11), (2, 11)]
    of_two = links([want("G1")], pairs, [ours(p) for p in pairs], grouping_present=lambda one: one.key == "S1")
    assert moves(of_two) == ["- S2 G1"]
    going = [After("S1", 1, "Goes", Fate.DELETED), GROUPINGS[1]]
    assert moves(links([want("G1")], pairs, [ours(p) for p in pairs], groupings=going)) == ["- S2 G1"]


def test_o2_with_reclaim_a_link_that_is_there_and_listed_becomes_ours() -> None:
    """One that somebody put back too; not one that is ours, is not listed, or is not there."""
    reclaim = replace(POLICY, reclaim=True)
    rows = [want("G1", grouping="S1", row=4, label="M"), want("G2", grouping="S1"), want("G3", grouping="S1")]
    found = links(rows, [(1, 11), (1, 12), (2, 11)], [ours((1, 12)), ours((1, 13), gone=True)], policy=reclaim)
    there = Link("C1", "S1", "G1")
    why = "there and listed: it becomes ours, and nothing is sent to Moodle"
    assert found.changes == [Change(there, there, "O2", "M", 4, evidence=why)]
    assert (found.findings, found.observed) == ([], [])
    back = links(rows[1:2], [(1, 12)], [ours((1, 12), gone=True)], policy=reclaim)
    assert ([c.rule for c in back.changes], back.observed) == (["O2"], [])
    assert moves(links(rows[:1], [], [], policy=reclaim)) == ["+ S1 G1"]
    assert moves(links(rows[:1], [(1, 11)])) == []


def test_c5_a_claim_on_a_link_is_dropped_and_the_link_stays_while_another_open_term_lists_it() -> None:
    """Taken out by hand, it stays remembered as that; an ended term keeps nothing."""
    both = f"{TERM1} {TERM2}"
    for gone in (False, True):
        found = links([want("G1")], [] if gone else [(1, 11)], [ours((1, 11), terms=both, gone=gone)])
        assert (moves(found), learnt(found)) == ([], {(1, 11): (TERM2, gone)})
    ended = replace(POLICY, open_terms=frozenset({TERM1}))
    assert moves(links([want("G1")], [(1, 11)], [ours((1, 11), terms=both)], policy=ended)) == ["- S1 G1"]
    only = links([want("G1")], [(1, 11)], [ours((1, 11), terms=TERM2)], policy=ended)
    assert (moves(only), learnt(only)) == ([], {}), "what only an ended term lists is left alone"


def test_l2_rows_are_taken_in_the_order_of_their_keys() -> None:
    """The plan does not depend on theirs, nor on the ledger's."""
    rows = [want("G3", grouping="S1"), want("G1", grouping="S3"), want("G2", grouping="S9")]
    base = [ours((2, 13)), ours((1, 11))]
    first, second = (links(rows[::turn], [(1, 11), (2, 13)], base[::turn]) for turn in (1, -1))
    assert moves(first) == moves(second) == ["+ S3 G1", "+ S1 G3", "- S1 G1", "- S2 G3"]
