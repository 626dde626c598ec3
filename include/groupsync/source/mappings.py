"""The mappings of the run's term, and from them what the run may touch (rules C1 to C6)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.scope import DEPARTMENT, SCOPE, Standing, combined, delivery_label
from include.groupsync.model.term import Term
from include.groupsync.source.quarantine import PROTECTED

STATUSES = ("active", "inactive", "withdrawn")


def of_term(mappings: pd.DataFrame, term: Term, configured: Mapping[str, str]) -> pd.DataFrame:
    """The mapping rows (CLEAN) of the run's term; one that does not say its year or period stays, to be judged."""
    wanted = {"term": [term.key], "academic_year": [term.academic_year], "period": list(term.periods)}
    keep = pd.Series(True, index=mappings.index)
    for column, values in wanted.items():
        if column in configured:
            keep &= mappings[column].isin(values) | _unknown(mappings[column])
    return mappings[keep].reset_index(drop=True)


def scope_of(usable: pd.DataFrame, protected: pd.DataFrame, deliveries: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """How every mapped course and delivery stands, for each dataset (columns SCOPE).

    ``usable`` and ``protected`` come from sifting the term's mappings; ``deliveries`` has each dataset's
    delivery columns.  A mapping that could not be used counts as frozen, so that it never makes a
    withdrawal complete; one whose course is unknown could be any course's.
    """
    known = [(row["course"], row, standing_of(row)) for row in rows(usable)]
    unknown = rows(protected)
    anywhere = any(row["course"] is None for row in unknown)
    found = []
    for dataset, delivery in deliveries.items():
        standings: dict[tuple[str, str | None], set[Standing]] = defaultdict(set)
        for course, row, standing in known:
            standings[course, delivery_label(row, delivery)].add(standing)
        spoilt = {row["course"] for row in unknown}
        for (course, label), several in standings.items():
            doubt = {Standing.FROZEN} if anywhere or course in spoilt else set()
            found.append({"dataset": dataset, "course": course, "label": label, "standing": combined(several | doubt)})
    return frame_of(sorted(found, key=repr), SCOPE)


def in_doubt(usable: pd.DataFrame, protected: pd.DataFrame, datasets: Iterable[str]) -> pd.DataFrame:
    """What half a mapping could mean keeps all that is there (columns PROTECTED, rule K6).

    A mapping of the course whose module cannot be read, or of the module whose course cannot, may be the one that
    switches another row off: that row still adds, and deletes nothing.  One that is spoilt in both could be any.
    """
    halves = [(row["course"], row["key"]) for row in rows(protected) if row["course"] is None or row["key"] is None]
    courses = {
        row["course"]
        for row in rows(usable)
        for course, label in halves
        if course in (None, row["course"]) and label in (None, row["label"])
    }
    found = [{"dataset": dataset, "course": course} for dataset in datasets for course in sorted(courses)]
    return frame_of(found, PROTECTED)


def scope_without_mappings(named: Mapping[str, frozenset[str]]) -> pd.DataFrame:
    """Rule C6: every course that one of the remote tables names is in scope, for all of them."""
    courses = frozenset[str]().union(*named.values())
    return frame_of(
        (
            {"dataset": dataset, "course": course, "label": None, "standing": Standing.ACTIVE}
            for dataset in sorted(named)
            for course in sorted(courses)
        ),
        SCOPE,
    )


def departments_of(usable: pd.DataFrame) -> pd.DataFrame:
    """Each mapped course's department (columns DEPARTMENT), where a mapping names one."""
    named = usable.dropna(subset=["department"])[["course", "department"]].drop_duplicates()
    return frame_of(rows(named.sort_values(["course", "department"])), DEPARTMENT)


def in_scope(frame: pd.DataFrame, scope: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows (CLEAN) that a run may use, and those that only protect.

    A row without a course that can be read stays where some course takes groups from its delivery; a row
    without such a module, in a table that carries modules, stays where its course is in scope: sifting sets
    both aside (rule K6).
    """
    active = scope[(scope["dataset"] == dataset) & (scope["standing"] == str(Standing.ACTIVE))]
    courses, labels = set(active["course"]), set(active["label"].dropna())
    known = frame["course"].isin(list(courses))
    if not labels:
        return frame[known | _unknown(frame["course"])].reset_index(drop=True)
    pairs = set(zip(active["course"], active["label"], strict=True))
    exact = pd.Series([pair in pairs for pair in zip(frame["course"], frame["label"], strict=True)], index=frame.index)
    unlabelled = _unknown(frame["label"])
    homeless = _unknown(frame["course"]) & (unlabelled | frame["label"].isin(list(labels)))
    nameless = known & unlabelled
    return frame[exact | homeless | nameless].reset_index(drop=True)


def _unknown(column: pd.Series) -> pd.Series:
    """Absent, or spoilt so that it could be anything."""
    spoilt = {text for text in column.dropna().unique() if keys.unreadable(text)}
    return column.isna() | column.isin(list(spoilt))


def standing_of(row: Mapping[str, str | None]) -> Standing:
    """How one mapping stands (rule C1)."""
    if row["status"] == "withdrawn":
        return Standing.WITHDRAWN
    return Standing.ACTIVE if row["status"] == "active" and row["import_groups"] == "yes" else Standing.FROZEN
