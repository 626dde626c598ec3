"""Plans and evidence in a line each, and one rule looked at alone."""

from typing import Any

from include.groupsync.breaker.assess import RULES, assess
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.split import Split, split
from include.groupsync.breaker_settings import BreakerLimits, TermLimits
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.model.verdict import Observation

OFF: dict[str, Any] = dict.fromkeys(TermLimits.model_fields)


def thing(kind: Kind, number: int, course: str = "C") -> Any:
    key = f"{course}-{number}"
    return {
        Kind.GROUPING: Grouping(course, key, f"N{key}"),
        Kind.GROUP: Group(course, key, f"N{key}"),
        Kind.LINK: Link(course, "L", key),
        Kind.MEMBERSHIP: Membership(course, "M", key),
    }[kind]


def deletes(kind: Kind, count: int, course: str = "C") -> list[Change]:
    return [Change(thing(kind, i, course), None, "P7") for i in range(count)]


def creates(kind: Kind, count: int, course: str = "C") -> list[Change]:
    return [Change(None, thing(kind, 1000 + i, course), "P5") for i in range(count)]


def claims(kind: Kind, count: int) -> list[Change]:
    return [Change(thing(kind, i), thing(kind, i), "O2") for i in range(count)]


def update(course: str = "C") -> Change:
    """Of a description: no rename."""
    return Change(Group(course, "U", "N", "old"), Group(course, "U", "N", "new"), "P6")


def renames(kind: Kind, count: int, course: str = "C") -> list[Change]:
    make = Group if kind is Kind.GROUP else Grouping
    return [Change(make(course, f"U{i}", f"old{i}"), make(course, f"U{i}", f"new{i}"), "P6") for i in range(count)]


def rekey(number: int, course: str = "C") -> Change:
    old, new = Group(course, f"OLD{number}", "N"), Group(course, f"NEW{number}", "N")
    return Change(old, new, "P10", evidence="same name")


def leaves(group: str, *users: str, course: str = "C") -> list[Change]:
    return [Change(Membership(course, group, user), None, "M5") for user in users]


def joins(group: str, *users: str, course: str = "C") -> list[Change]:
    return [Change(None, Membership(course, group, user), "M4") for user in users]


def unlinked(grouping: str, *groups: str, course: str = "C") -> list[Change]:
    return [Change(Link(course, grouping, group), None, "L2") for group in groups]


def linked(grouping: str, *groups: str, course: str = "C") -> list[Change]:
    return [Change(None, Link(course, grouping, group), "L2") for group in groups]


def goes(group: str, course: str = "C") -> Change:
    return Change(Group(course, group, f"Name of {group}"), None, "P7")


def limits_of(**limits: Any) -> BreakerLimits:
    """These alone; all others are off."""
    return BreakerLimits.model_validate({**OFF, **limits})


def look(
    rule: str, changes: list[Change], limit: Any = None, *, levels: Any = None, **evidence: Any
) -> list[Observation]:
    """What the rule says, none of the others being asked; ``limit`` is left out for a rule that has none."""
    given = {rule: limit} if rule in OFF else {}
    [asked] = [one for one in RULES if one.name == rule]
    limits = limits_of(**given, **(levels or {}))
    found = list(asked.observations(Evidence(Plan.of_changes(changes), **evidence), limits))
    assert {one.rule for one in found} == {rule}
    return found


def tripped(rule: str, changes: list[Change], limit: Any = None, **more: Any) -> set[str]:
    """The subjects that trip."""
    return {one.subject for one in look(rule, changes, limit, **more) if one.tripped}


def judged(changes: list[Change], limits: dict[str, Any], **evidence: Any) -> Split:
    """The plan as these rules alone split it."""
    plan = Plan.of_changes(changes)
    return split(plan, assess(Evidence(plan, **evidence), limits_of(**limits)))


def short(plan: Plan) -> set[tuple[str, ...]]:
    """``("membership", "delete", "C", "G1", "ann")``."""
    parts = ("grouping", "group", "user")
    return {
        (str(c.kind), str(c.action), c.course, *(getattr(c.thing, part) for part in parts if hasattr(c.thing, part)))
        for c in plan.changes()
    }


def numbers(one: Observation) -> tuple[Any, ...]:
    """Observed, limit, numerator, denominator, headroom."""
    return (one.observed, one.limit, one.numerator, one.denominator, one.headroom)


NAMES = tuple(rule.name for rule in RULES)
KINDS = ("grouping", "group", "link", "membership")
EVERYTHING = [c for kind in Kind for course in "CD" for c in (*deletes(kind, 2, course), *creates(kind, 2, course))] + [
    update("C"), update("D")]  # fmt: skip
