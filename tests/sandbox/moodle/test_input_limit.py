"""PHP's max_input_vars: what is over the limit is dropped without a word."""

from pathlib import Path

import pytest

from sandbox.moodle import running
from tests.sandbox.moodle.conftest import Client


def pairs(count: int, *, columns: bool = False) -> list[tuple[str, str]]:
    cells = [(i, name) for i in range(count) for name in ("groupid", "userid")]
    if columns:
        cells = [(i, name) for name in ("groupid", "userid") for i in range(count)]
    values = {"groupid": "1", "userid": "6"}
    return [(f"members[{i}][{name}]", values[name]) for i, name in cells]


@pytest.mark.parametrize(("limit", "arriving"), [(10, 8), (100, 98)])
def test_one_variable_more_than_the_limit_arrives_and_the_rest_is_lost(
    database: Path, limit: int, arriving: int
) -> None:
    with running(database, max_input_vars=limit) as site:
        client = Client(site)
        group = client.group(2, "A")["id"]
        ids = [(f"groupids[{i}]", str(group)) for i in range(limit * 2)]
        assert len(client.send("core_group_get_group_members", ids).json()) == arriving


def test_pairs_over_the_limit_are_lost_though_the_answer_says_done(database: Path) -> None:
    with running(database, max_input_vars=10) as site:
        client = Client(site)
        groups = [client.group(2, name)["id"] for name in "ABCDE"]
        sent = [{"groupid": group, "userid": 6} for group in groups]
        assert client.call("core_group_add_group_members", members=sent) is None
        assert [len(client.members(group)) for group in groups] == [1, 1, 1, 1, 0]


def test_columns_cut_inside_items_are_refused_and_nothing_is_done(database: Path) -> None:
    with running(database, max_input_vars=10) as site:
        client = Client(site)
        group = client.group(2, "A")["id"]
        answer = client.send("core_group_add_group_members", pairs(5, columns=True)).json()
        assert answer["errorcode"] == "invalidparameter"
        assert client.members(group) == []


def test_a_token_that_comes_last_is_cut_and_the_error_is_xml(database: Path) -> None:
    with running(database, max_input_vars=10) as site:
        head = [("wstoken", site.token), ("wsfunction", "core_group_add_group_members")]
        reply = Client(site).post([*pairs(6), *head, ("moodlewsrestformat", "json")])
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/xml; charset=utf-8"
        assert "<ERRORCODE>invalidtoken</ERRORCODE>" in reply.text
        assert site.calls() == {}


def test_variables_in_the_address_have_a_limit_of_their_own(database: Path) -> None:
    with running(database, max_input_vars=10) as site:
        client = Client(site)
        group = client.group(2, "A")["id"]
        head = {
            "wstoken": site.token,
            "wsfunction": "core_group_get_group_members",
            "moodlewsrestformat": "json",
        }
        ids = [(f"groupids[{i}]", str(group)) for i in range(50)]
        assert len(client.post(ids, params=head).json()) == 11


def test_a_multipart_body_is_cut_exactly_at_the_limit(database: Path) -> None:
    with running(database, max_input_vars=10) as site:
        client = Client(site)
        group = client.group(2, "A")["id"]
        head = {
            "wstoken": site.token,
            "wsfunction": "core_group_get_group_members",
            "moodlewsrestformat": "json",
        }
        parts = [*head.items(), *((f"groupids[{i}]", str(group)) for i in range(50))]
        reply = client.session.post(
            f"{site.url}/webservice/rest/server.php", files=[(name, (None, value)) for name, value in parts]
        )
        assert len(reply.json()) == 7
