"""A held plan is asked about, and goes only as it was approved (rules B4, B5, and B2's run of its own)."""

from datetime import timedelta

import pytest

from include.groupsync.errors import HeldError, NotReleased
from include.groupsync.model.approval import APPROVE_ALL, APPROVE_COURSES, REJECT
from tests.e2e.conftest import MakeWorld
from tests.world import NO_BREAKER, TERM1, Outcome, World

OFF = NO_BREAKER["breaker"]
HOURS = timedelta(hours=1)


@pytest.fixture
def holding(synced: World) -> World:
    """The source has dropped a group of each course, and added a person: deletes are held, the person is added."""
    synced.configure(breaker={**OFF, "run_deletes": {"count": 0}})
    synced.source.drop_group("C1", "G2")
    synced.source.drop_group("C2", "G1")
    synced.source.group("C2", "G2", name="Another")
    return synced


@pytest.fixture
def held(holding: World) -> Outcome:
    run = holding.sync()
    assert run.state == "held", run.error
    return run


def groups(world: World) -> tuple[set[str], set[str]]:
    return set(world.moodle.groups("C1")), set(world.moodle.groups("C2"))


BEFORE, AFTER = ({"G1", "G2"}, {"G1", "G2"}), ({"G1"}, {"G2"})


def test_b4_a_run_that_holds_asks_and_says_where_to_answer(holding: World, held: Outcome) -> None:
    """Its last word has the numbers and the address; the run has applied the rest and waits for nobody."""
    asked = held.request
    assert held.error.startswith(f"HELD: 2 deletes in 2 courses, approve at {asked['answer_at']}\n")
    assert asked["release_run_id"] in asked["answer_at"]
    assert groups(holding) == BEFORE
    [approval] = holding.approvals()
    assert (approval["state"], approval["term"], approval["run_id"]) == ("open", TERM1, held.run_id)
    assert approval["digest"] == held.folder.json("plan")["held"]["digest"]


def test_b4_what_is_approved_is_applied_by_a_run_of_its_own(holding: World, held: Outcome) -> None:
    """And nothing else: person, time, digest, trips and reason are on record, and the asking run is a baseline."""
    holding.answer(held, reason="the module was withdrawn", who="dana")
    release = holding.release(held)
    assert release.state == "applied", release.error
    assert groups(holding) == AFTER
    assert set(release.results.values()) == {"done"}
    [approval] = holding.approvals()
    assert approval["state"] == "applied"
    assert (approval["who"], approval["reason"]) == ("dana", "the module was withdrawn")
    assert approval["answered_at"] is not None
    assert "run_deletes" in approval["trips"]
    assert holding.runs()[held.run_id]["accepted"] == 1
    assert (holding.runs()[release.run_id]["accepted"], holding.runs()[release.run_id]["measures"]) == (0, None)
    assert holding.sync().state == "applied"


def test_b4_the_release_run_leaves_alone_what_nobody_approved(holding: World, held: Outcome) -> None:
    """What the source lists since then is the next sync run's."""
    holding.answer(held)
    holding.source.members("C1", "G1", "dan")
    release = holding.release(held)
    assert release.state == "applied", release.error
    assert groups(holding) == AFTER
    assert holding.moodle.members("C1")["G1"] == {"ann", "bob"}
    assert {call.function for call in release.writing_calls} == {"core_group_delete_groups"}
    holding.sync()
    assert holding.moodle.members("C1")["G1"] == {"ann", "bob", "dan"}


def test_b4_the_next_release_report_says_who_approved(holding: World, held: Outcome) -> None:
    holding.answer(held, reason="seen <b>and</b> agreed")
    release = holding.release(held)
    assert release.report["approval"].startswith("approved by dana at 2026-10-12")
    assert "seen &lt;b&gt;and&lt;/b&gt; agreed" in (release.folder.path / "report.html").read_text(encoding="utf-8")


def test_a7_nothing_goes_without_an_answer(holding: World, held: Outcome) -> None:
    """A release run whose question nobody has answered stops before it writes, and says so."""
    release = holding.release(held)
    assert release.state == "held"
    assert isinstance(release.errors["circuit_breaker"], NotReleased)
    assert (release.writes, groups(holding)) == (0, BEFORE)
    assert release.error.startswith("UNANSWERED: ")


