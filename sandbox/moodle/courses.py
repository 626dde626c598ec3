"""The web services that create, change and delete courses."""

from sandbox.moodle import php
from sandbox.moodle.access import CONTEXT_CATEGORY, SITE_COURSE, Call
from sandbox.moodle.database import Database, Row
from sandbox.moodle.descriptions import Many, One, Value, default, optional
from sandbox.moodle.errors import MissingRecord, MoodleException
from sandbox.moodle.groupings import delete_grouping
from sandbox.moodle.groups import WARNINGS, delete_group
from sandbox.moodle.text import validate_format
from sandbox.moodle.types import LANGUAGES

_PAIRS = {
    "courseformatoptions": Many(One({"name": Value("alphanumext"), "value": Value("raw")}), "optional"),
    "customfields": Many(One({"shortname": Value("alphanumext"), "value": Value("raw")}), "optional"),
}
_DEFAULTS = {
    "summaryformat": 1, "showgrades": 1, "newsitems": 5, "maxbytes": 0, "showreports": 0, "groupmode": 0,
    "groupmodeforce": 0, "defaultgroupingid": 0,
}  # fmt: skip
_OPTIONAL = {
    "idnumber": "raw", "summary": "raw", "startdate": "int", "enddate": "int", "numsections": "int",
    "visible": "int", "hiddensections": "int", "enablecompletion": "int", "completionnotify": "int",
    "lang": "safedir", "forcetheme": "plugin",
}  # fmt: skip
_OPTIONAL_VALUES = {name: optional(kind) for name, kind in _OPTIONAL.items()}
CREATE_COURSES = One(
    {
        "courses": Many(
            One(
                {
                    "fullname": Value("text"),
                    "shortname": Value("text"),
                    "categoryid": Value("int"),
                    "format": default("plugin", "topics"),
                    **{name: default("int", value) for name, value in _DEFAULTS.items()},
                    **_OPTIONAL_VALUES,
                    **_PAIRS,
                }
            )
        )
    }
)
_UPDATED = {"fullname": "text", "shortname": "text", "categoryid": "int", "format": "plugin"}
UPDATE_COURSES = One(
    {
        "courses": Many(
            One(
                {
                    "id": Value("int"),
                    **{name: optional(kind) for name, kind in _UPDATED.items()},
                    **{name: optional("int") for name in _DEFAULTS},
                    **_OPTIONAL_VALUES,
                    **_PAIRS,
                }
            )
        )
    }
)
CREATED_COURSES = Many(One({"id": Value("int"), "shortname": Value("raw")}))
COURSEIDS = One({"courseids": Many(Value("int"))})
ONLY_WARNINGS = One({"warnings": WARNINGS})
_STORED = (
    *_DEFAULTS, "fullname", "shortname", "idnumber", "summary", "format", "startdate", "enddate", "visible",
    "enablecompletion", "completionnotify", "lang", "category",
)  # fmt: skip
_FORMAT_OPTIONS = {name: {"hiddensections": 1, "coursedisplay": 0} for name in ("topics", "weeks")}
_YEAR = 365 * 24 * 3600
_FURNISHING = (
    # Moodle puts a new course first in its category.
    "UPDATE mdl_course SET sortorder = 1000000 - id WHERE id >= :first",
    "INSERT INTO mdl_context (contextlevel, instanceid, depth) SELECT 50, id, 3 FROM mdl_course WHERE id >= :first",
    "INSERT INTO mdl_enrol (enrol, courseid) SELECT 'manual', id FROM mdl_course WHERE id >= :first",
    "INSERT INTO mdl_course_sections (course, section) SELECT id, 0 FROM mdl_course WHERE id >= :first",
    "INSERT INTO mdl_forum (course, type, name)"
    " SELECT id, 'news', 'Announcements' FROM mdl_course WHERE id >= :first AND newsitems > 0",
    "INSERT INTO mdl_course_modules (course, module, instance, section) SELECT f.course, m.id, f.id, s.id"
    " FROM mdl_forum f JOIN mdl_modules m ON m.name = 'forum'"
    " JOIN mdl_course_sections s ON s.course = f.course AND s.section = 0 WHERE f.course >= :first",
    "INSERT INTO mdl_context (contextlevel, instanceid, depth)"
    " SELECT 70, id, 4 FROM mdl_course_modules WHERE course >= :first",
    "UPDATE mdl_course_sections SET sequence ="
    " COALESCE((SELECT cm.id FROM mdl_course_modules cm WHERE cm.course = mdl_course_sections.course), '')"
    " WHERE course >= :first",
)


