"""Chaos runs: a disturbed sync, the next one undisturbed, and what has to hold after it; again and again."""

import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from sandbox.moodle.functions import FUNCTIONS
from tests.chaos.kills import Kill, killed
from tests.chaos.night import Night
from tests.chaos.proxy import Chaos, at_random
from tests.chaos.university import SOURCES, check, furnish, list_in_source, source

RUNS = 10  # of one university, one after the other: it is the most that is lost where one breaks
SHARES = (0.05, 0.15, 0.4)
PATIENCE = (0, 20, 900)  # seconds for which an unreachable site is borne


HEALED = ("by the task's retry", "by the next run", "by the next run, after the dead one's report")


@dataclass
class Tally:
    """Of runs that held: how the disturbed syncs ended, what their calls met, and where they were killed."""

    states: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    met_writing: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    healed: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)  # what became of changes that a kill left open
    late: int = 0  # calls that Moodle did while the healing run was under way

    @property
    def runs(self) -> int:
        return self.states.total()


@contextmanager
def university(folder: Path, seed: int) -> Iterator[Night]:
    """One that was synced once without a fault; at the end a sync has nothing to do (rule J5)."""
    with Night(folder, seed) as night:
        furnish(night)
        list_in_source(night, source(Random(seed).randrange(SOURCES)))
        first = night.sync()
        assert first.state == "applied", first.error
        yield night
        last = night.sync()
        assert (last.state, last.writes, last.changes) == ("applied", 0, []), last.error


def with_faults(night: Night, chance: Random, tally: Tally) -> bool:
    """One run: calls meet faults, in all of the sync or from the apply step on; the next sync heals."""
    wanted = source(chance.randrange(SOURCES))
    list_in_source(night, wanted)
    seed, share = chance.getrandbits(32), chance.choice(SHARES)
    night.configure({"moodle": {"retry_seconds": chance.choice(PATIENCE)}})

    def disturb() -> None:
        night.chaos.choose = at_random(seed, share)

    with counting(night, tally):
        if chance.random() < 0.3:
            disturb()
        disturbed = night.sync(before={"apply": disturb})
    night.rest(chance.choice((0, 0, 300, 86_400)))
    heal(night, night.sync, f"{disturbed.state}: {disturbed.error}", tally)
    check(night, wanted)
    tally.states[disturbed.state] += 1
    tally.healed["by the next run"] += 1
    return True


def with_kill(night: Night, chance: Random, tally: Tally) -> bool:
    """One run: the process of the apply step is killed; its retry, or the next sync, heals.

    False: it had ended before.  That is no run, but what has to hold was checked.
    """
    wanted = source(chance.randrange(SOURCES))
    list_in_source(night, wanted)
    night.configure({"moodle": {"retry_seconds": 900}})
    planned = night.sync(until="circuit_breaker")
    assert not planned.errors, planned.error
    if chance.random() < 0.3:
        night.chaos.choose = at_random(chance.getrandbits(32), 0.1)
    with counting(night, tally):
        death = killed(night, planned.run_id, Kill.drawn(chance, len(planned.changes)))
    # The lease of the dead has run out.
    night.rest(chance.choice((90, 600, 86_400)))
    how = chance.choice(HEALED)
    start = death.step if death else "apply"
    if how == "by the next run, after the dead one's report":
        night.sync(run_id=planned.run_id, start="report")
    again = {"run_id": planned.run_id, "start": start} if how == "by the task's retry" else {}
    heal(night, lambda: night.sync(**again), f"killed {death}", tally)
    check(night, wanted)
    if death is None:
        return False
    tally.states["killed"] += 1
    tally.kills[death.where] += 1
    tally.healed[how] += 1
    tally.open.update(row["outcome"] for row in night.journal if row["entry"] in death.open)
    return True


@contextmanager
def counting(night: Night, tally: Tally) -> Iterator[None]:
    """What calls meet in the meantime is counted, and afterwards they meet nothing any more."""
    before = len(night.chaos.met)
    yield
    night.chaos.choose = Chaos.choose
    night.chaos.quiet()
    for function, fault in night.chaos.met[before:]:
        tally.met[fault] += 1
        tally.met_writing[fault] += function in FUNCTIONS and FUNCTIONS[function].writes


def heal(night: Night, sync: Callable[[], Any], after: str, tally: Tally) -> None:
    """The undisturbed run, in which calls of the disturbed one may still come late."""
    late, night.healing = night.came_late, True
    healed = sync()
    assert healed.state == "applied", f"{after}; then {healed.state}: {healed.error}"
    night.healing = False
    tally.late += night.came_late - late
    night.rest(420)


@dataclass
class Broken:
    """What did not hold, and how to see it again: ``seed`` draws the whole university, ``run`` counts from 0."""

    seed: int
    run: int
    how: str


def runs(wanted: int, seed: int, one: Callable[[Night, Random, Tally], bool], tally: Tally) -> Iterator[Broken]:
    """So many runs, in universities of seeds from ``seed`` on; where one breaks the next university goes on."""
    made = 0
    for at in count(seed):
        run = 0
        with tempfile.TemporaryDirectory(prefix="groupsync-chaos-") as folder:
            try:
                with university(Path(folder), at) as night:
                    for run in range(min(RUNS, wanted - made)):
                        made += one(night, Random(f"{at} {run}"), tally)
            except Exception:  # noqa: BLE001 (whatever it is, the seed draws it again)
                made += 1
                yield Broken(at, run, traceback.format_exc())
        if made >= wanted:
            return
