"""A change that Moodle refuses fails alone; the run is red, and the next one goes on from what is there."""

from tests.world import World


def test_a3_a_group_that_moodle_refuses_fails_alone(world: World) -> None:
    world.source.group("C1", "G3", name="Group 3")
    # After the plan was made, a teacher makes a group of the name that the second of the batch wants.
    run = world.sync(before={"apply": lambda: world.by_hand.group("C1", "Group 2", members=["dan"])})
    assert run.state == "failed"
    refused = {change: word for change, word in run.results.items() if word != "done"}
    assert refused == {
        ("group", "create", "C1", "G2"): "refused",
        ("link", "create", "C1", "S1", "G2"): "waiting",
        ("membership", "create", "C1", "G2", "cid"): "waiting",
    }
    why = "FAILED: 3 changes were not made, the first in course C1: the name 'Group 2' is taken by #"
    assert run.error.startswith(why)
    assert "Moodle refused core_group_create_groups: invalidparameter" in run.error
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G3": set(), "Group 2": {"dan"}}


def test_a3_an_idnumber_that_is_taken_after_the_plan_leaves_no_phantom(world: World) -> None:
    world.source.group("C1", "G3", name="Group 3")
    run = world.sync(before={"apply": lambda: world.by_hand.group("C1", "Theirs", "G2", members=["dan"])})
    # Looking for G2 fills Moodle's cache in the middle of the batch, and the rollback leaves G1 in there: sent
    # again without healing, G1 is "already in use".
    refused = {change: word for change, word in run.results.items() if word != "done"}
    assert refused == {
        ("group", "create", "C1", "G2"): "refused",
        ("link", "create", "C1", "S1", "G2"): "waiting",
        ("membership", "create", "C1", "G2", "cid"): "waiting",
    }
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"dan"}, "G3": set()}
    assert world.moodle.groupings("C1").keys() == {"S1"}, "what healed the cache is gone again"

    second = world.sync()
    assert second.state == "applied", second.error
    assert world.moodle.groups("C1")["G2"].name == "Group 2", "O1: found under its key, it is managed now"
    assert world.moodle.members("C1")["G2"] == {"cid", "dan"}
    assert world.sync().writes == 0


def test_a3_the_run_after_a_refusal_goes_on_from_what_is_there(world: World) -> None:
    world.sync(before={"apply": lambda: world.by_hand.group("C1", "Group 2")})
    second = world.sync()
    assert (second.state, second.writes) == ("applied", 0)
    warning = 'Group "Group 2" was not imported because an existing group exists with the same name but no idNumber'
    assert warning in second.reasons("warning")
    world.by_hand.delete_group("C1", "Group 2")
    assert world.sync().state == "applied"
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"cid"}}
    assert world.moodle.groupings("C1")["S1"].groups == {"G1", "G2"}
    assert world.sync().writes == 0


def test_a3_a_grouping_that_moodle_refuses_fails_alone(world: World) -> None:
    world.source.grouping("C1", "S0", name="Lectures")
    world.source.grouping("C1", "S2", name="Tutorials")
    run = world.sync(before={"apply": lambda: world.by_hand.grouping("C1", "Seminars")})
    assert run.state == "failed"
    refused = {change: word for change, word in run.results.items() if word != "done"}
    assert refused == {
        ("grouping", "create", "C1", "S1"): "refused",
        ("link", "create", "C1", "S1", "G1"): "waiting",
        ("link", "create", "C1", "S1", "G2"): "waiting",
    }
    assert world.moodle.groupings("C1").keys() == {"S0", "Seminars", "S2"}
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": {"cid"}}


def test_m4_who_is_unenrolled_while_the_run_is_on_is_deferred_alone(world: World) -> None:
    run = world.sync(before={"apply": lambda: world.unenrol("C1", "bob")})
    assert run.state == "applied"
    deferred = {change: word for change, word in run.results.items() if word != "done"}
    assert deferred == {("membership", "create", "C1", "G1", "bob"): "deferred"}
    assert world.moodle.members("C1") == {"G1": {"ann"}, "G2": {"cid"}}
    second = world.sync()
    assert (second.state, second.writes) == ("applied", 0)
    assert second.reasons("deferred") == ["the person is not enrolled in the course"]


def test_a3_the_journal_says_what_moodle_said(world: World) -> None:
    run = world.sync(before={"apply": lambda: world.by_hand.group("C1", "Group 2")})
    entry = next(row for row in world.journal if (row["kind"], row["group"]) == ("group", "G2"))
    assert entry["run_id"] == run.run_id
    assert entry["outcome"] == "refused"
    assert "core_group_create_groups" in entry["reason"]
    assert all(row["outcome"] for row in world.journal), "no intent is left open"


def test_a2_a_group_that_somebody_joined_after_the_plan_is_not_deleted(synced: World) -> None:
    synced.source.drop_group("C1", "G2")
    run = synced.sync(before={"apply": lambda: synced.by_hand.add_member("C1", "G2", "dan")})
    assert run.results == {("group", "delete", "C1", "G2"): "skipped"}
    assert synced.moodle.members("C1")["G2"] == {"cid", "dan"}
    skipped = run.report["failed_changes"]
    assert [row["reason"] for row in skipped] == ["the group has more members now"]


def test_j2_what_differs_after_the_apply_fails_the_run(synced: World) -> None:
    synced.source.members("C1", "G2", "dan")
    run = synced.sync(before={"verify": lambda: synced.by_hand.remove_member("C1", "G2", "dan")})
    assert (run.state, run.failed_step) == ("failed", "verify")
    assert "Moodle differs from what was written in 1 places, such as C1" in run.error
    assert [finding["rule"] for finding in run.findings] == ["J2"]


def test_j1_a_deletes_entry_holds_all_that_it_takes_away(synced: World) -> None:
    synced.by_hand.add_member("C1", "G2", "dan")
    synced.by_hand.edit_group("C1", "G2", description="ours now")
    gone = synced.moodle.groups("C1")["G2"]
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert run.state == "applied", run.error
    entry = synced.journal[-1]
    assert (entry["kind"], entry["action"], entry["group_id"], entry["outcome"]) == ("group", "delete", gone.id, "done")
    before = entry["before"]
    assert (before["name"], before["idnumber"], before["description"]) == ("Group 2", "G2", "ours now")
    assert {member["user"] for member in before["members"]} == {"cid", "dan"}
    assert before["groupings"] == [synced.moodle.groupings("C1")["S1"].id]


def test_a7_only_apply_writes(world: World) -> None:
    planned = world.sync(until="circuit_breaker")
    assert (planned.state, planned.writes) == ("unfinished", 0)
    applied = world.sync(run_id=planned.run_id, start="apply", until="apply")
    assert applied.writes > 0
    told = world.sync(run_id=planned.run_id, start="verify")
    assert (told.state, told.writes) == ("applied", 0)


def test_a7_a_plan_that_was_changed_after_the_verdict_is_not_applied(synced: World) -> None:
    synced.source.members("C1", "G1", "dan")
    planned = synced.sync(until="circuit_breaker")
    frame = planned.folder.frame("plan")
    frame["user"] = "cid"
    frame.to_parquet(planned.folder.path / "plan.parquet", index=False)
    run = synced.sync(run_id=planned.run_id, start="apply")
    assert (run.state, run.failed_step, run.writes) == ("blocked", "apply", 0)
    assert "not the one that was judged" in run.error
