"""What the main job must show: the source reaches Moodle, and nobody else's work is touched."""

import pytest

from tests.e2e.conftest import MakeWorld
from tests.world import NO_BREAKER, World


def test_the_first_run_brings_moodle_in_line(world: World) -> None:
    run = world.sync()
    assert (run.state, run.error, run.findings) == ("applied", "", [])
    assert world.moodle.groupings("C1")["S1"].groups == {"G1", "G2"}
    assert {key: group.name for key, group in world.moodle.groups("C1").items()} == {"G1": "Group 1", "G2": "Group 2"}
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"cid"}}
    assert world.moodle.members("C2") == {"G1": {"eve"}}  # the same idnumber as in C1: K1


def test_the_second_run_makes_no_writing_call(synced: World) -> None:
    before = synced.moodle.image("C1", "C2")
    run = synced.sync()
    assert (run.state, run.writes, run.changes) == ("applied", 0, [])
    assert run.calls, "it looked at Moodle"
    assert synced.moodle.image("C1", "C2") == before


def test_a1_m5_a_person_who_moves_is_added_before_being_removed(synced: World) -> None:
    synced.source.move("C1", "ann", of="G1", to="G2")
    before = synced.moodle.image("C2"), synced.moodle.groupings("C1")
    run = synced.sync()
    assert run.state == "applied", run.error
    moved = [("membership", "create", "C1", "G2", "ann"), ("membership", "delete", "C1", "G1", "ann")]
    assert synced.journaled(run) == moved
    ann, groups = synced.moodle.user_id("ann"), synced.moodle.groups("C1")
    assert [(call.function, call.items) for call in run.writing_calls] == [
        ("core_group_add_group_members", [{"groupid": str(groups["G2"].id), "userid": str(ann)}]),
        ("core_group_delete_group_members", [{"groupid": str(groups["G1"].id), "userid": str(ann)}]),
    ]
    assert synced.moodle.members("C1") == {"G1": {"bob"}, "G2": {"ann", "cid"}}
    assert (synced.moodle.image("C2"), synced.moodle.groupings("C1")) == before


def test_g1_m3_what_was_made_by_hand_survives_every_run(synced: World) -> None:
    synced.by_hand.grouping("C1", "Projects", description="ours")
    synced.by_hand.group("C1", "Project A", members=["ann", "dan"], groupings=["Projects"])
    synced.by_hand.add_member("C1", "G2", "dan")  # into a managed group, whose source does not list dan
    by_hand = _made_by_hand(synced)
    assert synced.sync().writes == 0

    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G2"}, name="Group two")
    synced.source.drop_member("C1", "G2", "cid")
    synced.source.drop_member("C1", "G1", "ann")
    synced.source.grouping("C1", "S2", name="Lectures")
    assert synced.sync().state == "applied"
    assert synced.moodle.members("C1")["G2"] == {"dan"}
    assert _made_by_hand(synced) == by_hand
    assert synced.sync().writes == 0


def _made_by_hand(world: World) -> tuple[object, ...]:
    return world.moodle.groupings("C1")["Projects"], world.moodle.groups("C1")["Project A"]


def test_p7_a_group_without_idnumber_stays_when_all_managed_ones_go(synced: World) -> None:
    synced.configure(NO_BREAKER)
    synced.by_hand.group("C1", "Project A", members=["ann"], groupings=["S1"])
    synced.source.drop_group("C1", "G1")
    synced.source.drop_group("C1", "G2")
    synced.source.drop_grouping("C1", "S1")
    # No managed grouping is left in the term: a table without rows is another rule's.
    synced.source.grouping("C2", "S9", name="Elsewhere")
    assert synced.sync().state == "applied"
    assert synced.moodle.members("C1") == {"Project A": {"ann"}}
    assert synced.moodle.groupings("C1")["S1"].groups == {"Project A"}, "G7: somebody has appropriated it"


@pytest.mark.parametrize("inactive", [{"status": "inactive"}, {"import_groups": "0"}], ids=["status", "switch"])
def test_c2_a_course_with_an_inactive_mapping_gets_no_writing_call(synced: World, inactive: dict[str, str]) -> None:
    synced.remap("C1", **inactive)
    synced.source.move("C1", "ann", of="G1", to="G2")
    synced.source.drop_group("C1", "G2")
    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Renamed")
    synced.source.group("C1", "G3", name="New")
    synced.source.grouping("C1", "S2", name="New")
    before = synced.moodle.image("C1")
    run = synced.sync()
    assert (run.state, run.writes, run.changes) == ("applied", 0, [])
    assert synced.moodle.image("C1") == before


