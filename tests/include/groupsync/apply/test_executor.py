"""The order, the splitting, the settling, and what stops a run (rules A1 to A5, J1, M4)."""

import dataclasses
from collections.abc import Callable
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.apply.executor import Result
from include.groupsync.apply.pacing import Window
from include.groupsync.errors import GroupsyncError, MoodleUnreachable, OutcomeUnknown, StoppedError
from include.groupsync.model.change import Change
from include.groupsync.model.journal import Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.things import Group
from tests.include.groupsync.apply.memory import (
    COURSES,
    Stage,
    gone,
    joins,
    linked,
    new_group,
    new_grouping,
)

FAULTS = ("unreachable", "lost before", "lost after", "late")


def a_term(courses: int = 2, groups: int = 3, people: int = 3) -> list[Change]:
    """Groups in groupings, with people in them, in several courses."""
    changes = []
    for course in list(COURSES)[:courses]:
        changes.append(new_grouping(course, "S"))
        for at in range(groups):
            changes += [new_group(course, f"G{at}"), linked(course, "S", f"G{at}")]
            changes += [joins(course, f"G{at}", f"u{1 + at + n}") for n in range(people)]
    return changes


def portrait(stage: Stage) -> dict[str, set[object]]:
    """What is at the site, by keys; a grouping that refreshed a cache is for the next run to sweep."""
    found = stage.site.state.portrait(0)
    found["groupings"] = {one for one in found["groupings"] if not one[0][1].startswith("groupsync cache refresh")}
    return found


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a1_every_kind_waits_for_the_one_before_although_batches_span_courses(stage: Stage) -> None:
    """A link of one course is not sent before the groups of another are there: few calls, and the order of A1."""
    stage.apply(*a_term())
    assert [name for name, _ in stage.site.calls] == ["create_groupings", "create_groups", "add_links", "add_members"]
    assert set(stage.outcomes()) == {Outcome.DONE}
    stage.apply(*map(gone, a_term()))
    names = [name for name, _ in stage.site.calls[4:]]
    assert names == ["remove_members", "remove_links", "delete_groups", "delete_groupings"]
    assert stage.outcomes() == {Outcome.DONE: len(a_term())}
    assert stage.site.state.groups == stage.site.state.groupings == {}


@settings(max_examples=40)
@given(st.dictionaries(st.integers(0, 12), st.sampled_from(FAULTS), max_size=3), st.integers(2, 20))
def test_a4_whatever_is_lost_on_the_way_nothing_is_made_twice_and_nothing_is_lost(
    faults: dict[int, str], batch: int
) -> None:
    """Settled by reading once the server can no longer be at it; the end is that of a quiet line."""
    quiet, stage = Stage(), Stage(pace={"settle_after": 150})
    quiet.apply(*a_term())
    stage.site.faults, stage.site.batch = faults, batch
    stage.apply(*a_term())
    assert stage.outcomes() == {Outcome.DONE: len(a_term())}
    assert portrait(stage) == portrait(quiet)
    assert len(stage.site.state.groups) == len(quiet.site.state.groups), "made twice"
    assert not stage.book.open
    made = {settled.made_id for _, settled in stage.book.own if settled and settled.made_id}
    assert made >= {*stage.site.state.groups}, "the journal knows every id"


@settings(max_examples=40)
@given(st.dictionaries(st.integers(0, 8), st.sampled_from(FAULTS), max_size=3))
def test_a4_lost_deletes_and_removals_end_as_on_a_quiet_line(faults: dict[int, str]) -> None:
    """What is gone is never looked for in vain, what is not is sent again."""
    stage = Stage(pace={"settle_after": 150})
    stage.apply(*a_term())
    stage.site.faults = {len(stage.site.calls) + at: fault for at, fault in faults.items()}
    stage.apply(*map(gone, a_term()))
    assert stage.outcomes() == {Outcome.DONE: len(a_term())}
    assert stage.site.state.groups == {}
    assert portrait(stage)["groupings"] == set()


