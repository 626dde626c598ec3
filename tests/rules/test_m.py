"""Memberships (section M)."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.errors import GroupsyncError, SettingsError
from include.groupsync.model.frames import rows
from include.groupsync.settings import Settings, load_settings
from include.groupsync.steps.member_exception import FOLDER, Excepting, set_member_exception
from tests.rules.conftest import MakeWorld
from tests.rules.pure import SETTINGS, TERM1, TERM2, Members, errors, moves
from tests.world import World

ANN, BOB, CID = ("G1", "ann"), ("G1", "bob"), ("G1", "cid")


def claims(found) -> dict[tuple[int, int], str]:
    """What the ledger is told: terms by group and person; an empty text means no longer ours."""
    return {(row["group_id"], row["user_id"]): row["terms"] for row in rows(found.observed)}


@pytest.mark.parametrize("field", ["idnumber", "name"])
def test_m1_without_the_course_column_nothing_is_read(tmp_path: Path, field: str) -> None:
    """Verbatim, when the settings are loaded; by id a membership needs no course."""
    without = SETTINGS | {"memberships": {"connection": "c", "table": "t"}}
    path = tmp_path / "groupsync.yaml"
    path.write_text(yaml.safe_dump(without | {"localgroupfield": field}))
    message = f"When using {field} to identify groups the remote group membership table must include the course."
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert str(raised.value).startswith(message)
    assert Settings.model_validate(without | {"localgroupfield": "id"}).memberships


@pytest.mark.parametrize("field", ["id", "idnumber", "name"])
def test_m1_the_group_is_matched_by_the_configured_field(make_world: MakeWorld, field: str) -> None:
    """By id the row's course is not looked at; by name and id a group without idnumber is one too (M2)."""
    world = make_world(localgroupfield=field)
    by_hand = world.by_hand.group("C1", "Mine", members=["cid"])
    world.source.group("C1", "G1", name="Lab")
    assert world.sync().state == "applied"
    made = world.moodle.groups("C1")["G1"].id
    keys = {"id": (str(made), str(by_hand)), "idnumber": ("G1", "Mine"), "name": ("Lab", "Mine")}[field]
    for key in keys:
        world.source.members("C1", key, "ann")
    run = world.sync()
    there = world.moodle.members("C1")
    if field == "idnumber":
        assert (there, [f["reason"] for f in run.findings]) == (
            {"G1": {"ann"}, "Mine": {"cid"}},
            ["group not found in the course"],
        )
        return
    assert (there, run.findings) == ({"G1": {"ann"}, "Mine": {"ann", "cid"}}, [])
    world.source.delete("remote_memberships", group_idnumber=keys[1])
    world.sync()
    seen = world.moodle.groups("C1")["Mine"]
    assert (seen.id, seen.idnumber, seen.members) == (by_hand, "", {"cid"}), "ours goes, the group is not touched"


def test_m2_what_is_not_found_is_one_error_each_and_the_next_row_goes_on() -> None:
    """A group that is not there, a person that nobody knows, both at once."""
    found = Members(listed=[("G9", "ann"), ("G1", "eve"), ("G9", "eve"), ANN]).compare()
    assert moves(found) == {"+ G1 ann"}
    unknown = "user not found: no account in Moodle has this key"
    assert errors(found) == [
        ("error", "M2", "G9", "ann", "group not found in the course"),
        ("error", "M2", "G1", "eve", unknown),
        ("error", "M2", "G9", "eve", "group not found in the course"),
    ]


def test_m2_what_fits_two_fits_none_and_protects_both() -> None:
    """Two groups of one name, two accounts of one key: nobody is added, and nobody of them is removed (K6)."""
    same = {"G1": "Lab", "G2": "Lab"}
    found = Members(listed=[("Lab", "ann")], there=[ANN], managed=[ANN], matches=same).compare()
    assert moves(found) == set()
    assert errors(found) == [("error", "M2", "Lab", "ann", "group ambiguous: several groups of the course fit")]
    twice = Members(listed=[ANN], there=[ANN], managed=[ANN], accounts=[(999, "ann")]).compare()
    assert moves(twice) == set()
    reason = "user ambiguous: several accounts in Moodle have this key"
    assert errors(twice) == [("error", "M2", "G1", "ann", reason)]


