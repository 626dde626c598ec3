"""Links: which group is in which grouping (section L)."""

import pytest

from include.groupsync.diff.course import After, Fate
from include.groupsync.diff.links import CourseLinks, LinkDiff, ManagedLink, diff_links
from include.groupsync.model.scope import Standing
from tests.rules.conftest import MakeWorld
from tests.rules.pure import POLICY, TERM1, want
from tests.world import World

# Two groupings and one group of course C1, by key and by Moodle id.
S1, S2 = After("S1", 1, "Seminars", Fate.STAYS), After("S2", 2, "Lectures", Fate.STAYS)
G1 = After("G1", 11, "Lab", Fate.STAYS)
IN_S1, IN_S2 = (1, 11), (2, 11)


def ours(pair: tuple[int, int], *, gone: bool = False, terms: str = TERM1) -> ManagedLink:
    return ManagedLink(*pair, None, terms, gone)


def link(
    grouping: str | None, *, there=(), base=(), field="idnumber", groupings=(S1, S2), group=G1, **more
) -> LinkDiff:
    """G1's row names this grouping; ``there`` are Moodle's links, ``base`` those that we applied."""
    sides = {"present": lambda _: False, "grouping_present": lambda _: False, "standing": lambda _: Standing.ACTIVE}
    course = CourseLinks(
        "C1", 1, [want("G1", "Lab", grouping=grouping)], groupings, [group], frozenset(there), base, **(sides | more)
    )
    return diff_links(course, field, POLICY)


def moves(found: LinkDiff) -> set[str]:
    return {f"{'+' if c.before is None else '-'} {c.thing.grouping}" for c in found.changes}


def learnt(found: LinkDiff) -> dict[int, tuple[str, bool]]:
    """What the ledger is told, by grouping: terms (none drops the row) and whether it was seen gone."""
    return {row["grouping_id"]: (row["terms"], row["gone"]) for row in found.observed}


def none_found(value: str) -> str:
    return f'Group "Lab" was not placed in grouping "{value}" because no such grouping exists'


@pytest.mark.parametrize(("field", "value"), [("id", "2"), ("idnumber", "S2"), ("name", "Lectures")])
def test_l1_the_grouping_is_matched_by_the_configured_field(field: str, value: str) -> None:
    """By that one and no other."""
    assert moves(link(value, field=field)) == {"+ S2"}
    for other in {"2", "S2", "Lectures"} - {value}:
        found = link(other, field=field)
        assert (moves(found), [f.reason for f in found.findings]) == (set(), [none_found(other)])


def test_l1_none_found_is_warned_of() -> None:
    """Verbatim; nothing else happens to the group's links."""
    found = link("S9", there=[IN_S1], base=[ours(IN_S1)])
    assert moves(found) == set()
    assert [(str(f.severity), f.rule, f.key, f.reason) for f in found.findings] == [
        ("warning", "L1", "G1", none_found("S9"))
    ]


def test_l1_a_grouping_that_goes_or_waits_is_none() -> None:
    """One that is created in this run is one."""
    for fate, expected in ((Fate.DELETED, set()), (Fate.WAITING, set()), (Fate.CREATED, {"+ S3"})):
        at = None if fate is not Fate.DELETED else 3
        assert moves(link("S3", groupings=[S1, After("S3", at, "New", fate)])) == expected


def test_l1_a_name_that_two_groupings_have_fits_none() -> None:
    """Nothing in Moodle forbids it."""
    twice = [S1, After("S2", 2, "Seminars", Fate.STAYS)]
    assert [f.reason for f in link("Seminars", field="name", groupings=twice).findings] == [none_found("Seminars")]


@pytest.mark.parametrize("field", ["id", "idnumber", "name"])
def test_l1_groups_reach_their_groupings_by_each_field(make_world: MakeWorld, field: str) -> None:
    """By name and id even one that somebody made by hand, without idnumber."""
    world = make_world(localgroupingfield=field)
    by_hand = world.by_hand.grouping("C1", "Mine")
    world.source.grouping("C1", "S1", name="Seminars")
    world.source.group("C1", "G1", grouping={"id": str(by_hand), "idnumber": "S1", "name": "Mine"}[field])
    world.source.group("C1", "G2", name="Lab", grouping="nowhere")
    run = world.sync()
    assert world.moodle.groups("C1")["G1"].groupings == ({"S1"} if field == "idnumber" else {"Mine"})
    assert run.reasons("warning") == [none_found("nowhere")]
    again = world.sync()
    assert (again.writes, again.reasons("warning")) == (0, [none_found("nowhere")])


# --- L2, the three-way merge: listed, in the base, there


def test_l2_a_new_group_is_linked_when_it_is_created() -> None:
    """And what is created with it."""
    (change,) = link("S1", group=After("G1", None, "Lab", Fate.CREATED)).changes
    assert (change.rule, change.thing.grouping, change.thing.group) == ("L1", "S1", "G1")


