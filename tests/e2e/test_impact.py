"""Who loses what: the list of every run that has a plan, from what the run has left."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd

from include.groupsync.report.impact import COLUMNS
from tests.world import NO_BREAKER, TERM1, Outcome, World


def impact(run: Outcome) -> dict[str, Any]:
    return run.folder.json("impact")


def listed(run: Outcome) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The objects by course, kind and idnumber."""
    return {(row["course"], row["kind"], row["idnumber"]): row for row in impact(run)["objects"]}


def page(run: Outcome, name: str = "impact.html") -> str:
    return (run.folder.path / name).read_text(encoding="utf-8")


def as_csv(run: Outcome) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page(run, "impact.csv"), newline="")))


def test_a_held_delete_is_told_with_members_maker_and_share_of_all_courses(synced: World) -> None:
    """What the post-mortem had to find out by hand."""
    synced.course("C3")
    synced.course("")  # without a key it is a course of the site all the same
    synced.source.drop_group("C2", "G1")
    run = synced.sync()
    assert run.state == "held"
    found = impact(run)
    assert found["courses"] == {
        "affected": 1,
        "in_scope": 2,
        "share_of_scope": 0.5,
        "in_moodle": 4,
        "share_of_moodle": 0.25,
    }
    assert found["total"] == {
        "courses": 1, "groupings": 0, "groups": 1, "re_keyed": 0, "memberships": 1, "links": 0, "people": 1,
        "in_use": 0, "use_not_read": 0,
    }  # fmt: skip
    assert found["by_fate"]["held"] == found["total"]
    assert found["by_department"] == [{"department": "D1", **found["total"]}]
    assert found["by_term"] == [{"term": TERM1, **found["total"]}]
    row = listed(run)["C2", "group", "G1"]
    assert (row["name"], row["happens"]) == ("Group 1", "held: deleted if approved")
    assert (row["members"], row["members_lost"], row["people"]) == (1, 1, ["eve"])
    assert row["created_by"] == "first-run"
    assert row["created_at"].startswith("2026-10-12T")
    shown = page(run)
    assert "1 of 4 courses (25.0%) would lose something" in shown
    assert "held: deleted if approved" in shown
    assert 'href="impact.html"' in page(run, "report.html")


def test_w3_people_are_in_the_lists_by_source_key_and_not_on_the_page(synced: World) -> None:
    synced.source.drop_group("C2", "G1")
    run = synced.sync()
    [row] = as_csv(run)
    assert tuple(row) == COLUMNS
    assert (row["people"], row["members_lost"]) == ("eve", "1")
    assert re.search(r"\beve\b", page(run)) is None


def test_what_was_deleted_and_made_is_told_from_the_outcomes(synced: World) -> None:
    """After an apply: what was really done, not what was planned."""
    synced.configure(NO_BREAKER)
    synced.source.drop_group("C1", "G1")
    synced.source.group("C2", "G2", name="Group 2")
    run = synced.sync()
    assert run.state == "applied", run.error
    found = impact(run)
    assert found["by_fate"]["done"]["groups"] == 1
    assert found["total"]["memberships"] == 2
    assert listed(run)["C1", "group", "G1"]["happens"] == "deleted"
    made = listed(run)["C2", "group", "G2"]
    assert (made["happens"], made["created_by"]) == ("made", run.run_id)
    assert found["changes"] == {"group create": {"done": 1}, "group delete": {"done": 1}}


def test_a_delete_that_was_refused_is_not_counted_as_lost(synced: World) -> None:
    """Somebody joined the group after the plan: it is left alone (rule A2), and so nobody loses it."""
    synced.configure(NO_BREAKER)
    synced.source.drop_group("C1", "G1")
    run = synced.sync(before={"apply": lambda: synced.by_hand.add_member("C1", "G1", "dan")})
    assert listed(run)["C1", "group", "G1"]["happens"] == "not deleted"
    assert impact(run)["total"]["courses"] == 0
    assert impact(run)["by_fate"]["not made"]["groups"] == 1
    assert "No course loses anything" in page(run)


def test_a_blocked_plan_is_told_too(synced: World) -> None:
    """Before anything is applied, and with what was done and what waits told apart."""
    synced.source.drop_group("C1", "G1")
    synced.source.drop_member("C1", "G2", "cid")
    run = synced.sync(until="circuit_breaker")
    again = synced.sync(run_id=run.run_id, start="report")
    rows = listed(again)
    assert rows["C1", "group", "G1"]["happens"] == "would be deleted"
    assert (rows["C1", "group", "G2"]["happens"], rows["C1", "group", "G2"]["people"]) == (
        "would lose members",
        ["cid"],
    )
    assert impact(again)["total"]["people"] == 3


def test_held_and_released_are_told_apart(synced: World) -> None:
    synced.source.drop_group("C2", "G1")
    synced.source.drop_member("C1", "G1", "ann")
    run = synced.sync()
    assert run.state == "held"
    fates = {key: row["fate"] for key, row in listed(run).items()}
    assert fates == {("C1", "group", "G1"): "done", ("C2", "group", "G1"): "held"}
    assert (impact(run)["by_fate"]["done"]["people"], impact(run)["by_fate"]["held"]["people"]) == (1, 1)
    assert impact(run)["total"]["courses"] == 2


