"""Which changes go in one call: as many as it may carry, of one phase, a course in one piece where it fits (A3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol
from urllib.parse import quote_plus

from include.groupsync.model.change import Change
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.things import Group, Grouping

# Form fields that one item of a call takes, by kind and action.
_FIELDS = {
    (Kind.GROUPING, Action.CREATE): 4,
    (Kind.GROUP, Action.CREATE): 4,
    (Kind.GROUPING, Action.UPDATE): 5,
    (Kind.GROUP, Action.UPDATE): 5,
    (Kind.GROUPING, Action.DELETE): 1,
    (Kind.GROUP, Action.DELETE): 1,
    (Kind.LINK, Action.CREATE): 2,
    (Kind.LINK, Action.UPDATE): 2,
    (Kind.LINK, Action.DELETE): 2,
    (Kind.MEMBERSHIP, Action.CREATE): 2,
    (Kind.MEMBERSHIP, Action.UPDATE): 2,
    (Kind.MEMBERSHIP, Action.DELETE): 2,
}
# Web servers take a megabyte unless told otherwise.
_MOST_BYTES = 700_000
_BYTES_BESIDE_TEXT = 300  # names of fields and numbers of one item


class Limit(Protocol):
    """How many items of so many form fields one call may carry."""

    def limit(self, fields: int) -> int: ...


@dataclass(frozen=True)
class Batch:
    """Changes of one phase that go in one call, in the plan's order; the courses that nobody else may write to
    or read while it is under way."""

    kind: Kind
    action: Action
    changes: list[Change]

    @property
    def courses(self) -> frozenset[str]:
        return frozenset(change.course for change in self.changes)


def batches(changes: Iterable[Change], limit: Limit, at_most: int | None = None) -> Iterator[Batch]:
    """The plan's changes cut into batches, of at most ``at_most`` items.

    A batch spans courses; two batches share one only where that course alone is more than a call may carry.
    """
    for (kind, action), phase in groupby(changes, key=lambda change: (change.kind, change.action)):
        most = min(limit.limit(_FIELDS[kind, action]), at_most or 1_000_000)
        full: list[Change] = []
        room = most, _MOST_BYTES
        for piece in _pieces(phase, most):
            size = sum(map(_bytes, piece))
            if full and (len(piece) > room[0] or size > room[1]):
                yield Batch(kind, action, full)
                full, room = [], (most, _MOST_BYTES)
            full += piece
            room = room[0] - len(piece), room[1] - size
        if full:
            yield Batch(kind, action, full)


def _pieces(changes: Iterable[Change], most: int) -> Iterator[list[Change]]:
    """Each course's changes, cut where they are too many or too large for one call."""
    for _, course in groupby(changes, key=lambda change: change.course):
        piece: list[Change] = []
        size = 0
        for change in course:
            more = _bytes(change)
            if piece and (len(piece) == most or size + more > _MOST_BYTES):
                yield piece
                piece, size = [], 0
            piece.append(change)
            size += more
        yield piece


def _bytes(change: Change) -> int:
    """What a change takes in a form, at most."""
    after = change.after
    if not isinstance(after, Grouping | Group):
        return _BYTES_BESIDE_TEXT
    texts = after.key, after.name, after.description or ""
    return _BYTES_BESIDE_TEXT + sum(len(quote_plus(text)) if len(text) > 300 else 9 * len(text) for text in texts)
