"""The web services that list who is enrolled where."""

from sandbox.moodle import php, types
from sandbox.moodle.access import SITE_COURSE, SYSTEM_CONTEXT, Call
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, default, optional
from sandbox.moodle.errors import CodingError, InvalidParameter, MissingCapability, MoodleException
from sandbox.moodle.text import format_string, format_text
from sandbox.moodle.userdetails import SEPARATE_GROUPS, can_view_profile, user_details, users_courses

_OPTIONS = Many(One({"name": Value("alphanumext"), "value": Value("raw")}), "default")
ENROLLED_USERS = One({"courseid": Value("int"), "options": _OPTIONS})
_CAPABILITIES = One({"courseid": Value("int"), "capabilities": Many(Value("capability"))})
WITH_CAPABILITY = One({"coursecapabilities": Many(_CAPABILITIES), "options": _OPTIONS})
USERS_COURSES = One({"userid": Value("int"), "returnusercount": default("bool", True)})
_USER_FIELDS = {
    "username": "raw", "firstname": "notags", "lastname": "notags", "fullname": "notags", "email": "text",
    "address": "text", "phone1": "notags", "phone2": "notags", "department": "text", "institution": "text",
    "idnumber": "raw", "interests": "text", "firstaccess": "int", "lastaccess": "int",
    "lastcourseaccess": "int", "description": "raw", "descriptionformat": "int", "city": "text",
    "country": "alpha", "profileimageurlsmall": "url", "profileimageurl": "url",
}  # fmt: skip


def _list_of(required: str = "optional", **kinds: str) -> Many:
    return Many(One({name: Value(kind) for name, kind in kinds.items()}), required)


_ENROLLED_USER = One(
    {
        "id": Value("int"),
        **{name: optional(kind) for name, kind in _USER_FIELDS.items()},
        "groups": _list_of(id="int", name="raw", description="raw", descriptionformat="int"),
        "roles": _list_of(roleid="int", name="raw", shortname="alphanumext", sortorder="int"),
        "preferences": _list_of(name="raw", value="raw"),
        "enrolledcourses": _list_of(id="int", fullname="raw", shortname="raw"),
    }
)
ENROLLED = Many(_ENROLLED_USER)
ENROLLED_WITH_CAPABILITY = Many(One({"courseid": Value("int"), "capability": Value("capability"), "users": ENROLLED}))
_COURSE_FIELDS = {
    "id": "int", "shortname": "raw", "fullname": "raw", "displayname": "raw", "enrolledusercount": "int",
    "idnumber": "raw", "visible": "int", "summary": "raw", "summaryformat": "int", "format": "plugin",
    "courseimage": "url", "showgrades": "bool", "lang": "lang", "enablecompletion": "bool",
    "completionhascriteria": "bool", "completionusertracked": "bool", "category": "int", "progress": "int",
    "completed": "bool", "startdate": "int", "enddate": "int", "marker": "int", "lastaccess": "int",
    "isfavourite": "bool", "hidden": "bool", "overviewfiles": "files", "showactivitydates": "bool",
    "showcompletionconditions": "bool", "timemodified": "int",
}  # fmt: skip
COURSES_OF_USER = Many(
    One({n: _list_of() if kind == "files" else optional(kind) for n, kind in _COURSE_FIELDS.items()})
)
_SORTS = {"id": "u.id", "firstname": "u.firstname", "lastname": "u.lastname"}


class _Options:
    """The name-value options of the listing functions; unknown ones are passed over."""

    def __init__(self, options: list[Row]) -> None:
        given = {option["name"]: option["value"] for option in options}
        self.capability: str = given.get("withcapability", "")
        self.groupid = php.to_int(given.get("groupid", "0"))
        self.onlyactive = not php.is_empty(given.get("onlyactive"))
        self.onlysuspended = not php.is_empty(given.get("onlysuspended"))
        names = given["userfields"].split(",") if "userfields" in given else []
        self.userfields = [str(types.clean(name, "alphanumext")) for name in names]
        self.limitfrom = php.to_int(given.get("limitfrom", "0"))
        self.limitnumber = php.to_int(given.get("limitnumber", "0"))
        self.sortby = given.get("sortby", "id")
        if self.sortby not in (*_SORTS, "siteorder"):
            raise InvalidParameter(f"Invalid value for sortby parameter (value: {self.sortby})")
        self.direction = given.get("sortdirection", "ASC").upper()
        if self.direction not in ("ASC", "DESC"):
            raise InvalidParameter(f"Invalid value for sortdirection parameter (value: {self.direction})")

    @property
    def order(self) -> str:
        """The ORDER BY; in site order a direction only reaches the last column."""
        if self.sortby == "siteorder":
            return f"u.lastname, u.firstname, u.id {self.direction}"
        return f"{_SORTS[self.sortby]} {self.direction}"


