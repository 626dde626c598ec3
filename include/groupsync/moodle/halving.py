"""Asking for many at once where one bad item fails the whole call and is not named."""

from collections.abc import Callable
from typing import Any, TypeVar

from include.groupsync.errors import MoodleRefused

_Key = TypeVar("_Key")


def bisect(
    ask: Callable[[list[_Key]], list[dict[str, Any]]],
    ids: list[_Key],
    failed: Callable[[_Key, MoodleRefused], None],
) -> list[dict[str, Any]]:
    """The answers for all ids but those that are refused when they stand alone; ``failed`` is told of each."""
    try:
        return ask(ids)
    except MoodleRefused as refused:
        if len(ids) == 1:
            failed(ids[0], refused)
            return []
    middle = len(ids) // 2
    return bisect(ask, ids[:middle], failed) + bisect(ask, ids[middle:], failed)
