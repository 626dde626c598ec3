"""Whatever the calls of a sync meet, the next one ends where an undisturbed one would have (rules A4, A5, A6, J2)."""

from pathlib import Path

import pytest

from tests.chaos.run import one_run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(3))
def test_a5_after_faults_at_random_the_next_run_leaves_nothing_double_lost_or_unjournaled(
    tmp_path: Path, seed: int
) -> None:
    """The seed draws the university, what changes in it, and what its calls meet."""
    report = one_run(tmp_path, seed)
    assert report.met, "no call met a fault"
