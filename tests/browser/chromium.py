"""Chromium as a person uses it: opened pages, clicks, typing and pictures, over its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, PHONE_SIDEWAYS, DESKTOP = (390, 844), (844, 390), (1440, 900)
SECONDS = 180.0


class Browser:
    """One tab.  What is not there yet is waited for, as a person would; TimeoutError says what was missing."""

    def __init__(self, socket: ClientConnection):
        self._socket = socket
        self._sent = 0
        self._call("Page.enable")

    def resize(self, size: tuple[int, int]) -> None:
        """A phone has a phone's pixels and touches."""
        width, height = size
        mobile = size != DESKTOP
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if mobile else 1, "mobile": mobile}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self) -> str:
        """All text that the page shows."""
        return str(self.value("document.body ? document.body.innerText : ''"))

    def wait_for(self, expression: str, seconds: float = SECONDS) -> Any:
        """The value of the expression, as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:.0f} s not so: {expression}\nthe page shows:\n{self.text()[:2000]}")
            time.sleep(0.2)
        return found

    def wait_for_text(self, text: str, seconds: float = SECONDS) -> None:
        self.wait_for(f"(document.body?.innerText ?? '').includes({json.dumps(text)})", seconds)

    def click(self, selector: str, text: str | None = None) -> None:
        """Press the element of that selector, and of that text: once it is there, shown, enabled, and at rest."""
        wanted = "true" if text is None else f"e.innerText.trim() === {json.dumps(text)}"
        find = f"""(() => {{
          const e = [...document.querySelectorAll({json.dumps(selector)})].find(e => {wanted} && !e.disabled);
          if (!e) return null;
          e.scrollIntoView({{block: "center"}});
          const box = e.getBoundingClientRect();
          return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
        }})()"""
        spot, before = self.wait_for(find), None
        while spot != before:  # a form's section unfolds under the pointer
            time.sleep(0.1)
            spot, before = self.wait_for(find), spot
        self._mouse("mousePressed", *spot)
        self._mouse("mouseReleased", *spot)

    def drag(self, selector: str, by: int) -> None:
        """Pull the element sideways."""
        find = f"document.querySelector({json.dumps(selector)})"
        box = self.wait_for(f"(b => b && [b.x + b.width / 2, b.y + b.height / 3])({find}?.getBoundingClientRect())")
        x, y = box
        self._mouse("mouseMoved", x, y)
        self._mouse("mousePressed", x, y)
        for at in range(1, 11):
            self._mouse("mouseMoved", x + by * at / 10, y, buttons=1)
        self._mouse("mouseReleased", x + by, y)

    def type(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        self.click(selector)
        self._call("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        """What is to be seen, without what one would have to scroll to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        button = "none" if kind == "mouseMoved" and not more else "left"
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1, **more)

    def _call(self, method: str, **parameters: Any) -> Any:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=SECONDS))
            if answer.get("id") == self._sent:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium of its own, ended with the block."""
    chromium = shutil.which("chromium") or "chromium"
    command = [chromium, *QUIET, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_address(profile), max_size=None, proxy=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()


def _address(profile: Path) -> str:
    """Of the one tab, once Chromium has written down its port."""
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if port_file.exists() and (port := port_file.read_text().partition("\n")[0]):
            tabs = requests.get(f"http://127.0.0.1:{port}/json/list", timeout=10).json()
            if pages := [tab for tab in tabs if tab["type"] == "page"]:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise TimeoutError("Chromium did not open its DevTools port")
