"""A person who is pinned to a group or kept out of it by the data team, and every change of that (rule M6)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from include.groupsync.model import keys


class What(StrEnum):
    """What a person of the data team may ask for; the first two are exceptions, the third ends them."""

    PIN = "pin"
    EXCLUDE = "exclude"
    CLEAR = "clear"


@dataclass(frozen=True)
class Member:
    """A person in a group, there or not, by keys as rule K3 reads them; ``group`` as the plan names it: its idnumber,
    or ``#`` and Moodle's id where it has none."""

    course: str
    group: str
    user: str

    @property
    def group_id(self) -> int | None:
        """Moodle's id of the group, where its key has one."""
        return keys.moodle_id_of(self.group)


@dataclass(frozen=True)
class Standing:
    """An exception that holds; ``what`` as it is written down, by the form or by hand; ``at`` is an aware UTC time."""

    what: str
    who: str
    reason: str
    at: datetime

    @property
    def told(self) -> str:
        """For pages, not for logs and alerts (rule W3)."""
        return f"{self.since}, by {self.who}, who says: {_line(self.reason)}"

    @property
    def since(self) -> str:
        """Names nobody."""
        return f"{self.what} since {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class ExceptionChange:
    """Somebody asked for ``what``; ``before`` are the exceptions that held until then, parted by blanks."""

    what: What
    before: str
    who: str
    reason: str
    at: datetime

    @property
    def told(self) -> str:
        """For pages, not for logs and alerts (rule W3)."""
        was = self.before or "no exception"
        return (
            f"{self.at:%Y-%m-%d %H:%M} UTC: {self.what}, before: {was}; by {self.who}, who says: {_line(self.reason)}"
        )


@dataclass(frozen=True)
class Known:
    """What the ledger has of a course, a group and a person: ``course`` and ``group``: whether it has any such thing;
    ``ours``: the person is in the group by this sync; ``meant``: keys of the course's groups that have the group's key
    as their name or Moodle's id."""

    course: bool
    group: bool
    ours: bool
    meant: tuple[str, ...]


def _line(reason: str) -> str:
    """A person's reason may not pass for one of our own lines."""
    return " ".join(reason.split())
