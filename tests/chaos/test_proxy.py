"""What each fault looks like from outside, and whether Moodle has done the call (rules A4, A5)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from include.groupsync.errors import MoodleError, MoodleRefused, MoodleUnreachable, OutcomeUnknown
from include.groupsync.model.connection import MoodleConnection
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.settings import Moodle
from tests.chaos.faults import DONE, FAULTS, NOT_DONE
from tests.chaos.proxy import Chaos, between
from tests.world import World

# What the client makes of a writing call that meets the fault; None: it has Moodle's answer.
SEEN: dict[str, type[MoodleError] | None] = {
    "dropped_before": OutcomeUnknown,
    "reset_before": OutcomeUnknown,
    "maintenance": MoodleUnreachable,
    "forbidden": MoodleUnreachable,
    "too_large": MoodleRefused,
    "database_down": MoodleUnreachable,
    "xml_instead": OutcomeUnknown,
    "slow": None,
    "dropped_after": OutcomeUnknown,
    "reset_after": OutcomeUnknown,
    "commits_later": OutcomeUnknown,
    "truncated": OutcomeUnknown,
    "garbage": OutcomeUnknown,
    "warning_in_front": OutcomeUnknown,
    "bad_gateway": OutcomeUnknown,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        world.course("C1", users=["ann"])
        world.site.reset_calls()
        yield world


@pytest.mark.parametrize("fault", FAULTS)
def test_a4_a_fault_is_what_it_says_to_the_client_and_at_the_site(world: World, fault: str) -> None:
    """A writing call is never repeated, and never thought to be refused where Moodle may have done it."""
    with between(Chaos(world.url, lambda _function: fault)) as chaos:
        client = MoodleClient(MoodleConnection("moodle", chaos.address, world.token), Moodle(read_timeout=5))
        group = {"courseid": world.moodle.course_id("C1"), "name": "G", "description": ""}
        seen, error = SEEN[fault], None
        try:
            made = client.write("core_group_create_groups", {"groups": [group]})
            assert made[0]["name"] == "G"
        except MoodleError as raised:
            error = raised
        chaos.settle()
    assert (type(error) if error else None) is seen, error
    assert chaos.met == [("core_group_create_groups", fault)]
    assert world.site.writing_calls() == (FAULTS[fault] in DONE)


def test_without_a_fault_the_proxy_is_not_there(world: World) -> None:
    """But for its own address, which stands in place of the site's."""
    with between(Chaos(world.url)) as chaos:
        form = {"wstoken": world.token, "wsfunction": "core_webservice_get_site_info", "moodlewsrestformat": "json"}
        path = "/webservice/rest/server.php"
        through = requests.post(chaos.address + path, data=form, timeout=10).json()
        direct = requests.post(world.url + path, data=form, timeout=10).text
    assert world.url.replace("/", "\\/") in direct
    assert through == json.loads(direct.replace(world.url.replace("/", "\\/"), chaos.address))
    assert chaos.met == []


def test_every_fault_is_one_that_moodle_does_or_does_not_do() -> None:
    """None is left out of the table of what a client sees."""
    assert SEEN.keys() == FAULTS.keys()
    assert set(FAULTS.values()) == {*NOT_DONE, *DONE}
