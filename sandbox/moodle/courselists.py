"""The web services that look courses and categories up, and the site's description of itself."""

from typing import Any

from sandbox.moodle import php, types
from sandbox.moodle.access import SITE_COURSE, SYSTEM_CONTEXT, Call
from sandbox.moodle.courses import format_options
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Description, Many, One, Value, default, optional
from sandbox.moodle.errors import InvalidParameter, MoodleException, PhpError
from sandbox.moodle.groups import WARNINGS
from sandbox.moodle.text import format_string, format_text

GET_COURSES = One({"options": One({"ids": Many(Value("int"), "optional")}, "default", {})})
BY_FIELD = One({"field": default("alpha", ""), "value": default("raw", "")})
_INTS = [
    "sortorder", "categorysortorder", "showgrades", "newsitems", "startdate", "enddate", "numsections",
    "maxbytes", "showreports", "visible", "hiddensections", "groupmode", "groupmodeforce",
    "defaultgroupingid", "enablecompletion", "completionnotify", "marker", "legacyfiles", "timecreated",
    "timemodified", "requested", "cacherev",
]  # fmt: skip
_COMMON: dict[str, Description] = {
    "id": Value("int"),
    "shortname": Value("raw"),
    "categoryid": Value("int"),
    "fullname": Value("raw"),
    "displayname": Value("raw"),
    "idnumber": optional("raw"),
    "summary": Value("raw"),
    "summaryformat": Value("int"),
    "format": optional("plugin"),
    "lang": optional("safedir"),
    "forcetheme": optional("plugin"),
    "theme": optional("plugin"),
    "calendartype": optional("plugin"),
    "courseformatoptions": Many(One({"name": Value("raw"), "value": Value("raw")}), "optional"),
    "showactivitydates": Value("bool"),
    "showcompletionconditions": Value("bool"),
    **{name: optional("int") for name in _INTS},
}
_FILTER = One({"filter": Value("plugin"), "localstate": Value("int"), "inheritedstate": Value("int")})
COURSES = Many(One(_COMMON))
COURSES_BY_FIELD = One(
    {
        "courses": Many(
            One(
                {
                    **_COMMON,
                    "courseimage": optional("url"),
                    "categoryname": Value("raw"),
                    "summaryfiles": Many(Value("raw"), "optional"),
                    "overviewfiles": Many(Value("raw")),
                    "contacts": Many(One({"id": Value("int"), "fullname": Value("notags")})),
                    "enrollmentmethods": Many(Value("plugin")),
                    "filters": Many(_FILTER, "optional"),
                }
            )
        ),
        "warnings": WARNINGS,
    }
)
GET_CATEGORIES = One(
    {
        "criteria": Many(One({"key": Value("alpha"), "value": Value("raw")}), "default"),
        "addsubcategories": default("bool", True),
    }
)
CATEGORIES = Many(
    One(
        {
            "id": Value("int"),
            "name": Value("raw"),
            "idnumber": optional("raw"),
            "description": Value("raw"),
            "descriptionformat": Value("int"),
            **{name: Value("int") for name in ("parent", "sortorder", "coursecount")},
            **{name: optional("int") for name in ("visible", "visibleold", "timemodified")},
            "depth": Value("int"),
            "path": Value("text"),
            "theme": optional("raw"),
        }
    )
)
_FIELD_TYPES = {"id": "int", "category": "int", "sectionid": "int", "ids": "sequence", "shortname": "text"}
_FIELD_TYPES["idnumber"] = "raw"
_FILTERS = ("displayh5p", "activitynames", "mathjaxloader", "emoticon", "urltolink", "mediaplugin")
_UPDATER_SEES = (
    "idnumber",
    "legacyfiles",
    "calendartype",
    "timecreated",
    "timemodified",
    "requested",
    "cacherev",
)
_MEMBER_SEES = [
    "format", "showgrades", "newsitems", "startdate", "enddate", "maxbytes", "showreports", "visible",
    "groupmode", "groupmodeforce", "defaultgroupingid", "enablecompletion", "completionnotify", "lang",
    "theme", "marker",
]  # fmt: skip
_CATEGORY_KEYS = {"id": "int", "ids": "sequence", "idnumber": "raw", "name": "text", "parent": "int"}
_CATEGORY_KEYS |= {"visible": "int", "theme": "theme"}


