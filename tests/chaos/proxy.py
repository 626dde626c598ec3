"""An HTTP proxy between the sync and any Moodle that lets calls meet faults.

    python -m tests.chaos.proxy --to https://moodle.example.org --port 8099 --share 0.1 --seed 7

The sync's connection then has the proxy's address.  Moodle's own address in answers becomes the proxy's, as the sync
compares the two (rule I3).
"""

import argparse
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from time import sleep
from urllib.parse import parse_qs

import urllib3

from sandbox.moodle.functions import FUNCTIONS
from tests.chaos.faults import FAULTS

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the close aborts
_SITES = ("Content-Type", "Retry-After", "Location")
_OWN = ("host", "connection", "content-length", "accept-encoding")
_NO_MORE = {"Connection": "close"}  # the site may end a connection that is idle at any moment
CONTROL = "/chaos"  # what is asked of this path is not for Moodle
Choose = Callable[[str], str | None]
_MOODLE = urllib3.PoolManager()


@dataclass
class Chaos:
    """Which call meets which fault: ``choose`` is told the function and names one of FAULTS, or None.

    ``met``: what met what, in order.  ``late``: seconds until a late call reaches Moodle, and that a slow one takes.
    ``passes`` is told of each call, by its function, when it has arrived, when Moodle has answered it and when its
    answer is given; ``told`` answers what is asked of CONTROL; ``put_off`` does late calls by another clock.
    """

    upstream: str
    choose: Choose = lambda _function: None
    late: float = 0.1
    met: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""
    passes: Callable[[str, str], None] = lambda _function, _stage: None
    told: Callable[[bytes], bytes] = lambda asked: asked
    put_off: Callable[[Callable[[], object]], None] | None = None
    _pending: list[threading.Thread] = field(default_factory=list)
    _under_way: int = 0
    _ended: threading.Condition = field(default_factory=threading.Condition)

    def settle(self) -> None:
        """Until the last late call has reached Moodle."""
        while self._pending:
            self._pending.pop().join()

    def later(self, what: Callable[[], object]) -> None:
        """Do it after a while."""
        if self.put_off is not None:
            self.put_off(what)
            return

        def act() -> None:
            sleep(self.late)
            what()

        thread = threading.Thread(target=act)
        self._pending.append(thread)
        thread.start()

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """One call on its way."""
        with self._ended:
            self._under_way += 1
        try:
            yield
        finally:
            with self._ended:
                self._under_way -= 1
                self._ended.notify_all()

    def quiet(self) -> None:
        """Until no call is on its way, but for late ones."""
        with self._ended:
            self._ended.wait_for(lambda: not self._under_way)


def at_random(seed: int, share: float) -> Choose:
    """Each call meets a fault with this chance, each fault as likely.

    The nth call of a function draws for itself: calls fly beside each other, and their order is not the seed's.
    """
    counts: Counter[str] = Counter()
    counting = threading.Lock()

    def choose(function: str) -> str | None:
        with counting:
            counts[function] += 1
            chance = Random(f"{seed} {function} {counts[function]}")
        return chance.choice(sorted(FAULTS)) if chance.random() < share else None

    return choose


def writes(function: str) -> bool:
    """Whether a call of it may change something."""
    return function in FUNCTIONS and FUNCTIONS[function].writes


@contextmanager
def between(chaos: Chaos, port: int = 0) -> Iterator[Chaos]:
    """The proxy, running; its address is in ``chaos.address``."""
    handler = type("Handler", (_Handler,), {"chaos": chaos})
    with _Server(("127.0.0.1", port), handler) as server:
        chaos.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield chaos
        finally:
            server.shutdown()
            thread.join()
            chaos.settle()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone, killed or hung up on, is none of the proxy's errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """One exchange at a time; what a fault may do with it is ``faults.Exchange``."""

    protocol_version = "HTTP/1.1"
    chaos: Chaos

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._body = self.rfile.read(length)
        if self.path == CONTROL:
            self.give(200, self.chaos.told(self._body))
            return
        with self.chaos.exchange():
            self._exchange()

    def _exchange(self) -> None:
        function = parse_qs(self._body.decode("utf-8", "replace")).get("wsfunction", [""])[0]
        self.chaos.passes(function, "arrived")
        name = self.chaos.choose(function)
        if name is None:
            self.act()
            self.chaos.passes(function, "acted")
            self.pass_on()
        else:
            self.chaos.met.append((function, name))
            FAULTS[name](self)
        self.chaos.passes(function, "answered")

    do_GET = do_POST  # noqa: N815 (the name that the server looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Nothing on the screen; ``Chaos.met`` has it."""

    # --- what a fault may do

    def act(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        self._answer = _MOODLE.request(
            self.command, self.chaos.upstream + self.path, body=self._body, headers=headers | _NO_MORE,
            timeout=60, redirect=False, retries=False,
        )  # fmt: skip

    def act_later(self) -> None:
        self.chaos.later(self.act)

    def give(self, status: int, body: bytes, content_type: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": content_type} | headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self, change: Callable[[bytes], bytes] = lambda body: body) -> None:
        body = self._answer.data
        for text in (str, _escaped):
            body = body.replace(text(self.chaos.upstream).encode(), text(self.chaos.address).encode())
        headers = {name: self._answer.headers[name] for name in _SITES if name in self._answer.headers}
        self.give(self._answer.status, change(body), **headers)

    def hang_up(self, *, after: bytes = b"", reset: bool = False) -> None:
        if after:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(after) + 100))
            self.end_headers()
            self.wfile.write(after)
            self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR) if not reset else self.connection.close()

    def wait(self) -> None:
        sleep(self.chaos.late)


def _escaped(address: str) -> str:
    """As PHP's JSON has it."""
    return address.replace("/", "\\/")


def main() -> None:
    """Stand between until it is stopped; then say what met what."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.proxy", description=__doc__.partition("\n")[0])
    parser.add_argument("--to", required=True, help="Moodle's address")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--share", type=float, default=0.1, help="of the calls that meet a fault")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with between(Chaos(wanted.to.rstrip("/"), at_random(wanted.seed, wanted.share)), wanted.port) as chaos:
        print(f"{chaos.address} is {wanted.to}, with faults; stop it with Ctrl-C")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            for function, fault in chaos.met:
                print(f"{function} {fault}")


if __name__ == "__main__":
    main()
