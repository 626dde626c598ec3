"""Whether what a person approved still stands, and which part of the plan it lets through (rules B4, B5).

A release run makes the whole plan anew.  What was approved goes if it is still exactly what is held, and if
nothing more holds it; nothing else goes.
"""

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import NoReturn

from include.groupsync.breaker.split import Split, holding
from include.groupsync.errors import HeldError, NotReleased
from include.groupsync.model.approval import Answered, Approval, worse_trips
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.verdict import Verdict
from include.groupsync.state import approvals, runs
from include.groupsync.steps.run import Deployment, Run, request_of
from include.groupsync.steps.states import mode_of, state_read

# These look at what a plan makes beside its deletes.  By now the asking run has applied that, so that a release can
# only delete; the deletes are the same by their digest, and these judged them when they were asked about.
_OF_THE_WHOLE_PLAN = frozenset({"delete_only", "group_gutted", "grouping_gutted"})


def approved_split(
    deployment: Deployment, run: Run, folder: RunFolder, plan: Plan, verdict: Verdict, parts: Split
) -> Split:
    """The release run's split: what was approved goes, what else is held stays, and nothing else is touched;
    ``approval.json`` has the answer.

    NotReleased where the plan made anew does not hold exactly what was approved, or where it is held by more
    or worse than the approval names: an approved plan is refused, not stretched.
    """
    approval = require_approved(deployment, run)
    if parts.releasable.digest != approval.digest:
        refuse(
            deployment,
            approval,
            f"what is held now ({len(parts.releasable)} changes, {parts.releasable.digest[:16]}) is not what was"
            f" approved ({approval.digest[:16]}): Moodle or the source has changed meanwhile",
        )
    courses = None if approval.courses is None else frozenset(approval.courses)
    trips = [trip.document() for trip in holding(plan, verdict, courses)]
    if worse := worse_trips(approval.trips, trips, _OF_THE_WHOLE_PLAN):
        refuse(deployment, approval, f"more holds it now than was approved: {'; '.join(worse[:5])}")
    folder.save_json("approval", asdict(approval))
    return only_approved(parts, approval.courses)


def require_state(deployment: Deployment, run: Run, folder: RunFolder) -> None:
    """NotReleased where the term's state no longer allows what was approved, before anything is compared with it."""
    if mode_of(run, folder) is not run.mode:
        state, _ = state_read(run, folder)
        refuse(deployment, approval_of(deployment, run), f"the term is {state} since it was asked about")


def only_approved(parts: Split, courses: Collection[str] | None) -> Split:
    """The approved courses' held changes go.  What depends on another change does so within its course."""
    if courses is None:
        courses = set(parts.releasable.frame["course"])
    approved = parts.releasable.frame["course"].isin(list(courses)).astype(bool)
    return replace(parts, released=parts.releasable.only(approved), held=parts.releasable.only(~approved))


def require_approved(deployment: Deployment, run: Run) -> Approval:
    """The run's approval, if it may be used now; NotReleased otherwise.  Asked again right before applying."""
    approval = approval_of(deployment, run)
    if approval.state not in (Answered.APPROVED, Answered.APPLIED):
        raise NotReleased(f"{approval.state.upper()}: this plan was {approval.told}. Nothing is applied.")
    if approval.usable_until <= deployment.now():
        refuse(deployment, approval, f"the answer was good until {approval.usable_until:%Y-%m-%d %H:%M} UTC")
    return approval


def released(deployment: Deployment, run: Run, left: int) -> None:
    """All that was approved is in Moodle and read back; if that is all that a run held, the run is accepted."""
    approval = approval_of(deployment, run)
    with deployment.state.begin() as link:
        approvals.close(link, approval.approval, Answered.APPLIED, of=Answered.APPROVED)
        if approval.courses is None and not left:
            for run_id in runs.holding(link, approval.term, approval.digest, approval.asked_at):
                runs.accept(link, run_id)


def approval_of(deployment: Deployment, run: Run) -> Approval:
    """The request that this release run carries; HeldError for a run that nobody asked anything for."""
    with deployment.state.connect() as link:
        found = approvals.of_release(link, request_of(deployment, run) or "")
    if found is None or found.term != run.term_key or (run.release and found.part != run.extent):
        raise HeldError(
            "This run has nothing to release: it is started by a sync run that holds something, not by hand."
        )
    return found


def refuse(deployment: Deployment, approval: Approval, remark: str) -> NoReturn:
    """The request's end without another word of a person: what was approved, or asked, does not fit.

    What was applied stays on record as applied, whoever tries to apply it again.
    """
    if approval.state is not Answered.APPLIED:
        with deployment.state.begin() as link:
            approvals.close(link, approval.approval, Answered.REFUSED, remark, of=approval.state)
    raise NotReleased(f"REFUSED: {remark}. Nothing is applied; the next sync run asks anew.")
