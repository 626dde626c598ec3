"""Tell what happened: the report whatever happened, and the outcome that makes the run red or green."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import takewhile
from typing import Any

import pandas as pd

from include.groupsync.errors import (
    ApplyError,
    BlockedError,
    GroupsyncError,
    HeldError,
    NotReleased,
    RunRefused,
    SettingsError,
    StaleError,
)
from include.groupsync.model.approval import Answered
from include.groupsync.model.frames import rows
from include.groupsync.model.journal import LEFT_UNDONE
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.changes import courses_of
from include.groupsync.report.pages import frame_csv, plan_page, rejected_page, report_page, verdict_page
from include.groupsync.report.summary import findings_of, headline, summarise
from include.groupsync.state import runs
from include.groupsync.steps import RESTORE_STEPS, STEPS
from include.groupsync.steps.decide import load_split
from include.groupsync.steps.holding import switches_of
from include.groupsync.steps.impact import leave_impact
from include.groupsync.steps.journaling import keep_journal
from include.groupsync.steps.release import approval_of, released
from include.groupsync.steps.requests import conclude
from include.groupsync.steps.run import (
    Deployment,
    Restoring,
    Run,
    passed_over,
    recorded,
    request_of,
    step_records,
)
from include.groupsync.steps.states import mode_of, state_read, told_of

# Only the first is accepted by itself, and only of a whole run: one that left something out is no baseline for any.
_SYNCED = {Mode.FULL: "applied", Mode.ADD: "added", Mode.PLAN: "planned"}


@recorded
def report(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Write report.json, report.html and rejected.csv, with whatever the steps before have left."""
    about = {
        "run_id": run.run_id,
        "term": run.term_key,
        "week": None if isinstance(run, Restoring) else _week_of(deployment, run),
        "environment": deployment.environment,
        "reported_at": deployment.now().isoformat(timespec="seconds"),
        "mode": str(mode_of(run, folder)),
        "chosen_by": run.chosen_by or None,
        "only": run.extent.told or None,
        "extent": run.extent.document,
        "term_state": told_of(deployment, run, folder),
        "reclaim": run.reason if run.reclaim else None,
        "approval": approval_of(deployment, run).told if request_of(deployment, run) else None,
        "restore": _restore_of(run, folder),
    }
    with suppress(SettingsError):  # the report of a run must not need the state database
        conclude(deployment, run, folder)
    document = summarise(folder, about, step_records(folder), list(_before(run)))
    folder.save_json("report", document)
    folder.save_text("report.html", report_page(document, headline(document)))
    findings = findings_of(folder)
    folder.save_text("rejected.csv", frame_csv(findings))
    folder.save_text("rejected.html", rejected_page(document, findings))
    if document["switches"]["total"]:
        folder.save_text("switches.csv", frame_csv(switches_of(run, folder)))
    if document["derived"]:
        folder.save_text("left_out.csv", frame_csv(folder.frame("source/left_out")))
    if document["verdict"]:
        folder.save_text("verdict.html", verdict_page(document))
    if document["plan"]:
        courses = list(courses_of(Plan.of(folder.frame("plan"))))
        folder.save_json("changes", {"digest": document["plan"]["digest"], "courses": courses})
        folder.save_text("plan.html", plan_page(document, courses))
        leave_impact(deployment, folder, about)
    keep_journal(deployment, run, folder)
    return {"headline": headline(document)}


