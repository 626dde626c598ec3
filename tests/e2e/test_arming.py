"""Arming a site: what a person types decides who may write, and nothing but the marker is written (I2, A7)."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import yaml

from include.groupsync.errors import SettingsError
from include.groupsync.moodle.marker import FUNCTIONS
from include.groupsync.state.database import initialise
from tests.e2e.conftest import MakeWorld, furnish
from tests.machine.faults import Line
from tests.world import CONTROL_COURSE, MARKER, SOURCE, STATE, Outcome, World

PRODUCTION = "production"


@pytest.fixture
def bare(make_world: MakeWorld) -> World:
    """A site that nobody has armed."""
    return make_world(armed=False)


@pytest.fixture
def production(bare: World) -> World:
    """The same, as an environment that is configured, with a ledger of its own."""
    to_production(bare)
    bare.configure(environments={PRODUCTION: {"moodle": bare.url, "databases": {SOURCE: "sqlite sandbox"}}})
    return bare


def to_production(world: World) -> None:
    initialise(f"sqlite:///{world.folder / 'production.db'}", PRODUCTION)
    world.databases[STATE] = f"sqlite:///{world.folder / 'production.db'}"
    world.environment = PRODUCTION


def id_of(world: World) -> str:
    with sqlite3.connect(world.databases[STATE].removeprefix("sqlite:///")) as state:
        return str(state.execute("SELECT deployment_id FROM stamp").fetchone()[0])


def markers(world: World) -> list[str]:
    return [row["name"] for row in world.moodle.query("SELECT name FROM mdl_groupings WHERE idnumber = ?", MARKER)]


def page(run: Outcome) -> str:
    return (run.folder.path / "report.html").read_text(encoding="utf-8")


def refused(world: World, *words: str, **typed: str) -> Outcome:
    """The arming is refused, with these words, before any writing call; the page says so too."""
    before = markers(world)
    run = world.arming(**typed)
    assert run.failed_step == "write"
    for word in words:
        assert word in run.error
    assert run.writes == 0
    assert markers(world) == before
    assert "Not armed" in page(run)
    return run


# --- armed


def test_i2_a_site_that_was_armed_can_be_synced(production: World) -> None:
    furnish(production)
    assert production.sync().state == "blocked"
    run = production.arming()
    assert run.state == "applied", run.error
    assert markers(production) == [f"{PRODUCTION} {id_of(production)}"]
    synced = production.sync()
    assert synced.state == "applied", synced.error
    assert production.moodle.members("C1")["G1"] == {"ann", "bob"}


def test_a7_arming_writes_the_marker_and_nothing_else(production: World) -> None:
    furnish(production)
    before = production.moodle.image("C1", "C2")
    run = production.arming()
    assert [call.function for call in run.writing_calls] == ["core_group_create_groupings"]
    assert len(run.writing_calls[0].items) == 1
    control = production.moodle.groupings(CONTROL_COURSE["idnumber"])
    assert control.keys() == {MARKER}
    assert "Do not edit or delete it" in control[MARKER].description
    assert production.moodle.groups(CONTROL_COURSE["idnumber"]) == {}
    assert production.moodle.image("C1", "C2") == before


def test_i2_arming_shows_all_five_sides_before_and_after(production: World) -> None:
    run = production.arming()
    document = run.folder.json("arming")
    assert [side["name"] for side in document["before"] if not side["agrees"]] == ["marker"]
    names = ["deployment", f"source {SOURCE}", "ledger", "Moodle", "marker"]
    assert [side["name"] for side in document["after"]] == names
    assert all(side["agrees"] for side in document["after"])
    assert (document["done"], document["who"], document["url"]) == ("armed", "ann", production.url)
    shown = page(run)
    assert "The site is armed" in shown
    assert shown.index("<h2>After</h2>") < shown.index("<h2>Before</h2>")
    assert f"{PRODUCTION} {id_of(production)}" in shown


def test_i2_arming_twice_has_nothing_to_do(production: World) -> None:
    production.arming()
    again = production.arming()
    assert (again.state, again.writes) == ("applied", 0)
    assert again.folder.json("arming")["done"] == "nothing to do"
    assert "armed already" in page(again)


def test_i2_a_slash_at_the_end_of_the_typed_address_is_no_difference(production: World) -> None:
    assert production.arming(url=production.url + "/").state == "applied"


def test_the_sandbox_can_be_armed_on_the_loopback_with_generated_sources(bare: World) -> None:
    furnish(bare)
    assert bare.arming().state == "applied"
    assert markers(bare) == [f"sandbox {bare.deployment_id}"]
    assert bare.sync().state == "applied"


def test_the_sandbox_cannot_be_armed_with_a_source_that_was_not_generated(bare: World) -> None:
    bare.source.execute("DROP TABLE groupsync_stamp")
    refused(bare, f"source {SOURCE} says stamp None, expected stamp sandbox")


def test_the_sandbox_cannot_be_armed_at_a_real_site(bare: World) -> None:
    bare.site._application.rest_server._options.site_url = "https://moodle.example.org"
    refused(bare, "https://moodle.example.org, expected an address on the loopback", url="https://moodle.example.org")


# --- what was typed


def test_i2_another_address_than_the_connections_is_refused(production: World) -> None:
    """The incident: the code was staging's and the address in the connection production's."""
    refused(
        production,
        f"The address typed is https://moodle.example.ac.uk, the connection's is {production.url}.",
        f"The address typed is https://moodle.example.ac.uk, the site's own is {production.url}.",
        url="https://moodle.example.ac.uk",
    )


def test_i2_a_site_that_calls_itself_otherwise_is_refused(production: World) -> None:
    """A connection through a proxy or an old name does not do: the site says who it is."""
    production.site._application.rest_server._options.site_url = "https://moodle.example.ac.uk"
    refused(production, f"The address typed is {production.url}, the site's own is https://moodle.example.ac.uk")


@pytest.mark.parametrize("typed", ["", "   "])
def test_i2_nothing_typed_is_refused(production: World, typed: str) -> None:
    refused(production, "The address typed is", url=typed)


def test_i2_another_environment_than_the_deployments_is_refused(production: World) -> None:
    said = "The environment picked is staging, this deployment's is production (GROUPSYNC_ENVIRONMENT)."
    refused(production, said, environment="staging")


def test_i1_a_deployment_without_environment_arms_nothing(production: World) -> None:
    production.environment = ""
    refused(production, "set GROUPSYNC_ENVIRONMENT outside the project", environment=PRODUCTION)
    refused(production, "set GROUPSYNC_ENVIRONMENT outside the project", environment="")


# --- what was found


def test_i2_an_environment_that_is_not_configured_is_shown_as_settings_to_paste(bare: World) -> None:
    to_production(bare)
    run = refused(bare, "Environment production is not configured", "put it into groupsync.yaml")
    pasted = yaml.safe_load(run.folder.json("arming")["settings"])
    assert pasted == {"environments": {PRODUCTION: {"moodle": bare.url, "databases": {SOURCE: "sqlite sandbox"}}}}
    assert page(run).count(f"moodle: {bare.url}") == 1
    bare.configure(pasted)
    assert bare.arming().state == "applied", "what was shown is what it takes"


def test_i2_what_does_not_answer_is_not_offered_as_settings(bare: World) -> None:
    to_production(bare)
    bare.source.execute("DROP TABLE groupsync_stamp")
    settings = refused(bare, "not configured").folder.json("arming")["settings"]
    assert yaml.safe_load(settings) == {"environments": {PRODUCTION: {"moodle": bare.url, "databases": {}}}}
    assert f"# {SOURCE}: no identity (no such table: groupsync_stamp)" in settings


def test_i1_a_source_of_another_environment_is_refused(production: World) -> None:
    production.source.execute("UPDATE groupsync_stamp SET environment = 'staging'")
    refused(production, f"source {SOURCE} says sqlite staging, expected sqlite sandbox", f"!! source {SOURCE}")


def test_i1_a_ledger_of_another_environment_is_refused(production: World) -> None:
    production.databases[STATE] = f"sqlite:///{production.folder / 'state.db'}"
    refused(production, "ledger says sandbox, expected production")


def test_i1_a_site_that_is_not_the_environments_is_refused(production: World) -> None:
    production.configure(environments={PRODUCTION: {"moodle": "https://moodle.example.ac.uk"}})
    refused(production, f"Moodle says {production.url}, expected https://moodle.example.ac.uk")


def test_i2_a_side_that_does_not_answer_does_not_hide_the_others(production: World) -> None:
    """Whoever sets up a deployment sees all that is missing at once."""
    production.token = "wrong"
    production.databases[STATE] = f"sqlite:///{production.folder / 'nowhere.db'}"
    run = production.arming()
    said = {side["name"]: side["says"] for side in run.folder.json("arming")["before"]}
    assert said[f"source {SOURCE}"] == "sqlite sandbox"
    assert "the state database refuses" in said["ledger"]
    assert "does not know the token" in said["Moodle"]
    assert isinstance(run.errors["write"], SettingsError)
    assert run.writes == 0


def test_i2_a_token_without_the_functions_is_told_which(production: World) -> None:
    missing = FUNCTIONS[-1]
    production.edit_site("DELETE FROM mdl_external_services_functions WHERE functionname = ?", missing)
    run = production.arming()
    assert f"lacks {missing}" in run.error
    assert run.writes == 0


# --- the control course


def _no_course(world: World) -> None:
    world.edit_site("UPDATE mdl_course SET idnumber = '' WHERE idnumber = ?", CONTROL_COURSE["idnumber"])


def test_i2_without_control_course_it_is_said_how_to_make_it(production: World) -> None:
    _no_course(production)
    refused(production, "make a hidden course with the ID number groupsync-control", "moodle/course:managegroups")


def test_i2_two_control_courses_are_one_too_many(production: World) -> None:
    production.course("other")
    production.edit_site("UPDATE mdl_course SET idnumber = ? WHERE idnumber = 'other'", CONTROL_COURSE["idnumber"])
    refused(production, "2 courses have the ID number groupsync-control", "keep one")


def test_i2_two_markers_are_one_too_many(production: World) -> None:
    """Only one deployment may write; which, a person has to find out."""
    furnish(production)
    production.arming()
    _add_marker(production, "staging 00000000-0000-0000-0000-000000000000")
    refused(production, "2 markers in course groupsync-control", "delete the other grouping")
    refused(production, "2 markers", old_deployment_id="00000000-0000-0000-0000-000000000000")
    blocked = production.sync()
    assert (blocked.state, blocked.writes) == ("blocked", 0)
    assert "!! marker" in blocked.error


def _add_marker(world: World, name: str, *, seen: bool = True) -> None:
    """A marker by SQL; ``seen``: Moodle's cache takes note of it."""
    with closing(sqlite3.connect(world.folder / "moodle.db", isolation_level=None)) as site:
        site.execute(
            "INSERT INTO mdl_groupings (courseid, name, idnumber, description, descriptionformat)"
            " SELECT id, ?, ?, '', 1 FROM mdl_course WHERE idnumber = ?",
            (name, MARKER, CONTROL_COURSE["idnumber"]),
        )
    if seen:
        world.site.purge_caches()


