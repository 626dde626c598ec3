"""What a night in a data centre does to a call, or to its answer: a table of named faults.

A fault is told the exchange and does with it what it likes: lets Moodle have the call or not, now or later, and answers
in its own way or not at all.  The forms of the answers are those of a real site that is broken.
"""

import json
from collections.abc import Callable
from typing import Protocol


class Exchange(Protocol):
    """A call on its way through the proxy."""

    def act(self) -> None:
        """Let Moodle have the call, and keep its answer."""

    def act_later(self) -> None:
        """Let Moodle have the call when the client is gone."""

    def give(self, status: int, body: bytes, content_type: str = "text/html", **headers: str) -> None:
        """Answer with this."""

    def pass_on(self, change: Callable[[bytes], bytes] = lambda body: body) -> None:
        """Answer with what Moodle has answered, changed or not."""

    def hang_up(self, *, after: bytes = b"", reset: bool = False) -> None:
        """End the connection, after this much of the answer; ``reset`` aborts it."""

    def wait(self) -> None:
        """Take a while."""


Fault = Callable[[Exchange], None]
_DOWN = {
    "exception": "dml_connection_exception",
    "errorcode": "dbconnectionfailed",
    "message": "<p>Error: Database connection failed</p>\n<p>It is possible that the database is overloaded.</p>",
}
_WARNING = (
    b'<br />\n<b>Warning</b>:  Undefined array key "x" in <b>/var/www/lib/weblib.php</b> on line <b>1</b><br />\n'
)
_XML = (
    b'<?xml version="1.0" encoding="UTF-8" ?>\n<EXCEPTION class="core\\exception\\moodle_exception">\n'
    b"<ERRORCODE>invalidtoken</ERRORCODE>\n<MESSAGE>Invalid token - token not found</MESSAGE>\n</EXCEPTION>"
)


# --- Moodle does not get the call


def dropped_before(exchange: Exchange) -> None:
    exchange.hang_up()


def reset_before(exchange: Exchange) -> None:
    exchange.hang_up(reset=True)


def maintenance(exchange: Exchange) -> None:
    exchange.give(503, b"<h1>Site under maintenance</h1>", **{"Retry-After": "1"})


def forbidden(exchange: Exchange) -> None:
    """Web services are switched off."""
    exchange.give(403, b"")


def too_large(exchange: Exchange) -> None:
    exchange.give(413, b"<h1>413 Request Entity Too Large</h1>")


def database_down(exchange: Exchange) -> None:
    """Said with HTTP 200."""
    exchange.give(200, json.dumps(_DOWN).encode(), "application/json")


def xml_instead(exchange: Exchange) -> None:
    """PHP has dropped the whole form, token and format too."""
    exchange.give(200, _XML, "application/xml")


# --- Moodle does it, and the client may not hear of it


def slow(exchange: Exchange) -> None:
    exchange.wait()
    exchange.act()
    exchange.pass_on()


def dropped_after(exchange: Exchange) -> None:
    exchange.act()
    exchange.hang_up()


def reset_after(exchange: Exchange) -> None:
    exchange.act()
    exchange.hang_up(reset=True)


def commits_later(exchange: Exchange) -> None:
    """The answer is lost, and Moodle is not done with the call yet."""
    exchange.act_later()
    exchange.hang_up()


def truncated(exchange: Exchange) -> None:
    exchange.act()
    exchange.hang_up(after=b"[{")


def garbage(exchange: Exchange) -> None:
    exchange.act()
    exchange.give(200, b"\x00\xff\x13 not for you", "application/octet-stream")


def warning_in_front(exchange: Exchange) -> None:
    """PHP shows its warnings on the page, before the JSON."""
    exchange.act()
    exchange.pass_on(lambda body: _WARNING + body)


def bad_gateway(exchange: Exchange) -> None:
    """The gateway gave up on a PHP that went on."""
    exchange.act()
    exchange.give(502, b"<h1>502 Bad Gateway</h1>")


NOT_DONE = (dropped_before, reset_before, maintenance, forbidden, too_large, database_down, xml_instead)
DONE = (slow, dropped_after, reset_after, commits_later, truncated, garbage, warning_in_front, bad_gateway)
FAULTS: dict[str, Fault] = {fault.__name__: fault for fault in (*NOT_DONE, *DONE)}
