"""The web services on groups: core_group_*_groups and get_course_user_groups."""

from typing import Any

from sandbox.moodle import php
from sandbox.moodle.access import Call, is_enrolled
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Description, Many, One, Value, default, optional
from sandbox.moodle.errors import InvalidParameter, MissingRecord, MoodleException, PhpError
from sandbox.moodle.groupcache import with_idnumber
from sandbox.moodle.text import format_string, format_text, validate_format

VISIBLE_TO_ALL, VISIBLE_TO_MEMBERS, OWN_MEMBERSHIP, NO_MEMBERSHIP = 0, 1, 2, 3

_SENT_CUSTOMFIELDS = Many(One({"shortname": Value("alphanumext"), "value": Value("raw")}), "optional")
SHOWN_CUSTOMFIELDS = Many(
    One({name: Value("raw") for name in ("name", "shortname", "type", "valueraw", "value")}), "optional"
)
_NEW_GROUP: dict[str, Description] = {
    "courseid": Value("int"),
    "name": Value("text"),
    "description": Value("raw"),
    "descriptionformat": default("int", 1),
    "enrolmentkey": optional("raw"),
    "idnumber": optional("raw"),
    "visibility": default("int", VISIBLE_TO_ALL),
    "participation": default("bool", True),
    "customfields": _SENT_CUSTOMFIELDS,
}
CREATE_GROUPS = One({"groups": Many(One(_NEW_GROUP))})
_SHOWN_GROUP: dict[str, Description] = {
    "id": Value("int"),
    "courseid": Value("int"),
    "name": Value("text"),
    "description": Value("raw"),
    "descriptionformat": Value("int"),
    "enrolmentkey": Value("raw"),
    "idnumber": Value("raw"),
    "visibility": Value("int"),
    "participation": Value("bool"),
}
CREATED_GROUPS = Many(One({**_SHOWN_GROUP, "customfields": _SENT_CUSTOMFIELDS}))
COURSE_GROUPS = Many(One(_SHOWN_GROUP))
GROUPS_WITH_FIELDS = Many(One({**_SHOWN_GROUP, "customfields": SHOWN_CUSTOMFIELDS}))
UPDATE_GROUPS = One(
    {
        "groups": Many(
            One(
                {
                    "id": Value("int"),
                    "name": Value("text"),
                    "description": optional("raw"),
                    "descriptionformat": default("int", 1),
                    "enrolmentkey": optional("raw"),
                    "idnumber": optional("raw"),
                    "visibility": optional("text"),
                    "participation": optional("bool"),
                    "customfields": _SENT_CUSTOMFIELDS,
                }
            )
        )
    }
)
GROUPIDS = One({"groupids": Many(Value("int"))})
COURSEID = One({"courseid": Value("int")})
COURSE_USER_GROUPS = One({"courseid": default("int", 0), "userid": default("int", 0), "groupingid": default("int", 0)})
WARNINGS = Many(
    One(
        {
            "item": optional("text"),
            "itemid": optional("int"),
            "warningcode": Value("alphanum"),
            "message": Value("raw"),
        }
    ),
    "optional",
)
USER_GROUP = One(
    {
        "id": Value("int"),
        "name": Value("text"),
        "description": Value("raw"),
        "descriptionformat": Value("int"),
        "idnumber": Value("raw"),
        "courseid": optional("int"),
    }
)
USER_GROUPS = One({"groups": Many(USER_GROUP), "warnings": WARNINGS})
_STORED = ("courseid", "idnumber", "name", "description", "descriptionformat", "enrolmentkey", "visibility")


def create_groups(call: Call, groups: list[Row]) -> list[Row]:
    """Create groups and echo what was sent, trimmed, with ids."""
    return [_create(call, group) for group in groups]


def _create(call: Call, group: Row) -> Row:
    if not php.trim(group["name"]):
        raise InvalidParameter("Invalid group name")
    # Compared as sent, stored trimmed: the same padded name goes in twice.
    if call.database.find("groups", courseid=group["courseid"], name=group["name"]):
        raise InvalidParameter("Group with the same name already exists in the course")
    enter_to_manage(call, group["courseid"], call.course_context(group["courseid"]))
    validate_format(group["descriptionformat"])
    _validate_visibility(group["visibility"])
    group["name"] = php.trim(group["name"])
    if "idnumber" in group:
        group["idnumber"] = _free_idnumber(call, group["courseid"], group["idnumber"])
    if group["visibility"] not in (VISIBLE_TO_ALL, VISIBLE_TO_MEMBERS):
        group["participation"] = False
    row = {name: group[name] for name in _STORED if name in group}
    row |= {"participation": int(group["participation"]), "timecreated": call.now, "timemodified": call.now}
    group["id"] = call.database.insert("groups", row)
    call.cache.invalidate(group["courseid"])
    return {"enrolmentkey": "", "idnumber": "", **group}


