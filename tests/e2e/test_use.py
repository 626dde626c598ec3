"""The step that reads what uses the objects which a plan would delete."""

from pathlib import Path

from include.groupsync.model.frames import rows
from tests.world import NO_BREAKER, World


def lose_a_group_and_its_grouping(world: World) -> None:
    """A synced course with two groups, of which one is to go, and its grouping too."""
    world.course("C1", users=["ann"])
    world.map("C1")
    world.source.grouping("C1", "T", name="Tutorials")
    world.source.group("C1", "G1", name="One", grouping="T")
    world.source.group("C1", "G2", name="Two")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.source.drop_group("C1", "G1")
    world.source.drop_grouping("C1", "T")


def test_the_uses_of_what_is_to_be_deleted_are_in_the_runs_folder(tmp_path: Path) -> None:
    """Only of those: what stays may be used."""
    with World(tmp_path, NO_BREAKER) as world:
        lose_a_group_and_its_grouping(world)
        groups, grouping = world.moodle.groups("C1"), world.moodle.groupings("C1")["T"].id
        conditions = [{"type": "group", "id": groups[key].id} for key in ("G1", "G2")]
        reading = world.activity("C1", availability={"op": "&", "c": conditions, "showc": [True, True]})
        forum = world.activity("C1", "forum", "Debate", groupmode=1, groupingid=grouping)
        run = world.sync(until="read_use")
        uses = rows(run.folder.frame("uses"))
        assert [(use["kind"], use["key"], use["how"], use["cmid"], use["activity"]) for use in uses] == [
            ("group", "G1", "group mode", forum, "Debate"),
            ("group", "G1", "restriction", reading, "Reading"),
            ("grouping", "T", "activity grouping", forum, "Debate"),
        ]
        assert {(use["course"], use["course_id"]) for use in uses} == {("C1", world.moodle.course_id("C1"))}
        assert uses[1]["url"] == f"{world.url}/mod/page/view.php?id={reading}"
        assert run.writes == 0
        assert run.findings == []


def test_a_plan_without_deletes_asks_moodle_nothing(tmp_path: Path) -> None:
    """The step costs no call in most runs."""
    with World(tmp_path) as world:
        world.course("C1")
        world.map("C1")
        world.source.group("C1", "G1", name="One")
        run = world.sync()
        assert len(run.folder.frame("uses")) == 0
        assert "core_course_get_contents" not in {call.function for call in run.calls}


def test_use_that_cannot_be_read_is_reported_and_is_not_unused(tmp_path: Path) -> None:
    """The objects get a use "unread", so that the circuit breaker can hold them."""
    taken = "DELETE FROM mdl_role_capabilities WHERE capability = 'moodle/course:update'"
    with World(tmp_path, NO_BREAKER) as world:
        lose_a_group_and_its_grouping(world)
        run = world.sync(until="read_use", before={"read_use": lambda: world.edit_site(taken)})
        uses = {(use["key"], use["how"]) for use in rows(run.folder.frame("uses"))}
        assert uses == {("G1", "unread"), ("T", "unread")}
        [finding] = run.findings
        assert (finding["rule"], finding["course"], finding["severity"]) == ("in_use", "C1", "warning")
        assert "moodle/course:update" in finding["reason"]


def test_a_site_that_stops_answering_stops_the_run_before_anything_is_written(tmp_path: Path) -> None:
    """Nobody is told "nothing is used" by a site that is down."""
    with World(tmp_path, NO_BREAKER) as world:
        lose_a_group_and_its_grouping(world)

        def unplug() -> None:
            world.url = "http://127.0.0.1:9"

        run = world.sync(before={"read_use": unplug})
        assert run.failed_step == "read_use"
        assert run.writes == 0