def create_courses(call: Call, courses: list[Row]) -> list[Row]:
    """Create courses, all or none."""
    return [_create(call, course) for course in courses]


def _create(call: Call, course: Row) -> Row:
    context = call.context(CONTEXT_CATEGORY, course["categoryid"])
    if context is None:
        raise MoodleException(
            "errorcatcontextnotvalid",
            f"You cannot execute functions in the category context (category id:{course['categoryid']}). "
            "The context error message was: Invalid parameter value detected",
        )
    call.require("moodle/course:create", context)
    _check_names(course)
    _check_language(course)
    validate_format(course["summaryformat"])
    _check_taken(call, course)
    _check_dates(course)
    category = call.database.must_find("course_categories", id=course["categoryid"])
    row = {name: course[name] for name in _STORED if name in course}
    if "startdate" in row and "enddate" not in row:
        row["enddate"] = row["startdate"] + _YEAR
    row |= {"category": course["categoryid"], "timecreated": call.now, "timemodified": call.now}
    row.setdefault("visible", category["visible"])
    row["visibleold"] = row["visible"]
    courseid = call.database.insert("course", row)
    furnish(call.database, courseid)
    _store_format_options(call, courseid, row["format"], course)
    count_courses(call.database)
    return {"id": courseid, "shortname": course["shortname"]}


def furnish(database: Database, first_id: int) -> None:
    """What comes with new courses, from this id on: context, order, manual enrolment and announcements."""
    for statement in _FURNISHING:
        database.execute(statement, {"first": first_id})


def _check_names(course: Row) -> None:
    for name in ("fullname", "shortname"):
        if name in course and not php.trim(course[name]):
            raise MoodleException("errorinvalidparam", f'The param "{name}" is invalid.')


def _check_language(course: Row) -> None:
    if "lang" in course and course["lang"] not in LANGUAGES:
        raise MoodleException("errorinvalidparam", 'The param "lang" is invalid.')


def _check_taken(call: Call, course: Row, but: int = 0) -> None:
    codes = {
        "shortname": ("shortnametaken", "Short name is already used for another course"),
        "idnumber": ("courseidnumbertaken", "ID number is already used for another course"),
    }
    for name, (errorcode, message) in codes.items():
        value = course.get(name)
        sql = f"SELECT 1 FROM mdl_course WHERE {name} = ? AND id <> ?"
        if not php.is_empty(value) and call.database.exists(sql, [value, but]):
            raise MoodleException(errorcode, f"{message} ({value})")


def _check_dates(course: Row) -> None:
    start, end = course.get("startdate"), course.get("enddate")
    if start and end and end < start:
        message = "The course end date must be after the start date."
        raise MoodleException("enddatebeforestartdate", message)
    if not start and end:
        message = "A course end date can only be set if a start date is also set."
        raise MoodleException("nostartdatenoenddate", message)


def _store_format_options(call: Call, courseid: int, course_format: str, course: Row) -> None:
    sent = {option["name"]: option["value"] for option in course.get("courseformatoptions", [])} | course
    for name in _FORMAT_OPTIONS.get(course_format, {}):
        if name in sent:
            known = call.database.find("course_format_options", courseid=courseid, name=name)
            row = {"courseid": courseid, "format": course_format, "name": name, "value": str(sent[name])}
            if known:
                call.database.update("course_format_options", known["id"], row)
            else:
                call.database.insert("course_format_options", row)


def format_options(database: Database, course: Row) -> dict[str, int]:
    """The options of a course's format with their values."""
    if course["format"] == "site":
        return {"numsections": 1}
    options = dict(_FORMAT_OPTIONS.get(course["format"], {}))
    for row in database.all("SELECT * FROM mdl_course_format_options WHERE courseid = ?", [course["id"]]):
        if row["name"] in options:
            options[row["name"]] = php.to_int(row["value"])
    return options


