"""Whatever a sync meets, the next one ends where an undisturbed one would have (rules A4, A5, A6, J2)."""

import pytest

from tests.chaos.run import Tally, runs, with_faults, with_kill

pytestmark = pytest.mark.slow


def test_a5_after_faults_at_random_the_next_run_leaves_nothing_double_lost_or_unjournaled() -> None:
    """The seed draws the university, what changes in it, and what its calls meet."""
    tally = Tally()
    assert [broken for _, broken in runs(3, 1, with_faults, tally) if broken] == []
    assert tally.met_writing.total(), "no writing call met a fault"


def test_a5_after_a_kill_at_random_the_retry_or_the_next_run_leaves_nothing_double_lost_or_unjournaled() -> None:
    """SIGKILL, wherever the seed says."""
    tally = Tally()
    assert [broken for _, broken in runs(3, 1, with_kill, tally) if broken] == []
    assert tally.states == {"killed": 3}
    assert tally.open, "no kill left a change open"
