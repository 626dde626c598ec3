"""Section J: what was done is on record, checked, and can be taken back."""

import pytest

from tests.world import Outcome, World


@pytest.fixture
def deleting(world: World) -> Outcome:
    """The run that took group G1 (ann) out of grouping S1, and cid, whom a hand had put there."""
    world.source.grouping("C1", "S1", "Seminars")
    for group, user in (("G1", "ann"), ("G2", "bob")):
        world.source.group("C1", group, f"Group {group}", grouping="S1")
        world.source.members("C1", group, user)
    world.sync()
    world.by_hand.add_member("C1", "G1", "cid")
    only = {"op": "&", "c": [{"type": "group", "id": world.moodle.groups("C1")["G1"].id}], "showc": [True]}
    world.activity("C1", "quiz", "Test", availability=only)
    world.source.drop_group("C1", "G1")
    return world.sync()


def test_j1_the_before_image_has_fields_members_links_and_uses(world: World, deleting: Outcome) -> None:
    """And what of the inside was ours."""
    [entry] = [one for one in world.journal if one["run_id"] == deleting.run_id]
    image, members = entry["before"], [member["user"] for member in entry["before"]["members"]]
    assert (image["name"], sorted(members)) == ("Group G1", ["ann", "cid"])
    grouping = world.moodle.groupings("C1")["S1"].id
    assert image["groupings"] == [grouping]
    assert image["ours"] == {"members": [world.moodle.user_id("ann")], "groupings": [grouping]}
    assert [(use["how"], use["activity"]) for use in image["used_by"]] == [("restriction", "Test")]


def test_j2_what_moodle_has_otherwise_fails_the_run(world: World) -> None:
    world.source.group("C1", "G1")
    world.source.members("C1", "G1", "ann")
    run = world.sync(before={"verify": lambda: world.by_hand.remove_member("C1", "G1", "ann")})
    assert (run.state, run.failed_step) == ("failed", "verify")
    assert [finding["rule"] for finding in run.findings] == ["J2"]


def test_j3_j4_a_run_is_taken_back_once(world: World, deleting: Outcome) -> None:
    run = world.restore(deleting.run_id)
    assert run.state == "applied", run.error
    group = world.moodle.groups("C1")["G1"]
    assert (group.name, group.members, group.groupings) == ("Group G1", {"ann", "cid"}, {"S1"})
    again = world.restore(deleting.run_id)
    assert (again.changes, again.writes) == ([], 0)


def test_j5_what_came_back_is_kept_until_it_is_listed(world: World, deleting: Outcome) -> None:
    world.restore(deleting.run_id)
    kept = world.sync()
    assert (kept.changes, kept.writes) == ([], 0)
    assert {finding["key"] for finding in kept.findings if finding["rule"] == "J5"} == {"G1"}
    world.source.group("C1", "G1", "Group G1", grouping="S1")
    world.sync()
    world.source.drop_group("C1", "G1")
    assert ("group", "delete", "C1", "G1") in world.sync().changes
