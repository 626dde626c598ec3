"""The client that the engine replaces: one call per object, one after another, on one kept connection."""

from collections.abc import Iterable, Mapping
from typing import Any

import requests

from include.groupsync.model.change import Change
from include.groupsync.model.things import Group, Grouping, Membership


class OldClient:
    """Creates, adds, removes and deletes; it reads nothing and checks nothing."""

    def __init__(self, url: str, token: str, courses: Mapping[str, int], users: Mapping[str, int]):
        self._endpoint, self._token = f"{url}/webservice/rest/server.php", token
        self._courses, self._users = courses, users
        self._ids: dict[tuple[str, str, str], int] = {}
        self._session = requests.Session()

    def create(self, changes: Iterable[Change]) -> None:
        for change in changes:
            thing = change.after
            if isinstance(thing, Grouping | Group):
                kind = str(thing.kind)
                item = {"courseid": self._courses[thing.course], "name": thing.name, "description": ""}
                [made] = self._call(f"create_{kind}s", f"{kind}s[0]", item | {"idnumber": thing.key})
                self._ids[kind, thing.course, thing.key] = made["id"]

    def add(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._call("add_group_members", "members[0]", self._member(change))

    def remove(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._call("delete_group_members", "members[0]", self._member(change))

    def delete(self, changes: Iterable[Change]) -> None:
        for change in changes:
            thing = change.after
            if isinstance(thing, Grouping | Group):
                kind = str(thing.kind)
                self._call(f"delete_{kind}s", f"{kind}ids", {"0": self._ids[kind, thing.course, thing.key]})

    def _member(self, change: Change) -> dict[str, int]:
        thing = change.after
        assert isinstance(thing, Membership)
        return {"groupid": self._ids["group", thing.course, thing.group], "userid": self._users[thing.user]}

    def _call(self, function: str, argument: str, item: Mapping[str, object]) -> Any:
        form = {
            "wstoken": self._token,
            "wsfunction": f"core_group_{function}",
            "moodlewsrestformat": "json",
            **{f"{argument}[{name}]": str(value) for name, value in item.items()},
        }
        answer = self._session.post(self._endpoint, data=form, timeout=60).json()
        if isinstance(answer, dict) and "exception" in answer:
            raise AssertionError(f"{function}: {answer}")
        return answer
