"""Names that change hands (P9) and likely re-keys (P10)."""

import random
from dataclasses import replace

import pytest

from include.groupsync.diff.course import Fate
from include.groupsync.diff.objects import GROUPINGS
from include.groupsync.steps.act import apply_part
from include.groupsync.steps.decide import load_split
from include.groupsync.steps.run import Run
from tests.rules.conftest import MakeWorld
from tests.rules.pure import POLICY, applied, compare, held, ours, said, short, want
from tests.world import TERM1, Outcome, World

ORDINARY = replace(POLICY, rekey=False)


def release(world: World, run: Outcome) -> None:
    """Apply what the breaker held, as a person's approval does."""
    deployment, of = world.deployment(), Run(run.run_id, TERM1)
    apply_part(deployment, of, run.folder, load_split(run.folder).held)


# --- P9


@pytest.mark.parametrize("length", [2, 3, 4, 7])
@pytest.mark.parametrize("turn", [1, -1])
def test_p9_a_cycle_of_names_ends_right(length: int, turn: int) -> None:
    """Each step is one that Moodle takes, whichever way round and whatever the order of rows and ids."""
    keys = [f"G{at}" for at in range(length)]
    there = [held(10 + at, key, f"name {at}") for at, key in enumerate(keys)]
    rows = [want(key, f"name {(at + turn) % length}") for at, key in enumerate(keys)]
    shuffled = random.Random(length)
    expected = None
    for _ in range(4):
        shuffled.shuffle(rows)
        shuffled.shuffle(there)
        found = compare(rows, there, [ours(one) for one in there])
        assert applied(found, there) == {key: f"name {(at + turn) % length}" for at, key in enumerate(keys)}
        assert said(found) == []
        expected = expected or short(found)
        assert short(found) == expected, "the plan does not depend on the order"
    assert len(expected or []) == length + 1, "one of them steps aside, the others move once"


def test_p9_a_chain_goes_from_its_free_end() -> None:
    """Nobody has to step aside."""
    there = [held(10 + at, key, name) for at, (key, name) in enumerate(zip("ABC", ("1", "2", "3"), strict=True))]
    found = compare([want("A", "2"), want("B", "3"), want("C", "4")], there, [ours(one) for one in there])
    assert short(found) == ["~ C 3 > 4", "~ B 2 > 3", "~ A 1 > 2"]
    assert [change.waits_for for change in sorted(found.changes, key=lambda c: c.step)] == [None, "C", "B"]


def test_p9_several_chains_into_a_cycle_end_right() -> None:
    """Two cycles, a chain and a create in one course, descriptions along with them."""
    names = {"A": "b", "B": "a", "C": "d", "D": "e", "E": "c", "F": "g"}
    there = [held(10 + at, key, key.lower()) for at, key in enumerate(names)]
    rows = [*(want(key, name, "new") for key, name in names.items()), want("H", "f", "new")]
    found = compare(rows, there, [ours(one) for one in there], policy=ORDINARY)
    # A create never comes before the update that frees its name, in whatever order it was planned.
    assert applied(found, there) == {**names, "H": "f"}


def test_p9_a_name_freed_by_a_delete_is_taken_by_a_rename() -> None:
    """What goes steps out of its name first: the rename comes before the delete (A1)."""
    old, mine = held(6, "OLD", "Lab"), held(7, "G1", "Room")
    found = compare([want("G1", "Lab")], [old, mine], [ours(old), ours(mine)])
    assert applied(found, [old, mine]) == {"G1": "Lab"}
    aside, rename, delete = short(found)
    assert aside.startswith("~ OLD Lab > groupsync renaming ")
    assert (rename, delete) == ("~ G1 Room > Lab", "- OLD")
    assert {c.rule for c in found.changes if c.thing.key == "OLD"} == {"P9", "P7"}


def test_p9_the_temporary_name_is_nobodys_and_short_enough() -> None:
    """Not one that is there, or wanted: with the same digest taken, another is made."""
    swap = [held(1, "A", "x"), held(2, "B", "y")]
    rows = [want("A", "y"), want("B", "x")]
    (first,) = [c.after.name for c in compare(rows, swap, [ours(o) for o in swap]).changes if c.rule == "P9"]
    blocked = [*swap, held(3, "Z", first)]
    found = compare(rows, blocked, [ours(one) for one in swap])
    assert applied(found, blocked) == {"A": "y", "B": "x", "Z": first}


