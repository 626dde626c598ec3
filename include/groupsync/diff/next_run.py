"""What the term's next run would do about each drift, by the very plan that it would make: three ways.

The plan, its findings and what it holds are looked up for each row; nothing is compared a second time here.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.drift import COURSE, DRIFT, Next, What
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.scope import Scope, Standing

Row = dict[str, Any]
Told = tuple[Next, str]

DATASETS = {Kind.GROUPING: "groupings", Kind.GROUP: "groups", Kind.LINK: "groups", Kind.MEMBERSHIP: "memberships"}
_RULES = {Kind.GROUPING: "G5", Kind.GROUP: "P5"}


@dataclass(frozen=True)
class NextRun:
    """``plan``: PLAN; ``held_by``: for each of its rows the rules that hold it, '' where it waits for what is held,
    None where it goes on.  ``findings``: FINDING.  ``listed``: usable rows (CLEAN) by dataset.  ``links``: the ledger's
    links as the run would have them then (LEDGER), empty terms drop.  ``groups`` and ``groupings``: as Moodle has
    them.  ``excluded``: course, group, person.  ``writes_nothing``: why, and ``unknown``: why there is no plan; ''.
    """

    plan: pd.DataFrame = field(default_factory=lambda: frame_of([], {}))
    held_by: Sequence[str | None] = ()
    findings: pd.DataFrame = field(default_factory=lambda: frame_of([], {}))
    listed: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    links: pd.DataFrame = field(default_factory=lambda: frame_of([], {}))
    groups: pd.DataFrame = field(default_factory=lambda: frame_of([], {}))
    groupings: pd.DataFrame = field(default_factory=lambda: frame_of([], {}))
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    kinds: frozenset[Kind] = frozenset(Kind)
    excluded: frozenset[tuple[str, str, str]] = frozenset()
    writes_nothing: str = ""
    unknown: str = ""

    @cached_property
    def changes(self) -> dict[tuple[str, ...], list[Row]]:
        """The plan's changes by kind, course and key; one that gives an object another key, by that key too."""
        found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row, held_by in zip(rows(self.plan), self.held_by, strict=True):
            own = tuple(row[part] for part in ("grouping", "group", "user") if row[part] is not None)
            for key in {own, (row["to_key"],)} if row["to_key"] else {own}:
                found[row["kind"], row["course"], *key].append({**row, "held_by": held_by})
        return found

    @cached_property
    def found(self) -> dict[tuple[str, ...], list[Row]]:
        """Findings by dataset, course, and person, if there is one, or key."""
        found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows(self.findings):
            found[row["dataset"], row["course"] or "", row["user"] or row["key"] or ""].append(row)
        return found

    @cached_property
    def rows_of(self) -> dict[tuple[str, str, str], Row]:
        """The usable rows of objects, by dataset, course and key."""
        return {
            (name, row["course"], row["idnumber"]): row
            for name in ("groupings", "groups")
            if name in self.listed
            for row in rows(self.listed[name])
        }

    @cached_property
    def let_go(self) -> frozenset[tuple[int, int]]:
        """The links that the next run drops from the ledger: the source no longer says them."""
        dropped = self.links[self.links["terms"] == ""]
        return frozenset(zip(dropped["grouping_id"], dropped["group_id"], strict=True))

    @cached_property
    def taken(self) -> frozenset[tuple[str, int, str]]:
        """The keys that Moodle has, by kind and course id."""
        return frozenset(
            (kind, row["course_id"], key)
            for kind, frame in ((Kind.GROUPING, self.groupings), (Kind.GROUP, self.groups))
            for row in rows(frame)
            if (key := keys.key(row["idnumber"]))
        )

    @cached_property
    def called(self) -> dict[int, str]:
        """The groups' names by id: a membership row may name its group so (rule M1)."""
        return {row["group_id"]: row["name"] for row in rows(self.groups)}

    def frozen(self, row: Row) -> str:
        """Why the run may touch nothing of this; '' where it may."""
        kind = Kind(row["kind"])
        if kind not in self.kinds:
            return "this kind is switched off (O3)"
        scope = self.scopes.get(DATASETS[kind])
        if scope is None or row["course"] not in scope.courses:
            return "no mapping of the course is active in the term (C2, C4)"
        if scope.standing(row["course"], row["module"]) is Standing.FROZEN:
            return "no mapping of its module is active in the term (C2)"
        return ""


