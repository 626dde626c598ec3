"""Rule A6 where it matters: runs that want to write at the same time, as a backfill's and the night's do."""

import os
import subprocess
import sys
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
