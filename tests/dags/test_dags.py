"""The DAG files as Airflow sees them, and what makes a run of them red."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.model.frames import rows
from include.groupsync.state.ledger import load_exceptions
from include.groupsync.steps import RELEASE_STEPS, RESTORE_STEPS, STEPS
from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.server import free_port
from tests.conftest import ROOT
from tests.dags.conftest import ARM, DRIFT, EXCEPTION, RELEASE, RESTORE, SWITCH, SYNC, TERM_STATE, Probe, connections
from tests.world import TERM1, World

pytestmark = [pytest.mark.slow, pytest.mark.alone]
# How the last tasks end where something is wrong: the run is as red as `outcome`, though the alert went out.
RED = {"outcome": "failed", "alert": "success", "succeeded": "upstream_failed"}


def one_after_the_other(steps: list[str]) -> dict[str, list[str]]:
    """Each task's upstream; the last two stand beside each other, so that neither hides the other or the outcome."""
    chain = {name: [before] if before else [] for name, before in zip(steps, [None, *steps], strict=False)}
    return {**chain, "alert": ["outcome"], "succeeded": ["outcome"]}


def upstream_of(seen: dict[str, Any], dag: str) -> dict[str, list[str]]:
    return {name: task["upstream"] for name, task in seen["dags"][dag]["tasks"].items()}


def test_every_dag_file_can_be_imported(seen: dict[str, Any]) -> None:
    assert seen["import_errors"] == {}
    assert SYNC in seen["dags"]


def test_every_dag_explains_itself(seen: dict[str, Any]) -> None:
    assert {name for name, dag in seen["dags"].items() if not (dag["doc_md"] or "").strip() or not dag["tags"]} == set()


def test_every_dags_runs_have_their_tab(seen: dict[str, Any]) -> None:
    """The plugin serves runs of our DAGs only, and knows them by how their names begin."""
    [named] = re.findall(r"^OUR_DAGS = (.*)$", (ROOT / "plugins" / "run_pages.py").read_text("utf-8"), re.MULTILINE)
    assert {name for name in seen["dags"] if not name.startswith(ast.literal_eval(named))} == set()


def test_every_dag_survives_being_stored(seen: dict[str, Any]) -> None:
    assert {name: dag["survives_storing"] for name, dag in seen["dags"].items()} == dict.fromkeys(seen["dags"], True)


def test_a5_only_a_killed_apply_is_repeated_by_itself(seen: dict[str, Any]) -> None:
    # What the engine raises on purpose is never repeated: sync_steps.run_step.
    retried = {(name, task) for name, dag in seen["dags"].items() for task, a in dag["tasks"].items() if a["retries"]}
    assert {one for one in retried if one[1] != "alert"} == {(SYNC, "apply"), (RESTORE, "apply")}


def test_no_task_may_run_for_ever(seen: dict[str, Any]) -> None:
    tasks = {(name, task): a["timeout"] for name, dag in seen["dags"].items() for task, a in dag["tasks"].items()}
    assert {task for task, timeout in tasks.items() if timeout is None} == set()


def test_the_sync_has_one_task_for_each_step_one_after_the_other(seen: dict[str, Any]) -> None:
    assert upstream_of(seen, SYNC) == one_after_the_other(list(STEPS))


def test_the_release_asks_first_and_then_has_the_same_steps(seen: dict[str, Any]) -> None:
    """Nothing of the plan is left out after an approval, and nobody is asked twice."""
    assert upstream_of(seen, RELEASE) == one_after_the_other(["approve", *RELEASE_STEPS])
    assert seen["dags"][RELEASE]["tasks"]["apply"]["pool"] == "moodle_writes"


@pytest.mark.parametrize(
    ("dag", "last"),
    [
        (SYNC, {"report", "request_release", "outcome", "alert"}),
        (RELEASE, {"report", "outcome", "alert"}),
        (RESTORE, {"report", "outcome", "alert"}),
    ],
)
def test_only_the_last_tasks_run_whatever_happened(seen: dict[str, Any], dag: str, last: set[str]) -> None:
    tasks = seen["dags"][dag]["tasks"]
    always = {name for name, task in tasks.items() if task["trigger_rule"] == "all_done"}
    assert always == last
    assert {task["trigger_rule"] for name, task in tasks.items() if name not in always} == {"all_success"}