def foresee(drift: pd.DataFrame, run: NextRun) -> pd.DataFrame:
    """The rows (DRIFT) with ``next`` and ``why``."""
    every = rows(drift)
    courses = {row["course_id"]: _of_course(row, run) for row in every if row["kind"] == COURSE}
    told: dict[tuple[str, int], Told] = {}
    for row in every:
        if row["kind"] in (Kind.GROUPING, Kind.GROUP) and row["what"] == What.MISSING:
            told[row["kind"], row["moodle_id"]] = _of_row(row, run, courses, {})
    found = [_of_row(row, run, courses, told) for row in every]
    return conform(
        frame_of(
            ({**row, "next": str(next_), "why": why} for row, (next_, why) in zip(every, found, strict=True)), DRIFT
        ),
        DRIFT,
    )


def _of_row(row: Row, run: NextRun, courses: Mapping[int, Told], missing: Mapping[tuple[str, int], Told]) -> Told:
    if run.writes_nothing:
        return Next.FROZEN, run.writes_nothing
    if run.unknown:
        return Next.UNKNOWN, run.unknown
    if row["course_id"] in courses:
        return courses[row["course_id"]]
    match row["kind"]:
        case Kind.LINK:
            return _of_link(row, run, missing)
        case Kind.MEMBERSHIP:
            return _of_membership(row, run, missing)
    if row["what"] in (What.RENAMED, What.DESCRIBED):
        return _of_field(row, run)
    return _of_key(row, run)


def _of_course(row: Row, run: NextRun) -> Told:
    if any(row["applied"] in scope.courses for scope in run.scopes.values()):
        return Next.WAITS, f"the rows speak of {row['applied']}, and Moodle has no such course (G3)"
    return Next.FROZEN, "no mapping speaks of the course any more (C4)"


def _of_key(row: Row, run: NextRun) -> Told:
    """An object that is gone, or that no row finds: it is made again under the key that it had, or given it again."""
    kind, key = Kind(row["kind"]), row[row["kind"]]
    stays = row["what"] != What.MISSING
    for change in run.changes.get((kind, row["course"], key), ()):
        if change["action"] == Action.CREATE:
            others = "another is made, and this one stays as it is" if stays else "it is made again"
            return _by(change, f"{others} ({_RULES[kind]})")
        if change["to_key"] == key:
            return _by(change, f"one that is there is given its ID number ({change['rule']})")
    if (waits := _finding(run, row, key)) is not None:
        return waits
    if why := run.frozen(row):
        return Next.FROZEN, why
    listed = (DATASETS[kind], row["course"], key) in run.rows_of
    if (kind, row["course_id"], key) in run.taken:
        return Next.AGREES, "another has its ID number: that one is managed from then on (O1)"
    if listed:
        return Next.WAITS, "it is listed, and not made in this run"
    if stays:
        return Next.RESPECTS, "the source lists it no more, and under another ID number it is nobody's to delete"
    return Next.AGREES, "the source lists it no more: it is forgotten"


def _of_field(row: Row, run: NextRun) -> Told:
    kind, at = Kind(row["kind"]), row[f"at_{row['kind']}"]
    part = "name" if row["what"] == What.RENAMED else "description"
    changes = run.changes.get((kind, row["course"], at), ())
    for change in changes:
        if change["action"] == Action.DELETE:
            return _by(change, f"the source lists it no more: it is deleted ({change['rule']})")
    mended = [
        one for one in changes if one["action"] == Action.UPDATE and one[f"{part}_before"] != one[f"{part}_after"]
    ]
    if mended and mended[-1][f"{part}_after"] != row["now"]:
        return _by(mended[-1], f"it gets what the source says ({mended[-1]['rule']})")
    for finding in run.found.get((DATASETS[kind], row["course"], at), ()):
        if finding["rule"] == "O4" and part in finding["reason"]:
            return Next.RESPECTS, "edits in Moodle are kept (on_local_edit, O4)"
    if (waits := _finding(run, row, at)) is not None:
        return waits
    if why := run.frozen(row):
        return Next.FROZEN, why
    wanted = run.rows_of.get((DATASETS[kind], row["course"], at))
    if wanted is None:
        return Next.RESPECTS, "no row lists it under the ID number that it has now, and it stays as it is"
    if part == "description" and wanted[part] is None:
        return Next.RESPECTS, "the source says no description any more"
    if row["now"] in (wanted[part], f"{wanted[part]} ({at})"):
        return Next.AGREES, "the source says the same now"
    return Next.WAITS, "a later term says its fields (C5)"


