"""What an answer names, and when an approval no longer covers what is held (rule B4)."""

import pytest

from include.groupsync.model.approval import courses_named, worse_trips
from include.groupsync.model.verdict import Observation

HELD = ("C1", "C2", "Art, 1; 2", "C 4")


@pytest.mark.parametrize(
    ("given", "named", "unknown"),
    [
        (None, set(), []),
        ("", set(), []),
        (" , ; \n", set(), []),
        ("C1", {"C1"}, []),
        ("C1,C2", {"C1", "C2"}, []),
        (" C1 ;\n C2 \r\n", {"C1", "C2"}, []),
        ("C 4", {"C 4"}, []),
        ("Art, 1; 2\nC1", {"Art, 1; 2", "C1"}, []),
        ("C1\nC3, C2", {"C1", "C2"}, ["C3"]),
        ("c1", set(), ["c1"]),
        (["C1", "Art, 1; 2"], {"C1", "Art, 1; 2"}, []),
        (["C1,C2"], set(), ["C1,C2"]),
        ([1, None], set(), ["1", "None"]),
    ],
)
def test_b4_courses_are_named_by_list_or_text(given: object, named: set[str], unknown: list[str]) -> None:
    """One a line, or separated; exactly as the plan has them."""
    assert courses_named(given, HELD) == (frozenset(named), unknown)


def trip(
    rule: str = "run_deletes", subject: str = "groups", observed: float = 7, limit: float | None = 5
) -> dict[str, object]:
    text = f"{subject} {observed}"
    trip = Observation(rule, subject, observed, limit, 0, None, True, text, at_least=rule == "volume")
    return trip.document()


@pytest.mark.parametrize(
    ("approved", "now", "worse"),
    [
        ([trip()], [trip()], []),
        ([trip()], [], []),
        ([trip()], [trip(observed=6)], []),
        ([trip()], [trip(observed=8)], ["run_deletes: groups 8 (worse than approved)"]),
        ([trip()], [trip(limit=3)], ["run_deletes: groups 7 (worse than approved)"]),
        ([trip()], [trip(subject="groupings")], ["run_deletes: groupings 7"]),
        ([trip()], [trip(), trip("rekey")], ["rekey: groups 7"]),
        ([], [trip("delete_only")], []),
        ([trip("volume", observed=0.8, limit=0.9)], [trip("volume", observed=0.85, limit=0.9)], []),
        (
            [trip("volume", observed=0.8, limit=0.9)],
            [trip("volume", observed=0.5, limit=0.9)],
            ["volume: groups 0.5 (worse than approved)"],
        ),
        ([trip("rekey", limit=None)], [trip("rekey", limit=None, observed=9)], []),
    ],
)
def test_b4_an_approval_covers_the_trips_that_it_names_and_no_more(
    approved: list[dict[str, object]], now: list[dict[str, object]], worse: list[str]
) -> None:
    """By rule and subject; further over its limit is more, whichever side of it is the bad one."""
    assert worse_trips(approved, now, frozenset({"delete_only"})) == worse
