"""What a run has to tell about a row or an object: quarantined, warned of, failed, deferred."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from include.groupsync.model.frames import TEXT, WHOLE


class Severity(StrEnum):
    """``quarantined`` and ``error`` rows are not applied; a ``deferred`` one is tried at every run."""

    QUARANTINED = "quarantined"
    ERROR = "error"
    WARNING = "warning"
    DEFERRED = "deferred"
    NOTE = "note"


FINDING = {
    "dataset": TEXT,
    "source_row": WHOLE,
    "severity": TEXT,
    "rule": TEXT,
    "course": TEXT,
    "key": TEXT,
    "user": TEXT,
    "reason": TEXT,
    "next_step": TEXT,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``source_row`` counts from 1 as the table was read; None for an object that Moodle has."""

    dataset: str
    severity: Severity
    rule: str
    reason: str
    course: str | None = None
    key: str | None = None
    source_row: int | None = None
    user: str | None = None
    next_step: str | None = None

    def row(self) -> dict[str, Any]:
        """The finding as a row of FINDING."""
        return {name: getattr(self, name) for name in FINDING} | {"severity": str(self.severity)}
