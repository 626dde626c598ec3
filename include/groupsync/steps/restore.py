"""Take a run back: its journal and what Moodle has now make the plan, and what needs a person's eyes (J3 to J5)."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pandas as pd

from include.groupsync.apply.canary import cut
from include.groupsync.breaker.split import Split, holding, split, with_approved
from include.groupsync.diff.together import AFTER, objects_as_they_are
from include.groupsync.errors import SettingsError
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.journal import OUTCOME, Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import LEDGER, released, restored
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.run_path import RELEASE_DAG, RESTORE_DAG, run_name
from include.groupsync.model.scope import DEPARTMENT, SCOPE, Standing
from include.groupsync.model.snapshot import USERS
from include.groupsync.moodle.reader import read_course_keys, read_snapshot
from include.groupsync.report.pages import as_csv
from include.groupsync.report.restored import restored_page
from include.groupsync.restore.aftermath import id_map, work_list
from include.groupsync.restore.net import Entry, Object, Pair, net_of
from include.groupsync.restore.plan import restore
from include.groupsync.state import approvals, history, ledger
from include.groupsync.steps.act import apply_part
from include.groupsync.steps.approve import Request, question
from include.groupsync.steps.decide import load_judged, save_parts
from include.groupsync.steps.read import known_ids, save_ledger, settle
from include.groupsync.steps.release import refuse, require_approved
from include.groupsync.steps.run import (
    Deployment,
    Restoring,
    client_of,
    load_snapshot,
    recorded,
    request_of,
    save_snapshot,
)
from include.groupsync.steps.states import open_terms

FOLDER = "restores"  # a restore belongs to no term; its runs' folders, and its question, are below this name
_TABLES = {"groupings": "objects", "groups": "objects", "links": "links", "memberships": "memberships"}
_SHOWN = 10


@recorded
def read_moodle(deployment: Deployment, run: Restoring, folder: RunFolder) -> Mapping[str, Any]:
    """Find the run that is to be taken back, and read the courses that it wrote to, as they are now.

    Raises SettingsError where no run of that name has written anything, where several have, and for a course that
    it did not write to.
    """
    client = client_of(deployment)
    settled = settle(deployment, run, client)
    undone, term = _undone(deployment, run)
    folder.save_json("undone", {"run": undone, "term": term, "claim": restored(term)})
    touched = _touched(_of_run(deployment, folder), run)
    managed = save_ledger(deployment, folder)
    everywhere = read_course_keys(client, deployment.settings.localcoursefield)
    there = everywhere[everywhere["course_id"].isin([] if run.let_go else list(touched))].reset_index(drop=True)
    # A course is called what the journal calls it: its key may be another since.
    courses = there.assign(course=pd.Series([touched[at] for at in there["course_id"]], dtype=there["course"].dtype))
    found = read_snapshot(
        client,
        courses,
        user_field=deployment.settings.localuserfield,
        with_people=True,
        known_groups=known_ids(managed["objects"], Kind.GROUP),
        known_groupings=known_ids(managed["objects"], Kind.GROUPING),
    )
    save_snapshot(folder, found)
    folder.save_frame("users", found.users, USERS)
    folder.save_frame("departments", frame_of([], DEPARTMENT), DEPARTMENT)
    folder.save_frame("scope", _scope(courses, managed), SCOPE)
    counts = {"courses": len(courses), "courses_in_moodle": len(everywhere), "unread": len(found.unread)}
    return {**counts, "undoes": undone, "settled": settled, "calls": dict(client.calls)}


@recorded
def plan_restore(deployment: Deployment, run: Restoring, folder: RunFolder) -> Mapping[str, Any]:
    """The inverse of what the run did, as far as Moodle still has it so; nothing where things are only let go."""
    snapshot = load_snapshot(folder)
    entries = [] if run.let_go else _of_run(deployment, folder)
    listed = _listed_by_others(deployment, folder, snapshot.courses["course_id"])
    found = restore(entries, snapshot, courses=run.courses, kinds=run.kinds, listed=listed)
    frame = found.plan.frame
    for kind in Kind:
        part = kind.plural
        folder.save_frame(f"plan/{part}", frame[frame["kind"] == str(kind)], PLAN)
        folder.save_frame(f"observed/{part}", frame_of([], LEDGER[_TABLES[part]]), LEDGER[_TABLES[part]])
    for kind in (Kind.GROUPING, Kind.GROUP):
        folder.save_frame(f"after/{kind.plural}", objects_as_they_are(snapshot, kind), AFTER)
    folder.save_frame("findings/restore", frame_of((one.row() for one in found.findings), FINDING), FINDING)
    return {"changes": len(found.plan), "findings": len(found.findings)}


def ask(deployment: Deployment, run: Restoring) -> Request | None:
    """What to ask before anything of this restore is applied; None where nothing is held, or nothing is to be written.

    The question and its answer pass the same checks as those of what a sync holds (rule B4).
    """
    folder = run.folder(deployment)
    plan, verdict = load_judged(folder)
    held = split(plan, verdict).releasable
    if run.dry_run or not len(held):
        (folder.path / "request.json").unlink(missing_ok=True)
        return None
    if not folder.has("request.json") or folder.json("request")["digest"] != held.digest:
        with deployment.state.begin() as link:
            approval = approvals.ask(
                link,
                term=run.term_key,
                run_id=run.run_id,
                digest=held.digest,
                trips=[trip.document() for trip in holding(plan, verdict)],
                at=deployment.now(),
                waits=deployment.settings.approval.waits,
            )
        folder.save_json("request", {"digest": approval.digest, "release_run_id": approval.release_run_id})
    return question(deployment, run)


@recorded
def apply(deployment: Deployment, run: Restoring, folder: RunFolder) -> Mapping[str, Any]:
    """Write what nothing holds, and what a person has approved of the rest; in a dry run nothing.

    With ``let_go`` Moodle is not written to: what that restore brought back is given to its terms again (rule J5).
    """
    parts = _released(deployment, run)
    save_parts(folder, folder.json("plan"), parts)
    if run.dry_run or run.let_go:
        folder.save_frame("outcomes", frame_of([], OUTCOME), OUTCOME)
        return {"let_go": _let_go(deployment, run, folder)} if run.let_go else {}
    limits = deployment.settings.approval
    slices = cut(parts.released, limits.canary_over, limits.canary_size)
    return apply_part(deployment, run, folder, parts.released, slices)


@recorded
def list_work(deployment: Deployment, run: Restoring, folder: RunFolder) -> Mapping[str, Any]:
    """Leave ids.csv (columns ID_MAP), work.csv (WORK), and both as restored.html."""
    entries = [] if run.let_go else _of_run(deployment, folder)
    gone = [
        net
        for net in net_of(entries)[0].values()
        if net.after is None and net.kind in run.kinds and (run.courses is None or net.course in run.courses)
    ]
    ids = id_map(gone, load_snapshot(folder), _made(folder))
    work = work_list(entries, ids)
    folder.save_text("ids.csv", as_csv([ids.columns, *(row.values() for row in rows(ids))]))
    folder.save_text("work.csv", as_csv([work.columns, *(row.values() for row in rows(work))]))
    about = {"run_id": run.run_id, "undoes": run.undoes, "dry_run": run.dry_run}
    folder.save_text("restored.html", restored_page(about, rows(ids), rows(work)))
    return {"came_back": int(ids["new_id"].notna().sum()), "of": len(ids), "work": len(work)}


def _undone(deployment: Deployment, run: Restoring) -> tuple[str, str]:
    """The run that is meant, as the journal calls it, and its term; Airflow's own id will do if one DAG has it."""
    names = [run.undoes, *(run_name(dag_id, run.undoes) for dag_id in (RELEASE_DAG, RESTORE_DAG))]
    if run.let_go and not run.undoes.startswith(RESTORE_DAG):
        names = names[2:]
    with deployment.state.connect() as link:
        found = history.runs_written(link, names)
        latest = [] if found else history.runs_written(link)
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(name for name, _ in found)
        raise SettingsError(f"several runs are called {run.undoes!r}: type one of {told}")
    if run.let_go:
        latest = [one for one in latest if one[0].startswith(RESTORE_DAG)]
    told = ", ".join(name for name, _ in latest[:_SHOWN]) or "none"
    noun = "restore" if run.let_go else "run"
    raise SettingsError(
        f"no {noun} {run.undoes!r} has written anything that the journal still has. The latest that did: {told}"
    )


