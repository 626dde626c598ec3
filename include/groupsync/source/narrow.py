"""A run that is for a part of its term: what that leaves in scope, and whether it can be told at all.

What is left out is frozen (rule C2): read, perhaps, and never changed.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from include.groupsync.errors import RunRefused
from include.groupsync.model.extent import Extent
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.scope import SCOPE, Standing, delivery_label
from include.groupsync.source.mappings import standing_of

_FEW = 10


def require_known(extent: Extent, named: Mapping[str, Iterable[str]], term: str, told_by: str) -> None:
    """RunRefused that names whatever the term does not have; ``named`` is what it has, by the extent's names."""
    for what, known in named.items():
        have = sorted(set(known))
        unknown = sorted(getattr(extent, what) - set(have))
        if unknown:
            some = f"such as {', '.join(have[:_FEW])}" if have else "none at all"
            raise RunRefused(
                f"unknown {what} of term {term}: {', '.join(unknown[:_FEW])}. {told_by} has {some}. Correct"
                f" {what.title()} in the trigger form; nothing was read from Moodle"
            )


def courses_within(extent: Extent, mappings: pd.DataFrame | None) -> frozenset[str] | None:
    """The courses of the extent, None for all; ``mappings`` are the term's (CLEAN), None where there is no such table.

    A department is its courses, as for the circuit breaker: one that belongs to two is in both.
    """
    if not extent.courses and not extent.modules and not extent.departments:
        return None
    if mappings is None:
        return extent.courses
    found = frozenset(mappings["course"].dropna())
    for column, chosen in (("department", extent.departments), ("module", extent.modules)):
        if chosen:
            found &= frozenset(mappings.loc[mappings[column].isin(list(chosen)), "course"].dropna())
    return found & extent.courses if extent.courses else found


def within_courses(scope: pd.DataFrame, courses: frozenset[str] | None) -> pd.DataFrame:
    """The scope (SCOPE) with every other course frozen: what is compared, as a whole run would."""
    return scope if courses is None else _freeze(scope, ~scope["course"].isin(list(courses)))


def within_modules(
    scope: pd.DataFrame, extent: Extent, mappings: pd.DataFrame | None, deliveries: Mapping[str, tuple[str, ...]]
) -> tuple[pd.DataFrame, list[tuple[str, str, list[str]]]]:
    """The scope (SCOPE) with every other module frozen: what may change.  And where that cannot be told: dataset,
    course, and the other modules that it takes groups from, of tables that do not carry the module.
    """
    if not extent.modules or mappings is None:
        return scope, []
    usable = mappings.dropna(subset=["course", "status"])
    labels: dict[str, set[tuple[str, str | None]]] = {name: set() for name in deliveries}
    standings: dict[tuple[str, Standing], set[str]] = {}
    for row in rows(usable):
        standings.setdefault((row["course"], standing_of(row)), set()).add(row["module"] or "one without a module")
        for name, delivery in deliveries.items():
            if row["module"] in extent.modules:
                labels[name].add((row["course"], delivery_label(row, delivery)))
    outside, unclear = [], []
    for row in rows(scope):
        dataset, course, standing = row["dataset"], row["course"], Standing(row["standing"])
        if row["label"] is not None:
            outside.append((course, row["label"]) not in labels[dataset])
            continue
        # The table says nothing of modules: what is chosen acts alone, or not at all.
        acting = standings.get((course, standing), set())
        outside.append(not acting & extent.modules)
        if standing is not Standing.FROZEN and acting & extent.modules and acting - extent.modules:
            unclear.append((dataset, course, sorted(acting - extent.modules)))
    return _freeze(scope, pd.Series(outside, index=scope.index, dtype=bool)), unclear


def _freeze(scope: pd.DataFrame, outside: pd.Series) -> pd.DataFrame:
    pairs = zip(rows(scope), outside, strict=True)
    return frame_of(({**row, "standing": Standing.FROZEN} if out else row for row, out in pairs), SCOPE)
