"""The web services on users: create, update, delete and look up."""

import hashlib
import re
from typing import Any

from sandbox.moodle import php, types
from sandbox.moodle.access import SYSTEM_CONTEXT, Call
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, default, optional
from sandbox.moodle.enrolments import unenrol
from sandbox.moodle.errors import CodingError, InvalidParameter, MoodleException
from sandbox.moodle.groups import WARNINGS
from sandbox.moodle.userdetails import details_anywhere

_NAMED = {"customfields": Many(One({"type": Value("alphanumext"), "value": Value("raw")}), "optional")}
_PREFERENCES = {"preferences": Many(One({"type": Value("raw"), "value": Value("raw")}), "optional")}
_PROFILE = {
    "maildisplay": "int", "city": "text", "country": "alpha", "timezone": "timezone", "description": "raw",
    "firstnamephonetic": "notags", "lastnamephonetic": "notags", "middlename": "notags",
    "alternatename": "notags", "interests": "text", "institution": "text", "department": "text",
    "phone1": "notags", "phone2": "notags", "address": "text", "theme": "theme", "mailformat": "int",
}  # fmt: skip
_COMMON = {name: optional(kind) for name, kind in _PROFILE.items()} | _NAMED | _PREFERENCES
CREATE_USERS = One(
    {
        "users": Many(
            One(
                {
                    "createpassword": optional("bool"),
                    "username": Value("username"),
                    "auth": default("auth", "manual"),
                    "password": optional("raw"),
                    "firstname": Value("notags"),
                    "lastname": Value("notags"),
                    "email": Value("raw_trimmed"),
                    "idnumber": default("raw", ""),
                    "lang": default("lang", "en"),
                    "calendartype": default("plugin", "gregorian"),
                    **_COMMON,
                }
            )
        )
    }
)
_UPDATED = {
    "username": "username", "auth": "auth", "suspended": "bool", "password": "raw", "firstname": "notags",
    "lastname": "notags", "email": "raw_trimmed", "userpicture": "int", "idnumber": "raw", "lang": "lang",
    "calendartype": "plugin",
}  # fmt: skip
UPDATE_USERS = One(
    {"users": Many(One({"id": Value("int"), **{n: optional(k) for n, k in _UPDATED.items()}, **_COMMON}))}
)
CREATED_USERS = Many(One({"id": Value("int"), "username": Value("username")}))
USERIDS = One({"userids": Many(Value("int"))})
ONLY_WARNINGS = One({"warnings": WARNINGS})
BY_FIELD = One({"field": Value("alpha"), "values": Many(Value("raw"))})
CRITERIA = One({"criteria": Many(One({"key": Value("alpha"), "value": Value("raw")}))})
_SHOWN = {
    "username": "raw", "firstname": "notags", "lastname": "notags", "fullname": "notags", "email": "raw",
    "address": "text", "phone1": "notags", "phone2": "notags", "department": "text", "institution": "text",
    "idnumber": "raw", "interests": "text", "firstaccess": "int", "lastaccess": "int", "auth": "auth",
    "suspended": "bool", "confirmed": "bool", "lang": "lang", "calendartype": "plugin", "theme": "raw",
    "timezone": "timezone", "mailformat": "int", "trackforums": "int", "description": "raw",
    "descriptionformat": "int", "city": "text", "country": "alpha", "profileimageurlsmall": "url",
    "profileimageurl": "url",
}  # fmt: skip
_SHOWN_PREFERENCES = Many(One({"name": Value("raw"), "value": Value("raw")}), "optional")
USERS = Many(
    One({"id": Value("int"), **{n: optional(k) for n, k in _SHOWN.items()}, "preferences": _SHOWN_PREFERENCES})
)
FOUND_USERS = One({"users": USERS, "warnings": WARNINGS})
_FIELD_TYPES = {"id": "int", "idnumber": "raw", "username": "username", "email": "raw_trimmed"}
_KEY_TYPES = _FIELD_TYPES | {"auth": "auth", "lastname": "notags", "firstname": "notags"}
_COLUMNS = (set(_UPDATED) | set(_PROFILE)) - {"password", "userpicture", "interests"}
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def create_users(call: Call, users: list[Row]) -> list[Row]:
    """Create accounts, all or none."""
    call.require("moodle/user:create", SYSTEM_CONTEXT)
    return [_create(call, user) for user in users]


