"""What a run may not do, as its mode says: it leaves the plan before anybody judges it."""

from collections.abc import Iterator, Mapping
from typing import Any

from include.groupsync.breaker.split import with_dependents
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Action
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.steps.run import Run
from include.groupsync.steps.states import mode_of, state_read


def within_mode(run: Run, folder: RunFolder, plan: Plan) -> Plan:
    """The plan without its deletes and removals, and all that could only happen after them, in a run that only adds;
    each is a note.  What is left out is for the next full run, and is not taken for gone meanwhile."""
    left_out = plan.only(plan.frame["action"] != plan.frame["action"])
    if mode_of(run, folder) is Mode.ADD:
        out = with_dependents(plan.frame, plan.frame["action"] == str(Action.DELETE))
        plan, left_out = plan.only(~out), plan.only(out)
    who = "the run" if run.mode is Mode.ADD else f"the {state_read(run, folder)[0]} term"
    folder.save_frame("findings/mode", frame_of((one.row() for one in _findings(left_out, who)), FINDING), FINDING)
    return plan


def _findings(left_out: Plan, who: str) -> Iterator[Finding]:
    every = rows(left_out.frame)
    stays = {_thing(row) for row in every if row["action"] == Action.DELETE}
    for row in every:
        # What would be deleted would first step out of its name; that is no change of its own.
        if row["action"] == Action.DELETE or _thing(row) not in stays:
            yield _finding(row, who)


def _thing(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[part] for part in ("kind", "course", "grouping", "group", "user"))


def _finding(row: Mapping[str, Any], who: str) -> Finding:
    deletes = row["action"] == Action.DELETE
    return Finding(
        dataset=f"{row['kind']}s",
        severity=Severity.NOTE,
        rule=row["rule"],
        reason=f"the {row['kind']} stays: {who} only adds"
        if deletes
        else f"{row['action']} of the {row['kind']} waits for what {who} leaves out: it only adds",
        course=row["course"],
        key=row["group"] or row["grouping"],
        user=row["user"],
        next_step="a run in mode full does it",
    )