def test_p9_a_swap_and_a_freed_name_reach_moodle_without_a_failing_call(world: World) -> None:
    """Groups and groupings, and the same objects afterwards."""
    for make in (world.source.group, world.source.grouping):
        for key, name in (("A", "one"), ("B", "two"), ("C", "three"), ("D", "four")):
            make("C1", key, name=name)
    world.sync()
    ids = {key: one.id for key, one in world.moodle.groups("C1").items()}
    for table in ("remote_groups", "remote_groupings"):
        world.source.update(table, {"idnumber": "A"}, name="two")
        world.source.update(table, {"idnumber": "B"}, name="one")
        world.source.update(table, {"idnumber": "C"}, name="four")
        world.source.delete(table, course="C1", idnumber="D")
    run = world.sync()
    assert (run.state, set(run.results.values())) == ("applied", {"done"}), run.error
    wanted = {"A": "two", "B": "one", "C": "four"}
    assert {key: one.name for key, one in world.moodle.groups("C1").items()} == wanted
    assert {key: one.name for key, one in world.moodle.groupings("C1").items()} == wanted
    assert {key: one.id for key, one in world.moodle.groups("C1").items()} == {key: ids[key] for key in wanted}
    assert world.sync().writes == 0


def test_p9_a_chain_that_ends_at_a_held_delete_waits_and_says_for_what(make_world: MakeWorld) -> None:
    """All of the chain, however long; what does not hang on it goes on; released, it ends right."""
    world = make_world(breaker={"run_deletes": {"count": 0}})
    for key, name in (("A", "one"), ("B", "two"), ("C", "three"), ("X", "apart")):
        world.source.group("C1", key, name=name)
    world.sync()
    world.source.update("remote_groups", {"idnumber": "A"}, name="two")
    world.source.update("remote_groups", {"idnumber": "B"}, name="three")
    world.source.update("remote_groups", {"idnumber": "X"}, name="elsewhere")
    world.source.drop_group("C1", "C")
    run = world.sync()
    assert run.state == "held", run.error
    names = {key: one.name for key, one in world.moodle.groups("C1").items()}
    assert names == {"A": "one", "B": "two", "C": "three", "X": "elsewhere"}
    waits = {c.thing.key: c.waits_for for c in load_split(run.folder).held.changes() if c.action == "update"}
    assert (waits["A"], waits["B"]) == ("B", "C")
    release(world, run)
    names = {key: one.name for key, one in world.moodle.groups("C1").items()}
    assert names == {"A": "two", "B": "three", "X": "elsewhere"}
    assert world.sync().writes == 0


# --- P10


def test_p10_a_delete_and_a_create_of_one_name_are_one_proposed_rekey() -> None:
    """With its evidence; nothing is deleted or created, and nobody joins what waits."""
    old = held(7, "OLD", "Lab 1", "words")
    found = compare([want("NEW", "Lab 1", "other words")], [old], [ours(old)])
    assert short(found) == ["~ OLD>NEW"]
    (change,) = found.changes
    assert (change.rule, change.evidence) == ("P10", "both are named 'Lab 1'")
    assert change.after.description == "other words"
    assert {(a.key, a.fate) for a in found.after} == {("OLD", Fate.REKEYED), ("NEW", Fate.WAITING)}


def test_p10_the_name_before_any_suffix_counts() -> None:
    """The old one wears a suffix of rule P8, or the new one would."""
    old, other = held(7, "OLD", "Lab (OLD)"), held(8, "G2", "Lab (G2)")
    found = compare([want("NEW", "Lab"), want("G2", "Lab")], [old, other], [ours(old), ours(other)])
    assert short(found) == ["~ OLD>NEW Lab (OLD) > Lab (NEW)"]
    plain = held(7, "OLD", "Lab")
    found = compare([want("NEW", "Lab"), want("G2", "Lab")], [plain], [ours(plain)])
    assert "~ OLD>G2 Lab > Lab (G2)" in short(found) or "~ OLD>NEW Lab > Lab (NEW)" in short(found)
    assert len(found.changes) == 2, "each object is in one pair at most"


@pytest.mark.parametrize(("share", "likely"), [(1.0, True), (0.8, True), (0.79, False), (None, False)])
def test_p10_members_in_common_are_evidence_from_80_percent(share: float | None, likely: bool) -> None:
    """Of those in Moodle now; an empty group has none."""
    old = held(7, "OLD", "Lab 1")
    found = compare([want("NEW", "Hall 9")], [old], [ours(old)], overlap={(7, "NEW"): share} if share else {})
    if not likely:
        assert short(found) == ["+ NEW Hall 9", "- OLD"]
        return
    assert short(found) == ["~ OLD>NEW Lab 1 > Hall 9"]
    assert [c.evidence for c in found.changes] == [f"{share:.0%} of its members are listed for the new idnumber"]


