"""Names that change hands within one course: who may take which name, in what order (rules G8, P9, P11).

Moodle refuses a name that somebody in the course still has, so a chain of renames goes from its free end, a
cycle by way of a temporary name, and an object that is to be deleted first steps out of its name.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Claim:
    """A wish for a name: ``key`` is the object's key in the plan."""

    key: str
    wanted: str


@dataclass(frozen=True)
class Holder:
    """Who has a name now: ``key`` as in the plan; ``leaves`` if it is to be deleted by this plan."""

    key: str
    has_idnumber: bool
    leaves: bool


@dataclass
class Ruling:
    """``refused``: the holder that keeps each claim from its name.  ``waits_for``: whose name it takes.
    ``step``: when it may happen, 0 first.  ``aside``: temporary names for keys, and the step at which they
    step into them; a key of a claim takes its wanted name later."""

    refused: dict[str, Holder] = field(default_factory=dict)
    waits_for: dict[str, str] = field(default_factory=dict)
    step: dict[str, int] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)


def rule_on(claims: Iterable[Claim], holders: Mapping[str, Sequence[Holder]], limit: int) -> Ruling:
    """Who gets the name that it claims, and in which order; independent of the order of the claims.

    ``claims`` are for names that differ among each other; ``holders`` by name; ``limit`` is a name's length.
    """
    ruling = Ruling()
    pending = {claim.key: claim for claim in sorted(claims, key=lambda claim: claim.key)}
    while refused := _refusals(pending, holders):
        ruling.refused |= refused
        pending = {key: claim for key, claim in pending.items() if key not in refused}
    for claim in pending.values():
        for holder in _others(claim, holders):
            ruling.waits_for[claim.key] = holder.key
            if holder.leaves:
                ruling.aside[holder.key] = ""
    _order(pending, ruling)
    taken = {*holders, *(claim.wanted for claim in pending.values())}
    for key in sorted(ruling.aside):
        ruling.aside[key] = _temporary(key, taken, limit)
        taken.add(ruling.aside[key])
    return ruling


def _refusals(pending: Mapping[str, Claim], holders: Mapping[str, Sequence[Holder]]) -> dict[str, Holder]:
    """The claims on a name whose holder neither leaves nor gets another name of its own."""
    return {
        claim.key: holder
        for claim in pending.values()
        for holder in _others(claim, holders)
        if not holder.leaves and holder.key not in pending
    }


def _others(claim: Claim, holders: Mapping[str, Sequence[Holder]]) -> list[Holder]:
    return [holder for holder in holders.get(claim.wanted, ()) if holder.key != claim.key]


def _order(pending: Mapping[str, Claim], ruling: Ruling) -> None:
    """Steps along the chains; where a chain bites its tail, its first key steps aside before all."""
    for key in pending:
        if key not in ruling.step:
            chain, at = [], key
            while at in pending and at not in ruling.step and at not in chain:
                chain.append(at)
                at = ruling.waits_for.get(at, "")
            if at in chain:  # a cycle: its smallest key is moved aside, so that the one behind it can start
                cycle = chain[chain.index(at) :]
                first = min(cycle)
                ruling.aside[first] = ""
                turn = cycle.index(first)
                # waits_for points forwards: the one that waits for `first` starts, `first` itself ends.
                for step, member in enumerate(reversed(cycle[turn:] + cycle[:turn]), start=1):
                    ruling.step[member] = step
                chain = chain[: chain.index(at)]
            for member in reversed(chain):
                before = ruling.waits_for.get(member)
                ruling.step[member] = 0 if before is None else ruling.step.get(before, 0) + 1


def _temporary(key: str, taken: set[str], limit: int) -> str:
    """A name that nobody has or wants, the same on every machine."""
    number = 0
    while True:
        digest = hashlib.sha256(f"{key}\0{number}".encode()).hexdigest()[:12]
        name = f"groupsync renaming {digest}"[:limit]
        if name not in taken:
            return name
        number += 1


def by_name(pairs: Iterable[tuple[str, Holder]]) -> dict[str, list[Holder]]:
    """Holders by the name that they have."""
    found: dict[str, list[Holder]] = defaultdict(list)
    for name, holder in pairs:
        found[name].append(holder)
    return found
