"""Write what is released to Moodle, and read it back; nothing else in the project writes to Moodle (rule A7)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.apply.canary import Cut, cut
from include.groupsync.apply.executor import Executor, Result
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.verify import State, differences
from include.groupsync.errors import ApplyError
from include.groupsync.model.finding import FINDING, Finding
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.journal import OUTCOME, Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow, read_snapshot
from include.groupsync.moodle.writer import MoodleWriter
from include.groupsync.report.changes import key_of
from include.groupsync.state import ledger
from include.groupsync.state.journal import RunJournal
from include.groupsync.steps.decide import load_split
from include.groupsync.steps.identify import require_identity
from include.groupsync.steps.release import require_approved
from include.groupsync.steps.run import Deployment, Run, client_of, load_ledger, load_snapshot, recorded

_OBSERVED = {"groupings": "objects", "groups": "objects", "links": "links", "memberships": "memberships"}


@recorded
def apply(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Send the released part of the plan; what became of each change is in ``outcomes.parquet``.

    A change that Moodle refuses fails alone; raises ApplyError when the site stops answering.  In a release run
    the approval is looked at once more, and many deletes begin with a few that are read back.
    """
    part = load_split(folder).released
    if run.release is None:
        return apply_part(deployment, run, folder, part)
    require_approved(deployment, run)
    limits = deployment.settings.approval
    return apply_part(deployment, run, folder, part, cut(part, limits.canary_over, limits.canary_size))


def apply_part(
    deployment: Deployment, run: Run, folder: RunFolder, part: Plan, slices: Cut | None = None
) -> Mapping[str, Any]:
    """Send a part of a judged plan that is released; the identity is compared once more before (rule I3).

    Cut into slices, the rest goes only after the canary's deletes were done and read back; ApplyError otherwise.
    """
    client = client_of(deployment)
    require_identity(deployment, client)
    with deployment.state.begin() as link:
        for name, table in _OBSERVED.items():
            ledger.observe(link, table, folder.frame(f"observed/{name}"))
    snapshot = load_snapshot(folder)
    executor = Executor(
        writer=MoodleWriter(client),
        reader=ObjectsNow(client),
        journal=RunJournal(deployment.state, run.run_id, run.term_key, deployment.now),
        ids=_ids(folder),
        formats=_formats(snapshot),
        **_before_images(snapshot, folder.frame("users"), part),
    )
    results: list[Result] = []
    try:
        if slices is not None:
            executor.apply(slices.made, results.append)
            executor.apply(slices.canary, results.append)
            _require_sound(deployment, folder, client, results, slices)
        executor.apply(part if slices is None else slices.rest, results.append)
    finally:
        outcomes = [*results, *_not_tried(part, results)] if slices is not None else results
        folder.save_frame("outcomes", frame_of(map(_outcome_row, outcomes), OUTCOME), OUTCOME)
    canary = {"canary": {"course": slices.course, "deletes": len(slices.canary)}} if slices is not None else {}
    return {"outcomes": _count(results), "calls": dict(client.calls)} | canary


def _require_sound(
    deployment: Deployment, folder: RunFolder, client: MoodleClient, results: list[Result], slices: Cut
) -> None:
    """ApplyError unless every delete of the canary was done and, read back, is gone."""
    first = results[len(results) - len(slices.canary) :]
    bad = [f"{key_of(one.change)}: {one.reason}" for one in first if one.outcome is not Outcome.DONE]
    found = _read_back(deployment, folder, client, first, {slices.course})
    folder.save_frame("findings/verify", frame_of((one.row() for one in found), FINDING), FINDING)
    bad += [f"{one.key}: {one.reason}" for one in found]
    if bad:
        raise ApplyError(
            f"The first {len(first)} deletes, in course {slices.course}, did not go as planned: {bad[0]}. Nothing more"
            " was deleted; look at that course in Moodle before anything is approved again."
        )


def _not_tried(part: Plan, results: list[Result]) -> list[Result]:
    """What the run did not come to."""
    tried = {result.change for result in results}
    left = (change for change in part.changes() if change not in tried)
    return [Result(change, Outcome.NOT_TRIED, "the first deletes did not go as planned") for change in left]


