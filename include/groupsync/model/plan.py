"""All changes of a run, sorted in the order of their application, with a digest that names them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from include.groupsync.model.change import NOT_IN_DIGEST, PLAN, Change
from include.groupsync.model.frames import conform, frame_of
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.run_folder import RunFolder

# Rule A1: what is made, from the container inwards; then what goes, from the inside outwards.  A person
# who moves between groups is added first, so is never without one.
PHASES: tuple[tuple[Kind, Action], ...] = (
    (Kind.GROUPING, Action.UPDATE),
    (Kind.GROUPING, Action.CREATE),
    (Kind.GROUP, Action.UPDATE),
    (Kind.GROUP, Action.CREATE),
    (Kind.LINK, Action.UPDATE),
    (Kind.LINK, Action.CREATE),
    (Kind.MEMBERSHIP, Action.UPDATE),
    (Kind.MEMBERSHIP, Action.CREATE),
    (Kind.MEMBERSHIP, Action.DELETE),
    (Kind.LINK, Action.DELETE),
    (Kind.GROUP, Action.DELETE),
    (Kind.GROUPING, Action.DELETE),
)
_ORDER = {f"{kind} {action}": at for at, (kind, action) in enumerate(PHASES)}
_KEY = ["course", "step", "grouping", "group", "user", "to_key", "name_before", "name_after", "description_after"]


@dataclass(frozen=True, eq=False)
class Plan:
    """``frame``: one row a change (columns PLAN), sorted by phase and key; build it with ``of``."""

    frame: pd.DataFrame

    @classmethod
    def of(cls, *frames: pd.DataFrame) -> "Plan":
        """The plan of frames with PLAN's columns, in whatever row order."""
        given = [frame for frame in frames if len(frame)]
        whole = conform(pd.concat(given, ignore_index=True) if given else frame_of([], PLAN), PLAN)
        whole["step"] = whole["step"].fillna(0)
        phase = (whole["kind"] + " " + whole["action"]).map(_ORDER)
        order = whole.assign(phase=phase).sort_values(["phase", *_KEY], kind="stable", na_position="first").index
        return cls(whole.loc[order].reset_index(drop=True))

    @classmethod
    def of_changes(cls, changes: Iterable[Change]) -> "Plan":
        return cls.of(frame_of((change.row() for change in changes), PLAN))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every change, whatever order the rows came in, on any machine."""
        return _digest(pa.Table.from_pandas(self.frame, preserve_index=False).to_batches(max_chunksize=50_000))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Changes by kind, then action; zeros included, so that a reader sees what was looked at."""
        found = self.frame.groupby(["kind", "action"]).size().to_dict()
        return {str(k): {str(a): int(found.get((str(k), str(a)), 0)) for a in Action} for k in Kind}

    def changes(self) -> Iterator[Change]:
        """Every change in order, made as it is asked for: a plan may be larger than the memory for objects."""
        for batch in pa.Table.from_pandas(self.frame, preserve_index=False).to_batches(max_chunksize=10_000):
            yield from map(Change.of_row, batch.to_pylist())

    @property
    def deletes(self) -> bool:
        """Whether anything is taken away."""
        return bool((self.frame["action"] == str(Action.DELETE)).any())

    def inverse(self) -> "Plan":
        """The plan that undoes this one."""
        return Plan.of_changes(change.inverse() for change in self.changes())

    def only(self, mask: pd.Series) -> "Plan":
        """The part of the plan that the mask names, in the same order."""
        return Plan(self.frame.loc[mask.astype(bool)].reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.frame)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True)
class StoredPlan:
    """A plan in a run's folder, read batch by batch: memory does not grow with it."""

    folder: RunFolder
    name: str

    @cached_property
    def digest(self) -> str:
        """As ``Plan.digest``."""
        return _digest(self.folder.batches(self.name))

    @cached_property
    def deletes(self) -> bool:
        """Whether anything is taken away."""
        delete = str(Action.DELETE)
        return any(delete in batch["action"].to_pylist() for batch in self.folder.batches(self.name, ["action"]))

    def changes(self) -> Iterator[Change]:
        """Every change in the plan's order."""
        for batch in self.folder.batches(self.name):
            yield from map(Change.of_row, batch.to_pylist())

    def of_courses(self, courses: Collection[str]) -> Plan:
        """The part of these courses."""
        return Plan(self.folder.frame_of_courses(self.name, courses))


def _digest(batches: Iterable[pa.RecordBatch]) -> str:
    hashed = hashlib.sha256()
    for batch in batches:
        for row in batch.select([name for name in batch.schema.names if name not in NOT_IN_DIGEST]).to_pylist():
            hashed.update(json.dumps(row, ensure_ascii=True, sort_keys=True).encode() + b"\n")
    return hashed.hexdigest()