def test_a4_not_there_is_believed_only_once_the_server_can_no_longer_be_at_it(stage: Stage) -> None:
    """The commit comes ninety seconds after the answer was lost: one group, not two, and no second call."""
    stage.pace, stage.site.faults, stage.site.late_by = {"settle_after": 420}, {0: "late"}, 90
    [result] = stage.apply(new_group("C1", "G"))
    assert (result.outcome, result.made_id) == (Outcome.DONE, *stage.site.state.groups)
    assert [name for name, _ in stage.site.calls] == ["create_groups"]
    assert stage.site.clock.passed < 130


def test_a4_what_was_done_is_seen_at_once(stage: Stage) -> None:
    """Nobody waits seven minutes for an answer that Moodle shows."""
    stage.pace, stage.site.faults = {"settle_after": 420}, {0: "lost after"}
    stage.apply(new_group("C1", "G"))
    assert stage.site.clock.passed == 0


def test_a4_a_site_that_stays_away_leaves_nothing_untold(stage: Stage) -> None:
    """What was sent is unknown or not tried, what was not is not tried, and the run fails."""
    stage.site.batch = 3
    stage.site.faults = dict.fromkeys(range(2, 1000), "unreachable")
    with pytest.raises(MoodleUnreachable):
        stage.apply(*a_term())
    outcomes = stage.outcomes()
    assert sum(outcomes.values()) == len(a_term())
    assert outcomes[Outcome.DONE] == 5
    assert outcomes[Outcome.NOT_TRIED] == len(a_term()) - 5
    assert not stage.book.open


def test_a4_a_site_that_loses_every_answer_is_given_up(stage: Stage) -> None:
    """And what it did not do is open, for the next run to settle."""
    stage.site.faults = dict.fromkeys(range(1000), "lost before")
    with pytest.raises(OutcomeUnknown):
        stage.apply(new_group("C1", "G"), new_group("C2", "G"))
    assert stage.outcomes() == {Outcome.UNKNOWN: 2}


@settings(max_examples=40)
@given(st.data())
def test_a3_the_bad_ones_fail_alone_and_what_depends_on_them_waits(data: st.DataObject) -> None:
    """Names taken, groups deleted, people unenrolled since the plan was made; every other change goes through."""
    stage, changes = Stage(), a_term(groups=6, people=3)
    keys = [(change.course, change.thing.group) for change in changes if isinstance(change.after, Group)]
    taken = data.draw(st.sets(st.sampled_from(keys), max_size=4))
    unenrolled = data.draw(st.sets(st.sampled_from(range(1, 9)), max_size=3))
    for course, key in taken:
        item = {"courseid": COURSES[course], "name": f"Group {key}", "description": "", "idnumber": f"other {key}"}
        stage.site.create_groups([item])
    stage.site.state.enrolled = {pair for pair in stage.site.state.enrolled if pair[1] not in unenrolled}
    for result in stage.apply(*changes):
        expected = _expected(result, taken, unenrolled)
        assert result.outcome is expected, (result, expected)
        if expected is Outcome.REFUSED:
            assert f"is taken by other {result.change.thing.key}" in (result.reason or "")
            assert result.change.source_row


def _expected(result: Result, taken: set[tuple[str, str]], unenrolled: set[int]) -> Outcome:
    thing = result.change.thing
    spoilt = (thing.course, getattr(thing, "group", None)) in taken
    if result.change.kind == "group":
        return Outcome.REFUSED if spoilt else Outcome.DONE
    if spoilt:
        return Outcome.WAITING
    if result.change.kind == "membership" and int(thing.user[1:]) in unenrolled:  # type: ignore[union-attr]
        return Outcome.DEFERRED
    return Outcome.DONE


