"""What a run may touch: how each course and module delivery stands in the run's term (rules C1 to C6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from include.groupsync.model.frames import TEXT, rows


class Standing(StrEnum):
    """``active`` may be created, updated and deleted; ``withdrawn`` only loses what is managed (C3);
    ``frozen`` is left exactly as it is (C2, C4)."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    FROZEN = "frozen"


# label is the module delivery; null where the dataset's table carries no module.
SCOPE = {"dataset": TEXT, "course": TEXT, "label": TEXT, "standing": TEXT}
# Which course belongs to which department, where the mappings name one.
DEPARTMENT = {"course": TEXT, "department": TEXT}


def delivery_label(row: Mapping[str, Any], delivery: tuple[str, ...]) -> str | None:
    """A module delivery as one text, such as ``ANTH1014 A6U T1``; None without a module or without delivery."""
    if not delivery or not row.get(delivery[0]):
        return None
    return " ".join(row.get(column) or "-" for column in delivery)


def label_column(frame: pd.DataFrame, delivery: tuple[str, ...]) -> pd.Series:
    """``delivery_label`` of every row of a frame."""
    if not delivery:
        return pd.Series([None] * len(frame), index=frame.index, dtype=pd.ArrowDtype(TEXT))
    label = frame[delivery[0]]
    for column in delivery[1:]:
        label = label + " " + frame[column].fillna("-")
    return label


@dataclass(frozen=True)
class Scope:
    """The standings of one dataset's rows, keyed by (course, label); what is not there is frozen."""

    carries_module: bool
    standings: Mapping[tuple[str, str | None], Standing]

    @classmethod
    def of(cls, frame: pd.DataFrame, dataset: str) -> "Scope":
        """The scope of a dataset from a SCOPE frame."""
        own = rows(frame[frame["dataset"] == dataset])
        standings = {(row["course"], row["label"]): Standing(row["standing"]) for row in own}
        return cls(any(label is not None for _, label in standings), standings)

    def standing(self, course: str, label: str | None) -> Standing:
        """A row or managed object without module, in a table that carries modules, is left out: frozen."""
        return self.standings.get((course, label if self.carries_module else None), Standing.FROZEN)

    def course_standing(self, course: str) -> frozenset[Standing]:
        """All standings that a course's deliveries have."""
        return frozenset(standing for (c, _), standing in self.standings.items() if c == course)

    @property
    def courses(self) -> frozenset[str]:
        """The courses in which anything may change."""
        return frozenset(c for (c, _), standing in self.standings.items() if standing is not Standing.FROZEN)


def combined(standings: Iterable[Standing]) -> Standing:
    """One standing of several mappings: any active one counts; withdrawn only if all are (rules C2, C3)."""
    found = set(standings)
    if Standing.ACTIVE in found:
        return Standing.ACTIVE
    return Standing.WITHDRAWN if found == {Standing.WITHDRAWN} else Standing.FROZEN
