"""How a DAG's task runs one of the engine's steps: Airflow's connections and this run go in, errors come out.

Every Airflow component imports this file at start, so the engine is imported inside the task only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from include.groupsync.model.connection import DatabaseConnection, MoodleConnection
    from include.groupsync.steps import Deployment, Run

PROJECT = Path(__file__).resolve().parent.parent


@contextmanager
def failing_the_task() -> Iterator[None]:
    """An error that the engine raises on purpose fails the task at once with its message: repeating would not mend a
    wrong setting, and a write is never repeated blindly."""
    from airflow.sdk.exceptions import AirflowFailException

    from include.groupsync.errors import GroupsyncError

    try:
        yield
    except GroupsyncError as error:
        raise AirflowFailException(str(error)) from error


def run_step(name: str) -> None:
    """Run the step of that name for the current DAG run; inside a task only."""
    from airflow.sdk import get_current_context
    from lineage import leave_events

    from include.groupsync.steps import step

    with failing_the_task():
        context: Any = get_current_context()
        deployment = deployment_of_airflow()
        run = run_of(context, deployment)
        step(name)(deployment, run)
        _skip_as_told(name, deployment, run)
        leave_events(name, context, deployment, run)


def _skip_as_told(name: str, deployment: Deployment, run: Run) -> None:
    """A step that had nothing to do by order is *skipped* in Airflow too, so that the grid shows it."""
    from airflow.sdk.exceptions import AirflowSkipException

    from include.groupsync.steps.run import step_records

    if why := step_records(run.folder(deployment))[name].get("skipped"):
        raise AirflowSkipException(why)


def run_restore_step(name: str) -> None:
    """Run the restore's step of that name, with what the operator typed into the form; inside a task only."""
    from airflow.sdk import get_current_context
    from lineage import leave_events

    from include.groupsync.steps import RESTORE_STEPS, step

    with failing_the_task():
        context: Any = get_current_context()
        deployment, run = deployment_of_airflow(), restore_of(context)
        step(name, RESTORE_STEPS)(deployment, run)
        leave_events(name, context, deployment, run)


def restore_of(context: Any) -> Run:
    """This DAG run as the restore that its form asks for."""
    from include.groupsync.model.kind import Kind
    from include.groupsync.model.run_path import run_name
    from include.groupsync.steps.restore import FOLDER
    from include.groupsync.steps.run import Restoring

    dag_run, form = context["dag_run"], context["params"]
    courses = frozenset(one.strip() for one in (form["courses"] or "").splitlines() if one.strip())
    return Restoring(
        run_name(dag_run.dag_id, dag_run.run_id),
        FOLDER,
        undoes=form["run"].strip(),
        courses=courses or None,
        kinds=frozenset(map(Kind, form["kinds"])),
        dry_run=form["dry_run"],
        let_go=form["let_go"],
    )


def environment_names() -> list[str]:
    """What a form may propose: the environments of the settings, or none where they cannot be read."""
    return sorted({*_names(written_settings(), "environments"), "sandbox"})


def term_names() -> list[str]:
    """What a form may propose: the terms of the calendar, the latest first; none where it cannot be read."""
    return sorted(_names(_written(calendar_path()), "terms"), reverse=True)


def term_choice() -> dict[str, Any]:
    """What Airflow lets a person ask for as a term, or for none: it refuses another with the known ones.  Where the
    calendar cannot be read, whatever is asked for is refused by the run itself."""
    names = term_names()
    if not names:
        return {}
    return {"enum": [None, *names], "values_display": {"null": "the run's own, or the one that is running today"}}


def written_settings() -> dict[str, Any]:
    """The settings as they are written down, {} where they cannot be read."""
    return _written(settings_path())


def _names(written: dict[str, Any], section: str) -> set[str]:
    found = written.get(section)
    return {str(name) for name in found} if isinstance(found, dict) else set()


def _written(path: Path) -> dict[str, Any]:
    """Read whenever a DAG file is parsed: no more than the YAML, and nothing is judged."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def settings_path() -> Path:
    """Where the settings are."""
    return _path("GROUPSYNC_SETTINGS", PROJECT / "include" / "config" / "groupsync.yaml")


def calendar_path() -> Path:
    """Where the calendar is."""
    return _path("GROUPSYNC_CALENDAR", PROJECT / "include" / "config" / "terms.yaml")


def runs_root() -> Path:
    """Where the runs' folders are."""
    return _path("GROUPSYNC_RUNS", PROJECT / ".runs")


def run_page(context: Any) -> str:
    """The address of the current run's tab *Sync report*."""
    from airflow.sdk.configuration import conf

    dag_run = context["dag_run"]
    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return f"{base}/dags/{dag_run.dag_id}/runs/{quote(dag_run.run_id, safe='')}/plugin/sync-report"