def test_a7_a_release_run_that_nobody_asked_for_releases_nothing(holding: World, held: Outcome) -> None:
    """Started by hand it has no question, whatever it is called."""
    made_up = {**held.request, "release_run_id": "manual__2026-10-12"}
    held.folder.save_json("request", made_up)
    with pytest.raises(HeldError, match="not by hand"):
        holding.question(held)
    release = holding.release(held)
    assert (release.state, release.writes) == ("failed", 0)
    assert "not by hand" in str(release.errors["circuit_breaker"])


# --- what no longer fits


def test_b4_a_plan_that_got_worse_meanwhile_is_refused(holding: World, held: Outcome) -> None:
    """One more delete at the source: not even the approved ones go."""
    holding.answer(held)
    holding.source.drop_group("C1", "G1")
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert release.error.startswith("REFUSED: ")
    assert "changed meanwhile" in release.error
    assert groups(holding) == BEFORE
    assert holding.approvals()[0]["state"] == "refused"
    assert holding.runs()[held.run_id]["accepted"] == 0


def test_b4_a_plan_that_shrank_meanwhile_is_refused(holding: World, held: Outcome) -> None:
    """The source lists one of the groups again: the approval was for another plan."""
    holding.answer(held)
    holding.source.group("C1", "G2", name="Group 2", grouping="S1")
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert groups(holding) == BEFORE


def test_b4_a_change_in_moodle_meanwhile_is_refused(holding: World, held: Outcome) -> None:
    """A teacher has renamed the group: it is no longer what was approved to go."""
    holding.answer(held)
    holding.by_hand.edit_group("C1", "G2", name="Ours now")
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert groups(holding) == BEFORE


def test_b4_a_trip_that_the_approval_does_not_name_refuses_it(synced: World) -> None:
    """The same deletes, held by one rule more."""
    synced.configure(breaker={**OFF, "run_deletes": {"count": 0}})
    synced.source.drop_group("C2", "G1")
    held = synced.sync()
    synced.answer(held)
    synced.configure(breaker={"course_emptied": 0})
    release = synced.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert "more holds it now than was approved: course_emptied" in release.error


def test_b4_a_trip_that_got_worse_refuses_it(holding: World, held: Outcome) -> None:
    """The same deletes and the same rule, further over its limit than the person was told."""
    holding.edit_state("""UPDATE approval SET trips = replace(trips, '"headroom": -2', '"headroom": -1')""")
    holding.answer(held)
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert "(worse than approved)" in release.error


def test_i3_the_identity_is_compared_again_after_the_wait(holding: World, held: Outcome) -> None:
    """The site belongs to another deployment by now."""
    holding.answer(held)
    holding.arm("sandbox 00000000-0000-0000-0000-000000000000")
    release = holding.release(held)
    assert (release.state, release.writes) == ("blocked", 0)
    assert release.failed_step == "check_identity"


def test_b4_an_approval_is_used_once(holding: World, held: Outcome) -> None:
    """Run again after it was applied, it fits nothing any more."""
    holding.answer(held)
    assert holding.release(held).state == "applied"
    again = holding.release(held)
    assert (again.state, again.writes) == ("held", 0)
    assert again.error.startswith("REFUSED: ")
    assert holding.approvals()[0]["state"] == "applied"


def test_b4_an_approval_is_not_kept_for_next_week(holding: World, held: Outcome) -> None:
    """Its release run failed and is repeated when the answer is old."""
    holding.answer(held)
    holding.now += timedelta(days=5)
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert "the answer was good until" in release.error


# --- answers that are none


@pytest.mark.parametrize(
    ("option", "given", "why"),
    [
        (APPROVE_ALL, {"digest": "0" * 64}, "the answer is about plan"),
        (APPROVE_ALL, {"digest": None}, "the answer is about plan"),
        (APPROVE_ALL, {"reason": ""}, "needs a reason"),
        (APPROVE_ALL, {"reason": " \n\t"}, "needs a reason"),
        (APPROVE_ALL, {"reason": None}, "needs a reason"),
        (APPROVE_ALL, {"courses": "C1"}, "say which of the two"),
        (APPROVE_COURSES, {}, "no course of the plan was named"),
        (APPROVE_COURSES, {"courses": " ,;\n"}, "no course of the plan was named"),
        (APPROVE_COURSES, {"courses": "C1, C404"}, "not in this plan: C404"),
        (APPROVE_COURSES, {"courses": ["C1", "C404"]}, "not in this plan: C404"),
        (REJECT, {"reason": " "}, "needs a reason"),
        ("Approve", {}, "is none of"),
    ],
)
def test_b4_an_answer_that_cannot_be_used_applies_nothing(
    holding: World, held: Outcome, option: str, given: dict[str, object], why: str
) -> None:
    """By form or by script: refused, on record, and the run says what was wrong."""
    with pytest.raises(NotReleased, match=why):
        holding.answer(held, option, **given)
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert release.error.startswith("REFUSED: ")
    [approval] = holding.approvals()
    assert approval["state"] == "refused"
    assert why.rsplit(maxsplit=1)[-1] in approval["remark"]


