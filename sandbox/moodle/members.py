"""The web services on the members of groups."""

from sandbox.moodle.access import Call, is_enrolled
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value
from sandbox.moodle.errors import InvalidParameter, MoodleException
from sandbox.moodle.groups import enter_to_manage

MEMBERS = One({"members": Many(One({"groupid": Value("int"), "userid": Value("int")}))})
GROUP_MEMBERS = Many(One({"groupid": Value("int"), "userids": Many(Value("int"))}))

# Enrolment plugins that keep their groups' members to themselves.
_KEEPERS = ("enrol_cohort", "enrol_imsenterprise")


def add_group_members(call: Call, members: list[Row]) -> None:
    """Add members; who already is one is passed over, who is not enrolled fails all."""
    for member in members:
        group, _user = _group_and_user(call, member)
        if not is_enrolled(call.database, member["userid"], group["courseid"]):
            raise InvalidParameter("Only enrolled users may be members of groups")
        if not call.database.find("groups_members", userid=member["userid"], groupid=group["id"]):
            call.database.insert("groups_members", {**member, "timeadded": call.now})
            call.database.update("groups", group["id"], {"timemodified": call.now})


def delete_group_members(call: Call, members: list[Row]) -> None:
    """Remove members; who is none is passed over."""
    for member in members:
        group, user = _group_and_user(call, member)
        row = call.database.find("groups_members", userid=member["userid"], groupid=group["id"])
        if row is None:
            continue
        if row["component"] in _KEEPERS:
            raise MoodleException(
                "errorremovenotpermitted",
                "You do not have permission to remove automatically-added group member "
                f"{user['firstname']} {user['lastname']}",
            )
        remove_member(call, row)


def _group_and_user(call: Call, member: Row) -> tuple[Row, Row]:
    group = call.database.must_find("groups", id=member["groupid"])
    user = call.database.must_find("user", id=member["userid"], deleted=0, mnethostid=1)
    enter_to_manage(call, group["courseid"], call.course_context(group["courseid"]))
    return group, user


def remove_member(call: Call, row: Row) -> None:
    """Delete one membership; the group counts as changed by it."""
    call.database.execute("DELETE FROM mdl_groups_members WHERE id = ?", [row["id"]])
    call.database.update("groups", row["groupid"], {"timemodified": call.now})


def get_group_members(call: Call, groupids: list[int]) -> list[Row]:
    """The members of groups by lastname and firstname; hidden memberships read as empty."""
    return [{"groupid": groupid, "userids": _userids(call, groupid)} for groupid in groupids]


def _userids(call: Call, groupid: int) -> list[int]:
    group = call.database.must_find("groups", id=groupid)
    context = call.course_context(group["courseid"])
    enter_to_manage(call, group["courseid"], context)
    sql = "SELECT u.id FROM mdl_groups_members gm JOIN mdl_user u ON u.id = gm.userid WHERE gm.groupid = ?"
    values = [groupid]
    if group["visibility"] and context and not call.can("moodle/course:viewhiddengroups", context):
        sql += (
            " AND (? = 1 AND EXISTS (SELECT 1 FROM mdl_groups_members own WHERE own.groupid = gm.groupid"
            " AND own.userid = ?) OR ? = 2 AND u.id = ?)"
        )
        values += [group["visibility"], call.user["id"], group["visibility"], call.user["id"]]
    rows = call.database.all(sql + " ORDER BY u.lastname, u.firstname, u.id", values)
    return [row["id"] for row in rows]
