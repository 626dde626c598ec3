"""One course's two sides and what comparing them gives, as values; alike for groupings and groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding
from include.groupsync.model.kind import Kind
from include.groupsync.model.scope import Standing


@dataclass(frozen=True)
class Words:
    """What differs between the two kinds: noun, dataset and the rules' numbers."""

    kind: Kind
    dataset: str
    noun: str
    no_course: str
    same_name: str
    create: str
    update: str
    delete: str
    taken: str


GROUPINGS = Words(Kind.GROUPING, "groupings", "Grouping", "G3", "G4", "G5", "G6", "G7", "G8")
GROUPS = Words(Kind.GROUP, "groups", "Group", "P3", "P4", "P5", "P6", "P7", "P11")


@dataclass(frozen=True)
class Policy:
    """The settings and the moment that the rules depend on."""

    term: str
    open_terms: frozenset[str] | None
    later_terms: frozenset[str] = frozenset()
    on_name_collision: str = "suffix"
    adopt_same_name: bool = False
    on_local_edit: str = "source"
    rekey: bool = True
    reclaim: bool = False


# Why a plan has a link or membership that is there already.
RECLAIMED = "there and listed: it becomes ours, and nothing is sent to Moodle"


@dataclass(frozen=True)
class Wanted:
    """A usable row of the remote table; ``description`` None where the column is not configured."""

    key: str
    name: str
    description: str | None
    label: str | None
    source_row: int
    grouping: str | None = None


@dataclass(frozen=True)
class Held:
    """An object that Moodle has; ``key`` None without idnumber."""

    moodle_id: int
    key: str | None
    name: str
    description: str

    @property
    def plan_key(self) -> str:
        return self.key or keys.without_idnumber(self.moodle_id)


@dataclass(frozen=True)
class Managed:
    """The ledger's row of an object; ``name`` and ``description`` as last applied, None if never."""

    moodle_id: int
    key: str
    name: str | None
    description: str | None
    module: str | None
    terms: str


# The share of an object's members (by Moodle id) who are listed for another key; None where it has none.
Overlap = Callable[[int, str], float | None]


def no_overlap(_: int, __: str) -> float | None:
    """For groupings, which have no members: they go by name only."""
    return None


class Fate(StrEnum):
    """What becomes of an object by this plan."""

    STAYS = "stays"
    CREATED = "created"
    DELETED = "deleted"
    REKEYED = "rekeyed"  # gets a new idnumber, once a person agrees (rule P10); until then it stays as it is
    WAITING = "waiting"  # the new idnumber of such a one: not in Moodle yet, and not to be made


@dataclass(frozen=True)
class After:
    """An object as it will be after this plan; ``moodle_id`` None for one that is to be created."""

    key: str
    moodle_id: int | None
    name: str
    fate: Fate


@dataclass
class CourseDiff:
    """What one course's comparison gives.

    ``observed`` are ledger rows to be written whatever becomes of the changes: found, claimed, dropped.
    """

    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    observed: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """One course's two sides.  ``present`` says whether a key that no usable row has counts as listed (K6);
    ``standing`` tells how a delivery stands; ``appropriated`` are ids of groupings that rule G7 keeps;
    ``overlap`` compares an object's members with those listed for another key (rule P10)."""

    course: str
    course_id: int
    wanted: Sequence[Wanted]
    held: Sequence[Held]
    managed: Sequence[Managed]
    present: Callable[[str], bool]
    standing: Callable[[str | None], Standing]
    appropriated: frozenset[int] = frozenset()
    overlap: Overlap = no_overlap
