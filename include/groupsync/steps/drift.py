"""Look for what in Moodle no longer is as last applied, a term at a time, and tell it of all open terms.

It writes nothing but files: no lease, no ledger, no journal, no run on record that a later one compares itself with.
The plan is the one that the term's next run would make, by the same steps; it need not succeed for Moodle to be looked
at.  A run may be writing meanwhile: courses that it wrote to are left out and named.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from include.groupsync.breaker.split import held_by
from include.groupsync.diff.drift import added_by_hand, claimed_by, drift_of
from include.groupsync.diff.next_run import NextRun, counted, foresee
from include.groupsync.errors import GroupsyncError
from include.groupsync.model.alert import Seen
from include.groupsync.model.drift import DRIFT, NOT_READ, What
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.schedule import phase_of
from include.groupsync.model.scope import Scope
from include.groupsync.model.snapshot import SCHEMAS, How, InQuestion, Snapshot
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import read_course_keys, read_snapshot
from include.groupsync.moodle.uses import read_uses
from include.groupsync.report.drift import drift_csv, drift_page
from include.groupsync.report.summary import findings_of
from include.groupsync.report.trouble import drifted, not_looked_at
from include.groupsync.state import term_states
from include.groupsync.state.history import last_entry, written_since
from include.groupsync.steps import step
from include.groupsync.steps.decide import load_judged
from include.groupsync.steps.identify import as_document, require_identity
from include.groupsync.steps.read import known_ids, read_both, save_ledger
from include.groupsync.steps.run import Deployment, Run, client_of, load_ledger, load_snapshot, recorded, step_records
from include.groupsync.steps.states import mode_of, open_terms, state_read

FOLDER = "drift"  # such a run is of several terms; its folder is below this name, with one for each term in it
# The sync's own steps up to its plan; those that write are not among them, and ``read_moodle`` is below.
_CHAIN = ("extract", "read_moodle", "validate", "diff_groupings", "diff_groups", "diff_memberships", "read_use",
          "circuit_breaker")  # fmt: skip
_GONE = "Moodle does not list it: it was deleted, or is closed to the token's account"


@dataclass(frozen=True)
class Looking(Run):
    """The look at one term."""

    @property
    def is_sync(self) -> bool:
        return False

    @property
    def counts_missing(self) -> bool:
        """It foresees the next run, which will have counted; its own count is not kept."""
        return True

    def folder(self, deployment: Deployment) -> RunFolder:
        return RunFolder.of(deployment.runs_root / FOLDER, self.run_id, self.term_key)


def begin(deployment: Deployment, run_id: str) -> list[str]:
    """The terms to be looked at, in the calendar's order, also for the report: those whose claims have not ended."""
    with deployment.state.connect() as link:
        open_now = open_terms(deployment, term_states.load(link))
    terms = [term.key for term in deployment.calendar.terms if term.key in open_now]
    folder_of(deployment, run_id).save_json("terms", {"terms": terms})
    return terms


def folder_of(deployment: Deployment, run_id: str) -> RunFolder:
    """The folder of all the terms of one run, in which the tab looks for its page."""
    return RunFolder.of(deployment.runs_root, FOLDER, run_id)


@recorded
def look(deployment: Deployment, run: Looking, folder: RunFolder) -> Mapping[str, Any]:
    """Save ``drift`` (DRIFT), ``not_read`` (NOT_READ) and ``looked.json``.

    Raises where identity, ledger or Moodle could not be read.  Where the source could not, or no plan could be made,
    what the next run does is *unknown*, and why.
    """
    shutil.rmtree(folder.path)  # what an earlier try has left is of another moment
    folder.path.mkdir(parents=True)
    # The next run by the schedule does as much as the settings say for the day (and the term's state lets it).
    phase = phase_of(deployment.calendar, run.term(deployment), deployment.today)
    run = replace(run, mode=deployment.settings.mode_of(deployment.environment, phase))
    client = client_of(deployment, run)
    sides = require_identity(deployment, client)
    folder.save_json("identity", {"sides": [as_document(side) for side in sides]})
    with deployment.state.connect() as link:
        began = last_entry(link)
    managed = claimed_by(run.term_key, save_ledger(deployment, folder))
    if not any(map(len, managed.values())):
        return _leave(folder, _nothing_managed(run, folder))
    unknown = _plan(deployment, run)
    whole = load_ledger(folder)
    managed = claimed_by(run.term_key, whole)
    snapshot, not_found = _moodle(deployment, folder, client, managed)
    with deployment.state.connect() as link:
        written = written_since(link, began)
    courses = {course_id for frame in managed.values() for course_id in frame["course_id"]}
    left_out = {
        **{
            one: f"run {written[one]} was writing to it, or what it wrote is not known yet"
            for one in courses & written.keys()
        },
        **{row["course_id"]: row["reason"] for row in rows(snapshot.unread) if row["course_id"] in courses},
        **dict.fromkeys(not_found, _GONE),
    }
    drift = foresee(drift_of(managed, snapshot, left_out), _next_run(deployment, run, folder, snapshot, unknown))
    drift = _with_uses(drift, client)
    folder.save_frame("drift", drift, DRIFT)
    not_read = _not_read(left_out, managed)
    folder.save_frame("not_read", not_read, NOT_READ)
    inside = added_by_hand(whole, snapshot)
    return _leave(folder, _document(run, folder, drift, not_read, managed, unknown) | {"not_ours": inside})