def _of_link(row: Row, run: NextRun, missing: Mapping[tuple[str, int], Told]) -> Told:
    ends = [{row[part], row[f"at_{part}"]} - {None} for part in ("grouping", "group")]
    for grouping in ends[0]:
        for group in ends[1]:
            for change in run.changes.get((Kind.LINK, row["course"], grouping, group), ()):
                if change["action"] == Action.CREATE:
                    return _by(change, f"it is put there again ({change['rule']})")
    if (inside := _inside(missing, (Kind.GROUP, row["moodle_id"]), (Kind.GROUPING, row["grouping_id"]))) is not None:
        return inside
    if why := run.frozen(row):
        return Next.FROZEN, why
    if row["what"] == What.PUT_BACK:
        return Next.RESPECTS, "whoever put it there has it: it is no longer ours (L2)"
    if row["what"] == What.WITH_IT or (row["grouping_id"], row["moodle_id"]) in run.let_go:
        return Next.AGREES, "the source puts the group there no more"
    return Next.RESPECTS, "what somebody took out stays out (L2)"


def _of_membership(row: Row, run: NextRun, missing: Mapping[tuple[str, int], Told]) -> Told:
    groups = {row["group"], row["at_group"]} - {None}
    for group in groups:
        for change in run.changes.get((Kind.MEMBERSHIP, row["course"], group, row["user"]), ()):
            if change["action"] == Action.CREATE:
                return _by(change, f"the person is added again ({change['rule']})")
    if any((row["course"], group, row["user"]) in run.excluded for group in groups):
        return Next.AGREES, "the data team has excluded the person from the group (M6)"
    called = {*groups, str(row["moodle_id"]), run.called.get(row["moodle_id"])}
    for finding in run.found.get(("memberships", row["course"], row["user"]), ()):
        if finding["key"] in called:
            waits = Next.HELD if finding["rule"] == "P10" else Next.WAITS
            return waits, f"{finding['reason']} ({finding['rule']})"
    if (inside := _inside(missing, (Kind.GROUP, row["moodle_id"]))) is not None:
        return inside
    if why := run.frozen(row):
        return Next.FROZEN, why
    if row["what"] == What.WITH_IT and row["group"] and (Kind.GROUP, row["course_id"], row["group"]) in run.taken:
        return Next.AGREES, "the source lists the person there no more, or somebody has put them there again"
    return Next.AGREES, "the source lists the person there no more"


def _inside(missing: Mapping[tuple[str, int], Told], *ends: tuple[Kind, int]) -> Told | None:
    """Of what went with an object that is not made again by the next run: as of that one."""
    for kind, moodle_id in ends:
        told = missing.get((str(kind), moodle_id))
        if told is not None and told[0] not in (Next.MENDS, Next.AGREES):
            return told[0], f"with the {kind}: {told[1]}"
    return None


def _finding(run: NextRun, row: Row, key: str) -> Told | None:
    for finding in run.found.get((DATASETS[Kind(row["kind"])], row["course"], key), ()):
        if finding["rule"] not in ("O4", "L1"):  # an edit that is kept, and what is said of its link
            return Next.WAITS, f"{finding['reason']} ({finding['rule']})"
    return None


def _by(change: Row, mends: str) -> Told:
    if change["held_by"] is None:
        return Next.MENDS, mends
    return Next.HELD, f"{change['held_by'] or 'what it depends on'} holds it; approved, {mends}"


def counted(drift: pd.DataFrame) -> Iterator[Row]:
    """How many of each kind, what became of them, and what is next."""
    sizes = drift.groupby(["kind", "what", "next"], dropna=False).size()
    for (kind, what, next_), count in sizes.items():
        yield {"kind": kind, "what": what, "next": next_, "count": int(count)}
