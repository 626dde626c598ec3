"""The four things as values, keyed by natural keys: what a change has before and after.

``course`` is the course's key (settings: ``localcoursefield``); ``grouping`` and ``group`` are idnumbers, or
``#`` and a Moodle id for an object without one; ``user`` is the person's key (``localuserfield``).
"""

from dataclasses import dataclass

from include.groupsync.model.kind import Kind


@dataclass(frozen=True, slots=True)
class Grouping:
    course: str
    grouping: str
    name: str
    description: str | None = None  # None: not looked at, stays as it is

    kind = Kind.GROUPING

    @property
    def key(self) -> str:
        return self.grouping


@dataclass(frozen=True, slots=True)
class Group:
    course: str
    group: str
    name: str
    description: str | None = None

    kind = Kind.GROUP

    @property
    def key(self) -> str:
        return self.group


@dataclass(frozen=True, slots=True)
class Link:
    course: str
    grouping: str
    group: str

    kind = Kind.LINK


@dataclass(frozen=True, slots=True)
class Membership:
    course: str
    group: str
    user: str

    kind = Kind.MEMBERSHIP


Thing = Grouping | Group | Link | Membership
