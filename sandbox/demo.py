"""The whole sync on one machine: a sample university, a Moodle stand-in, Airflow, and one run of the DAG.

    python -m sandbox.demo start [--once]      what `make demo [ONCE=1]` calls
    python -m sandbox.demo stop                what `make stop` calls

Everything it makes is below `.sandbox`, `.airflow` and `.runs`; everything it starts listens on the loopback.
"""

import argparse
import json
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from sandbox.airflow import server
from sandbox.airflow.background import Background, wait_until
from sandbox.airflow.client import AirflowClient
from sandbox.airflow.environment import LOOPBACK, airflow_environment
from sandbox.airflow.run import DagNotReady, run_dag

PROJECT = Path(__file__).resolve().parent.parent
DAG_ID = "moodle_group_sync"
TERM = "2026-27-T1"  # the current term of the sample's timetable
SIZE = "small"
TOKEN = "sandbox-token-0123456789abcdef"  # the one in airflow_settings.yaml
AIRFLOW_PORT = 8080
MOODLE_PORT = 8091
STANDIN = "moodle-stand-in"
RUN_SECONDS = 900.0
CONTROL_COURSE = {
    "shortname": "groupsync-control",
    "idnumber": "groupsync-control",
    "fullname": "Control course of the group sync",
    "visible": 0,
}


class DemoFailed(Exception):
    """Something did not come up; says what, and where to look."""


PROBLEMS = (DemoFailed, DagNotReady, server.AirflowDidNotStart, requests.RequestException, TimeoutError)


@dataclass(frozen=True)
class Sandbox:
    """Where the demo keeps its state, and the ports it listens on."""

    home: Path
    airflow_port: int
    moodle_port: int

    @classmethod
    def at(cls, home: Path) -> "Sandbox":
        """The ports of what runs already, else the usual ones, else free ones."""
        recorded = home / ".sandbox" / "ports.json"
        background = Background(home / ".sandbox" / "processes")
        if recorded.exists() and any(map(background.is_running, background.names())):
            return cls(home, **json.loads(recorded.read_text()))
        ports = {
            "airflow_port": server.free_port(AIRFLOW_PORT),
            "moodle_port": server.free_port(MOODLE_PORT),
        }
        recorded.parent.mkdir(parents=True, exist_ok=True)
        recorded.write_text(json.dumps(ports))
        for name, usual in (("airflow_port", AIRFLOW_PORT), ("moodle_port", MOODLE_PORT)):
            if ports[name] != usual:
                print(f"port {usual} is taken; used instead: {ports[name]}")
        return cls(home, **ports)

    @property
    def folder(self) -> Path:
        return self.home / ".sandbox"

    @property
    def background(self) -> Background:
        return Background(self.folder / "processes")

    @property
    def moodle_file(self) -> Path:
        return self.folder / "moodle.db"

    @property
    def source_url(self) -> str:
        return f"sqlite:///{self.folder / 'university.db'}"

    @property
    def state_url(self) -> str:
        return f"sqlite:///{self.folder / 'state.db'}"

    @property
    def airflow_url(self) -> str:
        return f"http://{LOOPBACK}:{self.airflow_port}"

    @property
    def moodle_url(self) -> str:
        return f"http://{LOOPBACK}:{self.moodle_port}"

    @property
    def environment(self) -> dict[str, str]:
        return airflow_environment(PROJECT, self.home, self.airflow_port)


# --- making the sample


def make_sample(sandbox: Sandbox) -> None:
    """The source database and an armed, empty Moodle, unless they are there; half made, made again."""
    if (sandbox.folder / "made").exists():
        return
    # Imported here: stopping needs none of it, and it takes a second.
    import pandas as pd

    from include.groupsync.state.database import initialise
    from sandbox import moodle, university

    for file in ("university.db", "moodle.db", "state.db"):
        (sandbox.folder / file).unlink(missing_ok=True)
    sample = university.generate(SIZE, seed=1)
    university.write(sample, sandbox.source_url)
    moodle.create_site(sandbox.moodle_file, token=TOKEN)
    courses = pd.concat([pd.DataFrame([CONTROL_COURSE]), sample.courses], ignore_index=True)
    moodle.load(sandbox.moodle_file, courses=courses, users=sample.users, enrolments=sample.enrolments)
    arm(sandbox.moodle_file, initialise(sandbox.state_url, "sandbox"))
    (sandbox.folder / "made").touch()


