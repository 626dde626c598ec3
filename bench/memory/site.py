"""A site that answers at once: over real HTTP, but it keeps nothing and refuses nothing."""

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from bench.memory.plan import COURSE_ID, key_of, name_of


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        body = json.dumps(_groups(form) if form["wsfunction"] == "core_group_get_groups" else None).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is http.server's)
        """It says nothing."""


def _groups(form: dict[str, str]) -> list[dict[str, object]]:
    """Every group is there, as the plan expects it."""
    ids = [int(value) for name, value in form.items() if name.startswith("groupids[")]
    return [
        {"id": at, "courseid": COURSE_ID, "name": name_of(at), "idnumber": key_of(at), "description": ""} for at in ids
    ]


def _serve(ready: "multiprocessing.Queue[int]") -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    ready.put(server.server_address[1])
    server.serve_forever()


@contextmanager
def answering() -> Iterator[str]:
    """The address of a site in a process of its own, whose memory is not ours."""
    ready: multiprocessing.Queue[int] = multiprocessing.Queue()
    process = multiprocessing.Process(target=_serve, args=(ready,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ready.get(timeout=30)}"
    finally:
        process.terminate()
        process.join()