def test_a1_who_cannot_be_added_to_the_new_group_stays_in_the_old_one(stage: Stage) -> None:
    """Neither taken out nor deleted with it; others go, and so do the same people in another course, and who was
    added to another one."""
    for course in ("C1", "C2"):
        stage.apply(*(new_group(course, key) for key in "ABD"), joins(course, "A", "u1"), joins(course, "A", "u2"))
        stage.apply(joins(course, "B", "u3"), joins(course, "D", "u4"), new_group(course, "E"))
    stage.site.create_groups([{"courseid": 1, "name": "Group NEW", "description": "", "idnumber": "another's"}])
    moves = [
        change
        for course in ("C1", "C2")
        for change in (
            *(new_group(course, "NEW"), *(joins(course, "NEW", user) for user in ("u1", "u3", "u4"))),
            joins(course, "E", "u4"),
            *(gone(joins(course, "A", "u1")), gone(joins(course, "A", "u2"))),
            *(gone(new_group(course, "B")), gone(new_group(course, "D"))),
        )
    ]
    waiting = [one for one in stage.apply(*moves) if one.outcome is Outcome.WAITING]
    told = {(one.change.course, str(one.change.kind), one.reason) for one in waiting if one.change.after is None}
    reason = "who would be taken out could not be added to any other group of the course"
    assert told == {("C1", "membership", reason), ("C1", "group", reason)}
    assert stage.site.state.portrait(0)["members"] == {
        *(((1, "A"), 1), ((1, "B"), 3), ((1, "E"), 4)),
        *(((2, "NEW"), 1), ((2, "NEW"), 3), ((2, "NEW"), 4), ((2, "E"), 4)),
    }


def test_m6_who_is_excluded_is_taken_out_whatever_became_of_another_addition(stage: Stage) -> None:
    stage.apply(new_group("C1", "A"), joins("C1", "A", "u1"))
    stage.site.create_groups([{"courseid": 1, "name": "Group NEW", "description": "", "idnumber": "another's"}])
    excluded = dataclasses.replace(gone(joins("C1", "A", "u1")), rule="M6")
    stage.apply(new_group("C1", "NEW"), joins("C1", "NEW", "u1"), excluded)
    assert stage.results[-1] == Result(excluded, Outcome.DONE)
    assert stage.site.state.members == set()


def test_a1_who_is_no_longer_enrolled_holds_no_delete(stage: Stage) -> None:
    """Moodle took them out of all groups with the course."""
    stage.apply(new_group("C1", "A"), new_group("C1", "B"), new_group("C1", "NEW"))
    stage.apply(joins("C1", "A", "u1"), joins("C1", "B", "u1"))
    stage.site.state.enrolled.discard((1, 1))
    stage.apply(joins("C1", "NEW", "u1"), gone(joins("C1", "A", "u1")), gone(new_group("C1", "B")))
    assert stage.outcomes() == {Outcome.DEFERRED: 1, Outcome.DONE: 2}


def test_m4_who_is_not_enrolled_is_deferred_and_no_failure(stage: Stage) -> None:
    """They are added once they are."""
    stage.site.state.enrolled.discard((1, 2))
    stage.apply(new_group("C1", "G"), joins("C1", "G", "u1"), joins("C1", "G", "u2"), joins("C1", "G", "u3"))
    [deferred] = [one for one in stage.results if one.outcome is not Outcome.DONE]
    assert (deferred.outcome, deferred.reason) == (Outcome.DEFERRED, "not enrolled in the course; added once they are")


def test_a_membership_whose_group_has_gone_counts_as_removed(stage: Stage) -> None:
    """Moodle took it with the group."""
    stage.apply(new_group("C1", "G"), joins("C1", "G", "u1"))
    look = stage.site.objects_now

    def then_it_goes(kind: Kind, ids: list[int]) -> object:
        found = look(kind, ids)
        stage.site.state.groups.clear()
        return found

    stage.site.objects_now = then_it_goes  # type: ignore[assignment,method-assign]
    [result] = stage.apply(gone(joins("C1", "G", "u1")))
    assert result.outcome is Outcome.DONE


