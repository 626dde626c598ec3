"""What each thing that may come back over the wire is taken for (rules A3, A4, W3)."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from include.groupsync.errors import GroupsyncError, MoodleRefused, MoodleUnreachable, OutcomeUnknown, SettingsError
from include.groupsync.model.connection import MoodleConnection
from include.groupsync.moodle import client as client_module
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.settings import Moodle

Answer = Callable[[BaseHTTPRequestHandler], None]
TOKEN = "0123456789abcdef"


@dataclass
class Site:
    """A server that gives every request the same answer and keeps what was sent."""

    url: str = ""
    answer: Answer | None = None
    forms: list[list[tuple[str, str]]] = field(default_factory=list)


def says(status: int, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def error(errorcode: str | None, message: str = "no") -> Answer:
    value = {"exception": "core\\exception\\moodle_exception", "message": message}
    return says(200, json.dumps(value | ({"errorcode": errorcode} if errorcode else {})).encode())


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    """The request has arrived, and the connection is closed without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)


def resets(request: BaseHTTPRequestHandler) -> None:
    """The request has arrived, and the connection is reset."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def is_slow(request: BaseHTTPRequestHandler) -> None:
    """The answer comes after our patience."""
    time.sleep(0.6)


def breaks_off(request: BaseHTTPRequestHandler) -> None:
    """The answer begins and does not end."""
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"[")
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of our own, on a free port."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            site.forms.append(parse_qsl(body, keep_blank_values=True))
            assert site.answer is not None
            site.answer(self)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silence."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A connection that we broke on purpose."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same retries without the pauses between them."""
    quick = client_module._PATIENT.new(backoff_factor=0, backoff_jitter=0)
    monkeypatch.setattr(client_module, "_PATIENT", quick)


def client_of(url: str, **settings: Any) -> MoodleClient:
    return MoodleClient(MoodleConnection("moodle", url, TOKEN), Moodle(**({"read_timeout": 0.2} | settings)))


