"""Which site this is, and who may write to it (rule I2)."""

import sqlite3
from typing import Any

import pytest

from include.groupsync.errors import SettingsError
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.marker import CONTROL_COURSE, MARKER, Marker, read_marker, site_url
from include.groupsync.moodle.writer import MoodleWriter
from sandbox.moodle import RunningSite
from tests.include.groupsync.moodle.conftest import CONTROL, client_of


def mark(client: MoodleClient, name: str, idnumber: str = MARKER) -> None:
    item: dict[str, Any] = {"courseid": CONTROL, "name": name, "description": "", "idnumber": idnumber}
    MoodleWriter(client).create_groupings([item])


def test_i2_an_armed_site_names_its_environment_and_its_one_deployment(client: MoodleClient) -> None:
    """In a hidden course that only the account sees."""
    mark(client, "production d-1")
    assert read_marker(client) == Marker("production", "d-1")


def test_i2_without_control_course_the_message_says_how_to_make_it(site: RunningSite, client: MoodleClient) -> None:
    """With its ID number."""
    with sqlite3.connect(site.database) as link:
        link.execute("UPDATE mdl_course SET idnumber = '' WHERE id = ?", [CONTROL])
    said = read_marker(client)
    assert isinstance(said, str)
    assert f"make a hidden course with the ID number {CONTROL_COURSE}" in said


@pytest.mark.parametrize(
    ("name", "idnumber"), [("production", MARKER), ("production d-1 x", MARKER), ("production d-1", "another")]
)
def test_i2_a_marker_that_names_no_deployment_is_none(client: MoodleClient, name: str, idnumber: str) -> None:
    """A site without a marker is read-only to everybody."""
    mark(client, name, idnumber)
    said = read_marker(client)
    assert isinstance(said, str)
    assert "no marker" in said


def test_i2_an_empty_control_course_has_no_marker(client: MoodleClient) -> None:
    """It says to arm the site."""
    said = read_marker(client)
    assert isinstance(said, str)
    assert "arm the site" in said


def test_i1_the_site_says_its_own_address(site: RunningSite, client: MoodleClient) -> None:
    """Without a slash at the end."""
    assert site_url(client) == site.url


def test_a_token_whose_service_lacks_functions_is_a_setting_to_correct(site: RunningSite) -> None:
    """The message names them."""
    with sqlite3.connect(site.database) as link:
        link.execute("DELETE FROM mdl_external_services_functions WHERE functionname = 'core_group_delete_groups'")
    with pytest.raises(SettingsError, match="the token's web service lacks core_group_delete_groups;"):
        site_url(client_of(site))
    with pytest.raises(SettingsError, match=r"lacks core_course_get_courses, .*core_group_unassign_grouping;"):
        site_url(client_of(site, "other_service"))