@pytest.mark.parametrize(
    ("listed", "base", "gone", "there", "expected", "ledger"),
    [
        (True, False, False, False, {"+ S1"}, {}),
        (True, False, False, True, set(), {}),  # theirs: not ours by being listed
        (True, True, False, True, set(), {}),
        (True, True, False, False, set(), {1: (TERM1, True)}),  # taken out by hand: stays out
        (True, True, True, False, set(), {}),
        (True, True, True, True, set(), {1: ("", False)}),  # put back by hand: theirs, leaves the base
        (False, False, False, True, set(), {}),
        (False, True, False, True, {"- S1"}, {}),
        (False, True, False, False, set(), {1: ("", False)}),
        (False, True, True, False, set(), {1: ("", False)}),
        (False, True, True, True, set(), {1: ("", False)}),  # theirs since: not ours to take out
    ],
)
def test_l2_the_source_moodle_and_what_we_applied_are_merged(
    listed: bool, base: bool, gone: bool, there: bool, expected: set[str], ledger: dict[int, tuple[str, bool]]
) -> None:
    """A link that somebody made or removed by hand stays as they left it."""
    found = link(
        "S1" if listed else None, there=[IN_S1] if there else (), base=[ours(IN_S1, gone=gone)] if base else ()
    )
    assert (moves(found), learnt(found)) == (expected, ledger)


def test_l2_a_change_at_the_source_moves_our_link() -> None:
    """The old one goes when the new one is made; one made by hand stays."""
    assert moves(link("S2", there=[IN_S1], base=[ours(IN_S1)])) == {"+ S2", "- S1"}
    assert moves(link("S2", there=[IN_S1])) == {"+ S2"}
    assert moves(link("S2", there=[IN_S1, IN_S2], base=[ours(IN_S1)])) == {"- S1"}


def test_l2_what_stays_out_stays_only_while_both_ends_are_the_same() -> None:
    """A grouping made anew has another id: the base knows nothing of it."""
    anew = After("S1", 9, "Seminars", Fate.STAYS)
    found = link("S1", groupings=[anew], base=[ours(IN_S1, gone=True)])
    assert (moves(found), learnt(found)) == ({"+ S1"}, {1: ("", False)})


def test_l2_what_may_not_be_deleted_is_not() -> None:
    """A bad row of the group, half a key of the grouping, a frozen delivery, another term, a re-key in waiting."""
    there, base = [IN_S1], [ours(IN_S1)]
    assert moves(link(None, there=there, base=base, present=lambda key: key == "G1")) == set()
    assert moves(link(None, there=there, base=base, grouping_present=lambda one: one.key == "S1")) == set()
    assert moves(link(None, there=there, base=base, standing=lambda _: Standing.FROZEN)) == set()
    assert moves(link(None, there=there, base=base, group=After("G1", 11, "Lab", Fate.REKEYED))) == set()
    both = link(None, there=there, base=[ours(IN_S1, terms=f"{TERM1} 2026-27-T2")])
    assert (moves(both), learnt(both)) == (set(), {1: ("2026-27-T2", False)})


def test_l2_hands_are_respected_over_many_runs(world: World) -> None:
    """Moved at the source, taken out, put back, moved once more."""
    for key in ("S1", "S2"):
        world.source.grouping("C1", key)
    world.source.group("C1", "G1", grouping="S1")
    world.sync()
    world.source.update("remote_groups", {"idnumber": "G1"}, grouping="S2")
    run = world.sync()
    assert world.journaled(run) == [("link", "create", "C1", "S2", "G1"), ("link", "delete", "C1", "S1", "G1")]
    world.by_hand.unlink("C1", "G1", "S2")
    assert (world.sync().writes, world.moodle.groups("C1")["G1"].groupings) == (0, set())
    world.by_hand.link("C1", "G1", "S2")
    assert world.sync().writes == 0
    world.source.update("remote_groups", {"idnumber": "G1"}, grouping="S1")
    world.sync()
    assert world.moodle.groups("C1")["G1"].groupings == {"S1", "S2"}, "S2 was put back by hand: theirs"


def test_l2_one_rows_trouble_stops_no_other() -> None:
    """A group that is not made, a grouping that is not there, a grouping that goes: the rows after them go on."""
    rows = [want("G0", grouping="S1"), want("G1", grouping="S9"), want("G2", grouping="S1")]
    groupings = [After("S0", 5, "Gone", Fate.DELETED), S1]
    here = {"present": lambda _: False, "grouping_present": lambda _: False, "standing": lambda _: Standing.ACTIVE}
    groups = [G1, After("G2", 12, "Hall", Fate.STAYS)]
    found = diff_links(CourseLinks("C1", 1, rows, groupings, groups, frozenset(), [], **here), "idnumber", POLICY)
    assert [(c.thing.grouping, c.thing.group) for c in found.changes] == [("S1", "G2")]


@pytest.mark.parametrize("other", ["2025-26-T3", "2026-27-T2"])
def test_l2_a_link_that_is_listed_is_claimed_by_this_term_too(other: str) -> None:
    """Whichever term made it (C5)."""
    found = link("S1", there=[IN_S1], base=[ours(IN_S1, terms=other)])
    assert (moves(found), learnt(found)) == (set(), {1: (" ".join(sorted([other, TERM1])), False)})
