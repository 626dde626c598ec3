"""Moodle's REST protocol: from form variables to a JSON or XML answer, errors included."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sandbox.moodle import php, types
from sandbox.moodle.access import SYSTEM_CONTEXT, Call
from sandbox.moodle.calls import CallLog, items_in
from sandbox.moodle.database import Database, Pool, Row
from sandbox.moodle.descriptions import Description, Many, Value, clean_result, validate
from sandbox.moodle.errors import AccessDenied, InvalidParameter, MissingRecord, MoodleException, WriteError
from sandbox.moodle.forms import Form
from sandbox.moodle.functions import FUNCTIONS, OTHER_FUNCTIONS, Function
from sandbox.moodle.groupcache import GroupCache

_SETTINGS = ("raw", "fileurl", "filter", "lang", "timezone")


@dataclass
class Options:
    """How the site is set up and how slow it is."""

    debug: bool = False
    max_input_vars: int = 5000
    delay_request_ms: float = 0
    delay_item_ms: float = 0
    # What every call goes through, by function and count of items: a bench gives it a real site's costs.
    around: Callable[[str, int], AbstractContextManager[None]] = lambda _function, _items: nullcontext()
    site_url: str | None = None


@dataclass
class Answer:
    """A body and its content type."""

    body: bytes
    content_type: str


class RestServer:
    """Answers calls; Moodle's own errors are answers too and come with status 200."""

    def __init__(self, pool: Pool, options: Options) -> None:
        self._pool, self._options = pool, options
        self.cache = GroupCache()
        self.calls = CallLog(pool)

    def answer(self, variables: Form, url: str) -> Answer:
        """Answer one request made of these form variables to a site at this address."""
        with self._options.around(str(variables.get("wsfunction", "")), items_in(variables)):
            return self._answer(variables, url)

    def _answer(self, variables: Form, url: str) -> Answer:
        time.sleep(self._options.delay_request_ms / 1000)
        wanted = variables.pop("moodlewsrestformat", None)
        as_json = wanted == "json"
        raw = bool(types.clean(variables.get("moodlewssettingraw", ""), "bool"))
        for name in _SETTINGS:
            variables.pop(f"moodlewssetting{name}", None)
        try:
            function, result = self._run(variables, self._options.site_url or url, raw)
            if function.returns is not None:
                result = clean_result(function.returns, result)
            return _success(result, function.returns, as_json)
        except MoodleException as error:
            return _failure(error, as_json, self._options.debug)

    def _run(self, variables: Form, url: str, raw: bool) -> tuple[Function, Any]:
        token, name = variables.pop("wstoken", None), variables.pop("wsfunction", None)
        self.calls.reached(name, variables)
        reading = self._pool.reading()
        token_row, user = _authenticate(reading, token)
        call = Call(reading, self.cache, user, token_row["externalserviceid"], url, raw)
        if not call.can("webservice/rest:use", SYSTEM_CONTEXT):
            raise AccessDenied("You are not allowed to use the rest protocol (missing capability: webservice/rest:use)")
        function = _function(call, name)
        parameters = validate(function.parameters, variables)
        if not function.writes:
            return function, function.run(call, **parameters)
        with self._pool.writing() as writing:
            call.database = writing
            return function, self._write(call, function, parameters)

    def _write(self, call: Call, function: Function, parameters: Row) -> Any:
        items = max((len(value) for value in parameters.values() if isinstance(value, list)), default=1)
        failure = None
        result = None
        try:
            with call.database.transaction():
                try:
                    result = function.run(call, **parameters)
                except MoodleException as error:
                    if function.atomic:
                        raise
                    failure = error
                time.sleep(items * self._options.delay_item_ms / 1000)
        except sqlite3.OperationalError as error:
            raise WriteError(str(error)) from error
        finally:
            self.calls.store(call.database)
        if failure:
            raise failure
        return result


def _authenticate(database: Database, token: object) -> tuple[Row, Row]:
    row = database.find("external_tokens", token=token) if isinstance(token, str) else None
    if row is None:
        raise MoodleException("invalidtoken", "Invalid token - token not found")
    if row["validuntil"] and row["validuntil"] < time.time():
        database.execute("DELETE FROM mdl_external_tokens WHERE id = ?", [row["id"]])
        raise AccessDenied("Invalid token - token expired - check validuntil time for the token")
    user = database.must_find("user", id=row["userid"])
    for state, wrong in (("unconfirmed", not user["confirmed"]), ("suspended", user["suspended"])):
        if wrong:
            message = f"Refused web service access for {state} username: {user['username']}"
            raise MoodleException(f"wsaccessuser{state}", message)
    return row, user


def _function(call: Call, name: object) -> Function:
    if not isinstance(name, str) or php.is_empty(name):
        raise InvalidParameter("Missing function name")
    if name not in FUNCTIONS and name not in OTHER_FUNCTIONS:
        raise MissingRecord("external_functions", f"SELECT * FROM {{external_functions}} WHERE name = ?\n[{name}]")
    sql = (
        "SELECT 1 FROM mdl_external_services s JOIN mdl_external_services_functions f"
        " ON f.externalserviceid = s.id WHERE s.id = ? AND s.enabled = 1 AND f.functionname = ?"
    )
    if not call.database.exists(sql, [call.serviceid, name]):
        raise AccessDenied(f"Access to the function {name}() is not allowed.")
    return FUNCTIONS[name]


def _success(result: Any, description: Description | None, as_json: bool) -> Answer:
    if as_json:
        return Answer(_json(result), "application/json")
    body = "" if description is None else _xml(result, description)
    return _xml_answer(f"<RESPONSE>\n{body}</RESPONSE>\n")


def _failure(error: MoodleException, as_json: bool, debug: bool) -> Answer:
    parts = {"errorcode": error.errorcode, "message": error.message}
    if debug:
        parts["debuginfo"] = error.debuginfo
    given = {name: text for name, text in parts.items() if text is not None}
    if as_json:
        return Answer(_json({"exception": error.php_class, **given}), "application/json")
    lines = [f"<{name.upper()}>{php.escape(text)}</{name.upper()}>\n" for name, text in given.items()]
    return _xml_answer(f'<EXCEPTION class="{error.php_class}">\n{"".join(lines)}</EXCEPTION>\n')


def _json(value: Any) -> bytes:
    # PHP escapes slashes as well.
    text = json.dumps(value, separators=(",", ":")).replace("/", "\\/")
    return text.encode("ascii")


def _xml_answer(content: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8" ?>\n{content}'
    return Answer(text.encode("utf-8", "replace"), "application/xml; charset=utf-8")


def _xml(value: Any, description: Description) -> str:
    if isinstance(description, Value):
        if value is None:
            return '<VALUE null="null"/>\n'
        text = str(int(value)) if isinstance(value, bool) else str(value)
        return f"<VALUE>{php.escape(text)}</VALUE>\n"
    if isinstance(description, Many):
        items = "".join(_xml(item, description.content) for item in value or [])
        return f"<MULTIPLE>\n{items}</MULTIPLE>\n"
    parts = ((key, _xml((value or {}).get(key), part)) for key, part in description.keys.items())
    keys = "".join(f'<KEY name="{key}">{content}</KEY>\n' for key, content in parts)
    return f"<SINGLE>\n{keys}</SINGLE>\n"