def test_i2_a_marker_that_names_no_deployment_is_not_overwritten(production: World) -> None:
    """It may have been another's before somebody edited it."""
    _add_marker(production, "of the production site")
    refused(production, "'of the production site'", "delete it in Moodle")


def test_a7_an_account_that_may_not_manage_groups_there_is_told_what_it_needs(production: World) -> None:
    production.edit_site("DELETE FROM mdl_role_capabilities WHERE capability = 'moodle/course:managegroups'")
    run = production.arming()
    assert isinstance(run.errors["write"], SettingsError)
    assert "moodle/course:managegroups" in run.error
    assert markers(production) == []


def test_a7_a_marker_whose_answer_is_lost_is_not_sent_twice(production: World) -> None:
    """What became of it is read."""
    with Line({0: "dropped after"}).open():
        run = production.arming()
    assert (run.state, run.writes) == ("applied", 1)
    assert markers(production) == [f"{PRODUCTION} {id_of(production)}"]


def test_a7_a_marker_that_did_not_arrive_makes_the_arming_red(production: World) -> None:
    """The next one writes it."""
    with Line({0: "dropped before"}).open():
        run = production.arming()
    assert "The marker was sent, and the site does not hold it: no marker" in run.error
    assert markers(production) == []
    assert "Not armed" in page(run)
    assert production.arming().state == "applied"