def _of_run(deployment: Deployment, folder: RunFolder) -> list[Entry]:
    """What the run did that is taken back: its journal's entries, in order."""
    with deployment.state.connect() as link:
        every = history.entries_of(link, folder.json("undone")["run"])
        return [entry for entry in every if entry["outcome"] == Outcome.DONE]


def _listed_by_others(deployment: Deployment, folder: RunFolder, course_ids: pd.Series) -> set[Object | Pair]:
    """What open terms list in these courses that are not the run's, by kind and ids."""
    others = open_terms(deployment, folder.frame("ledger/term_states")) - {released(folder.json("undone")["term"])}
    found: set[Object | Pair] = set()
    for name in LEDGER:
        frame = folder.frame(f"ledger/{name}")
        for row in rows(frame[frame["course_id"].isin(course_ids)]):
            if others.isdisjoint((row["terms"] or "").split()):
                continue
            if name == "objects":
                found.add((Kind(row["kind"]), row["moodle_id"]))
            elif name == "links":
                found.add((Kind.LINK, row["grouping_id"], row["group_id"]))
            else:
                found.add((Kind.MEMBERSHIP, row["group_id"], row["user_id"]))
    return found


def _touched(entries: Iterable[Entry], run: Restoring) -> dict[int, str]:
    """The courses in question, by id."""
    touched = {entry["course_id"]: entry["course"] for entry in entries}
    if run.courses is None:
        return touched
    if unknown := sorted(run.courses - set(touched.values())):
        raise SettingsError(f"run {run.undoes} has written nothing in: {', '.join(unknown[:_SHOWN])}")
    return {course_id: course for course_id, course in touched.items() if course in run.courses}


