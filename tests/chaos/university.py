"""The universities that chaos runs sync: a few courses, what the source may list of them, and what has to hold."""

from random import Random

from tests.machine.model import Site
from tests.machine.replay import ledger_of, replayed, site_of
from tests.world import World

PEOPLE = [f"p{n}" for n in range(8)]
COURSES = ("C1", "C2")
# The same rows are judged once a process: few sources, drawn again and again, and any of them may follow any other.
SOURCES = 30
Placed = dict[str, tuple[str, str, frozenset[str]]]  # group: name, grouping, members


def source(number: int) -> dict[str, Placed]:
    """One of SOURCES things that the source may list: for each course some of six groups, named, placed and filled."""
    chance = Random(f"source {number}")
    return {course: _drawn(chance) for course in COURSES}


def _drawn(chance: Random) -> Placed:
    groups = [at for at in range(6) if chance.random() < 0.7]
    # Now and then groups have each other's names: they are swapped by way of a third one.
    owners = groups if chance.random() < 0.7 else chance.sample(groups, len(groups))
    return {
        f"G{at}": (
            f"Group {owner} {chance.choice('aab')}",
            chance.choice(("S", "T")),
            frozenset(chance.sample(PEOPLE, chance.randint(0, 4))),
        )
        for at, owner in zip(groups, owners, strict=True)
    }


def furnish(world: World) -> None:
    """Courses, people and mappings; no groups yet."""
    for course in COURSES:
        world.course(course, users=PEOPLE)
        world.map(course)


def list_in_source(world: World, wanted: dict[str, Placed]) -> None:
    """The source lists just this."""
    for table in ("remote_groupings", "remote_groups", "remote_memberships"):
        world.source.execute(f"DELETE FROM {table}")  # noqa: S608 (one of the three)
    for course, placed in wanted.items():
        # One grouping and one group that stay, so that no table is ever empty.
        for grouping in sorted({"K", *(grouping for _, grouping, _ in placed.values())}):
            world.source.grouping(course, grouping, f"Grouping {grouping}")
        world.source.group(course, "KEEP", "Kept", grouping="K")
        world.source.members(course, "KEEP", *PEOPLE)
        for group, (name, grouping, people) in placed.items():
            world.source.group(course, group, name, grouping=grouping)
            if people:
                world.source.members(course, group, *sorted(people))


def check(world: World, wanted: dict[str, Placed]) -> None:
    """Moodle is what the source says, the ledger manages all of it, and the journal tells the whole story of it."""
    for course, placed in wanted.items():
        names = {group: name for group, (name, _, _) in placed.items()} | {"KEEP": "Kept"}
        _same(f"groups of {course}", {key: one.name for key, one in world.moodle.groups(course).items()}, names)
        members = {group: set(people) for group, (_, _, people) in placed.items()} | {"KEEP": set(PEOPLE)}
        _same(f"members in {course}", world.moodle.members(course), members)
        links: dict[str, set[str]] = {"K": {"KEEP"}}
        for group, (_, grouping, _) in placed.items():
            links.setdefault(grouping, set()).add(group)
        found = {key: set(one.groups) for key, one in world.moodle.groupings(course).items()}
        _same(f"groupings of {course}", found, links)
    site, ledger = site_of(world, COURSES), ledger_of(world)
    for kind, things in site.things.items():
        once = {(thing.course, thing.key) for thing in things.values()}
        assert len(once) == len(things), f"a {kind} is there twice: {things}"
        _same(f"managed {kind}s", set(ledger.things[kind]), set(things))
    _same("managed links", {pair for pair, gone in ledger.links.items() if not gone}, site.links)
    _same("managed memberships", ledger.members, site.members)
    left = [dict(row) for row in world.journal if row["outcome"] in (None, "unknown")]
    assert not left, f"entries of the journal are open: {left}"
    told = replayed(Site(), world.journal, site, world)
    _same("what the journal tells", told, site)


def _same(what: str, found: object, wanted: object) -> None:
    assert found == wanted, f"{what}: {found}, and should be {wanted}"
