"""Groups (section P), but for names that change hands and likely re-keys: test_p_names.py."""

from dataclasses import replace

import pytest

from include.groupsync.diff.names import final_names
from include.groupsync.model.scope import Standing
from tests.rules.conftest import MakeWorld
from tests.rules.pure import (
    POLICY,
    TERM1,
    TERM2,
    applied,
    compare,
    held,
    ours,
    refused,
    said,
    short,
    sifted,
    terms_now,
    want,
)
from tests.world import World

NO_IDNUMBER = 'Group "{}" was not imported because an existing group exists with the same name but no idNumber'
ADOPT, WARN = replace(POLICY, adopt_same_name=True), replace(POLICY, on_name_collision="warn")


def test_p1_a_group_without_idnumber_is_never_edited_or_deleted(world: World) -> None:
    """Not by name, and not when somebody takes a managed one's idnumber away."""
    world.source.group("C1", "G1", name="One")
    world.source.group("C1", "G2", name="Two")
    world.sync()
    world.by_hand.edit_group("C1", "G2", idnumber="")
    world.by_hand.group("C1", "G1", description="named like an idnumber", members=["ann"])
    theirs = world.moodle.query("SELECT * FROM mdl_groups WHERE idnumber = ''")
    world.source.drop_group("C1", "G2")
    world.source.update("remote_groups", {"idnumber": "G1"}, name="One (new)")
    assert world.sync().changes == [("group", "update", "C1", "G1")]
    assert world.moodle.query("SELECT * FROM mdl_groups WHERE idnumber = ''") == theirs


def test_p1_a_managed_group_that_lost_its_idnumber_is_nobodys() -> None:
    """Nor is one whose idnumber somebody changed deleted for the old one."""
    lost, other = held(7, None, "Two"), held(8, "MINE", "Three")
    found = compare([], [lost, other], [ours(lost, key="G2"), ours(other, key="G3")])
    assert short(found) == []


def test_p2_name_and_description_have_defaults() -> None:
    """Rows with idnumber and course alone are usable; an empty name is the idnumber, a description blank."""
    rows = ({"course": "C1", "idnumber": f"G{at}", "name": name} for at, name in enumerate((None, "", " \t", "N")))
    found = sifted("groups", *rows)
    assert list(found.usable["name"]) == ["G0", "G1", "G2", "N"]
    assert list(found.usable["description"]) == [""] * 4
    assert refused(found) == {}
    bare = {"groups": {"connection": "c", "table": "t"}}
    assert sifted("groups", {"course": "C1", "idnumber": "G1"}, **bare).usable["description"].isna().all()


def test_p3_rows_of_a_course_that_is_not_there_stop_no_other(world: World) -> None:
    """The missing course comes first; the others are imported all the same."""
    world.map("A-GONE")
    world.source.group("A-GONE", "G1", name="Lab")
    world.source.group("NOT-MAPPED", "G1")
    world.source.group("C1", "G1")
    run = world.sync()
    assert [(f["rule"], f["severity"], f["reason"]) for f in run.findings] == [
        ("P3", "warning", 'Group "Lab" was not imported because it belongs to a non-existent course')
    ]
    assert (run.state, set(world.moodle.groups("C1"))) == ("applied", {"G1"})


def test_p4_a_name_that_a_group_without_idnumber_has_is_warned_of() -> None:
    """Verbatim, for a create and for a rename; the other fields and rows go on."""
    found = compare([want("G1", "Lab"), want("G2", "Other")], [held(7, None, "Lab")])
    assert (said(found), short(found)) == ([("warning", "P4", "G1", NO_IDNUMBER.format("Lab"))], ["+ G2 Other"])
    mine = held(6, "G1", "Old", "old words")
    found = compare([want("G1", "Lab", "new words")], [mine, held(7, None, "Lab")], [ours(mine)])
    assert said(found) == [("warning", "P4", "G1", NO_IDNUMBER.format("Lab"))]
    assert [(c.after.name, c.after.description) for c in found.changes] == [("Old", "new words")]


def test_p4_adopt_same_name_keeps_the_group_and_its_people(make_world: MakeWorld) -> None:
    """The same object gets the idnumber; links and memberships follow, and hers was not made by us (M3)."""
    world = make_world(adopt_same_name=True)
    made = world.by_hand.group("C1", "Lab", members=["ann"])
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", name="Lab", grouping="S1")
    world.source.members("C1", "G1", "ann", "bob")
    run = world.sync()
    assert (run.state, run.findings) == ("applied", [])
    seen = world.moodle.groups("C1")["G1"]
    assert (seen.id, seen.name, seen.members, seen.groupings) == (made, "Lab", {"ann", "bob"}, {"S1"})
    assert ("group", "update") in [change[:2] for change in world.journaled(run)]
    assert [row["user"] for row in world.ledger if row["kind"] == "membership"] == ["bob"]


