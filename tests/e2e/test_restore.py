"""A run is taken back: through journal, plan, breaker and apply, and what came back stays (rules J3 to J5)."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from include.groupsync.model.approval import APPROVE_COURSES, REJECT
from include.groupsync.steps import RESTORE_STEPS, step
from include.groupsync.steps.run import Restoring
from tests.machine.faults import Killed, Line
from tests.world import NO_BREAKER, Outcome, World

PORTRAIT = dict[str, Any]


def portrait(world: World) -> PORTRAIT:
    """All groupings, groups, links and members of both courses, without ids."""
    found: PORTRAIT = {}
    for course in ("C1", "C2"):
        for kind, several in (("grouping", world.moodle.groupings(course)), ("group", world.moodle.groups(course))):
            for key, one in several.items():
                inside = (one.groups,) if kind == "grouping" else (one.members, one.groupings)
                found[course, kind, key] = (one.name, one.description, *inside)
    return found


def lines(run: Outcome, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((run.folder.path / name).read_text("utf-8"))))


@pytest.fixture
def emptied(synced: World) -> tuple[World, PORTRAIT, Outcome]:
    """C1 has lost its grouping, both groups and a membership, as the source listed them no more; what it had before.

    A page is restricted to G1, and dan was put into G2 by hand.
    """
    synced.configure(NO_BREAKER)
    synced.by_hand.add_member("C1", "G2", "dan")
    group = synced.moodle.groups("C1")["G1"]
    only = {"op": "&", "c": [{"type": "group", "id": group.id}], "showc": [True]}
    synced.activity("C1", availability=only)
    before = portrait(synced)
    synced.source.drop_group("C1", "G1")
    synced.source.drop_group("C1", "G2")
    synced.source.drop_grouping("C1", "S1")
    synced.source.grouping("C1", "S9", "Labs")  # no table is empty, and the course is not without groups
    synced.source.group("C1", "G9", "Group 9", grouping="S9")
    deleting = synced.sync()
    assert deleting.state == "applied", deleting.error
    assert {change[:2] for change in deleting.changes} >= {("grouping", "delete"), ("group", "delete")}
    return synced, before, deleting


def test_j3_j4_what_a_run_deleted_is_back_with_links_and_members_and_only_once(
    emptied: tuple[World, PORTRAIT, Outcome],
) -> None:
    world, before, deleting = emptied
    run = world.restore(deleting.run_id)
    assert run.state == "applied", run.error
    assert portrait(world) == before, "what the run had made is gone, too"
    again = world.restore(deleting.run_id)
    assert (again.state, again.changes, again.writes) == ("applied", [], 0)


def test_j3_old_and_new_ids_and_the_work_that_is_left(emptied: tuple[World, PORTRAIT, Outcome]) -> None:
    world, _, deleting = emptied
    run = world.restore(deleting.run_id)
    now = {key: str(one.id) for key, one in world.moodle.groups("C1").items()}
    found = {row["key"]: row for row in lines(run, "ids.csv")}
    assert {key: found[key]["new_id"] for key in ("G1", "G2")} == {key: now[key] for key in ("G1", "G2")}
    assert all(row["old_id"] != row["new_id"] for row in found.values())
    work = [(row["course"], row["what"], row["key"], row["activity"]) for row in lines(run, "work.csv")]
    assert work == [("C1", "restriction", "G1", "Reading"), ("C1", "not to be seen", "", "")]
    said = (deleting.folder.path / "report.html").read_text("utf-8")
    assert f"<code>moodle_group_restore</code> with the run <code>{deleting.run_id}</code>" in said
    page = (run.folder.path / "restored.html").read_text("utf-8")
    assert "3 of 3 deleted groupings and groups are there" in page
    assert "restored.html" in (run.folder.path / "report.html").read_text("utf-8")


def test_j5_what_came_back_is_kept_and_reported_until_it_is_listed_or_let_go(
    emptied: tuple[World, PORTRAIT, Outcome],
) -> None:
    world, before, deleting = emptied
    restoring = world.restore(deleting.run_id)
    world.source.drop_group("C1", "G9")
    nightly = world.sync()
    assert (nightly.state, nightly.changes) == ("applied", [("grouping", "create", "C1", "S9")]), nightly.error
    before = {**before, ("C1", "grouping", "S9"): ("Labs", "", frozenset())}  # it is listed
    assert portrait(world) == before
    assert (world.sync().writes, portrait(world)) == (0, before)
    kept = [f["key"] for f in nightly.findings if f["rule"] == "J5"]
    assert sorted(kept) == ["G1", "G1", "G1", "G2", "G2", "G2", "S1"], "each object, and what is kept inside"
    world.source.group("C1", "G1", "Group 1", grouping="S1")  # listed again, and its members not
    world.source.grouping("C1", "S1", "Seminars")
    listed = world.sync()
    assert (listed.changes, portrait(world)) == ([], before)
    assert {f["key"] for f in listed.findings if f["rule"] == "J5"} == {"G1", "G2"}
    world.source.drop_group("C1", "G1")
    world.source.drop_grouping("C1", "S1")
    assert ("group", "delete", "C1", "G1") in world.sync().changes, "listed once, it is the term's again"
    assert "G2" in world.moodle.groups("C1")
    trying = world.restore(restoring.run_id, let_go=True, dry_run=True)
    assert trying.folder.json("steps/apply")["let_go"] == {"objects": 1, "links": 0, "memberships": 1}
    assert world.sync().changes == [], "a dry run lets nothing go"
    letting_go = world.restore(restoring.run_id, let_go=True)
    assert (letting_go.state, letting_go.writes) == ("applied", 0), letting_go.error
    assert ("group", "delete", "C1", "G2") in world.sync().changes


def test_m5_who_was_added_by_hand_comes_back_and_stays_theirs(emptied: tuple[World, PORTRAIT, Outcome]) -> None:
    world, _, deleting = emptied
    world.restore(deleting.run_id)
    ours = {(row["group_id"], row["user"]) for row in world.ledger if row["kind"] == "membership"}
    group = world.moodle.groups("C1")["G2"]
    assert group.members == {"cid", "dan"}
    assert {user for group_id, user in ours if group_id == group.id} == {"cid"}


def test_j3_a_dry_run_shows_the_plan_and_the_work_and_writes_nothing(emptied: tuple[World, PORTRAIT, Outcome]) -> None:
    world, _, deleting = emptied
    there, journal = portrait(world), world.journal
    run = world.restore(deleting.run_id, dry_run=True)
    assert (run.state, run.writes) == ("applied", 0), run.error
    assert ("group", "create", "C1", "G1") in run.changes
    assert (portrait(world), world.journal) == (there, journal)
    assert {row["new_id"] for row in lines(run, "ids.csv")} == {""}
    assert world.runs()[run.run_id]["outcome"] == "dry run"


def test_j3_only_these_courses_and_kinds(synced: World) -> None:
    synced.configure(NO_BREAKER)
    synced.source.drop_group("C1", "G2")
    synced.source.drop_group("C2", "G1")
    synced.source.group("C2", "G9", "Group 9")
    deleting = synced.sync()
    run = synced.restore(deleting.run_id, courses=["C1"], kinds=["group"])  # type: ignore[list-item]
    assert run.changes == [("group", "create", "C1", "G2")]
    assert synced.moodle.groups("C1")["G2"].members == frozenset()
    wrong = synced.restore(deleting.run_id, courses=["C1", "C7"])
    assert (wrong.failed_step, wrong.writes) == ("read_moodle", 0)
    assert "has written nothing in: C7" in wrong.error


def test_j3_a_restore_can_be_taken_back(emptied: tuple[World, PORTRAIT, Outcome]) -> None:
    world, _, deleting = emptied
    there = portrait(world)
    restoring = world.restore(deleting.run_id)
    run = world.restore(restoring.run_id)
    assert run.state == "applied", run.error
    assert portrait(world) == there


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_j3_of_a_run_that_was_killed_only_what_it_did_is_taken_back(synced: World, at: int) -> None:
    """Also what it sent without hearing the answer: that is settled first."""
    synced.configure({**NO_BREAKER, "moodle": {"batch_items": 1}})
    before = portrait(synced)
    synced.source.drop_group("C1", "G2")
    synced.source.drop_group("C2", "G1")
    for course in ("C1", "C2"):
        synced.source.group(course, "G9", "Group 9")
    planned = synced.sync(until="circuit_breaker")
    with Line({at: "killed after"}).open(), pytest.raises(Killed):
        synced.sync(run_id=planned.run_id, start="apply")
    assert portrait(synced) != before
    synced.now += timedelta(minutes=10)
    run = synced.restore(planned.run_id)
    assert run.state == "applied", run.error
    assert portrait(synced) == before


def test_b4_a_large_restore_is_asked_about_and_only_what_is_approved_goes(
    emptied: tuple[World, PORTRAIT, Outcome],
) -> None:
    """To take back what was made is to delete it: the breaker holds it, the rest waits for the answer with it."""
    world, before, deleting = emptied
    world.configure(breaker={"run_deletes": {"count": 0}})
    there = portrait(world)
    rejected = world.restore(deleting.run_id, answer=REJECT)
    assert (rejected.failed_step, rejected.writes) == ("apply", 0)
    assert "rejected by dana" in rejected.error
    assert portrait(world) == there
    agreed = world.restore(deleting.run_id)
    assert agreed.state == "applied", agreed.error
    assert portrait(world) == before
    assert world.approvals()[-1]["state"] == "applied"


def test_b4_of_a_restore_only_these_courses_may_be_approved(synced: World) -> None:
    """To take the first run back is to delete all that it made."""
    synced.configure({**NO_BREAKER, "breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}})
    run = synced.restore("first-run", answer=APPROVE_COURSES, given={"courses": "C2"})
    assert (run.state, run.failed_step) == ("held", "outcome")
    assert "were not approved, or are blocked, and were not restored" in run.error
    assert (set(synced.moodle.groups("C1")), set(synced.moodle.groups("C2"))) == ({"G1", "G2"}, set())


def test_b4_an_answer_about_another_plan_is_not_stretched_to_this_one(synced: World) -> None:
    """Somebody repeats single tasks after the answer: the plan is made anew, and holds something else."""
    synced.configure({**NO_BREAKER, "breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}})

    def plan_anew(run: Restoring) -> None:
        synced.by_hand.call("core_group_delete_groups", groupids=[synced.moodle.groups("C2")["G1"].id])
        for name in ("read_moodle", "plan_restore", "read_use", "circuit_breaker"):
            step(name, RESTORE_STEPS)(synced.deployment(), run)

    run = synced.restore("first-run", answered_then=plan_anew)
    assert (run.failed_step, run.writes) == ("apply", 0)
    assert "not the one that was asked about" in str(run.errors["apply"])
    assert synced.approvals()[-1]["state"] == "refused"


def test_j3_an_unknown_run_is_named_with_those_there_are(synced: World) -> None:
    run = synced.restore("no-such-run")
    assert (run.failed_step, run.writes) == ("read_moodle", 0)
    assert "no run 'no-such-run' has written anything" in run.error
    assert "first-run" in run.error
    run = synced.restore("first-run", let_go=True)
    assert "no restore 'first-run' has written anything" in run.error


def test_i3_a_restore_into_another_site_is_refused(emptied: tuple[World, PORTRAIT, Outcome]) -> None:
    world, _, deleting = emptied
    world.arm("elsewhere 123")
    run = world.restore(deleting.run_id)
    assert (run.failed_step, run.writes) == ("check_identity", 0)