def get_courses(call: Call, options: Row) -> list[Row]:
    """All courses or those with the ids; one the account cannot enter fails the whole list."""
    if options.get("ids"):
        ids = list(dict.fromkeys(options["ids"]))
        courses = call.database.among("SELECT * FROM mdl_course WHERE id IN ({})", ids)
    else:
        courses = call.database.all("SELECT * FROM mdl_course ORDER BY id")
    return [_listed(call, course) for course in sorted(courses, key=lambda course: course["id"])]


def _listed(call: Call, course: Row) -> Row:
    context = call.enter_course(course["id"], call.course_context(course["id"]))
    if course["id"] != SITE_COURSE:
        call.require("moodle/course:view", context)
    names = ("id", "format", "startdate", "enddate", "showactivitydates", "showcompletionconditions")
    shown = {name: course[name] for name in names} | _texts(call, course)
    options = format_options(call.database, course)
    if "numsections" in options:
        shown["numsections"] = options["numsections"]
    if call.can("moodle/course:update", context):
        shown |= {name: course[name] for name in _INTS if name in course and name not in ("sortorder", "marker")}
        for hidden in ("legacyfiles", "requested", "cacherev"):
            shown.pop(hidden)
        sections = "SELECT MAX(section) AS last FROM mdl_course_sections WHERE course = ?"
        last = call.database.one(sections, [course["id"]])
        shown |= {name: options[name] for name in ("hiddensections",) if name in options}
        shown |= {
            "idnumber": course["idnumber"],
            "categorysortorder": course["sortorder"],
            "numsections": (last or {}).get("last") or options.get("numsections", 0),
            "lang": types.clean(course["lang"], "lang"),
            "forcetheme": types.clean(course["theme"], "theme"),
            "courseformatoptions": [{"name": name, "value": value} for name, value in options.items()],
        }
    return shown


def _texts(call: Call, course: Row) -> Row:
    summary, text_format = format_text(course["summary"], course["summaryformat"], raw=call.raw)
    return {
        "shortname": format_string(course["shortname"], raw=call.raw),
        "fullname": format_string(course["fullname"], raw=call.raw),
        "displayname": format_string(course["fullname"], raw=call.raw),
        "categoryid": course["category"],
        "summary": summary,
        "summaryformat": text_format,
    }


def get_courses_by_field(call: Call, field: str, value: str) -> Row:
    """Courses by one field; hidden and missing ones are left out without a word."""
    if php.is_empty(field):
        return _found(call, call.database.all("SELECT * FROM mdl_course ORDER BY id"))
    if field not in _FIELD_TYPES:
        raise InvalidParameter("Invalid field name")
    cleaned: Any = types.clean(value, _FIELD_TYPES[field])
    if field == "ids":
        return _found_by_ids(call, cleaned.split(","))
    if field == "sectionid":
        sql = "SELECT c.* FROM mdl_course c JOIN mdl_course_sections s ON s.course = c.id WHERE s.id = ?"
        return _found(call, call.database.all(sql, [cleaned]))
    return _found(call, call.database.all(f"SELECT * FROM mdl_course WHERE {field} = ? ORDER BY id", [cleaned]))


def _found_by_ids(call: Call, ids: list[str]) -> Row:
    courses = []
    for courseid in dict.fromkeys(ids):
        course = call.database.find("course", id=php.to_int(courseid))
        if course is None:
            raise PhpError('Attempt to assign property "contextvalidated" on null')
        courses.append(course)
    warnings = []
    for course in courses:
        try:
            call.enter(call.course_context(course["id"]))
        except MoodleException:
            message = "No access rights in course context"
            warnings.append({"item": "course", "itemid": course["id"], "warningcode": "1", "message": message})
    return {**_found(call, courses), "warnings": warnings}


