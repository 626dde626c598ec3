"""The server around the protocol: counting, pages, restarts, forms, XML and activities put in by SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests

from sandbox.moodle import create_site, load, running
from sandbox.moodle.__main__ import main
from tests.sandbox.moodle.conftest import Client


def test_calls_are_counted_with_their_items(client: Client) -> None:
    client.call("core_group_get_course_groups", courseid=2)
    assert client.site.writing_calls() == 0
    client.call("core_group_delete_groups", groupids=[1, 2, 3])
    url = f"{client.site.url}/standin/calls"
    counted = {"calls": 1, "items": 3, "writes": True}
    assert client.site.calls()["core_group_delete_groups"] == counted
    assert requests.get(url, timeout=5).json() == client.site.calls()
    assert client.site.writing_calls() == 1
    assert requests.post(f"{url}/reset", timeout=5).status_code == 200
    assert client.site.calls() == {}


def test_refused_writes_count_as_having_reached_the_site(client: Client) -> None:
    client.call("core_group_create_groups", groups=[{"courseid": "x"}])
    assert client.site.writing_calls() == 1


def test_data_ids_and_counts_survive_a_restart(database: Path) -> None:
    with running(database) as site:
        first = Client(site).group(2, "A")["id"]
        Client(site).call("core_group_delete_groups", groupids=[first])
    with running(database) as site:
        assert site.writing_calls() == 2
        assert Client(site).group(2, "A")["id"] == first + 1


def test_a_read_only_connection_works_beside_the_server(client: Client, database: Path) -> None:
    client.group(2, "A")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT name FROM mdl_groups").fetchall() == [("A",)]


def test_pages_show_the_groups_and_escape_everything(client: Client) -> None:
    group = client.group(3, "a < b & c", idnumber="<i>x</i>")["id"]
    grouping = client.grouping(3, "Labs", "<b>")["id"]
    client.call("core_group_add_group_members", members=[{"groupid": group, "userid": 6}])
    client.call("core_group_assign_grouping", assignments=[{"groupingid": grouping, "groupid": group}])
    front = requests.get(client.site.url, params={"search": '"><script>'}, timeout=5).text
    assert "&quot;&gt;&lt;script&gt;" in front
    assert "<script>" not in front
    assert "Chemistry &amp; &lt;Life&gt;" in requests.get(client.site.url, timeout=5).text
    page = requests.get(f"{client.site.url}/course/3", timeout=5).text
    for text in ("a &lt; b &amp; c", "&lt;i&gt;x&lt;/i&gt;", "&lt;b&gt;", "S1 · u1", "Labs"):
        assert text in page
    assert requests.get(f"{client.site.url}/course/99", timeout=5).status_code == 404


def test_the_course_list_has_pages(tmp_path: Path) -> None:
    create_site(tmp_path / "s.sqlite")
    names = ({"shortname": f"C{i:03}", "idnumber": f"I{i}", "fullname": "x"} for i in range(120))
    load(tmp_path / "s.sqlite", courses=names)
    with running(tmp_path / "s.sqlite") as site:
        last = requests.get(site.url, params={"page": "3"}, timeout=5).text
        found = requests.get(site.url, params={"search": "i77"}, timeout=5).text
    assert ("C099" in last, "C100" in last, "next" in last) == (False, True, False)
    assert ("C077" in found, "C078" in found) == (True, False)


@pytest.fixture
def head(client: Client) -> dict[str, str]:
    return {"wstoken": client.site.token, "moodlewsrestformat": "json"}


def test_the_last_of_two_values_wins_and_the_body_wins_over_the_address(client: Client, head: dict[str, str]) -> None:
    client.group(3, "In 3")
    head["wsfunction"] = "core_group_get_course_groups"
    reply = client.post([*head.items(), ("courseid", "2"), ("courseid", "3")], params={"courseid": "x"})
    assert [group["name"] for group in reply.json()] == ["In 3"]


def test_bare_brackets_append(client: Client, head: dict[str, str]) -> None:
    ids = [client.group(2, name)["id"] for name in "AB"]
    head["wsfunction"] = "core_group_get_groups"
    reply = client.post([*head.items(), *(("groupids[]", str(each)) for each in ids)])
    assert [group["id"] for group in reply.json()] == ids


def test_a_json_body_is_not_understood(client: Client, head: dict[str, str]) -> None:
    url = f"{client.site.url}/webservice/rest/server.php"
    reply = requests.post(url, json={**head, "wsfunction": "core_webservice_get_site_info"}, timeout=5)
    assert "<ERRORCODE>invalidtoken</ERRORCODE>" in reply.text


def test_xml_says_the_same(client: Client) -> None:
    client.group(2, 'a "b"')
    call = {"wstoken": client.site.token, "wsfunction": "core_group_get_course_groups", "courseid": "2"}
    text = client.post([*call.items()]).text
    assert '<KEY name="name"><VALUE>a &quot;b&quot;</VALUE>\n</KEY>\n' in text
    assert '<KEY name="enrolmentkey"><VALUE null="null"/>\n</KEY>\n' in text
    assert '<KEY name="participation"><VALUE>1</VALUE>\n</KEY>\n' in text


@pytest.fixture
def restricted(database: Path) -> str:
    """A separate-groups assignment put in by SQL, open only to one group."""
    condition = '{"op":"&","c":[{"type":"group","id":1}],"showc":[true]}'
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO mdl_assign (course, name) VALUES (2, 'Essay')")
        connection.execute(
            "INSERT INTO mdl_course_modules"
            " (course, module, instance, section, groupmode, groupingid, availability)"
            " SELECT 2, m.id, 1, s.id, 1, 4, ? FROM mdl_modules m JOIN mdl_course_sections s ON s.course = 2"
            " WHERE m.name = 'assign'",
            [condition],
        )
    return condition


def test_an_activity_put_in_by_sql_shows_its_restriction_and_grouping(restricted: str, client: Client) -> None:
    modules = client.call("core_course_get_contents", courseid=2)[0]["modules"]
    assert [module["name"] for module in modules] == ["Announcements", "Essay"]
    assert (modules[1]["availability"], modules[1]["groupmode"]) == (restricted, 1)
    assert "groupingid" not in modules[1]
    cm = client.call("core_course_get_course_module", cmid=modules[1]["id"])["cm"]
    assert (cm["groupingid"], cm["modname"], cm["availability"]) == (4, "assign", restricted)
    mode = client.call("core_group_get_activity_groupmode", cmid=modules[1]["id"])
    assert mode == {"groupmode": 1, "warnings": []}


def test_the_site_says_the_address_it_was_given_or_is_asked_at(tmp_path: Path, client: Client) -> None:
    assert client.call("core_webservice_get_site_info")["siteurl"] == client.site.url
    create_site(tmp_path / "named.sqlite", token="abc", site_url="https://moodle.example/")
    with running(tmp_path / "named.sqlite") as site:
        assert Client(site, "abc").call("core_webservice_get_site_info")["siteurl"] == "https://moodle.example"


def test_the_command_line_creates_a_site_and_prints_its_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["create", "--database", str(tmp_path / "new.sqlite"), "--token", "secret"])
    printed = dict(line.split("=") for line in capsys.readouterr().out.splitlines())
    assert printed["full"] == "secret"
    assert set(printed) == {"full", "nocap", "other_service", "plain"}
    with pytest.raises(FileExistsError):
        create_site(tmp_path / "new.sqlite")