def update_groups(call: Call, groups: list[Row]) -> None:
    """Change groups; what is not sent stays, except descriptionformat, which falls back to HTML."""
    for group in groups:
        _update(call, group)


def _update(call: Call, group: Row) -> None:
    if not php.trim(group["name"]):
        raise InvalidParameter("Invalid group name")
    current = call.database.find("groups", id=group["id"])
    if current is None:
        raise InvalidParameter(f"Group {group['id']} does not exist")
    if not php.loosely_equal(group["name"], current["name"]) and call.database.find(
        "groups", courseid=current["courseid"], name=group["name"]
    ):
        raise InvalidParameter("A different group with the same name already exists in the course")
    _check_hiding(call, group, current)
    enter_to_manage(call, current["courseid"], call.must_course_context(current["courseid"]))
    if not php.is_empty(group.get("description")):
        validate_format(group["descriptionformat"])
    group["name"] = php.trim(group["name"])
    if "idnumber" in group:
        group["idnumber"] = _free_idnumber(call, current["courseid"], group["idnumber"], group["id"])
    changes = {name: group[name] for name in _STORED if name in group} | {"timemodified": call.now}
    if "visibility" in changes:
        changes["visibility"] = php.to_int(changes["visibility"])
    if changes.get("visibility", 0) not in (VISIBLE_TO_ALL, VISIBLE_TO_MEMBERS):
        changes["participation"] = 0
    elif "participation" in group:
        changes["participation"] = int(group["participation"])
    call.database.update("groups", group["id"], changes)
    call.cache.invalidate(current["courseid"])


def _check_hiding(call: Call, group: Row, current: Row) -> None:
    """Visibility and participation are fixed once a group has members."""
    if "visibility" not in group and "participation" not in group:
        return
    has_members = call.database.find("groups_members", groupid=group["id"]) is not None
    if "visibility" in group:
        _validate_visibility(group["visibility"])
        if has_members and not php.loosely_equal(group["visibility"], current["visibility"]):
            raise InvalidParameter("The visibility of this group cannot be changed as it currently has members.")
    else:
        group["visibility"] = current["visibility"]
    if has_members and "participation" in group and group["participation"] != bool(current["participation"]):
        raise InvalidParameter("The participation mode of this group cannot be changed as it currently has members.")


def _validate_visibility(visibility: int | str) -> None:
    # update_groups takes it as text and hands it to an int parameter of PHP.
    if isinstance(visibility, str) and php.number(visibility) is None:
        raise PhpError("validate_visibility(): Argument #1 ($visibility) must be of type int", "TypeError")
    if not VISIBLE_TO_ALL <= php.to_int(visibility) <= NO_MEMBERSHIP:
        raise InvalidParameter("Invalid group visibility provided. Must be one of 0,1,2,3")


def _free_idnumber(call: Call, courseid: int, idnumber: str, own_id: int | None = None) -> str:
    idnumber = php.trim(idnumber)
    holder = with_idnumber(call.course_groups(courseid).groups, idnumber)
    if holder and holder["id"] != own_id:
        raise MoodleException("idnumbertaken", "This ID number is already in use")
    return idnumber


def delete_groups(call: Call, groupids: list[int]) -> None:
    """Delete groups with their members and links; ids that do not exist are passed over."""
    for groupid in groupids:
        group = call.database.find("groups", id=groupid)
        if group:
            enter_to_manage(call, group["courseid"], call.course_context(group["courseid"]))
            delete_group(call, group)


def delete_group(call: Call, group: Row) -> None:
    """Delete one group, whoever its members belong to."""
    call.database.execute("DELETE FROM mdl_groupings_groups WHERE groupid = ?", [group["id"]])
    call.database.execute("DELETE FROM mdl_groups_members WHERE groupid = ?", [group["id"]])
    call.database.execute("DELETE FROM mdl_groups WHERE id = ?", [group["id"]])
    call.cache.invalidate(group["courseid"])


def get_groups(call: Call, groupids: list[int]) -> list[Row]:
    """Groups by id, in the order asked; one that is missing fails all."""
    return [_shown(call, _must_get(call, groupid)) | {"customfields": []} for groupid in groupids]


def _must_get(call: Call, groupid: int) -> Row:
    group = call.database.must_find("groups", id=groupid)
    enter_to_manage(call, group["courseid"], call.course_context(group["courseid"]))
    return group


def get_course_groups(call: Call, courseid: int) -> list[Row]:
    """The groups of a course the account may see, by name."""
    enter_to_manage(call, courseid, call.course_context(courseid))
    return [_shown(call, group) for group in visible_groups(call, courseid)]