def test_the_sync_runs_alone_and_asks_for_a_term(seen: dict[str, Any]) -> None:
    dag = seen["dags"][SYNC]
    assert dag["max_active_runs"] == 1
    assert "term" in dag["params"]
    assert dag["tasks"]["apply"]["pool"] == "moodle_writes"


def test_a_run_is_green_when_everything_was_applied(probe: Probe, world: World) -> None:
    run = probe.run(world)
    assert run["state"] == "success", probe.last_words
    assert set(run["tasks"].values()) == {"success"}
    assert world.moodle.members("C1") == {"G1": {"ann"}}


def test_a_failed_step_makes_the_run_red_although_the_report_is_written(probe: Probe, world: World) -> None:
    world.token = "0123456789abcdef0123456789abcdef"
    run = probe.run(world)
    assert run["state"] == "failed"
    assert run["tasks"] == {
        **dict.fromkeys(STEPS, "upstream_failed"),
        "check_identity": "failed",
        "report": "success",
        "request_release": "success",  # it looks, and has nothing to ask
        **RED,
    }
    assert len(list((world.folder / "runs").glob("*/*/report.html"))) == 1
    assert "does not know the token" in probe.log.read_text(encoding="utf-8")


def test_settings_that_are_wrong_make_the_run_red(probe: Probe, world: World) -> None:
    (world.folder / "wrong.yaml").write_text("mappings: none\ngruops: {}\n", encoding="utf-8")
    run = probe.run(world, GROUPSYNC_SETTINGS=str(world.folder / "wrong.yaml"))
    assert run["state"] == "failed"
    assert run["tasks"]["check_identity"] == "failed"
    assert "gruops: unknown key" in probe.log.read_text(encoding="utf-8")
    assert world.site.writing_calls() == 1, "nothing but the enrolment by hand"


def test_held_deletes_make_the_run_red_after_everything_else_was_applied(probe: Probe, world: World) -> None:
    """What is blocked is no question to a person: nothing is started."""
    assert probe.run(world)["state"] == "success"
    world.source.delete("remote_memberships")
    run = probe.run(world)
    assert run["state"] == "failed"
    assert run["tasks"] == {**dict.fromkeys(STEPS, "success"), **RED}
    assert run["waiting"] == {}
    assert "HELD: 1 deletes in 1 courses" in probe.log.read_text(encoding="utf-8")
    assert world.moodle.members("C1") == {"G1": {"ann"}}


def test_b4_a_run_that_holds_starts_a_run_that_asks_and_a_later_one_joins_it(probe: Probe, world: World) -> None:
    """One release run for both; the second has nothing to start, and says where the first asks."""
    assert probe.run(world)["state"] == "success"
    world.configure(breaker={"run_removals": {"count": 0}})
    world.source.drop_member("C1", "G1", "ann")
    world.source.members("C1", "G1", "nobody")
    first = probe.run(world)
    assert first["tasks"] == {**dict.fromkeys(STEPS, "success"), **RED}
    [(started, conf)] = first["waiting"].items()
    [asked] = world.approvals()
    assert started == f"{RELEASE} {asked['release_run_id']}"
    assert conf == {
        "term": TERM1, "run": first["run_id"], "digest": asked["digest"],
        "mode": "full", "reclaim": False, "reason": "", "courses": "", "modules": "", "departments": "", "kinds": [],
    }  # fmt: skip
    address = f"/dags/{RELEASE}/runs/{asked['release_run_id']}/tasks/approve/required_actions"
    assert f"HELD: 1 deletes in 1 courses, approve at http://127.0.0.1:{probe.port}{address}" in probe.words
    second = probe.run(world)
    assert second["tasks"] == {
        **dict.fromkeys(STEPS, "success"), "request_release": "skipped", **RED,
    }  # fmt: skip
    assert second["waiting"] == first["waiting"]
    assert f"Run {first['run_id']} has asked already" in probe.words