def test_p10_idnumbers_that_moodle_takes_for_equal_are_evidence() -> None:
    """The create would be refused: nothing but a re-key can work."""
    old = held(7, "007", "Bond")
    found = compare([want("7", "Other")], [old], [ours(old)])
    assert short(found) == ["~ 007>7 Bond > Other"]
    assert [c.evidence for c in found.changes] == ["Moodle takes the two idnumbers for equal"]


def test_p10_the_best_evidence_makes_the_pair() -> None:
    """Number before name before members, and more members before fewer."""
    a, b = held(7, "A", "Lab"), held(8, "B", "Hall")
    managed = [ours(a), ours(b)]
    by_name = compare([want("N", "Lab"), want("M", "x")], [a, b], managed, overlap={(8, "N"): 1.0, (8, "M"): 0.8})
    assert _pairs(by_name) == {("A", "N"), ("B", "M")}
    by_members = compare([want("N", "x"), want("M", "y")], [a, b], managed, overlap={(7, "N"): 0.8, (8, "N"): 0.9})
    assert _pairs(by_members) == {("B", "N")}
    number = held(9, "10", "Lab")
    both = compare([want("1e1", "x"), want("1N", "Lab")], [number], [ours(number)])
    assert _pairs(both) == {("10", "1e1")}


def _pairs(found) -> set[tuple[str, str]]:
    return {(c.before.key, c.after.key) for c in found.changes if c.before and c.after and c.before.key != c.after.key}


def test_p10_switched_off_they_are_a_delete_and_a_create() -> None:
    """In the order that works: what goes steps out of its name first."""
    old = held(7, "OLD", "Lab")
    found = compare([want("NEW", "Lab")], [old], [ours(old)], policy=ORDINARY)
    assert applied(found, [old]) == {"NEW": "Lab"}
    assert {(c.rule, c.action.value) for c in found.changes} == {
        ("P9", "update"),
        ("P5", "create"),
        ("P7", "delete"),
    }


def test_p10_what_is_not_to_be_deleted_is_no_rekey() -> None:
    """Something unmanaged of the name stays, and keeps it."""
    found = compare([want("NEW", "Lab")], [held(7, "OLD", "Lab")])
    assert said(found) == [("quarantined", "P11", "NEW", "name taken by OLD")]


def test_p10_groupings_go_by_name_alone() -> None:
    """They have no members."""
    old = held(7, "S1", "Seminars")
    found = compare([want("S9", "Seminars")], [old], [ours(old)], words=GROUPINGS)
    assert short(found) == ["~ S1>S9"]


@pytest.mark.parametrize("by", ["name", "members", "number"])
def test_p10_held_and_once_released_the_idnumber_is_updated_in_place(world: World, by: str) -> None:
    """The same Moodle id, people and links; nothing is deleted; who is listed is added at the next run."""
    old, new = ("007", "7") if by == "number" else ("OLD", "NEW")
    world.source.grouping("C1", "S1")
    world.source.group("C1", old, name="Lab", grouping="S1")
    world.source.members("C1", old, "ann", "bob")
    world.sync()
    before = world.moodle.groups("C1")[old]
    world.source.drop_group("C1", old)
    world.source.group("C1", new, name="Lab" if by == "name" else "Hall", grouping="S1")
    world.source.members("C1", new, *(["cid"] if by == "name" else ["ann", "bob"]))
    run = world.sync()
    assert (run.state, run.writes) == ("held", 0), run.error
    assert list(run.trips) == [("rekey", f"C1 {old}")]
    assert run.held == [("group", "update", "C1", old)]
    assert world.moodle.groups("C1")[old] == before
    release(world, run)
    seen = world.moodle.groups("C1")[new]
    assert (seen.id, seen.members, seen.groupings) == (before.id, before.members, before.groupings)
    assert seen.name == ("Lab" if by == "name" else "Hall")
    after = world.sync()
    assert after.state == "applied", after.error
    assert [change for change in after.changes if change[0] in ("group", "grouping", "link")] == []
    assert not [entry for entry in world.journal if entry["action"] == "delete" and entry["kind"] != "membership"]
    assert world.moodle.members("C1")[new] == ({"cid"} if by == "name" else {"ann", "bob"})
