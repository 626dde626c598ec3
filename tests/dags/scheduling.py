"""What Airflow makes of the sync's timetable, by its own functions, in the process of probe.py.

``look`` is what the DAG processor does with a parsed file, ``tick`` what the scheduler does when a run is due, and
``backfill`` and ``trigger`` are the REST API's.  The timetable's clock is the test's; no task runs.
"""

import hashlib
import json
import os
from datetime import datetime
from typing import Any

from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.exceptions import InvalidPartitionKeyError, ParamValidationError
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.backfill import (
    Backfill,
    InvalidBackfillDateRange,
    NoBackfillRunsToCreate,
    ReprocessBehavior,
    _create_backfill,
    _do_dry_run,
)
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from sqlalchemy import delete, func, select, update

SYNC = "moodle_group_sync"


def answer(bag: DagBag, ask: str, calendar: str, now: str, **told: Any) -> dict[str, Any]:
    """One question, with the calendar's file and the time at which it is put."""
    import term_timetable

    os.environ["GROUPSYNC_CALENDAR"] = calendar
    term_timetable._now = lambda: datetime.fromisoformat(now)
    asked = {"forget": forget, "look": look, "tick": tick, "backfill": backfill, "trigger": trigger}[ask]
    return asked(bag, now=datetime.fromisoformat(now), **told)


def forget(bag: DagBag, **_: Any) -> dict[str, Any]:
    """As if the sync had never run."""
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == SYNC))
    return {}


def look(bag: DagBag, **_: Any) -> dict[str, Any]:
    """Parse the file anew and store what it says, as every half a minute; what is then known of the sync."""
    again = DagBag(dag_folder=bag.dags[SYNC].fileloc, bundle_name="dags-folder")
    sync_bag_to_db(again, "dags-folder", None)
    stored = json.dumps(DagSerialization.to_dict(again.dags[SYNC])["dag"]["timetable"], sort_keys=True)
    with create_session() as session:
        model = session.scalars(select(DagModel).where(DagModel.dag_id == SYNC)).one()
        return {
            "next": model.next_dagrun_create_after and model.next_dagrun_create_after.isoformat(),
            "term": model.next_dagrun_partition_key,
            "summary": model.timetable_summary,
            "description": model.timetable_description,
            "import_errors": sorted(again.import_errors),
            "stored": hashlib.sha256(stored.encode()).hexdigest(),
            "versions": session.scalar(select(func.count()).where(DagVersion.dag_id == SYNC)),
        }


def tick(bag: DagBag, now: datetime, **_: Any) -> dict[str, Any]:
    """The scheduler's look at what is due; what it starts ends at once.  All runs that there are, in their order."""
    with create_session() as session:
        model = session.scalars(select(DagModel).where(DagModel.dag_id == SYNC)).one()
        if model.next_dagrun_create_after and model.next_dagrun_create_after <= now:
            SchedulerJobRunner(job=Job())._create_dag_runs([model], session)
            session.flush()
        every = session.scalars(select(DagRun).where(DagRun.dag_id == SYNC).order_by(DagRun.id)).all()
        for run in every:
            run.state = DagRunState.SUCCESS
        model.exceeds_max_non_backfill = False
        return {"runs": [[run.run_type, run.partition_key, run.run_after.isoformat(), run.run_id] for run in every]}


def backfill(
    bag: DagBag, first: str, last: str, reprocess: str = "none", reverse: bool = False, **_: Any
) -> dict[str, Any]:
    """What a dry run announces and what then is made, or the refusal; both ends as Airflow has them, in UTC."""
    asked = {
        "dag_id": SYNC,
        "from_date": datetime.fromisoformat(first),
        "to_date": datetime.fromisoformat(last),
        "reverse": reverse,
        "reprocess_behavior": ReprocessBehavior(reprocess),
        "dag_run_conf": None,
    }
    with create_session() as session:
        try:
            announced = [info.partition_key for info in _do_dry_run(session=session, **asked)]
        except InvalidBackfillDateRange as refused:  # what the REST API's dry run knows
            return {"refused": str(refused)}
    try:
        made = _create_backfill(max_active_runs=3, triggering_user_name="ann", **asked)
    except NoBackfillRunsToCreate as refused:  # what the command line knows
        return {"refused": str(refused)}
    with create_session() as session:
        runs = session.scalars(select(DagRun).where(DagRun.backfill_id == made.id).order_by(DagRun.id)).all()
        # Or there could be no other: Airflow marks it so some time after its last run.
        session.execute(update(Backfill).values(completed_at=func.now()))
        return {"announced": announced, "made": [run.partition_key for run in runs]}


def trigger(bag: DagBag, term: str | None = None, conf: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
    """What is made of a partition key that somebody types, or of a form."""
    with create_session() as session:
        dag = session.scalars(SerializedDagModel.latest_item_select_object(SYNC)).one().dag
        body = TriggerDAGRunPostBody(logical_date=None, partition_key=term, conf=conf)
        try:
            dag.params.deep_merge(conf or {}).validate()
            made = body.validate_context(dag)
        except (InvalidPartitionKeyError, ParamValidationError) as refused:
            return {"refused": str(refused)}
        at = made["partition_date"]
        return {"partition_date": at and at.isoformat(), "run_id": made["run_id"]}
