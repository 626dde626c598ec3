"""How names and idnumbers are compared, trimmed, refused and shown."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.moodle import running
from tests.sandbox.moodle.conftest import Client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, filled_site: bytes) -> Iterator[Client]:
    path: Path = tmp_path_factory.mktemp("shared") / "site.sqlite"
    path.write_bytes(filled_site)
    with running(path) as site:
        yield Client(site)


@pytest.fixture
def client(shared: Client) -> Client:
    """One site for the whole file, emptied of groups and groupings before each test."""
    with closing(sqlite3.connect(shared.site.database)) as connection:
        for kind in ("group", "grouping"):
            found = connection.execute(f"SELECT id FROM mdl_{kind}s").fetchall()  # noqa: S608 - our own names
            ids = [row[0] for row in found]
            if ids:
                shared.call(f"core_group_delete_{kind}s", **{f"{kind}ids": ids})
    shared.site.purge_caches()
    return shared


@pytest.mark.parametrize(
    ("first", "second"), [("7", "007"), ("10", "1e1"), ("1.0", "1"), (" 5 ", "5"), ("+3", "3"), ("0x", "0x")]
)
def test_idnumbers_php_takes_for_equal_collide(client: Client, first: str, second: str) -> None:
    client.group(2, "A", idnumber=first)
    assert client.group(2, "B", idnumber=second)["errorcode"] == "idnumbertaken"


@pytest.mark.parametrize(
    ("first", "second"), [("abc", "ABC"), ("0", "0"), ("", ""), ("7a", "7"), ("0x1A", "26"), ("٧", "7")]
)
def test_other_idnumbers_do_not(client: Client, first: str, second: str) -> None:
    client.group(2, "A", idnumber=first)
    assert client.group(2, "B", idnumber=second)["idnumber"] == second


def test_groupings_compare_their_idnumbers_alike(client: Client) -> None:
    client.grouping(2, "A", "007")
    assert client.grouping(2, "B", "7")["errorcode"] == "idnumbertaken"


def test_a_group_may_change_its_own_idnumber_to_an_equal_one(client: Client) -> None:
    group = client.group(2, "A", idnumber="7")["id"]
    sent = [{"id": group, "name": "A", "idnumber": "007"}]
    assert client.call("core_group_update_groups", groups=sent) is None
    assert client.call("core_group_get_groups", groupids=[group])[0]["idnumber"] == "007"


def test_renaming_onto_a_taken_name_that_is_the_same_number_is_let_through(client: Client) -> None:
    group = client.group(2, "7")["id"]
    client.group(2, "007")
    assert client.call("core_group_update_groups", groups=[{"id": group, "name": "007"}]) is None
    assert client.group_names(2) == ["007", "007"]


def test_a_swap_goes_by_way_of_a_third_name_in_one_batch(client: Client) -> None:
    a, b = client.group(2, "A")["id"], client.group(2, "B")["id"]
    steps = [{"id": a, "name": "x"}, {"id": b, "name": "A"}, {"id": a, "name": "B"}]
    assert client.call("core_group_update_groups", groups=steps) is None
    shown = client.call("core_group_get_groups", groupids=[a, b])
    assert [group["name"] for group in shown] == ["B", "A"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("\t\n\v Lab \r", "Lab"),
        ("\fLab\f", "\fLab\f"),
        ("\u00a0", "\u00a0"),
        ("\ufeffLab\u3000", "\ufeffLab\u3000"),
    ],
)
def test_trimming_is_that_of_php(client: Client, sent: str, stored: str) -> None:
    assert client.group(2, sent)["name"] == stored
    assert client.grouping(2, sent)["name"] == stored


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "Age <25", "end <", "x\0", "<span>no class</span>", "<!-- c -->", "a\ufffeb"]
)
def test_names_that_cleaning_would_change_are_refused(client: Client, name: str) -> None:
    assert client.group(2, name)["errorcode"] == "invalidparameter"
    assert client.group_names(2) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a < b", "a &lt; b"),
        ("R&D > x", "R&amp;D &gt; x"),
        ("Fish &amp; Chips", "Fish &amp; Chips"),
        ('<span lang="en" class="multilang">Group</span>', "Group"),
        ('<lang lang="en">One</lang>', "One"),
    ],
)
def test_names_of_groups_come_escaped_and_those_of_groupings_raw(client: Client, name: str, shown: str) -> None:
    assert client.group(2, name)["name"] == name
    client.grouping(2, name)
    assert client.call("core_group_get_course_groups", courseid=2)[0]["name"] == shown
    assert client.group_names(2) == [name]
    assert client.call("core_group_get_course_groupings", courseid=2)[0]["name"] == name


def test_groups_are_sorted_by_bytes(client: Client) -> None:
    for name in ("van", "Van", "Åsa", "Жук", "Zoo"):
        client.group(2, name)
    assert client.group_names(2) == ["Van", "Zoo", "van", "Åsa", "Жук"]


def test_members_are_sorted_by_last_name(client: Client) -> None:
    group = client.group(2, "A")["id"]
    sent = [{"groupid": group, "userid": userid} for userid in (6, 7, 8, 9)]
    client.call("core_group_add_group_members", members=sent)
    assert client.members(group) == [8, 7, 6, 9]


def test_a_type_error_in_a_late_item_wins_over_a_database_error_in_an_early_one(client: Client) -> None:
    members = [{"groupid": 999, "userid": 6}, {"groupid": "x", "userid": 6}]
    assert client.call("core_group_add_group_members", members=members)["errorcode"] == "invalidparameter"


def test_invalid_utf8_is_refused(client: Client) -> None:
    body = "groups[0][courseid]=2&groups[0][description]=&groups[0][name]=%FF"
    head = f"wstoken={client.site.token}&wsfunction=core_group_create_groups&moodlewsrestformat=json&"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = client.session.post(f"{client.site.url}/webservice/rest/server.php", data=head + body, headers=form)
    assert reply.json()["errorcode"] == "invalidparameter"


def test_updating_without_a_format_makes_the_description_html(client: Client) -> None:
    group = client.group(2, "A", descriptionformat=2)["id"]
    client.call("core_group_update_groups", groups=[{"id": group, "name": "A"}])
    assert client.call("core_group_get_groups", groupids=[group])[0]["descriptionformat"] == 1