def test_c2_a_whole_term_made_inactive_deletes_nothing(synced: World) -> None:
    synced.source.execute("UPDATE remote_mappings SET status = 'inactive'")
    before = synced.moodle.image("C1", "C2")
    run = synced.sync()
    assert (run.state, run.writes, run.changes) == ("applied", 0, [])
    assert synced.moodle.image("C1", "C2") == before


def test_c4_a_course_that_has_left_the_mappings_is_frozen(synced: World) -> None:
    synced.unmap("C1")
    synced.source.execute("DELETE FROM remote_groups WHERE course = 'C1'")
    synced.source.drop_member("C2", "G1", "eve")
    synced.source.members("C2", "G1", "ann")
    before = synced.moodle.image("C1")
    run = synced.sync()
    assert run.state == "applied", run.error
    assert {change[2] for change in run.changes} == {"C2"}
    assert synced.moodle.image("C1") == before


def test_c2_a_frozen_course_that_becomes_active_again_is_brought_in_line(synced: World) -> None:
    synced.remap("C1", status="inactive")
    synced.source.move("C1", "ann", of="G1", to="G2")
    synced.sync()
    synced.remap("C1", status="active")
    assert synced.sync().state == "applied"
    assert synced.moodle.members("C1") == {"G1": {"bob"}, "G2": {"ann", "cid"}}


def test_k4_one_bad_row_stops_no_other(world: World) -> None:
    world.source.group("C1", "G" * 101, name="Too long")
    world.source.group("C1", None, name="No idnumber")
    world.source.group("C1", "G7", name="<b>bold</b>")
    world.source.group("C1", "G8", name="Bell \a")
    world.source.members("C1", "G1", "nobody-of-that-name")
    world.source.members("C1", "G404", "ann")
    world.source.members("C1", "G2", "eve")  # not enrolled in C1
    run = world.sync()
    assert run.state == "applied", run.error
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"cid"}}
    assert sorted(run.reasons()) == [
        "Moodle would change this name: a tag other than a multilang span, or < before a non-blank",
        "group not found in the course",
        "idnumber is absent",
        "idnumber is over 100 characters",
        "name contains a control character",
        "the person is not enrolled in the course",
        "user not found: no account in Moodle has this key",
    ]
    assert len(run.folder.path.joinpath("rejected.csv").read_text(encoding="utf-8").splitlines()) >= 7


def test_g3_a_course_that_moodle_does_not_have_stops_no_other(world: World) -> None:
    world.map("C404", module="M404")
    world.source.group("C404", "G1", name="Group 1")
    run = world.sync()
    assert run.state == "applied", run.error
    assert 'Group "Group 1" was not imported because it belongs to a non-existent course' in run.reasons("warning")
    assert world.moodle.members("C2") == {"G1": {"eve"}}


def test_m4_who_is_enrolled_later_is_added_at_the_next_run(synced: World) -> None:
    synced.source.members("C2", "G1", "dan")
    run = synced.sync()
    assert (run.state, run.writes) == ("applied", 0)
    assert run.reasons("deferred") == ["the person is not enrolled in the course"]
    synced.enrol("C2", "dan")
    synced.sync()
    assert synced.moodle.members("C2") == {"G1": {"dan", "eve"}}


def test_o2_a_lost_ledger_deletes_nothing(synced: World) -> None:
    for table in ("ledger_object", "ledger_link", "ledger_membership"):
        synced.edit_state(f"DELETE FROM {table}")  # noqa: S608
    synced.source.drop_group("C1", "G2")
    synced.source.drop_member("C1", "G1", "ann")
    before = synced.moodle.image("C1", "C2")
    run = synced.sync()
    assert (run.state, run.writes) == ("applied", 0)
    assert synced.moodle.image("C1", "C2") == before


def test_c6_without_a_mapping_table_every_course_that_is_named_is_in_scope(make_world: MakeWorld) -> None:
    world = make_world({"mappings": "none"})
    world.course("C1", users=["ann"])
    world.source.group("C1", "G1", name="Group 1")
    world.source.members("C1", "G1", "ann")
    assert world.sync().state == "applied"
    assert world.moodle.members("C1") == {"G1": {"ann"}}


def test_o3_a_kind_that_is_off_is_left_alone(synced: World) -> None:
    synced.configure(groupings=None, groups=None, breaker={"config_changed": None})
    synced.source.execute("DELETE FROM remote_groups")
    synced.source.execute("DELETE FROM remote_groupings")
    synced.source.move("C1", "ann", of="G1", to="G2")
    run = synced.sync()
    assert run.state == "applied", run.error
    assert {change[0] for change in run.changes} == {"membership"}
    assert synced.moodle.members("C1") == {"G1": {"bob"}, "G2": {"ann", "cid"}}