def test_b4_a_request_is_asked_again_when_its_task_is_cleared(holding: World, held: Outcome) -> None:
    """A slip in the form is not the end of it."""
    with pytest.raises(NotReleased):
        holding.answer(held, APPROVE_COURSES, courses="C1O")
    with pytest.raises(NotReleased, match="REFUSED"):
        holding.answer(held)
    asked = holding.question(held)
    assert asked is not None
    assert asked.digest == held.request["digest"]
    holding.answer(held)
    assert holding.release(held).state == "applied"


def test_b4_nobody_is_asked_twice_when_an_approved_run_is_repeated(holding: World, held: Outcome) -> None:
    """Moodle did not answer; cleared in Airflow, the run goes on with the answer that it has."""
    holding.answer(held)
    token, holding.token = holding.token, "0123456789abcdef0123456789abcdef"
    assert holding.release(held).state == "failed"
    holding.token = token
    assert holding.question(held) is None
    assert holding.release(held).state == "applied"


def test_b5_rejected_applies_nothing_and_is_no_baseline(holding: World, held: Outcome) -> None:
    """The plan stays on record, with who said no and why."""
    with pytest.raises(NotReleased, match="REJECTED by dana: the term has not ended"):
        holding.answer(held, REJECT, reason="the term has not ended")
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert release.error.startswith("REJECTED: the request is rejected by dana")
    assert "the term has not ended" in release.error
    assert groups(holding) == BEFORE
    assert holding.runs()[held.run_id]["accepted"] == 0
    assert held.folder.has("plan.parquet")
    with pytest.raises(NotReleased, match="REJECTED"):
        holding.question(held)


def test_b5_an_answer_after_the_time_is_refused(holding: World, held: Outcome) -> None:
    """20 hours by default, counted when it was answered, not when it was looked at."""
    late = holding.deployment().now() + 21 * HOURS
    with pytest.raises(NotReleased, match="EXPIRED"):
        holding.answer(held, at=late)
    assert holding.approvals()[0]["state"] == "expired"
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    assert release.error.startswith("EXPIRED: the request is expired (nobody answered until")


def test_b5_an_expired_request_is_not_asked_any_more(holding: World, held: Outcome) -> None:
    holding.now += 21 * HOURS
    with pytest.raises(NotReleased, match="EXPIRED"):
        holding.question(held)


def test_b4_the_time_to_answer_is_a_setting(holding: World) -> None:
    holding.configure(approval={"expires_hours": 2})
    run = holding.sync()
    with pytest.raises(NotReleased, match="EXPIRED"):
        holding.answer(run, at=holding.deployment().now() + 3 * HOURS)


# --- one open request a term


def test_b4_a_later_run_that_holds_the_same_joins_the_open_request(holding: World, held: Outcome) -> None:
    """No second question, and both runs are baselines once it is applied."""
    second = holding.sync()
    assert second.request["joined"]
    assert second.request["release_run_id"] == held.request["release_run_id"]
    assert f"approve at {held.request['answer_at']}\n" in second.error
    assert f"Run {held.run_id} has asked already" in second.error
    assert len(holding.approvals()) == 1
    holding.answer(second)
    assert holding.release(second).state == "applied"
    assert [holding.runs()[run.run_id]["accepted"] for run in (held, second)] == [1, 1]


def test_b4_a_later_run_that_holds_something_else_supersedes_it(holding: World, held: Outcome) -> None:
    """The old question can no longer be answered, and its run applies nothing."""
    holding.source.drop_group("C1", "G1")
    second = holding.sync()
    assert not second.request["joined"]
    assert [row["state"] for row in holding.approvals()] == ["superseded", "open"]
    with pytest.raises(NotReleased, match=f"SUPERSEDED.*run {second.run_id} holds something else"):
        holding.answer(held)
    release = holding.release(held)
    assert (release.state, release.writes) == ("held", 0)
    holding.answer(second)
    assert holding.release(second).state == "applied"
    assert groups(holding) == (set(), {"G2"})


