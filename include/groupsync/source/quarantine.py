"""Which cleaned rows are used, which are set aside and why, and what a bad row protects (rules K4 to K7)."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import TEXT, WHOLE, frame_of, rows

# A row that one of the quality suite's row expectations refused.
FAILURE = {"source_row": WHOLE, "column": TEXT, "rule": TEXT, "reason": TEXT}
# What quarantined rows protect from deletion: a null part stands for everything (rule K6).
PROTECTED = {"dataset": TEXT, "course": TEXT, "key": TEXT, "user": TEXT}

_KEY_COLUMNS = {
    "mappings": ("course", "module", "occurrence", "academic_year", "period"),
    "requests": ("id",),
    "groupings": ("course", "idnumber"),
    "groups": ("course", "idnumber"),
    "memberships": ("course", "group", "user"),
}
_VALUE_COLUMNS = {
    "mappings": ("department", "import_groups", "status"),
    "requests": ("course", "module", "occurrence", "academic_year", "period", "action", "requested_at"),
    "groupings": ("name", "description"),
    "groups": ("name", "description", "grouping"),
    "memberships": (),
}
_NEXT_STEP = "Correct the row at the source; the next run tries it again. Nothing that it mentions is deleted."


@dataclass(frozen=True)
class Sifted:
    """``usable``: CLEAN columns, unique by key.  ``findings`` and ``protected``: their schemas' columns.
    ``keys``: how many distinct keys the rows had; ``keys_aside``: those of rows that were set aside."""

    usable: pd.DataFrame
    findings: pd.DataFrame
    protected: pd.DataFrame
    keys: int
    keys_aside: int


def sift(dataset: str, frame: pd.DataFrame, failures: pd.DataFrame) -> Sifted:
    """Sift a dataset's rows in scope (columns CLEAN), given the row expectations' failures (FAILURE).

    A refused row takes every row of its key with it; identical rows collapse; rows of one key with
    different values are all set aside (rule K5), as are idnumbers that Moodle takes for equal (rule K7).
    The outcome does not depend on the order of the rows.
    """
    columns = list(_KEY_COLUMNS[dataset])
    reasons = _reasons_by_row(failures)
    bad = frame["source_row"].isin(list(reasons))
    collapsed = _collapse(dataset, frame[~bad])
    conflicting = collapsed.duplicated(subset=columns, keep=False)
    for row in collapsed.loc[conflicting, "source_row"]:
        reasons[int(row)] = [("K5", "rows with this key have different values")]
    beside_bad = _beside(collapsed, frame[bad], columns)
    for row in collapsed.loc[beside_bad & ~conflicting, "source_row"]:
        reasons[int(row)] = [("K5", "another row with this key cannot be used")]
    if "idnumber" in frame:
        for row, other in _loosely_equal(frame, collapsed[~conflicting & ~beside_bad]).items():
            reasons[row] = [("K7", f"Moodle takes this idnumber and {other!r} of the same course for equal")]
    aside = collapsed["source_row"].isin(list(reasons))
    set_aside = pd.concat([frame[bad], collapsed[aside]])
    return Sifted(
        usable=collapsed[~aside].reset_index(drop=True),
        findings=frame_of((f.row() for f in _findings(dataset, set_aside, reasons)), FINDING),
        protected=_protected(dataset, set_aside),
        keys=_keys(frame, columns).nunique(),
        keys_aside=_keys(set_aside, columns).nunique(),
    )


def _collapse(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """One row for identical ones; the module is no value, the first label stands for all (rule K5)."""
    same = [*_KEY_COLUMNS[dataset], *_VALUE_COLUMNS[dataset]]
    if not frame.duplicated(subset=same).any():
        return frame.sort_values("source_row")
    order = frame.sort_values(["label", "source_row"], kind="stable").index
    return frame.loc[order].drop_duplicates(subset=same).sort_values("source_row")


def _reasons_by_row(failures: pd.DataFrame) -> dict[int, list[tuple[str, str]]]:
    reasons: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for failure in rows(failures):
        reasons[failure["source_row"]].append((failure["rule"], failure["reason"]))
    return reasons


def _beside(good: pd.DataFrame, bad: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Which of the good rows have the key of a bad one."""
    if not len(bad):
        return pd.Series(False, index=good.index)
    return _keys(good, columns).isin(set(_keys(bad, columns)))


def _keys(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    whole = pd.Series(list(zip(*(frame[c].fillna("\0") for c in columns), strict=True)), index=frame.index)
    return whole.astype(object)


def _loosely_equal(frame: pd.DataFrame, candidates: pd.DataFrame) -> dict[int, str]:
    """Source rows of the candidates whose idnumber PHP's ``==`` takes for another one of the same course."""
    numbers = {text: keys.loose(text) for text in frame["idnumber"].dropna().unique() if text != "0"}
    if all(text == number for text, number in numbers.items()):
        return {}
    spellings: dict[tuple[Any, Any], set[str]] = defaultdict(set)
    for course, text in zip(frame["course"], frame["idnumber"], strict=True):
        if text in numbers:
            spellings[course, numbers[text]].add(text)
    found = {}
    for row in rows(candidates[["source_row", "course", "idnumber"]]):
        others = spellings[row["course"], numbers[row["idnumber"]]] - {row["idnumber"]}
        if others:
            found[row["source_row"]] = min(others)
    return found


def _findings(dataset: str, set_aside: pd.DataFrame, reasons: dict[int, list[tuple[str, str]]]) -> list[Finding]:
    found = []
    for row in rows(set_aside):
        for rule, reason in sorted(set(reasons[row["source_row"]])):
            found.append(
                Finding(
                    dataset=dataset,
                    severity=Severity.QUARANTINED,
                    rule=rule,
                    reason=reason,
                    course=row["course"],
                    key=row.get("idnumber")
                    or row.get("group")
                    or row.get("id")
                    or row.get("label")
                    or row.get("module"),
                    user=row.get("user"),
                    source_row=row["source_row"],
                    next_step=_NEXT_STEP,
                )
            )
    return found


def _protected(dataset: str, set_aside: pd.DataFrame) -> pd.DataFrame:
    """The keys, or halves of keys, of rows set aside; text that cannot be read stands for anything.

    A row without any part of a key protects nothing; one whose whole key is spoilt could be any.
    """
    key = {"memberships": "group", "mappings": "label", "requests": "label"}.get(dataset, "idnumber")
    parts = {"course": "course", "key": key} | ({"user": "user"} if dataset == "memberships" else {})
    found = {
        tuple(_known(row[column]) for column in parts.values())
        for row in rows(set_aside[list(dict.fromkeys(parts.values()))])
        if any(row[column] for column in parts.values())
    }
    kept = sorted(found, key=repr)
    return frame_of(({"dataset": dataset} | dict(zip(parts, part, strict=True)) for part in kept), PROTECTED)


def _known(text: str | None) -> str | None:
    return None if keys.unreadable(text) else text
