"""Section B: the circuit breaker judges, holds what trips, lets the rest go on, and learns from accepted runs only."""

from typing import Any

import pytest

from include.groupsync.breaker.assess import RULES
from tests.rules.conftest import MakeWorld
from tests.world import NO_BREAKER, World

NONE_DELETED = {"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"fraction": 0, "floor": 0}}}


def furnish(world: World, *courses: str) -> None:
    """Groups G1 and G2 in each course, with ann in G1."""
    for course in courses:
        if course != "C1":
            world.course(course, users=["ann", "bob", "cid"])
            world.map(course)
        for group in ("G1", "G2"):
            world.source.group(course, group, name=f"Group {group}")
        world.source.members(course, "G1", "ann")
    assert world.sync().state == "applied"


def test_b1_the_verdict_has_every_rule_and_changes_no_plan(make_world: MakeWorld) -> None:
    """Trips with rule, subject, observed, limit, numerator and denominator; the others with their headroom."""
    world = make_world(NONE_DELETED)
    furnish(world, "C1")
    world.source.drop_group("C1", "G2")
    run = world.sync()
    seen = run.verdict["observations"]
    assert {one["rule"] for one in seen} == {rule.name for rule in RULES}
    trip = run.trips["run_deletes", "groups"]
    wanted = ("observed", "limit", "numerator", "denominator", "headroom", "stratum")
    assert [trip[name] for name in wanted] == [1, 0, 1, 2, -1, "run"]
    [passed] = [one for one in seen if (one["rule"], one["subject"]) == ("run_deletes", "groupings")]
    assert (passed["tripped"], passed["headroom"]) == (False, 0)
    assert run.changes == [("group", "delete", "C1", "G2")]
    assert run.plan is not None
    assert run.verdict["plan_digest"] == run.plan.digest


def test_b2_a_held_course_does_not_stop_another(make_world: MakeWorld) -> None:
    """Its deletes wait alone: adds in it, and everything in the other course, go on at once."""
    world = make_world(breaker={"courses": {"C1": {"run_deletes": {"count": 0}}}})
    furnish(world, "C1", "C2")
    for course in ("C1", "C2"):
        world.source.drop_group(course, "G2")
        world.source.members(course, "G1", "bob")
    run = world.sync()
    assert run.state == "held"
    assert run.held == [("group", "delete", "C1", "G2")]
    assert run.trips.keys() == {("run_deletes", "groups of course C1")}
    assert world.moodle.members("C1") == {"G1": {"ann", "bob"}, "G2": set()}
    assert world.moodle.members("C2") == {"G1": {"ann", "bob"}}
    plan = run.folder.json("plan")
    assert [plan[part]["changes"] for part in ("released", "held", "releasable")] == [3, 1, 1]
    assert len({plan["digest"], plan["released"]["digest"], plan["held"]["digest"]}) == 3


@pytest.mark.parametrize(
    ("limit", "state"),
    [({"count": 1}, "applied"), ({"count": 0}, "held"), (None, "applied"), ({"fraction": 0.4}, "held")],
)
def test_b3_trips_at_strictly_more_and_null_is_off(make_world: MakeWorld, limit: Any, state: str) -> None:
    """One of two managed groups goes; nought means none allowed."""
    world = make_world(breaker={"run_deletes": limit and {"fraction": None, "floor": 0, "count": None, **limit}})
    furnish(world, "C1")
    world.by_hand.group("C1", "Not ours", "X1")  # of Moodle, and in no denominator
    world.source.drop_group("C1", "G2")
    run = world.sync()
    assert run.state == state
    assert {one["denominator"] for one in run.verdict["observations"] if one["subject"] == "groups"} >= {2}


def test_b5_a_held_run_never_becomes_a_baseline(make_world: MakeWorld) -> None:
    """However often it comes back; nothing of it is applied, and its plan stays on record."""
    world = make_world(NONE_DELETED)
    furnish(world, "C1")
    world.source.drop_group("C1", "G2")
    runs = [world.sync() for _ in range(2)]
    assert {run.state for run in runs} == {"held"}
    assert world.moodle.groups("C1").keys() == {"G1", "G2"}
    assert all(run.folder.has("held.parquet") for run in runs)
    accepted = world._state("SELECT outcome FROM run WHERE accepted")
    assert accepted == [{"outcome": "applied"}]
