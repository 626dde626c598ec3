"""Rules that look at the calendar and at the runs before (rules B3, B5)."""

from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.breaker.baselines import Baselines
from include.groupsync.model.kind import Kind
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import creates, deletes, look, numbers, tripped, update

ALL_DELETES = Reach(("delete",), ("grouping", "group", "link", "membership"))
ALL_REMOVALS = Reach(("delete",), ("link", "membership"))


@pytest.mark.parametrize(
    ("today", "limit", "trips"),
    [((), 0, False), (("rollover",), 0, True), (("rollover",), None, False), (("a", "b"), 1, True), (("a",), 1, False)],
)
def test_blackout_holds_deletes_on_its_days(today: tuple[str, ...], limit: int | None, trips: bool) -> None:
    """Whatever the plan is."""
    [one] = look("blackout", [], limit, blackouts=today)
    assert (one.subject, one.tripped, *numbers(one)[:4]) == ("run", trips, len(today), limit, len(today), None)
    assert (one.effect, one.reach) == (Effect.HOLD, ALL_DELETES)
    assert one.text == (f"today is in {', '.join(today)}" if today else "today is in no blackout of the calendar")


HISTORY = {"mads": 6, "runs": 10, "least": 1}


@pytest.mark.parametrize(
    ("count", "runs", "limit", "trips", "bound"),
    [
        (11, [4, 4, 4, 4, 4, 6, 6, 6, 6, 6], HISTORY, False, 11),
        (12, [4, 4, 4, 4, 4, 6, 6, 6, 6, 6], HISTORY, True, 11),
        (35, [0, 10] * 5, HISTORY, False, 35),
        (36, [0, 10] * 5, HISTORY, True, 35),
        (0, [9] * 10, HISTORY, False, 15),  # below the band it says nothing
        (6, [0] * 10, HISTORY, False, 6),  # after quiet runs a MAD of nought counts as one
        (7, [0] * 10, HISTORY, True, 6),
        (1, [0] * 10, {**HISTORY, "least": 0}, True, 0),
        (1, [0] * 10, {**HISTORY, "mads": 0}, True, 0),
        (5, [5] * 10, {**HISTORY, "mads": 0}, False, 5),
        (2, [0] * 10, {**HISTORY, "mads": 2.5}, False, 2.5),
        (3, [0] * 10, {**HISTORY, "mads": 2.5}, True, 2.5),
        (99, [0] * 9, HISTORY, False, None),  # one run too few
        (2, [0], {"mads": 1, "runs": 1, "least": 1}, True, 1),  # a population of one
        (1, [0], {"mads": 1, "runs": 1, "least": 1}, False, 1),
        (99, [0] * 10, None, False, None),
    ],
)
def test_history_trips_above_the_band_of_its_week(
    count: int, runs: list[int], limit: Any, trips: bool, bound: float | None
) -> None:
    """Median and MADs of accepted runs; groupings and groups together, removals not."""
    half = count // 2
    changes = [*deletes(Kind.GROUP, half), *deletes(Kind.GROUPING, count - half), *deletes(Kind.MEMBERSHIP, 40)]
    [one] = look("history", changes, limit, baselines=Baselines(deletes=runs), week=3)
    assert (one.subject, one.tripped, *numbers(one)[:4]) == ("run", trips, count, bound, count, None)
    assert (one.effect, one.reach) == (Effect.HOLD, ALL_DELETES)
    assert f"{count} deletes; {len(runs)} accepted runs in week 3 of a term" in one.text
    assert one.text.endswith("as median" if bound is not None else "are not looked at")


LIMIT = {"fraction": 0.1, "floor": 5, "count": 30}


