"""The four kinds of thing that the sync keeps in step, and what a change does to one."""

from enum import StrEnum


class Kind(StrEnum):
    """In the order in which they are created; they are deleted in the reverse (rule A1)."""

    GROUPING = "grouping"
    GROUP = "group"
    LINK = "link"
    MEMBERSHIP = "membership"

    @property
    def plural(self) -> str:
        """As parts of a plan are called, and people read it."""
        return f"{self}s"

    @property
    def dataset(self) -> str:
        """The remote table whose rows say what there is to be of it: a group's row has its link."""
        return Kind.GROUP.plural if self is Kind.LINK else self.plural


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
