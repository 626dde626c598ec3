"""Rule A6 where it matters: runs that want to write at the same time, as a backfill's and the night's do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.world import NO_BREAKER, TERM1, TERM2, WITH_TERMS, World

pytestmark = pytest.mark.slow


def test_a6_runs_that_apply_at_once_write_one_after_the_other(tmp_path: Path) -> None:
    """Two of one term and one of another, each in a process of its own, without Airflow's pool: at the site no call of
    one is among those of another, and what came too late to make something finds it made."""
    settings = {**NO_BREAKER, **WITH_TERMS, "moodle": {"lease_wait": 60, "batch_items": 2}}
    with World(tmp_path, settings, delay_request_ms=10) as world:
        for term in (TERM1, TERM2):
            course = f"C-{term}"
            world.course(course, users=["ann", "bob"])
            world.map(course, period=term[-2:])
            for at in range(6):
                world.source.group(course, f"{term}-{at}", name=f"Group {at}", term=term)
                world.source.members(course, f"{term}-{at}", "ann", "bob", term=term)
        terms = {"night": TERM1, "backfill-1": TERM1, "backfill-2": TERM2}
        for run_id, term in terms.items():
            assert world.sync(term, run_id=run_id, until="circuit_breaker").state == "unfinished"
        world.site.reset_calls()
        at = world.deployment().now().isoformat()
        processes = {
            run_id: subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.apply_process", str(world.folder), run_id, term, world.url,
                 world.token, at],
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
            )
            for run_id, term in terms.items()
        }  # fmt: skip
        ended = {run_id: process.communicate(timeout=120)[1] for run_id, process in processes.items()}
        written = sorted(world.site.written(), key=lambda call: call.began)
        blocks = [agent for agent, _ in groupby(call.agent for call in written)]
        assert ended == dict.fromkeys(terms, "")
        assert all(one.ended <= other.began for one, other in pairwise(written) if one.agent != other.agent)
        assert sorted(blocks) == sorted({f"groupsync {run_id}" for run_id in terms}), "each wrote, and in one go"
        for run_id, term in terms.items():
            assert world.sync(term, run_id=run_id, start="verify").state == "applied"
            again = world.sync(term)
            assert (again.state, again.changes, again.writes) == ("applied", [], 0)
        made = [row for row in world.journal if (row["kind"], row["action"]) == ("group", "create")]
        assert len(made) == 12, "each was made once, by one of them"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[World]:
    """A course mapped for the whole year, with a group that the first term lists, and another that it goes on to."""
    with World(tmp_path, {**NO_BREAKER, **WITH_TERMS}) as world:
        world.course("C1", users=["ann", "bob"])
        world.map("C1", period="YEAR")
        lists(world, TERM1)
        world.source.group("C1", "G0", name="Group 0", term=TERM1)
        world.source.members("C1", "G0", "bob", term=TERM1)
        yield world


def lists(world: World, term: str) -> None:
    world.source.group("C1", "G1", name="Group 1", term=term)
    world.source.members("C1", "G1", "ann", term=term)


def claims(world: World) -> dict[str, str]:
    """Who lists the group and its member, by the ledger."""
    return {
        row["kind"]: row["terms"] for row in world.ledger if row.get("idnumber") == "G1" or row.get("user") == "ann"
    }


def test_c5_terms_that_make_the_same_group_at_once_both_list_it(shared: World) -> None:
    """Neither is refused, and neither takes the other's claim away."""
    lists(shared, TERM2)
    first, second = (shared.sync(term, until="circuit_breaker") for term in (TERM1, TERM2))
    assert shared.sync(TERM1, run_id=first.run_id, start="apply").state == "applied"
    assert shared.sync(TERM2, run_id=second.run_id, start="apply").state == "applied"
    assert claims(shared) == {"group": f"{TERM1} {TERM2}", "membership": f"{TERM1} {TERM2}"}


def test_c5_what_two_terms_drop_at_once_is_deleted_by_the_later_one(shared: World) -> None:
    """Neither has seen that the other drops it: one claim stays, so that it is still ours to delete."""
    lists(shared, TERM2)
    shared.source.group("C1", "G2", name="Group 2", term=TERM2)
    shared.source.members("C1", "G2", "bob", term=TERM2)
    assert [shared.sync(term).state for term in (TERM1, TERM2)] == ["applied", "applied"]
    assert claims(shared)["group"] == f"{TERM1} {TERM2}"
    shared.source.drop_group("C1", "G1")
    first, second = (shared.sync(term, until="circuit_breaker") for term in (TERM1, TERM2))
    assert first.changes == second.changes == [], "each leaves it to the other"
    assert shared.sync(TERM1, run_id=first.run_id, start="apply").state == "applied"
    assert shared.sync(TERM2, run_id=second.run_id, start="apply").state == "applied"
    assert claims(shared) == {"group": TERM2, "membership": TERM2}
    assert shared.sync(TERM2).state == "applied"
    assert set(shared.moodle.groups("C1")) == {"G0", "G2"}


def test_c5_what_another_term_lists_since_the_plan_was_made_is_not_deleted(shared: World) -> None:
    """The first term drops the group, and plans to delete it; then the second one finds it listed."""
    assert shared.sync(TERM1).state == "applied"
    shared.source.drop_group("C1", "G1")
    drops = shared.sync(TERM1, until="circuit_breaker")
    assert ("group", "delete", "C1", "G1") in drops.changes
    lists(shared, TERM2)
    assert shared.sync(TERM2).state == "applied"
    late = shared.sync(TERM1, run_id=drops.run_id, start="apply")
    assert (late.state, late.writes, set(late.results.values())) == ("applied", 0, {"skipped"}), late.error
    assert shared.moodle.groups("C1")["G1"].members == {"ann"}
    assert shared.sync(TERM1).changes == []
    assert claims(shared) == {"group": TERM2, "membership": TERM2}, "the first has given up its own"


def test_c5_what_another_run_deleted_is_not_ours_again(shared: World) -> None:
    """Planned while it was there: the ledger does not get back a row of what is gone."""
    assert shared.sync(TERM1).state == "applied"
    lists(shared, TERM2)
    stays = shared.sync(TERM2, until="circuit_breaker")
    shared.source.delete("remote_groups", term=TERM1, idnumber="G1")
    shared.source.delete("remote_memberships", term=TERM1, group_idnumber="G1")
    assert shared.sync(TERM1).state == "applied"
    assert set(shared.moodle.groups("C1")) == {"G0"}
    shared.sync(TERM2, run_id=stays.run_id, start="apply")
    assert claims(shared) == {}
    assert shared.sync(TERM2).state == "applied"
    assert claims(shared) == {"group": TERM2, "membership": TERM2}


def test_c5_of_a_run_that_is_taken_back_what_another_term_lists_stays(shared: World) -> None:
    """The group that both list, with its member; what this term alone had made goes, and the other notices nothing."""
    made = shared.sync(TERM1)
    lists(shared, TERM2)
    assert shared.sync(TERM2).changes == []
    run = shared.restore(made.run_id)
    assert run.error == ""
    assert set(shared.moodle.groups("C1")) == {"G1"}
    assert shared.moodle.members("C1") == {"G1": {"ann"}}
    assert set(run.reasons("note")) == {"another term lists it too"}
    assert shared.sync(TERM2).changes == []
