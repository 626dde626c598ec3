"""What is only watched: references, and the numbers with the circuit breaker's limits (rules C1, L1, M2, B3)."""

from typing import Any

import pytest

from include.groupsync.breaker.assess import assess, observe_source
from include.groupsync.breaker.baselines import Baselines, Part
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker_settings import BreakerLimits
from include.groupsync.model.frames import frame_of
from include.groupsync.model.plan import Plan
from include.groupsync.quality.judge import judge
from include.groupsync.quality.levels import LEVEL, Level
from include.groupsync.quality.watch import NUMBERS, numbers, watched, with_references
from include.groupsync.settings import Settings
from include.groupsync.source.clean import clean
from include.groupsync.source.extract import REMOTE

TABLE = {"connection": "source", "table": "T"}
DELIVERY = {"module": "M", "occurrence": "O", "period": "P"}
GROUPS = [
    {"course": "C1", "idnumber": "G1", "name": "Lab", "grouping": "S1", "module": "M1", "occurrence": "A"},
    {"course": "C1", "idnumber": "G2", "grouping": "S2", "module": "M1", "occurrence": "A"},
    {"course": "C2", "idnumber": "G2", "grouping": None, "module": "M2"},
    {"course": None, "idnumber": "G3", "grouping": "S1", "module": "M1"},
]
GROUPINGS = [{"course": "C1", "idnumber": "S1", "name": "Labs"}, {"course": "C2", "idnumber": "S2"}]
MEMBERSHIPS = [
    {"course": course, "group": group, "user": "ann"}
    for course, group in (("C1", "G1"), ("C1", "Lab"), ("C2", "G1"), ("C1", None), (None, "G1"))
]
MAPPINGS: list[dict[str, Any]] = [
    {"course": "C1", "module": "M1", "occurrence": "A", "status": "active", "import_groups": "1"},
    {"course": "C1", "module": "M1", "occurrence": "B", "status": "active", "import_groups": "1"},
    {"course": "C3", "module": "M3", "occurrence": "A", "status": "active", "import_groups": "0"},
    {"course": "C3", "module": "M3", "occurrence": "A", "status": "withdrawn", "import_groups": "1"},
    {"course": "C3", "module": "M3", "occurrence": "A", "status": "active", "import_groups": "1"},
]
ROWS = {"mappings": MAPPINGS, "groupings": GROUPINGS, "groups": GROUPS, "memberships": MEMBERSHIPS}


def referring(dataset: str, delivery: dict[str, str] | None = None, without: str = "", **changed: Any) -> list[Any]:
    """The column that the dataset's references make."""
    values = {
        "mappings": TABLE,
        "groupings": TABLE,
        "groups": {**TABLE, "columns": {"grouping": "G", **(delivery or {})}},
        "memberships": {**TABLE, "columns": {"course": "C"}},
    }
    settings = Settings.model_validate({k: v for k, v in values.items() if k != without} | changed)
    cleaned = {
        name: clean(name, frame_of(({"source_row": at, **row} for at, row in enumerate(ROWS[name], 1)), REMOTE[name]),
                    settings) for name in settings.datasets
    }  # fmt: skip
    frame = with_references(dataset, cleaned[dataset], cleaned, settings)
    [expectation] = watched(dataset, settings)[1:]
    return list(frame[expectation["kwargs"]["column"]])


def test_l1_a_group_names_a_grouping_that_is_listed_for_its_course() -> None:
    """By idnumber, by name; what Moodle's id says is Moodle's alone; null where nothing is named."""
    assert referring("groups") == ["yes", "no", None, None]
    assert referring("groups", localgroupingfield="name") == ["no", "no", None, None]
    assert referring("groups", localgroupingfield="id") == [None] * 4
    assert referring("groups", without="groupings") == [None] * 4


def test_m2_a_membership_names_a_group_that_is_listed_for_its_course() -> None:
    assert referring("memberships") == ["yes", "no", "no", None, None]
    assert referring("memberships", localgroupfield="name") == ["no", "yes", "no", None, None]
    assert referring("memberships", without="groups") == [None] * 5


def test_c1_an_active_mapping_has_groups() -> None:
    """By its delivery where the groups carry one, else by its course; one that is not active need not."""
    assert referring("mappings") == ["yes", "yes", None, None, "no"]
    assert referring("mappings", {"module": "M", "occurrence": "O"}) == ["yes", "no", None, None, "no"]
    assert referring("mappings", without="groups") == [None] * 5


# --- numbers


def evidence(**more: Any) -> Evidence:
    return Evidence(plan=Plan.of(), term="T", **more)


def beyond(seen: Evidence) -> set[str]:
    """The numbers that fail their expectation."""
    frame, expected = numbers(observe_source(seen, BreakerLimits()))
    assert {LEVEL[one["severity"]] for one in expected} <= {Level.WATCH}
    results = judge(NUMBERS, frame, expected).document["results"] if expected else []
    return {one["expectation_config"]["kwargs"]["column"] for one in results if not one["success"]}


@pytest.mark.parametrize(
    ("rows", "count", "trips"),
    [
        (900, 2, set()),
        (899, 2, {"volume: groups"}),
        (1251, 3, {"volume: groups", "quarantined: groups"}),
        (1250, 100, {"quarantined: groups"}),
    ],
)
def test_b3_the_numbers_are_held_against_the_breakers_own_limits(rows: int, count: int, trips: set[str]) -> None:
    """At the limit and one over; what is beyond here is what trips there."""
    seen = evidence(
        rows_read={"groups": rows},
        quarantined={"groups": Part(count, 100)},
        unmatched={"users": Part(20, 100)},
        baselines=Baselines(accepted=5, rows={"groups": [1000] * 5}),
    )
    assert beyond(seen) == trips
    tripped = {f"{one.rule}: {one.subject}" for one in assess(seen, BreakerLimits()).trips}
    assert tripped & {"volume: groups", "quarantined: groups", "unmatched: users"} == trips


def test_b3_what_the_breaker_does_not_judge_is_only_reported() -> None:
    """Without a baseline, and below the floor, nothing is expected of a number."""
    assert beyond(evidence(rows_read={"groups": 1})) == set()
    few = Baselines(accepted=5, rows={"groups": [20] * 5})
    assert beyond(evidence(rows_read={"groups": 1}, baselines=few)) == set()
