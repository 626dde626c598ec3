"""How much a run may do: ``plan`` writes nothing, ``add`` takes nothing away, and both leave the rest as it was."""

from typing import Any

from include.groupsync.model.mode import Mode
from tests.world import NO_BREAKER, World


def change_everything(world: World) -> None:
    """G2 goes, and G1 takes its name; ann leaves G1 and dan joins it; G1 moves to a new grouping; G3 is new."""
    world.source.drop_group("C1", "G2")
    world.source.grouping("C1", "S2", name="Sets")
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Group 2", grouping="S2")
    world.source.drop_member("C1", "G1", "ann")
    world.source.members("C1", "G1", "dan")
    world.source.group("C1", "G3", name="Group 3", grouping="S1")


def seen(world: World) -> dict[str, Any]:
    """Names, members and groupings of the course."""
    groups = world.moodle.groups("C1").values()
    return {group.idnumber: (group.name, set(group.members), set(group.groupings)) for group in groups}


BEFORE = {"G1": ("Group 1", {"ann", "bob"}, {"S1"}), "G2": ("Group 2", {"cid"}, {"S1"})}


def test_plan_writes_nothing_asks_nobody_and_is_no_baseline(synced: World) -> None:
    """Neither to Moodle nor to ledger or journal; what it shows is what a full run then does."""
    synced.configure({"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}})
    change_everything(synced)
    ledger, journal = synced.ledger, synced.journal
    looked = synced.sync(mode=Mode.PLAN)
    assert (looked.error, looked.writes, seen(synced)) == ("", 0, BEFORE)
    assert (synced.ledger, synced.journal, synced.approvals()) == (ledger, journal, [])
    kept = synced.runs()[looked.run_id]
    assert (kept["outcome"], bool(kept["accepted"])) == ("planned", False)
    assert len(looked.held) > 0
    assert "a plan only: " in (looked.folder.path / "report.html").read_text(encoding="utf-8")
    assert synced.sync().changes == looked.changes


def test_add_takes_nothing_away_and_a_full_run_does_the_rest(synced: World) -> None:
    """Whatever needs a delete before it waits with it, such as a name; a second time there is nothing to add."""
    synced.configure(NO_BREAKER)
    change_everything(synced)
    added = synced.sync(mode=Mode.ADD)
    assert added.error == ""
    assert {action for _, action, *_ in added.changes} <= {"create", "update"}
    assert seen(synced) == {
        "G1": ("Group 1", {"ann", "bob", "dan"}, {"S1", "S2"}),
        "G2": ("Group 2", {"cid"}, {"S1"}),
        "G3": ("Group 3", set(), {"S1"}),
    }
    assert sorted(added.reasons("note")) == [
        "the group stays: the run only adds",
        "the link stays: the run only adds",
        "the membership stays: the run only adds",
        "update of the group waits for what the run leaves out: it only adds",
    ]
    kept = synced.runs()[added.run_id]
    assert (kept["outcome"], bool(kept["accepted"])) == ("added", False)

    again = synced.sync(mode=Mode.ADD)
    assert (again.error, again.changes, again.writes) == ("", [], 0)

    full = synced.sync()
    assert full.state == "applied", full.error
    assert seen(synced) == {"G1": ("Group 2", {"bob", "dan"}, {"S2"}), "G3": ("Group 3", set(), {"S1"})}


def test_add_is_held_by_what_looks_at_creates_and_released_as_an_add(synced: World) -> None:
    """The question is about what it would add; the release run takes nothing away either."""
    synced.configure({"breaker": {**NO_BREAKER["breaker"], "renames": {"fraction": 0, "floor": 0}}})
    synced.source.drop_group("C1", "G2")
    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Renamed")
    run = synced.sync(mode=Mode.ADD)
    assert run.held == [("group", "update", "C1", "G1")]
    synced.answer(run)
    released = synced.release(run)
    assert released.error == ""
    assert {key: name for key, (name, *_) in seen(synced).items()} == {"G1": "Renamed", "G2": "Group 2"}
