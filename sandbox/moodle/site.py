"""Making a site: an empty one as freshly installed with its service accounts, and filling it in bulk."""

import math
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from sandbox.moodle.courses import count_courses, furnish
from sandbox.moodle.database import Database, Row, connect
from sandbox.moodle.functions import FUNCTIONS

_SCHEMA = Path(__file__).with_name("schema.sql")
_MODULES = ("assign", "forum", "page", "quiz", "label")
_ROLES = ("manager", "coursecreator", "editingteacher", "teacher", "student", "guest", "user", "frontpage")
_STUDENT = 5
# In the service of the full token but for this one, as on the recorded site.
_NOT_IN_SERVICE = "core_cohort_get_cohorts"

_TEACHING = [
    "moodle/course:update", "moodle/course:viewhiddencourses", "moodle/course:viewhiddengroups",
    "moodle/course:viewhiddensections", "moodle/course:viewhiddenactivities",
    "moodle/course:manageactivities", "moodle/course:ignoreavailabilityrestrictions",
    "moodle/course:managegroups", "moodle/course:viewparticipants", "moodle/course:enrolreview",
    "moodle/course:useremail", "moodle/site:accessallgroups", "moodle/site:viewuseridentity",
    "moodle/site:viewfullnames", "moodle/user:viewdetails", "enrol/manual:enrol", "enrol/manual:unenrol",
    "moodle/role:assign", "mod/assign:view", "mod/quiz:view",
]  # fmt: skip
_CAPABILITIES = {
    "editingteacher": [*_TEACHING, "moodle/role:review"],
    "student": [
        "moodle/course:viewparticipants", "moodle/user:viewdetails", "mod/assign:view", "mod/quiz:view",
    ],
    "user": ["mod/label:view", "mod/page:view"],
    "wssync": [
        *_TEACHING, "webservice/rest:use", "moodle/course:create", "moodle/course:delete",
        "moodle/course:view", "moodle/course:changecategory", "moodle/category:manage",
        "moodle/site:viewparticipants", "moodle/user:viewalldetails", "moodle/user:create",
        "moodle/user:update", "moodle/user:delete",
    ],
    "wsnocap": ["webservice/rest:use"],
    "wsplain": [
        "webservice/rest:use", "moodle/course:view", "moodle/course:managegroups",
        "moodle/course:viewparticipants",
    ],
}  # fmt: skip
# Token kinds as in the recorded contract: the account and its service.
_TOKENS = {
    "full": ("wssync", 1),
    "nocap": ("wsnocap", 1),
    "other_service": ("wssync", 2),
    "plain": ("wsplain", 1),
}


class Frame(Protocol):
    """A pandas data frame, as far as it is needed here."""

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        """The rows."""


Rows = Iterable[dict[str, Any]] | Frame


def create_site(path: Path, *, token: str | None = None, site_url: str | None = None) -> None:
    """Create an empty site with accounts and tokens; the token given is that of the full account."""
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists already")
    connection = connect(path)
    connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
    database = Database(connection)
    with database.transaction():
        _install(database)
        _create_accounts(database, token or secrets.token_hex(16))
        if site_url:
            database.insert("config", {"name": "wwwroot", "value": site_url.rstrip("/")})
    database.close()


def _install(database: Database) -> None:
    now = int(time.time())
    database.insert("context", {"contextlevel": 10, "instanceid": 0, "path": "/1", "depth": 1})
    category = {"name": "Category 1", "descriptionformat": 1, "depth": 1, "path": "/1", "sortorder": 10000}
    database.insert("course_categories", {**category, "timemodified": now})
    database.insert("context", {"contextlevel": 40, "instanceid": 1, "path": "/1/2", "depth": 2})
    site = {
        "fullname": "Groupsync test",
        "shortname": "gs",
        "format": "site",
        "newsitems": 3,
        "summaryformat": 0,
    }
    site |= {"enablecompletion": 0, "showactivitydates": 0, "showcompletionconditions": None, "sortorder": 1}
    database.insert("course", {**site, "timecreated": now, "timemodified": now})
    database.insert("context", {"contextlevel": 50, "instanceid": 1, "path": "/1/3", "depth": 2})
    for name in _MODULES:
        database.insert("modules", {"name": name})
    for place, name in enumerate(_ROLES, start=1):
        database.insert("role", {"shortname": name, "archetype": name, "sortorder": place})


