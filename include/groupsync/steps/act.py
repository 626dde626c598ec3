"""Write what is released to Moodle, and read it back; nothing else in the project writes to Moodle (rule A7)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from include.groupsync.apply.canary import Cut, cut
from include.groupsync.apply.executor import Executor, Record, Result
from include.groupsync.apply.healing import Healing
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.pacing import Pace
from include.groupsync.apply.verify import State, differences
from include.groupsync.errors import ApplyError, GroupsyncError, TermStateError
from include.groupsync.model.finding import FINDING, Finding
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.journal import OUTCOME, Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.lookup import MembersByGroup
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan, StoredPlan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.model.things import Group, Grouping
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow, read_snapshot
from include.groupsync.moodle.writer import MoodleWriter
from include.groupsync.report.changes import key_of
from include.groupsync.state import ledger
from include.groupsync.state.journal import RunJournal
from include.groupsync.steps.decide import load_released, load_split
from include.groupsync.steps.identify import require_identity
from include.groupsync.steps.release import require_approved
from include.groupsync.steps.run import Deployment, Run, claim_of, client_of, load_ledger, load_snapshot, recorded
from include.groupsync.steps.states import may_go_on, mode_of, state_read
from include.groupsync.steps.writing import healing_of, settle_open, sweep, writing

# What may have left something in a course, if only in Moodle's cache.
_TOUCHED = [str(Outcome.DONE), str(Outcome.REFUSED), str(Outcome.UNKNOWN)]
_LOT = 50_000  # changes whose courses are read back together
_PAIRS = {"links": Kind.LINK, "memberships": Kind.MEMBERSHIP}
_OBSERVED = {"groupings": "objects", "groups": "objects", "links": "links", "memberships": "memberships"}


@recorded
def apply(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Send the released part of the plan; what became of each change is in ``outcomes.parquet``.  A run that only
    plans, or whose term is frozen, sends nothing, and leaves the ledger as it is.

    A change that Moodle refuses fails alone; raises ApplyError when the site stops answering.  In a release run
    the approval is looked at once more, and many deletes begin with a few that are read back.
    """
    if mode_of(run, folder) is Mode.PLAN:
        folder.save_frame("outcomes", frame_of([], OUTCOME), OUTCOME)
        return {"outcomes": {}, **_skipped(run, folder)}
    if run.release is None:
        return apply_part(deployment, run, folder, load_released(folder))
    part = load_split(folder).released  # what people approve is never so much that it would not fit into memory
    require_approved(deployment, run)
    limits = deployment.settings.approval
    return apply_part(deployment, run, folder, part, cut(part, limits.canary_over, limits.canary_size))


def _skipped(run: Run, folder: RunFolder) -> Mapping[str, str]:
    """Why the step did nothing, for a run that was told to do more than plan."""
    if run.mode is Mode.PLAN:
        return {}
    state, _ = state_read(run, folder)
    return {
        "skipped": f"term {run.term_key} is {state}: nothing is written. The plan is on the run's tab 'Sync report'"
    }


def apply_part(
    deployment: Deployment, run: Run, folder: RunFolder, part: Plan | StoredPlan, slices: Cut | None = None
) -> Mapping[str, Any]:
    """Send a part of a judged plan that is released; the identity is compared once more before (rule I3).

    What an interrupted attempt of the same run sent is settled first, and what it did is not sent again.
    Where the term's state forbids it, nothing more is sent (TermStateError).
    Cut into slices, the rest goes only after the canary's deletes were done and read back; ApplyError otherwise.
    """
    client = client_of(deployment, run)
    after = folder.json("plan")["journal_entry"]
    journal = RunJournal(deployment.state, run.run_id, claim_of(run, folder), deployment.now, after)
    counts: Counter[str] = Counter()
    check = may_go_on(deployment, run, folder)
    with writing(deployment, run, client, check) as pace:
        check()
        require_identity(deployment, client)
        claimed = _observe(deployment, run, folder, journal)
        snapshot = load_snapshot(folder)
        healing = healing_of(deployment, run, client, pace)
        _clear(deployment, client, pace, healing, snapshot)
        executor = Executor(
            writer=MoodleWriter(client),
            reader=ObjectsNow(client),
            journal=journal,
            ids=_ids(folder),
            formats=_formats(snapshot),
            claimed=claimed,
            pace=pace,
            **_before_images(snapshot, folder.frame("users"), part),
        )
        with folder.rows_of("outcomes", OUTCOME) as save:

            def record(result: Result) -> None:
                counts[str(result.outcome)] += 1
                save(_outcome_row(result))

            if slices is not None:
                _apply_canary(deployment, folder, client, executor, slices, record)
            executor.apply(part if slices is None else slices.rest, record)
        _clear(deployment, client, pace, healing, snapshot)
    canary = {"canary": {"course": slices.course, "deletes": len(slices.canary)}} if slices is not None else {}
    return {"outcomes": dict(counts), "calls": dict(client.calls)} | canary