def test_o2_reclaim_needs_a_reason(probe: Probe, world: World) -> None:
    """Without one nothing is read; with one it is in the report, and what was found is held for a person."""
    world.by_hand.group("C1", "Group 1", "G1", members=["ann"])
    environment = connections(world)
    run = probe.ask(dag=SYNC, conf={"term": TERM1, "reclaim": True, "reason": " "}, environment=environment)
    assert (run["state"], run["tasks"]["check_identity"]) == ("failed", "failed")
    assert "say why in the trigger form's reason" in probe.log.read_text(encoding="utf-8")
    conf = {"term": TERM1, "reclaim": True, "reason": "the ledger was lost"}
    run = probe.ask(dag=SYNC, conf=conf, environment=environment)
    assert run["tasks"] == {**dict.fromkeys(STEPS, "success"), **RED}
    [report] = (world.folder / "runs").glob("*/*/report.json")
    document = json.loads(report.read_text(encoding="utf-8"))
    assert (document["reclaim"], document["plan"]["held"]["changes"]) == ("the ledger was lost", 1)


def test_b4_the_restore_asks_before_it_writes(seen: dict[str, Any]) -> None:
    dag = seen["dags"][RESTORE]
    names = list(RESTORE_STEPS)
    names.insert(names.index("apply"), "approve")
    assert upstream_of(seen, RESTORE) == one_after_the_other(names)
    assert dag["params"] == ["courses", "dry_run", "kinds", "let_go", "run"]
    assert (dag["max_active_runs"], dag["tasks"]["apply"]["pool"]) == (1, "moodle_writes")


def test_j3_a_run_is_taken_back_by_airflows_own_id_of_it(probe: Probe, world: World) -> None:
    """First as a dry run, as the form has it; the courses and kinds are those of the form."""
    run = probe.run(world)
    environment = connections(world)
    dry = probe.ask(dag=RESTORE, conf={"run": run["run_id"]}, environment=environment)
    assert set(dry["tasks"].values()) == {"success"}, probe.last_words
    assert world.moodle.members("C1") == {"G1": {"ann"}}
    wrong = probe.ask(dag=RESTORE, conf={"run": run["run_id"], "courses": "C9"}, environment=environment)
    assert (wrong["state"], wrong["tasks"]["read_moodle"]) == ("failed", "failed")
    assert "has written nothing in: C9" in probe.words
    conf = {"run": run["run_id"], "dry_run": False, "courses": " C1 \n", "kinds": ["membership"]}
    done = probe.ask(dag=RESTORE, conf=conf, environment=environment)
    assert set(done["tasks"].values()) == {"success"}, probe.last_words
    assert world.moodle.members("C1") == {"G1": set()}


def test_i2_the_arming_asks_for_address_environment_and_the_old_deployment(seen: dict[str, Any]) -> None:
    dag = seen["dags"][ARM]
    assert dag["params"] == ["environment", "old_deployment_id", "url"]
    assert {name: task["upstream"] for name, task in dag["tasks"].items()} == {"look": [], "write_marker": ["look"]}
    assert dag["max_active_runs"] == 1
    assert dag["tasks"]["write_marker"]["pool"] == "moodle_writes", "not while a sync writes"


def test_i2_an_armed_site_is_green_and_another_address_is_red(probe: Probe, world: World) -> None:
    world.edit_site("DELETE FROM mdl_groupings WHERE idnumber = 'groupsync-marker'")
    by_hand = world.site.writing_calls()
    refused = probe.arm(world, url="https://moodle.example.ac.uk", environment="sandbox")
    assert (refused["state"], refused["tasks"]) == ("failed", {"look": "success", "write_marker": "failed"})
    assert world.site.writing_calls() == by_hand
    assert "The address typed is https://moodle.example.ac.uk" in probe.log.read_text(encoding="utf-8")

    armed = probe.arm(world, url=world.url, environment="sandbox")
    assert armed["state"] == "success", probe.last_words
    assert world.site.writing_calls() == by_hand + 1
    assert world.moodle.groupings("groupsync-control")["groupsync-marker"].name == f"sandbox {world.deployment_id}"
    assert len(list((world.folder / "runs" / "arming").glob(f"{ARM}.*/report.html"))) == 2


def test_c2_the_form_for_a_terms_state_asks_for_term_state_and_reason(seen: dict[str, Any]) -> None:
    dag = seen["dags"][TERM_STATE]
    assert dag["params"] == ["reason", "state", "term"]
    [(name, one)] = dag["tasks"].items()
    assert (name, one["pool"]) == ("set_term_state", "default_pool"), "it waits for no run that writes"


