"""What the executor needs of the world, as small protocols: a dry run or a test is another implementation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from include.groupsync.model.journal import Intent, Settled

Pair = tuple[int, int]
Item = dict[str, Any]


class Writer(Protocol):
    """Moodle's writing calls; each is all or nothing and raises what ``errors`` has for Moodle."""

    def limit(self, fields: int) -> int: ...
    def create_groupings(self, items: Sequence[Item]) -> list[int]: ...
    def create_groups(self, items: Sequence[Item]) -> list[int]: ...
    def update_groupings(self, items: Sequence[Item]) -> None: ...
    def update_groups(self, items: Sequence[Item]) -> None: ...
    def delete_groupings(self, ids: Sequence[int]) -> None: ...
    def delete_groups(self, ids: Sequence[int]) -> None: ...
    def add_links(self, pairs: Sequence[Pair]) -> None: ...
    def remove_links(self, pairs: Sequence[Pair]) -> None: ...
    def add_members(self, pairs: Sequence[Pair]) -> None: ...
    def remove_members(self, pairs: Sequence[Pair]) -> None: ...
    def heal(self, course_id: int) -> None: ...


@dataclass(frozen=True)
class Now:
    """An object as Moodle's database has it at this moment; ``holds`` are a group's members or a
    grouping's groups, by id."""

    course_id: int
    key: str | None
    name: str
    description: str
    description_format: int
    holds: tuple[int, ...]


class Reader(Protocol):
    """Objects past Moodle's cache; an id that is no longer there is left out of the answer."""

    def groups_now(self, ids: Sequence[int]) -> dict[int, Now]: ...
    def groupings_now(self, ids: Sequence[int]) -> dict[int, Now]: ...


class Journal(Protocol):
    """Durable before it returns."""

    def intend(self, intents: Sequence[Intent]) -> list[int]: ...
    def settle(self, settled: Sequence[Settled]) -> None: ...
