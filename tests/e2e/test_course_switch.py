"""A person switches courses of a term: what is refused, what is kept of it, what the runs then do (rules C2, I1)."""

from typing import Any

import pytest

from include.groupsync.errors import IdentityError, SettingsError, SourceError, TermStateError
from include.groupsync.model.mode import Mode
from tests.world import NO_BREAKER, TERM1, TERM2, Outcome, World


def page(run: Outcome) -> str:
    return (run.folder.path / "report.html").read_text(encoding="utf-8")


def switches(world: World) -> list[tuple[str, ...]]:
    return [
        (row["term"], row["course"], row["switch"], row["who"], row["reason"])
        for row in world._state("SELECT * FROM course_switch ORDER BY change")
    ]


def test_c2_off_freezes_a_course_and_back_holds_what_it_would_delete(synced: World) -> None:
    """Neither created, nor updated, nor deleted; once it is back, what is new goes at once, and what would go waits for
    a person, in that course alone."""
    synced.configure(NO_BREAKER)
    done = synced.switch("off", "C1", " C1 ", "")
    assert (done.error, done.calls) == ("", [])
    synced.source.drop_group("C1", "G2")
    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Renamed")
    synced.source.group("C1", "G3", name="Group 3")
    synced.source.drop_member("C2", "G1", "eve")
    run = synced.sync()
    assert (run.error, run.changes) == ("", [("membership", "delete", "C2", "G1", "eve")])
    assert run.report["switches"]["off"] == 1
    assert "1 courses of the term are switched off, 0 on" in page(run)
    assert "C1,off" in (run.folder.path / "switches.csv").read_text(encoding="utf-8")

    synced.switch("source", "C1")
    synced.source.members("C2", "G1", "ann")
    assert synced.sync(mode=Mode.ADD).state == "applied"
    synced.source.drop_member("C2", "G1", "ann")
    back = synced.sync()
    assert back.state == "held"
    assert {change[2] for change in back.held} == {"C1"}
    assert set(back.trips) == {("opened_again", "C1")}
    assert set(synced.moodle.groups("C1")) == {"G1", "G2", "G3"}
    assert synced.moodle.members("C2") == {"G1": set()}, "of a course that nobody switched nothing is held"
    again = synced.sync()
    assert again.state == "held", "as long as nobody has approved"
    synced.answer(again)
    assert synced.release(again).error == ""
    assert set(synced.moodle.groups("C1")) == {"G1", "G3"}
    synced.source.drop_group("C1", "G3")
    assert (synced.sync().error, set(synced.moodle.groups("C1"))) == ("", {"G1"})


def test_c2_on_makes_inactive_mappings_active_and_leaves_withdrawn_ones(synced: World) -> None:
    """Of all mapped courses at once; another term's are left alone, and what is so already is not written again."""
    synced.configure(NO_BREAKER)
    synced.remap("C1", status="inactive")
    synced.remap("C2", status="withdrawn")
    synced.map("C1", period="T2", status="inactive")
    synced.source.group("C1", "G3", name="Group 3")
    done = synced.switch("on", every=True, reason="week six", who="ada")
    assert done.error == ""
    record = done.folder.json("steps/set_course_switch")
    assert (record["asked"], record["changed"]) == (2, 2)
    assert record["means"].startswith(
        "In 2 courses 1 mappings that are inactive at the source are active from now on; 1 that are withdrawn stay"
    )
    assert "ada" not in str({name: record[name] for name in ("term", "switch", "means", "warnings")})
    assert "on, C1, C2; by ada, who says: week six" in page(done)
    run = synced.sync()
    assert (run.state, set(synced.moodle.groups("C1"))) == ("held", {"G1", "G2", "G3"})
    assert run.held == [("group", "delete", "C2", "G1")], "it was switched: a person looks first"
    synced.answer(run)
    assert synced.release(run).error == ""
    assert synced.moodle.groups("C2") == {}, "a withdrawal goes on"
    assert synced.sync(TERM2).changes == []
    again = synced.switch("on", "C1", reason="once more")
    assert "nothing was changed, 1 courses are switched on already" in page(again)
    assert switches(synced) == [(TERM1, course, "on", "ada", "week six") for course in ("C1", "C2")]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"term": "2026-27-T9"}, f"unknown term '2026-27-T9'; known: {TERM1}, {TERM2}"),
        ({"switch": "perhaps"}, "unknown switch 'perhaps'; known: on, off, source"),
        ({"reason": " "}, "say why in the form"),
        ({"courses": ("C1", "C8", "C9")}, f"no mapping of term {TERM1} has the course C8, C9: type its key"),
        ({"courses": ()}, "name the courses, one a line, or tick"),
        ({"every": True}, "one of the two"),
        ({"term": TERM2, "courses": (), "every": True}, f"the mappings have no course of term {TERM2}"),
    ],
)
def test_c2_what_cannot_be_used_is_refused_and_changes_nothing(
    synced: World, typed: dict[str, Any], words: str
) -> None:
    given = {"term": TERM1, "switch": "off", "courses": ("C1",), "reason": "why", **typed}
    run = synced.switch(given.pop("switch"), *given.pop("courses"), **given)
    assert isinstance(run.errors["set_course_switch"], SettingsError)
    assert words in run.error
    assert "not changed" in page(run)
    assert switches(synced) == []


def test_c2_named_courses_can_be_switched_off_while_the_mappings_cannot_be_read(synced: World) -> None:
    """Nothing else can: what *on* and *all* mean stands there."""
    synced.source.execute("ALTER TABLE remote_mappings RENAME TO gone")
    refused = synced.switch("on", "C1"), synced.switch("off", every=True)
    assert [type(run.errors["set_course_switch"]) for run in refused] == [SourceError, SourceError]
    done = synced.switch("off", "C1")
    assert (done.error, switches(synced)) == ("", [(TERM1, "C1", "off", "ada", "told to")])
    assert "The mappings could not be read (SourceError)" in page(done)


def test_i1_another_environments_courses_are_not_switched(synced: World) -> None:
    synced.environment = "production"
    run = synced.switch("off", "C1")
    assert isinstance(run.errors["set_course_switch"], IdentityError)
    assert switches(synced) == []


def test_c2_a_run_that_is_writing_sends_nothing_once_a_course_is_switched_off(synced: World) -> None:
    """Of its own term; before its first call here, as what it went by no longer holds."""
    synced.configure(NO_BREAKER)
    synced.source.drop_member("C1", "G1", "ann")
    synced.map("C1", period="T2")
    run = synced.sync(before={"apply": lambda: synced.switch("off", "C1", term=TERM2)})
    assert (run.error, run.state) == ("", "applied")
    synced.source.drop_member("C1", "G1", "bob")
    run = synced.sync(before={"apply": lambda: synced.switch("off", "C2")})
    assert isinstance(run.errors["apply"], TermStateError)
    assert (run.writes, "1 courses of term" in run.error) == (0, True)
    assert "bob" in synced.moodle.members("C1")["G1"]
    assert (synced.sync().error, synced.moodle.members("C1")["G1"]) == ("", set())


def test_c6_without_mappings_there_is_nothing_to_switch(synced: World) -> None:
    synced.configure(mappings="none")
    run = synced.switch("off", "C1")
    assert "mappings: none" in run.error
