"""The circuit breaker holds what it should, lets the rest through, and makes the run red."""

from tests.world import NO_BREAKER, TERM1, World


def only(**limits: object) -> dict[str, object]:
    """These rules alone, beside `empty` and `rekey`."""
    return {"breaker": {**NO_BREAKER["breaker"], **limits}}


def test_empty_a_membership_table_without_rows_removes_nobody(synced: World) -> None:
    synced.configure(only())
    synced.source.delete("remote_memberships")
    before = synced.moodle.image("C1", "C2")
    run = synced.sync()
    assert run.state == "held"
    assert run.error.startswith("HELD: 4 deletes in 2 courses.")
    assert run.writes == 0
    assert synced.moodle.image("C1", "C2") == before
    why = f"memberships: no row of term {TERM1} (set LIVE-26-27, year 2026), and 4 things of it are managed. Restore it"
    assert run.trips["empty", "memberships"]["text"].startswith(why)
    assert f"What empty stops is never released; it ends when its cause does. {why}" in run.error
    assert why in (run.folder.path / "report.html").read_text(encoding="utf-8")


def test_empty_a_group_table_without_rows_deletes_no_group_and_lets_the_rest_through(synced: World) -> None:
    synced.configure(only())
    synced.source.delete("remote_groups")
    synced.source.members("C1", "G1", "dan")
    run = synced.sync()
    assert run.state == "held"
    assert set(run.held) == {
        ("group", "delete", "C1", "G1"),
        ("group", "delete", "C1", "G2"),
        ("group", "delete", "C2", "G1"),
    }
    assert synced.moodle.groups("C1").keys() == {"G1", "G2"}


def test_run_deletes_holds_all_deletes_and_lets_the_rest_through(synced: World) -> None:
    synced.configure(only(run_deletes={"fraction": 0.1, "floor": 1}))
    synced.source.drop_group("C1", "G2")
    synced.source.drop_group("C2", "G1")
    synced.source.drop_member("C1", "G1", "bob")
    synced.source.members("C1", "G1", "dan")
    synced.source.grouping("C2", "S2", name="Lectures")
    run = synced.sync()
    assert run.error.startswith("HELD: 3 deletes in 2 courses, approve at https")
    assert set(run.held) == {
        ("group", "delete", "C1", "G2"),
        ("group", "delete", "C2", "G1"),
        ("membership", "delete", "C1", "G1", "bob"),
    }
    assert run.results == {
        ("grouping", "create", "C2", "S2"): "done",
        ("membership", "create", "C1", "G1", "dan"): "done",
    }
    trip = run.trips["run_deletes", "groups"]
    assert (trip["numerator"], trip["denominator"], trip["observed"], trip["limit"]) == (2, 3, 2, 1)
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob", "dan"}, "G2": {"cid"}}
    assert synced.moodle.members("C2") == {"G1": {"eve"}}


def test_b3_at_the_limit_nothing_trips(synced: World) -> None:
    synced.configure(only(run_deletes={"fraction": 0.1, "floor": 1}))
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert (run.state, run.trips) == ("applied", {})
    assert synced.moodle.groups("C1").keys() == {"G1"}


def test_b5_what_is_held_is_held_at_the_next_run_too(synced: World) -> None:
    synced.configure(only(delete_only=0))
    synced.source.drop_group("C1", "G2")
    first, second = synced.sync(), synced.sync()
    assert (first.state, second.state) == ("held", "held")
    assert first.held == second.held == [("group", "delete", "C1", "G2")]
    assert second.writes == 0


def test_run_removals_holds_memberships_and_links_and_lets_deletes_through(synced: World) -> None:
    synced.configure(only(run_removals={"fraction": 0.1, "floor": 1}))
    synced.source.drop_member("C1", "G1", "ann")
    synced.source.drop_member("C1", "G1", "bob")
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert run.error.startswith("HELD: 2 deletes in 1 courses, approve at https")
    assert {change[0] for change in run.held} == {"membership"}
    assert run.results == {("group", "delete", "C1", "G2"): "done"}
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob"}}
    assert ("run_removals", "memberships") in run.trips


def test_course_emptied_holds_the_deletes_of_that_course_alone(synced: World) -> None:
    synced.configure(only(course_emptied=0))
    synced.source.drop_group("C2", "G1")
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert run.error.startswith("HELD: 1 deletes in 1 courses, approve at https")
    assert run.held == [("group", "delete", "C2", "G1")]
    assert synced.moodle.groups("C2").keys() == {"G1"}
    assert synced.moodle.groups("C1").keys() == {"G1"}
    assert run.trips.keys() == {("course_emptied", "C2")}


def test_course_emptied_is_satisfied_by_a_create_in_the_same_plan(synced: World) -> None:
    synced.configure(only(course_emptied=0))
    synced.source.drop_group("C2", "G1")
    synced.source.group("C2", "G9", name="Quite another one")
    run = synced.sync()
    assert (run.state, run.trips) == ("applied", {})
    assert synced.moodle.groups("C2").keys() == {"G9"}


def test_delete_only_holds_a_plan_that_does_nothing_but_delete(synced: World) -> None:
    synced.configure(only(delete_only=1))
    synced.source.drop_group("C1", "G2")
    synced.source.drop_grouping("C1", "S1")
    synced.source.grouping("C404", "S9", name="In no course")  # the table is not empty
    run = synced.sync()
    assert run.state == "held"
    assert ("delete_only", "run") in run.trips
    assert run.writes == 0


def test_delete_only_is_satisfied_by_one_create(synced: World) -> None:
    synced.configure(only(delete_only=0))
    synced.source.drop_group("C1", "G2")
    synced.source.members("C1", "G1", "dan")
    run = synced.sync()
    assert (run.state, run.trips) == ("applied", {})
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob", "dan"}}


def test_b1_the_verdict_lists_the_rules_that_passed_with_their_headroom(synced: World) -> None:
    run = synced.sync()
    seen = {one["rule"]: one for one in run.verdict["observations"]}
    assert seen.keys() >= {
        "identity", "unread", "empty", "run_deletes", "run_removals", "course_emptied", "delete_only",
    }  # fmt: skip
    assert seen["run_deletes"]["headroom"] == 20
    assert not any(one["tripped"] for one in run.verdict["observations"])
