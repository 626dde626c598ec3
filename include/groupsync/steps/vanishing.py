"""What the source lists no more and may stay for now: ``on_vanish`` and ``vanish_grace_runs``.

It looks at the deletes of a whole plan, before anybody judges it: what stays leaves the plan, with all that could
only happen after it, such as the rename of another object to its name.
"""

from typing import Any

import pandas as pd

from include.groupsync.breaker.split import with_dependents
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Action
from include.groupsync.model.ledger import VANISHING
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.state import ledger
from include.groupsync.steps.run import Deployment, Run

# The rules that delete what vanished, and the table that it vanished from; not those of links that move (L2) or of
# people whom somebody excluded (M6).
_VANISHED = {"G7": "groupings", "P7": "groups", "M5": "memberships"}


def without_what_stays(deployment: Deployment, run: Run, folder: RunFolder, plan: Plan) -> Plan:
    """The plan without the deletes of what stays; says in the findings what does, and counts for the next run.

    The count is written with the ledger's rows when the plan is applied: a run that is not complete counts nothing.
    """
    settings = deployment.settings
    grace = settings.vanish_grace_runs
    kept = {
        name for name in _VANISHED.values() if getattr(settings, name) and getattr(settings, name).on_vanish == "keep"
    }
    missed: list[dict[str, Any]] = []
    findings: list[Finding] = []
    stays = pd.Series(False, index=plan.frame.index)
    if grace or kept:
        with deployment.state.connect() as link:
            before = {_key(row): row["runs"] for row in rows(ledger.load_vanishing(link, run.term_key))}
        for at, row in _vanished(plan, folder):
            dataset, one = _VANISHED[row["rule"]], _counted(row)
            # A release goes on with what a run has counted already; one for a part is not complete.
            one["runs"] = before.get(_key(one), 0) + run.counts_missing
            missed.append(one)
            if dataset in kept or (grace and one["runs"] <= grace):
                stays[at] = True
                findings.append(_finding(dataset, row, grace + 1 - one["runs"], dataset in kept))
    folder.save_frame("observed/vanishing", frame_of(missed, VANISHING), VANISHING)
    folder.save_frame("findings/vanishing", frame_of((one.row() for one in findings), FINDING), FINDING)
    return plan.only(~with_dependents(plan.frame, stays)) if findings else plan


def _vanished(plan: Plan, folder: RunFolder) -> list[tuple[int, dict[str, Any]]]:
    """The deletes of what vanished, with their places; what a withdrawn mapping takes with it did not (rule C3)."""
    frame = plan.frame
    deletes = frame[(frame["action"] == str(Action.DELETE)) & frame["rule"].isin(list(_VANISHED))]
    scopes = {name: Scope.of(folder.frame("scope"), name) for name in _VANISHED.values()}
    return [
        (at, row)
        for at, row in zip(deletes.index, rows(deletes), strict=True)
        if scopes[_VANISHED[row["rule"]]].standing(row["course"], row["module"]) is Standing.ACTIVE
    ]


def _counted(row: dict[str, Any]) -> dict[str, Any]:
    key = row["group"] or row["grouping"]
    return {"kind": row["kind"], "course": row["course"], "key": key, "user": row["user"] or "", "runs": 0}


def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["kind"], row["course"], row["key"], row["user"]


def _finding(dataset: str, row: dict[str, Any], left: int, kept: bool) -> Finding:
    why = "kept, as on_vanish says" if kept else f"goes if it is missing from {left} more complete runs"
    return Finding(
        dataset=dataset,
        severity=Severity.NOTE,
        rule=row["rule"],
        reason=f"no longer listed; the {row['kind']} stays: {why}",
        course=row["course"],
        key=row["group"] or row["grouping"],
        user=row["user"],
    )
