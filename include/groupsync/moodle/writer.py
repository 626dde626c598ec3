"""The calls that change Moodle; only ``apply`` holds a writer (rule A7).

Every call is all or nothing in Moodle; it raises what ``MoodleClient.write`` raises.
"""

from collections.abc import Sequence
from typing import Any

from include.groupsync.errors import OutcomeUnknown
from include.groupsync.moodle.client import MoodleClient

Pair = tuple[int, int]
Item = dict[str, Any]


class MoodleWriter:
    """Writes batches of things by Moodle's ids; ``limit`` says how many of a kind one call may carry."""

    def __init__(self, client: MoodleClient):
        self._client = client

    def limit(self, fields: int) -> int:
        return self._client.items_per_call(fields)

    def create_groupings(self, items: Sequence[Item]) -> list[int]:
        """Items: courseid, name, description, idnumber; the new ids in their order.

        The idnumber is always sent: left out, Moodle creates the grouping and answers with an error.
        """
        return self._create("core_group_create_groupings", "groupings", items)

    def create_groups(self, items: Sequence[Item]) -> list[int]:
        """Items: courseid, name, description, idnumber; the new ids in their order."""
        return self._create("core_group_create_groups", "groups", items)

    def update_groupings(self, items: Sequence[Item]) -> None:
        """Items: id, name, idnumber, description, descriptionformat; Moodle wants name and description always."""
        self._client.write("core_group_update_groupings", {"groupings": list(items)})

    def update_groups(self, items: Sequence[Item]) -> None:
        """Items as for groupings; what is not sent stays as it is."""
        self._client.write("core_group_update_groups", {"groups": list(items)})

    def delete_groupings(self, ids: Sequence[int]) -> None:
        self._client.write("core_group_delete_groupings", {"groupingids": list(ids)})

    def delete_groups(self, ids: Sequence[int]) -> None:
        self._client.write("core_group_delete_groups", {"groupids": list(ids)})

    def add_links(self, pairs: Sequence[Pair]) -> None:
        """Pairs of grouping id and group id."""
        self._client.write("core_group_assign_grouping", {"assignments": _pairs(pairs, "groupingid", "groupid")})

    def remove_links(self, pairs: Sequence[Pair]) -> None:
        items = _pairs(pairs, "groupingid", "groupid")
        self._client.write("core_group_unassign_grouping", {"unassignments": items})

    def add_members(self, pairs: Sequence[Pair]) -> None:
        """Pairs of group id and user id."""
        self._client.write("core_group_add_group_members", {"members": _pairs(pairs, "groupid", "userid")})

    def remove_members(self, pairs: Sequence[Pair]) -> None:
        self._client.write("core_group_delete_group_members", {"members": _pairs(pairs, "groupid", "userid")})

    def _create(self, function: str, argument: str, items: Sequence[Item]) -> list[int]:
        made = self._client.write(function, {argument: list(items)})
        if not isinstance(made, list) or len(made) != len(items):
            # PHP cuts what is past max_input_vars without a word; the length of the answer tells.
            count = len(made) if isinstance(made, list) else made
            raise OutcomeUnknown(f"{function}: sent {len(items)} items, Moodle answered {count}")
        return [int(item["id"]) for item in made]


def _pairs(pairs: Sequence[Pair], first: str, second: str) -> list[Item]:
    return [{first: one, second: other} for one, other in pairs]
