"""What the circuit breaker's rules look at, gathered from the run's folder, the state database and the calendar."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd

from include.groupsync.breaker.baselines import Baselines, Part
from include.groupsync.breaker.evidence import Evidence, Object, Place
from include.groupsync.model import keys
from include.groupsync.model.frames import rows
from include.groupsync.model.freshness import Freshness, parse_freshness
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.model.snapshot import How
from include.groupsync.model.verdict import Verdict
from include.groupsync.source.native import statements_of
from include.groupsync.state import runs, switches, term_states
from include.groupsync.state.history import count_gone
from include.groupsync.steps.run import Deployment, Restoring, Run, load_ledger, step_records, week_of

# An activity in group mode works with whatever groups there are; the other uses break with this very one.
_ANY_GROUP = (How.GROUP_MODE,)


def gather(deployment: Deployment, run: Run, folder: RunFolder, plan: Plan) -> Evidence:
    """The evidence on a plan of this run; it reads nothing but what the steps before have left, and the state."""
    now, records, scope = deployment.now(), step_records(folder), _scope(run, folder)
    with deployment.state.connect() as link:
        day, days = (count_gone(link, now - timedelta(hours=hours)) for hours in (24, 7 * 24))
        opened, switched_on = term_states.opened_unseen(link, run.term_key), switches.on_unseen(link, run.term_key)
    return Evidence(
        plan=plan,
        managed=_managed(run, folder),
        departments=_departments(folder),
        courses=len({place.course for place in scope}),
        members=_members(folder, plan),
        links=_links(folder, plan),
        uses=_uses(folder),
        unread=tuple(sorted(set(deployment.settings.datasets) - set(records.get("extract", {}).get("rows", {})))),
        identity=_identity(folder),
        scope=scope,
        applied_day=day,
        applied_week=days,
        blackouts=deployment.calendar.blackouts_on(deployment.today),
        settings_digest=configuration_digest(deployment),
        restore=isinstance(run, Restoring),
        opened_again=opened.since if opened else "",
        courses_opened=switched_on,
        **_of_term(deployment, run, folder, scope),
        **_of_source(deployment, run, folder, records.get("validate", {})),
    )  # fmt: skip


def _of_term(deployment: Deployment, run: Run, folder: RunFolder, scope: frozenset[Place]) -> dict[str, Any]:
    """What ``empty`` goes by; a restore has no term, and is not judged by it."""
    if isinstance(run, Restoring):
        return {}
    term = run.term(deployment)
    return {
        "listed": _listed(run, folder, everywhere=deployment.settings.mappings is None),
        "asked_for": term.at_source,
        "ended": term.last_on < deployment.today,
        "takes_groups": deployment.settings.mappings is None or any(place.active for place in scope),
    }


def source_evidence(deployment: Deployment, run: Run, folder: RunFolder, validated: Mapping[str, Any]) -> Evidence:
    """The part of the evidence that is known before there is a plan; ``validated`` is what the step will record."""
    return Evidence(plan=Plan.of(), **_of_source(deployment, run, folder, validated))


def _of_source(deployment: Deployment, run: Run, folder: RunFolder, validated: Mapping[str, Any]) -> dict[str, Any]:
    read, week = step_records(folder).get("extract", {}), week_of(deployment, run)
    with deployment.state.connect() as link:
        baselines = baselines_of(runs.accepted(link, besides=run.run_id), run.term_key, week)
    if not run.extent.is_whole:
        # Its tables are whole, and compare as ever; who is listed in a few courses says nothing of all.
        baselines = replace(baselines, unmatched={})
    return {
        "rows_read": read.get("rows", {}),
        "unmatched": _unmatched(folder),
        "quarantined": {
            name: Part(validated["keys_quarantined"][name], count)
            for name, count in validated.get("keys", {}).items()
        },
        "freshness": _parsed(read.get("freshness", {})),
        "answered": {name: rows for name, rows in read.get("answered", {}).items() if name.startswith("sits_")},
        "now": deployment.now(),
        "term": run.term_key,
        "week": week,
        "baselines": baselines,
    }  # fmt: skip


def measures_of(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """What later runs compare themselves with, as plain values; ``baselines_of`` reads it back."""
    return {
        "rows": {**evidence.rows_read, **evidence.answered},
        "unmatched": {what: [part.count, part.of] for what, part in evidence.unmatched.items()},
        "quarantined": {name: [part.count, part.of] for name, part in evidence.quarantined.items()},
        "deletes": {str(kind): evidence.count((kind,), Action.DELETE) for kind in (Kind.GROUPING, Kind.GROUP)},
        "freshness": {source: str(answer) for source, answer in evidence.freshness.items()},
        "week": evidence.week,
        "volume_tripped": [trip.subject for trip in verdict.trips if trip.rule == "volume"],
    }


def baselines_of(accepted: list[dict[str, Any]], term: str, week: int | None) -> Baselines:
    """The baselines for a run in that week of that term, from ``runs.accepted``.

    A dataset's rows are looked back on as far as to a run whose ``volume`` trip a person approved: it began anew.
    """
    own = [run for run in accepted if run["term"] == term]
    unmatched: dict[str, list[Part]] = {}
    for run in own:
        for what, (count, of) in run["measures"]["unmatched"].items():
            unmatched.setdefault(what, []).append(Part(count, of))
    return Baselines(
        accepted=len(own),
        rows=_rows_since_begun(own),
        unmatched=unmatched,
        deletes=[sum(run["measures"]["deletes"].values()) for run in accepted if run["measures"]["week"] == week],
        freshness=_highest([_parsed(run["measures"]["freshness"]) for run in accepted]),
        settings_digest=next((run["settings_digest"] for run in accepted), None),
    )


def configuration_digest(deployment: Deployment) -> str:
    """SHA-256 over settings, statements, and the calendar's terms and blackouts; the settings hold no secret, nor does
    this.

    When it runs, and who is told of what, changes nothing of what a run does: schedule, ``alerts`` and ``drift`` are
    left out.  So is ``modes``: how much a run does is no slip that looks like an empty source.
    """
    settings, sql_folder = deployment.settings, deployment.project_root / "include" / "sql"
    files = {table.sql for table in settings.tables.values()} | set(settings.freshness.values())
    names = {name for name in files if name is not None} | {f"{name}.sql" for name in statements_of(settings)}
    statements = {
        path.name: path.read_text(encoding="utf-8")
        for name in names
        for path in (sql_folder / name, *sql_folder.glob(f"{name.removesuffix('.sql')}.*.sql"))
    }
    calendar = [repr(one) for one in (*deployment.calendar.terms, *deployment.calendar.blackouts)]
    whole = {
        "settings": settings.model_dump(mode="json", exclude={"alerts", "drift", "modes"}),
        "statements": statements,
        "calendar": calendar,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _rows_since_begun(newest_first: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    begun: set[str] = set()
    for run in newest_first:
        measures = run["measures"]
        for dataset, count in measures["rows"].items():
            if dataset not in begun:
                found.setdefault(dataset, []).append(count)
        if run["outcome"] == "held":  # and accepted: a person has approved what the trips held
            begun.update(measures["volume_tripped"])
    return found


def _highest(answers: list[dict[str, Freshness]]) -> dict[str, Freshness]:
    """The highest answer of each source, of the kind (time or number) of its newest one."""
    highest: dict[str, Freshness] = {}
    for run in answers:
        for source, answer in run.items():
            known = highest.setdefault(source, answer)
            if type(known) is type(answer) and answer > known:  # type: ignore[operator]
                highest[source] = answer
    return highest


def _parsed(answers: Mapping[str, str]) -> dict[str, Freshness]:
    return {source: parse_freshness(text) for source, text in answers.items()}


def _identity(folder: RunFolder) -> tuple[str, ...]:
    """The sides that differ; a comparison that is not there counts as one that failed."""
    if not folder.has("identity.json"):
        return ("the five names of the environment were not compared",)
    return tuple(f"{side['name']}: {side['says']}" for side in folder.json("identity")["sides"] if not side["agrees"])


def _scope(run: Run, folder: RunFolder) -> frozenset[Place]:
    """The places in scope whose course Moodle has and that could be read, straight from the frames."""
    own = {kind.dataset for kind in Kind if run.extent.takes(kind)}
    found, unread = folder.frame("moodle/courses"), folder.frame("moodle/unread")
    there = set(found.loc[~found["course_id"].isin(unread["course_id"]), "course"])
    return frozenset(
        Place(row["dataset"], row["course"], row["label"], row["standing"] == Standing.ACTIVE)
        for row in rows(folder.frame("scope"))
        if row["standing"] != Standing.FROZEN and row["course"] in there and row["dataset"] in own
    )


def _listed(run: Run, folder: RunFolder, *, everywhere: bool) -> dict[Kind, int]:
    """How many managed things the run's term lists, by kind: those of ``_managed``; or, without a mapping table, all:
    where the remote tables alone say what is in scope (rule C6), empty ones leave nothing in it."""
    if not everywhere:
        return {kind: sum(counts.values()) for kind, counts in _managed(run, folder, run.term_key).items()}
    ledger = load_ledger(folder)
    objects = ledger["objects"]
    frames = {kind: objects[objects["kind"] == str(kind)] for kind in (Kind.GROUPING, Kind.GROUP)}
    frames |= {Kind.LINK: ledger["links"], Kind.MEMBERSHIP: ledger["memberships"]}
    return {kind: len(_of(frame, run.term_key)) for kind, frame in frames.items()}


def _of(frame: pd.DataFrame, term: str) -> pd.DataFrame:
    """The managed things that the term lists."""
    return frame[frame["terms"].isin([terms for terms in frame["terms"].dropna().unique() if term in terms.split()])]


def _managed(run: Run, folder: RunFolder, term: str | None = None) -> dict[Kind, dict[str, int]]:
    """Managed and in Moodle, by kind and course; what is frozen, or of a kind that the run is not for, is no part of
    any denominator.  Of one term, or all."""
    courses = folder.frame("moodle/courses")
    names = dict(zip(courses["course_id"], courses["course"], strict=True))
    counts: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
    for kind, frame in _ledger(folder):
        if not run.extent.takes(kind):
            continue
        scope = Scope.of(folder.frame("scope"), kind.dataset)
        own = frame if term is None else _of(frame, term)
        for row in rows(own.groupby(["course_id", "module"], dropna=False).size().rename("n").reset_index()):
            course = names.get(row["course_id"])
            if course is not None and scope.standing(course, row["module"]) is not Standing.FROZEN:
                counts[kind][course] = counts[kind].get(course, 0) + row["n"]
    return counts


def _ledger(folder: RunFolder) -> Iterator[tuple[Kind, pd.DataFrame]]:
    ledger = load_ledger(folder)
    there = {kind: folder.frame(f"moodle/{kind}s")[f"{kind}_id"] for kind in (Kind.GROUPING, Kind.GROUP)}
    for kind, ids in there.items():
        own = ledger["objects"][ledger["objects"]["kind"] == str(kind)]
        yield kind, own[own["moodle_id"].isin(ids)]
    links, memberships = ledger["links"], ledger["memberships"]
    both = links["group_id"].isin(there[Kind.GROUP]) & links["grouping_id"].isin(there[Kind.GROUPING])
    yield Kind.LINK, links[both & ~links["gone"]]
    yield Kind.MEMBERSHIP, memberships[memberships["group_id"].isin(there[Kind.GROUP])]


def _departments(folder: RunFolder) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in rows(folder.frame("departments")):
        found[row["course"]] = (*found.get(row["course"], ()), row["department"])
    return found


def _members(folder: RunFolder, plan: Plan) -> dict[tuple[str, str], tuple[str, ...]]:
    """The members now of the groups from which the plan takes somebody; one without a key by ``#`` and id."""
    frame = plan.frame
    losing = frame[
        (frame["action"] == str(Action.DELETE)) & frame["kind"].isin([str(Kind.GROUP), str(Kind.MEMBERSHIP)])
    ]
    wanted = set(zip(losing["course"], losing["group"], strict=True))
    courses = folder.frame("moodle/courses")
    names = dict(zip(courses["course_id"], courses["course"], strict=True))
    groups = {}
    for row in rows(folder.frame("moodle/groups")[["course_id", "group_id", "idnumber"]]):
        key = keys.key(row["idnumber"]) or keys.without_idnumber(row["group_id"])
        if (names.get(row["course_id"]), key) in wanted:
            groups[row["group_id"]] = (names[row["course_id"]], key)
    people = {row["user_id"]: row["user"] for row in rows(folder.frame("users"))}
    members = folder.frame("moodle/members")
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows(members[members["group_id"].isin(list(groups))]):
        found.setdefault(groups[row["group_id"]], []).append(people.get(row["user_id"]) or f"#{row['user_id']}")
    return {group: tuple(sorted(users)) for group, users in found.items()}