def _scope(courses: pd.DataFrame, managed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All of these courses is in scope, whatever the mappings say by now: what was done is to be taken back."""
    own = set(courses["course_id"])
    labels = {row["module"] for frame in managed.values() for row in rows(frame) if row["course_id"] in own}
    every = product(("groupings", "groups", "memberships"), courses["course"], {None, *labels})
    return frame_of(
        (
            {"dataset": d, "course": course, "label": label, "standing": str(Standing.ACTIVE)}
            for d, course, label in every
        ),
        SCOPE,
    )


def _released(deployment: Deployment, run: Restoring) -> Split:
    """NotReleased where a person's answer may not be used (any more), or was about another plan."""
    plan, verdict = load_judged(run.folder(deployment))
    parts = split(plan, verdict)
    if run.dry_run:
        return Split(plan.only(plan.frame["kind"].isna()), parts.held, parts.releasable)
    if not request_of(deployment, run):
        return parts
    approval = require_approved(deployment, run)
    if parts.releasable.digest != approval.digest:
        refuse(deployment, approval, "the plan that is to be applied is not the one that was asked about")
    return with_approved(plan, verdict, approval.courses)


def _let_go(deployment: Deployment, run: Restoring, folder: RunFolder) -> dict[str, int]:
    """How much of what that restore brought back is (in a dry run: would be) let go, by table of the ledger."""
    ids: dict[str, list[tuple[Any, ...]]] = {"objects": [], "links": [], "memberships": []}
    for entry in _of_run(deployment, folder):
        kind = Kind(entry["kind"])
        if entry["action"] != Action.CREATE or kind not in run.kinds:
            continue
        if run.courses is not None and entry["course"] not in run.courses:
            continue
        if kind is Kind.LINK:
            ids["links"].append((entry["grouping_id"], entry["group_id"]))
        elif kind is Kind.MEMBERSHIP:
            ids["memberships"].append((entry["group_id"], entry["user_id"]))
        else:
            ids["objects"].append((str(kind), entry[f"{kind}_id"]))
    with deployment.state.begin() as link:
        kept = {name: ledger.kept(link, name, some) for name, some in ids.items()}
        for name, some in kept.items() if not run.dry_run else ():
            ledger.let_go(link, name, some)
    return {name: len(some) for name, some in kept.items()}


def _made(folder: RunFolder) -> dict[tuple[Kind, str, str], int]:
    """The new ids, by kind, course and key."""
    found = {}
    for row in rows(folder.frame("outcomes")) if folder.has("outcomes.parquet") else []:
        if row["made_id"] is not None and row["kind"] in (Kind.GROUPING, Kind.GROUP):
            found[Kind(row["kind"]), row["course"], row[row["kind"]]] = row["made_id"]
    return found