def update_courses(call: Call, courses: list[Row]) -> Row:
    """Change courses one by one; what goes wrong with one becomes a warning, not an error."""
    warnings = []
    for course in courses:
        try:
            with call.database.transaction():
                _update(call, course)
        except MoodleException as error:
            warning = {"item": "course", "itemid": course["id"], "message": error.message}
            warnings.append(warning | {"warningcode": error.errorcode or "0"})
    return {"warnings": warnings}


def _update(call: Call, course: Row) -> None:
    context = call.enter(call.must_course_context(course["id"]))
    current = call.database.must_find("course", id=course["id"])
    call.require("moodle/course:update", context)
    if "categoryid" in course and course["categoryid"] != current["category"]:
        call.require("moodle/course:changecategory", context)
        if not call.database.find("course_categories", id=course["categoryid"]):
            raise MissingRecord("course_categories", "")
        course["category"] = course["categoryid"]
    _check_names(course)
    if course.get("lang") != current["lang"]:
        _check_language(course)
    if "summaryformat" in course:
        validate_format(course["summaryformat"])
    if course["id"] == SITE_COURSE:
        raise MoodleException("invalidcourse", "Invalid course")
    _check_taken(call, course, course["id"])
    _check_dates(course)
    changes = {name: course[name] for name in _STORED if name in course}
    if changes.get("enablecompletion") == 0:
        changes["showcompletionconditions"] = None
    call.database.update("course", course["id"], changes | {"timemodified": call.now})
    _store_format_options(call, course["id"], changes.get("format") or current["format"], course)
    count_courses(call.database)


def delete_courses(call: Call, courseids: list[int]) -> Row:
    """Delete courses with all that is in them; what cannot be deleted becomes a warning."""
    warnings = []
    for courseid in courseids:
        warning = _delete(call, courseid)
        if warning:
            warnings.append({"item": "course", "itemid": courseid, **warning})
    count_courses(call.database)
    return {"warnings": warnings}


def _delete(call: Call, courseid: int) -> Row:
    course = call.database.find("course", id=courseid)
    if course is None:
        return {"warningcode": "unknowncourseidnumber", "message": f"Unknown course ID {courseid}"}
    context = call.enter(call.must_course_context(courseid))
    if courseid == SITE_COURSE or not call.can("moodle/course:delete", context):
        message = f"You do not have the permission to delete this course{courseid}"
        return {"warningcode": "cannotdeletecourse", "message": message}
    database = call.database
    for grouping in database.all("SELECT * FROM mdl_groupings WHERE courseid = ?", [courseid]):
        delete_grouping(call, grouping)
    for group in database.all("SELECT * FROM mdl_groups WHERE courseid = ?", [courseid]):
        delete_group(call, group)
    enrolments = "DELETE FROM mdl_user_enrolments WHERE enrolid IN (SELECT id FROM mdl_enrol WHERE courseid = ?)"
    modules = "DELETE FROM mdl_context WHERE contextlevel = 70 AND instanceid IN"
    database.execute(enrolments, [courseid])
    database.execute(f"{modules} (SELECT id FROM mdl_course_modules WHERE course = ?)", [courseid])
    database.execute("DELETE FROM mdl_role_assignments WHERE contextid = ?", [context["id"]])
    for table in ("enrol", "course_format_options"):
        database.execute(f"DELETE FROM mdl_{table} WHERE courseid = ?", [courseid])
    for table in ("forum", "assign", "quiz", "page", "label", "course_modules", "course_sections"):
        database.execute(f"DELETE FROM mdl_{table} WHERE course = ?", [courseid])
    database.execute("DELETE FROM mdl_context WHERE id = ?", [context["id"]])
    database.execute("DELETE FROM mdl_course WHERE id = ?", [courseid])
    call.cache.invalidate(courseid)
    return {}


def count_courses(database: Database) -> None:
    """Bring the number of courses of every category up to date."""
    database.execute(
        "UPDATE mdl_course_categories SET coursecount ="
        " (SELECT COUNT(*) FROM mdl_course WHERE category = mdl_course_categories.id)"
    )
