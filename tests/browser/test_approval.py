"""A held plan is approved in a real browser, in a running Airflow; what a script sends passes the same checks."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.calendar_settings import load_calendar
from include.groupsync.model.approval import APPROVE_ALL, APPROVE_COURSES
from sandbox.airflow import server
from sandbox.airflow.background import Background
from sandbox.airflow.client import AirflowClient
from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.run import wait_for_dag
from tests.browser.chromium import DESKTOP, PHONE, PHONE_SIDEWAYS, Browser, browser
from tests.conftest import ROOT
from tests.dags.conftest import connections
from tests.world import NO_BREAKER, TERM1, Outcome, World

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("chromium")]

SYNC, RELEASE, ARM = "moodle_group_sync", "moodle_group_release", "moodle_group_arm"
RESTORE = "moodle_group_restore"
SECONDS = 900  # on a busy machine; an idle one takes a tenth
COURSES, GROUPS = 12, 6
# Where the pictures are kept; CI may keep them.
PICTURES = Path(os.environ.get("PICTURES") or ROOT / ".sandbox" / "pictures")


@dataclass
class Site:
    """A world whose runs go through a running Airflow."""

    world: World
    url: str
    client: AirflowClient

    def run(self, dag_id: str, conf: dict[str, Any]) -> str:
        run_id = self.client.trigger(dag_id, conf)
        self.end(dag_id, run_id)
        return run_id

    def end(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Wait for the run's end; the states of its tasks."""
        for _ in self.client.follow(dag_id, run_id, SECONDS):
            pass
        return self.states(dag_id, run_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        return {task.task_id: task.state for task in self.client.task_states(dag_id, run_id)}

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client._call("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
        return found

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        [task] = [task for task in self.client.task_states(dag_id, run_id) if task.task_id == task_id]
        return self.client.log(dag_id, run_id, task)

    def ask(self) -> tuple[Outcome, str]:
        """A run of the engine that holds something, and Airflow's run that asks about it, until it waits."""
        held = self.world.sync(run_id=f"manual__{time.time_ns()}")
        assert held.request, held.error
        release_run_id = held.request["release_run_id"]
        conf = {name: held.request[name] for name in ("term", "run", "digest", "reclaim", "reason")}
        body = {"dag_run_id": release_run_id, "logical_date": None, "conf": conf}
        self.client._call("POST", f"/api/v2/dags/{RELEASE}/dagRuns", body)
        self.waits(release_run_id)
        return held, release_run_id

    def waits(self, run_id: str, dag_id: str = RELEASE) -> None:
        until(lambda: self.states(dag_id, run_id).get("approve") == "awaiting_input")
        # Answered in the very moment of its parking, the scheduler of Airflow 3.3 takes it for failed.
        time.sleep(10)

    def answer(self, run_id: str, option: str, dag_id: str = RELEASE, **given: Any) -> None:
        """As a script answers: by the REST API."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        self.client._call("PATCH", path, {"chosen_options": [option], "params_input": given})


# What of the question, its form and its buttons is not wholly between the screen's sides.
CUT_OFF = """[...document.querySelectorAll("#details-panel :is(p, li, label, input, textarea, a[href*=groupsync],"
  + " [data-testid^=hitl-option-])")].filter(e => e.offsetWidth)
  .filter(e => e.getBoundingClientRect().left < 0 || e.getBoundingClientRect().right > innerWidth)
  .map(e => e.outerHTML.slice(0, 200))"""


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds:.0f} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Twelve courses with six groups each, all in line; then the source drops five groups of each."""
    folder = tmp_path_factory.mktemp("world")
    home = tmp_path_factory.mktemp("airflow")
    with ExitStack() as stack:
        world = stack.enter_context(World(folder, {"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}}))
        # Airflow's tasks have the machine's clock.
        term = {"first_on": "2020-01-01", "last_on": "2099-12-31", "setid": "LIVE", "academic_year": "2026"}
        calendar = {"terms": {TERM1: {**term, "periods": ["T1"]}}}
        (folder / "terms.yaml").write_text(json.dumps(calendar), encoding="utf-8")
        world.calendar, world.now = load_calendar(folder / "terms.yaml"), datetime.now(UTC)
        world.configure(approval={"canary_over": 20, "canary_size": 3})
        people = [f"student{at:02}" for at in range(12)]
        for at in range(COURSES):
            course = f"COMP{at:04}_26-27"
            world.course(course, users=people)
            world.map(course, module=f"M{at}")
            for group in range(GROUPS):
                world.source.group(course, f"COMP{at:04}-TUT{group}", name=f"Tutorial {group}", module=f"M{at}")
                world.source.members(course, f"COMP{at:04}-TUT{group}", *people[group * 2 : group * 2 + 2])
        assert world.sync().state == "applied"
        for at in range(COURSES):
            for group in range(1, GROUPS):
                world.source.drop_group(f"COMP{at:04}_26-27", f"COMP{at:04}-TUT{group}")
        port = server.free_port(0)
        environment = airflow_environment(ROOT, home, port) | connections(world)
        environment |= {"GROUPSYNC_CALENDAR": str(folder / "terms.yaml")}
        background = Background(home / "processes")
        stack.callback(background.stop)
        server.bring_up(background, environment, ROOT, ROOT / "airflow_settings.yaml")
        client = AirflowClient(environment["AIRFLOW__API__BASE_URL"], "user", "user")
        for dag_id in (SYNC, RELEASE, ARM, RESTORE):
            wait_for_dag(client, dag_id)
        client.unpause(SYNC)
        yield Site(world, environment["AIRFLOW__API__BASE_URL"], client)


@pytest.fixture
def tab(site: Site, tmp_path: Path) -> Iterator[Browser]:
    """A browser in which somebody has logged in."""
    with browser(tmp_path / "profile") as opened:
        opened.resize(DESKTOP)
        opened.open(f"{site.url}/auth/login")
        opened.type("input[name=username]", "user")
        opened.type("input[name=password]", "user")
        opened.click("button[type=submit]")
        opened.wait_for("!location.pathname.startsWith('/auth')")
        yield opened


def open_form(tab: Browser, site: Site, dag_id: str) -> None:
    """The form of *Trigger*."""
    tab.open(f"{site.url}/dags/{dag_id}")
    tab.click("[data-testid=trigger-dag-button]")
    tab.wait_for_text("Run Parameters")


def test_i2_a_site_is_armed_by_the_form(site: Site, tab: Browser) -> None:
    """What is typed is what counts: without it the form cannot be sent; a word that is no environment starts no run."""
    site.world.edit_site("DELETE FROM mdl_groupings WHERE idnumber = 'groupsync-marker'")
    writes = site.world.site.writing_calls()
    open_form(tab, site, ARM)
    submit = "[data-testid=trigger-dag-submit]"
    tab.wait_for_text("Type it by hand, do not paste it")
    assert tab.value(f"document.querySelector('{submit}').disabled"), "it can be sent empty"
    tab.type("#element_url", site.world.url)
    tab.type("#element_environment", "Sandbox")
    tab.click(submit)
    tab.wait_for_text("'Sandbox' does not match")
    open_form(tab, site, ARM)
    tab.type("#element_url", site.world.url)
    tab.type("#element_environment", "sandbox")
    tab.picture(PICTURES / "arm-form.png")
    tab.click(submit)
    until(lambda: len(site.runs(ARM)) == 1)
    [run] = site.runs(ARM)
    states = site.end(ARM, run["dag_run_id"])
    assert set(states.values()) == {"success"}, site.log(ARM, run["dag_run_id"], "write_marker")
    assert run["conf"] == {"url": site.world.url, "environment": "sandbox", "old_deployment_id": None}
    assert site.world.site.writing_calls() == writes + 1
    marker = site.world.moodle.groupings("groupsync-control")["groupsync-marker"]
    assert marker.name == f"sandbox {site.world.deployment_id}"


def test_o2_the_form_of_the_sync_proposes_terms_and_keeps_reclaim_apart(site: Site, tab: Browser) -> None:
    """An ordinary run has nothing to fill in; what is for a lost ledger has to be unfolded."""
    open_form(tab, site, SYNC)
    tab.wait_for_text("Leave empty for the one that is running today")
    assert not tab.value("document.querySelector('[data-testid=trigger-dag-submit]').disabled")
    assert tab.value("[...document.querySelectorAll('#element_term, datalist option')].length"), "no field for a term"
    shown = "[...document.querySelectorAll('[name=element_reclaim]')].some(e => e.checkVisibility())"
    tab.click("[role=dialog] button", "Only after the ledger was lost")
    tab.wait_for_text("The run asks a person first.")
    tab.picture(PICTURES / "reclaim-form.png")
    assert tab.value(f"{shown} && !document.querySelector('[name=element_reclaim]').checked")


def test_c2_a_part_is_asked_for_by_the_form(site: Site, tab: Browser) -> None:
    """Its fields are unfolded; a name that the term does not have is refused with those that it has."""
    open_form(tab, site, SYNC)
    tab.click("[role=dialog] button", "Only a part")
    tab.wait_for_text("Leave empty for all. Of the fields here, what is in all of them is done")
    tab.type("#element_courses", f"{course(1)}\nCOMP9999_26-27")
    tab.picture(PICTURES / "part-form.png")
    tab.click("[data-testid=trigger-dag-submit]")
    until(lambda: len(site.runs(SYNC)) == 1)
    [run] = site.runs(SYNC)
    states = site.end(SYNC, run["dag_run_id"])
    assert run["conf"]["courses"] == f"{course(1)}\nCOMP9999_26-27"
    assert states["extract"] == "failed"
    said = site.log(SYNC, run["dag_run_id"], "extract")
    assert f"unknown courses of term {TERM1}: COMP9999_26-27. Its mapping table has such as {course(0)}" in said


def test_b4_a_held_plan_is_approved_in_the_browser(site: Site, tab: Browser) -> None:
    """From the red run's own words to the deletes in Moodle, answered on a phone; the run that held them counts as
    accepted."""
    run_id = site.run(SYNC, {"term": TERM1})
    states = site.states(SYNC, run_id)
    assert {task for task, state in states.items() if state != "success"} == {"outcome", "succeeded"}
    said = site.log(SYNC, run_id, "outcome")
    found = re.search(r"HELD: 60 deletes in 12 courses, approve at (\S+)", said)
    assert found, said
    release_run_id = site.world.approvals()[0]["release_run_id"]
    site.waits(release_run_id)
    tab.open(found.group(1))
    tab.wait_for_text("If approved: delete 60 groups in 12 courses.")
    shown = tab.text()
    tab.picture(PICTURES / "approval-desktop.png")
    assert "10 people lose 120 memberships" in shown
    assert "run_deletes 60, none allowed" in shown
    assert "COMP0009_26-27: 5 deletes, 10 people" in shown
    tab.resize(PHONE_SIDEWAYS)
    tab.picture(PICTURES / "approval-phone-sideways.png")
    tab.resize(PHONE)
    tab.wait_for("document.querySelector('#details-panel').getBoundingClientRect().width === innerWidth")
    tab.picture(PICTURES / "approval-phone.png")
    plan_at = tab.value("[...document.links].find(a => a.innerText.startsWith('The whole plan')).href")
    approve = '[data-testid="hitl-option-Approve all"]'
    assert tab.value(f"document.querySelector('{approve}').disabled"), "it can be pressed without a reason"
    tab.type("#element_reason", "the tutorials were merged")
    tab.wait_for(f"!document.querySelector('{approve}').disabled")
    tab.picture(PICTURES / "approval-phone-form.png")
    assert tab.value(CUT_OFF) == [], "on a phone all of it can be read and pressed without scrolling sideways"
    tab.click(approve)
    states = site.end(RELEASE, release_run_id)
    assert set(states.values()) == {"success"}, site.log(RELEASE, release_run_id, "outcome")
    assert {len(site.world.moodle.groups(f"COMP{at:04}_26-27")) for at in range(COURSES)} == {1}
    [approval] = site.world.approvals()
    assert (approval["state"], approval["who"], approval["reason"]) == ("applied", "user", "the tutorials were merged")
    assert site.world.runs()[run_id]["accepted"] == 1
    tab.open(plan_at)
    tab.wait_for_text("Plan of 60 changes in 12 courses")


def test_b4_an_answer_by_the_api_about_another_plan_is_refused(site: Site) -> None:
    """Airflow takes it; the run ends red, nothing is written, and it is on record who sent it."""
    held, release_run_id = drop_and_ask(site, 0)
    writes = site.world.site.writing_calls()
    site.answer(release_run_id, APPROVE_ALL, reason="because", digest="0" * 64, courses=None)
    states = site.end(RELEASE, release_run_id)
    assert (states["approve"], states["apply"], states["outcome"]) == ("failed", "upstream_failed", "failed")
    assert "REFUSED: the answer is about plan '0000" in site.log(RELEASE, release_run_id, "approve")
    assert "REFUSED: the request is refused by user" in site.log(RELEASE, release_run_id, "outcome")
    assert site.world.site.writing_calls() == writes
    assert site.world.approvals()[-1]["state"] == "refused"
    assert held.request["digest"] == site.world.approvals()[-1]["digest"]


def test_b4_an_answer_by_the_api_without_a_form_is_refused(site: Site) -> None:
    """Airflow lets a script leave out the whole form."""
    _, release_run_id = drop_and_ask(site, 1)
    site.answer(release_run_id, APPROVE_ALL)
    assert site.end(RELEASE, release_run_id)["approve"] == "failed"
    assert site.world.approvals()[-1]["state"] == "refused"


def test_b4_an_answer_by_the_api_without_a_reason_is_refused(site: Site) -> None:
    """The plan is the right one, the courses are of it, and the reason is a blank."""
    held, release_run_id = drop_and_ask(site, 7)
    writes = site.world.site.writing_calls()
    site.answer(release_run_id, APPROVE_COURSES, reason=" ", digest=held.request["digest"], courses=[course(7)])
    states = site.end(RELEASE, release_run_id)
    assert (states["approve"], states["apply"]) == ("failed", "upstream_failed")
    assert "REFUSED: an answer needs a reason" in site.log(RELEASE, release_run_id, "approve")
    assert (site.world.site.writing_calls(), site.world.approvals()[-1]["state"]) == (writes, "refused")


def test_b4_some_courses_by_the_api_are_applied_and_the_rest_stays_held(site: Site) -> None:
    """The same checks let it through; what was not approved waits on, and the next run asks about it alone."""
    drop(site, 2)
    held, release_run_id = drop_and_ask(site, 3)
    waiting = {change[2] for change in held.held}
    assert {course(2), course(3)} < waiting, "what the tests before had refused is held still"
    given = {"reason": "half of it is right", "digest": held.request["digest"], "courses": [course(3)]}
    site.answer(release_run_id, APPROVE_COURSES, **given)
    assert set(site.end(RELEASE, release_run_id).values()) == {"success"}
    assert (len(site.world.moodle.groups(course(2))), len(site.world.moodle.groups(course(3)))) == (1, 0)
    approval = site.world.approvals()[-1]
    assert (approval["state"], json.loads(approval["courses"])) == ("applied", [course(3)])
    assert not site.world.runs()[held.run_id]["accepted"], "not all that it held was approved"
    later = site.world.sync(run_id=f"manual__{time.time_ns()}")
    assert {change[2] for change in later.held} == waiting - {course(3)}
    assert later.request["digest"] not in (held.request["digest"], approval["digest"])


def test_b5_a_request_that_nobody_answers_expires(site: Site) -> None:
    """It waits without a worker, looks again when its time is over, and an answer afterwards changes nothing."""
    site.world.configure(approval={"expires_hours": 0.01})
    held, release_run_id = drop_and_ask(site, 4)
    states = site.end(RELEASE, release_run_id)
    assert (states["approve"], states["apply"]) == ("failed", "upstream_failed")
    assert "EXPIRED: this request is expired (nobody answered until" in site.log(RELEASE, release_run_id, "approve")
    writes = site.world.site.writing_calls()
    site.answer(release_run_id, APPROVE_ALL, reason="late", digest=held.request["digest"], courses=None)
    time.sleep(5)
    assert site.states(RELEASE, release_run_id)["approve"] == "failed"
    assert (site.world.site.writing_calls(), site.world.approvals()[-1]["state"]) == (writes, "expired")
    site.world.configure(approval={"expires_hours": 20})


def test_b4_a_superseded_request_ends_by_itself(site: Site) -> None:
    """It looks every few minutes, here seconds, and waits on while it is open."""
    site.world.configure(approval={"look_every_minutes": 0.05})
    _, release_run_id = drop_and_ask(site, 5)
    until(lambda: looks(site, release_run_id) >= 3)
    assert site.world.approvals()[-1]["state"] == "open"
    drop(site, 6)
    later = site.world.sync(run_id=f"manual__{time.time_ns()}")
    assert not later.request["joined"]
    states = site.end(RELEASE, release_run_id)
    assert (states["approve"], states["apply"]) == ("failed", "upstream_failed")
    assert "SUPERSEDED: this request is superseded" in site.log(RELEASE, release_run_id, "approve")


def test_j3_what_was_deleted_is_brought_back_by_the_form(site: Site, tab: Browser) -> None:
    """A dry run first, as the form proposes; then in earnest, and the page of what came back."""
    gone = {at: set(site.world.moodle.groups(course(at))) for at in range(COURSES)}
    open_form(tab, site, RESTORE)
    tab.wait_for_text("The id of the run that is to be taken back")
    assert tab.value("document.querySelector('[data-testid=trigger-dag-submit]').disabled"), "it can be sent empty"
    tab.type("#element_run", site.world.approvals()[0]["release_run_id"])
    assert tab.value("document.querySelector('[name=element_dry_run]').checked")
    tab.picture(PICTURES / "restore-form.png")
    writes = site.world.site.writing_calls()
    tab.click("[data-testid=trigger-dag-submit]")
    until(lambda: len(site.runs(RESTORE)) == 1)
    [dry] = site.runs(RESTORE)
    states = site.end(RESTORE, dry["dag_run_id"])
    assert set(states.values()) == {"success"}, site.log(RESTORE, dry["dag_run_id"], "outcome")
    assert site.world.site.writing_calls() == writes
    run_id = site.run(RESTORE, {**dry["conf"], "dry_run": False})
    assert set(site.states(RESTORE, run_id).values()) == {"success"}, site.log(RESTORE, run_id, "outcome")
    for at in range(COURSES):
        groups = site.world.moodle.groups(course(at))
        assert set(groups) - gone[at] == {f"COMP{at:04}-TUT{group}" for group in range(1, GROUPS)}
        assert all(len(groups[f"COMP{at:04}-TUT{group}"].members) == 2 for group in range(1, GROUPS))
    for size, name in ((DESKTOP, "restored.png"), (PHONE, "restored-phone.png")):
        tab.resize(size)
        tab.open(f"{site.url}/groupsync/runs/{RESTORE}/{run_id}/restored.html")
        tab.wait_for_text("60 of 60 deleted groupings and groups are there")
        tab.picture(PICTURES / name)


def test_b4_a_restore_that_deletes_asks_in_its_own_run(site: Site) -> None:
    """To take the restore back is to delete the sixty groups again."""
    # Answered in the very second in which it looks, the scheduler of Airflow 3.3 takes the task for failed.
    site.world.configure(approval={"look_every_minutes": 5})
    site.world.deployment()  # leaves the settings as a file
    restoring = next(run for run in site.runs(RESTORE) if run["conf"]["dry_run"] is False)
    run_id = site.client.trigger(RESTORE, {"run": restoring["dag_run_id"], "dry_run": False})
    site.waits(run_id, RESTORE)
    asked = site.world.approvals()[-1]
    assert (asked["state"], asked["term"]) == ("open", "restores")
    site.answer(run_id, APPROVE_ALL, RESTORE, reason="it was right after all", digest=asked["digest"], courses=None)
    states = site.end(RESTORE, run_id)
    assert set(states.values()) == {"success"}, site.log(RESTORE, run_id, "outcome")
    assert all(f"COMP{at:04}-TUT5" not in site.world.moodle.groups(course(at)) for at in range(COURSES))
    assert site.world.approvals()[-1]["state"] == "applied"


def course(at: int) -> str:
    return f"COMP{at:04}_26-27"


def drop(site: Site, at: int) -> None:
    """The source drops the course's last group."""
    site.world.source.drop_group(course(at), f"COMP{at:04}-TUT0")


def drop_and_ask(site: Site, at: int) -> tuple[Outcome, str]:
    drop(site, at)
    return site.ask()


def looks(site: Site, release_run_id: str) -> int:
    """How often the waiting task has parked."""
    return site.log(RELEASE, release_run_id, "approve").count("Pausing task as AWAITING_INPUT")
