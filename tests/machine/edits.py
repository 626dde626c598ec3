"""What happens at the university between two runs: at the source, in Moodle by hand, to enrolments and mappings.

An edit is a verb and a few draws; one that does not fit the moment does nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.machine.model import BELL, TABLES, Row, Site, Thing, University
from tests.world import TERM1, World

COURSES = ("C1", "C2")
KEYS = {"grouping": ("GR1", "GR2"), "group": ("G1", "G2", "G3", "G4")}
NAMES = ("A", "B", "C", "D")
USERS = ("u1", "u2", "u3", "u4", "u5")
MAPPINGS = ("active", "active", "inactive", "off", "withdrawn", "nonsense", "gone")


@dataclass(frozen=True)
class Edit:
    """``first`` and ``second`` choose among whatever there is to choose from."""

    verb: str
    course: str
    kind: str
    first: int
    second: int
    name: str

    def pick(self, several: Sequence[Any], number: int | None = None) -> Any:
        return several[(self.first if number is None else number) % len(several)]


def edits(verbs: Sequence[str], at_least: int = 1) -> st.SearchStrategy[list[Edit]]:
    """Some edits by these verbs."""
    one = st.builds(
        Edit,
        verb=st.sampled_from(verbs),
        course=st.sampled_from(COURSES),
        kind=st.sampled_from(("group", "grouping")),
        first=st.integers(0, 11),
        second=st.integers(0, 11),
        name=st.sampled_from(NAMES),
    )
    return st.lists(one, min_size=at_least, max_size=at_least + 4)


class AtTheSource:
    """Edits of the remote tables' rows, kept here and written whole before a run."""

    VERBS = (
        "list", "list", "list_person", "list_person", "list_person", "unlist", "unlist_person", "rename",
        "swap_names", "cycle_names", "describe", "place", "move_person", "double", "contradict", "spoil", "clear",
    )  # fmt: skip

    def __init__(self, university: University):
        self.tables = university.tables

    def do(self, edit: Edit) -> None:
        verb: Callable[[Edit], None] = getattr(self, edit.verb)
        verb(edit)

    def rows(self, edit: Edit) -> list[Row]:
        return [row for row in self.tables[TABLES[edit.kind]] if row["course"] == edit.course]

    def list(self, edit: Edit) -> None:
        key = edit.pick(KEYS[edit.kind])
        if all(row["idnumber"] != key for row in self.rows(edit)):
            row = {"course": edit.course, "idnumber": key, "name": edit.name, "description": None}
            place = {"grouping": edit.pick((*KEYS["grouping"], None), edit.second)}
            self.tables[TABLES[edit.kind]].append(row | (place if edit.kind == "group" else {}))

    def unlist(self, edit: Edit) -> None:
        for row in [edit.pick(rows)] if (rows := self.rows(edit)) else []:
            self.tables[TABLES[edit.kind]].remove(row)

    def rename(self, edit: Edit) -> None:
        for row in [edit.pick(rows)] if (rows := self.rows(edit)) else []:
            row["name"] = edit.pick((edit.name, edit.name, None), edit.second)

    def describe(self, edit: Edit) -> None:
        for row in [edit.pick(rows)] if (rows := self.rows(edit)) else []:
            row["description"] = edit.pick((f"About {edit.name}", None), edit.second)

    def swap_names(self, edit: Edit) -> None:
        self._rotate(self.rows(edit)[:2])

    def cycle_names(self, edit: Edit) -> None:
        self._rotate(self.rows(edit))

    def _rotate(self, rows: Sequence[Row]) -> None:
        names = [row["name"] for row in rows]
        for row, name in zip(rows, names[1:] + names[:1], strict=True):
            row["name"] = name

    def place(self, edit: Edit) -> None:
        rows = [row for row in self.tables["remote_groups"] if row["course"] == edit.course]
        for row in [edit.pick(rows)] if rows else []:
            row["grouping"] = edit.pick((*KEYS["grouping"], None, "GR9"), edit.second)

    def list_person(self, edit: Edit) -> None:
        user = edit.pick((*USERS, "nobody"), edit.second)
        row = {"course": edit.course, "group_idnumber": edit.pick((*KEYS["group"], "G9")), "user_key": user}
        if row not in self.tables["remote_memberships"]:
            self.tables["remote_memberships"].append(row)

    def unlist_person(self, edit: Edit) -> None:
        for row in self._membership(edit):
            self.tables["remote_memberships"].remove(row)

    def move_person(self, edit: Edit) -> None:
        for row in self._membership(edit):
            row["group_idnumber"] = edit.pick(KEYS["group"], edit.second)

    def _membership(self, edit: Edit) -> Sequence[Row]:
        rows = [row for row in self.tables["remote_memberships"] if row["course"] == edit.course]
        return [edit.pick(rows)] if rows else []

    def double(self, edit: Edit) -> None:
        """An identical row once more (rule K5); one of a membership as well as one of an object."""
        rows = self.rows(edit) if edit.second % 2 else list(self._membership(edit))
        for row in [edit.pick(rows)] if rows else []:
            self.tables["remote_memberships" if "user_key" in row else TABLES[edit.kind]].append(dict(row))

    def contradict(self, edit: Edit) -> None:
        """A second row of the key with another description (rule K5)."""
        for row in [edit.pick(rows)] if (rows := self.rows(edit)) else []:
            self.tables[TABLES[edit.kind]].append(row | {"description": "Another word"})

    def spoil(self, edit: Edit) -> None:
        """A row that cannot be used; at most one of each sort, as half a table without keys is no table (O3)."""
        if edit.second % 2:
            rows, parts = list(self._membership(edit)), ("course", "group_idnumber", "user_key")
        else:
            rows, parts = self.rows(edit), ("course", "idnumber", "name")
        for row in [edit.pick(rows)] if rows else []:
            part = edit.pick(parts, edit.first + edit.second)
            table = self.tables["remote_memberships" if "user_key" in row else TABLES[edit.kind]]
            if part == "name":
                row["name"] = f"{edit.name}{BELL}"
            elif all(other[part] is not None for other in table):
                row[part] = None

    def clear(self, edit: Edit) -> None:
        """All bad rows are put away."""
        for rows in self.tables.values():
            kept = {part for row in rows for part in row} - {"name", "description", "grouping"}
            good = [row for row in rows if all(row[part] for part in kept) and BELL not in (row.get("name") or "")]
            rows[:] = [row for at, row in enumerate(good) if row not in good[:at]]


