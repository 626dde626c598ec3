"""Ownership (section O)."""

from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.moodle import reader
from tests.rules.conftest import MakeWorld
from tests.rules.pure import (
    POLICY,
    TERM1,
    TERM2,
    Members,
    compare,
    held,
    moves,
    ours,
    said,
    short,
    terms_now,
    want,
)
from tests.world import World

KEEP = replace(POLICY, on_local_edit="keep")


def test_o1_what_was_found_under_a_listed_key_is_managed() -> None:
    """The claim is written down, whether or not anything of it changes; then it may be deleted."""
    there = held(7, "G1", "Lab")
    found = compare([want("G1", "Lab")], [there])
    assert (short(found), terms_now(found)) == ([], {7: TERM1})
    assert short(compare([], [there], [ours(there)])) == ["- G1"]


def test_o1_only_the_managed_are_ever_deleted(world: World) -> None:
    """Made by this sync, or found; one with an idnumber that no source ever listed stays."""
    world.by_hand.group("C1", "Found", "G1")
    world.by_hand.group("C1", "Theirs", "G9")
    world.by_hand.grouping("C1", "Theirs", "S9")
    world.source.group("C1", "G1", name="Found")
    world.source.group("C1", "G2", name="Made")
    assert world.sync().changes == [("group", "create", "C1", "G2")]
    assert {row["idnumber"] for row in world.ledger} == {"G1", "G2"}
    world.source.delete("remote_groups")
    assert world.sync().changes == [("group", "delete", "C1", "G1"), ("group", "delete", "C1", "G2")]
    assert (set(world.moodle.groups("C1")), set(world.moodle.groupings("C1"))) == ({"G9"}, {"S9"})


def test_o1_what_moodle_has_no_more_is_forgotten() -> None:
    """Deleted by hand: it is made again as something new, or leaves the ledger."""
    was = held(7, "G1", "Lab")
    found = compare([want("G1", "Lab")], [], [ours(was)])
    assert (short(found), terms_now(found)) == (["+ G1 Lab"], {7: ""})
    anew = held(8, "G1", "Lab")  # somebody made it anew by hand, and the source lists it no more
    assert short(compare([], [anew], [ours(was)])) == []


def test_o2_a_lost_ledger_deletes_nothing_and_is_rebuilt_by_running(world: World) -> None:
    """Objects that are listed are managed again; memberships and links found there are not ours."""
    world.source.grouping("C1", "S1")
    for key in ("G1", "G2"):
        world.source.group("C1", key, grouping="S1")
        world.source.members("C1", key, "ann", "bob")
    world.sync()
    for table in ("object", "link", "membership"):
        world.edit_state(f"DELETE FROM ledger_{table}")  # noqa: S608 (the names are above)
    world.source.drop_group("C1", "G2")
    run = world.sync()
    assert (run.state, run.changes) == ("applied", [])
    assert [(row["kind"], row["idnumber"]) for row in world.ledger] == [("grouping", "S1"), ("group", "G1")]
    world.source.drop_member("C1", "G1", "ann")
    world.source.update("remote_groups", {"idnumber": "G1"}, grouping=None)
    assert world.sync().writes == 0
    assert world.moodle.members("C1") == {key: {"ann", "bob"} for key in ("G1", "G2")}
    assert world.moodle.groupings("C1")["S1"].groups == {"G1", "G2"}
    world.source.delete("remote_groups")
    assert world.sync().changes == [("group", "delete", "C1", "G1")], "managed again; G2 never was"


@pytest.mark.parametrize("on", ["groupings", "groups", "memberships"])
def test_o3_each_kind_goes_without_the_others(make_world: MakeWorld, on: str) -> None:
    """A kind that is off is not diffed: nothing of it is made, changed or removed."""
    others = {"groupings", "groups", "memberships"} - {on}
    world = make_world(dict.fromkeys(others))
    world.by_hand.grouping("C1", "Old", "S0")
    world.by_hand.group("C1", "Old", "G0", members=["cid"])
    world.by_hand.link("C1", "G0", "S0")
    world.source.grouping("C1", "S0", name="New")
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G0", name="New", grouping="S0")
    world.source.group("C1", "G1", grouping="S0")
    world.source.members("C1", "G0", "ann")
    run = world.sync()
    assert run.state == "applied", run.error
    assert (
        set(run.changes)
        == {
            "groupings": {("grouping", "update", "C1", "S0"), ("grouping", "create", "C1", "S1")},
            "groups": {
                ("group", "update", "C1", "G0"),
                ("group", "create", "C1", "G1"),
                ("link", "create", "C1", "S0", "G1"),
            },
            "memberships": {("membership", "create", "C1", "G0", "ann")},
        }[on]
    )
    assert world.moodle.groups("C1")["G0"].members == ({"ann", "cid"} if on == "memberships" else {"cid"})
    assert world.sync().writes == 0