def test_c2_a_frozen_terms_run_is_green_and_has_skipped_what_writes(probe: Probe, world: World) -> None:
    environment = connections(world)
    form = {"term": TERM1, "state": "frozen", "reason": "week six"}
    frozen = probe.ask(dag=TERM_STATE, conf=form, environment=environment)
    assert frozen["state"] == "success", probe.last_words
    assert f"Term {TERM1} was open, as nobody set it, and is frozen now." in probe.words
    assert len(list((world.folder / "runs" / "term-states").glob(f"{TERM_STATE}.*/report.html"))) == 1
    by_hand = world.site.writing_calls()
    run = probe.run(world, scheduled=True)
    done = dict.fromkeys([*STEPS, "alert", "succeeded"], "success")
    assert (run["state"], run["tasks"]) == ("success", {**done, "apply": "skipped", "verify": "skipped"})
    assert world.site.writing_calls() == by_hand
    assert f"term {TERM1} is frozen: nothing is written" in probe.words
    refused = probe.run(world)
    assert (refused["state"], refused["tasks"]["extract"], refused["tasks"]["read_moodle"]) == (
        "failed", "failed", "upstream_failed",
    )  # fmt: skip
    assert f"REFUSED: a run of term {TERM1} was started to write. The term is frozen since" in probe.words
    wrong = probe.ask(dag=TERM_STATE, conf={**form, "term": "2026-27-T9"}, environment=environment)
    assert (wrong["state"], "unknown term '2026-27-T9'; known: " in probe.words) == ("failed", True)


def test_c2_courses_are_switched_by_a_form(seen: dict[str, Any], probe: Probe, world: World) -> None:
    """Its one task waits for no run that writes; a course that no mapping has is red, and named."""
    dag = seen["dags"][SWITCH]
    assert dag["params"] == ["all_mapped", "courses", "reason", "switch", "term"]
    assert (dag["max_active_runs"], dag["tasks"]["set_course_switch"]["pool"]) == (1, "default_pool")
    form = {"term": TERM1, "courses": " C1 \n\n", "all_mapped": False, "switch": "off", "reason": "told to"}
    done = probe.ask(dag=SWITCH, conf=form, environment=connections(world))
    assert (done["state"], done["tasks"]) == ("success", {"set_course_switch": "success"}), probe.last_words
    assert f"Term {TERM1}, off: 1 of 1 courses changed. In 1 courses nothing is created" in probe.words
    every = probe.ask(
        dag=SWITCH,
        conf={**form, "courses": None, "all_mapped": True, "switch": "source"},
        environment=connections(world),
    )
    assert every["state"] == "success", probe.last_words
    refused = probe.ask(dag=SWITCH, conf={**form, "courses": "C1\nC9"}, environment=connections(world))
    assert (refused["state"], "has the course C9: type its key" in probe.words) == ("failed", True)
    assert len(list((world.folder / "runs" / "course-switches").glob(f"{SWITCH}.*/report.html"))) == 3


def test_m6_an_exception_is_set_by_form_and_the_log_does_not_say_of_whom(
    seen: dict[str, Any], probe: Probe, world: World
) -> None:
    """Its one task waits for no run that writes; what cannot be meant is red."""
    dag = seen["dags"][EXCEPTION]
    assert dag["params"] == ["course", "group", "person", "reason", "what"]
    assert (dag["max_active_runs"], dag["tasks"]["set_member_exception"]["pool"]) == (1, "default_pool")
    form = {"course": "C1", "group": "G1", "person": "zoe.4711", "what": "exclude", "reason": "asked for"}
    done = probe.ask(dag=EXCEPTION, conf=form, environment=connections(world))
    assert (done["state"], done["tasks"]) == ("success", {"set_member_exception": "success"}), probe.last_words
    assert "Course C1, group G1: exclude. Before: no exception. No run adds the person" in probe.words
    assert "The ledger has nothing of a course C1" in probe.words
    refused = probe.ask(dag=EXCEPTION, conf={**form, "reason": " "}, environment=connections(world))
    assert refused["state"] == "failed"
    assert "say why in the form" in probe.words
    assert "zoe.4711" not in probe.words
    assert len(list((world.folder / "runs" / "exceptions").glob(f"{EXCEPTION}.*/report.html"))) == 2
    with world.deployment().state.connect() as link:
        [held] = rows(load_exceptions(link))
    assert (held["user"], held["what"], held["reason"]) == ("zoe.4711", "exclude", "asked for")