def test_p5_what_is_not_there_is_created_with_all_its_fields(world: World) -> None:
    """Idnumber, name, description and course, as they are in Moodle afterwards."""
    world.source.group("C1", "G1", name="Lab 1", description="Bring <b>goggles</b>")
    assert world.sync().changes == [("group", "create", "C1", "G1")]
    seen = world.moodle.groups("C1")["G1"]
    assert (seen.idnumber, seen.name, seen.description) == ("G1", "Lab 1", "Bring <b>goggles</b>")
    (change,) = compare([want("G9", "N", "D")], []).changes
    assert (change.rule, change.after.course, change.after.key, change.after.description) == ("P5", "C1", "G9", "D")


def test_p6_a_field_that_differs_is_updated(world: World) -> None:
    """Name and description apart; blank at the source: blanked; nothing differs: nothing is sent."""
    for key in ("G1", "G2", "G3", "G4"):
        world.source.group("C1", key, name=f"Lab {key}", description="Words")
    world.sync()
    world.source.update("remote_groups", {"idnumber": "G1"}, name="Hall 1")
    world.source.update("remote_groups", {"idnumber": "G2"}, description="Others")
    world.source.update("remote_groups", {"idnumber": "G3"}, description=None)
    run = world.sync()
    assert sorted(run.changes) == [("group", "update", "C1", f"G{at}") for at in (1, 2, 3)]
    assert {key: (one.name, one.description) for key, one in world.moodle.groups("C1").items()} == {
        "G1": ("Hall 1", "Words"),
        "G2": ("Lab G2", "Others"),
        "G3": ("Lab G3", ""),
        "G4": ("Lab G4", "Words"),
    }
    assert {change.rule for change in run.plan.changes()} == {"P6"}
    assert world.sync().writes == 0


def test_p6_without_the_column_a_description_is_not_looked_at() -> None:
    """Whatever somebody wrote there."""
    there = held(7, "G1", "Lab", "by hand")
    assert compare([want("G1", "Lab", None)], [there], [ours(there, description=None)]).changes == []
    (change,) = compare([want("G1", "Hall", None)], [there], [ours(there)]).changes
    assert (change.after.name, change.after.description) == ("Hall", "by hand")


def test_p7_members_and_links_go_with_the_group_without_a_call(world: World) -> None:
    """Whoever made them; the grouping stays, even empty."""
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", grouping="S1")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.by_hand.add_member("C1", "G1", "bob")
    world.by_hand.grouping("C1", "Mine")
    world.by_hand.link("C1", "G1", "Mine")
    world.source.drop_group("C1", "G1")
    run = world.sync()
    assert (run.state, run.changes) == ("applied", [("group", "delete", "C1", "G1")])
    assert [call.function for call in run.writing_calls] == ["core_group_delete_groups"]
    assert (world.moodle.groups("C1"), set(world.moodle.groupings("C1"))) == ({}, {"S1", "Mine"})
    assert [row["kind"] for row in world.ledger] == ["grouping"], "what was ours in it is forgotten with it"


# --- P8


@pytest.mark.parametrize("order", [1, -1])
def test_p8_every_colliding_name_gets_its_idnumber(order: int) -> None:
    """Whatever the order of the rows; the group that has the bare name gives it up."""
    there = held(7, "G1", "Seminar 1")
    rows = [want("G1", "Seminar 1"), want("G2", "Seminar 1"), want("G3", "Lab")][::order]
    found = compare(rows, [there], [ours(there)])
    assert applied(found, [there]) == {"G1": "Seminar 1 (G1)", "G2": "Seminar 1 (G2)", "G3": "Lab"}
    assert said(found) == []


def test_p8_the_suffix_goes_when_the_collision_ends() -> None:
    """The other row has another name now, or is there no more."""
    both = [held(7, "G1", "N (G1)"), held(8, "G2", "N (G2)")]
    managed = [ours(one) for one in both]
    assert applied(compare([want("G1", "N"), want("G2", "M")], both, managed), both) == {"G1": "N", "G2": "M"}
    assert applied(compare([want("G1", "N")], both, managed), both) == {"G1": "N"}
    assert compare([want("G1", "N"), want("G2", "N")], both, managed).changes == [], "and stays as long as it lasts"


def test_p8_a_suffixed_name_that_clashes_or_is_too_long_is_quarantined() -> None:
    """The others of the collision keep their suffix: the quarantined row still counts."""
    found = compare([want("G1", "N"), want("G2", "N"), want("X", "N (G1)")], [])
    assert short(found) == ["+ G2 N (G2)", "+ X N (G1)"]
    assert said(found) == [("quarantined", "P8", "G1", "its name with the idnumber added, 'N (G1)', is another row's")]
    long = "L" * 250
    found = compare([want("G", long), want("GROUP", long)], [])
    assert short(found) == [f"+ G {long} (G)"]
    assert said(found) == [("quarantined", "P8", "GROUP", "its name with the idnumber added is over 254 characters")]


def test_p8_a_suffix_that_moodle_would_clean_is_quarantined() -> None:
    """An idnumber may hold a tag, a name may not."""
    names, reasons = final_names({"<b>": "N", "G2": "N"}, "suffix", 254)
    assert (names, reasons) == ({"G2": "N (G2)"}, {"<b>": "Moodle would change its name with the idnumber added"})


