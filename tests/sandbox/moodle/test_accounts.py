"""What accounts with fewer rights see, and tokens that are refused."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.sandbox.moodle.conftest import Client


def change(database: Path, sql: str, *values: int) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql, values)


def test_hidden_groups_are_missing_for_the_plain_account(client: Client, plain: Client) -> None:
    for visibility in range(4):
        client.group(2, f"V{visibility}", visibility=visibility)
    assert client.group_names(2) == ["V0", "V1", "V2", "V3"]
    assert plain.group_names(2) == ["V0"]
    assert plain.group(2, "V3")["errorcode"] == "invalidparameter"


def test_members_of_hidden_groups_read_as_none(client: Client, plain: Client) -> None:
    group = client.group(2, "Hidden", visibility=3)["id"]
    client.call("core_group_add_group_members", members=[{"groupid": group, "userid": 6}])
    assert (client.members(group), plain.members(group)) == ([6], [])


def test_visibility_is_fixed_once_a_group_has_members(client: Client) -> None:
    group = client.group(2, "A")["id"]
    hide = [{"id": group, "name": "A", "visibility": 3}]
    assert client.call("core_group_update_groups", groups=hide) is None
    assert client.call("core_group_get_groups", groupids=[group])[0]["participation"] is False
    client.call("core_group_add_group_members", members=[{"groupid": group, "userid": 6}])
    show = [{"id": group, "name": "A", "visibility": 0}]
    assert client.call("core_group_update_groups", groups=show)["errorcode"] == "invalidparameter"


def test_one_hidden_course_fails_the_list_of_courses(client: Client, plain: Client, database: Path) -> None:
    assert [course["id"] for course in plain.call("core_course_get_courses")] == [1, 2, 3]
    assert "idnumber" not in plain.call("core_course_get_courses")[1]
    change(database, "UPDATE mdl_course SET visible = 0 WHERE id = 3")
    assert plain.call("core_course_get_courses")["errorcode"] == "errorcoursecontextnotvalid"
    assert len(client.call("core_course_get_courses")) == 3
    found = plain.call("core_course_get_courses_by_field", field="shortname", value="CHEM")
    assert found == {"courses": [], "warnings": []}


def test_users_the_account_may_not_see_look_like_no_users(client: Client, plain: Client) -> None:
    asked = {"field": "idnumber", "values": ["S2", "S1", "S1", "nope"]}
    found = client.call("core_user_get_users_by_field", **asked)
    assert [user["idnumber"] for user in found] == ["S1", "S2"]
    assert plain.call("core_user_get_users_by_field", **asked) == []


def test_a_token_of_another_service_is_refused(client: Client) -> None:
    other = Client(client.site, client.site.tokens["other_service"])
    assert other.call("core_group_get_course_groups", courseid=2)["errorcode"] == "accessexception"
    assert other.call("core_webservice_get_site_info")["username"] == "wssync"


def test_an_expired_token_is_refused_once_and_then_unknown(client: Client, database: Path) -> None:
    expired = "UPDATE mdl_external_tokens SET validuntil = ? WHERE name = 'plain'"
    change(database, expired, int(time.time()) - 9)
    late = Client(client.site, client.site.tokens["plain"])
    codes = [late.call("core_webservice_get_site_info")["errorcode"] for _ in range(2)]
    assert codes == ["accessexception", "invalidtoken"]


def test_a_suspended_account_is_refused(client: Client, database: Path) -> None:
    change(database, "UPDATE mdl_user SET suspended = 1 WHERE username = 'wssync'")
    assert client.call("core_webservice_get_site_info")["errorcode"] == "wsaccessusersuspended"


def test_an_unknown_search_key_selects_everybody(client: Client) -> None:
    answer = client.call("core_user_get_users", criteria=[{"key": "nickname", "value": "x"}])
    assert len(answer["users"]) == 9
    assert answer["warnings"][0]["warningcode"] == "invalidfieldparameter"


def test_a_function_of_moodle_outside_the_service_is_refused_and_an_invented_one_is_unknown(
    client: Client,
) -> None:
    assert client.call("core_cohort_create_cohorts")["errorcode"] == "accessexception"
    assert client.call("core_group_rename_groups")["errorcode"] == "invalidrecord"


def test_a_capability_given_by_a_role_in_a_course_counts_there_only(client: Client, database: Path) -> None:
    nobody = Client(client.site, client.site.tokens["nocap"])
    enrolment = {"userid": 4, "courseid": 2, "roleid": 3}
    assert client.call("enrol_manual_enrol_users", enrolments=[enrolment]) is None
    assert nobody.group(2, "Mine")["name"] == "Mine"
    assert nobody.group(3, "Not mine")["errorcode"] == "errorcoursecontextnotvalid"