def arm(moodle_file: Path, deployment_id: str) -> None:
    """Write the marker that lets this deployment, and no other, write to the stand-in (rule I2)."""
    now = int(time.time())
    with sqlite3.connect(moodle_file) as connection:
        connection.execute(
            "INSERT INTO mdl_groupings"
            " (courseid, name, idnumber, description, descriptionformat, timecreated, timemodified)"
            " SELECT id, ?, 'groupsync-marker', '', 1, ?, ? FROM mdl_course WHERE idnumber = ?",
            (f"sandbox {deployment_id}", now, now, CONTROL_COURSE["idnumber"]),
        )
    connection.close()


# --- starting


def start_standin(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "sandbox.moodle", "serve", "--database", str(sandbox.moodle_file)]
    command += ["--host", LOOPBACK, "--port", str(sandbox.moodle_port)]
    sandbox.background.start(STANDIN, command, sandbox.environment, PROJECT)

    def answers() -> bool:
        try:
            return requests.get(f"{sandbox.moodle_url}/standin/calls", timeout=5).ok
        except requests.RequestException:
            return False

    if not wait_until(lambda: answers() or not sandbox.background.is_running(STANDIN), 30) or not answers():
        raise DemoFailed(f"the Moodle stand-in did not start:\n{sandbox.background.last_lines(STANDIN)}")


def start_airflow(sandbox: Sandbox) -> AirflowClient:
    """Airflow, with the project's connections led to this sandbox's files and its stand-in's port."""
    text = (PROJECT / "airflow_settings.yaml").read_text(encoding="utf-8")
    text = text.replace(f"http://{LOOPBACK}:{MOODLE_PORT}", sandbox.moodle_url)
    text = text.replace("sqlite:///.sandbox/", f"sqlite:///{sandbox.folder}/")
    settings = sandbox.folder / "airflow_settings.yaml"
    settings.write_text(text, encoding="utf-8")
    was_running = server.bring_up(sandbox.background, sandbox.environment, PROJECT, settings)
    client = AirflowClient(sandbox.airflow_url, "admin", "admin")
    if not was_running:
        client.fail_unfinished_runs(DAG_ID)  # of a demo that was stopped half way
    return client


# --- what came of it


def count_writes(sandbox: Sandbox) -> int:
    """Calls that wrote to the stand-in since the count was last set to zero, counted by the stand-in."""
    calls = requests.get(f"{sandbox.moodle_url}/standin/calls", timeout=30).json()
    return sum(function["calls"] for function in calls.values() if function["writes"])


def read_report(home: Path, run_id: str) -> dict[str, Any] | None:
    from include.groupsync.model.run_path import find_run_folder

    folder = find_run_folder(home / ".runs", run_id)
    if folder is None or not (folder / "report.json").exists():
        return None
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def report_lines(report: dict[str, Any] | None) -> list[str]:
    """What a newcomer wants to know of the report; the page in Airflow has all of it."""
    if report is None:
        return ["  none was written"]
    observations = report.get("verdict", {}).get("observations", [])
    shown = {
        "courses": report.get("courses"),
        "planned": report.get("plan", {}).get("counts"),
        "applied": report.get("applied") or "nothing",
        "trips of the circuit breaker": [one["text"] for one in observations if one["tripped"]] or "none",
        "source rows not applied": report.get("findings", {}).get("counts") or "none",
    }
    return as_lines({title: part for title, part in shown.items() if part})