def test_p9_what_waits_for_a_name_that_is_not_freed_waits_within_its_batch_too(stage: Stage) -> None:
    """A chain of renames whose first is refused."""
    stage.apply(new_group("C1", "A", "one"), new_group("C1", "B", "two"), new_group("C2", "Z", "free"))
    stage.site.create_groups([{"courseid": 1, "name": "three", "description": "", "idnumber": ""}])
    first = Change(Group("C1", "B", "two"), Group("C1", "B", "three"), "P6")
    second = Change(Group("C1", "A", "one"), Group("C1", "A", "two"), "P6", step=1, waits_for="B")
    other = Change(Group("C2", "Z", "free"), Group("C2", "Z", "freed"), "P6")
    outcomes = {one.change.thing.key: one.outcome for one in stage.apply(first, second, other)}  # type: ignore[union-attr]
    assert outcomes == {"B": Outcome.REFUSED, "A": Outcome.WAITING, "Z": Outcome.DONE}


def test_a_window_ends_the_run_within_one_batch_and_the_next_goes_on(stage: Stage) -> None:
    """Nothing fails on the way: the rest is not tried, with the reason."""
    clock = stage.site.clock  # two in the morning
    stage.pace = {"window": Window(time(22), time(2, 10), ZoneInfo("UTC")), "objects_per_minute": 30}
    changes = [new_group("C1", f"G{n:03}") for n in range(600)]
    stage.apply(*changes)
    done = stage.outcomes()[Outcome.DONE]
    assert 290 <= done <= 330
    assert clock.passed <= 660
    assert {one.reason for one in stage.results if one.outcome is Outcome.NOT_TRIED} == {
        "outside the hours for writing, 22:00 to 02:10 (UTC); the next run goes on"
    }
    clock.time += timedelta(hours=20)
    stage.pace = {}
    stage.apply(*changes[done:])
    assert len(stage.site.state.groups) == 600


def test_a5_told_to_stop_it_ends_within_one_batch_and_knows_what_it_did(stage: Stage) -> None:
    """No call more than the one that is under way."""
    stage.site.batch = 5
    stage.pace = {"stopping": lambda: len(stage.site.calls) >= 3}
    with pytest.raises(StoppedError):
        stage.apply(*(new_group("C1", f"G{n:02}") for n in range(50)))
    assert len(stage.site.calls) == 3
    assert stage.outcomes() == {Outcome.DONE: 15, Outcome.NOT_TRIED: 5}
    assert not stage.book.open


@pytest.mark.parametrize("in_flight", [1, 3])
def test_a5_what_the_run_has_done_before_it_was_killed_is_not_sent_again(stage: Stage, in_flight: int) -> None:
    """And its ids are known to what follows."""
    stage.pace = {"in_flight": in_flight}
    changes = a_term()
    stage.apply(*changes)
    calls = len(stage.site.calls)
    for intent, settled in stage.book.own:
        own = (settled.made_id if settled else None) or intent.group_id or intent.grouping_id
        stage.book.already[intent.change.before, intent.change.after] = own
    more = [joins("C1", "G1", "u30"), new_group("C2", "new")]
    outcomes = stage.apply(*changes, *more)
    assert {one.outcome for one in outcomes} == {Outcome.DONE}
    assert stage.site.calls[calls:] == [("create_groups", 1), ("add_members", 1)]


def test_j1_every_intent_is_written_before_its_call(stage: Stage) -> None:
    """Whatever is at the site is in the journal."""
    seen: list[int] = []
    create: Callable[..., object] = stage.site.create_groups

    def watched(items: list[object]) -> object:
        seen.append(len(items))
        assert len(stage.book.open) == len(items)
        return create(items)

    stage.site.create_groups = watched  # type: ignore[assignment,method-assign]
    stage.apply(*(new_group(course, "G") for course in COURSES))
    assert seen == [5]


def test_an_error_of_any_other_kind_stops_the_run_and_is_told(stage: Stage) -> None:
    """The token expires in the middle of the night: what was not sent is not tried."""

    class Expired(GroupsyncError):
        pass

    def refuse(_: object) -> None:
        raise Expired("the token")

    stage.site.add_members = refuse  # type: ignore[assignment,method-assign]
    with pytest.raises(Expired):
        stage.apply(*a_term())
    assert stage.outcomes().keys() == {Outcome.DONE, Outcome.NOT_TRIED}
    assert not stage.book.open


def test_results_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Result(new_group("C1", "G"), Outcome.DONE).outcome = Outcome.REFUSED  # type: ignore[misc]
