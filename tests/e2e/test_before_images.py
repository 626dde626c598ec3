"""What a delete's journal entry keeps of what it takes away (rule J1)."""

import json
from pathlib import Path

from tests.world import NO_BREAKER, World


def test_j1_a_deletes_image_names_the_activities_that_use_the_object(tmp_path: Path) -> None:
    """A restriction on a deleted group closes an activity for everybody; the journal says which it was."""
    with World(tmp_path, NO_BREAKER) as world:
        world.course("C1", users=["ann"])
        world.map("C1")
        world.source.grouping("C1", "T", name="Tutorials")
        world.source.grouping("C1", "L", name="Labs")
        world.source.group("C1", "G1", name="One", grouping="T")
        world.source.group("C1", "G2", name="Two")
        world.source.members("C1", "G1", "ann")
        world.source.members("C1", "G2", "ann")
        world.sync()
        group, grouping = world.moodle.groups("C1")["G1"].id, world.moodle.groupings("C1")["T"].id
        inner = {"op": "|", "c": [{"type": "group", "id": group}], "show": True}
        tree = json.dumps({"op": "&", "c": [{"type": "completion", "cm": 1, "e": 1}, inner], "showc": [True, True]})
        world.edit_site(
            "UPDATE mdl_course_modules SET availability = ?, groupmode = 1, groupingid = ? WHERE course = ?",
            tree,
            grouping,
            world.moodle.course_id("C1"),
        )
        world.source.drop_group("C1", "G1")
        world.source.drop_grouping("C1", "T")
        run = world.sync()
        assert run.state == "applied"
        entries = [entry for entry in world.journal if entry["run_id"] == run.run_id]
    before = {entry["kind"]: entry["before"] for entry in entries if entry["action"] == "delete"}
    assert [(use["how"], use["module"]) for use in before["group"]["used_by"]] == [
        ("restriction", "forum"),
        ("group mode", "forum"),
    ]
    assert [(use["how"], use["module"]) for use in before["grouping"]["used_by"]] == [("activity grouping", "forum")]
    assert before["group"]["members"][0]["user"] == "ann"
    assert before["group"]["groupings"] == [grouping]
    assert before["grouping"]["groups"] == []