def test_the_look_for_drift_has_a_task_a_term_and_is_green_whatever_it_finds(
    seen: dict[str, Any], probe: Probe, world: World
) -> None:
    """An event a term; it takes no slot from the run that is writing."""
    assert upstream_of(seen, DRIFT) == {
        "open_terms": [], "look_at_term": ["open_terms"], "report": ["look_at_term"], "alert": ["report"],
        "succeeded": ["report"],
    }  # fmt: skip
    tasks = seen["dags"][DRIFT]["tasks"]
    assert {name for name, task in tasks.items() if task["trigger_rule"] == "all_done"} == {"report", "alert"}
    assert (seen["dags"][DRIFT]["max_active_runs"], tasks["look_at_term"]["pool"]) == (1, "default_pool")
    assert probe.run(world)["state"] == "success", probe.last_words
    world.by_hand.remove_member("C1", "G1", "ann")
    by_hand = world.site.writing_calls()
    run = probe.ask(dag=DRIFT, conf={}, environment=connections(world))
    assert (run["state"], set(run["tasks"].values())) == ("success", {"success"}), probe.last_words
    assert world.site.writing_calls() == by_hand
    [page] = (world.folder / "runs" / "drift").glob(f"{DRIFT}.*/report.html")
    assert "no longer a member" in page.read_text("utf-8")
    assert run["assets"]["x-groupsync://drift"]["environment"] == "sandbox"
    world.token = "0123456789abcdef0123456789abcdef"
    world.configure(alerts={"channels": [{"mail": "nowhere", "to": ["team@example.ac.uk"]}]})
    failed = probe.ask(dag=DRIFT, conf={}, environment=connections(world))
    assert (failed["state"], failed["tasks"]) == (
        "failed",
        {
            "open_terms": "success", "look_at_term": "failed", "report": "failed", "alert": "failed",
            "succeeded": "upstream_failed",
        },
    )  # fmt: skip
    assert "FAILED: not looked at: " in probe.words
    assert "connection nowhere: an alert could not be sent" in probe.words


def test_the_look_for_drift_has_one_time_a_night_by_the_calendars_clock(tmp_path: Path) -> None:
    """Both times that clocks change too; off, or in a calendar that is wrong, there is none, and the DAG stays."""
    calendar = yaml.safe_load((ROOT / "include/config/terms.yaml").read_text("utf-8"))
    written = {"off": {}, "on": {"drift": "01:30"}, "wrong": {"drift": "half past one"}}
    for name, more in written.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(calendar | more), encoding="utf-8")
    environment = airflow_environment(ROOT, tmp_path, free_port(0))
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'plugins'}"
    told = subprocess.run(
        [sys.executable, "-c", _NIGHTS, str(tmp_path)], env=environment, text=True, capture_output=True, check=True
    )
    assert told.stdout.splitlines()[-3:] == [
        "None None",
        "2026-10-24T00:30 2026-10-25T01:30 2026-10-26T01:30",
        "2027-03-27T01:30 2027-03-28T01:30 2027-03-29T00:30",
    ]


_NIGHTS = """
import os, sys
import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from drift_steps import drift_schedule

def schedule(name):
    os.environ["GROUPSYNC_CALENDAR"] = f"{sys.argv[1]}/{name}.yaml"
    return drift_schedule()

print(schedule("off"), schedule("wrong"))
given = schedule("on")
nightly = CronTriggerTimetable(given.expression, timezone=given.timezone)
for since in ("2026-10-23T12:00", "2027-03-26T12:00"):
    last, found = None, []
    for _ in range(3):
        restriction = TimeRestriction(earliest=pendulum.parse(since), latest=None, catchup=True)
        info = nightly.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        last = info.data_interval
        found.append(info.run_after.isoformat()[:16])
    print(*found)
"""