@pytest.mark.parametrize("table", ["remote_groupings", "remote_groups", "remote_memberships", "remote_mappings"])
def test_o3_a_table_that_is_on_and_is_not_there_fails_before_any_write(world: World, table: str) -> None:
    """Missing is not empty."""
    world.source.group("C1", "G1")
    world.source.execute(f"DROP TABLE {table}")
    run = world.sync()
    assert (run.state, run.failed_step, run.writes) == ("failed", "extract", 0)


def test_o3_a_course_that_could_not_be_read_is_left_out_and_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is made, though none of it is seen; the others go on; its members' rows are no errors."""
    world.course("C2", users=["ann"])
    world.map("C2")
    for course in ("C1", "C2"):
        world.source.group(course, "G1")
        world.source.members(course, "G1", "ann")
    world.sync()
    world.source.update("remote_groups", {"idnumber": "G1"}, name="New")
    for course in ("C1", "C2"):
        world.source.group(course, "G2")
    image = world.moodle.image("C2")
    refusing, read = world.moodle.course_id("C2"), reader._read_course

    def read_or_refuse(client: Any, course_id: int, *more: Any) -> Any:
        return "errorcoursecontextnotvalid" if course_id == refusing else read(client, course_id, *more)

    monkeypatch.setattr(reader, "_read_course", read_or_refuse)
    run = world.sync()
    assert run.state == "applied", run.error
    assert {change[2] for change in run.changes} == {"C1"}
    (finding,) = run.findings
    assert (finding["rule"], finding["severity"], finding["course"]) == ("O3", "error", "C2")
    assert finding["reason"].startswith("the course could not be read: ")
    assert world.moodle.image("C2") == image


# --- O2, reclaim


def test_o2_reclaim_makes_ours_what_is_there_and_listed(world: World) -> None:
    """Links and memberships; once a person agrees, and without a call that writes. What goes next is ours to take."""
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", grouping="S1")
    world.source.members("C1", "G1", "ann", "cid")
    world.by_hand.grouping("C1", "S1", "S1")
    world.by_hand.group("C1", "G1", "G1", members=["ann", "bob"], groupings=["S1"])
    assert world.sync().changes == [("membership", "create", "C1", "G1", "cid")], "by itself a run claims nothing"
    run = world.sync(reclaim="the ledger was lost")
    claims = [("link", "update", "C1", "S1", "G1"), ("membership", "update", "C1", "G1", "ann")]
    assert (run.state, run.changes, run.held, run.writes) == ("held", claims, claims, 0)
    assert set(run.trips) == {("reclaim", "links"), ("reclaim", "memberships")}
    assert run.report["reclaim"] == "the ledger was lost"
    assert pairs_of(world) == {("membership", "cid")}, "nothing is ours before a person agrees"
    assert world.sync().changes == [], "and an unanswered claim is nobody's"

    world.answer(run)
    release = world.release(run)
    assert (release.state, release.writes) == ("applied", 0), release.error
    assert pairs_of(world) == {("link", None), ("membership", "cid"), ("membership", "ann")}
    assert world.sync(reclaim="once more").changes == [], "ours already"
    world.source.drop_member("C1", "G1", "ann")
    world.source.update("remote_groups", {"idnumber": "G1"}, grouping=None)
    assert world.sync().changes == [("membership", "delete", "C1", "G1", "ann"), ("link", "delete", "C1", "S1", "G1")]
    assert world.moodle.members("C1") == {"G1": {"bob", "cid"}}, "bob is listed nowhere, and never was ours"