def test_b5_after_a_rejection_the_next_run_asks_anew(holding: World, held: Outcome) -> None:
    """And the rejected run stays no baseline when the second is approved."""
    with pytest.raises(NotReleased):
        holding.answer(held, REJECT)
    holding.now += HOURS
    second = holding.sync()
    assert [row["state"] for row in holding.approvals()] == ["rejected", "open"]
    holding.answer(second)
    assert holding.release(second).state == "applied"
    assert holding.runs()[held.run_id]["accepted"] == 0
    assert holding.runs()[second.run_id]["accepted"] == 1


def test_b4_a_request_whose_release_run_was_ended_in_airflow_is_asked_anew(holding: World, held: Outcome) -> None:
    """Nobody could answer it there any more."""
    holding.ended_releases.add(held.request["release_run_id"])
    holding.now += HOURS
    second = holding.sync()
    assert not second.request["joined"]
    assert [row["state"] for row in holding.approvals()] == ["refused", "open"]
    assert "ended without an answer" in holding.approvals()[0]["remark"]


def test_b4_nothing_is_asked_when_nothing_is_held(synced: World) -> None:
    synced.sync()
    assert synced.approvals() == []


def test_b2_what_is_blocked_is_never_asked_about(synced: World) -> None:
    """A table without rows: the deletes wait, and no approval can release them."""
    synced.configure(breaker=OFF)
    synced.source.delete("remote_memberships")
    run = synced.sync()
    assert run.error.startswith("HELD: 4 deletes in 2 courses. ")
    assert "never released" in run.error
    assert (synced.approvals(), run.request) == ([], {})


def test_b2_of_a_plan_that_is_partly_blocked_the_rest_is_asked_about(holding: World) -> None:
    """And the run, which still holds what is blocked, is no baseline."""
    holding.source.delete("remote_memberships")
    run = holding.sync()
    assert run.error.startswith("HELD: 2 deletes in 2 courses, approve at")
    assert "2 more changes are blocked" in run.error
    holding.answer(run)
    release = holding.release(run)
    assert release.state == "applied", release.error
    assert groups(holding) == AFTER
    assert holding.moodle.members("C1") == {"G1": {"ann", "bob"}}
    assert holding.runs()[run.run_id]["accepted"] == 0


def test_b4_a_run_that_failed_half_way_asks_nothing(holding: World) -> None:
    """What it saw is not known to be so."""
    run = holding.sync(before={"apply": lambda: holding.arm("sandbox 00000000-0000-0000-0000-000000000000")})
    assert run.state == "blocked"
    assert holding.approvals() == []


# --- some courses only


def test_b4_only_the_approved_courses_go(holding: World, held: Outcome) -> None:
    """The other course's deletes stay held; the next run asks about them, and the first is no baseline."""
    holding.answer(held, APPROVE_COURSES, courses="C2")
    release = holding.release(held)
    assert release.state == "applied", release.error
    assert groups(holding) == ({"G1", "G2"}, {"G2"})
    assert release.held == [("group", "delete", "C1", "G2")]
    assert holding.runs()[held.run_id]["accepted"] == 0
    again = holding.sync()
    assert again.held == [("group", "delete", "C1", "G2")]
    assert [row["state"] for row in holding.approvals()] == ["applied", "open"]


def test_b4_with_a_course_goes_what_waits_for_its_deletes(synced: World) -> None:
    """A group that takes the name of a deleted one, and its people."""
    synced.configure(breaker={**OFF, "run_deletes": {"count": 0}, "rekey": None})
    synced.source.drop_group("C1", "G2")
    synced.source.drop_group("C2", "G1")
    synced.source.group("C1", "G9", name="Group 2", grouping="S1")
    synced.source.members("C1", "G9", "cid")
    run = synced.sync()
    assert run.state == "held"
    assert ("group", "create", "C1", "G9") in run.held
    synced.answer(run, APPROVE_COURSES, courses=["C1"])
    release = synced.release(run)
    assert release.state == "applied", release.error
    assert synced.moodle.members("C1") == {"G1": {"ann", "bob"}, "G9": {"cid"}}
    assert set(synced.moodle.groups("C2")) == {"G1"}


