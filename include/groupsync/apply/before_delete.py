"""The look before a delete: what is no longer what the plan expects stays, the rest leaves its image (A2, J1).

Before a claim too: only what still is there becomes ours (rule O2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from include.groupsync.apply.ports import Reader
from include.groupsync.model.journal import Intent
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import InQuestion, Now, Use
from include.groupsync.model.things import Group, Grouping


@dataclass(frozen=True)
class _Sight:
    """What Moodle has at this moment of what a batch would delete."""

    groups: Mapping[int, Now]
    groupings: Mapping[int, Now]
    links: Mapping[int, list[int]]
    uses: Mapping[tuple[str, int], list[Use]]


@dataclass
class BeforeDelete:
    """``expected_members`` are, by group id, what the plan was made from; ``user_keys`` source keys by user id;
    ``names`` the names that this run has given."""

    reader: Reader
    expected_members: Mapping[int, frozenset[int]] = field(default_factory=dict)
    user_keys: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[tuple[Kind, int], str] = field(default_factory=dict)

    def look(self, intents: list[Intent]) -> list[Intent | str]:
        """For each the intent with its before-image, or why it is not to be deleted.  A batch is of one kind."""
        sight = self._sight(intents)
        return [self._changed(intent, sight) or replace(intent, image=self._image(intent, sight)) for intent in intents]

    def _sight(self, intents: list[Intent]) -> _Sight:
        group_ids = sorted({i.group_id for i in intents if i.group_id is not None})
        grouping_ids = sorted({i.grouping_id for i in intents if i.grouping_id is not None})
        takes_objects = bool(intents) and isinstance(intents[0].change.before, Grouping | Group)
        course_ids = sorted({i.course_id for i in intents}) if takes_objects else []
        groups = self.reader.groups_now(group_ids) if group_ids else {}
        groupings = self.reader.groupings_now(grouping_ids) if grouping_ids else {}
        links: dict[int, list[int]] = {}
        uses: dict[tuple[str, int], list[Use]] = {}
        for course_id in course_ids:
            own = self.reader.links_in(course_id) if groups else {}
            for group_id, several in own.items():
                links.setdefault(group_id, []).extend(several)
            asked = InQuestion(
                groups=_named(groups, course_id),
                groupings=_named(groupings, course_id),
                links=frozenset((grouping, group) for group, several in own.items() for grouping in several),
            )
            for use in self.reader.uses_in(course_id, asked) if asked.objects else []:
                uses.setdefault((use.kind, use.moodle_id), []).append(use)
        return _Sight(groups, groupings, links, uses)

    def _changed(self, intent: Intent, sight: _Sight) -> str | None:
        sides: Iterable[tuple[Kind, int | None, Mapping[int, Now]]] = (
            (Kind.GROUPING, intent.grouping_id, sight.groupings),
            (Kind.GROUP, intent.group_id, sight.groups),
        )
        reasons = (self._differs(intent, kind, moodle_id, now) for kind, moodle_id, now in sides if moodle_id)
        return next(filter(None, reasons), None) or (_left(intent, sight) if intent.change.is_claim else None)

    def _differs(self, intent: Intent, kind: Kind, moodle_id: int, now: Mapping[int, Now]) -> str | None:
        there, before = now.get(moodle_id), intent.change.before
        if there is None:
            return f"the {kind} is no longer in Moodle"
        if there.course_id != intent.course_id:
            return f"the {kind} is in another course now"
        if isinstance(before, Grouping | Group):
            expected = self.names.get((kind, moodle_id), before.name)
            if (there.key, there.name) != (before.key, expected):
                return f"the {kind} has another name or idnumber now"
            if kind is Kind.GROUP and set(there.holds) - self.expected_members.get(moodle_id, frozenset()):
                return "the group has more members now"
        return None

    def _image(self, intent: Intent, sight: _Sight) -> dict[str, Any] | None:
        """Everything that a delete takes away: fields, members and links; and which activities use it (rule J1)."""
        before, own = intent.change.before, (str(intent.change.kind), intent.grouping_id or intent.group_id or 0)
        used = [asdict(use) for use in sight.uses.get(own, [])]
        if isinstance(before, Group) and intent.group_id is not None:
            now = sight.groups[intent.group_id]
            members = [{"user_id": u, "user": self.user_keys.get(u)} for u in now.holds]
            more = {"members": members, "groupings": sight.links.get(intent.group_id, []), "used_by": used}
            return _fields(now) | more
        if isinstance(before, Grouping) and intent.grouping_id is not None:
            now = sight.groupings[intent.grouping_id]
            return _fields(now) | {"groups": list(now.holds), "used_by": used}
        return None


def _named(objects: Mapping[int, Now], course_id: int) -> dict[int, str]:
    return {moodle_id: now.name for moodle_id, now in objects.items() if now.course_id == course_id}


def _left(intent: Intent, sight: _Sight) -> str | None:
    """Why a link or membership cannot be claimed: it was taken out since it was read."""
    if intent.change.kind is Kind.LINK:
        there = intent.group_id in sight.groupings[intent.grouping_id or 0].holds
    else:
        there = intent.user_id in sight.groups[intent.group_id or 0].holds
    return None if there else f"the {intent.change.kind} is no longer in Moodle"


def _fields(now: Now) -> dict[str, Any]:
    return {
        "idnumber": now.key,
        "name": now.name,
        "description": now.description,
        "description_format": now.description_format,
    }
