"""What has to hold after a run, in a form that can be compared."""

from dataclasses import dataclass
from typing import Any

from tests.machine.faults import Line
from tests.machine.model import KINDS, Ledger, Site, University
from tests.world import World


@dataclass
class Picture:
    site: Site
    ledger: Ledger


def numbered(expected: Picture, now: Site) -> Picture:
    """What was to be made, under the id that Moodle gave it; under its key where it was not made."""
    found = {(kind, thing.course, thing.key): ident for kind in KINDS for ident, thing in now.things[kind].items()}

    def real(ident: Any) -> Any:
        return found.get(ident[1:], ident) if isinstance(ident, tuple) else ident

    def pairs(several: Any) -> Any:
        return {(real(first), second if isinstance(second, str) else real(second)) for first, second in several}

    site, ledger = expected.site, expected.ledger
    return Picture(
        Site(
            {kind: {real(i): thing for i, thing in site.things[kind].items()} for kind in KINDS},
            pairs(site.links),
            pairs(site.members),
        ),
        Ledger(
            {kind: {real(i): key for i, key in ledger.things[kind].items()} for kind in KINDS},
            {(real(p), real(g)): gone for (p, g), gone in ledger.links.items()},
            pairs(ledger.members),
        ),
    )


def natural(site: Site) -> dict[str, Any]:
    """Moodle by natural keys, so that two ways to one end can be compared."""
    names = _names(site)
    return {
        "things": sorted(
            (*names[kind][ident], thing.name, thing.description)
            for kind in KINDS
            for ident, thing in site.things[kind].items()
        ),
        "links": {(names["grouping"][p], names["group"][g]) for p, g in site.links},
        "members": {(names["group"][g], user) for g, user in site.members},
    }


def natural_ledger(ledger: Ledger, site: Site) -> dict[str, Any]:
    """The ledger by natural keys; what Moodle no longer has keeps its id."""
    names = _names(site)
    return {
        "things": {(kind, names[kind].get(i, i), key) for kind in KINDS for i, key in ledger.things[kind].items()},
        "links": {
            (names["grouping"].get(p, p), names["group"].get(g, g), gone) for (p, g), gone in ledger.links.items()
        },
        "members": {(names["group"].get(g, g), user) for g, user in ledger.members},
    }


def _names(site: Site) -> dict[str, dict[Any, tuple[str, ...]]]:
    return {kind: {i: (kind, t.course, t.key or f"#{i}") for i, t in site.things[kind].items()} for kind in KINDS}


def check_untouched(then: Site, now: Site, line: Line, world: World, university: University) -> None:
    """Nothing without idnumber was touched, and nothing was sent for a course that is frozen or in no mapping.

    ``then`` has the hand edits that were made before the run applied its plan.
    """
    for kind in KINDS:
        for ident, thing in then.things[kind].items():
            if not thing.key:
                assert now.things[kind].get(ident) == thing, f"a {kind} without idnumber was touched"
    bare = {ident for ident, thing in then.things["group"].items() if not thing.key}
    assert {p for p in then.links if p[1] in bare} == {p for p in now.links if p[1] in bare}
    frozen = {course for course in ("C1", "C2", "C3") if university.standing(course) == "frozen"}
    owners = {
        kind: {ident: thing.course for site in (then, now) for ident, thing in site.things[kind].items()}
        for kind in KINDS
    }
    courses = {world.moodle.course_id(course): course for course in ("C1", "C2", "C3")}
    for call in line.calls:
        touched = {courses[number] for number in call.values("courseid")}
        touched |= {owners["group"].get(number, "") for number in call.values("groupid", "groupids")}
        touched |= {owners["grouping"].get(number, "") for number in call.values("groupingid", "groupingids")}
        if call.function.startswith("core_group_update_"):
            kind = call.function.removeprefix("core_group_update_").removesuffix("s")
            touched |= {owners[kind].get(number, "") for number in call.values("id")}
        assert not touched & frozen, f"{call.function} for a frozen course: {call.form}"