@pytest.mark.parametrize(
    ("seen", "words"),
    [(True, "another deployment has just armed the site"), (False, "2 markers in course groupsync-control")],
)
def test_a7_of_two_that_arm_at_the_same_moment_none_writes_beside_the_other(
    production: World, seen: bool, words: str
) -> None:
    """Moodle's check of an ID number looks into a cache, which may not know the other's yet: what is read back
    decides."""
    line = Line(calls=_Then(lambda: _add_marker(production, f"{PRODUCTION} {OTHER}", seen=seen)))
    with line.open():
        run = production.arming()
    assert words in run.error
    production.site.purge_caches()
    assert production.sync().state == "blocked"


class _Then(list[Any]):
    """Does something right before the call that is noted here is sent."""

    def __init__(self, then: Callable[[], None]):
        super().__init__()
        self._then = then

    def append(self, call: Any) -> None:
        self._then()
        super().append(call)


# --- another deployment's marker


OTHER = "0f0f0f0f-0000-0000-0000-000000000000"


@pytest.fixture
def taken(production: World) -> World:
    """A site that another deployment of the same environment has armed."""
    _add_marker(production, f"{PRODUCTION} {OTHER}")
    return production


def test_i2_another_deployments_marker_is_not_taken_over(taken: World) -> None:
    refused(taken, "armed for another deployment", f"{PRODUCTION} {OTHER}", "it was not typed")


