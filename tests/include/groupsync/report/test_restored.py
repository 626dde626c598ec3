"""The page of what came back and what is left to do (rule J3)."""

from typing import Any

from include.groupsync.report.restored import restored_page

ABOUT = {"run_id": "moodle_group_restore.r", "undoes": "nightly", "dry_run": False}
BACK = {"course": "C1", "kind": "group", "key": "G1", "name": "One", "old_id": 11, "new_id": 101}
USE = {
    "course": "C1", "kind": "group", "key": "G1", "old_id": 11, "new_id": 101, "what": "restriction", "module": "quiz",
    "activity": "<b>Quiz</b>", "url": "https://m/5", "to_do": "Choose it again.",
}  # fmt: skip
UNSEEN = {**dict.fromkeys(USE), "what": "not to be seen", "to_do": "Overrides are gone."}


def page(*ids: dict[str, Any], work: list[dict[str, Any]], **about: Any) -> str:
    return restored_page(ABOUT | about, list(ids), work)


def test_j3_the_work_is_shown_by_course_with_links_and_what_cannot_be_seen_once() -> None:
    """What comes from Moodle is text on the page, and only an address of the web is a link."""
    strange = {**USE, "course": "C2", "url": "javascript:alert(1)"}
    found = page(BACK, work=[USE, strange, {**UNSEEN, "course": "C1"}, {**UNSEEN, "course": "C2"}])
    assert '<a href="https://m/5" rel="noreferrer">&lt;b&gt;Quiz&lt;/b&gt;</a>' in found
    assert 'href="javascript' not in found
    assert found.count("Overrides are gone.") == 1
    assert "In 2 courses:" in found
    assert "C1, C2" in found


def test_j3_what_is_not_there_and_a_dry_run_are_told() -> None:
    found = page(BACK, {**BACK, "key": "G2", "new_id": None}, work=[], dry_run=True)
    assert "1 of 2 deleted groupings and groups are there (a dry run: nothing was written)" in found
    assert found.count("not there") == 1
    assert "no group and no grouping that was in use" in found