def test_a_rekey_is_one_object_that_keeps_its_members(synced: World) -> None:
    synced.source.update("remote_groups", {"course": "C2", "idnumber": "G1"}, idnumber="G9")
    synced.source.update("remote_memberships", {"course": "C2", "group_idnumber": "G1"}, group_idnumber="G9")
    run = synced.sync()
    row = listed(run)["C2", "group", "G1"]
    assert (row["happens"], row["members"], row["members_lost"]) == ("held: re-keyed to G9 if approved", 1, 0)
    assert impact(run)["total"]["re_keyed"] == 1


def test_a_grouping_that_goes_loses_its_groups_and_a_hand_made_member_counts(synced: World) -> None:
    synced.configure(NO_BREAKER)
    synced.by_hand.add_member("C1", "G1", "dan")
    synced.source.drop_grouping("C1", "S1")
    synced.source.drop_group("C1", "G1")
    run = synced.sync(until="circuit_breaker")
    again = synced.sync(run_id=run.run_id, start="report")
    assert listed(again)["C1", "grouping", "S1"]["groups_lost"] == 2
    assert listed(again)["C1", "group", "G1"]["people"] == ["ann", "bob", "dan"]


def test_what_was_found_and_not_made_has_no_maker(synced: World) -> None:
    """A lost journal, or a group that somebody made by hand and the source lists."""
    synced.edit_state("DELETE FROM journal")
    synced.source.drop_group("C2", "G1")
    run = synced.sync()
    row = listed(run)["C2", "group", "G1"]
    assert (row["created_at"], row["created_by"]) == (None, None)
    assert impact(run)["creations_read"] is True
    assert "unknown" in page(run)


def test_uses_are_told_with_the_activity_and_its_address(synced: World) -> None:
    """A restriction on the group closes the activity to all when it goes; a course in group mode is another matter."""
    only = {"op": "&", "c": [{"type": "group", "id": synced.moodle.groups("C2")["G1"].id}], "showc": [True]}
    reading = synced.activity("C2", availability=only)
    synced.activity("C1", "forum", "Debate", groupmode=1)
    for course in ("C1", "C2"):
        synced.source.drop_group(course, "G1")
    run = synced.sync()
    url = f"{synced.url}/mod/page/view.php?id={reading}"
    row = listed(run)["C2", "group", "G1"]
    assert (row["in_use"], row["used_in"]) == ("yes", [{"what": "Reading (page): restriction", "url": url}])
    assert listed(run)["C1", "group", "G1"]["in_use"] == "group mode"
    assert impact(run)["total"]["in_use"] == 1
    assert f'<a href="{url}"' in page(run)
    assert {one["used_in"] for one in as_csv(run)} == {"Reading (page): restriction", "Debate (forum): group mode"}


def test_use_that_could_not_be_read_is_never_told_as_none(synced: World) -> None:
    """A course whose contents the account may not see: unknown is not unused."""
    synced.source.drop_group("C2", "G1")
    taken = "DELETE FROM mdl_role_capabilities WHERE capability = 'moodle/course:update'"
    run = synced.sync(before={"read_use": lambda: synced.edit_site(taken)})
    assert listed(run)["C2", "group", "G1"]["in_use"] == "not read"
    assert (impact(run)["total"]["in_use"], impact(run)["total"]["use_not_read"]) == (0, 1)
    assert "Of 1 objects it could not be read" in page(run)

    # As a run that never came to the step leaves it.
    (run.folder.path / "uses.parquet").unlink()
    unread = synced.sync(run_id=run.run_id, start="report")
    assert impact(unread)["uses_read"] is False
    assert listed(unread)["C2", "group", "G1"]["in_use"] == "not read"
    assert "not known, and nothing here means" in page(unread)


def test_a_run_without_changes_loses_nothing(synced: World) -> None:
    run = synced.sync()
    assert impact(run)["objects"] == []
    assert "No course loses anything" in page(run)


def test_a_run_that_has_no_plan_has_no_impact(synced: World) -> None:
    synced.token = "wrong"
    run = synced.sync()
    assert not run.folder.has("impact.json")
    assert "impact.html" not in page(run, "report.html")


def test_a_state_database_that_does_not_answer_leaves_the_makers_unread(synced: World, tmp_path: Path) -> None:
    """A report must not need it."""
    synced.source.drop_group("C2", "G1")
    run = synced.sync(until="circuit_breaker")
    kept = synced.databases["groupsync_state"]
    synced.databases["groupsync_state"] = f"sqlite:///{tmp_path / 'nowhere.db'}"
    again = synced.sync(run_id=run.run_id, start="report", until="report")
    synced.databases["groupsync_state"] = kept
    assert again.errors == {}
    assert impact(again)["creations_read"] is False
    assert "not read" in page(again)
    assert isinstance(pd.read_csv(run.folder.path / "impact.csv"), pd.DataFrame)
