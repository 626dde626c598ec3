"""Ask a person about what is held, and check what they answer (rules B4, B5).

A sync run registers the question and ends; its release run shows it and hands the answer in.  A form's answer
and a script's pass the same checks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from include.groupsync.breaker.split import holding
from include.groupsync.errors import NotReleased
from include.groupsync.model.approval import (
    APPROVE_ALL,
    APPROVE_COURSES,
    OPTIONS,
    REJECT,
    Answer,
    Answered,
    Approval,
    courses_named,
)
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.request import losses_of, subject, summary
from include.groupsync.state import approvals, runs
from include.groupsync.steps.decide import load_judged, load_split
from include.groupsync.steps.release import approval_of, refuse, require_approved
from include.groupsync.steps.run import Deployment, Run, load_snapshot, recorded, step_records
from include.groupsync.steps.states import mode_of


@dataclass(frozen=True)
class Request:
    """What is shown to the person; ``waits`` is how long until somebody should look again."""

    subject: str
    body: str
    digest: str
    courses: tuple[str, ...]
    waits: timedelta


@recorded
def request_release(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Register what is held as a question to a person, or join the term's open one; ``request.json`` has it.  A run for
    a part of the term asks, and joins, questions about that part only.

    Asks nothing where nothing is held, where what is held is blocked, where the run did not get to its end, or where it
    only plans.
    """
    (folder.path / "request.json").unlink(missing_ok=True)
    records = step_records(folder)
    if mode_of(run, folder) is Mode.PLAN or not all(
        records.get(name, {}).get("ok") for name in ("circuit_breaker", "apply")
    ):
        return {"asked": False}
    parts = load_split(folder)
    with deployment.state.begin() as link:
        if len(parts.held) and run.extent.is_whole:  # a part becomes no baseline, whatever is approved of it
            runs.hold(link, run.run_id, parts.held.digest)
        if not len(parts.releasable):
            return {"asked": False}
        found = approvals.open_of(link, run.term_key, run.extent)
        if found is not None and not deployment.counter.still_waits(found.release_run_id):
            approvals.close(link, found.approval, Answered.REFUSED, "its release run ended without an answer")
        approval = approvals.ask(
            link,
            term=run.term_key,
            run_id=run.run_id,
            digest=parts.releasable.digest,
            trips=[trip.document() for trip in holding(*load_judged(folder))],
            at=deployment.now(),
            waits=deployment.settings.approval.waits,
            extent=run.extent,
        )
    if approval.digest != parts.releasable.digest:
        return {"asked": False}
    asked = {
        "joined": approval.run_id != run.run_id,
        "release_run_id": approval.release_run_id,
        "digest": approval.digest,
        "answer_at": deployment.counter.answer_at(approval.release_run_id),
    }
    again = {"term": run.term_key, "run": approval.run_id, "mode": str(run.mode), "reclaim": run.reclaim}
    again |= {"reason": run.reason, **run.extent.form}
    folder.save_json("request", {**again, **asked})
    return {"asked": True, **asked}


def question(deployment: Deployment, run: Run) -> Request | None:
    """What to ask in this release run; NotReleased where there is nothing to be asked any more.

    A request whose answer could not be used is opened again: the task was cleared for another try.  None where a
    person has approved already and the whole run was cleared: nobody is asked twice.
    """
    approval = approval_of(deployment, run)
    if approval.state is Answered.APPROVED:
        require_approved(deployment, run)
        return None
    if approval.state is Answered.REFUSED and approval.expires_at > deployment.now():
        with deployment.state.begin() as link:
            approvals.reopen(link, approval)
        approval = approval_of(deployment, run)
    waits = _require_open(deployment, run, approval)
    folder = RunFolder.of(deployment.runs_root, approval.term, approval.run_id)
    held = load_split(folder).releasable
    if held.digest != approval.digest:
        refuse(deployment, approval, "the asking run's folder no longer has the plan that was asked about")
    uses = folder.frame("uses") if folder.has("uses.parquet") else None
    losses = losses_of(held.frame, folder.frame("after/groups"), load_snapshot(folder), uses)
    body = summary(approval, held, losses, deployment.counter.plan_at(approval.run_id))
    courses = tuple(sorted(held.frame["course"].unique()))
    return Request(subject(approval, held), body, approval.digest, courses, waits)


def still_open(deployment: Deployment, run: Run) -> timedelta:
    """How long the request may wait on before somebody looks again; NotReleased where it is over."""
    return _require_open(deployment, run, approval_of(deployment, run))


def answered(deployment: Deployment, run: Run, answer: Answer) -> Approval:
    """The approval, checked and on record; NotReleased, on record too, where it is none.

    The same checks for a form and a script: an open request, in time, the very digest, a reason, and courses of
    the plan.
    """
    approval = approval_of(deployment, run)
    _require_open(deployment, run, approval, answer)
    folder = RunFolder.of(deployment.runs_root, approval.term, approval.run_id)
    held = load_split(folder).releasable.frame["course"].unique()
    courses, unknown = courses_named(answer.given.get("courses"), held)
    wrong = next(_objections(approval, answer, courses, unknown), None)
    state = Answered.REJECTED if answer.option == REJECT else Answered.APPROVED
    some = sorted(courses) if answer.option == APPROVE_COURSES and not wrong else None
    with deployment.state.begin() as link:
        state = Answered.REFUSED if wrong else state
        if not approvals.answer(link, approval.approval, state, answer, courses=some, remark=wrong):
            raise NotReleased("The request was closed in the moment of the answer. Nothing is applied.")
    if wrong:
        raise NotReleased(f"REFUSED: {wrong}. Nothing is applied. Clear this task to be asked again.")
    if state is Answered.REJECTED:
        raise NotReleased(f"REJECTED by {answer.who}: {answer.reason}. Nothing is applied.")
    return approval_of(deployment, run)


def _objections(approval: Approval, answer: Answer, courses: frozenset[str], unknown: list[str]) -> Iterator[str]:
    """Why this answer cannot be used."""
    if answer.option not in OPTIONS:
        yield f"{answer.option!r} is none of {', '.join(OPTIONS)}"
    if answer.given.get("digest") != approval.digest:
        yield f"the answer is about plan {str(answer.given.get('digest'))[:64]!r}, asked was about {approval.digest}"
    if not answer.reason:
        yield "an answer needs a reason"
    if answer.option == APPROVE_ALL and (courses or unknown):
        yield f"courses were named together with {APPROVE_ALL!r}: say which of the two"
    if answer.option == APPROVE_COURSES and unknown:
        yield f"not in this plan: {', '.join(unknown[:10])}"
    if answer.option == APPROVE_COURSES and not courses:
        yield "no course of the plan was named"


def _require_open(deployment: Deployment, run: Run, approval: Approval, answer: Answer | None = None) -> timedelta:
    now = answer.at if answer else deployment.now()
    if approval.state is Answered.OPEN and approval.expires_at <= now:
        with deployment.state.begin() as link:
            approvals.expire(link, approval.term, now, approval.part)
        approval = approval_of(deployment, run)
    if approval.state is not Answered.OPEN:
        raise NotReleased(f"{approval.state.upper()}: this request is {approval.told}. Nothing is applied.")
    return min(approval.expires_at - now, deployment.settings.approval.look_every)
