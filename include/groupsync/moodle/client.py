"""Moodle's REST protocol and its quirks; they end here.

An answer is a value, Moodle's own refusal, or "unknown": HTTP 200 says nothing, an error is any JSON object
with the key ``exception``, and what is not JSON does not come from Moodle.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from include.groupsync.errors import MoodleError, MoodleRefused, MoodleUnreachable, OutcomeUnknown, SettingsError
from include.groupsync.model.connection import MoodleConnection
from include.groupsync.settings import Moodle

_CREDENTIALS = 3  # wstoken, wsfunction, moodlewsrestformat
# Moodle says these with HTTP 200 although nothing was done: the site itself is not there.
_SITE_DOWN = ("dbconnectionfailed", "sitemaintenance", "upgraderunning")
_TOKEN = {
    "invalidtoken": "Moodle does not know the token",
    "accessexception": "Moodle refuses the token (expired, wrong address, service or account not allowed)",
    "wsaccessusersuspended": "the token's account is suspended",
    "wsaccessuserunconfirmed": "the token's account is not confirmed",
}

# Nothing has left this machine; a TLS error of any other kind can also come after the request.
_NEVER_SENT = ("NewConnectionError", "NameResolutionError", "CERTIFICATE_VERIFY_FAILED")
# Moodle's own message names the person; ours must not (rule W3).
_NAMELESS = {"errorremovenotpermitted": "the member was added by an enrolment method, and only that may remove it"}


class MoodleClient:
    """Calls web-service functions of one site with one token.

    Reads are repeated by urllib3 where that is safe; a writing call is sent once.  ``before_call`` may raise to
    keep a call from being sent.  ``agent`` is what it calls itself, for the site's own people to see.
    """

    def __init__(self, connection: MoodleConnection, settings: Moodle, agent: str = "groupsync"):
        if not connection.url.startswith(("http://", "https://")):
            raise SettingsError(
                f"connection {connection.conn_id}: host must be the site's address with http:// or https://"
            )
        self.connection, self.settings, self.agent = connection, settings, agent
        self.calls: Counter[str] = Counter()
        self.before_call: Callable[[], None] = lambda: None
        self._endpoint = connection.url.rstrip("/") + "/webservice/rest/server.php"
        self._local = threading.local()

    def read(self, function: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """The answer of a function that changes nothing.

        Raises MoodleRefused for Moodle's own error, MoodleUnreachable when no answer of Moodle came.
        """
        try:
            return self._send(function, arguments or {}, self._session("reading"))
        except OutcomeUnknown as unknown:
            raise MoodleUnreachable(str(unknown)) from unknown

    def write(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """The answer of a function that writes, sent exactly once.

        Raises MoodleRefused (nothing was written), MoodleUnreachable (it was not sent or not handled), or
        OutcomeUnknown (it may have been done).
        """
        return self._send(function, arguments, self._session("writing"))

    def items_per_call(self, fields: int) -> int:
        """How many items of so many fields one call may carry before PHP could cut it."""
        return max(1, min(self.settings.batch_items, (self.settings.form_variables - _CREDENTIALS) // fields))

    def _send(self, function: str, arguments: Mapping[str, Any], session: requests.Session) -> Any:
        # Credentials first: past max_input_vars PHP drops the rest without a word.
        form = [
            ("wstoken", self.connection.token),
            ("wsfunction", function),
            ("moodlewsrestformat", "json"),
            *_flat(arguments),
        ]
        if len(form) > self.settings.form_variables:
            raise ValueError(f"{function}: {len(form)} form variables, limit {self.settings.form_variables}")
        self.before_call()
        self.calls[function] += 1
        timeouts = (self.settings.connect_timeout, self.settings.read_timeout)
        try:
            answer = session.post(
                self._endpoint, data=form, timeout=timeouts, verify=self.settings.verify_tls, allow_redirects=False
            )
        except requests.ConnectTimeout as error:
            raise MoodleUnreachable(self._told(function, error)) from error
        except requests.ConnectionError as error:
            never_sent = any(sign in repr(error) for sign in _NEVER_SENT)
            raise (MoodleUnreachable if never_sent else OutcomeUnknown)(self._told(function, error)) from error
        except requests.RequestException as error:
            raise OutcomeUnknown(self._told(function, error)) from error
        return self._answer(function, answer)

    def _answer(self, function: str, answer: requests.Response) -> Any:
        if answer.status_code != 200:
            raise self._no_answer(function, answer)
        try:
            value = json.loads(answer.content)
        except ValueError:
            what = answer.headers.get("content-type", "no content type")
            raise OutcomeUnknown(self._told(function, f"an answer that is not JSON ({what})")) from None
        if isinstance(value, dict) and "exception" in value:
            self._refuse(function, value)
        return value

    def _no_answer(self, function: str, answer: requests.Response) -> MoodleError:
        """What a status other than 200 means; it never comes from Moodle's web services themselves."""
        status, told = answer.status_code, self._told(function, f"HTTP {answer.status_code}")
        if status in (413, 414):
            return MoodleRefused(function, f"http{status}", "the web server does not take a call of this size")
        retry_after = answer.headers.get("Retry-After", "")
        if status >= 500 and not (status == 503 and retry_after):
            # A gateway that gave up on a PHP which may go on; only maintenance mode says when to come back.
            return OutcomeUnknown(told)
        error = MoodleUnreachable(told)
        error.retry_after = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        return error

    def _refuse(self, function: str, error: Mapping[str, Any]) -> None:
        code, message = str(error.get("errorcode", "")), str(error.get("message", ""))
        if code in _SITE_DOWN:
            raise MoodleUnreachable(self._told(function, f"{code}"))
        if code in _TOKEN:
            raise SettingsError(
                f"connection {self.connection.conn_id}: {_TOKEN[code]} ({function}: {code})."
                " Put the web service's token into the connection's password; README.md lists the functions"
                " and capabilities that it needs."
            )
        exception, debuginfo = str(error.get("exception", "")), str(error.get("debuginfo", ""))[:300]
        if code in _NAMELESS:
            message, debuginfo = _NAMELESS[code], ""
        raise MoodleRefused(function, code, message, exception, debuginfo)

    def _told(self, function: str, what: object) -> str:
        cause = what if isinstance(what, str) else type(what).__name__
        return (
            f"connection {self.connection.conn_id}: no answer of Moodle's to {function} from"
            f" {self.connection.url}: {cause}. Check that the site is up and the connection's host is right."
        )

    def _session(self, purpose: str) -> requests.Session:
        session: requests.Session | None = getattr(self._local, purpose, None)
        if session is None:
            session = requests.Session()
            session.headers["User-Agent"] = self.agent
            retries = Retry(0) if purpose == "writing" else _PATIENT
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retries))
            setattr(self._local, purpose, session)
        return session


# POST is not repeated by default; for functions that only read it is safe.
_PATIENT = Retry(
    total=4,
    connect=2,
    read=1,  # a call that has timed out once is not sent for another half hour
    backoff_factor=0.3,
    backoff_jitter=0.2,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """PHP's form of nested values: ``groups[0][name]``; None is left out."""
    if isinstance(value, Mapping):
        items = [(f"{name}[{k}]" if name else str(k), v) for k, v in value.items()]
    elif isinstance(value, list | tuple):
        items = [(f"{name}[{i}]", v) for i, v in enumerate(value)]
    else:
        return [] if value is None else [(name, str(value))]
    return [pair for key, inner in items for pair in _flat(inner, key)]