@pytest.mark.parametrize(
    ("now", "day", "week", "managed", "limit", "trips"),
    [
        (4, 6, 6, 100, {"day": 1, "week": 2}, set()),  # at the limit of a day
        (5, 6, 6, 100, {"day": 1, "week": 2}, {"24 hours"}),  # one over
        (4, 0, 16, 100, {"day": 1, "week": 2}, set()),  # at that of a week
        (5, 0, 16, 100, {"day": 1, "week": 2}, {"7 days"}),
        (5, 6, 16, 100, {"day": 1, "week": 2}, {"24 hours", "7 days"}),
        (1, 4, 4, 10, {"day": 1, "week": 2}, set()),  # at the floor
        (1, 5, 5, 10, {"day": 1, "week": 2}, {"24 hours"}),  # one over it
        (1, 29, 29, 9999, {"day": 1, "week": 2}, set()),  # the number
        (1, 30, 30, 9999, {"day": 1, "week": 2}, {"24 hours"}),
        (1, 30, 59, 9999, {"day": None, "week": 2}, set()),
        (1, 30, 60, 9999, {"day": None, "week": 2}, {"7 days"}),
        (1, 30, 99, 9999, {"day": None, "week": None}, set()),
        (1, 0, 0, 9999, {"day": 0, "week": 2}, {"24 hours"}),
        (1, 1, 0, 10, {"day": 0.5, "week": 2}, set()),
        (1, 2, 0, 10, {"day": 0.5, "week": 2}, {"24 hours"}),
        (0, 99, 99, 100, {"day": 1, "week": 2}, set()),  # a run that deletes nothing adds nothing
        (1, 99, 99, 100, None, set()),
    ],
)
@pytest.mark.parametrize(
    ("rule", "single", "kind"),
    [
        ("cumulative", "run_deletes", Kind.GROUP),
        ("cumulative", "run_deletes", Kind.GROUPING),
        ("cumulative_removals", "run_removals", Kind.MEMBERSHIP),
        ("cumulative_removals", "run_removals", Kind.LINK),
    ],
)
def test_cumulative_trips_over_what_several_runs_delete(
    rule: str, single: str, kind: Kind, now: int, day: int, week: int, managed: int, limit: Any, trips: set[str]
) -> None:
    """Of each kind, with what the journal has of the last day and the last week."""
    found = look(
        rule, deletes(kind, now), limit, levels={single: LIMIT},
        managed={kind: {"C": managed}}, applied_day={kind: day}, applied_week={kind: week},
    )  # fmt: skip
    assert {one.subject for one in found if one.tripped} == {f"{kind}s in {span}" for span in trips}
    assert len(found) == 4
    reach = ALL_DELETES if rule == "cumulative" else ALL_REMOVALS
    assert {(one.effect, one.reach) for one in found} == {(Effect.HOLD, reach)}


def test_cumulative_counts_groupings_and_groups_apart_and_no_removals() -> None:
    """As `run_deletes` does, whose limit it multiplies; where that is off, it has none."""
    changes = [
        *deletes(Kind.GROUP, 3),
        *deletes(Kind.GROUPING, 3),
        *deletes(Kind.MEMBERSHIP, 99),
        *creates(Kind.GROUP, 9),
    ]
    applied = {Kind.GROUP: 2, Kind.GROUPING: 2}
    limit = {"day": 1, "week": 2}
    found = look("cumulative", changes, limit, levels={"run_deletes": LIMIT}, applied_day=applied, applied_week=applied)
    assert [(one.subject, *numbers(one)) for one in found] == [
        ("groupings in 24 hours", 5, 5, 5, 0, 0),
        ("groups in 24 hours", 5, 5, 5, 0, 0),
        ("groupings in 7 days", 5, 10, 5, 0, 5),
        ("groups in 7 days", 5, 10, 5, 0, 5),
    ]
    assert found[0].text == "groupings: 5 deleted in 24 hours, 3 of them by this run"
    off = look("cumulative", changes, limit, applied_day={Kind.GROUP: 10**6})
    assert {(one.tripped, one.limit) for one in off} == {(False, None)}


def test_cumulative_removals_counts_memberships_and_links_apart_and_no_deletes() -> None:
    """As `run_removals` does, whose limit it multiplies; where that is off, it has none."""
    changes = [
        *deletes(Kind.MEMBERSHIP, 4),
        *deletes(Kind.LINK, 1),
        *deletes(Kind.GROUP, 99),
        *creates(Kind.MEMBERSHIP, 9),
    ]
    applied = {Kind.MEMBERSHIP: 2, Kind.LINK: 2, Kind.GROUP: 99}
    past: Any = {"applied_day": applied, "applied_week": applied}
    found = look("cumulative_removals", changes, {"day": 1, "week": 2}, levels={"run_removals": LIMIT}, **past)
    assert [(one.subject, one.tripped, *numbers(one)) for one in found] == [
        ("memberships in 24 hours", True, 6, 5, 6, 0, -1),
        ("links in 24 hours", False, 3, 5, 3, 0, 2),
        ("memberships in 7 days", False, 6, 10, 6, 0, 4),
        ("links in 7 days", False, 3, 10, 3, 0, 7),
    ]
    assert found[0].text == "memberships: 6 removed in 24 hours, 4 of them by this run"
    off = look("cumulative_removals", changes, {"day": 1, "week": 2}, **past)
    assert {(one.tripped, one.limit) for one in off} == {(False, None)}
    levels = {"run_removals": LIMIT, "terms": {"T": {"run_removals": {"floor": 3}}}}
    assert tripped("cumulative_removals", deletes(Kind.LINK, 4), {}, levels=levels, term="T") == {"links in 24 hours"}


