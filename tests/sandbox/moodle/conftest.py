"""A small site with a running stand-in, and a client that speaks Moodle's REST protocol."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.moodle import RunningSite, create_site, load, running

COURSES = [
    {"shortname": "HIST", "idnumber": "H1", "fullname": "History"},
    {"shortname": "CHEM", "idnumber": "C1", "fullname": "Chemistry & <Life>"},
]
USERS = [
    {
        "username": f"u{i}",
        "idnumber": f"S{i}",
        "email": f"u{i}@example.com",
        "firstname": "F",
        "lastname": name,
    }
    for i, name in enumerate(["van Dam", "Zola", "Adams", "Ångström"], start=1)
]
ENROLMENTS = [
    {"course_idnumber": course, "user_username": user["username"]} for course in ("H1", "C1") for user in USERS
]


@dataclass
class Client:
    """Calls a site with one of its tokens."""

    site: RunningSite
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, function: str, **arguments: Any) -> Any:
        """The decoded JSON answer; nested lists and dicts become bracketed form variables."""
        return self.send(function, list(flatten(arguments))).json()

    def send(self, function: str, variables: list[tuple[str, str]], **options: Any) -> requests.Response:
        """Send variables as they are, the ones of the protocol first."""
        head = {
            "wstoken": self.token or self.site.token,
            "wsfunction": function,
            "moodlewsrestformat": "json",
        }
        return self.post([*head.items(), *variables], **options)

    def post(self, variables: list[tuple[str, str]], **options: Any) -> requests.Response:
        """Send exactly these variables."""
        return self.session.post(f"{self.site.url}/webservice/rest/server.php", data=variables, **options)

    def group(self, courseid: int, name: str, **more: Any) -> Any:
        """Create one group and give back the answer's only item, or the error."""
        sent = [{"courseid": courseid, "name": name, "description": "", **more}]
        answer = self.call("core_group_create_groups", groups=sent)
        return answer[0] if isinstance(answer, list) else answer

    def grouping(self, courseid: int, name: str, idnumber: str = "") -> Any:
        """Create one grouping and give back the answer's only item, or the error."""
        sent = [{"courseid": courseid, "name": name, "description": "", "idnumber": idnumber}]
        answer = self.call("core_group_create_groupings", groupings=sent)
        return answer[0] if isinstance(answer, list) else answer

    def group_names(self, courseid: int) -> list[str]:
        """Names as get_course_groups lists them, raw."""
        answer = self.call("core_group_get_course_groups", courseid=courseid, moodlewssettingraw=1)
        return [group["name"] for group in answer]

    def members(self, groupid: int) -> list[int]:
        """The user ids in a group."""
        return self.call("core_group_get_group_members", groupids=[groupid])[0]["userids"]


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """PHP's form variables for nested values."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        yield name, str(value)
        return
    for key, part in value.items():
        yield from flatten(part, f"{name}[{key}]" if name else str(key))


@pytest.fixture(scope="session")
def filled_site(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a site with two courses (ids 2 and 3), four users (ids 6 to 9) and their enrolments."""
    path = tmp_path_factory.mktemp("site") / "filled.sqlite"
    create_site(path)
    load(path, courses=COURSES, users=USERS, enrolments=ENROLMENTS)
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path, filled_site: bytes) -> Path:
    """A fresh copy of the filled site."""
    path = tmp_path / "site.sqlite"
    path.write_bytes(filled_site)
    return path


@pytest.fixture
def client(database: Path) -> Iterator[Client]:
    """A client of a running site with production settings."""
    with running(database) as site:
        yield Client(site)


@pytest.fixture
def plain(client: Client) -> Client:
    """A client of the same site whose account sees neither hidden courses nor hidden groups."""
    return Client(client.site, client.site.tokens["plain"])
