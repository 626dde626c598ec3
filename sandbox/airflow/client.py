"""The little of Airflow's REST API that it takes to run a DAG and to watch it.

A refused call raises `requests.HTTPError` with Airflow's own explanation.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

FINISHED = frozenset({"success", "failed"})
ENDED = FINISHED | {"skipped", "upstream_failed", "removed"}


@dataclass(frozen=True)
class TaskState:
    """One task instance at one moment; `state` is None until the scheduler has looked at it."""

    task_id: str
    map_index: int
    try_number: int
    state: str | None
    seconds: float | None

    @property
    def name(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id} [{self.map_index}]"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


class AirflowClient:
    """One user's session."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy has no business on the loopback
        token = self._call("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def find_dag(self, dag_id: str) -> dict[str, Any] | None:
        """None until the DAG processor has read its file."""
        found = self._call("GET", f"/api/v2/dags?dag_id_pattern={dag_id}")["dags"]
        return next((dag for dag in found if dag["dag_id"] == dag_id), None)

    def import_errors(self) -> list[str]:
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run now; its run id."""
        run = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def fail_unfinished_runs(self, dag_id: str) -> None:
        """For runs whose tasks were killed with Airflow: it would wait minutes for their heartbeat."""
        if self.find_dag(dag_id) is None:
            return
        address = f"/api/v2/dags/{dag_id}/dagRuns?state=running&state=queued&limit=100"
        deadline = time.monotonic() + 60
        while unfinished := self._call("GET", address)["dag_runs"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(unfinished)} runs of {dag_id} could not be marked as failed in a minute")
            for run in unfinished:
                self._call("PATCH", self._run(dag_id, run["dag_run_id"]), {"state": "failed"})
            time.sleep(1)  # the scheduler may be starting one at this moment, and then calls it running again

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self._call("GET", self._run(dag_id, run_id))["state"])

    def task_states(self, dag_id: str, run_id: str) -> list[TaskState]:
        found = self._call("GET", f"{self._run(dag_id, run_id)}/taskInstances?limit=1000")["task_instances"]
        return [
            TaskState(one["task_id"], one["map_index"], one["try_number"], one["state"], one["duration"])
            for one in found
        ]

    def follow(self, dag_id: str, run_id: str, seconds: float, pause: float = 0.5) -> Iterator[TaskState]:
        """Every change of a task's state until the run is finished; TimeoutError after `seconds`."""
        seen: dict[str, str | None] = {}
        deadline = time.monotonic() + seconds
        finished = False
        while not finished:
            # Asked before the tasks: what they did last is then still shown.
            finished = self.run_state(dag_id, run_id) in FINISHED
            for task in self.task_states(dag_id, run_id):
                if seen.get(task.name) != task.state:
                    seen[task.name] = task.state
                    yield task
            if not finished:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{dag_id} {run_id} was not finished after {seconds:.0f} s")
                time.sleep(pause)

    def log(self, dag_id: str, run_id: str, task: TaskState) -> str:
        """What the task's last try wrote, one event a line, without Airflow's structure around it."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{task.task_id}/logs/{task.try_number}"
        events = self._call("GET", f"{path}?map_index={task.map_index}")["content"]
        return "\n".join(_plain(event) for event in events)

    def _run(self, dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.session.request(method, self.url + path, json=body, timeout=(5, 60))
        if not response.ok:
            message = f"{method} {path}: {response.status_code} {response.text[:500]}"
            raise requests.HTTPError(message, response=response)
        answer: dict[str, Any] = response.json()
        return answer


def _plain(event: str | dict[str, Any]) -> str:
    if isinstance(event, str):
        return event
    lines = [str(event.get("event", ""))]
    for error in event.get("error_detail") or ():
        lines.append(f"{error.get('exc_type')}: {error.get('exc_value')}")
    return "\n".join(lines)
