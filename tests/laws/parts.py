"""Laws of a run for a part of its term: it does there what the whole run would, and nothing anywhere else."""

from dataclasses import asdict
from random import Random
from typing import Any

from include.groupsync.model import keys
from include.groupsync.model.extent import Extent
from include.groupsync.model.kind import Kind
from tests.laws.driver import apply, plan_of
from tests.laws.shown import Shown, alike, nothing, told, undone
from tests.laws.university import University


def c2_some_courses_are_planned_as_in_the_whole_run(shown: Shown) -> None:
    """Byte for byte, whatever is in the other courses; a restriction, and no other plan."""
    courses = _some_courses(shown.university, shown.chance)
    part = plan_of(shown.university, Extent(courses=courses))
    alike(told(part.plan), [change for change in shown.changes if change["course"] in courses])
    nothing(told(part.waits))
    there = _ids(shown.university, courses)
    for table, observed in part.observed.items():
        # What was seen gone of a module that is frozen the next whole run may forget.
        whole = [row for row in shown.planned.observed[table] if row["course_id"] in there]
        alike(observed, [row for row in whole if row["terms"] or row in observed])


def c2_a_part_leaves_everything_else_as_it_is(shown: Shown) -> None:
    """By courses, modules and kinds: all of its changes are the whole run's, none is refused by Moodle for want of what
    was left out, and other courses and kinds are as they were in Moodle and in the ledger."""
    chance, university = shown.chance, shown.university
    courses = _some_courses(university, chance) if chance.random() < 0.5 else frozenset()
    modules = frozenset(chance.sample(["M1", "M2"], 1)) if university.options.delivery and chance.random() < 0.7 else ()
    kinds = frozenset(chance.sample(list(Kind), chance.randint(1, 3))) if chance.random() < 0.7 else frozenset()
    extent = Extent(courses=courses, modules=frozenset(modules), kinds=kinds)
    part = plan_of(university, extent)
    own = told(part.plan)
    nothing([f"not the whole run's: {change}" for change in own if change not in shown.changes])
    nothing([f"of another kind: {change}" for change in own if not extent.takes(Kind(str(change["kind"])))])
    after, results = apply(university, part, part.plan)
    nothing(undone(results))
    outside = _ids(university) - _ids(university, courses) if courses else frozenset()
    for now, before in zip(_seen(after, outside), _seen(university, outside), strict=True):
        assert now == before
    gone = university.ledger.objects.keys() - after.ledger.objects.keys()
    for (kind, at), row in university.ledger.objects.items():
        if not extent.takes(Kind(kind)):
            assert after.ledger.objects[kind, at] == row
    for name, kind, ends in (
        ("links", Kind.LINK, ("grouping", "group")), ("memberships", Kind.MEMBERSHIP, ("group", "user")),
    ):  # fmt: skip
        for ids, row in getattr(university.ledger, name).items():
            if not extent.takes(kind) and not gone & set(zip(ends, ids, strict=True)):
                assert getattr(after.ledger, name)[ids] == row


def _some_courses(university: University, chance: Random) -> frozenset[str]:
    known = sorted({key for text in university.moodle.courses.values() if (key := keys.key(text))})
    return frozenset(chance.sample(known, chance.randint(1, 2)))


def _ids(university: University, courses: frozenset[str] | None = None) -> frozenset[int]:
    return frozenset(
        at for at, text in university.moodle.courses.items() if courses is None or keys.key(text) in courses
    )


def _seen(university: University, courses: frozenset[int]) -> list[Any]:
    """What Moodle and the ledger have of these courses."""
    state, ledger = university.moodle, university.ledger
    objects = [
        {at: asdict(one) for at, one in several.items() if one.course_id in courses}
        for several in (state.groupings, state.groups)
    ]
    # A link that crosses courses, which Moodle itself never makes, goes with either end.
    inside = [sorted(pair for pair in state.links if pair[0] in objects[0] and pair[1] in objects[1])]
    inside.append(sorted(pair for pair in state.members if pair[0] in objects[1]))
    known = [
        {ids: row for ids, row in table.items() if row["course_id"] in courses}
        for table in (ledger.objects, ledger.links, ledger.memberships)
    ]
    return [*objects, *inside, *known]
