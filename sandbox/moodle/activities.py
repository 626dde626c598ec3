"""The web services on activities: course contents, course modules and their group settings."""

import json
from typing import Any

from sandbox.moodle import php, types
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
COURSE_MODULE = One(
    {
        "cm": One(
            {name: Value(kind) for name, kind in _CM_ALWAYS.items()}
            | {name: optional(kind) for name, kind in _CM_EXTRA.items()}
        ),
        "warnings": WARNINGS,
    }
)
CONTENTS_OPTIONS = One(
    {
        "courseid": Value("int"),
        "options": Many(One({"name": Value("alphanum"), "value": Value("raw")}), "default"),
    }
)
_MODULE_KINDS = {
    "url": "url", "instance": "int", "contextid": "int", "visible": "int", "uservisible": "bool",
    "visibleoncoursepage": "int", "modicon": "url", "modname": "plugin", "purpose": "alpha",
    "branded": "bool", "modplural": "text", "availability": "raw", "indent": "int", "onclick": "raw",
    "afterlink": "raw", "customdata": "raw", "noviewlink": "bool", "completion": "int",
    "downloadcontent": "int", "groupmode": "int",
}  # fmt: skip
_SHOWN_MODULE = One(
    {
        "id": Value("int"),
        "name": Value("raw"),
        **{name: optional(kind) for name, kind in _MODULE_KINDS.items()},
        "activitybadge": Many(Value("raw"), "optional"),
        "dates": Many(Value("raw"), "optional"),
    }
)
_SECTION_KINDS = {"visible": "int", "section": "int", "hiddenbynumsections": "int", "uservisible": "bool"}
CONTENTS = Many(
    One(
        {
            "id": Value("int"),
            "name": Value("raw"),
            "summary": Value("raw"),
            "summaryformat": Value("int"),
            **{name: optional(kind) for name, kind in _SECTION_KINDS.items()},
            "component": optional("plugin"),
            "itemid": optional("int"),
            "modules": Many(_SHOWN_MODULE),
        }
    )
)
_SWITCHES = ("excludemodules", "excludecontents", "includestealthmodules")
_NUMBERS = ("sectionid", "sectionnumber", "cmid", "modid")
_PURPOSES = {"forum": "collaboration", "assign": "assessment", "quiz": "assessment"}


def _module(call: Call, cmid: int) -> Row:
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


def _context(call: Call, module: Row) -> Row:
    """An activity put in by SQL has no context row; Moodle makes one when it is first needed."""
    found = call.context(CONTEXT_MODULE, module["id"])
    return found or {"id": -module["id"], "contextlevel": CONTEXT_MODULE, "instanceid": module["id"]}


def get_course_module(call: Call, cmid: int) -> Row:
    """One activity; the settings only for who may manage activities."""
    module = _module(call, cmid)
    context = call.enter(_context(call, module))
    names = [*_CM_ALWAYS, "downloadcontent"]
    if call.can("moodle/course:manageactivities", context):
        names = [*_CM_ALWAYS, *_CM_EXTRA]
    shown = {name: module[name] for name in names}
    return {"cm": shown | {"name": format_string(module["name"], raw=call.raw)}, "warnings": []}


def get_activity_groupmode(call: Call, cmid: int) -> Row:
    """The group mode in force: the course's where it is forced."""
    module = _module(call, cmid)
    call.enter(_context(call, module))
    return {"groupmode": _groupmode(call, module), "warnings": []}


def _groupmode(call: Call, module: Row) -> Any:
    course = call.database.must_find("course", id=module["course"])
    return course["groupmode"] if course["groupmodeforce"] else module["groupmode"]


def get_activity_allowed_groups(call: Call, cmid: int, userid: int) -> Row:
    """The participation groups a user may work with in an activity."""
    module = _module(call, cmid)
    context = call.enter(_context(call, module))
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


