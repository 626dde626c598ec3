"""The question that a person reads: numbers first, and nothing that a name could turn into something else (B4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.groupsync.diff.together import AFTER
from include.groupsync.model.approval import Answered, Approval
from include.groupsync.model.change import Change
from include.groupsync.model.frames import frame_of
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import SCHEMAS, USE, Snapshot
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.model.verdict import Observation
from include.groupsync.report.request import Losses, losses_of, subject, summary

AT = datetime(2026, 10, 12, 6, 0, tzinfo=UTC)
NOBODY = Losses(0, {}, 0, 0)


def approval(*trips: Observation) -> Approval:
    documents = [trip.document() for trip in trips]
    return Approval(1, "T1", "run-1", "release-1", "d", documents, AT, AT + timedelta(hours=20), Answered.OPEN)


def trip(rule: str, subject: str, observed: float | None, limit: float | None, text: str = "seen") -> Observation:
    return Observation(rule, subject, observed, limit, 0, None, True, text)


def gone(course: str, *groups: str) -> list[Change]:
    return [Change(Group(course, group, group), None, "P7") for group in groups]


def told(*changes: Change, trips: tuple[Observation, ...] = (), losses: Losses = NOBODY) -> str:
    return summary(approval(*trips), Plan.of_changes(changes), losses, "https://airflow.example.org/plan")


def test_b4_it_says_how_much_of_what_in_how_many_courses() -> None:
    changes = [
        *gone("C1", "G1", "G2"),
        *gone("C2", "G1"),
        Change(Grouping("C1", "S", "Set"), None, "G7"),
        Change(Membership("C3", "G", "ann"), None, "M5"),
        Change(None, Group("C1", "G9", "New"), "P5"),
    ]
    assert "**If approved: delete 3 groups, 1 grouping and 1 membership; create 1 group in 3 courses.**" in told(
        *changes
    )
    assert subject(approval(), Plan.of_changes(changes)) == "T1: 5 deletes in 3 courses are held"


def test_b4_a_claim_is_no_change_in_moodle() -> None:
    """Rule O2's reclaim: they become ours, and stay as they are."""
    member, tie = Membership("C1", "G1", "ann"), Link("C1", "S", "G1")
    assert "**If approved: reclaim 1 membership and 1 link in 1 course.**" in told(
        Change(member, member, "O2"), Change(tie, tie, "O2")
    )


def test_b4_each_rule_has_a_line_with_what_it_saw_and_its_limit() -> None:
    """The worst of its trips, and how many more there are."""
    emptied = [trip("course_emptied", f"C{at}", 12, 0, f"C{at} emptied") for at in range(12)]
    shares = [trip("group_gutted", "G1", 0.6, 0.5, "mild"), trip("group_gutted", "G2", 0.9, 0.5, "bad")]
    text = told(*gone("C1", "G1"), trips=(*emptied, *shares, trip("blackout", "run", None, None, "rollover")))
    assert "- `course_emptied` 12, none allowed (and 11 more): C0 emptied" in text
    assert "- `group_gutted` 0.9, limit 0.5 (and 1 more): bad" in text
    assert "- `blackout` none allowed: rollover" in text


def test_b4_the_ten_worst_courses_come_first() -> None:
    """By deletes, then by other changes; the rest is on the plan's page."""
    changes = [change for at in range(1, 13) for change in gone(f"C{at:02}", *(f"G{n}" for n in range(at)))]
    lines = told(*changes, losses=Losses(9, {"C12": 1, "C11": 8}, 9, 0)).splitlines()
    courses = [line for line in lines if line.startswith("- C")]
    assert len(courses) == 10
    assert courses[:2] == ["- C12: 12 deletes, 1 person", "- C11: 11 deletes, 8 people"]
    assert courses[-1] == "- C03: 3 deletes"
    assert "[The whole plan, course by course](https://airflow.example.org/plan)" in lines


def test_b4_keys_and_texts_are_no_markdown() -> None:
    """Whatever a course is called."""
    evil = "](javascript:x) **C** <script>|`\n# T"
    text = told(*gone(evil, "G1"), trips=(trip("rekey", "C1", 1, 0, evil),))
    assert "\\]\\(javascript:x\\) \\*\\*C\\*\\* \\<script\\>\\|\\` \\# T" in text
    assert "<script>" not in text.replace("\\<script\\>", "")


def frames(**records: list[dict[str, Any]]) -> Snapshot:
    return Snapshot(**{name: frame_of(records.get(name, []), schema) for name, schema in SCHEMAS.items()})


def test_b4_it_counts_people_once_and_memberships_all() -> None:
    """Members of what goes, and those who are removed from what stays; by course too."""
    changes = [*gone("C1", "G1", "G2"), Change(Membership("C2", "G", "ann"), None, "M5")]
    groups = [
        {"course": course, "course_id": 1, "moodle_id": at, "key": key}
        for at, (course, key) in enumerate([("C1", "G1"), ("C1", "G2"), ("C1", "G3")])
    ]
    there = frames(
        members=[{"group_id": 0, "user_id": 7}, {"group_id": 1, "user_id": 7}, {"group_id": 1, "user_id": 8},
                 {"group_id": 2, "user_id": 9}],
        users=[{"user_id": 7, "user": "ann"}],
    )  # fmt: skip
    losses = losses_of(Plan.of_changes(changes).frame, frame_of(groups, AFTER), there, None)
    assert losses == Losses(2, {"C1": 2, "C2": 1}, 4, None)
    assert "2 people lose 4 memberships; whether activities use what goes was not looked at." in told(losses=losses)


def test_b4_what_moodle_does_not_show_is_never_unused() -> None:
    """Objects in use are counted once, those that nobody could look at apart."""
    held = Plan.of_changes([*gone("C1", "G1", "G2", "G3"), Change(Grouping("C1", "S", "S"), None, "G7")]).frame
    uses = [
        {"kind": "group", "course": "C1", "key": "G1", "how": "restriction"},
        {"kind": "group", "course": "C1", "key": "G1", "how": "activity grouping"},
        {"kind": "group", "course": "C1", "key": "G2", "how": "unread"},
        {"kind": "group", "course": "C9", "key": "G1", "how": "restriction"},
        {"kind": "grouping", "course": "C1", "key": "S", "how": "default grouping"},
    ]
    losses = losses_of(held, frame_of([], AFTER), frames(), frame_of(uses, USE))
    assert (losses.in_use, losses.in_use_unread) == (2, 1)
    assert "**activities use 2 of what goes**, as far as Moodle shows it: **of 1 it does not**" in told(losses=losses)