def _leave(folder: RunFolder, document: dict[str, Any]) -> dict[str, Any]:
    folder.save_json("looked", document)
    return {name: document[name] for name in ("managed", "things", "people", "not_read", "unknown")}


@recorded
def read_moodle(deployment: Deployment, run: Looking, folder: RunFolder) -> Mapping[str, Any]:
    """As the sync's step of that name, and leaves alone what an interrupted run has not settled."""
    return read_both(deployment, run, folder, client_of(deployment, run))


def _plan(deployment: Deployment, run: Looking) -> str:
    """The steps of the next run up to the circuit breaker; why no plan could be made, or ''."""
    try:
        for name in _CHAIN:
            (read_moodle if name == "read_moodle" else step(name))(deployment, run)
    except GroupsyncError as error:
        if run.folder(deployment).has("verdict.json"):
            return ""  # the circuit breaker blocks it all: there is a plan, and it is held
        failed = [name for name, record in step_records(run.folder(deployment)).items() if not record["ok"]]
        return f"no plan could be made: {' '.join(name for name in failed if name != 'look')}: {error}"
    return ""


def _moodle(
    deployment: Deployment, folder: RunFolder, client: MoodleClient, managed: Mapping[str, pd.DataFrame]
) -> tuple[Snapshot, set[int]]:
    """Moodle as the plan was made of it, and the other courses that the ledger has, such as those of frozen mappings;
    and which of them Moodle does not list."""
    settings = deployment.settings
    wanted = {course_id for frame in managed.values() for course_id in frame["course_id"]}
    first = load_snapshot(folder) if folder.has("moodle/stale.parquet") else None
    if first is not None:
        wanted -= set(first.courses["course_id"])
    everywhere = read_course_keys(client, settings.localcoursefield)
    objects = managed["objects"]
    rest = read_snapshot(
        client,
        everywhere[everywhere["course_id"].isin(list(wanted))].reset_index(drop=True),
        user_field=settings.localuserfield,
        with_people=False,
        known_groups=known_ids(objects, Kind.GROUP),
        known_groupings=known_ids(objects, Kind.GROUPING),
    )
    not_found = wanted - set(everywhere["course_id"])
    return (rest if first is None else _together(first, rest)), not_found


def _together(one: Snapshot, other: Snapshot) -> Snapshot:
    both = {name: pd.concat([getattr(one, name), getattr(other, name)], ignore_index=True) for name in SCHEMAS}
    return Snapshot(**{name: conform(frame, SCHEMAS[name]) for name, frame in both.items()})


def _next_run(deployment: Deployment, run: Looking, folder: RunFolder, snapshot: Snapshot, unknown: str) -> NextRun:
    if mode_of(run, folder) is Mode.PLAN:
        state = state_read(run, folder)[0]
        by = f"the term is {state}" if state.most is Mode.PLAN else "the settings' mode of this phase of term is plan"
        return NextRun(writes_nothing=f"{by}: its runs write nothing (C2)")
    if unknown:
        return NextRun(unknown=unknown)
    plan, verdict = load_judged(folder)
    names = [name for name in ("groupings", "groups", "memberships") if folder.has(f"desired/{name}.parquet")]
    exceptions = folder.frame("ledger/exceptions")
    excluded = exceptions[exceptions["what"] == "exclude"]
    return NextRun(
        plan=plan.frame,
        held_by=held_by(plan, verdict),
        findings=findings_of(folder),
        listed={name: folder.frame(f"desired/{name}") for name in names},
        links=folder.frame("observed/links"),
        groups=snapshot.groups,
        groupings=snapshot.groupings,
        scopes={name: Scope.of(folder.frame("scope"), name) for name in names},
        kinds=deployment.settings.kinds,
        excluded=frozenset(zip(excluded["course"], excluded["group"], excluded["user"], strict=True)),
    )


def _with_uses(drift: pd.DataFrame, client: MoodleClient) -> pd.DataFrame:
    """The rows with what still refers to a missing object; only the courses of such are asked."""
    gone = [row for row in rows(drift) if row["what"] == What.MISSING]
    if not gone:
        return drift
    asked: dict[int, dict[str, dict[int, str]]] = {}
    for row in gone:
        kinds = asked.setdefault(row["course_id"], {"group": {}, "grouping": {}})
        kinds[row["kind"]][row["moodle_id"]] = row["applied"] or row[row["kind"]]
    uses = read_uses(
        client, {at: InQuestion(groups=kinds["group"], groupings=kinds["grouping"]) for at, kinds in asked.items()}
    )
    told: dict[tuple[str, int], set[str]] = {}
    for use in (one for several in uses.found.values() for one in several):
        if use.how is not How.GROUP_MODE:  # an activity in group mode works with whatever groups there are
            words = f"{use.module or ''} {use.activity or ''}".strip()
            told.setdefault((use.kind, use.moodle_id), set()).add(f"{use.how} of {words}" if words else str(use.how))
    used_by = [
        ", ".join(sorted(told.get((row["kind"], row["moodle_id"]), ()))) if row["what"] == What.MISSING else None
        for row in rows(drift)
    ]
    return conform(drift.assign(used_by=pd.Series(used_by, dtype=object)), DRIFT)


