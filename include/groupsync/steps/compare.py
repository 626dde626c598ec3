"""Compare what should be with what is, kind by kind; each step leaves its part of the plan."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from include.groupsync.breaker.limits import Limits
from include.groupsync.diff.course import Overlap, Policy
from include.groupsync.diff.memberships import MembershipSides
from include.groupsync.diff.memberships import diff_memberships as diff_all_memberships
from include.groupsync.diff.objects import GROUPINGS, GROUPS
from include.groupsync.diff.together import (
    AFTER,
    Frames,
    Inputs,
    diff_all_links,
    diff_objects,
    groups_to_join,
    objects_as_they_are,
    taken_over,
    unread_courses,
)
from include.groupsync.model import keys
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import Schema, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import EXCEPTIONS, LEDGER
from include.groupsync.model.protection import Protection
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.source.clean import CLEAN
from include.groupsync.steps.extent import observed_within
from include.groupsync.steps.run import Deployment, Run, load_ledger, load_snapshot, recorded
from include.groupsync.steps.states import claims_stay, open_terms


@recorded
def diff_groupings(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Sections G, O and C on groupings."""
    snapshot = load_snapshot(folder)
    folder.save_frame("findings/moodle", unread_courses(snapshot), FINDING)
    if Kind.GROUPING not in deployment.settings.kinds:
        return _save(run, folder, Kind.GROUPING, _unchanged(objects_as_they_are(snapshot, Kind.GROUPING)), "objects")
    frames = diff_objects(GROUPINGS, _inputs(deployment, run, folder, "groupings"))
    return _save(run, folder, Kind.GROUPING, frames, "objects")


