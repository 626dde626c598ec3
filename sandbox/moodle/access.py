"""Who is calling and what the account may do: capabilities from roles, and entering a course or activity."""

import time
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.moodle.availability import Person, judge
from sandbox.moodle.database import Database, Row
from sandbox.moodle.errors import (
    InvalidParameter,
    MissingCapability,
    MissingRecord,
    MoodleException,
    RequireLogin,
)
from sandbox.moodle.groupcache import CourseGroups, GroupCache

SITE_COURSE = 1
CONTEXT_SYSTEM, CONTEXT_USER, CONTEXT_CATEGORY, CONTEXT_COURSE, CONTEXT_MODULE = 10, 30, 40, 50, 70
SYSTEM_CONTEXT: Row = {"id": 1, "contextlevel": CONTEXT_SYSTEM, "instanceid": 0}

_TITLES = {
    "moodle/course:create": "Create courses",
    "moodle/course:update": "Update course settings",
    "moodle/course:view": "View courses without participation",
    "moodle/course:viewparticipants": "View participants",
    "moodle/site:viewparticipants": "View participants",
    "moodle/course:managegroups": "Manage groups",
    "moodle/course:enrolreview": "Review course enrolments",
    "moodle/course:changecategory": "Change course category",
    "moodle/site:accessallgroups": "Access all groups",
    "moodle/user:create": "Create users",
    "moodle/user:update": "Update user profiles",
    "moodle/user:delete": "Delete users",
    "moodle/role:assign": "Assign roles to users",
    "moodle/role:review": "Review permissions for others",
    "enrol/manual:enrol": "Enrol users",
    "enrol/manual:unenrol": "Unenrol users from the course",
}

_IGNORES = "moodle/course:ignoreavailabilityrestrictions"
_SEES_STEALTH = ("moodle/course:manageactivities", "moodle/course:viewhiddenactivities")
# Kinds of activity that have a capability of their own for looking at them; forums have none.
_VIEW_IS_A_RIGHT = ("assign", "label", "page", "quiz")


@dataclass(frozen=True)
class Standing:
    """Whether a section or activity is available, may be used and is listed, and the reason shown if not."""

    available: bool
    usable: bool
    listed: bool
    reason: str