class ByHandInMoodle:
    """A teacher's edits, by web service, mirrored in the machine's own picture of Moodle."""

    VERBS = (
        "make", "make", "make_with_idnumber", "rename", "rename", "describe", "delete", "add_member",
        "add_member", "remove_member", "link", "link", "unlink", "other_idnumber",
    )  # fmt: skip

    def __init__(self, world: World, site: Site, university: University):
        self.world, self.site, self.university = world, site, university

    def do(self, edit: Edit) -> None:
        verb: Callable[[Edit], None] = getattr(self, edit.verb)
        verb(edit)

    def _call(self, function: str, argument: str, item: Any) -> Any:
        return self.world.by_hand.call(f"core_group_{function}", **{argument: [item]})

    def _free(self, edit: Edit, name: str) -> bool:
        return all(thing.name != name for thing in self.site.of(edit.kind, edit.course).values())

    def _one(self, edit: Edit, kind: str | None = None, number: int | None = None) -> Any:
        there = sorted(self.site.of(kind or edit.kind, edit.course))
        return edit.pick(there, number) if there else None

    def make(self, edit: Edit, key: str = "") -> None:
        if self._free(edit, edit.name):
            item = {"courseid": self.world.moodle.course_id(edit.course), "name": edit.name}
            item |= {"description": "", "idnumber": key}
            made = self._call(f"create_{edit.kind}s", f"{edit.kind}s", item)
            self.site.things[edit.kind][int(made[0]["id"])] = Thing(edit.course, key, edit.name)

    def make_with_idnumber(self, edit: Edit) -> None:
        key = edit.pick(KEYS[edit.kind])
        if all(thing.key != key for thing in self.site.of(edit.kind, edit.course).values()):
            self.make(edit, key)

    def _change(self, edit: Edit, ident: int, **fields: str) -> None:
        thing = self.site.things[edit.kind][ident]
        item = {"id": ident, "name": thing.name, "description": thing.description, **fields}
        self._call(f"update_{edit.kind}s", f"{edit.kind}s", item)
        thing.name, thing.description = item["name"], item["description"]
        thing.key = fields.get("idnumber", thing.key)

    def rename(self, edit: Edit) -> None:
        if (ident := self._one(edit)) and self._free(edit, edit.name):
            self._change(edit, ident, name=edit.name)

    def describe(self, edit: Edit) -> None:
        if ident := self._one(edit):
            self._change(edit, ident, description=f"By hand {edit.second}")

    def other_idnumber(self, edit: Edit) -> None:
        """Taken away, or another: what the source lists under it then is another object (rule O1)."""
        key = edit.pick((*KEYS[edit.kind], "", "H1"), edit.second)
        there = self.site.of(edit.kind, edit.course)
        if (ident := self._one(edit)) and (not key or all(thing.key != key for thing in there.values())):
            self._change(edit, ident, idnumber=key)

    def delete(self, edit: Edit) -> None:
        if ident := self._one(edit):
            self._call(f"delete_{edit.kind}s", f"{edit.kind}ids", ident)
            self.site.remove(edit.kind, ident)

    def add_member(self, edit: Edit) -> None:
        user, group = edit.pick(USERS, edit.second), self._one(edit, "group")
        if group and (edit.course, user) in self.university.enrolled:
            self._call("add_group_members", "members", self._member(group, user))
            self.site.members.add((group, user))

    def remove_member(self, edit: Edit) -> None:
        there = sorted(pair for pair in self.site.members if pair[0] in self.site.of("group", edit.course))
        if there:
            pair = edit.pick(there)
            self._call("delete_group_members", "members", self._member(*pair))
            self.site.members.remove(pair)

    def _member(self, group: int, user: str) -> dict[str, int | None]:
        return {"groupid": group, "userid": self.world.moodle.user_id(user)}

    def link(self, edit: Edit) -> None:
        grouping, group = self._one(edit, "grouping"), self._one(edit, "group", edit.second)
        if grouping and group:
            self._call("assign_grouping", "assignments", {"groupingid": grouping, "groupid": group})
            self.site.links.add((grouping, group))

    def unlink(self, edit: Edit) -> None:
        there = sorted(pair for pair in self.site.links if pair[1] in self.site.of("group", edit.course))
        if there:
            grouping, group = edit.pick(there)
            self._call("unassign_grouping", "unassignments", {"groupingid": grouping, "groupid": group})
            self.site.links.remove((grouping, group))

    # --- people

    def enrol(self, course: str, user: str, suspended: bool) -> None:
        self.world.enrol(course, user, suspend=int(suspended))
        self.university.enrolled.add((course, user))

    def unenrol(self, course: str, user: str) -> None:
        """Moodle takes the person out of the course's groups."""
        if (course, user) in self.university.enrolled:
            self.world.unenrol(course, user)
            self.university.enrolled.remove((course, user))
            own = self.site.of("group", course)
            self.site.members -= {pair for pair in self.site.members if pair[0] in own and pair[1] == user}


def write_source(world: World, university: University) -> None:
    """The remote tables as the machine has them."""
    fixed = {"module": "M1", "occurrence": "A6U", "period": "T1", "term": TERM1}
    for table, rows in university.tables.items():
        world.source.execute(f"DELETE FROM {table}")  # noqa: S608 (its own tables)
        for row in rows:
            world.source.insert(table, row | fixed)
    world.source.execute("DELETE FROM remote_mappings")
    for course, mappings in university.mappings.items():
        for module, state in mappings.items():
            switch = {"status": "active", "import_groups": "0"} if state == "off" else {"status": state}
            world.map(course, module=module, **switch)
