"""A run for a part of its term only: what that part has, and what of plan and ledger is left as it is.

Such a run compares the courses that it reads as a whole run would, with all their kinds and modules; then everything
that is not in the part leaves plan and observations.  So nothing is ever taken for gone because it was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.breaker.split import with_dependents
from include.groupsync.errors import RunRefused
from include.groupsync.model.extent import Extent
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.settings import Settings
from include.groupsync.source.narrow import courses_within, require_known, within_courses, within_modules
from include.groupsync.steps.run import Run
from include.groupsync.steps.scoping import TABLES, deliveries, scope_of_rows

_OBJECTS = (str(Kind.GROUPING), str(Kind.GROUP))


@dataclass(frozen=True)
class Within:
    """What the run is for, with the scope (SCOPE) that it has."""

    extent: Extent
    scopes: Mapping[str, Scope]

    @classmethod
    def of(cls, scope: pd.DataFrame, extent: Extent) -> "Within":
        return cls(extent, {name: Scope.of(scope, name) for name in TABLES})

    def has(self, kind: Kind, course: str | None, module: str | None) -> bool:
        """Whether a thing is in the part; a whole run asks nobody."""
        if self.extent.is_whole:
            return True
        standing = self.scopes[kind.dataset].standing(course or "", module)
        return self.extent.takes(kind) and standing is not Standing.FROZEN


def within(run: Run, folder: RunFolder) -> Within:
    """What this run is for."""
    if run.extent.is_whole:
        return Within(run.extent, {})
    return Within.of(folder.frame("scope"), run.extent)


def require_kinds(settings: Settings, extent: Extent) -> None:
    """RunRefused where a kind was chosen that the settings have switched off (rule O3)."""
    if off := [str(kind) for kind in Kind if kind in extent.kinds - settings.kinds]:
        on = ", ".join(str(kind) for kind in Kind if kind in settings.kinds)
        raise RunRefused(
            f"the settings have {', '.join(off)} switched off, so that no run can be for it: choose of {on} in the"
            " trigger form's Kinds, or switch it on in include/config/groupsync.yaml"
        )


def require_extent(
    settings: Settings, extent: Extent, term: str, mappings: pd.DataFrame | None, cleaned: Mapping[str, pd.DataFrame]
) -> None:
    """RunRefused where the part has a name that the term has not, nothing in common, or no clear border.

    ``mappings`` are the term's as they hold (CLEAN), None without a mapping table; ``cleaned`` the remote tables.
    """
    scope = scope_of_rows(cleaned, settings, mappings)
    columns = {"courses": "course", "modules": "module", "departments": "department"}
    if mappings is None:
        known: dict[str, list[str]] = {"courses": list(scope["course"]), "modules": [], "departments": []}
        require_known(extent, known, term, "Without a mapping table the term")
    else:
        require_known(
            extent, {name: mappings[one].dropna() for name, one in columns.items()}, term, "Its mapping table"
        )
    if courses_within(extent, mappings) == frozenset():
        raise RunRefused(
            f"no course of term {term} is in all of: {extent.told}. Leave one of them empty; nothing was read"
            " from Moodle"
        )
    narrower, unclear = narrowed(scope, settings, extent, mappings)
    own = {kind.dataset for kind in settings.kinds if extent.takes(kind)}
    here = set(narrower["course"]) & set(courses_within(extent, mappings) or ())
    told = [
        f"course {course} (table {dataset}; it takes groups from {', '.join(others[:5])} too)"
        for dataset, course, others in unclear
        if dataset in own and course in here
    ]
    if told:
        raise RunRefused(
            f"a run for {extent.told} cannot tell what belongs to it in {'; '.join(told[:5])}"
            + (f", and {len(told) - 5} more" if len(told) > 5 else "")
            + ": the table does not say which module a row is of. Choose the courses instead, which takes all of their"
            " modules, or configure the table's column 'module'; nothing was read from Moodle"
        )


def compared(scope: pd.DataFrame, settings: Settings, extent: Extent, mappings: pd.DataFrame | None) -> pd.DataFrame:
    """The scope (SCOPE) with all courses frozen that are not in the part: those that are left are compared whole.

    ``mappings`` are the term's as they hold (CLEAN), None without a mapping table.
    """
    own = within_courses(scope, courses_within(extent, mappings))
    left, _ = within_modules(own, extent, mappings, deliveries(settings))
    # A course where nothing of the modules may change need not be read.
    live = left.loc[left["standing"] != str(Standing.FROZEN), "course"]
    return within_courses(own, frozenset(live)) if extent.modules else own


def narrowed(
    scope: pd.DataFrame, settings: Settings, extent: Extent, mappings: pd.DataFrame | None
) -> tuple[pd.DataFrame, list[tuple[str, str, list[str]]]]:
    """``compared`` with all frozen that may not change, and where that cannot be told (``within_modules``)."""
    own = compared(scope, settings, extent, mappings)
    return within_modules(own, extent, mappings, deliveries(settings))


def within_extent(run: Run, folder: RunFolder, plan: Plan) -> Plan:
    """The plan without what is not in the part, and without all that could only happen after it: each of those is a
    note."""
    plan, waits = narrowed_plan(plan, within(run, folder))
    found = (_finding(row, run.extent).row() for row in rows(waits.frame))
    folder.save_frame("findings/extent", frame_of(found, FINDING), FINDING)
    return plan


def narrowed_plan(plan: Plan, part: Within) -> tuple[Plan, Plan]:
    """What of the plan may be done, and what waits for something that is left out."""
    frame = plan.frame
    if part.extent.is_whole:
        return plan, plan.only(frame["action"] != frame["action"])
    columns = (frame[name] for name in ("kind", "course", "module"))
    outside = pd.Series([not part.has(Kind(k), c, m) for k, c, m in zip(*columns, strict=True)], index=frame.index)
    out = outside = outside.astype(bool)
    while out.any():
        more = _without_their_names(frame, with_dependents(frame, out))
        if (more == out).all():
            break
        out = more
    return plan.only(~out), plan.only(out & ~outside)


def _without_their_names(frame: pd.DataFrame, out: pd.Series) -> pd.Series:
    """``out``, and the renames and creates that would take a name which something that is left out keeps."""
    objects = frame[frame["kind"].isin(_OBJECTS)]
    moves = [row for row in rows(objects.reset_index(names="at")) if row["name_before"] != row["name_after"]]
    left = [row for row in moves if out[row["at"]]]
    kept = {(row["kind"], row["course"], row["name_before"]) for row in left if row["name_before"] is not None}
    still = {_object(row) for row in left}
    more = {
        row["at"]
        for row in moves
        if (row["name_after"] is not None and (row["kind"], row["course"], row["name_after"]) in kept)
        or _object(row) in still
    }
    return out | frame.index.isin(list(more))


def _object(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["kind"], row["course"], row[row["kind"]]


def observed_within(run: Run, folder: RunFolder, kind: Kind, observed: pd.DataFrame) -> pd.DataFrame:
    """Rows that the ledger is to learn, without those that are not in the part: nothing of them is forgotten, and no
    claim of theirs made or dropped (rule C5)."""
    if run.extent.is_whole or observed.empty:
        return observed
    part, courses = within(run, folder), folder.frame("moodle/courses")
    names = dict(zip(courses["course_id"], courses["course"], strict=True))
    inside = [part.has(kind, names.get(row["course_id"]), row["module"]) for row in rows(observed)]
    return observed[pd.Series(inside, index=observed.index, dtype=bool)]


def findings_within(run: Run, scope: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """What is said of the rows of the part's courses, and of rows without a course."""
    if run.extent.is_whole:
        return findings
    own = set(scope.loc[scope["standing"] != str(Standing.FROZEN), "course"].dropna())
    return findings[findings["course"].isna() | findings["course"].isin(list(own))]


def _finding(row: Mapping[str, Any], extent: Extent) -> Finding:
    return Finding(
        dataset=f"{row['kind']}s",
        severity=Severity.NOTE,
        rule=row["rule"],
        reason=f"{row['action']} of the {row['kind']} waits for what this run leaves out (only {extent.short})",
        course=row["course"],
        key=row["group"] or row["grouping"],
        user=row["user"],
        next_step="a run of the whole term does it",
    )
