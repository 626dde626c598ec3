"""How `moodle_group_drift` runs the engine's look at each open term, and when it does.

Every Airflow component imports this file at start, so the engine is imported inside the task only.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


def drift_schedule() -> Any:
    """Each night at the calendar's ``drift``, by its clock; None where that is off, or the calendar is wrong: no import
    error, which would take the DAG away."""
    from airflow.sdk import CronTriggerTimetable
    from sync_steps import calendar_path

    try:
        from include.groupsync.calendar_settings import calendar_now

        calendar = calendar_now(calendar_path())
    except Exception as error:  # noqa: BLE001 - whatever it is, the DAG stays
        log.error("Nothing of moodle_group_drift is scheduled: %s", error)  # noqa: TRY400
        return None
    at = calendar.drift_at
    return at and CronTriggerTimetable(f"{at.minute} {at.hour} * * *", timezone=calendar.timezone)


def open_terms() -> list[str]:
    """The terms to be looked at; inside a task only."""
    from sync_steps import deployment_of_airflow, failing_the_task

    from include.groupsync.steps.drift import begin

    with failing_the_task():
        return begin(deployment_of_airflow(), _run_name(_context()))


def look_at_term(term: str) -> None:
    """The look at one of them; inside a task only."""
    from lineage import leave_events
    from sync_steps import deployment_of_airflow, failing_the_task

    from include.groupsync.steps.drift import Looking, look

    context = _context()
    with failing_the_task():
        deployment, run = deployment_of_airflow(), Looking(_run_name(context), term)
        look(deployment, run)
        leave_events("look", context, deployment, run)


def report_drift() -> None:
    """The page of all of them; inside a task only."""
    from sync_steps import deployment_of_airflow, failing_the_task

    from include.groupsync.steps.drift import report

    with failing_the_task():
        report(deployment_of_airflow(), _run_name(_context()))


def _context() -> Any:
    from airflow.sdk import get_current_context

    return get_current_context()


def _run_name(context: Any) -> str:
    from include.groupsync.model.run_path import run_name

    return run_name(context["dag_run"].dag_id, context["dag_run"].run_id)