def get_course_contents(call: Call, courseid: int, options: list[Row]) -> list[Row]:
    """The sections of a course with their activities."""
    filters = _filters(options)
    course = call.database.must_find("course", id=courseid)
    context = call.enter_course(courseid, call.course_context(courseid))
    sections = call.database.all("SELECT * FROM mdl_course_sections WHERE course = ? ORDER BY section", [courseid])
    sees_hidden = call.can("moodle/course:viewhiddensections", context)
    contents = []
    for section in sections:
        if filters.get("sectionid") and section["id"] != filters["sectionid"]:
            continue
        if "sectionnumber" in filters and section["section"] != filters["sectionnumber"]:
            continue
        if section["visible"] or sees_hidden:
            contents.append(_section(call, course, context, section, filters))
    return contents


def _filters(options: list[Row]) -> dict[str, int | str]:
    filters: dict[str, int | str] = {}
    for option in options:
        name, value = option["name"], option["value"]
        if name in _SWITCHES:
            filters.setdefault(name, int(types.clean(value, "bool")))  # type: ignore[call-overload]
        elif name in _NUMBERS:
            filters.setdefault(name, php.to_int(value))
        elif name == "modname" and types.clean(value, "plugin"):
            filters.setdefault(name, value)
        else:
            raise MoodleException("errorinvalidparam", f'The param "{name}" is invalid.')
    return filters


def _section(call: Call, course: Row, context: Row, section: Row, filters: dict[str, int | str]) -> Row:
    summary, text_format = format_text(section["summary"], section["summaryformat"], raw=call.raw)
    modules: list[Row] = []
    if not filters.get("excludemodules"):
        sql = (
            "SELECT id FROM mdl_course_modules WHERE course = ? AND section = ? AND deletioninprogress = 0 ORDER BY id"
        )
        found = [_module(call, row["id"]) for row in call.database.all(sql, [course["id"], section["id"]])]
        wanted = [module for module in _in_sequence(found, section["sequence"]) if _matches(module, filters)]
        modules = [shown for module in wanted if (shown := _shown(call, context, module))]
    return {
        "id": section["id"],
        "name": section["name"] or ("General" if section["section"] == 0 else "New section"),
        "visible": section["visible"],
        "summary": summary,
        "summaryformat": text_format,
        "section": section["section"],
        "hiddenbynumsections": 0,
        "uservisible": True,
        "component": section["component"],
        "itemid": section["itemid"],
        "modules": modules,
    }


def _in_sequence(modules: list[Row], sequence: str | None) -> list[Row]:
    order = {int(cmid): place for place, cmid in enumerate((sequence or "").split(",")) if cmid.strip().isdigit()}
    return sorted(modules, key=lambda module: (order.get(module["id"], len(order)), module["id"]))


def _matches(module: Row, filters: dict[str, int | str]) -> bool:
    if filters.get("cmid") and module["id"] != filters["cmid"]:
        return False
    if filters.get("modname") and module["modname"] != filters["modname"]:
        return False
    return not (filters.get("modname") and filters.get("modid") and module["instance"] != filters["modid"])


def _shown(call: Call, course_context: Row, module: Row) -> Row | None:
    context = _context(call, module)
    if not call.can_see_module(module, context):
        return None
    kind = module["modname"]
    shown = {name: module[name] for name in ("id", "instance", "visible", "visibleoncoursepage", "indent")}
    shown |= {
        "url": f"{call.site_url}/mod/{kind}/view.php?id={module['id']}",
        "name": format_string(module["name"], raw=call.raw),
        "contextid": context["id"],
        "uservisible": True,
        "modicon": f"{call.site_url}/theme/image.php/boost/{kind}/1/monologo?filtericon=1",
        "modname": kind,
        "purpose": _PURPOSES.get(kind, "content"),
        "branded": False,
        "modplural": {"quiz": "Quizzes", "assign": "Assignments"}.get(kind, f"{kind.capitalize()}s"),
        "onclick": "",
        "afterlink": None,
        "activitybadge": [],
        "customdata": json.dumps({"trackingtype": "1"} if kind == "forum" else "", separators=(",", ":")),
        "noviewlink": kind == "label",
        "completion": module["completion"],
        "downloadcontent": module["downloadcontent"],
        "dates": [],
        "groupmode": module["groupmode"],
    }
    if call.can("moodle/course:update", course_context):
        shown["availability"] = module["availability"]
    return shown