def _apply_canary(
    deployment: Deployment, folder: RunFolder, client: MoodleClient, executor: Executor, slices: Cut, record: Record
) -> None:
    """Send what comes before the deletes, then the first few of them; with an error nothing is left unrecorded."""
    first: list[Result] = []

    def note(result: Result) -> None:
        first.append(result)
        record(result)

    left = [slices.rest, slices.canary]
    try:
        executor.apply(slices.made, record)
        left.pop()
        executor.apply(slices.canary, note)
        _require_sound(deployment, folder, client, first, slices)
    except GroupsyncError:
        for change in (change for plan in reversed(left) for change in plan.changes()):
            record(Result(change, Outcome.NOT_TRIED, "the first deletes did not go as planned"))
        raise


def _require_sound(
    deployment: Deployment, folder: RunFolder, client: MoodleClient, first: list[Result], slices: Cut
) -> None:
    """ApplyError unless every delete of the canary was done and, read back, is gone."""
    bad = [f"{key_of(one.change)}: {one.reason}" for one in first if one.outcome is not Outcome.DONE]
    found, _ = _read_back(deployment, folder, client, _ids(folder), first, {slices.course})
    folder.save_frame("findings/verify", frame_of((one.row() for one in found), FINDING), FINDING)
    bad += [f"{one.key}: {one.reason}" for one in found]
    if bad:
        raise ApplyError(
            f"The first {len(first)} deletes, in course {slices.course}, did not go as planned: {bad[0]}. Nothing more"
            " was deleted; look at that course in Moodle before anything is approved again."
        )


def _clear(deployment: Deployment, client: MoodleClient, pace: Pace, healing: Healing, snapshot: Snapshot) -> None:
    """Nothing is left open, and no temporary grouping in the courses that the run may touch."""
    settle_open(deployment, client, pace, healing)
    sweep(deployment, healing, frozenset(snapshot.courses["course_id"]))


def _observe(deployment: Deployment, run: Run, folder: RunFolder, journal: RunJournal) -> frozenset[tuple[Any, ...]]:
    """Write what the run observed, once: on a second attempt the ledger knows better by what was done.

    Gives what other terms' runs have found listed since this one read the ledger, by kind and ids (rule C5).
    """
    begun, own = journal.has_begun, claim_of(run, folder)
    with deployment.state.begin() as link:
        read = load_ledger(folder)
        since = {table: ledger.changed_since(link, table, read[table]) for table in read}
        if not begun:
            for name, table in _OBSERVED.items():
                ledger.observe(link, table, folder.frame(f"observed/{name}"), since[table])
            if run.extent.is_whole:  # what a run for a part missed is not all that its term misses
                ledger.save_vanishing(link, run.term_key, folder.frame("observed/vanishing"))
    return frozenset(
        (Kind(row["kind"]) if table == "objects" else _PAIRS[table], *(ids[1:] if table == "objects" else ids))
        for table, changed in since.items()
        for ids, (before, row) in changed.items()
        if row is not None and _terms(row) - _terms(before) - {own}
    )


def _terms(row: Mapping[str, Any] | None) -> set[str]:
    return set(((row or {}).get("terms") or "").split())


