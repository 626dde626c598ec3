"""The web services on enrolments and roles, and what goes with an enrolment."""

from sandbox.moodle.access import CONTEXT_COURSE, SYSTEM_CONTEXT, Call, can_assign, role_assign
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, optional
from sandbox.moodle.errors import InvalidParameter, MoodleException
from sandbox.moodle.members import remove_member

_LEVELS = {"system": 10, "user": 30, "coursecat": 40, "course": 50, "module": 70, "block": 80}

ENROL_USERS = One(
    {
        "enrolments": Many(
            One(
                {
                    "roleid": Value("int"),
                    "userid": Value("int"),
                    "courseid": Value("int"),
                    "timestart": optional("int"),
                    "timeend": optional("int"),
                    "suspend": optional("int"),
                }
            )
        )
    }
)
UNENROL_USERS = One(
    {"enrolments": Many(One({"userid": Value("int"), "courseid": Value("int"), "roleid": optional("int")}))}
)
ASSIGN_ROLES = One(
    {
        "assignments": Many(
            One(
                {
                    "roleid": Value("int"),
                    "userid": Value("int"),
                    "contextid": optional("int"),
                    "contextlevel": optional("alpha"),
                    "instanceid": optional("int"),
                }
            )
        )
    }
)


def enrol_users(call: Call, enrolments: list[Row]) -> None:
    """Enrol users by the manual method; who is enrolled already gets the new status and times."""
    for enrolment in enrolments:
        context = call.enter(call.course_context(enrolment["courseid"]))
        call.require("enrol/manual:enrol", context)
        if not can_assign(enrolment["roleid"]):
            raise MoodleException(
                "wsusercannotassign",
                f"You don't have the permission to assign this role ({enrolment['roleid']}) to this user "
                f"({enrolment['userid']}) in this course ({enrolment['courseid']}).",
            )
        instance = call.database.find("enrol", courseid=enrolment["courseid"], enrol="manual", status=0)
        _enrol(call, _or_no_instance(instance, enrolment["courseid"]), enrolment)
        role_assign(call, enrolment["roleid"], enrolment["userid"], context["id"])


def _or_no_instance(instance: Row | None, courseid: int) -> Row:
    if instance is None:
        raise MoodleException(
            "wsnoinstance",
            f"Manual enrolment plugin instance doesn't exist or is disabled for the course (id = {courseid})",
        )
    return instance


def _enrol(call: Call, instance: Row, enrolment: Row) -> None:
    call.database.must_find("user", id=enrolment["userid"])
    row = {
        "status": 1 if enrolment.get("suspend") else 0,
        "timestart": enrolment.get("timestart", 0),
        "timeend": enrolment.get("timeend", 0),
        "modifierid": call.user["id"],
        "timemodified": call.now,
    }
    known = call.database.find("user_enrolments", enrolid=instance["id"], userid=enrolment["userid"])
    if known:
        call.database.update("user_enrolments", known["id"], row)
    else:
        row |= {"enrolid": instance["id"], "userid": enrolment["userid"], "timecreated": call.now}
        call.database.insert("user_enrolments", row)


def unenrol_users(call: Call, enrolments: list[Row]) -> None:
    """Take away the manual enrolment."""
    for enrolment in enrolments:
        context = call.enter(call.must_course_context(enrolment["courseid"]))
        call.require("enrol/manual:unenrol", context)
        instance = call.database.find("enrol", courseid=enrolment["courseid"], enrol="manual")
        instance = _or_no_instance(instance, enrolment["courseid"])
        if call.database.find("user", id=enrolment["userid"]) is None:
            raise InvalidParameter(f"User id not exist: {enrolment['userid']}")
        unenrol(call, instance, enrolment["userid"])


def unenrol(call: Call, instance: Row, userid: int) -> None:
    """End one enrolment; with the last one in a course the roles and group memberships there go too."""
    database, courseid = call.database, instance["courseid"]
    enrolment = database.find("user_enrolments", enrolid=instance["id"], userid=userid)
    if enrolment is None:
        return
    plugin = {"userid": userid, "component": f"enrol_{instance['enrol']}", "itemid": instance["id"]}
    while row := database.find("groups_members", **plugin):
        remove_member(call, row)
    database.execute("DELETE FROM mdl_user_enrolments WHERE id = ?", [enrolment["id"]])
    context = call.must_course_context(courseid)
    roles = "DELETE FROM mdl_role_assignments WHERE userid = ? AND contextid = ?"
    remaining = (
        "SELECT 1 FROM mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid"
        " WHERE ue.userid = ? AND e.courseid = ?"
    )
    if database.exists(remaining, [userid, courseid]):
        roles += " AND component = ? AND itemid = ?"
        database.execute(roles, [userid, context["id"], plugin["component"], instance["id"]])
        return
    database.execute(roles, [userid, context["id"]])
    memberships = (
        "SELECT gm.* FROM mdl_groups_members gm JOIN mdl_groups g ON g.id = gm.groupid"
        " WHERE gm.userid = ? AND g.courseid = ?"
    )
    for row in database.all(memberships, [userid, courseid]):
        remove_member(call, row)


def assign_roles(call: Call, assignments: list[Row]) -> None:
    """Give roles in a context named by its id, or by level and instance."""
    for assignment in assignments:
        context = call.enter(_context_of(call, assignment))
        call.require("moodle/role:assign", context)
        if not can_assign(assignment["roleid"]) or context["contextlevel"] != CONTEXT_COURSE:
            raise InvalidParameter(f"Can not assign roleid={assignment['roleid']} in contextid={context['id']}")
        role_assign(call, assignment["roleid"], assignment["userid"], context["id"])


def _context_of(call: Call, assignment: Row) -> Row | None:
    if assignment.get("contextid"):
        return call.database.find("context", id=assignment["contextid"])
    if not assignment.get("contextlevel") or "instanceid" not in assignment:
        raise InvalidParameter("Missing parameters, please provide either context level with instance id or contextid")
    level = _LEVELS.get(assignment["contextlevel"])
    if level is None:
        raise InvalidParameter(f"Invalid context level = {assignment['contextlevel']}")
    return SYSTEM_CONTEXT if level == SYSTEM_CONTEXT["contextlevel"] else call.context(level, assignment["instanceid"])
