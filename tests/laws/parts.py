"""Laws of a run for a part of its term: it does there what the whole run would, and nothing anywhere else."""

from dataclasses import replace
from random import Random

from include.groupsync.model import keys
from include.groupsync.model.extent import Extent
from include.groupsync.model.kind import Kind
from tests.laws.driver import apply, plan_of
from tests.laws.moodle import Object
from tests.laws.shown import Shown, alike, nothing, told, undone
from tests.laws.university import TERM, Row, University

One = tuple[Kind, tuple[int, ...]]  # a thing by its kind and Moodle's ids
_OBJECTS = (Kind.GROUPING, Kind.GROUP)


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
    was left out, and whatever is not in the part is as it was, in Moodle and in the ledger.

    But for what was inside of what goes: Moodle takes a group's members and links with it, and a grouping's links,
    whatever kind, module or course they are of (rules G7, P7), and the ledger forgets just those.  A link may even
    reach into another course: Moodle's own forms offer a course's own groups only, but its web service puts a group
    into any grouping (tests/contract, ``assign-across-courses``).  A run for C2 that deletes a group which somebody had
    put into a grouping of C5 so changes what C5's grouping holds, as the whole run does: no order of calls deletes a
    group and leaves its links.  The sync makes no such link and has none in its ledger.
    """
    university, extent = shown.university, _some_extent(shown)
    whole = shown.changes
    if extent.modules:  # most courses take groups from one module only
        university = _with_both_modules(university)
        whole = told(plan_of(university).plan)
    part = plan_of(university, extent)
    own = told(part.plan)
    nothing([f"not the whole run's: {change}" for change in own if change not in whole])
    nothing([f"of another kind: {change}" for change in own if not extent.takes(Kind(str(change["kind"])))])
    after, results = apply(university, part, part.plan)
    nothing(undone(results))
    before, now = _everything(university), _everything(after)
    differs = {one for one in before.keys() | now.keys() if before.get(one) != now.get(one)}
    gone = {(kind, ids) for kind, ids in differs if kind in _OBJECTS and (kind, ids) not in _there(after)}
    nothing([f"left inside of what is gone: {one}" for one in now if _ends(one) & gone])
    courses = _ids(university, extent.courses or None)
    for one in sorted(differs):
        seen = [held[one] for held in (before, now) if one in held]
        within = {row["course_id"] for _, row in seen if row}
        within |= {
            there[end].course_id for there in (_there(university), _there(after)) for end in _ends(one) & there.keys()
        }
        modules = {str(row["module"]).partition(" ")[0] for _, row in seen if row}
        ours = extent.takes(one[0]) and within <= courses and (not extent.modules or modules & extent.modules)
        assert ours or (one[0] not in _OBJECTS and _ends(one) & gone), f"{one} was {before.get(one)}, is {now.get(one)}"


def _some_extent(shown: Shown) -> Extent:
    chance, university = shown.chance, shown.university
    courses = _some_courses(university, chance) if chance.random() < 0.5 else frozenset()
    modules = frozenset(chance.sample(["M1", "M2"], 1)) if university.options.delivery and chance.random() < 0.7 else ()
    kinds = frozenset(chance.sample(list(Kind), chance.randint(1, 3))) if chance.random() < 0.7 else frozenset()
    return Extent(courses=courses, modules=frozenset(modules), kinds=kinds)


def _with_both_modules(university: University) -> University:
    """With either module active in the courses that Moodle has."""
    mapping = {"occurrence": "1", "term": TERM, "period": "T1", "status": "active", "import_groups": "yes"}
    more = [mapping | {"course": key, "module": module} for key in _known(university) for module in ("M1", "M2")]
    rows = university.rows | {"mappings": [*university.rows["mappings"], *more]}
    return replace(university, rows=rows)


def _some_courses(university: University, chance: Random) -> frozenset[str]:
    return frozenset(chance.sample(_known(university), chance.randint(1, 2)))


def _known(university: University) -> list[str]:
    return sorted({key for text in university.moodle.courses.values() if (key := keys.key(text))})


def _ids(university: University, courses: frozenset[str] | None = None) -> frozenset[int]:
    return frozenset(
        at for at, text in university.moodle.courses.items() if courses is None or keys.key(text) in courses
    )


def _there(university: University) -> dict[One, Object]:
    """Moodle's groupings and groups."""
    state = university.moodle
    found: dict[One, Object] = {(Kind.GROUPING, (at,)): one for at, one in state.groupings.items()}
    found.update(((Kind.GROUP, (at,)), one) for at, one in state.groups.items())
    return found


def _everything(university: University) -> dict[One, tuple[Object | bool, Row | None]]:
    """What Moodle and the ledger have of each thing that either has."""
    state, ledger = university.moodle, university.ledger
    held: dict[One, Object | bool] = dict(_there(university))
    for kind, pairs in ((Kind.LINK, state.links), (Kind.MEMBERSHIP, state.members)):
        held.update(((kind, pair), True) for pair in pairs)
    known: dict[One, Row] = {(Kind(kind), (at,)): row for (kind, at), row in ledger.objects.items()}
    for kind, table in ((Kind.LINK, ledger.links), (Kind.MEMBERSHIP, ledger.memberships)):
        known.update(((kind, ids), row) for ids, row in table.items())
    return {one: (held.get(one, False), known.get(one)) for one in held.keys() | known.keys()}


def _ends(one: One) -> set[One]:
    """The groupings and groups that something is in; one itself."""
    kind, ids = one
    if kind is Kind.LINK:
        return {(Kind.GROUPING, ids[:1]), (Kind.GROUP, ids[1:])}
    return {(Kind.GROUP, ids[:1])} if kind is Kind.MEMBERSHIP else {one}
