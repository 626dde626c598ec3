"""Put the plan together and let the circuit breaker judge it (section B)."""

from collections.abc import Mapping
from typing import Any

from include.groupsync.breaker.assess import assess
from include.groupsync.breaker.split import Split, split
from include.groupsync.errors import BlockedError
from include.groupsync.model.change import PLAN
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan, StoredPlan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from include.groupsync.state import runs
from include.groupsync.steps.evidence import gather, measures_of
from include.groupsync.steps.extent import within_extent
from include.groupsync.steps.kept import report_kept
from include.groupsync.steps.narrowing import within_mode
from include.groupsync.steps.release import approved_split, only_approved, require_state
from include.groupsync.steps.run import Deployment, Restoring, Run, recorded
from include.groupsync.steps.states import mode_of
from include.groupsync.steps.vanishing import without_what_stays

_OTHER_PLAN = "The plan in the run's folder is not the one that was judged; start a new run."
_PARTS = ("groupings", "groups", "links", "memberships")


@recorded
def circuit_breaker(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Save plan and verdict; BlockedError where the whole run may not go on."""
    proposed = Plan.of(*(folder.frame(f"plan/{part}") for part in _PARTS))
    own = proposed if isinstance(run, Restoring) else within_extent(run, folder, proposed)
    plan = within_mode(run, folder, without_what_stays(deployment, run, folder, own))
    if run.is_sync:
        report_kept(run, folder)
    evidence = gather(deployment, run, folder, plan)
    verdict = assess(evidence, deployment.settings.breaker)
    parts = split(plan, verdict)
    journal_entry = folder.json("ledger/journal")["last_entry"]
    with deployment.state.begin() as link:
        if run.is_yardstick:
            # A release run's plan is what others left of it, a restore's another run's, and one for a part is no
            # measure of the whole: nothing to compare with.
            runs.measure(link, run.run_id, measures_of(evidence, verdict), evidence.settings_digest)
    if run.release is not None and not verdict.blocked:
        require_state(deployment, run, folder)
        parts = approved_split(deployment, run, folder, plan, verdict, parts)
    folder.save_frame("plan", plan.frame, PLAN)
    save_parts(folder, {"journal_entry": journal_entry, "digest": plan.digest, "counts": plan.counts}, parts)
    folder.save_json("verdict", verdict.document())
    # A run that writes nothing may look at a source that no longer has the term: it shows what that would do.
    harmless = {"empty"} if mode_of(run, folder) is Mode.PLAN else set()
    if stopped := [trip.text for trip in verdict.blocked if trip.rule not in harmless]:
        raise BlockedError(f"The circuit breaker blocks this run, and no approval overrides it: {'; '.join(stopped)}")
    return {"changes": len(plan), "trips": len(verdict.trips), "held": len(parts.held)}


def save_parts(folder: RunFolder, about: Mapping[str, Any], parts: Split) -> None:
    """What goes and what is held, and ``plan.json`` with what it says ``about`` the plan and with both digests."""
    folder.save_frame("held", parts.held.frame, PLAN)
    folder.save_frame("released", parts.released.frame, PLAN)
    every = {"released": parts.released, "held": parts.held, "releasable": parts.releasable}
    told = {name: {"digest": part.digest, "changes": len(part)} for name, part in every.items()}
    folder.save_json("plan", {**about, **told})


def load_split(folder: RunFolder) -> Split:
    """The plan as the verdict splits it, and in a release run the approval; nothing else reaches ``apply`` (A7).

    Raises BlockedError where the plan on disk is not the one that was judged.
    """
    plan, verdict = load_judged(folder)
    parts = split(plan, verdict) if plan.digest == verdict.plan_digest else None
    if parts is not None and folder.has("approval.json"):
        parts = only_approved(parts, folder.json("approval")["courses"])
    if parts is None or parts.released.digest != folder.json("plan")["released"]["digest"]:
        raise BlockedError(_OTHER_PLAN)
    return parts


def load_released(folder: RunFolder) -> StoredPlan:
    """What the verdict, and in a release run the approval, lets through, to be read batch by batch (rule A7).

    Raises BlockedError where a plan on disk is not the one that was judged.
    """
    plan, released = StoredPlan(folder, "plan"), StoredPlan(folder, "released")
    judged, document = folder.json("verdict")["plan_digest"], folder.json("plan")
    if (plan.digest, released.digest) != (judged, document["released"]["digest"]):
        raise BlockedError(_OTHER_PLAN)
    return released


def load_judged(folder: RunFolder) -> tuple[Plan, Verdict]:
    """The run's plan and its verdict, as they are on disk."""
    return Plan.of(folder.frame("plan")), _verdict(folder.json("verdict"))


def _verdict(document: Mapping[str, Any]) -> Verdict:
    return Verdict(document["plan_digest"], tuple(map(_observation, document["observations"])))


def _observation(row: Mapping[str, Any]) -> Observation:
    reach = row["reach"]
    fields = {name: value for name, value in row.items() if name not in ("headroom", "reach", "effect")}
    return Observation(
        **fields,
        effect=Effect(row["effect"]) if row["effect"] else None,
        reach=_reach(reach) if reach else None,
    )


def _reach(row: Mapping[str, Any]) -> Reach:
    courses = None if row["courses"] is None else tuple(row["courses"])
    return Reach(tuple(row["actions"]), tuple(row["kinds"]), row["course"], row["key"], courses)