def test_m2_by_name_means_the_name_after_this_run(make_world: MakeWorld) -> None:
    """A group renamed in the same run is found by its new name; where suffixes are put the bare one fits none."""
    world = make_world(localgroupfield="name")
    world.source.group("C1", "G1", name="Old")
    world.sync()
    world.source.update("remote_groups", {"idnumber": "G1"}, name="New")
    world.source.members("C1", "New", "ann")
    world.source.members("C1", "Old", "bob")
    run = world.sync()
    assert world.moodle.members("C1") == {"G1": {"ann"}}
    assert run.reasons("error") == ["group not found in the course"]
    world.source.group("C1", "G2", name="New")
    assert world.sync().reasons("error") == ["group not found in the course"] * 2
    assert {one.name for one in world.moodle.groups("C1").values()} == {"New (G1)", "New (G2)"}


def test_m3_who_is_a_member_already_is_not_written_and_not_ours(world: World) -> None:
    """By hand before the first run: the source may drop them, and they stay."""
    world.source.group("C1", "G1")
    world.sync()
    world.by_hand.add_member("C1", "G1", "ann")
    world.source.members("C1", "G1", "ann", "bob")
    run = world.sync()
    assert run.changes == [("membership", "create", "C1", "G1", "bob")]
    assert [row["user"] for row in world.ledger if row["kind"] == "membership"] == ["bob"]
    world.source.delete("remote_memberships")
    assert world.sync().changes == [("membership", "delete", "C1", "G1", "bob")]
    assert world.moodle.members("C1") == {"G1": {"ann"}}


def test_m4_who_is_enrolled_is_added_and_recorded_as_ours(world: World) -> None:
    """A suspended enrolment counts; who is not enrolled is deferred, and never enrolled."""
    world.user("dan")
    world.enrol("C1", "eve", suspend=1)
    world.source.group("C1", "G1")
    world.source.members("C1", "G1", "ann", "dan", "eve")
    enrolments = world.moodle.query("SELECT * FROM mdl_user_enrolments")
    run = world.sync()
    assert (run.state, world.moodle.members("C1")) == ("applied", {"G1": {"ann", "eve"}})
    assert [(f["severity"], f["rule"], f["user"], f["reason"]) for f in run.findings] == [
        ("deferred", "M4", "dan", "the person is not enrolled in the course")
    ]
    assert world.moodle.query("SELECT * FROM mdl_user_enrolments") == enrolments
    assert {row["user"] for row in world.ledger if row["kind"] == "membership"} == {"ann", "eve"}
    world.enrol("C1", "dan")
    world.by_hand.remove_member("C1", "G1", "ann")  # while the source lists her: added again
    assert {c[-1] for c in world.sync().changes} == {"ann", "dan"}


def test_m5_only_ours_that_the_source_dropped_are_removed() -> None:
    """Not somebody's else, not who is listed, not who is gone; the group stays."""
    found = Members(listed=[BOB], there=[ANN, BOB, CID], managed=[ANN, BOB]).compare()
    assert moves(found) == {"- G1 ann"}
    assert moves(Members(there=[CID]).compare()) == set()
    assert moves(Members(managed=[ANN]).compare()) == set()


def test_m5_one_that_was_seen_gone_is_no_longer_ours(world: World) -> None:
    """Put back by hand it is theirs, until we add it again."""
    gone = Members(managed=[ANN]).compare()
    assert claims(gone) == {(11, 101): ""}
    world.source.group("C1", "G1")
    world.source.members("C1", "G1", "ann")
    world.sync()
    world.source.drop_member("C1", "G1", "ann")
    world.by_hand.remove_member("C1", "G1", "ann")
    assert world.sync().writes == 0
    world.by_hand.add_member("C1", "G1", "ann")
    assert (world.sync().writes, world.moodle.members("C1")) == (0, {"G1": {"ann"}})


@pytest.mark.parametrize("fate", ["rekeyed", "deleted"])
def test_m5_nobody_is_taken_out_of_a_group_that_does_not_stay(fate: str) -> None:
    """What is held for a group holds the removals in it; adds go on."""
    found = Members(listed=[CID], there=[ANN], managed=[ANN], fates={"G1": fate}).compare()
    assert moves(found) == (set() if fate == "deleted" else {"+ G1 cid"})


def test_m5_a_person_listed_by_another_open_term_stays() -> None:
    """Only the claim of this one goes (C5)."""
    found = Members(there=[ANN], managed={ANN: f"{TERM1} {TERM2}"}).compare()
    assert (moves(found), claims(found)) == (set(), {(11, 101): TERM2})


