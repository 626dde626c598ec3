"""What the term's next run would do about each drift, by the very plan that it would make: three ways.

The plan, its findings and what it holds are looked up for each row; nothing is compared a second time here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.drift import COURSE, DRIFT, Next, What
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.scope import Scope, Standing

Row = dict[str, Any]
Told = tuple[Next, str]

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

    def frozen(self, row: Row) -> "Iterator[Told]":
        """That the run may touch nothing of this, and why; nothing where it may."""
        kind = Kind(row["kind"])
        scope = self.scopes.get(kind.dataset)
        if kind not in self.kinds:
            yield Next.FROZEN, "this kind is switched off (O3)"
        elif scope is None or row["course"] not in scope.courses:
            yield Next.FROZEN, "no mapping of the course is active in the term (C2, C4)"
        elif scope.standing(row["course"], row["module"]) is Standing.FROZEN:
            yield Next.FROZEN, "no mapping of its module is active in the term (C2)"


def foresee(drift: pd.DataFrame, run: NextRun) -> pd.DataFrame:
    """The rows (DRIFT) with ``next`` and ``why``."""
    every = rows(drift)
    courses = {row["course_id"]: _of_course(row, run) for row in every if row["kind"] == COURSE}
    missing: dict[tuple[str, int], Told] = {}
    for row in every:
        if row["kind"] in (Kind.GROUPING, Kind.GROUP) and row["what"] == What.MISSING:
            missing[row["kind"], row["moodle_id"]] = next(_of_row(row, run, courses, missing))
    for row in every:
        next_, row["why"] = next(_of_row(row, run, courses, missing))
        row["next"] = str(next_)
    return frame_of(every, DRIFT)


# Of each of these the first answer holds.


def _of_row(
    row: Row, run: NextRun, courses: Mapping[int, Told], missing: Mapping[tuple[str, int], Told]
) -> Iterator[Told]:
    if run.writes_nothing:
        yield Next.FROZEN, run.writes_nothing
    if run.unknown:
        yield Next.UNKNOWN, run.unknown
    if row["course_id"] in courses:
        yield courses[row["course_id"]]
    if row["kind"] == Kind.LINK:
        yield from _of_link(row, run, missing)
    if row["kind"] == Kind.MEMBERSHIP:
        yield from _of_membership(row, run, missing)
    yield from _of_field(row, run) if row["what"] in (What.RENAMED, What.DESCRIBED) else _of_key(row, run)


def _of_course(row: Row, run: NextRun) -> Told:
    if any(row["applied"] in scope.courses for scope in run.scopes.values()):
        return Next.WAITS, f"the rows speak of {row['applied']}, and Moodle has no such course (G3)"
    return Next.FROZEN, "no mapping speaks of the course any more (C4)"


def _of_key(row: Row, run: NextRun) -> Iterator[Told]:
    """An object that is gone, or that no row finds: it is made again under the key that it had, or given it again."""
    kind, key = Kind(row["kind"]), row[row["kind"]]
    stays = row["what"] != What.MISSING
    for change in run.changes.get((kind, row["course"], key), ()):
        if change["action"] == Action.CREATE:
            made = "another is made, and this one stays as it is" if stays else "it is made again"
            yield _by(change, f"{made} ({_RULES[kind]})")
        if change["to_key"] == key:
            yield _by(change, f"one that is there is given its ID number ({change['rule']})")
    yield from _findings(run, row, key)
    yield from run.frozen(row)
    if (kind, row["course_id"], key) in run.taken:
        yield Next.AGREES, "another has its ID number: that one is managed from then on (O1)"
    if (kind.dataset, row["course"], key) in run.rows_of:
        yield Next.WAITS, "it is listed, and not made in this run"
    if stays:
        yield Next.RESPECTS, "the source lists it no more, and under another ID number it is nobody's to delete"
    yield Next.AGREES, "the source lists it no more: it is forgotten"


def _of_field(row: Row, run: NextRun) -> Iterator[Told]:
    kind, at = Kind(row["kind"]), row[f"at_{row['kind']}"]
    part = "name" if row["what"] == What.RENAMED else "description"
    yield from _changed(part, row, run.changes.get((kind, row["course"], at), ()))
    for finding in run.found.get((kind.dataset, row["course"], at), ()):
        if finding["rule"] == "O4" and part in finding["reason"]:
            yield Next.RESPECTS, "edits in Moodle are kept (on_local_edit, O4)"
    yield from _findings(run, row, at)
    yield from run.frozen(row)
    wanted = run.rows_of.get((kind.dataset, row["course"], at))
    if wanted is None:
        yield Next.RESPECTS, "no row lists it under the ID number that it has now, and it stays as it is"
    elif part == "description" and wanted[part] is None:
        yield Next.RESPECTS, "the source says no description any more"
    elif row["now"] in (wanted[part], f"{wanted[part]} ({at})"):
        yield Next.AGREES, "the source says the same now"
    yield Next.WAITS, "a later term says its fields (C5)"


def _changed(part: str, row: Row, changes: Sequence[Row]) -> Iterator[Told]:
    """What becomes of the field in the end: a name may go over another one first (rule P9)."""
    for change in changes:
        if change["action"] == Action.DELETE:
            yield _by(change, f"the source lists it no more: it is deleted ({change['rule']})")
    before, after = f"{part}_before", f"{part}_after"
    last = [one for one in changes if one["action"] == Action.UPDATE and one[before] != one[after]][-1:]
    if last and last[0][after] != row["now"]:
        yield _by(last[0], f"it gets what the source says ({last[0]['rule']})")


def _of_link(row: Row, run: NextRun, missing: Mapping[tuple[str, int], Told]) -> Iterator[Told]:
    groupings, groups = ({row[part], row[f"at_{part}"]} - {None} for part in ("grouping", "group"))
    for pair in product(sorted(groupings), sorted(groups)):
        for change in run.changes.get((Kind.LINK, row["course"], *pair), ()):
            if change["action"] == Action.CREATE:
                yield _by(change, f"it is put there again ({change['rule']})")
    yield from _inside(missing, (Kind.GROUP, row["moodle_id"]), (Kind.GROUPING, row["grouping_id"]))
    yield from run.frozen(row)
    if row["what"] == What.PUT_BACK:
        yield Next.RESPECTS, "whoever put it there has it: it is no longer ours (L2)"
    if row["what"] == What.WITH_IT or (row["grouping_id"], row["moodle_id"]) in run.let_go:
        yield Next.AGREES, "the source puts the group there no more"
    yield Next.RESPECTS, "what somebody took out stays out (L2)"


def _of_membership(row: Row, run: NextRun, missing: Mapping[tuple[str, int], Told]) -> Iterator[Told]:
    groups = sorted({row["group"], row["at_group"]} - {None})
    for group in groups:
        for change in run.changes.get((Kind.MEMBERSHIP, row["course"], group, row["user"]), ()):
            if change["action"] == Action.CREATE:
                yield _by(change, f"the person is added again ({change['rule']})")
    if any((row["course"], group, row["user"]) in run.excluded for group in groups):
        yield Next.AGREES, "the data team has excluded the person from the group (M6)"
    called = {*groups, str(row["moodle_id"]), run.called.get(row["moodle_id"])} - {None}
    for finding in run.found.get(("memberships", row["course"], row["user"]), ()):
        if finding["key"] in called:
            waits = Next.HELD if finding["rule"] == "P10" else Next.WAITS
            yield waits, f"{finding['reason']} ({finding['rule']})"
    yield from _inside(missing, (Kind.GROUP, row["moodle_id"]))
    yield from run.frozen(row)
    again = row["what"] == What.WITH_IT and (Kind.GROUP, row["course_id"], row["group"]) in run.taken
    there = ", or somebody has put them there again" if again else ""
    yield Next.AGREES, f"the source lists the person there no more{there}"


def _inside(missing: Mapping[tuple[str, int], Told], *ends: tuple[Kind, int]) -> Iterator[Told]:
    """Of what went with an object that is not made again by the next run: as of that one."""
    for kind, moodle_id in ends:
        told = missing.get((str(kind), moodle_id))
        if told is not None and told[0] not in (Next.MENDS, Next.AGREES):
            yield told[0], f"with the {kind}: {told[1]}"


def _findings(run: NextRun, row: Row, key: str) -> Iterator[Told]:
    for finding in run.found.get((Kind(row["kind"]).dataset, row["course"], key), ()):
        if finding["rule"] not in ("O4", "L1"):  # an edit that is kept, and what is said of its link
            yield Next.WAITS, f"{finding['reason']} ({finding['rule']})"


def _by(change: Row, mends: str) -> Told:
    if change["held_by"] is None:
        return Next.MENDS, mends
    return Next.HELD, f"{change['held_by'] or 'what it depends on'} holds it; approved, {mends}"


def counted(drift: pd.DataFrame) -> Iterator[Row]:
    """How many of each kind, what became of them, and what is next."""
    sizes = Counter((row["kind"], row["what"], row["next"]) for row in rows(drift[["kind", "what", "next"]]))
    for (kind, what, next_), count in sorted(sizes.items()):
        yield {"kind": kind, "what": what, "next": next_, "count": count}
