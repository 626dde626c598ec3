"""What goes with a group, a grouping, an enrolment, a user or a course, and what stays."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.sandbox.moodle.conftest import Client


@contextmanager
def sql(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database)) as connection, connection:
        yield connection


def rows(database: Path, table: str) -> int:
    with sql(database) as connection:
        counted = connection.execute(f"SELECT COUNT(*) FROM mdl_{table}")  # noqa: S608 - the tests' own names
        return int(counted.fetchone()[0])


@pytest.fixture
def group(client: Client) -> int:
    group = client.group(2, "A", idnumber="A")["id"]
    client.call("core_group_add_group_members", members=[{"groupid": group, "userid": u} for u in (6, 7)])
    return int(group)


def test_a_deleted_group_takes_members_and_links_along(client: Client, database: Path, group: int) -> None:
    grouping = client.grouping(2, "G")["id"]
    pair = [{"groupingid": grouping, "groupid": group}]
    assert client.call("core_group_assign_grouping", assignments=pair) is None
    assert client.call("core_group_delete_groups", groupids=[group, group, 999]) is None
    assert rows(database, "groups_members") == rows(database, "groupings_groups") == 0
    shown = client.call("core_group_get_groupings", groupingids=[grouping], returngroups=1)
    assert "groups" not in shown[0]
    assert client.group(2, "A", idnumber="A")["id"] > group


def test_a_deleted_grouping_is_taken_out_of_course_and_activity(client: Client, database: Path, group: int) -> None:
    grouping = client.grouping(2, "G")["id"]
    with sql(database) as connection:
        connection.execute("UPDATE mdl_course SET defaultgroupingid = ? WHERE id = 2", [grouping])
        connection.execute("UPDATE mdl_course_modules SET groupingid = ? WHERE course = 2", [grouping])
    assert client.call("core_group_delete_groupings", groupingids=[grouping]) is None
    course = client.call("core_course_get_courses", options={"ids": [2]})[0]
    assert course["defaultgroupingid"] == 0
    cmid = client.call("core_course_get_contents", courseid=2)[0]["modules"][0]["id"]
    assert client.call("core_course_get_course_module", cmid=cmid)["cm"]["groupingid"] == 0
    assert client.group_names(2) == ["A"]


def test_unenrolling_ends_memberships_in_that_course_only(client: Client, group: int) -> None:
    other = client.group(3, "Other")["id"]
    client.call("core_group_add_group_members", members=[{"groupid": other, "userid": 6}])
    enrolment = {"userid": 6, "courseid": 2}
    assert client.call("enrol_manual_unenrol_users", enrolments=[enrolment]) is None
    assert (client.members(group), client.members(other)) == ([7], [6])
    client.call("enrol_manual_enrol_users", enrolments=[{**enrolment, "roleid": 5}])
    assert client.members(group) == [7]


def test_another_enrolment_keeps_the_memberships(client: Client, database: Path, group: int) -> None:
    with sql(database) as connection:
        added = connection.execute("INSERT INTO mdl_enrol (enrol, courseid) VALUES ('database', 2)")
        connection.execute("INSERT INTO mdl_user_enrolments (enrolid, userid) VALUES (?, 6)", [added.lastrowid])
    client.call("enrol_manual_unenrol_users", enrolments=[{"userid": 6, "courseid": 2}])
    assert 6 in client.members(group)


@pytest.mark.parametrize(("component", "removed"), [("enrol_cohort", False), ("enrol_meta", True), ("", True)])
def test_members_of_a_cohort_cannot_be_removed_but_their_group_can_be_deleted(
    client: Client, database: Path, group: int, component: str, removed: bool
) -> None:
    with sql(database) as connection:
        connection.execute("UPDATE mdl_groups_members SET component = ? WHERE userid = 6", [component])
    batch = [{"groupid": group, "userid": user} for user in (7, 6)]
    answer = client.call("core_group_delete_group_members", members=batch)
    assert (answer is None) == removed
    assert len(client.members(group)) == (0 if removed else 2)
    if not removed:
        assert answer["errorcode"] == "errorremovenotpermitted"
        assert answer["message"].endswith("automatically-added group member F van Dam")
    assert client.call("core_group_delete_groups", groupids=[group]) is None


def test_suspending_keeps_memberships_and_deleting_ends_them(client: Client, group: int) -> None:
    assert client.call("core_user_update_users", users=[{"id": 6, "suspended": 1}]) == {"warnings": []}
    assert client.members(group) == [7, 6]
    assert client.call("core_user_delete_users", userids=[6]) is None
    assert client.members(group) == [7]
    assert client.call("core_user_get_users_by_field", field="idnumber", values=["S1"]) == []
    member = [{"groupid": group, "userid": 6}]
    assert client.call("core_group_add_group_members", members=member)["errorcode"] == "invaliduser"


def test_a_deleted_course_takes_everything_in_it_along(client: Client, database: Path, group: int) -> None:
    client.grouping(2, "G")
    assert client.call("core_course_delete_courses", courseids=[2]) == {"warnings": []}
    for table in ("groups", "groupings", "groups_members"):
        assert rows(database, table) == 0
    answer = client.call("core_group_get_course_groupings", courseid=2)
    assert (answer["errorcode"], answer["message"][-7:]) == ("invalidrecord", "course.")


def test_a_refused_batch_changes_nothing(client: Client, database: Path, group: int) -> None:
    before = rows(database, "groups_members")
    batch = [{"groupid": group, "userid": 8}, {"groupid": group, "userid": 999}]
    assert client.call("core_group_add_group_members", members=batch)["errorcode"] == "invaliduser"
    assert rows(database, "groups_members") == before


def test_a_grouping_without_idnumber_is_written_though_the_answer_is_an_error(client: Client) -> None:
    sent = [{"courseid": 2, "name": "G", "description": ""}]
    assert client.call("core_group_create_groupings", groupings=sent)["errorcode"] == "invalidresponse"
    assert [g["name"] for g in client.call("core_group_get_course_groupings", courseid=2)] == ["G"]
    assert client.call("core_group_create_groupings", groupings=sent)["errorcode"] == "invalidparameter"