def test_o2_what_has_left_since_is_not_claimed(world: World) -> None:
    """Right before; the rest becomes ours, and a link taken out by hand is not made again."""
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", grouping="S1")
    world.source.members("C1", "G1", "ann", "bob")
    world.by_hand.grouping("C1", "S1", "S1")
    world.by_hand.group("C1", "G1", "G1", members=["ann", "bob"], groupings=["S1"])
    run = world.sync(reclaim="the ledger was lost")
    world.answer(run)

    def leave() -> None:
        world.by_hand.remove_member("C1", "G1", "ann")
        world.by_hand.unlink("C1", "G1", "S1")

    release = world.release(run, before={"apply": leave})
    assert set(release.results.values()) == {"skipped", "done"}
    assert pairs_of(world) == {("membership", "bob")}
    assert world.moodle.members("C1") == {"G1": {"bob"}}


def test_o2_reclaim_claims_only_what_is_listed_there_and_not_ours_yet() -> None:
    """Not who is excluded, not what another term has already; those who are not there are added as ever."""
    both = [("G1", "ann"), ("G1", "bob")]
    assert moved(listed=both, there=both) == set()
    assert moved(listed=both, there=both, reclaim=True) == {"= G1 ann", "= G1 bob"}
    assert moved(listed=both, there=both, managed={both[0]: TERM2}, reclaim=True) == {"= G1 bob"}
    assert moved(listed=both, there=both, excluded=[both[0]], reclaim=True) == {"= G1 bob"}
    assert moved(listed=both, there=both[:1], reclaim=True) == {"= G1 ann", "+ G1 bob"}
    assert moved(listed=both[:1], there=both, reclaim=True) == {"= G1 ann"}


def moved(**sides: Any) -> set[str]:
    return moves(Members(**sides).compare())


def pairs_of(world: World) -> set[tuple[str, str | None]]:
    """The links and memberships in the ledger: kind and person."""
    return {(row["kind"], row.get("user")) for row in world.ledger if row["kind"] in ("link", "membership")}


# --- O4


def test_o4_by_default_the_source_wins() -> None:
    """A field that somebody edited in Moodle is set back."""
    edited = held(7, "G1", "By hand", "by hand")
    found = compare([want("G1", "Lab", "words")], [edited], [ours(edited, name="Lab", description="words")])
    assert [(c.after.name, c.after.description) for c in found.changes] == [("Lab", "words")]
    assert said(found) == []


def test_o4_keep_leaves_what_was_edited_and_says_so() -> None:
    """Each field by itself: the other one takes the source's."""
    edited = held(7, "G1", "By hand", "words")
    found = compare([want("G1", "Lab", "new words")], [edited], [ours(edited, name="Lab")], policy=KEEP)
    assert [(c.after.name, c.after.description) for c in found.changes] == [("By hand", "new words")]
    assert said(found) == [("note", "O4", "G1", "its name was edited in Moodle and stays as it is there")]
    edited = held(7, "G1", "Lab", "by hand")
    found = compare([want("G1", "Hall", "words")], [edited], [ours(edited, description="words")], policy=KEEP)
    assert [(c.after.name, c.after.description) for c in found.changes] == [("Hall", "by hand")]
    assert said(found) == [("note", "O4", "G1", "its description was edited in Moodle and stays as it is there")]


def test_o4_keep_takes_the_sources_where_nothing_was_applied_yet() -> None:
    """Something found in Moodle has no last applied value: it was not edited since."""
    found_there = held(7, "G1", "Somehow")
    found = compare([want("G1", "Lab", "words")], [found_there], policy=KEEP)
    assert short(found) == ["~ G1 Somehow > Lab"]
    assert said(found) == []


def test_o4_keep_ends_when_moodle_equals_the_source_again(make_world: MakeWorld) -> None:
    """Then it follows the source as before."""
    world = make_world(on_local_edit="keep")
    world.source.group("C1", "G1", name="Lab 1")
    world.sync()
    world.by_hand.edit_group("C1", "G1", name="By hand")
    world.source.update("remote_groups", {"idnumber": "G1"}, name="Lab 2")
    run = world.sync()
    assert (run.writes, run.reasons("note")) == (0, ["its name was edited in Moodle and stays as it is there"])
    world.by_hand.edit_group("C1", "G1", name="Lab 2")
    run = world.sync()
    assert (run.writes, run.findings) == (0, [])
    world.source.update("remote_groups", {"idnumber": "G1"}, name="Lab 3")
    world.sync()
    assert world.moodle.groups("C1")["G1"].name == "Lab 3"
