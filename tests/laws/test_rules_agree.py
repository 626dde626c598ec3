"""The engine and the naive reading of the rules come to the same end."""

from typing import Any

from hypothesis import given

from tests.laws.budget import law
from tests.laws.driver import apply, plan_of, rekeys_held
from tests.laws.moodle import MoodleState
from tests.laws.naive_end import outcome
from tests.laws.universities import universities
from tests.laws.university import University

NEW = 1000  # ids from here on are given while a plan is applied


def compared(state: MoodleState, without: set[int]) -> dict[str, Any]:
    """The state's portrait, but for courses in which the rules leave a choice."""
    kept = state.copy()
    for objects in (kept.groupings, kept.groups):
        for at in [at for at, one in objects.items() if one.course_id in without]:
            del objects[at]
    kept.links = {(a, b) for a, b in kept.links if a in kept.groupings and b in kept.groups}
    kept.members = {(a, b) for a, b in kept.members if a in kept.groups}
    return kept.portrait(NEW)


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """What only one of the two has."""
    return [
        f"{who} {part}: {one}"
        for part in theirs
        for who, some in (("engine", theirs[part] - ours[part]), ("naive", ours[part] - theirs[part]))
        for one in sorted(some, key=repr)
    ]


@law
@given(universities())
def test_the_state_after_a_plan_is_what_the_rules_say(university: University) -> None:
    """A plan applied with its likely re-keys held ends where the naive reading does."""
    planned = plan_of(university)
    after, _ = apply(university, planned, rekeys_held(planned.plan).released)
    naive = outcome(university)
    assert differences(compared(after.moodle, naive.doubtful), compared(naive.state, naive.doubtful)) == []


@law
@given(universities())
def test_what_is_reported_of_a_row_is_what_the_rules_say(university: University) -> None:
    """Quarantined rows, errors and warnings agree by table, rule and row."""
    naive = outcome(university)
    if naive.doubtful:
        return
    reported = {
        (found["dataset"], found["rule"], found["source_row"])
        for found in plan_of(university).findings
        if found["severity"] in ("quarantined", "error", "warning") and found["source_row"] is not None
    }
    assert sorted(reported ^ naive.findings) == []
