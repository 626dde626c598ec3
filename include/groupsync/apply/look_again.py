"""The look before a batch is sent: what is no longer what the plan expects is left as it is (rules A2, G1).

Between the reading and the writing a hand may rename an object, or take its idnumber away: it is somebody's own then.
Only what is to be made cannot be looked at.  Of a delete the look leaves the before-image (rule J1); of a claim it
sees that the thing is there still (rule O2).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from include.groupsync.apply.ports import Reader
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.journal import Intent, Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.snapshot import InQuestion, Now, Use
from include.groupsync.model.things import Group, Grouping


@dataclass(frozen=True)
class Left:
    """A change that is not to be sent, and why."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class _Sight:
    """What Moodle has at this moment of what a batch would touch; what it holds only before deletes and claims."""

    groups: Mapping[int, Now]
    groupings: Mapping[int, Now]
    links: Mapping[int, list[int]] = field(default_factory=dict)
    uses: Mapping[tuple[str, int], list[Use]] = field(default_factory=dict)


@dataclass
class LookAgain:
    """``expected_members`` are, by group id, what the plan was made from; ``user_keys`` source keys by user id;
    ``as_left`` the objects that this run has changed, as it left them; ``claimed`` what other terms list since the plan
    was made, by kind and ids."""

    reader: Reader
    expected_members: Mapping[int, frozenset[int]] = field(default_factory=dict)
    user_keys: Mapping[int, str] = field(default_factory=dict)
    as_left: Mapping[tuple[Kind, int], Grouping | Group] = field(default_factory=dict)
    claimed: frozenset[tuple[Any, ...]] = frozenset()

    def look(self, intents: list[Intent]) -> list[Intent | Left]:
        """For each the intent, a delete's with its before-image, or why it is not sent.

        A batch is of one kind and action.  Raises what the reader raises.
        """
        return [self._claimed(intent) or one for intent, one in zip(intents, self._seen(intents), strict=True)]

    def _claimed(self, intent: Intent) -> Left | None:
        """Why a thing that this run's term has dropped stays: another lists it now (rule C5)."""
        kind = intent.change.kind
        ids = {
            Kind.GROUPING: (intent.grouping_id,),
            Kind.GROUP: (intent.group_id,),
            Kind.LINK: (intent.grouping_id, intent.group_id),
            Kind.MEMBERSHIP: (intent.group_id, intent.user_id),
        }[kind]
        if intent.change.action is Action.DELETE and (kind, *ids) in self.claimed:
            return _skipped(f"another term's run, since this plan was made, found the {kind} listed")
        return None

    def _seen(self, intents: list[Intent]) -> list[Intent | Left]:
        change = intents[0].change
        if change.kind not in (Kind.GROUPING, Kind.GROUP):
            sight = self._with_inside(intents) if change.is_claim else self._without(intents)
            return [self._pair(intent, sight) or intent for intent in intents]
        if change.action is Action.UPDATE:
            return self._updates(intents, self._without(intents))
        sight = self._before_deletes(intents)
        return [self._differs(intent, sight) or replace(intent, image=self._image(intent, sight)) for intent in intents]

    # --- what Moodle has

    def _without(self, intents: list[Intent]) -> _Sight:
        groups, groupings = _ids(intents)
        return _Sight(
            self.reader.objects_now(Kind.GROUP, groups) if groups else {},
            self.reader.objects_now(Kind.GROUPING, groupings) if groupings else {},
        )

    def _with_inside(self, intents: list[Intent]) -> _Sight:
        groups, groupings = _ids(intents)
        return _Sight(
            self.reader.groups_now(groups) if groups else {}, self.reader.groupings_now(groupings) if groupings else {}
        )

    def _before_deletes(self, intents: list[Intent]) -> _Sight:
        sight = self._with_inside(intents)
        course_ids = sorted({intent.course_id for intent in intents})
        inside = self.reader.links_in(course_ids) if sight.groups else {}
        links: dict[int, list[int]] = {}
        for group_id, several in (item for own in inside.values() for item in own.items()):
            links.setdefault(group_id, []).extend(several)
        asked = {course_id: _in_question(sight, course_id, inside.get(course_id, {})) for course_id in course_ids}
        asked = {course_id: question for course_id, question in asked.items() if question.objects}
        uses: dict[tuple[str, int], list[Use]] = {}
        for use in (use for several in self.reader.uses_in(asked).values() for use in several):
            uses.setdefault((use.kind, use.moodle_id), []).append(use)
        return replace(sight, links=links, uses=uses)

    # --- what differs

    def _updates(self, intents: list[Intent], sight: _Sight) -> list[Intent | Left]:
        """Of several steps of one object in a batch the first is looked at: the others begin where it ends."""
        seen: dict[int, Left | None] = {}
        for intent in intents:
            if _own_id(intent) not in seen:
                seen[_own_id(intent)] = self._differs(intent, sight)
        return [seen[_own_id(intent)] or intent for intent in intents]

    def _differs(self, intent: Intent, sight: _Sight) -> Left | None:
        """Why an object is no longer the plan's to change or to delete."""
        change, kind, moodle_id = intent.change, intent.change.kind, _own_id(intent)
        there = (sight.groups if kind is Kind.GROUP else sight.groupings).get(moodle_id)
        if there is None or there.course_id != intent.course_id:
            return _skipped(_elsewhere(kind, there))
        expected = self.as_left.get((kind, moodle_id), change.before)
        assert isinstance(expected, Grouping | Group)
        if (there.key, there.name) != (_idnumber(expected.key), expected.name):
            return _skipped(f"the {kind} has another name or idnumber now")
        if _sends_description(change) and there.description != (expected.description or ""):
            return _skipped(f"the {kind} has another description now")
        joined = set(there.holds) - self.expected_members.get(moodle_id, frozenset())
        if change.action is Action.DELETE and kind is Kind.GROUP and joined:
            return _skipped("the group has more members now")
        return None

    def _pair(self, intent: Intent, sight: _Sight) -> Left | None:
        """Why a link or membership is not written: an end of it is gone, or is no longer what the source means."""
        change = intent.change
        sides: tuple[tuple[Kind, int | None, Mapping[int, Now]], ...] = (
            (Kind.GROUPING, intent.grouping_id, sight.groupings),
            (Kind.GROUP, intent.group_id, sight.groups),
        )
        for kind, moodle_id, now in sides:
            if moodle_id is None:
                continue
            there, key = now.get(moodle_id), getattr(change.thing, str(kind))
            left = self.as_left.get((kind, moodle_id))
            reason = None
            if there is None or there.course_id != intent.course_id:
                reason = _elsewhere(kind, there)
            # One that the plan names by its id was matched by id or name: its idnumber says nothing (rule M2).
            elif keys.moodle_id_of(key) is None and there.key != (left.key if left else key):
                reason = f"the {kind} has another idnumber now"
            if reason and change.action is Action.CREATE:
                return Left(Outcome.WAITING, f"it waits for its {kind} {key}: {reason}")
            if reason:
                return _skipped(reason)
        return _taken_out(intent, sight) if change.is_claim else None

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