def get_enrolled_users(call: Call, courseid: int, options: list[Row]) -> list[Row]:
    """The users of a course with their groups; who the account may not see is left out."""
    chosen = _Options(options)
    course = call.database.must_find("course", id=courseid)
    context = call.must_course_context(courseid)
    if courseid == SITE_COURSE:
        context = SYSTEM_CONTEXT
    else:
        call.enter_course(courseid, context)
    _require_participants(call, context)
    if chosen.capability:
        call.require("moodle/role:review", context)
    if chosen.groupid and not call.database.find("groups_members", groupid=chosen.groupid, userid=call.user["id"]):
        call.require("moodle/site:accessallgroups", context)
    if chosen.onlyactive or chosen.onlysuspended:
        call.require("moodle/course:enrolreview", context)
    own_groups = not chosen.groupid and course["groupmode"] == SEPARATE_GROUPS
    own_groups = own_groups and not call.can("moodle/site:accessallgroups", context)
    users = _enrolled(call, course, chosen, own_groups=own_groups)
    shown = [user_details(call, user, course, chosen.userfields) for user in users]
    return [details for details in shown if details]


def _require_participants(call: Call, context: Row) -> None:
    level = "site" if context is SYSTEM_CONTEXT else "course"
    if not call.can(f"moodle/{level}:viewparticipants", context):
        raise MissingCapability("View participants")


def _enrolled(call: Call, course: Row, chosen: _Options, *, own_groups: bool = False) -> list[Row]:
    values: dict[str, int | str] = {"course": course["id"], "now": call.now}
    if chosen.onlyactive and chosen.onlysuspended:
        raise CodingError("Both onlyactive and onlysuspended are set, this is probably not what you want!")
    active = "ue.status = 0 AND e.status = 0 AND ue.timestart < :now AND (ue.timeend = 0 OR ue.timeend > :now)"
    enrolled = (
        "SELECT ue.userid FROM mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid WHERE e.courseid = :course"
    )
    where = ["u.deleted = 0", "u.username <> 'guest'"]
    if course["id"] != SITE_COURSE:
        where.append(f"u.id IN ({enrolled}{f' AND {active}' if chosen.onlyactive else ''})")
        if chosen.onlysuspended:
            where.append(f"u.id NOT IN ({enrolled} AND {active})")
    if chosen.groupid:
        where.append("u.id IN (SELECT userid FROM mdl_groups_members WHERE groupid = :group)")
        values["group"] = chosen.groupid
    if own_groups:
        mine = "SELECT a.groupid FROM mdl_groups_members a JOIN mdl_groups g ON g.id = a.groupid"
        mine += " WHERE g.courseid = :course AND a.userid = :caller"
        where.append(f"u.id IN (SELECT userid FROM mdl_groups_members WHERE groupid IN ({mine}))")
        values["caller"] = call.user["id"]
    if chosen.capability:
        roles = "SELECT ra.userid FROM mdl_role_assignments ra JOIN mdl_role_capabilities rc USING (roleid)"
        roles += " JOIN mdl_context x ON x.id = ra.contextid WHERE rc.capability = :capability"
        roles += " AND (x.contextlevel = 10 OR (x.contextlevel = 50 AND x.instanceid = :course))"
        where.append(f"u.id IN ({roles})")
        values["capability"] = chosen.capability
    sql = f"SELECT u.* FROM mdl_user u WHERE {' AND '.join(where)} ORDER BY {chosen.order}"
    sql += f" LIMIT {chosen.limitnumber or -1} OFFSET {max(0, chosen.limitfrom)}"
    return call.database.all(sql, values)


def get_enrolled_users_with_capability(call: Call, coursecapabilities: list[Row], options: list[Row]) -> list[Row]:
    """The users of many courses that have a capability there; needs the permission to review roles."""
    chosen = _Options(options)
    answer = []
    for asked in coursecapabilities:
        course = call.database.must_find("course", id=asked["courseid"])
        context = call.enter_course(course["id"], call.must_course_context(course["id"]))
        _require_participants(call, context)
        if chosen.onlyactive:
            call.require("moodle/course:enrolreview", context)
        call.require("moodle/role:review", context)
        for capability in asked["capabilities"]:
            chosen.capability = capability
            users = [user_details(call, user, course, chosen.userfields) for user in _enrolled(call, course, chosen)]
            shown = [details for details in users if details]
            answer.append({"courseid": course["id"], "capability": capability, "users": shown})
    return answer


def get_users_courses(call: Call, userid: int, returnusercount: bool) -> list[Row]:
    """The courses a user takes part in, as far as the account can enter them and see the user there."""
    user = call.database.find("user", id=userid)
    answer = []
    for course in users_courses(call, userid) if user else []:
        context = call.must_course_context(course["id"])
        try:
            call.enter(context)
        except MoodleException:
            continue
        own = userid == call.user["id"]
        participants = call.can("moodle/course:viewparticipants", context)
        if user and (own or (participants and can_view_profile(call, user, course))):
            answer.append(_users_course(call, course, returnusercount))
    return answer


def _users_course(call: Call, course: Row, returnusercount: bool) -> Row:
    summary, text_format = format_text(course["summary"], course["summaryformat"], raw=call.raw)
    shown = {
        **course,
        "fullname": format_string(course["fullname"], raw=call.raw),
        "displayname": format_string(course["fullname"], raw=call.raw),
        "shortname": format_string(course["shortname"], raw=call.raw),
        "summary": summary,
        "summaryformat": text_format,
        "courseimage": f"{call.site_url}/course/generatedimage/{course['id']}.svg",
        "overviewfiles": [],
    }
    shown |= dict.fromkeys(("progress", "completed", "lastaccess"))
    shown |= dict.fromkeys(("completionhascriteria", "completionusertracked", "isfavourite", "hidden"), False)
    if returnusercount:
        shown["enrolledusercount"] = len(_enrolled(call, course, _Options([])))
    return shown
