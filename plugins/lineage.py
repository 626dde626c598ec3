"""Sources, plan and Moodle as Airflow's assets: which a task has, and what its events say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from include.groupsync.steps import Deployment, Run


def source_assets() -> list[Asset]:
    """Of `extract`: what the settings say is read.  Whenever a DAG file is parsed: nothing is judged."""
    from airflow.sdk import Asset
    from sync_steps import written_settings

    from include.groupsync.model.lineage import sources

    return [Asset(name=uri.removeprefix("x-groupsync://"), uri=uri) for uri in sources(written_settings())]


def plan_asset() -> Asset:
    """Of `circuit_breaker`."""
    from airflow.sdk import Asset

    from include.groupsync.model.lineage import PLAN

    return Asset(name="groupsync plan", uri=PLAN)


def moodle_asset() -> Asset:
    """Of `apply`."""
    from airflow.sdk import Asset

    from include.groupsync.model.lineage import MOODLE

    return Asset(name="groupsync moodle", uri=MOODLE)


def drift_asset() -> Asset:
    """Of `look_at_term`: an event a term."""
    from airflow.sdk import Asset

    from include.groupsync.model.lineage import DRIFT

    return Asset(name="groupsync drift", uri=DRIFT)


def leave_events(step: str, context: Any, deployment: Deployment, run: Run) -> None:
    """Say of each of the task's assets what this run has to do with it; inside a task only.

    Each event has the run's term as its partition, also where somebody started the run without one: Airflow tells a DAG
    that is scheduled by an asset either of events with a partition or of those without.
    """
    from sync_steps import run_page

    from include.groupsync.steps.lineage import events_of

    outlets = context["task"].outlets
    events = events_of(step, deployment, run, run_page(context)) if outlets else {}
    for asset in outlets:
        if asset.uri in events:  # the settings may have changed since the DAG file was parsed
            context["outlet_events"][asset].extra = events[asset.uri]
            context["outlet_events"][asset].add_partitions(events[asset.uri]["term"])
