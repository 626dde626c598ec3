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

from tests.chaos.kills import Kill, killed
from tests.chaos.night import Night
from tests.chaos.proxy import Chaos, Choose, at_random, writes
from tests.chaos.university import SOURCES, check, furnish, list_in_source, source

RUNS = 10  # of one university, one after the other: it is the most that is lost where one breaks
SHARES = (0.1, 0.2, 0.4)
PATIENCE = (0, 20, 900)  # seconds for which an unreachable site is borne


PLACES = ("everywhere", "from apply on", "writing", "writing", "down")
WRITING = ("apply", "verify")  # the steps that write to Moodle
RETRY, NEXT, NEXT_AFTER_REPORT = (
    "by the task's retry",
    "by the next run",
    "by the next run, after the dead one's report",
)


@dataclass
class Tally:
    """Of runs that held: how the disturbed syncs ended, what their calls met, and where they were killed."""

    states: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    met_writing: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)  # where
    spared: int = 0  # ended before they could be killed, or met no fault: no runs
    healed: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)  # what became of changes that a kill left open
    late: int = 0  # calls that Moodle did while the healing run was under way

    def __str__(self) -> str:
        lines = [f"{self.states.total()} runs held, healed {_told(self.healed)}; they had ended {_told(self.states)}"]
        lines += [f"  {self.spared} more were spared, and do not count"]
        lines += [f"  killed {_told(self.kills)}"] if self.kills else []
        lines += [f"  changes that a kill left open: {_told(self.open)}"] if self.open else []
        lines += [f"  {self.met.total()} calls met a fault, {self.met_writing.total()} of them writing ones:"]
        lines += [f"    {name:18}{many:6}{self.met_writing[name]:6}" for name, many in self.met.most_common()]
        return "\n".join([*lines, f"  {self.late} late calls came to Moodle while the healing run was under way"])


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
    """One run: calls meet faults, in all of the sync, from the apply step on or where they write, or the site goes down
    in the middle; the next run heals or, where the apply step or the one after it failed, its retry.

    False: no call met a fault.  That is no run, but what has to hold was checked.
    """
    wanted = source(chance.randrange(SOURCES))
    list_in_source(night, wanted)
    sized(night, chance, chance.choice(PATIENCE))
    faults, where = at_random(chance.getrandbits(32), chance.choice(SHARES)), chance.choice(PLACES)
    if where == "writing":
        choose: Choose = lambda function: faults(function) if writes(function) else None  # noqa: E731
    else:
        choose = goes_down(chance) if where == "down" else faults

    def disturb() -> None:
        night.chaos.choose = choose

    met = len(night.chaos.met)
    with counting(night, tally):
        if where == "everywhere":
            disturb()
        disturbed = night.sync(before={"apply": disturb})
    if len(night.chaos.met) == met:
        assert disturbed.state == "applied", disturbed.error
        check(night, wanted)
        tally.spared += 1
        return False
    step = disturbed.failed_step
    again = {"run_id": disturbed.run_id, "start": step} if step in WRITING and chance.random() < 0.5 else {}
    night.rest(chance.choice((0, 0, 300, 86_400)))
    heal(night, again, f"{disturbed.state}: {disturbed.error}", tally)
    check(night, wanted)
    tally.states[f"{disturbed.state} in {step}" if step else disturbed.state] += 1
    return True


def with_kill(night: Night, chance: Random, tally: Tally) -> bool:
    """One run: the process of the apply step is killed; its retry, or the next sync, heals.

    False: it had ended before.  That is no run, but what has to hold was checked.
    """
    wanted = source(chance.randrange(SOURCES))
    list_in_source(night, wanted)
    sized(night, chance, 900)
    planned = night.sync(until="circuit_breaker")
    assert not planned.errors, planned.error
    if chance.random() < 0.3:
        night.chaos.choose = at_random(chance.getrandbits(32), 0.1)
    with counting(night, tally):
        kill = Kill.drawn(chance, len(planned.changes))
        death = killed(night, planned.run_id, kill)
    # The lease of the dead has run out.
    night.rest(90 if kill.late else chance.choice((90, 600, 86_400)))
    again = {}
    if chance.random() < 0.5:
        again = {"run_id": planned.run_id, "start": death.step if death else "apply"}
    elif chance.random() < 0.5:  # the dead run tells of its end, or does not: its machine was lost
        night.sync(run_id=planned.run_id, start="report")
    heal(night, again, f"killed: {death}", tally)
    check(night, wanted)
    if death is None:
        tally.spared += 1
        return False
    tally.states["killed"] += 1
    tally.kills[death.where] += 1
    tally.open.update(row["outcome"] for row in night.journal if row["entry"] in death.open)
    return True


def sized(night: Night, chance: Random, patience: int) -> None:
    """Batches and calls in flight as drawn, and so many seconds for which an unreachable site is borne."""
    sizes = {"batch_items": chance.choice((2, 4, 4, 50)), "in_flight": chance.choice((1, 2, 3))}
    night.configure({"moodle": {**sizes, "retry_seconds": patience}})


def goes_down(chance: Random) -> Choose:
    """At some writing call, which is done later; no call after it is answered."""
    last, how, calls = chance.randint(1, 10), chance.choice(("forbidden", "database_down", "dropped_before")), count(1)
    down = False

    def choose(function: str) -> str | None:
        nonlocal down
        if down:
            return how
        down = writes(function) and next(calls) == last
        return "commits_later" if down else None

    return choose


@contextmanager
def counting(night: Night, tally: Tally) -> Iterator[None]:
    """What calls meet in the meantime is counted, and afterwards they meet nothing any more."""
    before = len(night.chaos.met)
    yield
    night.chaos.choose = Chaos.choose
    night.chaos.quiet()
    for function, fault in night.chaos.met[before:]:
        tally.met[fault] += 1
        tally.met_writing[fault] += writes(function)


def heal(night: Night, again: dict[str, str], after: str, tally: Tally) -> None:
    """The next run or, where ``again`` says which and from where, a retry: undisturbed, but for what comes late."""
    late, night.healing = night.came_late, True
    healed = night.sync(**again)
    assert healed.state == "applied", f"{after}; then {healed.state}: {healed.error}"
    if again and set(healed.results.values()) != {"done"}:
        # A change that a fault kept from being looked at was left for the next run, and is reported as such.
        healed = night.sync()
        assert healed.state == "applied", f"{after}; then {healed.state}: {healed.error}"
    night.healing = False
    tally.late += night.came_late - late
    tally.healed[RETRY if again else NEXT] += 1
    night.rest(420)


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {many}" for name, many in counts.most_common())


@dataclass
class Broken:
    """What did not hold, and how to see it again: ``seed`` draws the whole university, ``run`` counts from 0."""

    seed: int
    run: int
    how: str


def runs(
    wanted: int, seed: int, one: Callable[[Night, Random, Tally], bool], tally: Tally
) -> Iterator[tuple[int, Broken | None]]:
    """So many runs, in universities of seeds from ``seed`` on; after each how many there were, and what broke in it.

    Where one breaks, the next university goes on.
    """
    made = 0
    for at in count(seed):
        run, broken = 0, None
        with tempfile.TemporaryDirectory(prefix="groupsync-chaos-") as folder:
            try:
                with university(Path(folder), at) as night:
                    for run in range(min(RUNS, wanted - made)):
                        made += one(night, Random(f"{at} {run}"), tally)
            except Exception:  # noqa: BLE001 (whatever it is, the seed draws it again)
                made += 1
                broken = Broken(at, run, traceback.format_exc())
        yield made, broken
        if made >= wanted:
            return
