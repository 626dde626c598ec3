"""A small site with a running stand-in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.connection import MoodleConnection
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.settings import Moodle
from sandbox.moodle import RunningSite, create_site, load, running

COURSES = [
    {"shortname": "HIST", "idnumber": "H1", "fullname": "History"},
    {"shortname": "CHEM", "idnumber": "C1", "fullname": "Chemistry"},
    {"shortname": "HIDDEN", "idnumber": "X1", "fullname": "Hidden", "visible": 0},
    {"shortname": "control", "idnumber": "groupsync-control", "fullname": "Control", "visible": 0},
]
USERS = [
    {"username": f"u{i}", "idnumber": f"S{i}", "email": f"U{i}@example.com", "firstname": "F", "lastname": f"L{i}"}
    for i in range(1, 6)
]
ENROLMENTS = [{"course_idnumber": "H1", "user_username": f"u{i}"} for i in range(1, 4)] + [
    {"course_idnumber": "C1", "user_username": "u4", "status": 1}
]
HIST, CHEM, HIDDEN, CONTROL = 2, 3, 4, 5


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of the small site."""
    path = tmp_path_factory.mktemp("moodle") / "filled.sqlite"
    create_site(path)
    load(path, courses=COURSES, users=USERS, enrolments=ENROLMENTS)
    return path.read_bytes()


@pytest.fixture
def site(tmp_path: Path, filled: bytes) -> Iterator[RunningSite]:
    """A fresh copy of it, running."""
    path = tmp_path / "site.sqlite"
    path.write_bytes(filled)
    with running(path) as found:
        yield found


@pytest.fixture
def client(site: RunningSite) -> MoodleClient:
    """A client with the full token."""
    return client_of(site)


def client_of(site: RunningSite, kind: str = "full", **settings: Any) -> MoodleClient:
    return MoodleClient(MoodleConnection("moodle", site.url, site.tokens[kind]), Moodle(**settings))
