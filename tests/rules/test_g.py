"""Groupings (section G)."""

from dataclasses import replace

import pytest

from include.groupsync.diff.objects import GROUPINGS, GROUPS, rows_without_course
from include.groupsync.model.scope import Standing
from tests.rules.conftest import MakeWorld
from tests.rules.pure import POLICY, TERM1, TERM2, applied, compare, held, ours, said, short, terms_now, want
from tests.world import NO_BREAKER, World

NO_IDNUMBER = 'Grouping "{}" was not imported because an existing grouping exists with the same name but no idNumber'
ADOPT = replace(POLICY, adopt_same_name=True)


def groupings(*wanted, there=(), managed=(), **more):
    """A comparison of groupings."""
    return compare(wanted, there, managed, words=GROUPINGS, **more)


def test_g1_a_grouping_without_idnumber_is_never_edited_or_deleted(world: World) -> None:
    """Not by name, not by the look of its name, and not when somebody takes a managed one's idnumber away."""
    world.source.grouping("C1", "S1", name="Seminars")
    world.source.grouping("C1", "S2", name="Lectures")
    assert world.sync().state == "applied"
    world.by_hand.edit_grouping("C1", "S2", idnumber="", description="mine now")
    world.by_hand.grouping("C1", "S1", description="named like an idnumber")
    theirs = world.moodle.query("SELECT * FROM mdl_groupings WHERE idnumber = ''")
    assert {row["name"] for row in theirs} == {"Lectures", "S1"}
    world.source.drop_grouping("C1", "S2")
    world.source.update("remote_groupings", {"idnumber": "S1"}, name="Seminars (new)")
    assert world.sync().changes == [("grouping", "update", "C1", "S1")]
    assert world.moodle.query("SELECT * FROM mdl_groupings WHERE idnumber = ''") == theirs


def test_g1_a_managed_grouping_that_lost_its_idnumber_is_nobodys() -> None:
    """The ledger knows its id; without its idnumber it is not the source's any more."""
    lost = held(7, None, "Lectures")
    found = groupings(there=[lost], managed=[ours(lost, key="S2")])
    assert short(found) == []


def test_g2_name_and_description_have_defaults(world: World) -> None:
    """An empty name is the idnumber, an empty description blank."""
    for idnumber, name in (("S1", None), ("S2", ""), ("S3", "   ")):
        world.source.grouping("C1", idnumber, name)
    run = world.sync()
    assert (run.state, run.findings) == ("applied", [])
    there = world.moodle.groupings("C1")
    assert {key: (one.name, one.description) for key, one in there.items()} == {
        key: (key, "") for key in ("S1", "S2", "S3")
    }
    assert world.sync().changes == []


def test_g2_idnumber_and_course_alone_are_enough(make_world: MakeWorld) -> None:
    """Neither name nor description is configured."""
    world = make_world({"groupings": {"columns": {"name": None, "description": None}}})
    world.source.grouping("C1", "S1", name="not looked at", description="nor this")
    assert world.sync().state == "applied"
    seen = world.moodle.groupings("C1")["S1"]
    assert (seen.name, seen.description) == ("S1", "")


def test_g3_rows_of_a_course_that_is_not_there_are_warned_of(world: World) -> None:
    """Each of its rows; the others go on, and rows outside the scope warn of nothing."""
    world.map("GONE")
    world.source.grouping("GONE", "S1", name="Seminars")
    world.source.grouping("GONE", "S2")
    world.source.grouping("NOT-MAPPED", "S1")
    world.source.grouping("C1", "S1")
    run = world.sync()
    assert sorted(run.reasons("warning")) == [
        'Grouping "S2" was not imported because it belongs to a non-existent course',
        'Grouping "Seminars" was not imported because it belongs to a non-existent course',
    ]
    assert {(f["rule"], f["course"]) for f in run.findings} == {("G3", "GONE")}
    assert set(world.moodle.groupings("C1")) == {"S1"}


def test_g3_each_kind_and_each_reason_has_its_words() -> None:
    """A course that is not there, and one that is there twice (K3)."""
    row = want("S1", "Seminars", row=7)
    (absent,) = rows_without_course(GROUPINGS, "C9", [row], ambiguous=False)
    assert (absent.severity, absent.rule, absent.course, absent.key, absent.source_row) == (
        "warning",
        "G3",
        "C9",
        "S1",
        7,
    )
    assert absent.reason == 'Grouping "Seminars" was not imported because it belongs to a non-existent course'
    (twice,) = rows_without_course(GROUPS, "C9", [row], ambiguous=True)
    assert (twice.rule, twice.reason) == (
        "K3",
        'Group "Seminars" was not imported because its course key fits two courses of Moodle',
    )


