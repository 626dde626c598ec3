"""The web service on course contents: sections, their activities, and what an account is shown of them."""

import json

from sandbox.moodle import php, types
from sandbox.moodle.access import Call, Standing
from sandbox.moodle.activities import find_module, module_context
from sandbox.moodle.courses import format_options
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, optional
from sandbox.moodle.errors import MoodleException
from sandbox.moodle.text import format_string, format_text

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
    "downloadcontent": "int", "groupmode": "int", "availabilityinfo": "raw", "description": "raw",
}  # fmt: skip
_CONTENTS_INFO = One(
    {name: Value("int") for name in ("filescount", "filessize", "lastmodified")}
    | {"mimetypes": Many(Value("raw")), "repositorytype": optional("plugin")},
    "optional",
)
_FILE = One(
    {name: Value("raw") for name in ("type", "filename", "filepath", "author", "license")}
    | {name: Value("int") for name in ("filesize", "timecreated", "timemodified", "sortorder", "userid")}
    | {"fileurl": optional("url")}
)
_SHOWN_MODULE = One(
    {
        "id": Value("int"),
        "name": Value("raw"),
        **{name: optional(kind) for name, kind in _MODULE_KINDS.items()},
        "activitybadge": Many(Value("raw"), "optional"),
        "dates": Many(Value("raw"), "optional"),
        "contents": Many(_FILE, "optional"),
        "contentsinfo": _CONTENTS_INFO,
    }
)
_SECTION_KINDS = {
    "visible": "int", "section": "int", "hiddenbynumsections": "int", "uservisible": "bool",
    "availabilityinfo": "raw",
}  # fmt: skip
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
_PLURALS = {"quiz": "Quizzes", "assign": "Assignments", "label": "Text and media areas"}


def get_course_contents(call: Call, courseid: int, options: list[Row]) -> list[Row]:
    """The sections of a course with their activities; what the account may not see is left out without a word."""
    filters = _filters(options)
    course = call.database.must_find("course", id=courseid)
    context = call.enter_course(courseid, call.course_context(courseid))
    sections = call.database.all("SELECT * FROM mdl_course_sections WHERE course = ? ORDER BY section", [courseid])
    shows_hidden = not format_options(call.database, course).get("hiddensections", 1)
    contents: list[Row] = []
    stealth: list[Row] = []
    for section in sections:
        if filters.get("sectionid") and section["id"] != filters["sectionid"]:
            continue
        if "sectionnumber" in filters and section["section"] != filters["sectionnumber"]:
            continue
        standing = call.section_standing(section, context)
        shown = _section(call, context, section, standing, filters)
        if filters.get("includestealthmodules") and not standing.usable:
            stealth += [module for module in shown["modules"] if _is_stealth(module, section)]
        if not standing.usable:
            shown["modules"] = []
        if standing.usable or (section["visible"] and standing.reason) or (not section["visible"] and shows_hidden):
            contents.append(shown)
    if stealth:
        contents.append({"id": -1, "name": "", "summary": "", "summaryformat": 0, "modules": stealth})
    return contents


def _is_stealth(module: Row, section: Row) -> bool:
    return not module["visibleoncoursepage"] or bool(module["visible"] and not section["visible"])


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


def _section(call: Call, context: Row, section: Row, standing: Standing, filters: dict[str, int | str]) -> Row:
    summary, text_format = format_text(section["summary"], section["summaryformat"], raw=call.raw)
    modules: list[Row] = []
    if not filters.get("excludemodules"):
        sql = (
            "SELECT id FROM mdl_course_modules WHERE course = ? AND section = ? AND deletioninprogress = 0 ORDER BY id"
        )
        found = [find_module(call, row["id"]) for row in call.database.all(sql, [section["course"], section["id"]])]
        wanted = [module for module in _in_sequence(found, section["sequence"]) if _matches(module, filters)]
        modules = [shown for module in wanted if (shown := _shown(call, context, module, filters))]
    return {
        "id": section["id"],
        "name": section["name"] or ("General" if section["section"] == 0 else "New section"),
        "visible": section["visible"],
        "summary": summary,
        "summaryformat": text_format,
        "section": section["section"],
        "hiddenbynumsections": 0,
        "uservisible": standing.usable,
        **({"availabilityinfo": standing.reason} if standing.reason else {}),
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


def _shown(call: Call, course_context: Row, module: Row, filters: dict[str, int | str]) -> Row | None:
    context = module_context(call, module)
    standing = call.module_standing(module, context)
    if not standing.usable and not standing.listed:
        return None
    shown = {name: module[name] for name in ("id", "instance", "visible", "visibleoncoursepage", "indent")}
    shown |= {
        "name": format_string(module["name"], raw=call.raw),
        "contextid": context["id"],
        "uservisible": standing.usable,
        "onclick": "",
        "afterlink": None,
        "completion": module["completion"],
        "downloadcontent": module["downloadcontent"],
        "dates": [],
        # The activity's own, also where the course forces another on all of its activities.
        "groupmode": module["groupmode"],
        **_of_its_kind(call, module),
    }
    if standing.reason:
        shown["availabilityinfo"] = standing.reason
    if call.can("moodle/course:update", course_context) or call.can("moodle/course:viewhiddenactivities", context):
        shown["availability"] = module["availability"]
    if standing.usable and module["modname"] == "page":
        shown |= _page_contents(call, module, context, without_files=bool(filters.get("excludecontents")))
    return shown


def _of_its_kind(call: Call, module: Row) -> Row:
    """What differs from one kind of activity to another."""
    kind = module["modname"]
    shown = {
        "modicon": f"{call.site_url}/theme/image.php/boost/{kind}/1/monologo?filtericon=1",
        "modname": kind,
        "purpose": _PURPOSES.get(kind, "content"),
        "branded": False,
        "modplural": _PLURALS.get(kind, f"{kind.capitalize()}s"),
        "customdata": json.dumps({"trackingtype": "1"} if kind == "forum" else "", separators=(",", ":")),
        "noviewlink": kind == "label",
    }
    if kind == "label":
        return shown | {"description": f'<div class="no-overflow">{format_string(module["name"])}</div>'}
    if kind == "forum":
        shown["activitybadge"] = []
    return shown | {"url": f"{call.site_url}/mod/{kind}/view.php?id={module['id']}"}


def _page_contents(call: Call, module: Row, context: Row, *, without_files: bool) -> Row:
    """A page's own text is its one file; it is counted where files are left out, too."""
    place = f"{call.site_url}/webservice/pluginfile.php/{context['id']}/mod_page/content/index.html"
    file = {"type": "file", "filename": "index.html", "filepath": "/", "filesize": 0, "sortorder": 1}
    file |= {"fileurl": f"{place}?forcedownload=1", "timemodified": module["added"]}
    file |= dict.fromkeys(("timecreated", "userid", "author", "license"))
    about = {"filescount": 1, "filessize": 0, "lastmodified": module["added"], "mimetypes": [], "repositorytype": ""}
    return {"contents": [] if without_files else [file], "contentsinfo": about}