def test_m6_the_pinned_stay_and_the_excluded_go_and_are_not_added() -> None:
    """An excluded member that is not ours stays; a pin adds nobody."""
    found = Members(there=[ANN, BOB], managed=[ANN, BOB], pinned=[ANN]).compare()
    assert moves(found) == {"- G1 bob"}
    found = Members(listed=[ANN, BOB], there=[ANN], managed=[ANN], excluded=[ANN, BOB]).compare()
    assert moves(found) == {"- G1 ann"}
    assert moves(Members(listed=[ANN], there=[ANN], excluded=[ANN]).compare()) == set()
    assert moves(Members(pinned=[ANN]).compare()) == set()
    two_terms = Members(there=[ANN], managed={ANN: f"{TERM1} {TERM2}"}, excluded=[ANN]).compare()
    assert moves(two_terms) == {"- G1 ann"}, "whatever other term lists them"


def test_m6_both_at_once_is_reported_and_neither_is_done() -> None:
    """The source decides, as without exceptions."""
    both = {"pinned": [ANN], "excluded": [ANN]}
    found = Members(listed=[ANN], **both).compare()
    assert moves(found) == {"+ G1 ann"}
    reason = "the person is both pinned to the group and excluded from it"
    assert errors(found) == [("error", "M6", "G1", "ann", reason)]
    assert moves(Members(there=[ANN], managed=[ANN], **both).compare()) == {"- G1 ann"}


def test_m6_the_data_teams_table_is_heeded(world: World) -> None:
    """Per course and group, by the keys of the source."""
    for course in ("C1", "C2"):
        if course == "C2":
            world.course("C2", users=["ann", "bob"])
            world.map("C2")
        world.source.group(course, "G1")
        world.source.members(course, "G1", "ann", "bob")
    world.sync()
    for user, what in (("ann", "pin"), ("bob", "exclude")):
        world.edit_state(
            'INSERT INTO member_exception (course, "group", "user", what, reason, who, at)'
            " VALUES ('C1', 'G1', ?, ?, 'asked for', 'data team', '2026-10-01 00:00:00')",
            user,
            what,
        )
    world.source.delete("remote_memberships", user_key="ann")
    run = world.sync()
    assert sorted(run.changes) == [
        ("membership", "delete", "C1", "G1", "bob"),
        ("membership", "delete", "C2", "G1", "ann"),
    ]
    assert {change.thing.course: change.rule for change in run.plan.changes()} == {"C1": "M6", "C2": "M5"}
    assert world.sync().writes == 0


def by_form(world: World, what: str, person: str, **typed: str) -> tuple[dict[str, Any], str]:
    """What a person types into the form of moodle_member_exception: its document, and the error."""
    form = {"course": "C1", "group": "G1", "reason": "asked for", "who": "dora", **typed}
    run = Excepting(f"form-{len(list(world.folder.glob('runs/*/*')))}", FOLDER, person=person, what=what, **form)
    error = ""
    try:
        set_member_exception(world.deployment(), run)
    except GroupsyncError as raised:
        error = str(raised)
    folder = run.folder(world.deployment())
    key = person.strip().lower()
    assert key in (folder.path / "report.html").read_text()
    told = json.loads((folder.path / "steps/set_member_exception.json").read_text())
    assert key not in repr(list(told.values())), "it goes to the log"
    return folder.json("member_exception"), error


@pytest.fixture
def two_in_a_group(world: World) -> World:
    """ann and bob by the sync, and both listed; cid by hand."""
    world.enrol("C1", "cid")
    world.source.group("C1", "G1", name="Lab")
    world.source.members("C1", "G1", "ann", "bob")
    world.sync()
    world.by_hand.add_member("C1", "G1", "cid")
    return world


