"""One change: a thing before and after; kind, action and key follow from the two."""

from dataclasses import dataclass, replace
from typing import Any

from include.groupsync.model.frames import TEXT, WHOLE
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.things import Group, Grouping, Link, Membership, Thing

# One row of a plan.  grouping, group and user are the keys that the kind has; to_key is the new idnumber
# where it changes; rule is the rule that made the change.  step orders the changes of names in one course;
# waits_for is the key of the object, of the same kind, whose name must be free first (rule P9); evidence is
# why two idnumbers are taken for one thing (rule P10).  module and source_row say where it comes from.
PLAN = {
    "kind": TEXT,
    "action": TEXT,
    "course": TEXT,
    "grouping": TEXT,
    "group": TEXT,
    "user": TEXT,
    "to_key": TEXT,
    "name_before": TEXT,
    "name_after": TEXT,
    "description_before": TEXT,
    "description_after": TEXT,
    "rule": TEXT,
    "step": WHOLE,
    "waits_for": TEXT,
    "evidence": TEXT,
    "module": TEXT,
    "source_row": WHOLE,
}
# Where a row stood in its table is for people; it is no part of what the change is.
NOT_IN_DIGEST = ("source_row",)


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` None creates, ``after`` None deletes, both update; never neither.

    An update of a link or membership is a claim: what is there becomes ours, and nothing is sent (rule O2).
    """

    before: Thing | None
    after: Thing | None
    rule: str
    module: str | None = None
    source_row: int | None = None
    step: int = 0
    waits_for: str | None = None
    evidence: str | None = None

    @property
    def thing(self) -> Thing:
        """What is found in Moodle under the change's key: the thing before, or the one to be made."""
        found = self.before or self.after
        assert found is not None, "a change has a before or an after"
        return found

    @property
    def kind(self) -> Kind:
        return self.thing.kind

    @property
    def action(self) -> Action:
        if self.before is None:
            return Action.CREATE
        return Action.DELETE if self.after is None else Action.UPDATE

    @property
    def course(self) -> str:
        return self.thing.course

    def inverse(self) -> "Change":
        """The change that undoes this one; what was done first is undone last."""
        return replace(self, before=self.after, after=self.before, step=-self.step)

    def row(self) -> dict[str, Any]:
        """The change as a row of PLAN."""
        thing = self.thing
        row: dict[str, Any] = {
            "kind": str(self.kind),
            "action": str(self.action),
            "course": thing.course,
            "rule": self.rule,
            "step": self.step,
            "waits_for": self.waits_for,
            "evidence": self.evidence,
            "module": self.module,
            "source_row": self.source_row,
        }
        row |= {part: getattr(thing, part) for part in ("grouping", "group", "user") if hasattr(thing, part)}
        for side, at in (("before", self.before), ("after", self.after)):
            if isinstance(at, Grouping | Group):
                row |= {f"name_{side}": at.name, f"description_{side}": at.description}
        before, after = self.before, self.after
        if isinstance(before, Grouping | Group) and isinstance(after, Grouping | Group) and before.key != after.key:
            row["to_key"] = after.key
        return row

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> "Change":
        """The change of a PLAN row."""
        action = Action(row["action"])
        before = None if action is Action.CREATE else _thing(row, "before")
        after = None if action is Action.DELETE else _thing(row, "after")
        kept = ("rule", "module", "source_row", "step", "waits_for", "evidence")
        return cls(before, after, **{name: row[name] for name in kept})


def _thing(row: dict[str, Any], side: str) -> Thing:
    course, key = row["course"], row["to_key"] if side == "after" and row["to_key"] else None
    match Kind(row["kind"]):
        case Kind.GROUPING:
            return Grouping(course, key or row["grouping"], row[f"name_{side}"], row[f"description_{side}"])
        case Kind.GROUP:
            return Group(course, key or row["group"], row[f"name_{side}"], row[f"description_{side}"])
        case Kind.LINK:
            return Link(course, row["grouping"], row["group"])
        case Kind.MEMBERSHIP:
            return Membership(course, row["group"], row["user"])
