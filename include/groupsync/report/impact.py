"""Who loses what by a plan, or has lost by a run: the list that is otherwise made by hand after an incident.

Pure: the frames that a run has left go in, a document comes out.  What was not read is said to be so, and never
taken for "not in use" or "not made by us".
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.frames import rows
from include.groupsync.model.journal import Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.snapshot import How, Snapshot

# ``planned``: it goes, or would have gone, without anybody being asked.  ``held``: it waits for a person.
# ``not made``: released, and refused, skipped or not tried.
FATES = ("done", "planned", "held", "not made")
# A row of the list, in the order of the CSV; people by their source key (rule W3).
COLUMNS = (
    "course",
    "department",
    "terms",
    "kind",
    "idnumber",
    "name",
    "happens",
    "members",
    "members_lost",
    "groups_lost",
    "created_at",
    "created_by",
    "in_use",
    "used_in",
    "people",
)
_KEY = ["kind", "action", "course", "grouping", "group", "user", "step"]
_OBJECTS = (str(Kind.GROUPING), str(Kind.GROUP))
# By what is done to an object and its fate: what a person reads.
_HAPPENS = {
    "delete": ("deleted", "would be deleted", "held: deleted if approved", "not deleted"),
    "re-key": ("re-keyed to {to}", "would be re-keyed to {to}", "held: re-keyed to {to} if approved", "not re-keyed"),
    "update": ("updated", "would be updated", "held: updated if approved", "not updated"),
    "create": ("made", "would be made", "held: made if approved", "not made"),
    "loses members": ("lost members", "would lose members", "held: loses members if approved", "kept its members"),
    "loses groups": ("lost groups", "would lose groups", "held: loses groups if approved", "kept its groups"),
}
_WEIGHT = ("delete", "re-key", "create", "update")
NOT_READ = "not read"
TAKES = ("delete", "re-key", "loses members", "loses groups")


@dataclass(frozen=True)
class Traces:
    """What a run has left.

    ``plan`` and ``held`` have columns PLAN, ``outcomes`` OUTCOME (None: nothing was applied), ``managed``
    MANAGED_OBJECTS, ``departments`` DEPARTMENT.  ``creations`` (columns CREATED) and ``uses`` are None where they
    were not read.  ``in_scope`` and ``in_moodle`` are counts of courses; None: not counted.
    """

    plan: pd.DataFrame
    held: pd.DataFrame
    outcomes: pd.DataFrame | None
    snapshot: Snapshot
    users: pd.DataFrame
    managed: pd.DataFrame
    departments: pd.DataFrame
    creations: pd.DataFrame | None
    uses: pd.DataFrame | None
    in_scope: int | None
    in_moodle: int | None

    @cached_property
    def course_ids(self) -> dict[str, int]:
        return dict(zip(self.snapshot.courses["course"], self.snapshot.courses["course_id"], strict=True))

    @cached_property
    def found(self) -> dict[tuple[str, str | int, str], dict[str, Any]]:
        """Groupings and groups as they were read, by (kind, course id, key) and by (kind, Moodle id, '')."""
        things: dict[tuple[str, str | int, str], dict[str, Any]] = {}
        for kind, frame in (("grouping", self.snapshot.groupings), ("group", self.snapshot.groups)):
            for row in rows(frame):
                row["moodle_id"] = row[f"{kind}_id"]
                things[kind, row["moodle_id"], ""] = row
                if key := keys.key(row["idnumber"]):
                    things[kind, row["course_id"], key] = row
        return things

    @cached_property
    def members(self) -> dict[int, list[str]]:
        """Who is in each group, by key; ``#`` and the id where a person has none."""
        known = dict(zip(self.users["user_id"], self.users["user"], strict=True))
        people: dict[int, list[str]] = {}
        for row in rows(self.snapshot.members):
            person = known.get(row["user_id"])
            people.setdefault(row["group_id"], []).append(f"#{row['user_id']}" if pd.isna(person) else str(person))
        return people

    @cached_property
    def groups_in(self) -> Counter[int]:
        """How many groups each grouping has."""
        return Counter(int(grouping_id) for grouping_id in self.snapshot.links["grouping_id"])

    @cached_property
    def departments_of(self) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for row in rows(self.departments):
            found.setdefault(row["course"], []).append(row["department"])
        return {course: ", ".join(names) for course, names in found.items()}

    @cached_property
    def terms_of(self) -> dict[tuple[str, int], str]:
        return {(row["kind"], row["moodle_id"]): row["terms"] for row in rows(self.managed)}

    @cached_property
    def made(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Each creation of ours, by the thing's kind and Moodle id."""
        return (
            {(row["kind"], row["moodle_id"]): row for row in rows(self.creations)} if self.creations is not None else {}
        )

    @cached_property
    def used(self) -> dict[tuple[str, int], list[dict[str, Any]]]:
        found: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in rows(self.uses) if self.uses is not None else ():
            found.setdefault((row["kind"], row["moodle_id"]), []).append(row)
        return found

    def thing(self, kind: str, course: str, key: str) -> dict[str, Any]:
        """The grouping or group as it was read; without ids and name where it was not there."""
        by_key = self.found.get((kind, self.course_ids.get(course, -1), key))
        return by_key or self.found.get((kind, keys.moodle_id_of(key) or -1, "")) or {}


def assess_impact(traces: Traces) -> dict[str, Any]:
    """The impact's document: sums, by fate, department, term and course, and every object that is touched."""
    changes = _with_fates(traces)
    objects = sorted(
        (*_changed_objects(traces, changes), *_objects_that_lose(traces, changes)),
        key=lambda row: (row["course"], row["kind"] != "grouping", row["idnumber"], row["happens"]),
    )
    taken = [row for row in objects if row["change"] in TAKES]
    coming = [row for row in taken if row["fate"] != "not made"]
    total = _sums(coming)
    return {
        "total": total,
        "courses": {
            "affected": total["courses"],
            "in_scope": traces.in_scope,
            "share_of_scope": _share(total["courses"], traces.in_scope),
            "in_moodle": traces.in_moodle,
            "share_of_moodle": _share(total["courses"], traces.in_moodle),
        },
        "by_fate": {fate: _sums(row for row in taken if row["fate"] == fate) for fate in FATES},
        "by_department": _by(coming, lambda row: [row["department"] or "(none)"], "department"),
        "by_term": _by(coming, lambda row: (row["terms"] or "(none)").split(), "term"),
        "by_course": _by(coming, lambda row: [row["course"]], "course"),
        "uses_read": traces.uses is not None,
        "creations_read": traces.creations is not None,
        "changes": _counts(changes),
        "objects": objects,
    }


def table_of(document: Mapping[str, Any]) -> list[list[Any]]:
    """The list as rows of a CSV, COLUMNS first."""
    return [list(COLUMNS), *([_cell(row[column]) for column in COLUMNS] for row in document["objects"])]


def _cell(value: Any) -> Any:
    return (
        "; ".join(one["what"] if isinstance(one, dict) else one for one in value) if isinstance(value, list) else value
    )


def _with_fates(traces: Traces) -> pd.DataFrame:
    """The plan with a column ``fate`` and the id of what was made."""
    plan = traces.plan.reset_index(drop=True)
    fates = pd.Series("planned" if traces.outcomes is None else "not made", index=plan.index, dtype="object")
    made = pd.Series(None, index=plan.index, dtype="object")
    named = _named(plan)
    fates[named.isin(_named(traces.held))] = "held"
    if traces.outcomes is not None:
        outcomes = traces.outcomes.assign(key=_named(traces.outcomes)).set_index("key")
        done = outcomes.index[(outcomes["outcome"] == str(Outcome.DONE)).to_numpy(bool)]
        tried = named.isin(outcomes.index)
        fates[tried] = "not made"
        fates[named.isin(done)] = "done"
        made[tried] = named[tried].map(outcomes["made_id"].to_dict())
    return plan.assign(fate=fates, made_id=made)


def _named(frame: pd.DataFrame) -> pd.Series:
    """Each change's key as one text; a plan names a thing once per action and step."""
    named = pd.Series("", index=frame.index, dtype="string")
    for column in _KEY:
        named = named + "\1" + frame[column].astype("string").fillna("\0")
    return named


def _changed_objects(traces: Traces, changes: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row for each grouping and group that is made, changed or deleted; several updates of one are one."""
    seen: set[tuple[str, str, str, bool]] = set()
    own = [
        row | {"change": "re-key" if row["to_key"] is not None else row["action"]}
        for row in rows(changes[changes["kind"].isin(list(_OBJECTS))])
    ]
    # What goes may first be renamed out of the way, and a swap of names goes by way of a third (rule P9).
    for row in sorted(own, key=lambda row: (_WEIGHT.index(row["change"]), -(row["step"] or 0))):
        key, change = row[row["kind"]], row["change"]
        name = (row["kind"], row["course"], key, change == "create")
        if name in seen:
            continue
        seen.add(name)
        thing = traces.thing(row["kind"], row["course"], key) if row["action"] != Action.CREATE else {}
        thing = thing or {"name": row["name_before"] or row["name_after"], "moodle_id": row["made_id"]}
        gone = change == "delete"
        people = traces.members.get(thing["moodle_id"], []) if gone and row["kind"] == "group" else []
        links = traces.groups_in[thing["moodle_id"]] if gone and row["kind"] == "grouping" else 0
        yield _object(traces, row, change, key, thing, people, links)


def _objects_that_lose(traces: Traces, changes: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row for each group that stays and loses members, and each grouping that stays and loses groups."""
    gone = {
        (row["kind"], row["course"], row[row["kind"]])
        for row in rows(changes[changes["kind"].isin(list(_OBJECTS)) & (changes["action"] == "delete")])
    }
    for kind, container, change in (("membership", "group", "loses members"), ("link", "grouping", "loses groups")):
        removals = changes[(changes["kind"] == kind) & (changes["action"] == "delete")]
        for name, some in removals.groupby(["course", container, "fate"], sort=True):
            course, key, fate = map(str, name)
            if (container, course, key) in gone:
                continue
            thing = traces.thing(container, course, key) or {"name": None, "moodle_id": None}
            row = {"kind": container, "course": course, "fate": fate, "to_key": None}
            people = [str(user) for user in some["user"]] if kind == "membership" else []
            yield _object(traces, row, change, key, thing, people, 0 if people else len(some))


def _object(
    traces: Traces,
    row: Mapping[str, Any],
    change: str,
    key: str,
    thing: Mapping[str, Any],
    people: Sequence[str],
    groups_lost: int,
) -> dict[str, Any]:
    kind, moodle_id = row["kind"], thing["moodle_id"]
    made = traces.made.get((kind, moodle_id), {})
    uses = traces.used.get((kind, moodle_id), [])
    return {
        "course": row["course"],
        "department": traces.departments_of.get(row["course"]),
        "terms": traces.terms_of.get((kind, moodle_id)),
        "kind": kind,
        "idnumber": key,
        "name": thing["name"],
        "change": change,
        "fate": row["fate"],
        "happens": _HAPPENS[change][FATES.index(row["fate"])].format(to=row["to_key"]),
        "members": len(traces.members.get(moodle_id, [])) if kind == "group" else None,
        "members_lost": len(people),
        "groups_lost": groups_lost,
        "created_at": made.get("at"),
        "created_by": made.get("run_id"),
        "in_use": _in_use(traces, change, uses),
        "used_in": [_told(use) for use in uses if use["how"] != How.UNREAD],
        "people": sorted(people),
    }


def _in_use(traces: Traces, change: str, uses: Sequence[Mapping[str, Any]]) -> str:
    """Only what would be deleted is looked at; ``no`` is as far as web services show it.

    ``group mode``: activities of the course work in groups, and none names this one.
    """
    hows = {use["how"] for use in uses}
    if hows - {How.GROUP_MODE, How.UNREAD}:
        return "yes"
    if change != "delete":
        return ""
    if traces.uses is None or How.UNREAD in hows:
        return NOT_READ
    return "group mode" if hows else "no"


def _told(use: Mapping[str, Any]) -> dict[str, Any]:
    """A use in words, with the address to look at where there is one."""
    where = " ".join(part for part in (use["activity"], f"({use['module']})" if use["module"] else None) if part)
    url = str(use["url"] or "")
    return {
        "what": f"{where}: {use['how']}" if where else use["how"],
        "url": url if url.startswith(("https://", "http://")) else None,
    }


def _sums(objects: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    listed = list(objects)
    gone = Counter(row["kind"] for row in listed if row["change"] == "delete")
    return {
        "courses": len({row["course"] for row in listed}),
        "groupings": gone["grouping"],
        "groups": gone["group"],
        "re_keyed": sum(row["change"] == "re-key" for row in listed),
        "memberships": sum(row["members_lost"] for row in listed),
        "links": sum(row["groups_lost"] for row in listed),
        "people": len({person for row in listed for person in row["people"]}),
        "in_use": sum(row["in_use"] == "yes" for row in listed),
        "use_not_read": sum(row["in_use"] == NOT_READ for row in listed),
    }


def _by(objects: Sequence[Mapping[str, Any]], names_of: Any, title: str) -> list[dict[str, Any]]:
    """Sums by a name, those with most memberships lost first; an object with two names counts for both."""
    cut: dict[str, list[Mapping[str, Any]]] = {}
    for row in objects:
        for name in names_of(row):
            cut.setdefault(name, []).append(row)
    sums = [{title: name, **_sums(some)} for name, some in cut.items()]
    return sorted(sums, key=lambda one: (-one["memberships"], -one["groups"], -one["groupings"], one[title]))


def _counts(changes: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many changes of each kind and action have each fate: ``{"group create": {"done": 3}}``."""
    counted = Counter(zip(changes["kind"], changes["action"], changes["fate"], strict=True))
    found: dict[str, dict[str, int]] = {}
    for (kind, action, fate), n in sorted(counted.items()):
        found.setdefault(f"{kind} {action}", {})[fate] = n
    return found


def _share(part: int, whole: int | None) -> float | None:
    return part / whole if whole else None
