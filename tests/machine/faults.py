"""What may go wrong on the way to Moodle: one writing call is refused, is lost, or is the last one of its process."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox.moodle.functions import FUNCTIONS

# before, after: whether the server has acted when the connection drops or the process dies.
FAULTS = ("refused", "dropped before", "dropped after", "killed before", "killed after", "HTTP 503", "HTTP 500")
_REFUSAL = {"exception": "moodle_exception", "errorcode": "deliberate", "message": "refused on purpose"}


class Killed(BaseException):
    """The process ends here; no ``except Exception`` of the engine may notice."""


@dataclass(frozen=True)
class Call:
    """A writing call that was sent, with its form; ``acted`` if Moodle got it."""

    function: str
    form: dict[str, str]
    acted: bool

    def values(self, *names: str) -> list[int]:
        """The numbers in fields such as ``groups[3][courseid]``, by the last name; ``groupids[0]`` by the first."""
        found = []
        for key, value in self.form.items():
            first, *parts = key.replace("]", "").split("[")
            last = parts[-1] if parts else ""
            if (first if last.isdigit() else last) in names:
                found.append(int(value))
        return found


@dataclass
class Line:
    """The line to Moodle while a run is on.  ``faults``: what happens to the nth writing call, from 0."""

    faults: Mapping[int, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    _left_alone: bool = False

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """What is sent in the meantime is a person's."""
        self._left_alone = True
        try:
            yield
        finally:
            self._left_alone = False

    @contextmanager
    def open(self) -> Iterator["Line"]:
        """Every session of ``requests`` goes over this line."""
        send = HTTPAdapter.send

        def sent(adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
            form = dict(parse_qsl(str(request.body or ""), keep_blank_values=True))
            function = form.get("wsfunction", "")
            if self._left_alone or function not in FUNCTIONS or not FUNCTIONS[function].writes:
                return send(adapter, request, *args, **more)
            fault = self.faults.get(len(self.calls), "")
            acts = not fault or fault.endswith("after")
            self.calls.append(Call(function, form, acts))
            answer = send(adapter, request, *args, **more) if acts else None
            return _spoilt(fault, request, answer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HTTPAdapter, "send", sent)
            yield self


def _spoilt(fault: str, request: requests.PreparedRequest, answer: Any) -> Any:
    if fault.startswith("killed"):
        raise Killed
    if fault.startswith("dropped"):
        raise requests.ConnectionError("('Connection aborted.', ConnectionResetError(104, 'reset by peer'))")
    if not fault:
        return answer
    made = requests.Response()
    made.status_code = int(fault.removeprefix("HTTP ")) if fault.startswith("HTTP") else 200
    made._content = json.dumps(_REFUSAL).encode() if fault == "refused" else b"<h1>Service unavailable</h1>"
    made.request, made.url = request, str(request.url)
    return made