def _create(call: Call, user: Row) -> Row:
    for name in ("username", "firstname", "lastname"):
        if not php.trim(user[name]):
            raise InvalidParameter(f"The field {name} cannot be blank")
    if call.database.find("user", username=user["username"], mnethostid=1):
        raise InvalidParameter(f"Username already exists: {user['username']}")
    if not user["auth"] or not user["lang"]:
        raise InvalidParameter("Invalid authentication type or language code")
    if user["auth"] == "manual" and php.is_empty(user.get("password")) and not user.get("createpassword"):
        raise InvalidParameter("Invalid password: you must provide a password, or set createpassword.")
    if not _EMAIL.fullmatch(user["email"]):
        raise InvalidParameter(f"Email address is invalid: {user['email']}")
    if _email_holder(call, user["email"]):
        raise InvalidParameter(f"Email address already exists: {user['email']}")
    if not user.get("createpassword") and user["auth"] == "manual":
        _check_password(user["password"])
    row = _columns(user) | {
        "confirmed": 1,
        "mnethostid": 1,
        "timecreated": call.now,
        "timemodified": call.now,
    }
    return {"id": call.database.insert("user", row), "username": user["username"]}


def _columns(user: Row) -> Row:
    return {n: int(v) if isinstance(v, bool) else v for n, v in user.items() if n in _COLUMNS}


def _check_password(password: str) -> None:
    """Moodle's default password policy."""
    rules = (r".{8,}", r"\d", r"[a-z]", r"[A-Z]", r"[^A-Za-z0-9]")
    if not all(re.search(rule, password, re.DOTALL) for rule in rules):
        raise MoodleException("error", "error/<div>Passwords must fulfil the password policy.</div>")


def _email_holder(call: Call, email: str, but: int = 0) -> Row | None:
    sql = "SELECT id FROM mdl_user WHERE email = ? COLLATE NOCASE AND mnethostid = 1 AND id <> ?"
    return call.database.one(sql, [email, but])


def update_users(call: Call, users: list[Row]) -> Row:
    """Change accounts one by one; what goes wrong with one becomes a warning."""
    call.require("moodle/user:update", SYSTEM_CONTEXT)
    warnings = []
    for user in users:
        try:
            with call.database.transaction():
                _update(call, user)
        except MoodleException as error:
            warning = {"item": "user", "itemid": user["id"], "message": error.message}
            warnings.append(warning | {"warningcode": error.errorcode or "0"})
    return {"warnings": warnings}


def _update(call: Call, user: Row) -> None:
    current = call.database.find("user", id=user["id"])
    if current is None:
        raise MoodleException("invaliduserid", "Invalid user ID", "Invalid user ID")
    if current["username"] == "admin" and not call.is_site_admin:
        raise MoodleException("usernotupdatedadmin", "Cannot update admin accounts", "")
    if current["deleted"]:
        raise MoodleException("usernotupdateddeleted", "error/usernotupdateddeleted", "")
    if current["username"] == "guest":
        raise MoodleException("usernotupdatedguest", "error/usernotupdatedguest", "")
    if "email" in user and user["email"] != current["email"]:
        if not _EMAIL.fullmatch(user["email"]):
            raise MoodleException("useremailinvalid", "error/useremailinvalid", "Invalid email address")
        if _email_holder(call, user["email"], current["id"]):
            raise MoodleException("useremailduplicate", "Duplicate address", "Duplicate email address")
    if "password" in user:
        _check_password(user["password"])
    call.database.update("user", user["id"], _columns(user) | {"timemodified": call.now})