def _create_accounts(database: Database, full_token: str) -> None:
    guest = {"username": "guest", "firstname": "Guest user", "lastname": " ", "email": "root@localhost"}
    admin = {"username": "admin", "firstname": "Admin", "lastname": "User", "email": "admin@example.com"}
    database.insert("user", guest)
    database.insert("user", admin)
    for name in ("wssync", "wsnocap", "wsplain"):
        user = {"username": name, "firstname": "WS", "lastname": name, "email": f"{name}@example.com"}
        userid = database.insert("user", user)
        roleid = database.insert("role", {"shortname": name, "sortorder": userid + 10})
        database.insert("role_assignments", {"roleid": roleid, "contextid": 1, "userid": userid})
    for name, capabilities in _CAPABILITIES.items():
        roleid = database.must_find("role", shortname=name)["id"]
        for capability in capabilities:
            database.insert("role_capabilities", {"contextid": 1, "roleid": roleid, "capability": capability})
    services = {
        "groupsync": [name for name in FUNCTIONS if name != _NOT_IN_SERVICE],
        "other": [*FUNCTIONS][:1],
    }
    for name, functions in services.items():
        serviceid = database.insert("external_services", {"name": name, "shortname": name})
        for function in functions:
            row = {"externalserviceid": serviceid, "functionname": function}
            database.insert("external_services_functions", row)
    for kind, (username, serviceid) in _TOKENS.items():
        token = full_token if kind == "full" else secrets.token_hex(16)
        userid = database.must_find("user", username=username)["id"]
        row = {"token": token, "userid": userid, "externalserviceid": serviceid, "name": kind}
        database.insert("external_tokens", row)


def tokens(database: Database) -> dict[str, str]:
    """The tokens of the service accounts by kind: full, nocap, other_service and plain."""
    return {row["name"]: row["token"] for row in database.all("SELECT name, token FROM mdl_external_tokens")}


def configured_url(database: Database) -> str | None:
    """The address the site was told it has, if it was."""
    row = database.find("config", name="wwwroot")
    return row["value"] if row else None


def load(path: Path, courses: Rows = (), users: Rows = (), enrolments: Rows = ()) -> None:
    """Insert many courses, users and enrolments at once, from data frames or dicts.

    Courses have shortname, idnumber, fullname and maybe visible; users username, idnumber, email, firstname,
    lastname and maybe suspended; enrolments course_idnumber, user_username and maybe status and roleid.
    """
    connection = connect(Path(path))
    connection.execute("PRAGMA cache_size = -200000")
    database = Database(connection)
    with database.transaction():
        _load_courses(database, courses)
        _load_users(database, users)
        _load_enrolments(database, enrolments)
    database.close()


def _rows(rows: Rows) -> Iterator[Row]:
    """The rows with what is missing left out; pandas says NaN where there is nothing."""
    for row in rows.to_dict("records") if hasattr(rows, "to_dict") else rows:
        yield {name: value for name, value in row.items() if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "NaT")


def _load_courses(database: Database, courses: Rows) -> None:
    last = (database.one("SELECT MAX(id) AS id FROM mdl_course") or {})["id"]
    now = int(time.time())
    names = (
        "shortname",
        "idnumber",
        "fullname",
        "visible",
        "visibleold",
        "category",
        "timecreated",
        "timemodified",
    )
    rows = []
    for course in _rows(courses):
        visible = int(course.get("visible", 1))
        texts = [str(course.get(name, "")) for name in names[:3]]
        rows.append([*texts, visible, visible, 1, now, now])
    database.insert_many("course", names, rows)
    furnish(database, last + 1)
    count_courses(database)


def _load_users(database: Database, users: Rows) -> None:
    names = ("username", "idnumber", "email", "firstname", "lastname")
    now = int(time.time())
    rows = (
        [*(str(user.get(name, "")) for name in names), int(user.get("suspended", 0)), now, now] for user in _rows(users)
    )
    database.insert_many("user", [*names, "suspended", "timecreated", "timemodified"], rows)


def _load_enrolments(database: Database, enrolments: Rows) -> None:
    sql = (
        "SELECT c.idnumber, e.id AS enrolid, x.id AS contextid FROM mdl_course c"
        " JOIN mdl_enrol e ON e.courseid = c.id AND e.enrol = 'manual'"
        " JOIN mdl_context x ON x.contextlevel = 50 AND x.instanceid = c.id"
    )
    places = {row["idnumber"]: row for row in database.all(sql)}
    userids = {row["username"]: row["id"] for row in database.all("SELECT id, username FROM mdl_user")}
    now = int(time.time())
    enrolled: dict[tuple[int, int], list[int]] = {}
    roles: dict[tuple[int, int, int], list[int]] = {}
    # Sorted below, so that the indexes grow at their ends.
    for row in _rows(enrolments):
        place, userid = places[str(row["course_idnumber"])], userids[str(row["user_username"])]
        roleid = int(row.get("roleid", _STUDENT))
        enrolled[place["enrolid"], userid] = [int(row.get("status", 0)), place["enrolid"], userid, now, now]
        roles[roleid, place["contextid"], userid] = [roleid, place["contextid"], userid, now]
    names = ("status", "enrolid", "userid", "timecreated", "timemodified")
    database.insert_many("user_enrolments", names, (enrolled[key] for key in sorted(enrolled)))
    ordered = (roles[key] for key in sorted(roles))
    database.insert_many("role_assignments", ("roleid", "contextid", "userid", "timemodified"), ordered)
