"""Gather what a run has left for the impact assessment, and leave it as page, CSV and JSON."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.change import PLAN
from include.groupsync.model.frames import Schema, frame_of
from include.groupsync.model.ledger import LEDGER
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import DEPARTMENT
from include.groupsync.model.snapshot import SCHEMAS, USERS, Snapshot
from include.groupsync.report.impact import Traces, assess_impact, table_of
from include.groupsync.report.pages import as_csv, impact_page
from include.groupsync.state.history import creations
from include.groupsync.steps.run import Deployment, step_records


def leave_impact(deployment: Deployment, folder: RunFolder, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write impact.html, impact.csv and impact.json for a run that has a plan, whatever came of it."""
    # A run that only plans leaves outcomes that say nothing: what it would take is planned, not left undone.
    outcomes = None if about["mode"] == Mode.PLAN else _frame(folder, "outcomes")
    document = {**about, **assess_impact(_traces(deployment, folder, outcomes))}
    folder.save_json("impact", document)
    folder.save_text("impact.csv", as_csv(table_of(document)))
    folder.save_text("impact.html", impact_page(document))
    return document


def _traces(deployment: Deployment, folder: RunFolder, outcomes: pd.DataFrame | None) -> Traces:
    read = step_records(folder).get("read_moodle", {})
    return Traces(
        plan=folder.frame("plan"),
        held=_of(folder, "held", PLAN),
        outcomes=outcomes,
        snapshot=Snapshot(**{name: _of(folder, f"moodle/{name}", schema) for name, schema in SCHEMAS.items()}),
        users=_of(folder, "users", USERS),
        managed=_of(folder, "ledger/objects", LEDGER["objects"]),
        departments=_of(folder, "departments", DEPARTMENT),
        creations=_creations(deployment),
        uses=_frame(folder, "uses"),
        in_scope=read.get("courses"),
        in_moodle=read.get("courses_in_moodle"),
    )


def _creations(deployment: Deployment) -> pd.DataFrame | None:
    """None where the state database does not answer: the report of a run must not need it."""
    try:
        with deployment.state.connect() as link:
            return creations(link)
    except GroupsyncError:
        return None


def _frame(folder: RunFolder, name: str) -> pd.DataFrame | None:
    return folder.frame(name) if folder.has(f"{name}.parquet") else None


def _of(folder: RunFolder, name: str, schema: Schema) -> pd.DataFrame:
    found = _frame(folder, name)
    return frame_of([], schema) if found is None else found
