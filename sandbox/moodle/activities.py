"""The web services on single activities: course modules and their group settings."""

from typing import Any

from sandbox.moodle import types
from sandbox.moodle.access import CONTEXT_MODULE, Call, is_enrolled
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, default, optional
from sandbox.moodle.errors import MissingRecord, MoodleException
from sandbox.moodle.groups import USER_GROUP, WARNINGS, groups_of_user, visible_groups
from sandbox.moodle.text import format_string, format_text

CMID = One({"cmid": Value("int")})
CMID_USERID = One({"cmid": Value("int"), "userid": default("int", 0)})
GROUPMODE = One({"groupmode": Value("int"), "warnings": WARNINGS})
ALLOWED_GROUPS = One({"groups": Many(USER_GROUP), "canaccessallgroups": optional("bool"), "warnings": WARNINGS})
_CM_ALWAYS = {
    "id": "int", "course": "int", "module": "int", "name": "raw", "modname": "plugin", "instance": "int",
    "section": "int", "sectionnum": "int", "groupmode": "int", "groupingid": "int", "completion": "int",
}  # fmt: skip
_CM_EXTRA = {
    "idnumber": "raw", "added": "int", "score": "int", "indent": "int", "visible": "int",
    "visibleoncoursepage": "int", "visibleold": "int", "completiongradeitemnumber": "int",
    "completionpassgrade": "int", "completionview": "int", "completionexpected": "int",
    "showdescription": "int", "downloadcontent": "int", "availability": "raw",
}  # fmt: skip
_GRADE = {"grade": "int", "gradepass": "raw", "gradecat": "int"}
COURSE_MODULE = One(
    {
        "cm": One(
            {name: Value(kind) for name, kind in _CM_ALWAYS.items()}
            | {name: optional(kind) for name, kind in (_CM_EXTRA | _GRADE).items()}
        ),
        "warnings": WARNINGS,
    }
)
_GRADED = {"assign": 100, "quiz": 100}


def find_module(call: Call, cmid: int) -> Row:
    sql = (
        "SELECT cm.*, m.name AS modname, s.section AS sectionnum FROM mdl_course_modules cm"
        " JOIN mdl_modules m ON m.id = cm.module LEFT JOIN mdl_course_sections s ON s.id = cm.section"
        " WHERE cm.id = ?"
    )
    module = call.database.one(sql, [cmid])
    if module is None:
        raise MissingRecord("", f"SELECT md.name FROM {{modules}} md ... WHERE cm.id = :cmid\n[{cmid}]")
    module["name"] = _name(call, module)
    return module


def _name(call: Call, module: Row) -> Any:
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    table = f"mdl_{types.clean(module['modname'], 'alphanumext')}"
    if not call.database.exists(known, [table]):
        return module["modname"]
    row = call.database.one(f"SELECT name FROM {table} WHERE id = ?", [module["instance"]])
    return row["name"] if row else module["modname"]


def module_context(call: Call, module: Row) -> Row:
    """An activity put in by SQL has no context row; Moodle makes one when it is first needed."""
    found = call.context(CONTEXT_MODULE, module["id"])
    return found or {"id": -module["id"], "contextlevel": CONTEXT_MODULE, "instanceid": module["id"]}


def get_course_module(call: Call, cmid: int) -> Row:
    """One activity; the settings only for who may manage activities."""
    module = find_module(call, cmid)
    context = call.enter(module_context(call, module))
    names = [*_CM_ALWAYS, "downloadcontent"]
    grade = {}
    if call.can("moodle/course:manageactivities", context):
        names = [*_CM_ALWAYS, *_CM_EXTRA]
        if module["modname"] in _GRADED:
            grade = {"grade": _GRADED[module["modname"]], "gradepass": "0.00", "gradecat": module["course"]}
    shown = {name: module[name] for name in names} | grade
    return {"cm": shown | {"name": format_string(module["name"], raw=call.raw)}, "warnings": []}


def get_activity_groupmode(call: Call, cmid: int) -> Row:
    """The group mode in force: the course's where it is forced."""
    module = find_module(call, cmid)
    call.enter(module_context(call, module))
    return {"groupmode": _groupmode(call, module), "warnings": []}


def _groupmode(call: Call, module: Row) -> Any:
    course = call.database.must_find("course", id=module["course"])
    return course["groupmode"] if course["groupmodeforce"] else module["groupmode"]


def get_activity_allowed_groups(call: Call, cmid: int, userid: int) -> Row:
    """The participation groups a user may work with in an activity."""
    module = find_module(call, cmid)
    context = call.enter(module_context(call, module))
    userid = userid or call.user["id"]
    call.database.must_find("user", id=userid)
    warnings = []
    if userid != call.user["id"]:
        if not call.can("moodle/course:managegroups", context):
            raise MoodleException("accessdenied", "Access denied")
        if not is_enrolled(call.database, userid, module["course"], only_active=True):
            message = f"User {userid} cannot access course {module['course']}"
            warnings = [{"item": "course", "itemid": module["course"], "warningcode": "1", "message": message}]
    every = userid == call.user["id"] and call.can("moodle/site:accessallgroups", context)
    groups: list[Row] = []
    if not warnings:
        groups = _allowed(call, module, userid, every=every or _groupmode(call, module) == 2)
    return {"groups": groups, "canaccessallgroups": every, "warnings": warnings}


def _allowed(call: Call, module: Row, userid: int, *, every: bool) -> list[Row]:
    if every:
        groups = visible_groups(call, module["course"], module["groupingid"])
    else:
        groups = groups_of_user(call, module["course"], userid, module["groupingid"])
    shown = []
    for group in groups:
        if group["participation"]:
            text, text_format = format_text(group["description"], group["descriptionformat"], raw=call.raw)
            name = format_string(group["name"], raw=call.raw)
            shown.append({**group, "name": name, "description": text, "descriptionformat": text_format})
    return shown