def delete_users(call: Call, userids: list[int]) -> None:
    """Delete accounts: enrolments, roles and memberships go, the emptied row stays."""
    call.require("moodle/user:delete", SYSTEM_CONTEXT)
    for userid in userids:
        user = call.database.must_find("user", id=userid, deleted=0)
        if user["username"] == "admin":
            raise MoodleException("useradminodelete", "Administrator accounts cannot be deleted.")
        if user["id"] == call.user["id"]:
            raise MoodleException("usernotdeletederror", "User not deleted - error")
        if user["username"] != "guest":
            _delete(call, user)


def _delete(call: Call, user: Row) -> None:
    database = call.database
    sql = "SELECT e.* FROM mdl_enrol e JOIN mdl_user_enrolments ue ON ue.enrolid = e.id WHERE ue.userid = ?"
    for instance in database.all(sql, [user["id"]]):
        unenrol(call, instance, user["id"])
    for table in ("role_assignments", "groups_members", "user_enrolments", "external_tokens"):
        database.execute(f"DELETE FROM mdl_{table} WHERE userid = ?", [user["id"]])
    stamp = call.now
    while database.find("user", mnethostid=1, username=(name := _deleted_name(user["email"], stamp))):
        stamp += 1
    emptied = {"deleted": 1, "username": name, "idnumber": "", "timemodified": call.now}
    email = hashlib.md5(user["username"].encode(), usedforsecurity=False).hexdigest()
    database.update("user", user["id"], emptied | {"email": email})


def _deleted_name(email: str, stamp: int) -> str:
    return str(types.clean(f"{email[:88]}.{stamp}", "username"))


def get_users_by_field(call: Call, field: str, values: list[str]) -> list[Row]:
    """Accounts by id, idnumber, username or email, ordered by id; missing and invisible ones are left out."""
    if field not in _FIELD_TYPES:
        hint = f"The search field '{field}' is not supported, look at the web service documentation"
        raise CodingError("invalid field parameter", hint)
    cleaned: list[Any] = []
    for value in values:
        cleaned.append(types.clean(value, _FIELD_TYPES[field]))
        if not php.loosely_equal(value, cleaned[-1]):
            raise InvalidParameter(f"The field '{field}' value is invalid: {value}(cleaned value: {cleaned[-1]})")
    rows = call.database.among(f"SELECT * FROM mdl_user WHERE {field} IN ({{}})", list(dict.fromkeys(cleaned)))
    shown = [details_anywhere(call, user) for user in sorted(rows, key=lambda row: row["id"])]
    return [details for details in shown if details and not php.is_empty(details.get(field))]


def get_users(call: Call, criteria: list[Row]) -> Row:
    """Accounts by criteria. An unknown key is only warned of, and so selects everybody."""
    where, values, warnings, keys = ["deleted = 0"], [], [], []
    for key in [each["key"] for each in criteria]:
        if [each["key"] for each in criteria].count(key) > 1:
            raise MoodleException("keyalreadyset", "error/keyalreadyset", f"The key {key} can only be sent once")
    for key, value in ((each["key"], each["value"]) for each in criteria):
        if key not in _KEY_TYPES:
            message = f"The search key '{key}' is not supported, look at the web service documentation"
            warnings.append({"item": key, "warningcode": "invalidfieldparameter", "message": message})
            continue
        keys.append(key)
        like = key in ("email", "lastname", "firstname")
        where.append(f"unicode_like({key}, ?)" if like else f"{key} = ?")
        values.append(types.clean(value, _KEY_TYPES[key]))
    rows = call.database.all(f"SELECT * FROM mdl_user WHERE {' AND '.join(where)} ORDER BY id", values)
    shown = [details for user in rows if (details := details_anywhere(call, user))]
    found = [details for details in shown if not any(php.is_empty(details.get(key)) for key in keys)]
    return {"users": found, "warnings": warnings}
