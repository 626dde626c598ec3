"""Section I: one environment end to end; tests/e2e/test_arming.py has the arming in full."""

from pathlib import Path

import pytest

from include.groupsync.state.database import initialise
from tests.world import STATE, World

pytestmark = pytest.mark.slow


def mapped(world: World) -> World:
    """A course with a group that Moodle does not have yet."""
    world.course("C1", users=["ann"])
    world.map("C1")
    world.source.group("C1", "G1", name="Group 1")
    world.source.members("C1", "G1", "ann")
    return world


def test_i1_a_ledger_of_another_environment_stops_the_run_before_it_reads_a_group(tmp_path: Path) -> None:
    """Only what tells who the others are was asked."""
    with World(tmp_path) as world:
        mapped(world)
        initialise(f"sqlite:///{world.folder / 'staging.db'}", "staging")
        world.databases[STATE] = f"sqlite:///{world.folder / 'staging.db'}"
        run = world.sync()
    assert (run.state, run.failed_step) == ("blocked", "check_identity")
    assert "!! ledger" in run.error
    assert {call.function for call in run.calls} == {
        "core_webservice_get_site_info",
        "core_course_get_courses_by_field",
        "core_group_get_course_groupings",
        "core_group_get_groupings",
    }


def test_i2_a_site_that_nobody_has_armed_is_read_only(tmp_path: Path) -> None:
    """And one that is armed for another is taken over by its right id alone."""
    with World(tmp_path, armed=False) as world:
        mapped(world)
        unarmed = world.sync()
        assert (unarmed.state, unarmed.writes) == ("blocked", 0)
        assert world.arming().state == "applied"
        assert world.sync().state == "applied"
        world.arm("sandbox 00000000-0000-0000-0000-000000000000")
        assert world.arming(old_deployment_id="00000000").state == "failed"
        assert world.sync().state == "blocked"


def test_i3_a_site_that_changes_hands_during_a_run_gets_no_write(tmp_path: Path) -> None:
    """The identity is compared again right before the first one."""
    with World(tmp_path) as world:
        mapped(world)
        other = "sandbox 00000000-0000-0000-0000-000000000000"
        run = world.sync(before={"apply": lambda: world.arm(other)})
        assert (run.state, run.failed_step, run.writes) == ("blocked", "apply", 0)
        assert world.moodle.groups("C1") == {}
