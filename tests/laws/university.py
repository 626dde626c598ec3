"""A small university: what the source says, what Moodle holds, what the ledger knows, and the settings."""

from dataclasses import dataclass, field
from typing import Any

from include.groupsync.settings import Settings
from tests.laws.moodle import MoodleState

Row = dict[str, Any]
TERM, ENDED, EARLIER, LATER = "now", "ended", "earlier", "later"
OPEN_TERMS = frozenset({TERM, EARLIER, LATER})
LATER_TERMS = frozenset({LATER})
ON = {"connection": "source", "table": "T"}


@dataclass
class Ledger:
    """The ledger's rows by Moodle's ids; the columns are model/ledger.py's."""

    objects: dict[tuple[str, int], Row] = field(default_factory=dict)  # kind and id
    links: dict[tuple[int, int], Row] = field(default_factory=dict)  # grouping and group
    memberships: dict[tuple[int, int], Row] = field(default_factory=dict)  # group and user


@dataclass(frozen=True)
class Options:
    """The settings that change what the rules say."""

    on: frozenset[str] = frozenset({"groupings", "groups", "memberships"})
    delivery: tuple[str, ...] = ()
    mapped: bool = True
    userfield: str = "idnumber"
    groupfield: str = "idnumber"
    groupingfield: str = "idnumber"
    collision: str = "suffix"
    adopt: bool = False
    edit: str = "source"
    descriptions: bool = True
    names: bool = True
    placed: bool = True
    member_course: bool = True
    rekey: bool = True
    coursefield: str = "idnumber"
    termed: bool = False  # the remote tables say which term a row is of

    def settings(self) -> Settings:
        """The engine's settings."""
        columns = {name: name for name in (*self.delivery, *(("term",) if self.termed else ()))}
        objects = columns | ({"name": "name"} if self.names else {})
        objects |= {"description": "description"} if self.descriptions else {}
        tables = {
            "groupings": objects,
            "groups": objects | ({"grouping": "grouping"} if self.placed else {}),
            "memberships": columns | ({"course": "course"} if self.member_course else {}),
        }
        mapping = {"academic_year": None, "occurrence": "occurrence", "period": "period"}
        raw: dict[str, Any] = {name: {**ON, "columns": tables[name]} for name in self.on}
        raw["mappings"] = {**ON, "columns": mapping} if self.mapped else "none"
        return Settings.model_validate(
            raw
            | {
                "localcoursefield": self.coursefield,
                "localuserfield": self.userfield,
                "localgroupfield": self.groupfield,
                "localgroupingfield": self.groupingfield,
                "on_name_collision": self.collision,
                "adopt_same_name": self.adopt,
                "on_local_edit": self.edit,
                "breaker": {} if self.rekey else {"rekey": None},
            }
        )


@dataclass(frozen=True)
class University:
    """``rows`` are the remote tables; ``unread`` are courses that Moodle does not let be read; ``closed`` are terms
    that somebody closed; ``reclaim`` is how the run was started."""

    options: Options
    rows: dict[str, list[Row]]
    moodle: MoodleState
    ledger: Ledger
    exceptions: list[Row]
    unread: frozenset[int] = frozenset()
    closed: frozenset[str] = frozenset()
    reclaim: bool = False

    @property
    def open_terms(self) -> frozenset[str]:
        return OPEN_TERMS - self.closed
