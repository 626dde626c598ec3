"""Put the plan together and let the circuit breaker judge it (section B)."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.breaker.assess import Split, assess, split
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.errors import BlockedError
from include.groupsync.model.change import PLAN
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from include.groupsync.steps.release import approved_split, only_approved
from include.groupsync.steps.run import Deployment, Run, load_ledger, recorded, step_records

_PARTS = ("groupings", "groups", "links", "memberships")
_DATASET = {
    Kind.GROUPING: "groupings",
    Kind.GROUP: "groups",
    Kind.LINK: "groups",
    Kind.MEMBERSHIP: "memberships",
}


@recorded
def circuit_breaker(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Save plan and verdict; BlockedError where the whole run may not go on."""
    plan = Plan.of(*(folder.frame(f"plan/{part}") for part in _PARTS))
    verdict = assess(_evidence(deployment, folder, plan), deployment.settings.breaker)
    parts = split(plan, verdict)
    if run.release is not None and not verdict.blocked:
        parts = approved_split(deployment, run, folder, plan, verdict, parts)
    folder.save_frame("plan", plan.frame, PLAN)
    folder.save_frame("held", parts.held.frame, PLAN)
    summary = {
        "digest": plan.digest,
        "counts": plan.counts,
        "released": {"digest": parts.released.digest, "changes": len(parts.released)},
        "held": {"digest": parts.held.digest, "changes": len(parts.held)},
        "releasable": {"digest": parts.releasable.digest, "changes": len(parts.releasable)},
    }
    folder.save_json("plan", summary)
    folder.save_json("verdict", verdict.document())
    if verdict.blocked:
        raise BlockedError(
            "The circuit breaker blocks this run, and no approval overrides it: "
            + "; ".join(trip.text for trip in verdict.blocked)
        )
    return {"changes": len(plan), "trips": len(verdict.trips), "held": len(parts.held)}


def load_split(folder: RunFolder) -> Split:
    """The plan as the verdict splits it, and in a release run the approval; nothing else reaches ``apply`` (A7).

    Raises BlockedError where the plan on disk is not the one that was judged.
    """
    plan, verdict = load_judged(folder)
    parts = split(plan, verdict) if plan.digest == verdict.plan_digest else None
    if parts is not None and folder.has("approval.json"):
        parts = only_approved(parts, folder.json("approval")["courses"])
    if parts is None or parts.released.digest != folder.json("plan")["released"]["digest"]:
        raise BlockedError("The plan in the run's folder is not the one that was judged; start a new run.")
    return parts


def load_judged(folder: RunFolder) -> tuple[Plan, Verdict]:
    """The run's plan and its verdict, as they are on disk."""
    return Plan.of(folder.frame("plan")), _verdict(folder.json("verdict"))


def _evidence(deployment: Deployment, folder: RunFolder, plan: Plan) -> Evidence:
    managed = load_ledger(folder)
    scopes = {dataset: Scope.of(folder.frame("scope"), dataset) for dataset in set(_DATASET.values())}
    snapshot_courses = folder.frame("moodle/courses")
    names = dict(zip(snapshot_courses["course_id"], snapshot_courses["course"], strict=True))
    counts: dict[Kind, int] = dict.fromkeys(Kind, 0)
    by_course: dict[str, int] = {}
    frames = [
        *((Kind(row["kind"]), row) for row in rows(managed["objects"])),
        *((Kind.LINK, row) for row in rows(managed["links"])),
        *((Kind.MEMBERSHIP, row) for row in rows(managed["memberships"])),
    ]
    for kind, row in frames:
        course = names.get(row["course_id"])
        if course is None or scopes[_DATASET[kind]].standing(course, row["module"]) is Standing.FROZEN:
            continue
        counts[kind] += 1
        if kind is Kind.GROUP:
            by_course[course] = by_course.get(course, 0) + 1
    read = step_records(folder).get("extract", {}).get("rows", {})
    return Evidence(
        plan=plan,
        managed=counts,
        managed_groups=by_course,
        rows_read=read,
        unread=tuple(sorted(set(deployment.settings.datasets) - set(read))),
    )


def _verdict(document: Mapping[str, Any]) -> Verdict:
    return Verdict(document["plan_digest"], tuple(map(_observation, document["observations"])))


def _observation(row: Mapping[str, Any]) -> Observation:
    reach = row["reach"]
    fields = {name: value for name, value in row.items() if name not in ("headroom", "reach", "effect")}
    return Observation(
        **fields,
        effect=Effect(row["effect"]) if row["effect"] else None,
        reach=Reach(tuple(reach["actions"]), tuple(reach["kinds"]), reach["course"], reach["key"]) if reach else None,
    )
