"""What is only watched: references between datasets, repeated keys, and the numbers that the circuit breaker judges.

A threshold stands in one place: what is too much of something, ``breaker/`` says, and here its limit is repeated.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from include.groupsync.model.scope import label_column
from include.groupsync.model.verdict import Observation
from include.groupsync.quality.levels import Expectation, watches
from include.groupsync.settings import Settings

# The suite, and the frame of one row, of the numbers.
NUMBERS = "numbers"
_KEYS = {
    "mappings": ("course", "module", "occurrence", "academic_year", "period"),
    "groupings": ("course", "idnumber"),
    "groups": ("course", "idnumber"),
    "memberships": ("course", "group", "user"),
}
_REFERENCES = {
    "mappings": ("has_groups", "C1", "no group is listed for the delivery of this active mapping"),
    "groups": ("grouping_is_listed", "L1", "the grouping that it names is not listed for its course"),
    "memberships": ("group_is_listed", "M2", "the group that it names is not listed for its course"),
}


def watched(dataset: str, settings: Settings) -> list[Expectation]:
    """The dataset's *watch* expectations, on the columns that ``with_references`` adds."""
    if dataset not in _KEYS:
        return []
    configured = settings.datasets[dataset].columns.configured
    keys = [column for column in _KEYS[dataset] if column in configured]
    found = [
        watches(
            "expect_compound_columns_to_be_unique",
            "K5",
            "its key stands in several rows: identical ones count as one, others are set aside",
            column_list=keys,
        )
    ]
    if dataset in _REFERENCES:
        column, rule, reason = _REFERENCES[dataset]
        found.append(watches("expect_column_values_to_be_in_set", rule, reason, column=column, value_set=["yes"]))
    return found


def with_references(
    dataset: str, frame: pd.DataFrame, listed: Mapping[str, pd.DataFrame], settings: Settings
) -> pd.DataFrame:
    """The frame (CLEAN) with a column that says whether what a row refers to is ``listed`` (CLEAN frames, as read):
    ``yes`` or ``no``; null where it refers to nothing, or to something of Moodle's own."""
    if dataset not in _REFERENCES:
        return frame
    column = _REFERENCES[dataset][0]
    found = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    match dataset:
        case "groups":
            if "groupings" in listed and settings.localgroupingfield != "id":
                found = _is_listed(frame, "grouping", listed["groupings"], settings.localgroupingfield)
        case "memberships":
            if "groups" in listed and settings.localgroupfield != "id":
                found = _is_listed(frame, "group", listed["groups"], settings.localgroupfield)
        case _:
            if "groups" in listed:
                found = _has_groups(frame, listed["groups"], settings.datasets["groups"].columns.delivery)
    return frame.assign(**{column: found})


def _has_groups(mappings: pd.DataFrame, groups: pd.DataFrame, delivery: tuple[str, ...]) -> pd.Series:
    """By course and delivery where the groups have one, else by course; only active mappings should have any."""
    active = ((mappings["status"] == "active") & (mappings["import_groups"] == "yes")).fillna(False)
    if delivery:
        labelled = mappings.assign(label=label_column(mappings, delivery))
        found = _is_listed(labelled, "label", groups, "label")
    else:
        found = _is_listed(mappings.assign(there=mappings["course"]), "there", groups.assign(there=groups["course"]))
    return found.where(active.to_numpy(dtype=bool), None)


def _is_listed(frame: pd.DataFrame, column: str, others: pd.DataFrame, named: str | None = None) -> pd.Series:
    """Whether the others have a row of this course whose column ``named`` is what the row has."""
    theirs = others[["course", named or column]].set_axis(["course", column], axis=1).dropna().drop_duplicates()
    ours = frame[["course", column]]
    there = ours.merge(theirs.assign(found=True), on=["course", column], how="left")["found"].notna()
    words = pd.Series(np.where(there, "yes", "no"), index=frame.index, dtype=object)
    return words.where(ours.notna().all(axis=1).to_numpy(), None)


# --- the numbers


def numbers(observations: Iterable[Observation]) -> tuple[pd.DataFrame, list[Expectation]]:
    """One row with every number that was observed, and what the circuit breaker expects of each.

    A number without a limit (the rule is off, has no baseline yet, or does not look at so few) is expected nothing of.
    """
    seen = {name_of(one): one for one in observations if one.observed is not None}
    frame = pd.DataFrame([{"source_row": 1, **{name: one.observed for name, one in seen.items()}}])
    return frame, [_within(name, one) for name, one in seen.items() if _is_judged(one)]


def name_of(observation: Observation) -> str:
    """The column of a number, such as ``quarantined: groups``."""
    return f"{observation.rule}: {observation.subject}"


def _within(name: str, one: Observation) -> Expectation:
    bound = {"min_value" if one.at_least else "max_value": one.limit}
    reason = f"{name} is {'less' if one.at_least else 'more'} than the circuit breaker's limit"
    return watches("expect_column_values_to_be_between", f"breaker: {one.rule}", reason, column=name, **bound)


def _is_judged(one: Observation) -> bool:
    """Beyond its limit and not tripped is what lies below the rule's floor."""
    return one.limit is not None and (one.tripped or (one.headroom or 0) >= 0)
