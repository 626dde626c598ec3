"""Rules that look at the datasets as they were read (rules B3, B5)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from include.groupsync.breaker.baselines import Baselines, Part, median_of
from include.groupsync.model.kind import Kind
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import creates, look, numbers, tripped

ALL_DELETES = Reach(("delete",), ("grouping", "group", "link", "membership"))
NOW = datetime(2026, 10, 12, 6, tzinfo=UTC)
BAND = {"low": 0.9, "high": 1.25, "floor": 20}


@pytest.mark.parametrize(
    ("dataset", "kind", "kinds"),
    [
        ("groupings", Kind.GROUPING, ("grouping",)),
        ("groups", Kind.GROUP, ("group", "link")),
        ("groups", Kind.LINK, ("group", "link")),
        ("memberships", Kind.MEMBERSHIP, ("membership",)),
    ],
)
def test_empty_blocks_the_deletes_of_a_table_without_rows(dataset: str, kind: Kind, kinds: tuple[str, ...]) -> None:
    """Where the term lists one managed thing of it; one row, or nothing listed, and it is quiet."""
    others = dict.fromkeys({"groupings", "groups", "memberships"} - {dataset}, 9)

    def trips(limit: int | None, rows: dict[str, int], listed: int) -> set[str]:
        return tripped("empty", [], limit, rows_read=others | rows, listed={kind: listed})

    assert trips(0, {dataset: 0}, 1) == {dataset}
    assert trips(0, {dataset: 1}, 1) == set()
    assert trips(0, {dataset: 0}, 0) == set()
    assert trips(None, {dataset: 0}, 1) == set()
    assert trips(1, {dataset: 0}, 1) == set()
    assert trips(1, {dataset: 0}, 2) == {dataset}
    assert trips(0, {}, 1) == set()
    asked = {"listed": {kind: 5}, "managed": {kind: {"C": 8}}, "asked_for": "T (set S, year Y)"}
    [trip] = [one for one in look("empty", [], 0, rows_read=others | {dataset: 0}, **asked) if one.subject == dataset]
    assert (trip.effect, trip.reach, *numbers(trip)) == (Effect.BLOCK, Reach(("delete",), kinds), 5, 0, 5, 5, -5)
    assert trip.text.startswith(f"{dataset}: no row of term T (set S, year Y), and 5 things of it are managed. Restore")
    [passed] = look("empty", [], 0, rows_read={dataset: 7}, listed={kind: 3})
    assert numbers(passed) == (0, 0, 0, 3, 0)
    assert passed.text == f"{dataset}: 7 rows for the term, 3 managed"


NO_ROW: dict[str, Any] = {"rows_read": {"mappings": 4, "groupings": 0, "groups": 0, "memberships": 0}}


@pytest.mark.parametrize(
    ("known", "missing", "listed", "why"),
    [
        ({"listed": {Kind.GROUP: 2, Kind.LINK: 1}}, 3, 3, "3 things of its own are managed"),
        (
            {"baselines": Baselines(rows={"groups": [0, 7, 5], "mappings": [9]})},
            7,
            0,
            "an accepted run read 7 rows of it",
        ),
        ({"ended": True}, 1, 0, "its last day is past: no more is to be expected"),
    ],
    ids=["listed", "read once", "ended"],
)
def test_empty_blocks_the_run_of_a_term_that_the_source_no_longer_has(
    known: dict[str, Any], missing: int, listed: int, why: str
) -> None:
    """Whatever it would do; told once, and not again of each table.  A course has to take groups in the term."""
    [trip] = look("empty", creates(Kind.GROUP, 1), 0, asked_for="T (set S, year Y)", **NO_ROW, **known)
    assert (trip.subject, trip.tripped, trip.effect, trip.reach) == ("run", True, Effect.BLOCK, None)
    assert numbers(trip) == (missing, 0, missing, listed, -missing)
    gone = "the source no longer has term T (set S, year Y): groupings, groups and memberships are empty, and"
    assert trip.text.startswith(f"{gone} {why}. Restore it there, or freeze the term")
    assert tripped("empty", [], None, **NO_ROW, **known) == set()
    assert tripped("empty", [], 7, **NO_ROW, **known) == set()
    assert "run" not in tripped("empty", [], 0, takes_groups=False, **NO_ROW, **known)
    assert "run" not in tripped("empty", [], 0, rows_read=NO_ROW["rows_read"] | {"groups": 1}, **known)


def test_empty_says_nothing_of_a_term_that_is_yet_to_come() -> None:
    """Mapped, and without a row so far; and one table alone reads as one."""
    assert tripped("empty", [], 0, **NO_ROW) == set()
    [trip] = look("empty", [], 0, rows_read={"groups": 0}, listed={Kind.GROUP: 1}, asked_for="T")
    assert trip.text.startswith("the source no longer has term T: groups is empty, and 1 ")


@pytest.mark.parametrize(
    ("statement", "actions", "kinds"),
    [
        ("sits_registrations", ("create", "delete"), ("membership",)),
        ("sits_students", ("create", "delete"), ("membership",)),
        ("sits_modules", ("update",), ("grouping", "group")),
    ],
)
def test_empty_blocks_what_sits_decides_where_it_answers_no_more(
    statement: str, actions: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    """It has answered in an accepted run; one that never has decides nothing."""

    def seen(rows: int, before: dict[str, int], limit: int | None = 0) -> list[Any]:
        given = {"rows_read": {"groups": 9}, "answered": {statement: rows}, "asked_for": "T (set S, year Y)"}
        found = look(
            "empty", [], limit, baselines=Baselines(rows={name: [0, rows] for name, rows in before.items()}), **given
        )
        return [one for one in found if one.subject == statement]

    [trip] = seen(0, {statement: 3})
    assert (trip.tripped, trip.effect, trip.reach) == (True, Effect.BLOCK, Reach(actions, kinds))
    assert trip.text.startswith(f"{statement}: SITS answers no row for term T (set S, year Y), and 3 in an accepted")
    assert numbers(trip) == (3, 0, 3, 3, -3)
    assert [one.text for one in seen(1, {statement: 3})] == [f"{statement}: 1 rows for the term"]
    assert [one.tripped for one in (*seen(0, {}), *seen(1, {statement: 3}), *seen(0, {statement: 3}, None))] == [
        False, False, False,
    ]  # fmt: skip


def test_empty_has_nothing_to_look_at_where_no_table_was_read() -> None:
    """The rule is in the verdict all the same."""
    [one] = look("empty", [], 0)
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, None, None, 0, None, None)
    assert one.text == "nothing to look at"


# --- stale


def test_stale_says_that_it_is_not_configured() -> None:
    """Never silently passed."""
    [one] = look("stale", [], 36, now=NOW)
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, None, 36, 0, None, None)
    assert one.text == "not configured: no source has a freshness query"


@pytest.mark.parametrize(
    ("age", "limit", "trips"),
    [
        (timedelta(hours=36), 36, False),
        (timedelta(hours=36, microseconds=1), 36, True),
        (timedelta(hours=35), 36, False),
        (timedelta(microseconds=1), 0, True),
        (timedelta(0), 0, False),
        (timedelta(hours=-1), 36, False),
        (timedelta(days=400), None, False),
        (timedelta(minutes=30), 0.5, False),
        (timedelta(minutes=31), 0.5, True),
    ],
)
def test_stale_blocks_deletes_where_the_source_is_too_old(age: timedelta, limit: float | None, trips: bool) -> None:
    """At strictly more than so many hours."""
    found = look("stale", [], limit, freshness={"cmis": NOW - age}, now=NOW)
    assert [(one.subject, one.tripped) for one in found] == [("cmis", trips), ("cmis since an accepted run", False)]
    assert (found[0].effect, found[0].reach) == (Effect.BLOCK, ALL_DELETES)


def test_stale_says_how_old_the_source_is() -> None:
    """In hours, with the time that it answered."""
    one = look("stale", [], 36, freshness={"cmis": NOW - timedelta(hours=12)}, now=NOW)[0]
    assert numbers(one) == (12, 36, 12, None, 24)
    assert one.text == "cmis is as of 2026-10-11T18:00:00+00:00, 12.0 hours ago"


@pytest.mark.parametrize(
    ("answer", "before", "limit", "seen"),
    [
        (NOW, NOW, 36, (False, 0, 0)),
        (NOW, NOW - timedelta(hours=2), 36, (False, 2, 0)),
        (NOW - timedelta(microseconds=1), NOW, 36, (True, None, 0)),
        (NOW - timedelta(hours=3), NOW, 36, (True, -3, 0)),
        (NOW - timedelta(hours=3), NOW, None, (False, -3, None)),
        (Decimal(7), Decimal(7), 36, (False, 0, 0)),
        (Decimal(8), Decimal(7), 36, (False, 1, 0)),
        (Decimal(6), Decimal(7), 36, (True, -1, 0)),
        (Decimal(6), Decimal(7), 0, (True, -1, 0)),
        (Decimal(6), Decimal(7), None, (False, -1, None)),
        (Decimal(6), NOW, 36, (False, None, None)),
        (NOW, Decimal(6), 36, (False, None, None)),
        (Decimal(6), None, 36, (False, None, None)),
    ],
)
def test_stale_blocks_deletes_where_the_source_goes_back(answer: Any, before: Any, limit: Any, seen: Any) -> None:
    """Against the highest answer of an accepted run; a time and a number say nothing of each other."""
    past = Baselines(freshness={"cmis": before} if before is not None else {"other": answer})
    one = look("stale", [], limit, freshness={"cmis": answer}, now=NOW, baselines=past)[-1]
    assert (one.subject, one.tripped, one.limit) == ("cmis since an accepted run", seen[0], seen[2])
    if seen[1] is not None or not one.tripped:
        assert one.observed == seen[1]
    assert (one.effect, one.reach, one.at_least) == (Effect.BLOCK, ALL_DELETES, True)
    assert f"cmis answers {answer}, " in one.text


def test_stale_says_what_it_compares() -> None:
    """Headroom is what the source has gained."""
    past = Baselines(freshness={"cmis": Decimal(7)})
    [one] = look("stale", [], 36, freshness={"cmis": Decimal(10)}, now=NOW, baselines=past)
    assert numbers(one) == (3, 0, 3, None, 3)
    assert one.text == "cmis answers 10, 7 before"
    [one] = look("stale", [], 36, freshness={"cmis": Decimal(10)}, now=NOW)
    assert numbers(one) == (None, None, 0, None, None)
    assert one.text == "cmis answers 10, and no accepted run has an answer to compare it with"


def test_stale_looks_at_every_source() -> None:
    """One that is too old is enough."""
    answers = {"sits": NOW, "cmis": NOW - timedelta(days=3)}
    assert tripped("stale", [], 36, freshness=answers, now=NOW) == {"cmis"}


# --- baselines


def test_b5_a_baseline_needs_five_accepted_runs_and_looks_at_ten() -> None:
    """The newest come first."""
    assert median_of([1, 2, 3, 4]) is None
    assert median_of([9, 1, 2, 3, 4]) == 3
    assert median_of([1] * 5 + [9] * 5) == 5
    assert median_of([1] * 6 + [9] * 50) == 1
    assert median_of([9] * 6 + [1] * 50) == 9


@pytest.mark.parametrize(
    ("rows", "trips", "bound", "at_least"),
    [
        (900, False, 900, True),
        (899, True, 900, True),
        (0, True, 900, True),
        (999, False, 900, True),
        (1000, False, 1250, False),
        (1250, False, 1250, False),
        (1251, True, 1250, False),
    ],
)
def test_volume_trips_outside_its_band(rows: int, trips: bool, bound: float, at_least: bool) -> None:
    """At the bound it does not, one beyond it does."""
    past = Baselines(rows={"groups": [1000] * 5})
    [one] = look("volume", [], BAND, rows_read={"groups": rows}, baselines=past)
    assert (one.subject, one.tripped, one.at_least) == ("groups", trips, at_least)
    assert numbers(one) == (rows, bound, rows, 1000, rows - bound if at_least else bound - rows)
    assert (one.effect, one.reach) == (Effect.HOLD, ALL_DELETES)
    assert one.text == f"groups: {rows} rows, 1000 is the median of the last accepted runs"


@pytest.mark.parametrize(
    ("rows", "median", "limit", "trips"),
    [
        (10, 20, BAND, False),  # both at the floor
        (10, 21, BAND, True),  # one over it
        (9, 19, BAND, False),
        (20, 10, BAND, False),
        (21, 10, BAND, True),
        (3, 5000, BAND, True),  # what is left of much is not little
        (21, 0, BAND, True),
        (20, 0, BAND, False),
        (0, 1, {**BAND, "floor": 0}, True),  # a population of one
        (1, 1, {**BAND, "floor": 0}, False),
        (2, 1, {**BAND, "floor": 0}, True),
        (0, 0, {**BAND, "floor": 0}, False),
        (29, 100, {"low": 0.29, "high": 1, "floor": 0}, False),  # exactly
        (100, 100, {"low": 0.29, "high": 1, "floor": 0}, False),
        (1, 100, {"low": 0, "high": 1, "floor": 0}, False),
        (1, 5000, None, False),
    ],
)
def test_volume_is_not_looked_at_where_there_is_little_on_both_sides(
    rows: int, median: int, limit: Any, trips: bool
) -> None:
    """Up to the floor."""
    past = Baselines(rows={"groups": [median] * 10})
    [one] = look("volume", [], limit, rows_read={"groups": rows}, baselines=past)
    assert one.tripped is trips
    assert (one.limit is None) == (limit is None)


def test_volume_looks_at_what_sits_answers_too() -> None:
    past = Baselines(rows={"sits_registrations": [964] * 5})
    some = {"rows_read": {"memberships": 9}, "baselines": past}
    assert tripped("volume", [], BAND, answered={"sits_registrations": 31}, **some) == {"sits_registrations"}
    assert tripped("volume", [], BAND, answered={"sits_registrations": 960}, **some) == set()


@pytest.mark.parametrize(("runs", "trips"), [(4, False), (5, True)])
def test_b5_volume_says_nothing_before_the_fifth_accepted_run(runs: int, trips: bool) -> None:
    """Each dataset by itself."""
    past = Baselines(rows={"groups": [1000] * runs, "memberships": [10] * 5})
    found = look("volume", [], BAND, rows_read={"memberships": 10, "groups": 1}, baselines=past)
    assert [(one.subject, one.tripped) for one in found] == [("groups", trips), ("memberships", False)]
    if not trips:
        assert numbers(found[0]) == (1, None, 1, None, None)
        assert found[0].text == "groups: 1 rows; 4 accepted runs are too few for a baseline"


# --- unmatched and quarantined


@pytest.mark.parametrize(
    ("lost", "of", "limit", "trips"),
    [
        (20, 100, {"fraction": 0.2, "points": 0.02}, False),
        (21, 100, {"fraction": 0.2, "points": 0.02}, True),
        (29, 100, {"fraction": 0.29, "points": None}, False),
        (1, 1, {"fraction": 0.2, "points": 0.02}, True),
        (1, 1, {"fraction": 1.0, "points": 0.02}, False),
        (0, 1, {"fraction": 0, "points": 0.02}, False),
        (1, 100, {"fraction": 0, "points": 0.02}, True),
        (0, 0, {"fraction": 0, "points": 0}, False),
        (100, 100, {"fraction": None, "points": 0.02}, False),  # without a baseline
        (100, 100, None, False),
    ],
)
@pytest.mark.parametrize("what", ["users", "courses"])
def test_unmatched_trips_over_its_share(what: str, lost: int, of: int, limit: Any, trips: bool) -> None:
    """Of users or of courses."""
    [one] = look("unmatched", [], limit, unmatched={what: Part(lost, of)})
    assert (one.subject, one.tripped, one.numerator, one.denominator) == (what, trips, lost, of)
    assert one.observed == (lost / of if of else 0)
    assert one.limit == (None if limit is None else limit["fraction"])
    assert (one.effect, one.reach) == (Effect.HOLD, ALL_DELETES)


@pytest.mark.parametrize(
    ("lost", "before", "limit", "trips", "bound"),
    [
        (7, [5] * 5, {"fraction": 0.2, "points": 0.02}, False, 0.07),  # two points over the median
        (8, [5] * 5, {"fraction": 0.2, "points": 0.02}, True, 0.07),
        (8, [5] * 4, {"fraction": 0.2, "points": 0.02}, False, 0.2),  # too few runs
        (21, [30] * 5, {"fraction": 0.2, "points": 0.02}, True, 0.2),  # what was always bad is no excuse
        (30, [5] * 5, {"fraction": None, "points": None}, False, None),
        (8, [5] * 5, {"fraction": 0.2, "points": None}, False, 0.2),
        (6, [5] * 5, {"fraction": 0.2, "points": 0}, True, 0.05),
        (5, [5] * 5, {"fraction": 0.2, "points": 0}, False, 0.05),
    ],
)
def test_unmatched_trips_over_the_median_of_accepted_runs(
    lost: int, before: list[int], limit: Any, trips: bool, bound: float | None
) -> None:
    """By points, exactly; the lower of the two limits holds."""
    past = Baselines(unmatched={"users": [Part(n, 100) for n in before], "courses": [Part(0, 1)] * 5})
    [one] = look("unmatched", [], limit, unmatched={"users": Part(lost, 100)}, baselines=past)
    assert (one.tripped, one.limit) == (trips, bound)
    assert ("is the median of the last accepted runs" in one.text) == (len(before) >= 5)


def test_unmatched_says_how_many() -> None:
    """In words."""
    past = Baselines(unmatched={"users": [Part(1, 10)] * 5})
    found = look("unmatched", [], None, unmatched={"users": Part(1, 8), "courses": Part(0, 0)}, baselines=past)
    assert [one.text for one in found] == [
        "0 of 0 courses are not in Moodle (0.0%)",
        "1 of 8 users are not in Moodle (12.5%); 10.0% is the median of the last accepted runs",
    ]


@pytest.mark.parametrize(
    ("bad", "of", "limit", "trips"),
    [
        (2, 100, 0.02, False),
        (3, 100, 0.02, True),
        (29, 100, 0.29, False),
        (1, 1, 0.02, True),
        (1, 1, 1.0, False),
        (1, 1000, 0, True),
        (0, 1000, 0, False),
        (0, 0, 0, False),
        (9, 9, None, False),
    ],
)
def test_quarantined_trips_over_its_share(bad: int, of: int, limit: float | None, trips: bool) -> None:
    """Of each dataset's keys."""
    found = look("quarantined", [], limit, quarantined={"groups": Part(bad, of), "mappings": Part(0, 5)})
    assert [(one.subject, one.tripped) for one in found] == [("groups", trips), ("mappings", False)]
    assert numbers(found[0])[:4] == (bad / of if of else 0, limit, bad, of)
    assert (found[0].effect, found[0].reach) == (Effect.HOLD, ALL_DELETES)
    assert found[0].text.startswith(f"groups: {bad} of {of} keys are in quarantine (")