def test_cumulative_takes_the_terms_own_limit_of_run_deletes() -> None:
    """Resolved like that of any rule."""
    levels = {"run_deletes": LIMIT, "terms": {"T": {"run_deletes": {"floor": 1}}}}
    assert tripped("cumulative", deletes(Kind.GROUP, 2), {}, levels=levels, term="T") == {"groups in 24 hours"}
    assert tripped("cumulative", deletes(Kind.GROUP, 2), {}, levels=levels, term="U") == set()


@pytest.mark.parametrize(
    ("before", "changes", "limit", "trips"),
    [
        ("a", deletes(Kind.GROUP, 1), 0, True),
        ("a", deletes(Kind.MEMBERSHIP, 1), 0, True),
        ("b", deletes(Kind.GROUP, 1), 0, False),  # as it was
        (None, deletes(Kind.GROUP, 1), 0, False),  # the first run
        ("a", [update(), *creates(Kind.GROUP, 9)], 0, False),  # nothing goes
        ("a", deletes(Kind.GROUP, 1), 1, False),
        ("a", deletes(Kind.GROUP, 2), 1, True),
        ("a", deletes(Kind.GROUP, 9), None, False),
    ],
)
def test_config_changed_holds_the_deletes_of_another_configuration(
    before: str | None, changes: Any, limit: int | None, trips: bool
) -> None:
    """Until a run under it was applied."""
    past = Baselines(settings_digest=before)
    [one] = look("config_changed", changes, limit, settings_digest="b", baselines=past)
    assert (one.subject, one.tripped, one.limit) == ("run", trips, limit)
    assert (one.effect, one.reach) == (Effect.HOLD, ALL_DELETES)


def test_config_changed_says_what_it_compared() -> None:
    """The beginnings of both digests."""
    changes = [*deletes(Kind.GROUP, 1), *deletes(Kind.LINK, 2)]
    texts = {}
    for before in (None, "b" * 64, "a" * 64):
        past = Baselines(settings_digest=before)
        [one] = look("config_changed", changes, 9, settings_digest="b" * 64, baselines=past)
        texts[one.text] = numbers(one)
    assert texts == {
        "configuration: no run was applied before": (0, 9, 0, 3, 9),
        "configuration: as in the last applied run": (0, 9, 0, 3, 9),
        "configuration: aaaaaaaaaaaa in the last applied run, bbbbbbbbbbbb now; 3 deletes and removals": (
            3,
            9,
            3,
            3,
            6,
        ),
    }


def test_opened_again_holds_every_loss_of_a_term_whose_runs_may_delete_again() -> None:
    """From the first one on; nothing where nothing was ordered, or nothing is lost."""
    changes, opened = [*deletes(Kind.GROUP, 1), *creates(Kind.GROUP, 2)], "open since 2026-10-12 06:00 UTC"
    [run] = look("opened_again", changes, opened_again=opened)
    assert (run.subject, run.tripped, *numbers(run)) == ("run", True, 1, 0, 1, 1, -1)
    assert (run.effect, run.reach) == (Effect.HOLD, ALL_DELETES)
    assert run.text == (
        "the term is open since 2026-10-12 06:00 UTC after nothing was deleted in it by order; 1 deletes and removals,"
        " and nobody has approved any since"
    )
    [never] = look("opened_again", changes)
    assert (never.tripped, *numbers(never)) == (False, 0, 0, 0, 1, 0)
    assert never.text == "the term was not frozen or add-only since the last accepted run"
    [nothing] = look("opened_again", creates(Kind.GROUP, 2), opened_again=opened)
    assert (nothing.tripped, *numbers(nothing)) == (False, 0, 0, 0, 0, 0)


def test_opened_again_holds_the_losses_of_a_course_that_was_switched_and_of_no_other() -> None:
    """Removals included; adds go on, and a course without losses is not spoken of."""
    changes = [*deletes(Kind.GROUP, 2, "C"), *deletes(Kind.MEMBERSHIP, 1, "C"), *deletes(Kind.GROUP, 1, "D")]
    opened = {"C": "source since 2026-10-12 06:00 UTC", "E": "on since 2026-10-12 06:00 UTC"}
    run, course = look("opened_again", [*changes, *creates(Kind.GROUP, 1, "E")], courses_opened=opened)
    assert (run.subject, run.tripped) == ("run", False)
    assert (course.subject, course.tripped, *numbers(course)[:4]) == ("C", True, 3, 0, 3, 3)
    assert (course.effect, course.reach, course.stratum) == (
        Effect.HOLD, replace(ALL_DELETES, course="C"), "course C",
    )  # fmt: skip
    assert course.text == (
        "course C was switched source since 2026-10-12 06:00 UTC; 3 deletes and removals, and nobody approved any since"
    )
