"""A world for each test."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.world import World


class MakeWorld(Protocol):
    """Makes an empty world of other settings; one for each test."""

    def __call__(self, settings: dict[str, Any] | None = None, **options: Any) -> World: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as stack:

        def make(settings: dict[str, Any] | None = None, **options: Any) -> World:
            return stack.enter_context(World(tmp_path, settings, **options))

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two mapped courses whose groups Moodle does not have yet; ``furnish`` says what the source lists."""
    made = make_world()
    furnish(made)
    return made


@pytest.fixture
def synced(make_world: MakeWorld, after_one_run: Path) -> World:
    """The same after a run: Moodle equals the source."""
    return make_world(like=after_one_run)


@pytest.fixture(scope="session")
def after_one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: many tests begin where everything is in line, and a run takes a second."""
    folder = tmp_path_factory.mktemp("synced")
    with World(folder) as world:
        furnish(world)
        # Each world's clock begins anew, and this one's may have gone on for long where the machine is busy.
        world.now -= timedelta(hours=1)
        run = world.sync(run_id="first-run")
        assert run.state == "applied", run.error
    return folder


def furnish(world: World) -> None:
    """C1: grouping S1 with the groups G1 (ann, bob) and G2 (cid), dan in none; C2: group G1 (eve), ann in none."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs take a second each and more: they are left out of `make test-fast`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
