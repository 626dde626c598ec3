"""The stand-in's HTTP server: Moodle's REST address, the pages to look at, and the count of calls."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.moodle import forms
from sandbox.moodle.calls import Summary, Written, items_in
from sandbox.moodle.database import Pool
from sandbox.moodle.pages import course_page, front_page
from sandbox.moodle.rest import Options, RestServer
from sandbox.moodle.site import configured_url, tokens

_HEADERS = {
    "Cache-Control": "private, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": "no-cache",
    "Accept-Ranges": "none",
    "Access-Control-Allow-Origin": "*",
}


class Application:
    """The site behind its routes."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        self.pool = Pool(path)
        options.site_url = options.site_url or configured_url(self.pool.reading())
        self.rest_server = RestServer(self.pool, options)
        self.asgi = Starlette(
            routes=[
                Route("/", self._front_page),
                Route("/course/{courseid:int}", self._course_page),
                Route("/webservice/rest/server.php", self._rest, methods=["GET", "POST"]),
                Route("/standin/calls", self._calls),
                Route("/standin/calls/reset", self._reset, methods=["POST"]),
                Route("/standin/purge-caches", self._purge, methods=["POST"]),
            ]
        )

    def close(self) -> None:
        """Store the counts and close the file."""
        self.rest_server.calls.flush()
        self.pool.close()

    async def _rest(self, request: Request) -> Response:
        limit = self._options.max_input_vars
        variables = forms.parse_query(request.url.query, limit)
        if request.method == "POST":
            variables |= _body_variables(await request.body(), request.headers.get("content-type", ""), limit)
        url, began = str(request.base_url).rstrip("/"), time.time()
        function, items = variables.get("wsfunction"), items_in(variables)
        answer = await run_in_threadpool(self.rest_server.answer, variables, url)
        self.rest_server.calls.wrote(function, items, request.headers.get("user-agent", ""), began, time.time())
        headers = {**_HEADERS, "Content-Type": answer.content_type}
        return Response(answer.body, headers=headers)

    def _front_page(self, request: Request) -> Response:
        page = request.query_params.get("page", "1")
        search = request.query_params.get("search", "")
        return HTMLResponse(front_page(self.pool.reading(), search, int(page) if page.isdecimal() else 1))

    def _course_page(self, request: Request) -> Response:
        html = course_page(self.pool.reading(), request.path_params["courseid"])
        return HTMLResponse(html or "No such course", status_code=200 if html else 404)

    def _calls(self, _request: Request) -> Response:
        return JSONResponse(self.rest_server.calls.summary())

    def _reset(self, _request: Request) -> Response:
        self.rest_server.calls.reset()
        return JSONResponse({})

    def _purge(self, _request: Request) -> Response:
        self.rest_server.cache.purge()
        return JSONResponse({})


def _body_variables(body: bytes, content_type: str, limit: int) -> forms.Form:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return forms.parse_body(body.decode("utf-8", "surrogateescape"), limit)
    if kind == "multipart/form-data":
        message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        return forms.from_pairs([_field(part) for part in message.walk() if not part.is_multipart()], limit)
    return {}  # PHP leaves any other body alone: a JSON one has no token in it


def _field(part: Message) -> tuple[str, str]:
    name = part.get_param("name", "", header="content-disposition")
    payload = part.get_payload(decode=True)
    value = payload if isinstance(payload, bytes) else b""
    return str(name), value.decode("utf-8", "surrogateescape")


class RunningSite:
    """A site served from a thread of this process."""

    def __init__(self, application: Application, path: Path, url: str) -> None:
        self._application = application
        self.database = path
        self.url = url
        self.tokens = tokens(application.pool.reading())
        self.token = self.tokens["full"]

    def calls(self) -> Summary:
        """Calls since the last reset: {function: {"calls", "items", "writes"}}."""
        return self._application.rest_server.calls.summary()

    def written(self) -> list[Written]:
        """The calls of writing functions since the last reset, in the order in which they were answered."""
        return list(self._application.rest_server.calls.written)

    def writing_calls(self) -> int:
        """How many calls of writing functions reached the site since the last reset."""
        return sum(count["calls"] for count in self.calls().values() if count["writes"])

    def reset_calls(self) -> None:
        """Start counting anew."""
        self._application.rest_server.calls.reset()

    def purge_caches(self) -> None:
        """Forget the group cache, as a site needs after its tables were changed by SQL."""
        self._application.rest_server.cache.purge()


@contextlib.contextmanager
def running(path: Path, port: int = 0, **options: Any) -> Iterator[RunningSite]:
    """Serve a site from a thread: options are those of rest.Options, port 0 takes any free one."""
    application = Application(Path(path), Options(**options))
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(application.asgi, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield RunningSite(application, Path(path), f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        application.close()


def serve(path: Path, host: str, port: int, options: Options) -> None:
    """Serve a site until interrupted."""
    application = Application(path, options)
    try:
        uvicorn.run(application.asgi, host=host, port=port, log_level="info", access_log=False)
    finally:
        application.close()
