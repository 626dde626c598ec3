"""One chaos run: a sync whose calls meet faults at random, then an undisturbed one, and what has to hold after it.

python -m tests.chaos.run --runs 1000 --seed 1
"""

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import process_time

from tests.chaos.proxy import Chaos, at_random, between
from tests.machine.model import Site
from tests.machine.replay import ledger_of, replayed, site_of
from tests.world import NO_BREAKER, World

PEOPLE = [f"p{n}" for n in range(8)]
COURSES = ("C1", "C2")
SETTINGS = {
    # A group that goes while another of like members comes is no matter for a person here.
    "breaker": {**NO_BREAKER["breaker"], "rekey": None},
    # A late call arrives after 0.05 s: "not there" counts from 0.15 s on.
    "moodle": {"batch_items": 4, "in_flight": 2, "read_timeout": 5, "retry_seconds": 1, "settle_after": 0.15},
}
Placed = dict[str, tuple[str, str, frozenset[str]]]  # group: name, grouping, members


@dataclass(frozen=True)
class Report:
    """What met what in the disturbed run, and how it ended."""

    met: tuple[tuple[str, str], ...]
    state: str


def drawn(chance: Random) -> dict[str, Placed]:
    """For each course some of six groups, named, placed and filled by chance."""
    return {
        course: {
            f"G{at}": (
                f"Group {at} {chance.choice('ab')}",
                chance.choice(("S", "T")),
                frozenset(chance.sample(PEOPLE, chance.randint(0, 4))),
            )
            for at in range(6)
            if chance.random() < 0.7
        }
        for course in COURSES
    }


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


def one_run(folder: Path, seed: int) -> Report:
    """AssertionError where, after the undisturbed run, something is double, lost, or not in the journal."""
    chance = Random(seed)
    with World(folder, SETTINGS) as world:
        for course in COURSES:
            world.course(course, users=PEOPLE)
            world.map(course)
        with between(Chaos(world.url, late=0.05)) as chaos:
            world.url = chaos.address
            list_in_source(world, drawn(chance))
            first = world.sync()
            assert first.state == "applied", first.error
            wanted = drawn(chance)
            list_in_source(world, wanted)
            chaos.choose = at_random(seed, chance.choice((0.05, 0.15, 0.4)))
            disturbed = world.sync()
            chaos.choose = Chaos.choose
            chaos.settle()
            healed = world.sync()
            assert healed.state == "applied", f"{disturbed.state}, then {healed.state}: {healed.error}"
            check(world, wanted)
            last = world.sync()
            assert (last.state, last.writes, last.changes) == ("applied", 0, []), last.error
    return Report(tuple(chaos.met), disturbed.state)


def check(world: World, wanted: dict[str, Placed]) -> None:
    """Moodle is what the source says, the ledger manages all of it, and the journal tells the whole story of it."""
    for course, placed in wanted.items():
        names = {group: name for group, (name, _, _) in placed.items()} | {"KEEP": "Kept"}
        assert {key: one.name for key, one in world.moodle.groups(course).items()} == names
        members = {group: set(people) for group, (_, _, people) in placed.items()} | {"KEEP": set(PEOPLE)}
        assert world.moodle.members(course) == members
        links: dict[str, set[str]] = {"K": {"KEEP"}}
        for group, (_, grouping, _) in placed.items():
            links.setdefault(grouping, set()).add(group)
        assert {key: set(one.groups) for key, one in world.moodle.groupings(course).items()} == links
    site, ledger = site_of(world, COURSES), ledger_of(world)
    assert all(row["outcome"] not in (None, "unknown") for row in world.journal), "an entry of the journal is open"
    assert replayed(Site(), world.journal, site, world) == site, "the journal tells another story than Moodle"
    for kind, things in site.things.items():
        assert set(ledger.things[kind]) == set(things)
    assert {pair for pair, gone in ledger.links.items() if not gone} == site.links
    assert ledger.members == site.members


def main() -> int:
    """So many runs; what met what, how the disturbed runs ended, and the seeds of those that broke something."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000, help="of the first run")
    wanted = parser.parse_args()
    met: Counter[str] = Counter()
    states: Counter[str] = Counter()
    broken = []
    for seed in range(wanted.seed, wanted.seed + wanted.runs):
        with tempfile.TemporaryDirectory(prefix="groupsync-chaos-") as folder:
            try:
                report = one_run(Path(folder), seed)
            except Exception:  # noqa: BLE001 (whatever it is, the seed draws it again)
                broken.append(seed)
                print(f"seed {seed}: BROKEN\n{traceback.format_exc()}", flush=True)
                continue
        met.update(fault for _, fault in report.met)
        states[report.state] += 1
    print(f"{wanted.runs} runs, {process_time():.0f} CPU seconds; the disturbed runs ended {dict(states)}")
    for fault, count in met.most_common():
        print(f"  {fault:18}{count}")
    print(f"broken: {broken or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