@recorded
def outcome(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Fail the run if a step failed or died, if a change was not made, if deletes are held, if a source has stopped,
    or if what was asked about is not released."""
    trouble, word = _trouble(deployment, run, folder)
    plan = folder.json("plan") if folder.has("plan.json") else {}
    with deployment.state.begin() as link:
        runs.end(link, run.run_id, deployment.now(), word, plan.get("digest"), plan.get("counts", {}))
    if trouble:
        raise trouble
    if request_of(deployment, run):
        released(deployment, run, left=plan["held"]["changes"])
    return {"outcome": word}


def _week_of(deployment: Deployment, run: Run) -> str | None:
    """Where in its term the run is, in words; None where the calendar does not have the term: a step has said so."""
    try:
        return run.term(deployment).told_on(deployment.today)
    except SettingsError:
        return None


def _before(run: Run) -> tuple[str, ...]:
    """The steps that come before the report."""
    every = RESTORE_STEPS if isinstance(run, Restoring) else STEPS
    return tuple(takewhile(lambda name: name != "report", every))


def _restore_of(run: Run, folder: RunFolder) -> Mapping[str, Any] | None:
    """What the report says of a restore."""
    if not isinstance(run, Restoring):
        return None
    let_go = (step_records(folder).get("apply") or {}).get("let_go")
    return {"undoes": run.undoes, "dry_run": run.dry_run, "let_go": let_go, "page": folder.has("restored.html")}


def _trouble(deployment: Deployment, run: Run, folder: RunFolder) -> tuple[GroupsyncError | None, str]:
    stopped = _not_released(deployment, run) or _failed_step(run, folder)
    if stopped:
        return stopped
    held = folder.frame("held")
    # What a release run leaves held was not approved: the next sync run asks about it.
    plans = mode_of(run, folder) is Mode.PLAN
    message = _held_message(folder, held) if run.is_sync and not plans and len(held) else None
    outcomes = folder.frame("outcomes")
    undone = rows(outcomes[outcomes["outcome"].isin(list(map(str, LEFT_UNDONE)))])
    if undone:
        first = undone[0]
        return ApplyError(
            f"FAILED: {len(undone)} changes were not made, the first in course {first['course']}:"
            f" {first['reason']}. The report lists all of them." + (f"\n{message}" if message else "")
        ), "failed"
    if message:
        return HeldError(message), "held"
    if isinstance(run, Restoring):
        return _end_of_restore(run, held)
    return _end_of_sync(run, folder) if run.is_sync else (None, "released")


def _end_of_sync(run: Run, folder: RunFolder) -> tuple[GroupsyncError | None, str]:
    """Of a run that has done all that it may; one that writes nothing is green, whatever its source says."""
    mode = mode_of(run, folder)
    if mode is Mode.PLAN and run.mode is not Mode.PLAN:
        return None, str(state_read(run, folder)[0])
    if mode is not Mode.PLAN and (told := _empty_message(folder)):
        return BlockedError(told), "blocked"
    if mode is not Mode.PLAN and (told := _stale_message(folder)):
        return StaleError(told), "stale"
    return None, _SYNCED[mode] if mode is not Mode.FULL or run.extent.is_whole else "applied in part"


def _end_of_restore(run: Restoring, held: pd.DataFrame) -> tuple[GroupsyncError | None, str]:
    if run.dry_run:
        return None, "dry run"
    if len(held):
        return HeldError(
            f"HELD: {len(held)} changes were not approved, or are blocked, and were not restored; everything else was."
            " See the run's tab 'Sync report'; to be asked about them, restore the run again."
        ), "held"
    return None, "let go" if run.let_go else "restored"


def _not_released(deployment: Deployment, run: Run) -> tuple[GroupsyncError, str] | None:
    """The first word of a run that depends on a person: whether they let it."""
    if not request_of(deployment, run):
        return None
    approval = approval_of(deployment, run)
    if approval.state in (Answered.APPROVED, Answered.APPLIED):
        return None
    told = f"{approval.state.upper()}: the request is {approval.told}."
    if approval.state is Answered.OPEN:
        told = "UNANSWERED: the task approve ended without an answer on record; clear it to be asked again."
    return NotReleased(f"{told} Nothing was applied."), "held"


def _failed_step(run: Run, folder: RunFolder) -> tuple[GroupsyncError, str] | None:
    records = step_records(folder)
    for name in (*_before(run), "report"):
        record = records.get(name)
        if record is None and name in passed_over(records):
            continue
        if record is None:
            return GroupsyncError(f"FAILED: step {name} did not end; its log says more"), "failed"
        if not record["ok"] and record["error"] == NotReleased.__name__:
            return NotReleased(record["message"]), "held"
        if not record["ok"] and record["error"] == RunRefused.__name__:
            return RunRefused(record["message"]), "refused"
        if not record["ok"]:
            word = "blocked" if record["error"] in ("BlockedError", "IdentityError") else "failed"
            return GroupsyncError(f"{word.upper()}: step {name}: {record['message']}"), word
    return None


def _empty_message(folder: RunFolder) -> str | None:
    """What the source no longer has, in a run that had nothing to delete or may not."""
    trips = _trips(folder, "empty")
    if not trips:
        return None
    return f"BLOCKED: {'; '.join(one['text'] for one in trips)}. What the source still lists was applied."


def _trips(folder: RunFolder, rule: str) -> list[dict[str, Any]]:
    return [one for one in folder.json("verdict")["observations"] if one["tripped"] and one["rule"] == rule]


def _stale_message(folder: RunFolder) -> str | None:
    """What stopped, in a run that had nothing to delete: it did all that it planned, of a source that is old."""
    trips = _trips(folder, "stale")
    if not trips:
        return None
    return (
        f"STALE: {'; '.join(one['text'] for one in trips)}. Everything was applied, and nothing was to be deleted: as"
        " long as the source stands still nothing will be. See to its loading; the first run after it is green again."
    )


def _held_message(folder: RunFolder, held: pd.DataFrame) -> str:
    """What is held, and where a person answers it, if it can be released at all."""
    request = folder.json("request") if folder.has("request.json") else None
    asking = step_records(folder).get("request_release", {"ok": True})
    failed = None if asking["ok"] else asking
    part = load_split(folder).releasable.frame if request else held
    deletes, courses = int((part["action"] == "delete").sum()), part["course"].nunique()
    others, blocked = len(part) - deletes, len(held) - len(part)
    blocking = sorted(
        {one["rule"] for one in folder.json("verdict")["observations"] if one["tripped"] and one["effect"] == "block"}
    )
    return (
        f"HELD: {deletes} deletes in {courses} courses"
        + (f", approve at {request['answer_at']}\n" if request else ". ")
        + (f"{others} other changes wait with them. " if others else "")
        + (f"Run {request['run']} has asked already, about the same changes. " if request and request["joined"] else "")
        + (f"Nobody could be asked: {failed['message']}. " if failed else "")
        + (f"{blocked} more changes are blocked. " if blocked else "")
        + "Everything else was applied. See the run's tab 'Sync report' for what is held and which rule held it."
        + (f" What {' and '.join(blocking)} stops is never released; it ends when its cause does." if blocking else "")
        + "".join(f" {one['text']}." for one in _trips(folder, "empty"))
    )