@recorded
def verify(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Read the touched courses again and compare (rule J2); ApplyError where Moodle differs."""
    outcomes, client = folder.frame("outcomes"), client_of(deployment)
    touched = set(outcomes.loc[outcomes["outcome"] == str(Outcome.DONE), "course"])
    results = _results(load_split(folder).released, outcomes)
    found = _read_back(deployment, folder, client, results, touched)
    folder.save_frame("findings/verify", frame_of((one.row() for one in found), FINDING), FINDING)
    if found:
        raise ApplyError(
            f"Moodle differs from what was written in {len(found)} places, such as"
            f" {found[0].course}: {found[0].reason}. The report lists all of them."
        )
    return {"compared": len(results), "courses": len(touched), "calls": dict(client.calls)}


def _read_back(
    deployment: Deployment, folder: RunFolder, client: MoodleClient, results: list[Result], touched: set[str]
) -> list[Finding]:
    """Where Moodle, read again in the touched courses, is not what these results say."""
    courses = folder.frame("moodle/courses")
    ids = _ids(folder)
    made: dict[Kind, dict[int, list[int]]] = {Kind.GROUP: {}, Kind.GROUPING: {}}
    for result in results:
        thing = result.change.after
        if result.made_id is not None and thing is not None:
            own = getattr(thing, str(thing.kind))
            ids.objects[thing.kind, thing.course, own] = result.made_id
            made[thing.kind].setdefault(ids.courses[thing.course], []).append(result.made_id)
    now = read_snapshot(
        client,
        courses[courses["course"].isin(list(touched))].reset_index(drop=True),
        user_field=deployment.settings.localuserfield,
        with_people=False,
        known_groups=made[Kind.GROUP],
        known_groupings=made[Kind.GROUPING],
    )
    return differences(results, ids, State(now))


def _ids(folder: RunFolder) -> Ids:
    after = {Kind.GROUPING: folder.frame("after/groupings"), Kind.GROUP: folder.frame("after/groups")}
    managed = load_ledger(folder)["memberships"]
    return Ids.of(folder.frame("moodle/courses"), after, folder.frame("users"), managed)


def _formats(snapshot: Snapshot) -> dict[tuple[Kind, int], int]:
    frames = ((Kind.GROUPING, snapshot.groupings), (Kind.GROUP, snapshot.groups))
    return {
        (kind, moodle_id): text_format
        for kind, frame in frames
        for moodle_id, text_format in zip(frame[f"{kind}_id"], frame["description_format"], strict=True)
    }


def _before_images(snapshot: Snapshot, users: pd.DataFrame, part: Plan) -> dict[str, Any]:
    """What the deletes' before-images and the look before them need, for the courses that lose something."""
    if not (part.frame["action"] == "delete").any():
        return {}
    members: dict[int, set[int]] = {}
    for row in rows(snapshot.members):
        members.setdefault(row["group_id"], set()).add(row["user_id"])
    return {
        "expected_members": {group_id: frozenset(ids) for group_id, ids in members.items()},
        "user_keys": {row["user_id"]: row["user"] for row in rows(users) if row["user"]},
    }


def _outcome_row(result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {name: value for name, value in result.change.row().items() if name in OUTCOME}
    return row | {"outcome": str(result.outcome), "reason": result.reason, "made_id": result.made_id}


def _results(released: Plan, outcomes: pd.DataFrame) -> list[Result]:
    """The changes with what became of them; a plan names each thing once per action and step."""

    def key(kind: Any, action: Any, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return (str(kind), str(action), *(row.get(part) for part in ("course", "grouping", "group", "user", "step")))

    found = {key(row["kind"], row["action"], row): row for row in rows(outcomes)}
    results = []
    for change in released.changes():
        row = found[key(change.kind, change.action, change.row())]
        results.append(Result(change, Outcome(row["outcome"]), row["reason"], row["made_id"]))
    return results


def _count(results: list[Result]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[str(result.outcome)] = counts.get(str(result.outcome), 0) + 1
    return counts