def test_p8_warn_quarantines_them_all() -> None:
    """And what there is stays as it is; it is protected, not managed anew, and never merged."""
    there = held(7, "G1", "N")
    found = compare([want("G1", "N"), want("G2", "N"), want("G3", "M")], [there], policy=WARN)
    assert (short(found), terms_now(found)) == (["+ G3 M"], {})
    reason = "several rows of the course have the name 'N'"
    assert said(found) == [("quarantined", "P8", "G1", reason), ("quarantined", "P8", "G2", reason)]
    managed = compare([want("G1", "N"), want("G2", "N")], [there], [ours(there)], policy=WARN)
    assert short(managed) == []


def test_p8_the_suffix_comes_before_p4_looks() -> None:
    """Suffixed names take no part in the warning; a group without idnumber that has the bare name stays."""
    found = compare([want("G1", "N"), want("G2", "N")], [held(7, None, "N")])
    assert (short(found), said(found)) == (["+ G1 N (G1)", "+ G2 N (G2)"], [])
    found = compare([want("G1", "N"), want("G2", "N")], [held(7, None, "N (G1)")])
    assert (short(found), said(found)) == (["+ G2 N (G2)"], [("warning", "P4", "G1", NO_IDNUMBER.format("N (G1)"))])


def test_p8_quarantined_rows_collide_with_nobody_and_courses_are_apart(world: World) -> None:
    """A bad row of the name takes nobody's; groups of two modules are never merged; groupings alike."""
    world.course("C2")
    world.map("C2")
    world.source.group("C1", "G1", name="Seminar 1")
    world.source.group("C1", "G" * 101, name="Seminar 1")
    world.source.group("C2", "G1", name="Seminar 1", module="M1")
    world.source.group("C2", "G2", name="Seminar 1", module="M2")
    world.source.members("C2", "G1", "ann")
    world.source.grouping("C1", "S1", name="All")
    world.source.grouping("C1", "S2", name="All")
    world.enrol("C2", "ann")
    assert world.sync().state == "applied"
    assert {key: one.name for key, one in world.moodle.groups("C1").items()} == {"G1": "Seminar 1"}
    there = world.moodle.groups("C2")
    assert {key: one.name for key, one in there.items()} == {"G1": "Seminar 1 (G1)", "G2": "Seminar 1 (G2)"}
    assert (there["G1"].members, there["G2"].members) == ({"ann"}, set())
    assert {one.name for one in world.moodle.groupings("C1").values()} == {"All (S1)", "All (S2)"}
    assert world.sync().writes == 0


# --- P11


@pytest.mark.parametrize("how", ["unmanaged", "protected", "frozen", "other term"])
def test_p11_a_name_held_by_something_that_stays_is_quarantined(how: str) -> None:
    """With whose it is; the group without a name to take is tried again at every run."""
    there = held(7, "OLD", "Lab")
    standing = Standing.FROZEN if how == "frozen" else Standing.ACTIVE
    found = compare(
        [want("G1", "Lab")],
        [there],
        [] if how == "unmanaged" else [ours(there, terms=f"{TERM1} {TERM2}" if how == "other term" else TERM1)],
        protected={"OLD"} if how == "protected" else (),
        standing=lambda _: standing,
    )
    assert (short(found), said(found)) == ([], [("quarantined", "P11", "G1", "name taken by OLD")])


def test_p11_who_follows_one_that_is_refused_is_refused_too() -> None:
    """A chain that ends at a name which is not to be had."""
    a, b, stays = held(6, "A", "one"), held(7, "B", "two"), held(8, "X", "three")
    found = compare([want("A", "two"), want("B", "three")], [a, b, stays], [ours(a), ours(b)])
    assert short(found) == []
    assert said(found) == [
        ("quarantined", "P11", "A", "name taken by B"),
        ("quarantined", "P11", "B", "name taken by X"),
    ]


def test_p11_a_create_waits_for_a_name_whose_delete_is_held(make_world: MakeWorld) -> None:
    """With its memberships; it is no re-key where that rule is off."""
    limits = {"run_deletes": {"count": 0}, "rekey": None}
    world = make_world(breaker=limits)
    world.source.group("C1", "G1", name="Lab")
    world.sync()
    world.source.drop_group("C1", "G1")
    world.source.group("C1", "G2", name="Lab")
    world.source.group("C1", "G3", name="Free")
    world.source.members("C1", "G2", "ann")
    run = world.sync()
    assert run.state == "held"
    assert {key: one.name for key, one in world.moodle.groups("C1").items()} == {"G1": "Lab", "G3": "Free"}
    assert {("group", "create", "C1", "G2"), ("membership", "create", "C1", "G2", "ann")} <= set(run.held)
    assert [c.waits_for for c in run.plan.changes() if c.kind == "group" and c.thing.key == "G2"] == ["G1"]
    world.configure(breaker={"run_deletes": None})
    assert world.sync().state == "applied"
    assert world.moodle.members("C1") == {"G2": {"ann"}, "G3": set()}
