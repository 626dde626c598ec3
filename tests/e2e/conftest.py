"""A world for each test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.world import World


class MakeWorld(Protocol):
    """Makes a world of other settings."""

    def __call__(self, settings: dict[str, Any] | None = None, **options: Any) -> World: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as stack:

        def make(settings: dict[str, Any] | None = None, **options: Any) -> World:
            return stack.enter_context(World(tmp_path, settings, **options))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two courses that take groups: C1 with people in two groups of a grouping, and C2 with one group."""
    made = make_world()
    furnish(made)
    return made


def furnish(world: World) -> None:
    world.course("C1", users=["ann", "bob", "cid", "dan"])
    world.course("C2", users=["ann", "eve"])
    world.map("C1")
    world.map("C2", module="M2")
    world.source.grouping("C1", "S1", name="Seminars")
    world.source.group("C1", "G1", name="Group 1", grouping="S1")
    world.source.group("C1", "G2", name="Group 2", grouping="S1")
    world.source.members("C1", "G1", "ann", "bob")
    world.source.members("C1", "G2", "cid")
    world.source.group("C2", "G1", name="Group 1")
    world.source.members("C2", "G1", "eve")
