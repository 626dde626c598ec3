"""One run without files and HTTP: the steps' own order over frames, then the executor on a Moodle in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from include.groupsync.apply.executor import Executor, Result
from include.groupsync.apply.ids import Ids
from include.groupsync.breaker.split import Split, split
from include.groupsync.diff.course import Policy
from include.groupsync.diff.memberships import MembershipSides, diff_memberships
from include.groupsync.diff.objects import GROUPINGS, GROUPS
from include.groupsync.diff.together import (
    Inputs,
    diff_all_links,
    diff_objects,
    groups_to_join,
    objects_as_they_are,
    taken_over,
)
from include.groupsync.model import keys
from include.groupsync.model.effective import SWITCHES
from include.groupsync.model.extent import WHOLE, Extent
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import EXCEPTIONS, LEDGER
from include.groupsync.model.plan import Plan
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.model.snapshot import SCHEMAS, USERS, Snapshot
from include.groupsync.model.term import Term
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from include.groupsync.settings import Settings
from include.groupsync.source.clean import clean
from include.groupsync.source.extract import REMOTE
from include.groupsync.source.mappings import in_doubt, in_scope, of_term, scope_of
from include.groupsync.source.quarantine import FAILURE, PROTECTED, Sifted, sift
from include.groupsync.steps.extent import Within, compared, narrowed, narrowed_plan
from include.groupsync.steps.scoping import TABLES, deliveries, mappings_of_rows, scope_named, scope_of_rows
from tests.laws.ledgerbook import LedgerBook
from tests.laws.moodle import MemoryMoodle
from tests.laws.overlap import overlaps
from tests.laws.rowchecks import refusals
from tests.laws.university import LATER_TERMS, TERM, Options, University

TERM_OF_RUN = Term(TERM, pd.Timestamp(2026, 1, 1).date(), pd.Timestamp(2026, 6, 30).date(), "S", "Y", ("T1",))


@dataclass
class Planned:
    """A plan, what was found on the way, and what the executor and the ledger need of it."""

    plan: Plan
    findings: list[dict[str, Any]]
    observed: dict[str, list[dict[str, Any]]]
    after: dict[Kind, pd.DataFrame]
    snapshot: Snapshot
    users: pd.DataFrame
    protected: pd.DataFrame = field(default_factory=lambda: frame_of([], PROTECTED))
    waits: Plan = field(default_factory=Plan.of)


def plan_of(university: University, extent: Extent = WHOLE) -> Planned:
    """Judge, read and compare, as the steps do; for a part of the term, what of it ``waits`` for what is left out."""
    options, settings = university.options, university.options.settings()
    cleaned = {
        name: clean(name, frame_of(as_read(university, name, dataset.columns.configured), REMOTE[name]), settings)
        for name, dataset in settings.datasets.items()
    }
    mappings = mappings_of_rows(cleaned, settings, TERM_OF_RUN, frame_of([], SWITCHES))
    part = (settings, extent, mappings)
    spoken_of = compared(scope_of_rows(cleaned, settings, mappings), *part)
    snapshot = _read(university, spoken_of, settings)
    scope, sifted = _judged(cleaned, settings, options)
    parts = [one.protected for one in sifted.values()]
    if "mappings" in sifted:
        parts.append(in_doubt(sifted["mappings"].usable, sifted["mappings"].protected, TABLES))
    protected = _together(parts, PROTECTED)
    users = _users(university, cleaned, snapshot, spoken_of)
    own = compared(scope, *part)
    if not extent.is_whole:
        sifted |= {
            name: replace(one, usable=in_scope(one.usable, own, name)) for name, one in sifted.items() if name in TABLES
        }
    found = _compare(university, settings, snapshot, users, own, sifted, protected)
    found = _narrowed(found, Within.of(narrowed(scope, *part)[0], extent))
    return replace(found, findings=[*(row for one in sifted.values() for row in rows(one.findings)), *found.findings])


def _narrowed(found: Planned, part: Within) -> Planned:
    """Plan and observations without what the run is not for."""
    plan, waits = narrowed_plan(found.plan, part)
    courses = {row["course_id"]: row["course"] for row in rows(found.snapshot.courses)}
    kinds = {"links": Kind.LINK, "memberships": Kind.MEMBERSHIP}
    observed = {
        table: [
            row
            for row in several
            if part.has(kinds.get(table) or Kind(row["kind"]), courses.get(row["course_id"]), row["module"])
        ]
        for table, several in found.observed.items()
    }
    return replace(found, plan=plan, observed=observed, waits=waits)


def as_read(university: University, name: str, configured: Mapping[str, str]) -> list[dict[str, Any]]:
    """A table's configured columns; a row may bring its number along, and keeps it wherever it stands.

    Where a table has the term, its rows of other terms are not read (source/extract.py).
    """
    return [
        {"source_row": at, **{column: value for column, value in row.items() if column in {"source_row", *configured}}}
        for at, row in enumerate(university.rows.get(name, []), start=1)
        if "term" not in configured or row["term"] == TERM
    ]


def _judged(
    cleaned: dict[str, pd.DataFrame], settings: Settings, options: Options
) -> tuple[pd.DataFrame, dict[str, Sifted]]:
    sifted: dict[str, Sifted] = {}

    def judged(name: str, frame: pd.DataFrame) -> Sifted:
        failures = [
            {"source_row": row["source_row"], "column": column, "rule": rule, "reason": f"{column} {rule}"}
            for row in rows(frame)
            for column, rule in refusals(name, row, options)
        ]
        sifted[name] = sift(name, frame, frame_of(failures, FAILURE))
        return sifted[name]

    if settings.mappings is None:
        scope = scope_named(cleaned)
    else:
        mappings = judged("mappings", of_term(cleaned["mappings"], TERM_OF_RUN, settings.mappings.columns.configured))
        scope = scope_of(mappings.usable, mappings.protected, deliveries(settings))
    for name in TABLES:
        if name in cleaned:
            judged(name, in_scope(cleaned[name], scope, name))
    return scope, sifted


def _read(university: University, scope: pd.DataFrame, settings: Settings) -> Snapshot:
    state = university.moodle
    wanted = set(scope.loc[scope["standing"] != str(Standing.FROZEN), "course"].dropna())
    courses = {at: keys.key(text) for at, text in state.courses.items()}
    read = {at for at, key in courses.items() if key in wanted}
    seen = read - university.unread
    kinds = {"groupings": (state.groupings, "grouping_id"), "groups": (state.groups, "group_id")}
    records: dict[str, list[dict[str, Any]]] = {
        name: [
            {**one.__dict__, column: at, "idnumber": one.idnumber or None, "description_format": 1}
            for at, one in objects.items()
            if one.course_id in seen
        ]
        for name, (objects, column) in kinds.items()
    }
    records["links"] = [
        {"grouping_id": a, "group_id": b, "group_idnumber": state.groups[b].idnumber or None}
        for a, b in sorted(state.links)
        if state.groupings[a].course_id in seen
    ]
    records["members"] = [
        {"group_id": a, "user_id": b} for a, b in sorted(state.members) if state.groups[a].course_id in seen
    ]
    people = sorted(state.enrolled) if Kind.MEMBERSHIP in settings.kinds else []
    records["participants"] = [{"course_id": c, "user_id": u} for c, u in people if c in seen]
    records["users"] = [_user(university, u) for c, u in people if c in seen]
    records["unread"] = [{"course_id": c, "reason": "refused"} for c in sorted(university.unread & read)]
    records["courses"] = [{"course_id": at, "course": courses[at]} for at in sorted(read)]
    return Snapshot(**{name: frame_of(some, SCHEMAS[name]).drop_duplicates() for name, some in records.items()})


def _user(university: University, at: int) -> dict[str, Any]:
    return {"user_id": at, "user": keys.user_key(university.moodle.users[at], university.options.userfield)}


def _users(
    university: University, cleaned: dict[str, pd.DataFrame], snapshot: Snapshot, scope: pd.DataFrame
) -> pd.DataFrame:
    found = rows(snapshot.users)
    if "memberships" in cleaned:
        listed = set(in_scope(cleaned["memberships"], scope, "memberships")["user"].dropna())
        found += [_user(university, at) for at in university.moodle.users if _user(university, at)["user"] in listed]
    return frame_of(found, USERS).drop_duplicates()


def _compare(
    university: University,
    settings: Settings,
    snapshot: Snapshot,
    users: pd.DataFrame,
    scope: pd.DataFrame,
    sifted: dict[str, Sifted],
    protected: pd.DataFrame,
) -> Planned:
    ledger = {name: frame_of(getattr(university.ledger, name).values(), LEDGER[name]) for name in LEDGER}
    policy = Policy(
        term=TERM,
        open_terms=university.open_terms,
        later_terms=LATER_TERMS,
        on_name_collision=settings.on_name_collision,
        adopt_same_name=settings.adopt_same_name,
        on_local_edit=settings.on_local_edit,
        rekey=settings.breaker.rekey is not None,
        reclaim=university.reclaim,
    )

    def inputs(name: str) -> Inputs:
        protection = Protection.of(protected, name)
        managed, links = ledger["objects"], ledger["links"]
        return Inputs(
            sifted[name].usable, snapshot, managed, links, Scope.of(scope, name), protection, policy
        )  # fmt: skip

    made = Planned(Plan.of(), [], {"objects": [], "links": [], "memberships": []}, {}, snapshot, users, protected)
    parts: list[pd.DataFrame] = []

    def take(frames: Any, table: str) -> None:
        parts.append(frames.changes)
        made.findings.extend(rows(frames.findings))
        made.observed[table] += rows(frames.observed)

    half_groupings = Protection.of(protected, "groupings")
    made.after = {kind: objects_as_they_are(snapshot, kind) for kind in (Kind.GROUPING, Kind.GROUP)}
    if Kind.GROUPING in settings.kinds:
        groupings = diff_objects(GROUPINGS, inputs("groupings"))
        made.after[Kind.GROUPING] = groupings.after
        take(groupings, "objects")
    if Kind.GROUP in settings.kinds:
        wanted = sifted["memberships"].usable if "memberships" in sifted else None
        of_groups = replace(inputs("groups"), overlap=overlaps(settings, snapshot, wanted, users))
        groups = diff_objects(GROUPS, of_groups)
        made.after[Kind.GROUP] = groups.after
        take(groups, "objects")
        if Kind.LINK in settings.kinds:
            field_name = settings.localgroupingfield
            take(diff_all_links(of_groups, made.after[Kind.GROUPING], groups, half_groupings, field_name), "links")
    if Kind.MEMBERSHIP in settings.kinds:
        of_members, field_name = inputs("memberships"), settings.localgroupfield
        unread = snapshot.courses[snapshot.courses["course_id"].isin(list(snapshot.unread["course_id"]))]
        others: frozenset[int] = frozenset()
        idnumbers = {row["group_id"]: keys.key(row["idnumber"]) for row in rows(snapshot.groups)}
        if Kind.GROUP in settings.kinds:
            others = taken_over(made.after[Kind.GROUP], ledger["objects"], sifted["groups"].usable, idnumbers)
        sides = MembershipSides(
            wanted=of_members.wanted[~of_members.wanted["course"].isin(list(unread["course"])).fillna(False)],
            groups=groups_to_join(
                made.after[Kind.GROUP], field_name, Protection.of(protected, "groups"), others, idnumbers
            ),
            members=snapshot.members,
            participants=snapshot.participants,
            users=users,
            managed=ledger["memberships"],
            exceptions=frame_of(university.exceptions, EXCEPTIONS),
            by_group_id=field_name == "id",
        )
        found = diff_memberships(
            sides, of_members.protection, of_members.scope, TERM, policy.open_terms, reclaim=policy.reclaim
        )
        take(found, "memberships")
        read = set(snapshot.courses["course_id"]) - set(snapshot.unread["course_id"])
        there = set(snapshot.groups["group_id"])
        orphans = [row for row in university.ledger.memberships.values() if row["course_id"] in read]
        made.observed["memberships"] += [{**row, "terms": ""} for row in orphans if row["group_id"] not in there]
    return replace(made, plan=Plan.of(*parts))


def held_back(plan: Plan, *reaches: Reach) -> Split:
    """The plan split by a verdict that holds these."""
    trips = tuple(Observation("test", "all", 1, 0, 1, None, True, "held", Effect.HOLD, reach) for reach in reaches)
    return split(plan, Verdict(plan.digest, trips))


def rekeys_held(plan: Plan) -> Split:
    """The plan split by a verdict that holds every likely re-key and nothing else."""
    proposed = plan.frame[plan.frame["to_key"].notna() & (plan.frame["rule"] == "P10")]
    return held_back(
        plan, *(Reach((str(Action.UPDATE),), (r["kind"],), r["course"], r[r["kind"]]) for r in rows(proposed))
    )


def apply(university: University, planned: Planned, part: Plan, batch: int = 100) -> tuple[University, list[Result]]:
    """What the executor makes of a part of the plan: the university after it, and what became of each change."""
    state, ledger = university.moodle.copy(), LedgerBook.copied(university.ledger)
    for table, observed in planned.observed.items():
        ledger.observe(table, observed)
    members: dict[int, set[int]] = {}
    for group_id, user_id in university.moodle.members:
        members.setdefault(group_id, set()).add(user_id)
    site = MemoryMoodle(state, batch)
    executor = Executor(
        writer=site,
        reader=site,
        journal=ledger,
        ids=Ids.of(
            planned.snapshot.courses, planned.after, planned.users,
            frame_of(university.ledger.memberships.values(), LEDGER["memberships"]),
        ),
        expected_members={group_id: frozenset(ids) for group_id, ids in members.items()},
    )  # fmt: skip
    results: list[Result] = []
    executor.apply(part, results.append)
    return replace(university, moodle=state, ledger=ledger.ledger), results


def _together(frames: list[pd.DataFrame], schema: Any) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frame_of([], schema)