def _links(folder: RunFolder, plan: Plan) -> dict[tuple[str, str], int]:
    """The managed links in scope of each grouping, of the courses whose links the plan takes out."""
    frame = plan.frame
    losing = frame[(frame["action"] == str(Action.DELETE)) & (frame["kind"] == str(Kind.LINK))]
    wanted = set(losing["course"])
    if not wanted:
        return {}
    courses, groupings = folder.frame("moodle/courses"), folder.frame("moodle/groupings")
    names = {row["course_id"]: row["course"] for row in rows(courses) if row["course"] in wanted}
    keyed = {row["grouping_id"]: keys.key(row["idnumber"]) or keys.without_idnumber(row["grouping_id"])
             for row in rows(groupings[groupings["course_id"].isin(list(names))])}  # fmt: skip
    scope = Scope.of(folder.frame("scope"), Kind.LINK.dataset)
    links = dict(_ledger(folder))[Kind.LINK]
    found: Counter[tuple[str, str]] = Counter()
    for row in rows(links[links["course_id"].isin(list(names))]):
        course = names[row["course_id"]]
        if scope.standing(course, row["module"]) is not Standing.FROZEN:
            found[course, keyed[row["grouping_id"]]] += 1
    return found


def _uses(folder: RunFolder) -> dict[Object, tuple[str, ...]]:
    """What uses each object that the plan deletes, in words; what could not be read counts as a use."""
    found: dict[Object, list[str]] = {}
    for row in rows(folder.frame("uses")):
        if row["how"] not in _ANY_GROUP:
            words = f"{row['module'] or ''} {row['activity'] or ''}".strip()
            told = f"{row['how']} of {words}" if words else row["how"]
            found.setdefault((row["kind"], row["course"], row["key"]), []).append(told)
    return {thing: tuple(sorted(set(several))) for thing, several in found.items()}


def _unmatched(folder: RunFolder) -> dict[str, Part]:
    """Distinct keys that Moodle does not know: courses that take groups, and people listed in them."""
    every = folder.frame("scope")
    wanted = set(every.loc[every["standing"] == str(Standing.ACTIVE), "course"].dropna())
    known = set(folder.frame("moodle/courses")["course"])
    found = {"courses": Part(len(wanted - known), len(wanted))}
    if folder.has("desired/memberships.parquet"):
        listed = set(folder.frame("desired/memberships")["user"].dropna())
        found["users"] = Part(len(listed - set(folder.frame("users")["user"].dropna())), len(listed))
    return found
