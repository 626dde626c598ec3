"""The four kinds of thing that the sync keeps in step, and what a change does to one."""

from enum import StrEnum


class Kind(StrEnum):
    """In the order in which they are created; they are deleted in the reverse (rule A1)."""

    GROUPING = "grouping"
    GROUP = "group"
    LINK = "link"
    MEMBERSHIP = "membership"


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
