"""One run of a DAG, watched from a terminal: a line for each task as it ends, and the log of what failed."""

import sys
from typing import Any

from sandbox.airflow.background import wait_until
from sandbox.airflow.client import AirflowClient, TaskState

READ_SECONDS = 60.0
LOG_LINES = 25


class DagNotReady(Exception):
    """Airflow has not found the DAG, or cannot import a file; with its own message."""


def run_dag(client: AirflowClient, dag_id: str, conf: dict[str, Any], seconds: float) -> tuple[str, str]:
    """Trigger the DAG and watch it to its end: run id and final state. TimeoutError after `seconds`."""
    wait_for_dag(client, dag_id)
    client.unpause(dag_id)
    run_id = client.trigger(dag_id, conf)
    print(f"{dag_id} {conf}: {run_id}", flush=True)
    for task in client.follow(dag_id, run_id, seconds):
        show_progress(task)
    for task in client.task_states(dag_id, run_id):
        if task.state == "failed":
            print(f"\n--- the log of {task.name} ends so:")
            print("\n".join(client.log(dag_id, run_id, task).splitlines()[-LOG_LINES:]))
    return run_id, client.run_state(dag_id, run_id)


def wait_for_dag(client: AirflowClient, dag_id: str) -> None:
    wait_until(lambda: client.find_dag(dag_id) is not None or bool(client.import_errors()), READ_SECONDS)
    if errors := client.import_errors():
        raise DagNotReady("a DAG file cannot be imported:\n" + "\n".join(errors))
    if client.find_dag(dag_id) is None:
        raise DagNotReady(f"after {READ_SECONDS:.0f} s Airflow has found no DAG {dag_id} in its DAGs folder")


def show_progress(task: TaskState) -> None:
    """A line for each task that has ended; on a terminal also which one is at work now."""
    if task.state == "running" and sys.stdout.isatty():
        print(f"  {task.name:<24} ...", end="\r", flush=True)
    elif task.has_ended:
        seconds = f"{task.seconds:6.1f} s" if task.seconds is not None else ""
        print(f"  {task.name:<24} {task.state:<16} {seconds}", flush=True)