def test_b4_a_release_of_many_deletes_is_not_held_for_doing_nothing_else(synced: World) -> None:
    """The asking run also created; its release can only delete, and that was judged when it was asked."""
    synced.configure(breaker={**OFF, "run_deletes": {"count": 0}, "delete_only": 0})
    synced.source.drop_group("C1", "G2")
    synced.source.members("C1", "G1", "dan")
    run = synced.sync()
    assert {rule for rule, _ in run.trips} == {"run_deletes"}
    synced.answer(run)
    release = synced.release(run)
    assert release.state == "applied", release.error
    assert set(synced.moodle.groups("C1")) == {"G1"}


# --- the question


def test_b4_the_question_says_what_why_where_and_who(holding: World, held: Outcome) -> None:
    asked = holding.question(held)
    assert asked is not None
    assert asked.subject == f"{TERM1}: 2 deletes in 2 courses are held"
    assert "**If approved: delete 2 groups in 2 courses.**" in asked.body
    assert "2 people lose 2 memberships" in asked.body
    assert "`run_deletes` 2, none allowed" in asked.body
    assert "- C1: 1 delete, 1 person\n" in asked.body
    assert f"(https://airflow.example.org/plan/{held.run_id})" in asked.body
    assert asked.courses == ("C1", "C2")
    assert asked.waits == timedelta(minutes=5)


# --- the canary


@pytest.fixture
def many(make_world: MakeWorld) -> World:
    """Two courses with five groups each, synced; then the source drops them all but one a course."""
    world = make_world({"breaker": {**OFF, "run_deletes": {"count": 0}}})
    world.configure(approval={"canary_over": 5, "canary_size": 3})
    for course in ("C1", "C2"):
        world.course(course, users=["ann"])
        world.map(course)
        for at in range(5):
            world.source.group(course, f"G{at}", name=f"Group {at}")
    assert world.sync().state == "applied"
    for course in ("C1", "C2"):
        for at in range(1, 5):
            world.source.drop_group(course, f"G{at}")
    return world


def test_a_large_approved_plan_sends_a_few_deletes_first_and_reads_them_back(many: World) -> None:
    run = many.sync()
    many.answer(run)
    release = many.release(run)
    assert release.state == "applied", release.error
    sent = [(len(call.items), call.function) for call in release.writing_calls]
    assert sent == [(3, "core_group_delete_groups"), (5, "core_group_delete_groups")]
    first, second = [at for at, call in enumerate(release.calls) if call.writes][:2]
    read = {call.function for call in release.calls[first:second]}
    assert "core_group_get_course_groups" in read
    assert release.report["canary"] == {"course": "C1", "deletes": 3}
    assert [set(many.moodle.groups(course)) for course in ("C1", "C2")] == [{"G0"}, {"G0"}]


def test_a_plan_at_the_limit_goes_without_a_canary(many: World) -> None:
    many.configure(approval={"canary_over": 8})
    run = many.sync()
    many.answer(run)
    release = many.release(run)
    assert release.report["canary"] is None
    assert [len(call.items) for call in release.writing_calls] == [8]


def test_nothing_more_goes_when_the_first_deletes_do_not_verify(many: World) -> None:
    """Moodle answers that it deleted, and did not."""
    run = many.sync()
    many.answer(run)
    release = many.release(run, before={"apply": many.break_deletes})
    assert release.state == "failed"
    assert "did not go as planned" in str(release.errors["apply"])
    assert release.writes == 1
    assert sorted(release.results.values()) == ["done"] * 3 + ["not tried"] * 5
    assert len(many.moodle.groups("C2")) == 5
    assert many.runs()[run.run_id]["accepted"] == 0


def test_nothing_more_goes_when_one_of_the_first_deletes_is_no_longer_what_was_approved(many: World) -> None:
    """Somebody joins a group between the look and the delete."""
    run = many.sync()
    many.answer(run)
    release = many.release(run, before={"apply": lambda: many.by_hand.add_member("C1", "G1", "ann")})
    assert release.state == "failed"
    assert "the group has more members now" in str(release.errors["apply"])
    assert release.results[("group", "delete", "C1", "G1")] == "skipped"
    assert len(many.moodle.groups("C2")) == 5