def _not_read(left_out: Mapping[int, str], managed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    names = {row["course_id"]: row["course"] for row in rows(managed["objects"][["course_id", "course"]])}
    sizes = Counter(course_id for frame in managed.values() for course_id in frame["course_id"])
    found = [
        {"course_id": at, "course": names.get(at) or f"#{at}", "reason": reason, "things": sizes[at]}
        for at, reason in left_out.items()
    ]
    return frame_of(sorted(found, key=lambda row: (row["course"], row["course_id"])), NOT_READ)


# --- what is told


def _nothing_managed(run: Looking, folder: RunFolder) -> dict[str, Any]:
    drift, not_read = frame_of([], DRIFT), frame_of([], NOT_READ)
    folder.save_frame("drift", drift, DRIFT)
    folder.save_frame("not_read", not_read, NOT_READ)
    return _document(run, folder, drift, not_read, {}, "") | {"not_ours": {"memberships": 0, "links": 0}}


def _document(
    run: Looking,
    folder: RunFolder,
    drift: pd.DataFrame,
    not_read: pd.DataFrame,
    managed: Mapping[str, pd.DataFrame],
    unknown: str,
) -> dict[str, Any]:
    inside = drift["kind"].isin([str(Kind.LINK), str(Kind.MEMBERSHIP)])
    objects = drift[drift["kind"].isin([str(Kind.GROUPING), str(Kind.GROUP)])]
    return {
        "term": run.term_key,
        "state": str(state_read(run, folder)[0]),
        "managed": {name: len(frame) for name, frame in managed.items()},
        "counts": list(counted(drift)),
        "things": len(drift),
        "objects": len(objects[["kind", "moodle_id"]].drop_duplicates()),
        "inside": int((inside & (drift["what"] != str(What.WITH_IT))).sum()),
        "courses": int(drift["course_id"].nunique()),
        "people": int(drift["user"].nunique()),
        "not_read": len(not_read),
        "unknown": unknown,
    }


def report(deployment: Deployment, run_id: str) -> list[dict[str, Any]]:
    """The run's page, ``drift.csv`` and ``drift.json`` of all terms; what it says of each.

    Raises GroupsyncError in the end where a term could not be looked at.
    """
    front = folder_of(deployment, run_id)
    if not front.has("terms.json"):
        raise GroupsyncError("FAILED: open_terms did not end; its log says more. Nothing was looked at.")
    document: dict[str, Any] = {
        "run_id": run_id,
        "environment": deployment.environment,
        "reported_at": deployment.now().isoformat(timespec="seconds"),
        "limits": deployment.settings.drift.model_dump(),
        "terms": [_told(deployment, run_id, term) for term in front.json("terms")["terms"]],
    }
    frames = {one["term"]: _frames(deployment, run_id, one["term"]) for one in document["terms"] if one["ok"]}
    front.save_json("drift", document)
    front.save_text("drift.csv", drift_csv(frames))
    front.save_text("report.html", drift_page(document, frames))
    failed = [one["term"] for one in document["terms"] if not one["ok"]]
    if failed:
        raise GroupsyncError(f"FAILED: not looked at: {', '.join(failed)}. The report says why; the others were.")
    return list(document["terms"])


def _told(deployment: Deployment, run_id: str, term: str) -> dict[str, Any]:
    folder = Looking(run_id, term).folder(deployment)
    record = step_records(folder).get("look")
    if record is not None and record["ok"]:
        return {"ok": True, **folder.json("looked")}
    why = "the task died" if record is None else str(record["message"])
    return {"ok": False, "term": term, "error": "Killed" if record is None else record["error"], "message": why}


def _frames(deployment: Deployment, run_id: str, term: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = Looking(run_id, term).folder(deployment)
    return folder.frame("drift"), folder.frame("not_read")


def seen_in(deployment: Deployment, run_id: str) -> Iterator[tuple[str, Seen, str]]:
    """For the alert: of each term what is wrong, which causes are gone, and what names the moment of the look.

    Where something was not read, what was told before is not taken for over.
    """
    front = folder_of(deployment, run_id)
    # Where not even the terms could be listed, the sync tells of the same cause.
    for term in front.json("terms")["terms"] if front.has("terms.json") else ():
        told, folder = _told(deployment, run_id, term), Looking(run_id, term).folder(deployment)
        moment = f"{run_id} {(step_records(folder).get('look') or {}).get('started_at')}"
        if not told["ok"]:
            yield term, Seen((not_looked_at(told["error"]),)), moment
            continue
        found = drifted(told, deployment.settings.drift.model_dump())
        cleared = {"drift_look"} if told["not_read"] else {"drift_look", "drift"}
        yield term, Seen(() if found is None else (found,), frozenset(cleared)), moment