def _ids(intents: list[Intent]) -> tuple[list[int], list[int]]:
    """The groups and groupings that the intents touch."""
    groups = sorted({i.group_id for i in intents if i.group_id is not None})
    return groups, sorted({i.grouping_id for i in intents if i.grouping_id is not None})


def _own_id(intent: Intent) -> int:
    return (intent.group_id if intent.change.kind is Kind.GROUP else intent.grouping_id) or 0


def _idnumber(key: str) -> str | None:
    """The idnumber that an object with this key in the plan has; ``#12`` has none."""
    return key if keys.moodle_id_of(key) is None else None


def _sends_description(change: Change) -> bool:
    before, after = change.before, change.after
    if not isinstance(before, Grouping | Group) or not isinstance(after, Grouping | Group):
        return False
    # Moodle resets a grouping's description where it is not sent.
    return change.kind is Kind.GROUPING or before.description != after.description


def _elsewhere(kind: Kind, there: Now | None) -> str:
    return f"the {kind} is no longer in Moodle" if there is None else f"the {kind} is in another course now"


def _skipped(reason: str) -> Left:
    return Left(Outcome.SKIPPED, reason)


def _in_question(sight: _Sight, course_id: int, own: Mapping[int, list[int]]) -> InQuestion:
    return InQuestion(
        groups=_named(sight.groups, course_id),
        groupings=_named(sight.groupings, course_id),
        links=frozenset((grouping, group) for group, several in own.items() for grouping in several),
    )


def _named(objects: Mapping[int, Now], course_id: int) -> dict[int, str]:
    return {moodle_id: now.name for moodle_id, now in objects.items() if now.course_id == course_id}


def _taken_out(intent: Intent, sight: _Sight) -> Left | None:
    """Why a link or membership cannot be claimed: it was taken out since it was read."""
    if intent.change.kind is Kind.LINK:
        there = intent.group_id in sight.groupings[intent.grouping_id or 0].holds
    else:
        there = intent.user_id in sight.groups[intent.group_id or 0].holds
    return None if there else _skipped(f"the {intent.change.kind} is no longer in Moodle")


def _fields(now: Now) -> dict[str, Any]:
    return {
        "idnumber": now.key,
        "name": now.name,
        "description": now.description,
        "description_format": now.description_format,
    }