@recorded
def verify(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Read the touched courses again and compare (rule J2); ApplyError where Moodle differs.

    A course whose list is out of date, as somebody looked while it was written to, is healed.
    """
    client, ids, released = client_of(deployment, run), _ids(folder), load_released(folder)
    counts, touched = _touched(folder)
    found: list[Finding] = []
    stale: dict[int, str] = {}
    for some in _lots(counts, touched):
        results = _results(released.of_courses(some), folder.frame_of_courses("outcomes", some))
        differs, now = _read_back(deployment, folder, client, ids, results, some)
        found += differs
        courses = {row["course_id"]: row["course"] for row in rows(now.courses)}
        stale |= {course_id: courses[course_id] for course_id in now.stale["course_id"]}
    _heal(deployment, run, folder, client, stale)
    folder.save_frame("findings/verify", frame_of((one.row() for one in found), FINDING), FINDING)
    if found:
        raise ApplyError(
            f"Moodle differs from what was written in {len(found)} places, such as"
            f" {found[0].course}: {found[0].reason}. The report lists all of them."
        )
    return {"compared": counts.total(), "courses": len(touched), "calls": dict(client.calls)}


def _touched(folder: RunFolder) -> tuple[Counter[str], set[str]]:
    """How many changes each course has, and the courses that may have been written to."""
    counts: Counter[str] = Counter()
    touched: set[str] = set()
    for batch in folder.batches("outcomes", ["course", "outcome"]):
        several = zip(batch["course"].to_pylist(), batch["outcome"].to_pylist(), strict=True)
        for course, outcome in several:
            counts[course] += 1
            if outcome in _TOUCHED:
                touched.add(course)
    return counts, touched


def _lots(counts: Counter[str], touched: set[str]) -> Iterator[set[str]]:
    """The courses in lots that are compared together: memory is bounded by a lot, not by the plan."""
    lot: set[str] = set()
    size = 0
    for course in sorted(touched):
        lot.add(course)
        size += counts[course]
        if size >= _LOT:
            yield lot
            lot, size = set(), 0
    if lot:
        yield lot


def _read_back(
    deployment: Deployment,
    folder: RunFolder,
    client: MoodleClient,
    ids: Ids,
    results: list[Result],
    touched: set[str],
) -> tuple[list[Finding], Snapshot]:
    """Where Moodle, read again in the touched courses, is not what these results say; and what was read."""
    courses = folder.frame("moodle/courses")
    known = _known_objects(results, ids, touched)
    now = read_snapshot(
        client,
        courses[courses["course"].isin(list(touched))].reset_index(drop=True),
        user_field=deployment.settings.localuserfield,
        with_people=False,
        known_groups=known[Kind.GROUP],
        known_groupings=known[Kind.GROUPING],
    )
    return differences(results, ids, State(now)), now


def _known_objects(results: list[Result], ids: Ids, touched: set[str]) -> dict[Kind, dict[int, list[int]]]:
    """What must be in Moodle of the touched courses, by kind and course id: its lists may hide it."""
    gone: set[tuple[Kind, str, str]] = set()
    for result in results:
        before, after = result.change.before, result.change.after
        if result.made_id is not None and isinstance(after, Grouping | Group):
            ids.objects[after.kind, after.course, after.key] = result.made_id
        if result.outcome is Outcome.DONE and after is None and isinstance(before, Grouping | Group):
            gone.add((before.kind, before.course, before.key))
    known: dict[Kind, dict[int, list[int]]] = {Kind.GROUP: {}, Kind.GROUPING: {}}
    for (kind, course, key), moodle_id in ids.objects.items():
        if course in touched and (kind, course, key) not in gone:
            known[kind].setdefault(ids.courses[course], []).append(moodle_id)
    return known


def _heal(deployment: Deployment, run: Run, folder: RunFolder, client: MoodleClient, stale: Mapping[int, str]) -> None:
    """A term that was frozen meanwhile is not written to for the sake of a cache."""
    if stale:
        with suppress(TermStateError), writing(deployment, run, client, may_go_on(deployment, run, folder)) as pace:
            healing_of(deployment, run, client, pace).heal(stale)


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


def _before_images(snapshot: Snapshot, users: pd.DataFrame, part: Plan | StoredPlan) -> dict[str, Any]:
    """What the deletes' before-images and the look before them need."""
    if not part.deletes:
        return {}
    return {
        "expected_members": MembersByGroup(snapshot.members),
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