HTML = b"<html>\xe2\x80\xa6</html>"
AFTER_HTML = b"<br />\n<b>Warning</b>: Input variables exceeded 5000. <br />\nnull"
XML = b'<?xml version="1.0"?><EXCEPTION><ERRORCODE>invalidtoken</ERRORCODE></EXCEPTION>'
# What comes back; what a write makes of it; what a read makes of it; how often a read is sent.
ANSWERS: dict[str, tuple[Answer, type[GroupsyncError], type[GroupsyncError], int]] = {
    "an error with status 200": (error("invalidparameter"), MoodleRefused, MoodleRefused, 1),
    "a PHP error without errorcode": (error(None), MoodleRefused, MoodleRefused, 1),
    "an unknown token": (error("invalidtoken"), SettingsError, SettingsError, 1),
    "a token that may not": (error("accessexception"), SettingsError, SettingsError, 1),
    "a suspended account": (error("wsaccessusersuspended"), SettingsError, SettingsError, 1),
    "a database that is down": (error("dbconnectionfailed"), MoodleUnreachable, MoodleUnreachable, 1),
    "403 and nothing": (says(403, b"", "text/html"), MoodleUnreachable, MoodleUnreachable, 1),
    "404": (says(404, HTML, "text/html"), MoodleUnreachable, MoodleUnreachable, 1),
    "413": (says(413, HTML, "text/html"), MoodleRefused, MoodleRefused, 1),
    "a redirect": (says(302, b"", Location="/elsewhere"), MoodleUnreachable, MoodleUnreachable, 1),
    "429": (says(429, HTML, "text/html"), MoodleUnreachable, MoodleUnreachable, 5),
    "maintenance": (says(503, HTML, "text/html", Retry_After="300"), MoodleUnreachable, MoodleUnreachable, 5),
    "503 of a gateway": (says(503, HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 5),
    "500": (says(500, HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 5),
    "502": (says(502, HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 5),
    "504": (says(504, HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 5),
    "XML": (says(200, XML, "application/xml"), OutcomeUnknown, MoodleUnreachable, 1),
    "a page with status 200": (says(200, HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 1),
    "HTML before JSON": (says(200, AFTER_HTML, "text/html"), OutcomeUnknown, MoodleUnreachable, 1),
    "nothing with status 200": (says(200), OutcomeUnknown, MoodleUnreachable, 1),
    "an answer that breaks off": (breaks_off, OutcomeUnknown, MoodleUnreachable, 1),
    "no answer": (hangs_up, OutcomeUnknown, MoodleUnreachable, 2),
    "a reset": (resets, OutcomeUnknown, MoodleUnreachable, 2),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_a4_a_write_is_sent_once_whatever_comes_back(site: Site, what: str) -> None:
    """Refused, not handled, or unknown; never repeated by the client, never taken for done."""
    site.answer, expected, _, _ = ANSWERS[what]
    with pytest.raises(expected) as failed:
        client_of(site.url).write("core_group_delete_groups", {"groupids": [1]})
    assert type(failed.value) is expected
    assert len(site.forms) == 1


@pytest.mark.parametrize("what", ANSWERS)
def test_a4_a_read_is_repeated_where_that_may_help(site: Site, what: str) -> None:
    """Gateways, maintenance and lost connections; Moodle's own answer is final."""
    site.answer, _, expected, count = ANSWERS[what]
    with pytest.raises(expected) as failed:
        client_of(site.url).read("core_group_get_groups", {"groupids": [1]})
    assert type(failed.value) is expected
    assert len(site.forms) == count


def test_a4_an_answer_that_takes_too_long_leaves_a_write_unknown(site: Site) -> None:
    """The server may still be at it."""
    site.answer = is_slow
    with pytest.raises(OutcomeUnknown):
        client_of(site.url).write("core_group_delete_groups", {"groupids": [1]})
    assert len(site.forms) == 1


def test_a4_a_read_that_takes_too_long_finds_the_site_unreachable(site: Site) -> None:
    """In the end."""
    site.answer = is_slow
    with pytest.raises(MoodleUnreachable):
        client_of(site.url, read_timeout=0.05).read("core_webservice_get_site_info")


def test_a4_a_read_that_works_the_second_time_is_an_answer(site: Site) -> None:
    """Nobody hears of the first."""

    def better_later(request: BaseHTTPRequestHandler) -> None:
        says(*((502, HTML) if len(site.forms) == 1 else (200, b"[7]")))(request)

    site.answer = better_later
    assert client_of(site.url).read("core_group_get_groups") == [7]
    assert len(site.forms) == 2


def test_a4_a_site_that_is_not_there_has_done_nothing() -> None:
    """A write that was never sent is not unknown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for call in (client_of(f"http://127.0.0.1:{port}").write, client_of("http://nowhere.invalid").write):
        with pytest.raises(MoodleUnreachable):
            call("core_group_delete_groups", {"groupids": [1]})


@pytest.mark.parametrize(("body", "value"), [(b"null", None), (b"[]", []), (b'{"warnings":[]}', {"warnings": []})])
def test_an_answer_is_a_value(site: Site, body: bytes, value: object) -> None:
    """Null, a list, or an object without an exception."""
    site.answer = says(200, body)
    assert client_of(site.url).write("core_group_delete_groups", {"groupids": [1]}) == value


def test_a_refusal_carries_moodles_own_words(site: Site) -> None:
    """Decided by errorcode; the rest is for people."""
    site.answer = error("idnumbertaken", "This ID number is already in use")
    with pytest.raises(MoodleRefused) as refused:
        client_of(site.url).write("core_group_create_groups", {"groups": [{"name": "A"}]})
    assert (refused.value.errorcode, refused.value.function) == ("idnumbertaken", "core_group_create_groups")
    assert "This ID number is already in use" in str(refused.value)


def test_a3_credentials_come_first_and_arguments_in_phps_form(site: Site) -> None:
    """Past max_input_vars PHP drops the rest; what is None is not sent, what is empty is."""
    site.answer = says(200, b"null")
    item = {"courseid": 2, "name": "Å & b", "idnumber": "", "description": None}
    client_of(site.url).write("core_group_create_groups", {"groups": [item, {"courseid": 3}]})
    assert site.forms == [
        [
            ("wstoken", TOKEN),
            ("wsfunction", "core_group_create_groups"),
            ("moodlewsrestformat", "json"),
            ("groups[0][courseid]", "2"),
            ("groups[0][name]", "Å & b"),
            ("groups[0][idnumber]", ""),
            ("groups[1][courseid]", "3"),
        ]
    ]


@pytest.mark.parametrize("form_variables", [20, 100, 1000])
@pytest.mark.parametrize("fields", [1, 2, 5])
def test_a3_never_more_than_form_variables_are_sent(site: Site, form_variables: int, fields: int) -> None:
    """A full call fits, one item more is refused before it is sent."""
    site.answer = says(200, b"null")
    client = client_of(site.url, form_variables=form_variables, batch_items=500)
    count = client.items_per_call(fields)
    items = [dict.fromkeys(map(str, range(fields)), "x")] * (count + fields)
    client.write("f", {"items": items[:count]})
    assert len(site.forms[0]) <= form_variables
    if count < 500:
        assert len(site.forms[0]) > form_variables - fields
        too_many = [*items[:count], *items[:fields]]
        with pytest.raises(ValueError, match="form variables"):
            client.write("f", {"items": too_many})
        assert len(site.forms) == 1


def test_a3_batches_are_no_larger_than_the_setting() -> None:
    """Nor smaller than one item."""
    assert client_of("http://x", batch_items=100).items_per_call(2) == 100
    assert client_of("http://x", form_variables=20).items_per_call(50) == 1


def test_the_calls_are_counted_by_function(site: Site) -> None:
    """For the report."""
    site.answer = says(200, b"null")
    client = client_of(site.url)
    client.read("a")
    client.write("b", {})
    client.read("a")
    assert client.calls == {"a": 2, "b": 1}


@pytest.mark.parametrize("what", ANSWERS)
def test_w3_no_message_has_the_token(site: Site, what: str) -> None:
    """Whatever went wrong; and the message names the connection or the function."""
    site.answer = ANSWERS[what][0]
    with pytest.raises(GroupsyncError) as failed:
        client_of(site.url).write("core_group_delete_groups", {"groupids": [1]})
    assert TOKEN not in str(failed.value)
    assert TOKEN not in repr(MoodleConnection("moodle", site.url, TOKEN))
    assert "core_group_delete_groups" in str(failed.value)


@pytest.mark.parametrize("url", ["moodle.example.ac.uk", "", "ftp://x"])
def test_an_address_without_http_is_a_setting_to_correct(url: str) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(SettingsError, match="connection moodle: host must be the site's address"):
        client_of(url)
