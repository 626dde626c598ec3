"""The engine and the naive reading of the rules come to the same end."""

from typing import Any

from tests.laws.moodle import MoodleState
from tests.laws.shown import Shown, nothing

NEW = 1000  # ids from here on are given while a plan is applied


def the_state_after_a_plan_is_what_the_rules_say(shown: Shown) -> None:
    """A plan applied with its likely re-keys held ends where the naive reading does."""
    after, naive = shown.released[0], shown.naive
    nothing(differences(compared(after.moodle, naive.doubtful), compared(naive.state, naive.doubtful)))


def what_is_reported_of_a_row_is_what_the_rules_say(shown: Shown) -> None:
    """Quarantined rows, errors and warnings agree by table, rule and row."""
    if shown.naive.doubtful:
        return
    reported = {
        (found["dataset"], found["rule"], found["source_row"])
        for found in shown.planned.findings
        if found["severity"] in ("quarantined", "error", "warning") and found["source_row"] is not None
    }
    nothing(sorted(reported ^ shown.naive.findings))


def o2_reclaim_makes_ours_what_is_there_and_listed(shown: Shown) -> None:
    """And nothing else; without it a run claims nothing."""
    claims = {c["kind"] for c in shown.changes if c["action"] == "update"} & {"link", "membership"}
    if not shown.university.reclaim:
        assert claims == set()
        return
    before, after, naive = shown.university.ledger, shown.whole[0].ledger, shown.naive
    course_of = {at: one.course_id for at, one in shown.university.moodle.groups.items()}
    ours = {("link", *pair) for pair, row in before.links.items() if not row["gone"]}
    ours |= {("membership", *pair) for pair in before.memberships}
    then = {("link", *pair) for pair, row in after.links.items() if not row["gone"]}
    then |= {("membership", *pair) for pair in after.memberships}
    there = {("link", *pair) for pair in shown.university.moodle.links}
    there |= {("membership", *pair) for pair in shown.university.moodle.members}
    certain = {at for at, course_id in course_of.items() if course_id not in naive.doubtful}
    claimed = {one for one in (then - ours) & there if one[-1 if one[0] == "link" else 1] in certain}
    expected = {one for one in naive.claims if one[-1 if one[0] == "link" else 1] in certain}
    nothing(sorted(claimed ^ expected))


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