def test_m6_whoever_was_pinned_by_form_stays_until_it_is_cleared(two_in_a_group: World) -> None:
    """And no longer; the source no longer lists either of two."""
    world = two_in_a_group
    pinned, _ = by_form(world, "pin", " Ann ")
    assert (pinned["user"], pinned["before"], pinned["warnings"]) == ("ann", "no exception", [])
    assert "stays there as long as the group does" in pinned["means"]
    world.source.drop_member("C1", "G1", "ann")
    world.source.drop_member("C1", "G1", "bob")
    run = world.sync()
    assert run.changes == [("membership", "delete", "C1", "G1", "bob")]
    [told] = run.report["exceptions"]["first"]
    assert told == {
        "course": "C1", "group": "G1", "user": "ann", "what": "pin", "since": "2026-10-12 06:00", "reason": "asked for",
    }  # fmt: skip
    page = (run.folder.path / "report.html").read_text()
    assert "Pinned and excluded people" in page
    assert "dora" not in page, "people by their source key only (W3)"
    cleared, _ = by_form(world, "clear", "ann", reason="a mistake")
    assert (cleared["before"], cleared["after"]) == ("pin since 2026-10-12 06:00 UTC", [])
    assert "where it lists the person no more, the next full run takes them out" in cleared["means"]
    run = world.sync()
    assert run.changes == [("membership", "delete", "C1", "G1", "ann")]
    assert "Pinned and excluded people" not in (run.folder.path / "report.html").read_text()


def test_m6_whoever_was_excluded_by_form_goes_and_comes_back_once_it_is_cleared(two_in_a_group: World) -> None:
    """Listed or not; a member by hand stays, and whoever is excluded before being listed is never added."""
    world = two_in_a_group
    world.enrol("C1", "dan")
    ours, _ = by_form(world, "exclude", "bob")
    assert "takes the person out of the group" in ours["means"]
    for person in ("cid", "dan"):
        other, _ = by_form(world, "exclude", person)
        assert "Put there by other hands than this sync's they stay" in other["means"]
    world.source.members("C1", "G1", "cid", "dan")
    run = world.sync()
    assert run.changes == [("membership", "delete", "C1", "G1", "bob")]
    assert world.moodle.members("C1")["G1"] == {"ann", "cid"}
    cleared, _ = by_form(world, "clear", "bob")
    assert "the next run adds the person" in cleared["means"]
    assert world.sync().changes == [("membership", "create", "C1", "G1", "bob")]


def test_m6_the_form_says_what_holds_already_and_what_the_ledger_does_not_know(two_in_a_group: World) -> None:
    """The same again is no change, a pin takes the place of an exclusion, and what may be mistyped is a warning."""
    world = two_in_a_group
    nothing, _ = by_form(world, "clear", "ann")
    assert (nothing["changed"], nothing["history"]) == (False, [])
    assert "There was no exception to end" in nothing["means"]
    by_form(world, "exclude", "ann", reason="left:\n for good")
    again, _ = by_form(world, "exclude", "ann", reason="another")
    assert (again["changed"], len(again["history"])) == (False, 1)
    assert again["after"] == ["exclude since 2026-10-12 06:00 UTC, by dora, who says: left: for good"]
    instead, _ = by_form(world, "pin", "ann")
    assert (instead["before"], len(instead["after"])) == ("exclude since 2026-10-12 06:00 UTC", 1)
    assert [line.split(": ")[1] for line in instead["history"]] == ["pin, before", "exclude, before"]
    for typed, said in {
        ("C9", "G1"): "The ledger has nothing of a course C9: is that its key in the mappings?",
        ("C1", "G9"): "The ledger has no group G9 in course C1. As long as",
        ("C1", "Lab"): "no group Lab in course C1; a group of that name or id has the key G1. As long",
    }.items():
        told, error = by_form(world, "pin", "bob", course=typed[0], group=typed[1])
        assert (told["changed"], error) == (True, "")
        assert said in told["warnings"][0]


def test_m6_what_cannot_be_meant_is_refused_and_nothing_is_written(world: World) -> None:
    told, error = by_form(world, "pin", "ann", reason=" ")
    assert "say why in the form" in told["refused"] == error
    world.environment = "production"
    _, error = by_form(world, "pin", "ann")
    assert "the state database belongs to sandbox, and this deployment is production" in error
    world.environment = "sandbox"
    clear, _ = by_form(world, "clear", "ann")
    assert (clear["changed"], clear["history"]) == (False, [])


def test_m5_nobody_leaves_a_group_whose_idnumber_somebody_took_away(world: World) -> None:
    """Its rows no longer find it; that says nothing of the people in it."""
    world.source.group("C1", "G1", name="Lab")
    world.source.members("C1", "G1", "ann", "bob")
    world.sync()
    world.by_hand.edit_group("C1", "G1", idnumber="")
    assert world.sync().changes == []
    assert world.moodle.groups("C1")["Lab"].members == {"ann", "bob"}
