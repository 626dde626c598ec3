"""The sample's teachers use the groups that the sync has brought."""

from pathlib import Path

from include.groupsync.model.frames import rows
from sandbox.teachers import use_groups
from tests.world import NO_BREAKER, World

COURSES = [f"C{at:02}" for at in range(12)]


def test_every_way_of_use_is_seen_by_a_run_that_deletes(tmp_path: Path) -> None:
    """What the demo has teachers do is what the sync finds when it would take their groups away."""
    with World(tmp_path, NO_BREAKER) as world:
        for course in COURSES:
            world.course(course)
            world.map(course)
            world.source.grouping(course, "T", name="Tutorials")
            for group in ("G1", "G2"):
                world.source.group(course, group, name=f"Group {group}", grouping="T")
        world.sync()
        assert use_groups(tmp_path / "moodle.db") == 4
        for course in COURSES:
            world.source.drop_grouping(course, "T")
            world.source.delete("remote_groups", course=course)
        uses = rows(world.sync(until="read_use").folder.frame("uses"))
    found = {course: sorted({use["how"] for use in uses if use["course"] == course}) for course in COURSES[::3]}
    assert found == {
        "C00": ["restriction"],
        "C03": ["activity grouping", "group mode"],
        "C06": ["activity grouping", "default grouping", "group mode"],
        "C09": ["restriction"],
    }
    assert {use["course"] for use in uses} == {"C00", "C03", "C06", "C09"}


def test_teachers_come_once(tmp_path: Path) -> None:
    """The demo can be run again: a site whose activities use groups is left as it is."""
    with World(tmp_path) as world:
        world.course("C1")
        world.map("C1")
        world.source.grouping("C1", "T", name="Tutorials")
        world.source.group("C1", "G1", name="Group 1", grouping="T")
        world.sync()
        assert use_groups(tmp_path / "moodle.db") == 1
        assert use_groups(tmp_path / "moodle.db") == 0
