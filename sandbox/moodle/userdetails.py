"""What an account gets to see of a user: Moodle's user_get_user_details() with its silent omissions."""

from sandbox.moodle.access import CONTEXT_USER, SYSTEM_CONTEXT, Call, is_enrolled
from sandbox.moodle.database import Row
from sandbox.moodle.errors import MoodleException
from sandbox.moodle.groups import groups_of_user
from sandbox.moodle.text import format_string, format_text, to_html

_FIELDS = frozenset(
    [
        "id", "username", "fullname", "firstname", "lastname", "email", "address", "phone1", "phone2",
        "department", "institution", "interests", "firstaccess", "lastaccess", "auth", "confirmed",
        "idnumber", "lang", "theme", "timezone", "mailformat", "description", "descriptionformat", "city",
        "country", "profileimageurlsmall", "profileimageurl", "customfields", "groups", "roles",
        "preferences", "enrolledcourses", "suspended", "lastcourseaccess", "trackforums",
    ]
)  # fmt: skip
_ALL_DETAILS = ("auth", "confirmed", "lang", "theme", "mailformat", "trackforums")
_COURSE_CONTACT_ROLE = 3
SEPARATE_GROUPS = 1


def user_details(call: Call, user: Row, course: Row | None, fields: list[str]) -> Row | None:
    """The details of a user in the site or in a course, or None if the account may not see the user."""
    for name in fields:
        if name not in _FIELDS:
            raise MoodleException("invaliduserfield", f"Invalid user field: {name}")
    context = call.must_course_context(course["id"]) if course else _user_context(user)
    own = user["id"] == call.user["id"]
    if not own and not call.can("moodle/user:viewdetails", context) and not is_course_contact(call, user["id"]):
        return None
    wanted = {*fields, "id", "fullname"} if fields else _FIELDS
    details = _identity(call, user, context, in_course=course is not None) | _open_details(call, user)
    if course:
        details |= _course_details(call, user, course, context, wanted)
    if "enrolledcourses" in wanted and (courses := users_courses(call, user["id"])):
        details["enrolledcourses"] = [_short_course(each) for each in courses if each["category"]]
    if own:
        details["preferences"] = []
    return {name: value for name, value in details.items() if name in wanted or name == "descriptionformat"}


def _user_context(user: Row) -> Row:
    # No role is ever given in a user's context here: the system's roles decide.
    return {"id": -1_000_000_000 - user["id"], "contextlevel": CONTEXT_USER, "instanceid": user["id"]}


def _identity(call: Call, user: Row, context: Row, *, in_course: bool) -> Row:
    """What only the privileged see: names apart, username, idnumber, email."""
    own = user["id"] == call.user["id"]
    all_details = own or call.can("moodle/user:viewalldetails", context)
    identity = call.can("moodle/site:viewuseridentity", context)
    details: Row = {"id": user["id"], "fullname": f"{user['firstname']} {user['lastname']}"}
    if all_details:
        details |= {name: user[name] for name in ("username", *_ALL_DETAILS)}
    if call.can("moodle/site:viewfullnames", context):
        details |= {"firstname": user["firstname"], "lastname": user["lastname"]}
    in_sight = in_course and call.can("moodle/course:useremail", context)
    if own or identity or in_sight or user["maildisplay"] == 1 or _share_course(call, user):
        details["email"] = user["email"]
    if all_details:
        details["department"] = user["department"]
        details |= {name: user[name] for name in ("idnumber", "institution") if user[name] not in ("", "0")}
    return details


def _share_course(call: Call, user: Row) -> bool:
    if user["maildisplay"] != 2:
        return False
    mine = {course["id"] for course in users_courses(call, call.user["id"])}
    return bool(mine) and any(course["id"] in mine for course in users_courses(call, user["id"]))


def _open_details(call: Call, user: Row) -> Row:
    """What everybody sees who sees the user at all."""
    image = f"{call.site_url}/theme/image.php/boost/core/u/f"
    details: Row = {"profileimageurl": f"{image}1", "profileimageurlsmall": f"{image}2"}
    details |= {"firstaccess": user["firstaccess"], "lastaccess": user["lastaccess"], "lastcourseaccess": 0}
    details["suspended"] = bool(user["suspended"])
    details |= {name: user[name] for name in ("timezone", "city", "country", "address") if user[name]}
    if user["description"] is not None:
        text, text_format = format_text(user["description"], user["descriptionformat"], raw=call.raw)
        details |= {"description": text, "descriptionformat": text_format}
    return details


