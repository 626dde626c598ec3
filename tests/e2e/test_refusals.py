"""A run that a person started and that may do nothing is refused, and says what stands in the way (rule C2)."""

import pytest

from include.groupsync.errors import RunRefused
from include.groupsync.model.mode import Mode
from tests.rules.test_c import alerts
from tests.world import NO_BREAKER, TERM1, WITH_QUEUE, World

BEFORE_GROUPS = {
    "core_webservice_get_site_info", "core_course_get_courses_by_field",
    "core_group_get_course_groupings", "core_group_get_groupings",  # the control course's, for the marker
}  # fmt: skip


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.ADD])
def test_c2_a_frozen_term_refuses_a_person_and_names_state_and_inactive_mappings(synced: World, mode: Mode) -> None:
    """Before Moodle is read; one by the schedule is as green as ever, and so is a look."""
    for number in range(7):
        synced.map(f"D{number}", status="inactive")
    synced.set_state(TERM1, "frozen")
    run = synced.sync(mode=mode, by_person=True)
    assert isinstance(run.errors["extract"], RunRefused)
    assert list(run.errors) == ["extract", "outcome"]
    assert {call.function for call in run.calls} <= BEFORE_GROUPS
    assert run.error.splitlines()[:2] == [
        f"REFUSED: a run of term {TERM1} was started to write. The term is frozen since 2026-10-12 06:00 UTC, and 7 of"
        " its 9 mappings are inactive, of 7 courses.",
        "Inactive: D0, D1, D2, D3, D4 and 2 more.",
    ]
    assert "moodle_term_state" in run.error
    assert synced.runs()[run.run_id]["outcome"] == "refused"
    assert "REFUSED: a run of term" in (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert alerts(synced, run) == (), "whoever started it reads it there"
    assert synced.sync(mode=Mode.PLAN, by_person=True).error == ""
    assert synced.sync(mode=mode).error == ""


def test_c2_a_part_without_an_active_mapping_refuses_a_person(synced: World) -> None:
    """Whatever the rest of the term does."""
    synced.remap("C1", status="inactive")
    run = synced.sync(by_person=True, courses=["C1"])
    assert run.error.splitlines()[0] == (
        f"REFUSED: a run of term {TERM1}, only courses C1, was started to write. None of its mappings is active: 1"
        " mappings of 1 courses are inactive."
    )
    assert synced.sync(by_person=True, courses=["C2"]).error == ""
    assert synced.sync(by_person=True).error == ""


def test_c2_a_term_without_an_active_mapping_refuses_a_person(synced: World) -> None:
    """By what holds: a course that is switched off is inactive; one that is switched on, an import that is asked for
    or a removal lets the run go on."""
    synced.configure({**NO_BREAKER, **WITH_QUEUE})
    synced.remap("C1", status="inactive")
    synced.switch("off", "C2")
    run = synced.sync(by_person=True)
    assert run.error.splitlines()[:2] == [
        f"REFUSED: a run of term {TERM1} was started to write. None of its mappings is active: 2 mappings of 2 courses"
        " are inactive.",
        "Inactive: C1, C2.",
    ]
    assert synced.sync().error == "", "by the schedule it is green"
    synced.switch("on", "C1")
    assert synced.sync(by_person=True).error == ""
    synced.switch("source", "C1")
    synced.remap("C1", status="active", import_groups="0")
    assert isinstance(synced.sync(by_person=True).errors["extract"], RunRefused)
    synced.source.request(1, "ADD", "C1")
    assert synced.sync(by_person=True).error == ""
    synced.source.request(2, "RMV", "C1", "2026-10-12")
    removed = synced.sync(by_person=True)
    assert (removed.error, synced.moodle.groups("C1")) == ("", {})


def test_c2_where_nobody_has_mapped_the_term_the_suite_has_the_word(synced: World) -> None:
    """And where the term is open and one mapping is active, nothing is refused."""
    synced.remap("C2", status="inactive")
    assert synced.sync(by_person=True).error == ""
    synced.source.delete("remote_mappings")
    assert "RunRefused" not in {type(one).__name__ for one in synced.sync(by_person=True).errors.values()}