def test_g4_a_name_that_a_grouping_without_idnumber_has_is_warned_of() -> None:
    """Verbatim; nothing is created and the other rows go on."""
    found = groupings(want("S1", "Seminars"), want("S2", "Lectures"), there=[held(7, None, "Seminars")])
    assert said(found) == [("warning", "G4", "S1", NO_IDNUMBER.format("Seminars"))]
    assert short(found) == ["+ S2 Lectures"]


def test_g4_a_rename_onto_such_a_name_keeps_the_old_one() -> None:
    """The same warning; the other fields are updated."""
    mine, theirs = held(6, "S1", "Old", "old words"), held(7, None, "Seminars")
    found = groupings(want("S1", "Seminars", "new words"), there=[mine, theirs], managed=[ours(mine)])
    assert said(found) == [("warning", "G4", "S1", NO_IDNUMBER.format("Seminars"))]
    assert [(c.after.name, c.after.description) for c in found.changes] == [("Old", "new words")]
    assert groupings(want("S1", "Seminars", "old words"), there=[mine, theirs], managed=[ours(mine)]).changes == []


def test_g4_adopt_same_name_gives_that_grouping_the_idnumber(make_world: MakeWorld) -> None:
    """One journaled update of the same object; its description and links follow in the same run."""
    world = make_world(adopt_same_name=True)
    made = world.by_hand.grouping("C1", "Seminars", description="by hand")
    world.source.grouping("C1", "S1", name="Seminars", description="from the source")
    world.source.group("C1", "G1", grouping="S1")
    run = world.sync()
    assert (run.state, run.findings) == ("applied", [])
    seen = world.moodle.groupings("C1")["S1"]
    assert (seen.id, seen.name, seen.description, seen.groups) == (made, "Seminars", "from the source", {"G1"})
    assert [change[:2] for change in world.journaled(run)] == [
        ("grouping", "update"),
        ("group", "create"),
        ("link", "create"),
    ]
    assert world.sync().changes == []
    world.source.drop_grouping("C1", "S1")
    assert ("grouping", "delete", "C1", "S1") in world.sync().changes, "it is managed now (O1)"


def test_g4_two_of_the_name_are_not_adopted() -> None:
    """Nobody can tell which of them is meant."""
    found = groupings(want("S1", "N"), there=[held(7, None, "N"), held(8, None, "N")], policy=ADOPT)
    assert (short(found), said(found)) == ([], [("warning", "G4", "S1", NO_IDNUMBER.format("N"))])


def test_g5_what_is_not_there_is_created_with_all_its_fields(world: World) -> None:
    """Idnumber, name, description and course."""
    world.course("C2")
    world.map("C2")
    world.source.grouping("C1", "S1", name="Seminars", description="Small groups")
    world.source.grouping("C2", "S1", name="Seminars", description="Other groups")
    assert world.sync().changes == [("grouping", "create", "C1", "S1"), ("grouping", "create", "C2", "S1")]
    for course, words in (("C1", "Small groups"), ("C2", "Other groups")):
        seen = world.moodle.groupings(course)["S1"]
        assert (seen.idnumber, seen.name, seen.description) == ("S1", "Seminars", words)
    (change,) = groupings(want("S9", "Name", "Words")).changes
    assert (change.rule, change.after.course, change.after.key) == ("G5", "C1", "S9")
    assert (change.after.name, change.after.description) == ("Name", "Words")


@pytest.mark.parametrize(
    ("name", "description", "then"),
    [
        ("Seminars", "Words", None),
        ("Lectures", "Words", ("Lectures", "Words")),
        ("Seminars", "Others", ("Seminars", "Others")),
        ("Seminars", "", ("Seminars", "")),  # blank at the source: blanked
        ("Lectures", None, ("Lectures", "Words")),  # not configured: not looked at
        ("Seminars", None, None),
    ],
)
def test_g6_a_field_that_differs_is_updated(name: str, description: str | None, then: tuple[str, str] | None) -> None:
    """The description only where its column is configured."""
    there = held(7, "S1", "Seminars", "Words")
    found = groupings(want("S1", name, description), there=[there], managed=[ours(there)])
    assert [(c.rule, (c.after.name, c.after.description)) for c in found.changes] == ([("G6", then)] if then else [])


def test_g6_without_the_column_a_description_stays(make_world: MakeWorld) -> None:
    """Moodle wants a description with every update of a grouping: it is sent the one that it has."""
    world = make_world({"groupings": {"columns": {"description": None}}})
    world.source.grouping("C1", "S1", name="Seminars", description="not looked at")
    world.sync()
    world.by_hand.edit_grouping("C1", "S1", description="by hand")
    world.source.update("remote_groupings", {"idnumber": "S1"}, name="Lectures")
    assert world.sync().state == "applied"
    seen = world.moodle.groupings("C1")["S1"]
    assert (seen.name, seen.description) == ("Lectures", "by hand")