def _found(call: Call, courses: list[Row]) -> Row:
    shown = []
    for course in courses:
        context = call.must_course_context(course["id"])
        can_update = call.can("moodle/course:update", context)
        if not course["visible"] and not can_update and not call.can("moodle/course:viewhiddencourses", context):
            continue
        details = _public(call, course)
        try:
            call.enter(context)
        except MoodleException:
            shown.append(details)
            continue
        details |= {name: course[name] for name in _MEMBER_SEES}
        details["filters"] = [{"filter": name, "localstate": 0, "inheritedstate": 1} for name in _FILTERS]
        if can_update:
            details |= {name: course[name] for name in _UPDATER_SEES}
        options: dict[str, int | str] = dict(format_options(call.database, course))
        if course["format"] in ("topics", "weeks"):
            details["courseformatoptions"] = [*_pairs(options), {"name": "indentation", "value": "1"}]
        shown.append(details)
    return {"courses": shown, "warnings": []}


def _pairs(options: dict[str, int | str]) -> list[Row]:
    return [{"name": name, "value": value} for name, value in options.items()]


def _public(call: Call, course: Row) -> Row:
    category = call.database.find("course_categories", id=course["category"])
    contacts = (
        "SELECT u.id, u.firstname || ' ' || u.lastname AS fullname FROM mdl_role_assignments ra"
        " JOIN mdl_user u ON u.id = ra.userid JOIN mdl_context x ON x.id = ra.contextid"
        " WHERE x.contextlevel = 50 AND x.instanceid = ? AND ra.roleid = 3 AND u.deleted = 0"
        " AND EXISTS (SELECT 1 FROM mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid"
        " WHERE e.courseid = x.instanceid AND ue.userid = u.id AND ue.status = 0)"
        " ORDER BY u.lastname, u.firstname, u.id"
    )
    methods = "SELECT enrol FROM mdl_enrol WHERE courseid = ? AND status = 0 ORDER BY sortorder, id"
    return {
        "id": course["id"],
        **_texts(call, course),
        "courseimage": f"{call.site_url}/course/generatedimage/{course['id']}.svg",
        "categoryname": format_string(category["name"], raw=call.raw) if category else "",
        "sortorder": course["sortorder"],
        "summaryfiles": [],
        "overviewfiles": [],
        "showactivitydates": course["showactivitydates"],
        "showcompletionconditions": course["showcompletionconditions"],
        "contacts": call.database.all(contacts, [course["id"]]),
        "enrollmentmethods": [row["enrol"] for row in call.database.all(methods, [course["id"]])],
    }


def get_categories(call: Call, criteria: list[Row], addsubcategories: bool) -> list[Row]:
    """The course categories, or those that fit the criteria with the ones below them."""
    where, values = ["1 = 1"], []
    for each in criteria:
        key = each["key"]
        manages = call.can("moodle/category:manage", SYSTEM_CONTEXT)
        if key not in _CATEGORY_KEYS or (key in ("idnumber", "visible", "theme") and not manages):
            message = "Missing permissions to search on a criterion."
            raise MoodleException("criteriaerror", message, f"You can not search on this criteria: {key}")
        asked: Any = types.clean(each["value"], _CATEGORY_KEYS[key])
        ids = [php.to_int(part) for part in asked.split(",")] if key == "ids" else [asked]
        where.append(f"{'id' if key == 'ids' else key} IN ({','.join('?' * len(ids))})")
        values += ids
    every = call.database.all("SELECT * FROM mdl_course_categories ORDER BY sortorder, id")
    sql = f"SELECT * FROM mdl_course_categories WHERE {' AND '.join(where)}"
    paths = [row["path"] for row in call.database.all(sql, values)]
    below = tuple(f"{path}/" for path in paths) if addsubcategories else ()
    return [_category(call, row) for row in every if row["path"] in paths or row["path"].startswith(below)]


def _category(call: Call, row: Row) -> Row:
    text, text_format = format_text(row["description"], row["descriptionformat"], raw=call.raw)
    shown = {name: row[name] for name in ("id", "parent", "sortorder", "coursecount", "depth", "path")}
    shown |= {
        "name": format_string(row["name"], raw=call.raw),
        "description": text,
        "descriptionformat": text_format,
    }
    if call.can("moodle/category:manage", SYSTEM_CONTEXT):
        shown |= {name: row[name] for name in ("idnumber", "visible", "visibleold", "timemodified")}
        shown["theme"] = row["theme"] or ""
    return shown