def deployment_of_airflow() -> Deployment:
    """The deployment as this Airflow has it.

    GROUPSYNC_ENVIRONMENT names the environment and has no default: without it nothing can be written.
    GROUPSYNC_SETTINGS, GROUPSYNC_CALENDAR and GROUPSYNC_RUNS say where the settings, the calendar and the
    runs' folders are, if not in the project.
    """
    from release_requests import counter_of_airflow

    from include.groupsync.calendar_settings import load_calendar
    from include.groupsync.settings import load_settings
    from include.groupsync.steps import Deployment

    settings = load_settings(settings_path())
    conn_ids = {*settings.source_connections, settings.state_connection}
    return Deployment(
        environment=os.environ.get("GROUPSYNC_ENVIRONMENT", ""),
        settings=settings,
        calendar=load_calendar(calendar_path()),
        databases={conn_id: _database(conn_id) for conn_id in sorted(conn_ids)},
        moodle=_moodle(settings.moodle.connection),
        project_root=PROJECT,
        runs_root=runs_root(),
        now=lambda: datetime.now(UTC),
        counter=counter_of_airflow(),
    )


def run_of(context: Any, deployment: Deployment) -> Run:
    """This DAG run, for the term that is its partition, that of its form, or the one that is running today."""
    from sync_forms import extent_of, mode_of

    from include.groupsync.errors import SettingsError
    from include.groupsync.model.run_path import RELEASE_DAG, run_name
    from include.groupsync.steps import Run

    # The form's day is the run's, not the task's: a run that goes on past midnight stays in its term.
    started_on = deployment.calendar.day_of(context["dag_run"].run_after or deployment.now())
    partition, asked = context["dag_run"].partition_key, context["params"].get("term")
    if partition and asked and partition != asked:
        raise SettingsError(
            f"the run belongs to term {partition}, and its form says {asked}: start it anew, with one of them empty"
        )
    term = partition or asked or deployment.calendar.current(started_on)
    if term is None:
        raise SettingsError(
            f"no term is running on {started_on}: choose one in the trigger form, or correct the calendar"
            " in include/config/terms.yaml"
        )
    reclaim, reason = bool(context["params"].get("reclaim")), (context["params"].get("reason") or "").strip()
    if reclaim and not reason:
        raise SettingsError("reclaim makes later removals possible: say why in the trigger form's reason")
    dag_id, run_id = context["dag_run"].dag_id, context["dag_run"].run_id
    release = run_id if dag_id == RELEASE_DAG else None
    late = _too_late(context, deployment)
    chosen = "plan" if late else context["params"].get("mode")
    mode, chosen_by = mode_of(chosen, deployment, term, started_on)
    told_by = "as the run that asked" if release else "as it comes too late" if late else chosen_by
    # A release has been asked for; a run by the schedule shows what would be done, whatever it may do.
    by_person = release is None and context["dag_run"].run_type in ("manual", "backfill")
    return Run(
        run_name(dag_id, run_id), term, release, reclaim=reclaim, reason=reason, mode=mode, by_person=by_person,
        extent=extent_of(context["params"]), chosen_by=told_by,
    )  # fmt: skip


def _too_late(context: Any, deployment: Deployment) -> bool:
    """Whether it is a run of the schedule whose time is over, and that nobody has cleared: it writes nothing, as its
    term may have ended and its source be emptied since.  The one that is due comes beside it."""
    import logging

    from include.groupsync.model.schedule import too_late

    run = context["dag_run"]
    if run.run_type != "scheduled" or run.clear_number or deployment.calendar.schedule is None:
        return False
    late = too_late(deployment.calendar, run.run_after, run.start_date or deployment.now())
    if late:
        how = "This run was due at %s, and Airflow has made it only now: it shows what it would do and writes nothing"
        logging.getLogger(__name__).warning(how, run.run_after)
    return late


def _database(conn_id: str) -> DatabaseConnection:
    """A connection's SQLAlchemy URL, from its extra field ``url``; the password may stand in its own field."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from include.groupsync.errors import SettingsError
    from include.groupsync.model.connection import DatabaseConnection

    connection = _connection(conn_id)
    found = connection.extra_dejson.get("url")
    if not found:
        raise SettingsError(f"connection {conn_id}: its extra needs a SQLAlchemy URL as 'url'; README.md has examples")
    try:
        url = make_url(found)
    except ArgumentError:
        raise SettingsError(
            f"connection {conn_id}: 'url' in its extra is no SQLAlchemy URL; README.md has examples"
        ) from None
    if connection.password and not url.password:
        url = url.set(password=connection.password)
    return DatabaseConnection(conn_id, url.render_as_string(hide_password=False))


def _moodle(conn_id: str) -> MoodleConnection:
    """The site's address and token, from a connection of type ``http``."""
    from include.groupsync.errors import SettingsError
    from include.groupsync.model.connection import MoodleConnection

    connection = _connection(conn_id)
    if not connection.host or not connection.password:
        raise SettingsError(
            f"connection {conn_id}: host needs the site's address (https://...), password the web service's token"
        )
    host = connection.host if "://" in connection.host else f"{connection.schema or 'https'}://{connection.host}"
    port = f":{connection.port}" if connection.port else ""
    return MoodleConnection(conn_id, f"{host.rstrip('/')}{port}", connection.password)


def _connection(conn_id: str) -> Any:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.groupsync.errors import SettingsError

    try:
        return Connection.get(conn_id)
    except AirflowNotFoundException:
        raise SettingsError(
            f"connection {conn_id} is not defined: add it in Airflow under Admin, Connections"
        ) from None


def _path(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default)