def get_course_user_groups(call: Call, courseid: int, userid: int, groupingid: int) -> Row:
    """The groups of a user in one course or in all of the user's courses."""
    userid = userid or call.user["id"]
    _require_active_user(call, userid)
    courseids = [courseid] if courseid else _active_courses(call, userid)
    if courseid:
        call.database.must_find("course", id=courseid)
    groups, warnings = [], []
    for each in courseids:
        found, warning = _groups_in(call, each, userid, groupingid, check=bool(courseid))
        groups += found
        warnings += [{"item": "course", "itemid": each, **warning}] if warning else []
    return {"groups": groups, "warnings": warnings}


def _groups_in(call: Call, courseid: int, userid: int, groupingid: int, *, check: bool) -> tuple[list[Row], Row]:
    try:
        context = call.enter(call.course_context(courseid))
    except MoodleException:
        return [], {"warningcode": "1", "message": "No access rights in course context"}
    if userid != call.user["id"] and not call.can("moodle/course:managegroups", context):
        message = f"User {call.user['id']} cannot manage groups in course {courseid}"
        return [], {"warningcode": "cannotmanagegroups", "message": message}
    warning: dict[str, Any] = {}
    if check and not is_enrolled(call.database, userid, courseid):
        message = f"User {userid} is not enrolled in course {courseid}"
        warning = {"warningcode": "notenrolled", "message": message}
    return [_shown(call, group) for group in groups_of_user(call, courseid, userid, groupingid)], warning


def _active_courses(call: Call, userid: int) -> list[int]:
    sql = (
        "SELECT DISTINCT c.id FROM mdl_course c JOIN mdl_enrol e ON e.courseid = c.id AND e.status = 0"
        " JOIN mdl_user_enrolments ue ON ue.enrolid = e.id AND ue.status = 0"
        " WHERE ue.userid = ? ORDER BY c.visible DESC, c.sortorder"
    )
    return [row["id"] for row in call.database.all(sql, [userid])]


def _require_active_user(call: Call, userid: int) -> None:
    user = call.database.find("user", id=userid)
    if user is None:
        raise MissingRecord("user", f"SELECT * FROM {{user}} WHERE id = ?\n[{userid}]")
    if user["deleted"]:
        raise MoodleException("userdeleted", "This user account has been deleted")
    if user["username"] == "guest":
        raise MoodleException("guestsarenotallowed", "The guest user is not allowed to do this")


def visible_groups(call: Call, courseid: int, groupingid: int = 0) -> list[Row]:
    """All groups for who may see hidden ones or where none is, from the cache; else the open and own ones."""
    context = call.must_course_context(courseid)
    hidden = call.database.exists("SELECT 1 FROM mdl_groups WHERE courseid = ? AND visibility <> 0", [courseid])
    if not hidden or call.can("moodle/course:viewhiddengroups", context):
        groups = call.course_groups(courseid).groups
    else:
        sql = (
            "SELECT g.* FROM mdl_groups g LEFT JOIN mdl_groups_members gm"
            " ON gm.groupid = g.id AND gm.userid = ? WHERE g.courseid = ?"
            " AND (g.visibility = 0 OR (g.visibility IN (1, 2) AND gm.id IS NOT NULL)) ORDER BY g.name, g.id"
        )
        groups = call.database.all(sql, [call.user["id"], courseid])
    if not groupingid:
        return groups
    links = call.database.all("SELECT groupid FROM mdl_groupings_groups WHERE groupingid = ?", [groupingid])
    linked = {link["groupid"] for link in links}
    return [group for group in groups if group["id"] in linked]


def groups_of_user(call: Call, courseid: int, userid: int, groupingid: int = 0) -> list[Row]:
    """A user's groups in a course by name; without viewhiddengroups those of visibility 3 are missing."""
    sql = (
        "SELECT g.* FROM mdl_groups_members gm JOIN mdl_groups g ON g.id = gm.groupid"
        " WHERE gm.userid = ? AND g.courseid = ?"
    )
    if groupingid:
        sql += f" AND g.id IN (SELECT groupid FROM mdl_groupings_groups WHERE groupingid = {int(groupingid)})"
    if not call.can("moodle/course:viewhiddengroups", call.must_course_context(courseid)):
        sql += f" AND g.visibility <> {NO_MEMBERSHIP}"
    return call.database.all(sql + " ORDER BY g.name, g.id", [userid, courseid])


def enter_to_manage(call: Call, courseid: int, context: Row | None) -> None:
    """Every group function asks for this: enter the course and hold managegroups there."""
    call.require("moodle/course:managegroups", call.enter_course(courseid, context))


def _shown(call: Call, group: Row) -> Row:
    description, text_format = format_text(group["description"], group["descriptionformat"], raw=call.raw)
    return {
        **group,
        "name": format_string(group["name"], raw=call.raw),
        "description": description,
        "descriptionformat": text_format,
    }