def as_lines(value: dict[str, Any], indent: str = "  ") -> list[str]:
    """Nested JSON as a person reads it: one line for what has no parts of its own, the rest indented."""
    lines: list[str] = []
    for name, part in value.items():
        if isinstance(part, list):
            lines += [f"{indent}{name}:", *(f"{indent}  {one}" for one in part)]
        elif isinstance(part, dict) and any(isinstance(one, dict) for one in part.values()):
            lines += [f"{indent}{name}:", *as_lines(part, indent + "  ")]
        elif isinstance(part, dict):
            lines.append(f"{indent}{name}: {', '.join(f'{one} {number}' for one, number in part.items())}")
        else:
            lines.append(f"{indent}{name}: {part}")
    return lines


def check(sandbox: Sandbox) -> list[str]:
    """Where Moodle is not what the source asks for, by a comparison that shares no code with the sync."""
    from sandbox.check import TERMS, differences

    return differences(sandbox.source_url, sandbox.moodle_file, TERMS[TERM])


# --- the commands


def start(home: Path, *, once: bool) -> int:
    """0 if the run succeeded and Moodle is what the source asks for; with `once` nothing is left running."""
    sandbox = Sandbox.at(home)
    try:
        client = bring_up(sandbox)
        requests.post(f"{sandbox.moodle_url}/standin/calls/reset", timeout=30).raise_for_status()
        run_id, state = run_dag(client, DAG_ID, {"term": TERM}, RUN_SECONDS)
        found = show_result(sandbox, run_id, state)
        if state == "success":
            let_teachers_in(sandbox)
        if not once:
            say_where_to_look(sandbox, run_id)
        return 0 if state == "success" and not found else 1
    except PROBLEMS as problem:
        print(f"\ndemo failed: {problem}\nlogs: {sandbox.background.folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted" if once else "\ninterrupted; what runs goes on until: make stop", file=sys.stderr)
        return 130
    finally:
        if once:
            stop(home)


def bring_up(sandbox: Sandbox) -> AirflowClient:
    """Everything there and answering."""
    began = time.monotonic()
    print("starting: sample university, Moodle stand-in, Airflow", flush=True)
    with ThreadPoolExecutor() as pool:
        airflow = pool.submit(start_airflow, sandbox)  # beside the sample: each takes one core for some seconds
        make_sample(sandbox)
        start_standin(sandbox)
        client = airflow.result()
    print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
    return client


def show_result(sandbox: Sandbox, run_id: str, state: str) -> list[str]:
    """Print the report, and what the two sides say that took no part in the run; the differences."""
    report = report_lines(read_report(sandbox.home, run_id))
    found = check(sandbox)
    print("\n".join(["", "report", *report, ""]))
    print(f"the run ended as: {state}")
    print(f"calls that wrote to Moodle: {count_writes(sandbox)}")
    print(f"Moodle compared with the source: {len(found) or 'no'} differences")
    print("".join(f"  {line}\n" for line in found[:20]), end="", flush=True)
    return found


def let_teachers_in(sandbox: Sandbox) -> None:
    """Activities that use groups, once there are groups to use: a later run that deletes those will see it."""
    from sandbox.teachers import use_groups

    if courses := use_groups(sandbox.moodle_file):
        print(f"teachers made activities for their groups in {courses} courses")


def say_where_to_look(sandbox: Sandbox, run_id: str) -> None:
    run = quote(run_id, safe="")
    print(f"""
Airflow   {sandbox.airflow_url}   user admin, password admin (or viewer, viewer: may look, not run)
the run   {sandbox.airflow_url}/dags/{DAG_ID}/runs/{run}/plugin/sync-report
Moodle    {sandbox.moodle_url}/   courses, groupings, groups and members
again     make demo      stop      make stop      remove all      make clean""")


def stop(home: Path) -> None:
    stopped = Background(home / ".sandbox" / "processes").stop()
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing is running")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("command", choices=["start", "stop"])
    parser.add_argument("--once", action="store_true", help="end by itself and stop everything")
    parser.add_argument("--home", type=Path, default=PROJECT, help="where the state is kept")
    options = parser.parse_args(arguments)
    # Stopped by a signal it must still stop what it has started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if options.command == "stop":
        stop(options.home)
        return 0
    return start(options.home.resolve(), once=options.once)


if __name__ == "__main__":
    sys.exit(main())