@pytest.mark.parametrize("typed", ["production", OTHER[:-1], OTHER.upper(), f"{PRODUCTION} {OTHER}"])
def test_i2_a_wrong_old_id_takes_nothing_over(taken: World, typed: str) -> None:
    refused(taken, "armed for another deployment", f"{typed} was typed", old_deployment_id=typed)


def test_i2_the_old_id_takes_the_site_over_and_the_old_deployment_is_refused(taken: World) -> None:
    furnish(taken)
    run = taken.arming(old_deployment_id=OTHER)
    assert [call.function for call in run.writing_calls] == ["core_group_update_groupings"]
    assert markers(taken) == [f"{PRODUCTION} {id_of(taken)}"]
    assert f"taken over from {PRODUCTION} {OTHER}" in page(run)
    assert taken.sync().state == "applied"
    taken.arm(f"{PRODUCTION} {OTHER}")
    blocked = taken.sync()
    assert (blocked.state, blocked.writes) == ("blocked", 0)


def test_i2_the_same_form_again_after_a_take_over_has_nothing_to_do(taken: World) -> None:
    taken.arming(old_deployment_id=OTHER)
    again = taken.arming(old_deployment_id=OTHER)
    assert (again.state, again.writes) == ("applied", 0)


def test_i2_a_marker_of_another_environment_needs_the_old_id_too(production: World) -> None:
    """The ledger's id in it makes it no own marker: somebody has edited it."""
    _add_marker(production, f"staging {id_of(production)}")
    refused(production, "armed for another deployment", f"staging {id_of(production)}")
    assert production.arming(old_deployment_id=id_of(production)).state == "applied"
    assert markers(production) == [f"{PRODUCTION} {id_of(production)}"]


def test_i2_an_old_id_without_a_marker_is_refused(production: World) -> None:
    """Whoever typed it expects another site than this."""
    refused(production, "There is no marker to take over", old_deployment_id=OTHER)


def test_i2_an_old_id_helps_against_no_other_difference(taken: World) -> None:
    taken.source.execute("UPDATE groupsync_stamp SET environment = 'staging'")
    refused(taken, "sqlite staging", old_deployment_id=OTHER)