@recorded
def diff_groups(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Sections P, L, O and C on groups and their links."""
    snapshot, kinds = load_snapshot(folder), deployment.settings.kinds
    nothing = _unchanged(frame_of([], AFTER))
    if Kind.GROUP not in kinds:
        _save(run, folder, Kind.LINK, nothing, "links")
        return _save(run, folder, Kind.GROUP, _unchanged(objects_as_they_are(snapshot, Kind.GROUP)), "objects")
    inputs = replace(_inputs(deployment, run, folder, "groups"), overlap=_overlaps(deployment, folder, snapshot))
    groups = diff_objects(GROUPS, inputs)
    links = nothing
    if Kind.LINK in kinds:
        field_name = deployment.settings.localgroupingfield
        half = _protection(folder, "groupings")
        links = diff_all_links(inputs, folder.frame("after/groupings"), groups, half, field_name)
    _save(run, folder, Kind.LINK, links, "links")
    return _save(run, folder, Kind.GROUP, groups, "objects")


@recorded
def diff_memberships(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Section M on memberships."""
    if Kind.MEMBERSHIP not in deployment.settings.kinds:
        return _save(run, folder, Kind.MEMBERSHIP, _unchanged(frame_of([], AFTER)), "memberships")
    inputs = _inputs(deployment, run, folder, "memberships")
    snapshot, field_name = inputs.snapshot, deployment.settings.localgroupfield
    after, half = folder.frame("after/groups"), _protection(folder, "groups")
    others: frozenset[int] = frozenset()
    idnumbers = {row["group_id"]: keys.key(row["idnumber"]) for row in rows(snapshot.groups)}
    if Kind.GROUP in deployment.settings.kinds:
        others = taken_over(after, inputs.managed, folder.frame("desired/groups"), idnumbers)
    groups = groups_to_join(after, field_name, half, others, idnumbers)
    unread = snapshot.courses[snapshot.courses["course_id"].isin(list(snapshot.unread["course_id"]))]
    wanted = inputs.wanted[~inputs.wanted["course"].isin(list(unread["course"])).fillna(False)]
    if not run.extent.is_whole:
        # By Moodle's id a row need not say its course: of those that were not read it says nothing here.
        wanted = wanted[wanted["course"].notna() | wanted["group"].isin(list(groups["match"].dropna()))]
    found = diff_all_memberships(
        MembershipSides(
            wanted=wanted,
            groups=groups,
            members=snapshot.members,
            participants=snapshot.participants,
            users=folder.frame("users"),
            managed=load_ledger(folder)["memberships"],
            exceptions=folder.frame("ledger/exceptions")[list(EXCEPTIONS)],
            by_group_id=field_name == "id",
        ),
        inputs.protection,
        inputs.scope,
        run.term_key,
        inputs.policy.open_terms,
        reclaim=inputs.policy.reclaim,
    )
    observed = pd.concat([found.observed, _orphans(inputs.snapshot, load_ledger(folder)["memberships"])])
    frames = Frames(found.changes, found.findings, observed, frame_of([], AFTER))
    return _save(run, folder, Kind.MEMBERSHIP, frames, "memberships")


def _orphans(snapshot: Snapshot, managed: pd.DataFrame) -> pd.DataFrame:
    """Ours in groups that are no longer in Moodle, although their course was read: to be forgotten."""
    read = set(snapshot.courses["course_id"]) - set(snapshot.unread["course_id"])
    gone = managed["course_id"].isin(list(read)) & ~managed["group_id"].isin(snapshot.groups["group_id"])
    return managed[gone].assign(terms="")


def policy_of(deployment: Deployment, run: Run, folder: RunFolder) -> Policy:
    """The settings, the calendar's word on this day, and what people say of the terms, for the rules."""
    settings, calendar = deployment.settings, deployment.calendar
    return Policy(
        term=run.term_key,
        open_terms=open_terms(deployment, folder.frame("ledger/term_states")),
        later_terms=calendar.later_than(run.term_key),
        on_name_collision=settings.on_name_collision,
        adopt_same_name=settings.adopt_same_name,
        on_local_edit=settings.on_local_edit,
        rekey=Limits("rekey", settings.breaker, run.term_key).run is not None,
        reclaim=run.reclaim,
    )


def _overlaps(deployment: Deployment, folder: RunFolder, snapshot: Snapshot) -> Callable[[str, int], Overlap]:
    """How many of a group's members are listed for another key of the course (rule P10).

    Only where memberships name their groups by idnumber: by another field a row says nothing of the key.
    """
    members: dict[int, set[int]] = {}
    for row in rows(snapshot.members):
        members.setdefault(row["group_id"], set()).add(row["user_id"])
    listed: dict[tuple[str, str], set[int]] = {}
    if Kind.MEMBERSHIP in deployment.settings.kinds and deployment.settings.localgroupfield == "idnumber":
        wanted = folder.frame("desired/memberships").merge(folder.frame("users"), on="user")
        for course, group, user_id in zip(wanted["course"], wanted["group"], wanted["user_id"], strict=True):
            listed.setdefault((course, group), set()).add(user_id)

    def of_course(course: str, _course_id: int) -> Overlap:
        def overlap(group_id: int, key: str) -> float | None:
            now = members.get(group_id)
            return len(now & listed.get((course, key), set())) / len(now) if now else None

        return overlap

    return of_course


def _inputs(deployment: Deployment, run: Run, folder: RunFolder, dataset: str) -> Inputs:
    managed = load_ledger(folder)
    return Inputs(
        wanted=folder.frame(f"desired/{dataset}"),
        snapshot=load_snapshot(folder),
        managed=managed["objects"],
        managed_links=managed["links"],
        scope=Scope.of(folder.frame("compared"), dataset),
        protection=_protection(folder, dataset),
        policy=policy_of(deployment, run, folder),
    )


def _protection(folder: RunFolder, dataset: str) -> Protection:
    return Protection.of(folder.frame("protected"), dataset)


def _unchanged(after: pd.DataFrame) -> Frames:
    empty: Schema = CLEAN["memberships"]
    return Frames(frame_of([], PLAN), frame_of([], FINDING), frame_of([], empty), after)


def _save(run: Run, folder: RunFolder, kind: Kind, frames: Frames, ledger_table: str) -> Mapping[str, Any]:
    """What was compared.  Changes of what the run is not for leave the plan when it is put together: until then they
    say what waits for them."""
    name = kind.plural
    findings = frames.findings if run.extent.takes(kind) else frame_of([], FINDING)
    observed = observed_within(run, folder, kind, claims_stay(run, folder, frames.observed))
    folder.save_frame(f"plan/{name}", frames.changes, PLAN)
    folder.save_frame(f"findings/{name}", findings, FINDING)
    folder.save_frame(f"observed/{name}", observed, LEDGER[ledger_table])
    folder.save_frame(f"after/{name}", frames.after, AFTER)
    return {"changes": len(frames.changes), "findings": len(findings)}