def _course_details(call: Call, user: Row, course: Row, context: Row, wanted: frozenset[str] | set[str]) -> Row:
    details: Row = {}
    if "roles" in wanted:
        sql = (
            "SELECT r.id AS roleid, r.name, r.shortname, r.sortorder FROM mdl_role_assignments ra"
            " JOIN mdl_role r ON r.id = ra.roleid WHERE ra.userid = ? AND ra.contextid = ?"
            " GROUP BY r.id ORDER BY r.sortorder"
        )
        details["roles"] = call.database.all(sql, [user["id"], context["id"]])
    if "groups" in wanted and (groups := groups_of_user(call, course["id"], user["id"])):
        details["groups"] = [_group(group) for group in groups if _sees_group(call, user, course, context, group)]
    return details


def _sees_group(call: Call, user: Row, course: Row, context: Row, group: Row) -> bool:
    if course["groupmode"] != SEPARATE_GROUPS or user["id"] == call.user["id"]:
        return True
    if call.can("moodle/site:accessallgroups", context):
        return True
    return call.database.find("groups_members", groupid=group["id"], userid=call.user["id"]) is not None


def _group(group: Row) -> Row:
    """A group as listed with a user: always as HTML, even where the raw text is asked for."""
    return {
        "id": group["id"],
        "name": format_string(group["name"]),
        "description": to_html(group["description"] or "", group["descriptionformat"]),
        "descriptionformat": group["descriptionformat"],
    }


def _short_course(course: Row) -> Row:
    return {
        "id": course["id"],
        "fullname": format_string(course["fullname"]),
        "shortname": format_string(course["shortname"]),
    }


def is_course_contact(call: Call, userid: int) -> bool:
    """Whether the user is an editing teacher anywhere: such people are visible to everybody."""
    return call.database.find("role_assignments", userid=userid, roleid=_COURSE_CONTACT_ROLE) is not None


def details_anywhere(call: Call, user: Row) -> Row | None:
    """The details of a user as seen in the site, or else in a course where the account sees the user."""
    in_site = call.can("moodle/user:viewdetails", SYSTEM_CONTEXT)
    if in_site or user["id"] == call.user["id"] or is_course_contact(call, user["id"]):
        return user_details(call, user, None, [])
    found = None
    for course in users_courses(call, user["id"]):
        if can_view_profile(call, user, course):
            found = user_details(call, user, course, [])
    return found


def can_view_profile(call: Call, user: Row, course: Row) -> bool:
    """Whether the account sees the user's profile in this course."""
    if user["deleted"]:
        return False
    if user["id"] == call.user["id"] or is_course_contact(call, user["id"]):
        return True
    context = call.must_course_context(course["id"])
    views = call.can("moodle/user:viewdetails", context) or call.can("moodle/user:viewalldetails", context)
    if not views or not is_enrolled(call.database, user["id"], course["id"]):
        return False
    if course["groupmode"] != SEPARATE_GROUPS or call.can("moodle/site:accessallgroups", context):
        return True
    sql = (
        "SELECT 1 FROM mdl_groups g JOIN mdl_groups_members a ON a.groupid = g.id AND a.userid = ?"
        " JOIN mdl_groups_members b ON b.groupid = g.id AND b.userid = ? WHERE g.courseid = ?"
    )
    return call.database.exists(sql, [user["id"], call.user["id"], course["id"]])


def users_courses(call: Call, userid: int) -> list[Row]:
    """The courses with an active enrolment, newest first; hidden ones only where the user may see them."""
    sql = (
        "SELECT * FROM mdl_course WHERE id IN (SELECT e.courseid FROM mdl_user_enrolments ue"
        " JOIN mdl_enrol e ON e.id = ue.enrolid WHERE ue.userid = :user AND ue.status = 0 AND e.status = 0"
        " AND ue.timestart < :now AND (ue.timeend = 0 OR ue.timeend > :now))"
        " AND (visible = 1 OR EXISTS (SELECT 1 FROM mdl_role_assignments ra JOIN mdl_role_capabilities rc"
        " ON rc.roleid = ra.roleid AND rc.capability = 'moodle/course:viewhiddencourses'"
        " LEFT JOIN mdl_context x ON x.id = ra.contextid WHERE ra.userid = :user"
        " AND (x.contextlevel = 10 OR (x.contextlevel = 50 AND x.instanceid = mdl_course.id))))"
        " ORDER BY visible DESC, sortorder, id"
    )
    return call.database.all(sql, {"user": userid, "now": call.now})