def test_g7_its_links_go_and_its_groups_stay(world: World) -> None:
    """Managed and no longer listed: nothing is left in it when it goes, in Moodle or in the ledger."""
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", grouping="S1")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.source.drop_grouping("C1", "S1")
    world.source.update("remote_groups", {"idnumber": "G1"}, grouping=None)
    run = world.sync()
    assert run.state == "applied", run.error
    assert world.journaled(run)[-1] == ("grouping", "delete", "C1", "S1")
    assert world.moodle.groupings("C1") == {}
    assert world.moodle.query("SELECT * FROM mdl_groupings_groups") == []
    assert [row["kind"] for row in world.ledger] == ["group", "membership"]
    assert world.moodle.members("C1") == {"G1": {"ann"}}


def test_g7_one_that_holds_a_group_without_idnumber_is_kept() -> None:
    """Somebody has appropriated it; it is reported, and goes once they have left."""
    mine = held(7, "S1", "Seminars")
    kept = groupings(there=[mine], managed=[ours(mine)], appropriated={7})
    assert short(kept) == []
    (finding,) = said(kept)
    assert finding == (
        "note",
        "G7",
        "S1",
        'Grouping "Seminars" is no longer listed and stays: it holds a group without idnumber',
    )
    assert short(groupings(there=[mine], managed=[ours(mine)])) == ["- S1"]


def test_g7_the_keep_is_found_in_moodle(world: World) -> None:
    """Whatever group without idnumber is in it, and with it our own links."""
    world.source.grouping("C1", "S1", name="Seminars")
    world.source.group("C1", "G1", grouping="S1")
    world.sync()
    world.by_hand.group("C1", "Project A", groupings=["S1"])
    world.source.drop_grouping("C1", "S1")
    run = world.sync()
    assert ("grouping", "delete", "C1", "S1") not in run.changes
    assert "Project A" in world.moodle.groupings("C1")["S1"].groups
    assert [f["rule"] for f in run.findings if f["severity"] == "note"] == ["G7"]


@pytest.mark.parametrize(
    "how",
    ["unmanaged", "protected", "frozen", "appropriated", "other term"],
)
def test_g8_a_name_held_by_something_that_stays_is_quarantined(how: str) -> None:
    """With whose it is; tried again at the next run."""
    there = held(7, "OLD", "Seminars")
    standing = Standing.FROZEN if how == "frozen" else Standing.ACTIVE
    found = groupings(
        want("S1", "Seminars"),
        there=[there],
        managed=[] if how == "unmanaged" else [ours(there, terms=f"{TERM1} {TERM2}" if how == "other term" else TERM1)],
        protected={"OLD"} if how == "protected" else (),
        standing=lambda _: standing,
        appropriated={7} if how == "appropriated" else (),
    )
    assert short(found) == []
    assert ("quarantined", "G8", "S1", "name taken by OLD") in said(found)


def test_g8_a_rename_onto_a_name_that_stays_is_quarantined_and_makes_nothing_managed() -> None:
    """The row is set aside whole (K6): no field of it is applied, and no claim is made."""
    mine, other = held(6, "S1", "Old", "old"), held(7, "X", "Seminars")
    found = groupings(want("S1", "Seminars", "new"), there=[mine, other])
    assert (short(found), terms_now(found)) == ([], {})
    assert said(found) == [("quarantined", "G8", "S1", "name taken by X")]
    free = groupings(want("S1", "Seminars", "new"), there=[mine])
    assert applied(free, [mine]) == {"S1": "Seminars"}, "tried again, and the name is free"


def test_g8_what_takes_the_name_of_a_held_delete_waits_with_it(make_world: MakeWorld) -> None:
    """Only the name waits; the row's other fields go on."""
    world = make_world({"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}, "rekey": None}})
    world.source.grouping("C1", "S1", name="One", description="old")
    world.source.grouping("C1", "S2", name="Two")
    world.sync()
    world.source.drop_grouping("C1", "S2")
    world.source.update("remote_groupings", {"idnumber": "S1"}, name="Two", description="new")
    run = world.sync()
    assert run.state == "held"
    seen = world.moodle.groupings("C1")
    assert (seen["S1"].name, seen["S1"].description, seen["S2"].name) == ("One", "new", "Two")
    waiting = [(c.thing.key, c.waits_for) for c in run.plan.changes() if c.waits_for]
    assert ("S1", "S2") in waiting, "the plan says for what"
    world.configure(breaker={"run_deletes": None})
    assert world.sync().state == "applied"
    assert {key: one.name for key, one in world.moodle.groupings("C1").items()} == {"S1": "Two"}
