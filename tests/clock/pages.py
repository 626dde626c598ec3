"""The same in Airflow's pages, as a person does it: Chromium, with pictures of what is to be seen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.chromium import Browser, browser
from tests.clock.machine import SYNC, Machine
from tests.conftest import ROOT

PICTURES = Path(os.environ.get("PICTURES") or ROOT / ".sandbox" / "pictures")
_SIZE = (1600, 900)
# React hears of a value only by the element's own setter and an event.
_SET = """(() => {{
  const e = document.querySelector({selector!r});
  if (!e) return false;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(e, {value!r});
  for (const kind of ["input", "change", "blur", "focusout"]) e.dispatchEvent(new Event(kind, {{bubbles: true}}));
  return true;
}})()"""
_CHOOSE = """(() => {{
  const e = [...document.querySelectorAll("[role=dialog] label, [role=dialog] button")]
    .find(e => e.innerText.trim().split("\\n")[0] === {text!r});
  if (!e) return false;
  e.click();
  return true;
}})()"""


@contextmanager
def logged_in(machine: Machine, folder: Path) -> Iterator[Browser]:
    """A browser in which an administrator has logged in."""
    with browser(folder / "profile") as tab:
        _resize(tab)
        tab.open(f"{machine.url}/auth/login")
        tab.type("input[name=username]", "admin")
        tab.type("input[name=password]", "admin")
        tab.click("button[type=submit]")
        tab.wait_for("!location.pathname.startsWith('/auth')")
        yield tab


def backfill(tab: Browser, machine: Machine, first: str, last: str, expected: int) -> None:
    """Fill the form in and send it: all runs, three at a time."""
    _open_form(tab, machine)
    tab.wait_for(_CHOOSE.format(text="Backfill"))
    _pick(tab, 0, first)
    _pick(tab, 1, last)
    tab.wait_for(_CHOOSE.format(text="All Runs"))
    _fill(tab, "input[name=max_active_runs]", "3")
    tab.wait_for_text(f"{expected} runs will be triggered")
    tab.picture(PICTURES / "backfill-form.png")
    tab.click("[role=dialog] button", "Run Backfill")
    tab.wait_for_text("Backfill jobs have been successfully triggered")


def refused_backfill(tab: Browser, machine: Machine, first: str, last: str) -> str:
    """What the form says of days on which no term begins; it cannot be sent."""
    _open_form(tab, machine)
    tab.wait_for(_CHOOSE.format(text="Backfill"))
    _pick(tab, 0, first)
    _pick(tab, 1, last)
    tab.wait_for_text("no term that has begun")
    tab.picture(PICTURES / "backfill-refused.png")
    return tab.text()


def refused_term(tab: Browser, machine: Machine, term: str) -> str:
    """What the trigger form says of a partition that the calendar has not."""
    _open_form(tab, machine)
    tab.wait_for(_CHOOSE.format(text="Advanced Options"))
    _fill(tab, "input[name=partitionKey]", term)
    tab.click("[data-testid=trigger-dag-submit]")
    tab.wait_for_text("unknown term")
    tab.picture(PICTURES / "unknown-term.png")
    return tab.text()


def show(tab: Browser, machine: Machine, name: str, path: str, text: str) -> None:
    """A picture of one of the DAG's pages, once it shows that text."""
    tab.open(f"{machine.url}/dags/{SYNC}{path}")
    tab.wait_for_text(text)
    tab.wait_for("document.readyState === 'complete'")
    _settle(tab)
    tab.picture(PICTURES / name)


def _settle(tab: Browser) -> None:
    tab.value("new Promise(done => setTimeout(() => done(1), 3000))")


def _open_form(tab: Browser, machine: Machine) -> None:
    tab.open(f"{machine.url}/dags/{SYNC}")
    tab.click("[data-testid=trigger-dag-button]")
    tab.wait_for("!!document.querySelector('[role=dialog]')")


def _pick(tab: Browser, field: int, day: str) -> None:
    """A day, in the first or second field of its kind: it opens, takes the day, and closes."""
    press = f"""(() => {{
      const e = document.querySelectorAll("[data-testid=datetime-input]")[{field}];
      if (e) e.click();
      return !!e;
    }})()"""
    tab.wait_for(press)
    _fill(tab, "input[placeholder='YYYY/MM/DD']", day.replace("-", "/"))
    tab.wait_for(press)
    tab.wait_for("!document.querySelector(\"input[placeholder='YYYY/MM/DD']\")")


def _fill(tab: Browser, selector: str, value: str) -> None:
    tab.wait_for(_SET.format(selector=selector, value=value))


def _resize(tab: Browser) -> None:
    width, height = _SIZE
    metrics: dict[str, Any] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    tab._call("Emulation.setDeviceMetricsOverride", **metrics)
