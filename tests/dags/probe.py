"""Airflow in a process and a home of its own: says what it sees of the DAG files, and runs a DAG when told to.

Importing Airflow fixes its home and its logging for the whole process, which is no business of other tests.
One line of JSON comes in, ``{}``, ``{"dag": ..., "conf": ..., "environment": ...}`` (and ``"scheduled": true``),
``{"send": ..., "environment": ...}``, or what scheduling.py answers; one goes out.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what Airflow prints is no answer

from airflow.utils.db import initdb  # noqa: E402

initdb()

from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: E402
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db  # noqa: E402
from airflow.models.asset import AssetEvent  # noqa: E402
from airflow.models.dagrun import DagRun  # noqa: E402
from airflow.models.pool import Pool  # noqa: E402
from airflow.serialization.serialized_objects import DagSerialization  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from airflow.utils.types import DagRunType  # noqa: E402
from sqlalchemy import event, select  # noqa: E402

from tests.dags import scheduling  # noqa: E402


def seen(bag: DagBag) -> dict[str, Any]:
    """The DAG files, as data."""
    return {
        "import_errors": {Path(path).name: text for path, text in bag.import_errors.items()},
        "dags": {dag_id: _dag(dag) for dag_id, dag in bag.dags.items()},
    }


def _dag(dag: Any) -> dict[str, Any]:
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    return {
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "max_active_runs": dag.max_active_runs,
        "params": sorted(dag.params),
        "survives_storing": _shape(again) == _shape(dag),
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "trigger_rule": _word(task.trigger_rule),
                "retries": task.retries,
                "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
                "pool": task.pool,
                "assets": sorted(asset.uri for asset in task.outlets),
            }
            for task in dag.tasks
        },
    }


def _shape(dag: Any) -> Any:
    """What the scheduler goes by; it sees the stored DAG only."""
    tasks = {
        (name, tuple(sorted(task.upstream_task_ids)), _word(task.trigger_rule), task.retries, task.pool)
        for name, task in dag.task_dict.items()
    }
    return dag.dag_id, sorted(dag.params), type(dag.timetable).__name__, dag.max_active_runs, tasks


def _word(rule: Any) -> str:
    return str(getattr(rule, "value", rule))


def run(
    bag: DagBag, dag: str, conf: dict[str, Any], environment: dict[str, str], *, scheduled: bool = False
) -> dict[str, Any]:
    """One run of the DAG in this process, and how it ended; nobody waits for a second try.

    Airflow takes such a run for one that a person started, unless it is to be a ``scheduled`` one.
    """
    os.environ.update(environment)
    with at_once(bag.dags[dag]), by_the_schedule() if scheduled else nullcontext():
        done = bag.dags[dag].test(run_conf=conf)
    tasks = {task.task_id: str(task.state) for task in done.get_task_instances()}
    return {
        "run_id": done.run_id,
        "state": str(done.state),
        "tasks": tasks,
        "waiting": waiting(done.dag_id),
        "assets": assets(done.run_id),
    }


@contextmanager
def by_the_schedule() -> Iterator[None]:
    """Runs that are stored meanwhile are the scheduler's."""

    def scheduled(_mapper: Any, _link: Any, run: DagRun) -> None:
        run.run_type = DagRunType.SCHEDULED

    event.listen(DagRun, "before_insert", scheduled)
    try:
        yield
    finally:
        event.remove(DagRun, "before_insert", scheduled)


@contextmanager
def at_once(dag: Any) -> Iterator[None]:
    """The DAG without repeats."""
    retries = {task.task_id: task.retries for task in dag.tasks}
    for task in dag.tasks:
        task.retries = 0
    try:
        yield
    finally:
        for task in dag.tasks:
            task.retries = retries[task.task_id]


def assets(run_id: str) -> dict[str, Any]:
    """What the run's events say, by the asset's address; only of assets that Airflow shows."""
    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id))
        return {event.asset.uri: event.extra for event in events if event.asset.active}


def send(channel: dict[str, Any], message: dict[str, str], environment: dict[str, str]) -> dict[str, str]:
    """One message over one channel, by the very function of the task; the error for each recipient, if any."""
    import run_alerts

    from include.groupsync.alert_settings import Channel
    from include.groupsync.errors import AlertError
    from include.groupsync.report.alert import Message

    os.environ.update(environment)
    errors = {}
    made = Channel(**channel)
    for recipient in made.recipients:
        try:
            run_alerts.send(made, recipient, Message(**message))
        except AlertError as error:
            errors[recipient] = str(error)
    return errors


def waiting(dag_id: str) -> dict[str, Any]:
    """The runs of other DAGs that were started meanwhile, with what they were given."""
    with create_session() as session:
        others = session.scalars(select(DagRun).where(DagRun.dag_id != dag_id))
        return {f"{other.dag_id} {other.run_id}": other.conf for other in others}


def main() -> None:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"], bundle_name="dags-folder")
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    Pool.create_or_update_pool("moodle_writes", slots=1, description="", include_deferred=False)
    for line in sys.stdin:
        told = json.loads(line)
        if "send" in told:
            answer: dict[str, Any] = send(**told["send"], environment=told["environment"])
        elif "ask" in told:
            answer = scheduling.answer(bag, **told)
        else:
            answer = run(bag, **told) if told else seen(bag)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
