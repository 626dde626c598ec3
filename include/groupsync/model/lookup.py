"""Rows of a frame found by a number, without a Python object for each of them: a site has a million memberships."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa


class Lookup:
    """Values of one column by the whole numbers of another, in the rows' order."""

    def __init__(self, frame: pd.DataFrame, by: str, value: str):
        keys = frame[by].to_numpy(dtype="int64", na_value=0)
        order = np.argsort(keys, kind="stable")
        self.keys = keys[order]
        self._values = pa.array(frame[value].array).take(pa.array(order))

    def of(self, key: int) -> list[object]:
        """The values of a number; none where it does not occur."""
        first, end = np.searchsorted(self.keys, [key, key + 1])
        found: list[object] = self._values.slice(first, end - first).to_pylist()
        return found


class MembersByGroup(Mapping[int, frozenset[int]]):
    """Who is in each group, by ids (columns MEMBERS)."""

    def __init__(self, members: pd.DataFrame):
        self._members = Lookup(members, "group_id", "user_id")

    def __getitem__(self, group_id: int) -> frozenset[int]:
        found = self._members.of(group_id)
        if not found:
            raise KeyError(group_id)
        return frozenset(found)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        return iter(np.unique(self._members.keys).tolist())

    def __len__(self) -> int:
        return len(np.unique(self._members.keys))


class OurMembers(Mapping[tuple[int, str], int]):
    """The accounts of our memberships, by group id and the person's key (columns MANAGED_MEMBERSHIPS)."""

    def __init__(self, managed: pd.DataFrame):
        self._users, self._ids = Lookup(managed, "group_id", "user"), Lookup(managed, "group_id", "user_id")
        self._last: tuple[int, dict[object, object]] = 0, {}  # a plan goes group by group

    def __getitem__(self, of: tuple[int, str]) -> int:
        group_id, user = of
        if self._last[0] != group_id:
            self._last = group_id, dict(zip(self._users.of(group_id), self._ids.of(group_id), strict=True))
        return self._last[1][user]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for group_id in np.unique(self._users.keys).tolist():
            yield from ((group_id, str(user)) for user in self._users.of(group_id))

    def __len__(self) -> int:
        return len(self._users.keys)