@dataclass
class Call:
    """One web-service call: the account, the database connection and the settings it asked for."""

    database: Database
    cache: GroupCache
    user: Row
    serviceid: int
    site_url: str
    raw: bool = False
    _granted: dict[int, set[str]] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """The time of the call, in seconds."""
        return int(time.time())

    @cached_property
    def is_site_admin(self) -> bool:
        """Whether the account is the site administrator."""
        return bool(self.user["username"] == "admin")

    def course_groups(self, courseid: int) -> CourseGroups:
        """The cached groups and groupings of a course."""
        return self.cache.course(self.database, courseid)

    def can(self, capability: str, context: Row) -> bool:
        """Whether one of the account's roles in the system or this context has the capability."""
        return self.is_site_admin or capability in self._capabilities_in(context)

    def require(self, capability: str, context: Row) -> None:
        """Refuse the call without the capability."""
        if not self.can(capability, context):
            raise MissingCapability(_TITLES.get(capability, capability))

    def _capabilities_in(self, context: Row) -> set[str]:
        if context["id"] not in self._granted:
            ids = [SYSTEM_CONTEXT["id"], context["id"]]
            if context["contextlevel"] == CONTEXT_MODULE:
                sql = (
                    "SELECT x.id FROM mdl_course_modules cm JOIN mdl_context x"
                    " ON x.contextlevel = 50 AND x.instanceid = cm.course WHERE cm.id = ?"
                )
                ids += [row["id"] for row in self.database.all(sql, [context["instanceid"]])]
            sql = (
                "SELECT rc.capability FROM mdl_role_assignments ra JOIN mdl_role_capabilities rc"
                " ON rc.roleid = ra.roleid AND rc.permission = 1"
                f" WHERE ra.userid = ? AND ra.contextid IN ({','.join('?' * len(ids))})"
                # Everybody with an account has this role.
                " UNION SELECT rc.capability FROM mdl_role r JOIN mdl_role_capabilities rc ON rc.roleid = r.id"
                " WHERE r.shortname = 'user' AND rc.permission = 1"
            )
            rows = self.database.all(sql, [self.user["id"], *ids])
            self._granted[context["id"]] = {row["capability"] for row in rows}
        return self._granted[context["id"]]

    def context(self, level: int, instanceid: int) -> Row | None:
        """A context, or None."""
        return self.database.find("context", contextlevel=level, instanceid=instanceid)

    def course_context(self, courseid: int) -> Row | None:
        """The context of a course, or None if there is no such course."""
        return self.context(CONTEXT_COURSE, courseid)

    def must_course_context(self, courseid: int) -> Row:
        """The context of a course, or MissingRecord."""
        found = self.course_context(courseid)
        if found is None:
            raise MissingRecord("course", f"SELECT id,category FROM {{course}} WHERE id = ?\n[{courseid}]")
        return found

    def enter(self, context: Row | None) -> Row:
        """Moodle's validate_context(): the context must exist and the account must be able to enter it."""
        if context is None:
            raise InvalidParameter("Context does not exist")
        if context["contextlevel"] == CONTEXT_COURSE:
            self._enter_course(self.database.must_find("course", id=context["instanceid"]), context)
        elif context["contextlevel"] == CONTEXT_MODULE:
            self._enter_module(context)
        return context

    def enter_course(self, courseid: int, context: Row | None) -> Row:
        """enter(), with the reason wrapped up as the course functions do."""
        try:
            return self.enter(context)
        except MoodleException as error:
            raise MoodleException(
                "errorcoursecontextnotvalid",
                f"You cannot execute functions in the course context (course id:{courseid}). "
                f"The context error message was: {error.message}",
            ) from None

    def _enter_course(self, course: Row, context: Row) -> None:
        if course["id"] == SITE_COURSE:
            return
        if not course["visible"] and not self.can("moodle/course:viewhiddencourses", context):
            raise RequireLogin("Course is hidden")
        if not self.can("moodle/course:view", context) and not is_enrolled(
            self.database, self.user["id"], course["id"], only_active=True
        ):
            raise RequireLogin("Not enrolled")

    def _enter_module(self, context: Row) -> None:
        module = self.database.must_find("course_modules", id=context["instanceid"])
        course = self.must_course_context(module["course"])
        self._enter_course(self.database.must_find("course", id=module["course"]), course)
        kind = self.database.must_find("modules", id=module["module"])["name"]
        if not self.module_standing({**module, "modname": kind}, context).usable:
            raise RequireLogin("Activity is hidden")

    def section_standing(self, section: Row, context: Row) -> Standing:
        """What the account may do with a section; ``context`` is the course's."""
        found = judge(self._person(section["course"], context), section["availability"], visible=section["visible"])
        usable = bool(section["visible"]) or self.can("moodle/course:viewhiddensections", context)
        usable = usable and (found.available or self.can(_IGNORES, context))
        return Standing(found.available, usable, usable or bool(found.reason), found.reason)

    def module_standing(self, module: Row, context: Row) -> Standing:
        """What the account may do with an activity, its section's restriction included."""
        person = self._person(module["course"], context)
        found = judge(person, module["availability"], visible=module["visible"], own_groupingid=module["groupingid"])
        available, reason = found.available, found.reason
        section = self.database.find("course_sections", id=module["section"])
        if available and section:
            available = judge(person, section["availability"], visible=True).available
        usable = bool(module["visible"]) or self.can("moodle/course:viewhiddenactivities", context)
        usable = usable and (available or self.can(_IGNORES, context))
        if module["modname"] in _VIEW_IS_A_RIGHT and not self.can(f"mod/{module['modname']}:view", context):
            usable, reason = False, ""
        if usable:
            listed = bool(module["visibleoncoursepage"]) or any(self.can(name, context) for name in _SEES_STEALTH)
        else:
            listed = bool(module["visibleoncoursepage"] and reason)
        return Standing(available, usable, listed, reason)

    def _person(self, courseid: int, context: Row) -> Person:
        return Person(self.database, self.user["id"], courseid, self.can("moodle/site:accessallgroups", context))


def is_enrolled(database: Database, userid: int, courseid: int, *, only_active: bool = False) -> bool:
    """Whether the user has an enrolment; suspended ones count unless only active ones are asked for."""
    if courseid == SITE_COURSE:
        return True
    sql = (
        "SELECT 1 FROM mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid"
        " WHERE ue.userid = ? AND e.courseid = ?"
    )
    if not only_active:
        return database.exists(sql, [userid, courseid])
    now = int(time.time())
    sql += " AND ue.status = 0 AND e.status = 0 AND ue.timestart < ? AND (ue.timeend = 0 OR ue.timeend > ?)"
    return database.exists(sql, [userid, courseid, now, now])


def role_assign(call: Call, roleid: int, userid: int, contextid: int) -> None:
    """Give a role once."""
    given = {"roleid": roleid, "userid": userid, "contextid": contextid, "component": "", "itemid": 0}
    if not call.database.find("role_assignments", **given):
        call.database.must_find("user", id=userid)
        call.database.insert("role_assignments", {**given, "timemodified": call.now, "modifierid": call.user["id"]})


def can_assign(roleid: int) -> bool:
    """Whether the service accounts may give this role: editing teacher, teacher and student."""
    return roleid in (3, 4, 5)
