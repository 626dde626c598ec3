"""Worlds for the rules: as small as a rule needs, and closed when the test ends."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.world import NO_BREAKER, World

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a world take seconds, those on functions alone milliseconds: `make test-fast` has the latter."""
    for item in items:
        if item.path.parent == HERE and "make_world" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


class MakeWorld(Protocol):
    """Makes a world with course C1 (ann, bob, cid; mapped) and the breaker out of the way; one for each test."""

    def __call__(self, settings: dict[str, Any] | None = None, **more: Any) -> World: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as stack:

        def make(settings: dict[str, Any] | None = None, **more: Any) -> World:
            world = stack.enter_context(World(tmp_path, NO_BREAKER))
            world.configure(breaker={"empty": None})  # a table may run dry where a rule is about its last row
            world.configure(settings, **more)
            world.course("C1", users=["ann", "bob", "cid"])
            world.map("C1")
            return world

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """With the settings of every test's world."""
    return make_world()
