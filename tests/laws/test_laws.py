"""The same few hundred universities in every test run: it must not fail by the luck of a draw, nor search for hours.

Searching is what ``make laws-long`` is for.
"""

import pytest

from tests.laws.search import search


@pytest.mark.parametrize("seed", range(8))
def test_the_laws_hold_in_every_university(seed: int) -> None:
    """Each is shown to the laws that look at one plan, and to one of the others in turn."""
    assert search(seed, 30, every=False) == 30
