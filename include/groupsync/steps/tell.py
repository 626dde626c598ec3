"""Tell what happened: the report whatever happened, and the outcome that makes the run red or green."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import ApplyError, GroupsyncError, HeldError
from include.groupsync.model.frames import rows
from include.groupsync.model.journal import Outcome
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.changes import courses_of
from include.groupsync.report.pages import plan_page, rejected_csv, rejected_page, report_page, verdict_page
from include.groupsync.report.summary import findings_of, headline, summarise
from include.groupsync.state import runs
from include.groupsync.steps.impact import leave_impact
from include.groupsync.steps.journaling import forget_the_old, save_journal
from include.groupsync.steps.run import Deployment, Run, recorded, step_records

_BEFORE = (
    "check_identity",
    "extract",
    "read_moodle",
    "validate",
    "diff_groupings",
    "diff_groups",
    "diff_memberships",
    "read_use",
    "circuit_breaker",
    "apply",
    "verify",
)
_LEFT_UNDONE = (Outcome.REFUSED, Outcome.WAITING, Outcome.UNKNOWN, Outcome.NOT_TRIED)


@recorded
def report(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Write report.json, report.html and rejected.csv, with whatever the steps before have left."""
    about = {
        "run_id": run.run_id,
        "term": run.term_key,
        "environment": deployment.environment,
        "reported_at": deployment.now().isoformat(timespec="seconds"),
        "reclaim": run.reason if run.reclaim else None,
    }
    document = summarise(folder, about, step_records(folder), list(_BEFORE))
    folder.save_json("report", document)
    folder.save_text("report.html", report_page(document, headline(document)))
    findings = findings_of(folder)
    folder.save_text("rejected.csv", rejected_csv(findings))
    folder.save_text("rejected.html", rejected_page(document, findings))
    if document["verdict"]:
        folder.save_text("verdict.html", verdict_page(document))
    if document["plan"]:
        courses = list(courses_of(Plan.of(folder.frame("plan"))))
        folder.save_json("changes", {"digest": document["plan"]["digest"], "courses": courses})
        folder.save_text("plan.html", plan_page(document, courses))
        leave_impact(deployment, folder, about)
    save_journal(deployment, run, folder)
    forget_the_old(deployment)
    return {"headline": headline(document)}


@recorded
def outcome(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Fail the run if a step failed or died, if a change was not made, or if deletes are held."""
    trouble, word = _trouble(folder)
    plan = folder.json("plan") if folder.has("plan.json") else {}
    with deployment.state.begin() as link:
        runs.end(link, run.run_id, deployment.now(), word, plan.get("digest"), plan.get("counts", {}))
    if trouble:
        raise trouble
    return {"outcome": word}


def _trouble(folder: RunFolder) -> tuple[GroupsyncError | None, str]:
    records = step_records(folder)
    for name in (*_BEFORE, "report"):
        record = records.get(name)
        if record is None:
            return GroupsyncError(f"FAILED: step {name} did not end; its log says more"), "failed"
        if not record["ok"]:
            word = "blocked" if record["error"] in ("BlockedError", "IdentityError") else "failed"
            return GroupsyncError(f"{word.upper()}: step {name}: {record['message']}"), word
    undone = [row for row in rows(folder.frame("outcomes")) if row["outcome"] in map(str, _LEFT_UNDONE)]
    if undone:
        first = undone[0]
        return ApplyError(
            f"FAILED: {len(undone)} changes were not made, the first in course {first['course']}:"
            f" {first['reason']}. The report lists all of them."
        ), "failed"
    held = folder.frame("held")
    return (HeldError(_held_message(folder, held)), "held") if len(held) else (None, "applied")


def _held_message(folder: RunFolder, held: pd.DataFrame) -> str:
    deletes, courses = int((held["action"] == "delete").sum()), held["course"].nunique()
    others = len(held) - deletes
    blocking = sorted(
        {one["rule"] for one in folder.json("verdict")["observations"] if one["tripped"] and one["effect"] == "block"}
    )
    return (
        f"HELD: {deletes} deletes in {courses} courses"
        + (f", and {others} other changes" if others else "")
        + ". Everything else was applied. See the run's tab 'Sync report' for what is held and which rule held it."
        + (f" What {' and '.join(blocking)} stops is never released; it ends when its cause does." if blocking else "")
    )
