"""The writing steps in a process of their own, killed by SIGKILL at a moment that is drawn.

The process is forked from one that has the engine imported and nothing else: no connection, no thread of the test's.
"""

import multiprocessing
import signal
import sys
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic, sleep

import requests

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.steps import Run, step
from include.groupsync.steps.run import step_records
from tests.chaos.night import Night
from tests.chaos.proxy import CONTROL, Chaos, writes
from tests.e2e.apply_process import deployment_of
from tests.world import TERM1

_STEPS = ("apply", "verify")
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.chaos.run", "include.groupsync.steps.act"])


@dataclass(frozen=True)
class Kill:
    """When: so many seconds after the nth moment, of which each call has three (it arrives, Moodle has answered, its
    answer is given); the process's start is number 0.

    ``late``: the moments are the arrivals of writing calls, and that call, whose sender is dead by then, is done only
    after a while.
    """

    moment: int
    seconds: float = 0
    late: bool = False

    @classmethod
    def drawn(cls, chance: Random, changes: int) -> "Kill":
        """Spread over what the sending of so many changes takes, by and large."""
        if chance.random() < 0.25:
            return cls(chance.randrange(1, 3 + changes // 4), late=True)
        return cls(chance.randrange(2 * (8 + changes)), chance.choice((0, chance.uniform(0, 0.03))))

    def counts(self, function: str, stage: str) -> bool:
        """Whether this is one of the moments."""
        return not self.late or (stage == "arrived" and writes(function))


@dataclass(frozen=True)
class Death:
    """Where the process was killed, which step was under way, and the journal's entries that it left open."""

    where: str
    step: str
    open: frozenset[int]


def killed(night: Night, run_id: str, kill: Kill) -> Death | None:
    """Send what the run has planned in another process, and kill it; None where it had ended before."""
    arguments = (night.folder, run_id, night.url, night.token, night.deployment().now().isoformat())
    process = _FORKED.Process(target=_write, args=arguments)
    moments, counting, running = count(1), threading.Lock(), threading.Event()
    choose = night.chaos.choose

    def passes(function: str, stage: str) -> None:
        if not kill.counts(function, stage):
            return
        with counting:
            now = next(moments) == kill.moment
        if now:
            running.wait()
            sleep(kill.seconds)
            process.kill()
            night.chaos.choose = (lambda _: "commits_later") if kill.late else choose

    night.chaos.passes = passes
    process.start()
    running.set()
    if kill.moment == 0:
        sleep(kill.seconds)
        process.kill()
    process.join(300)
    night.chaos.quiet()
    night.chaos.passes = Chaos.passes
    assert process.exitcode in (0, 1, -signal.SIGKILL), f"the process ended with {process.exitcode}"
    return _death(night, run_id) if process.exitcode == -signal.SIGKILL else None


def _death(night: Night, run_id: str) -> Death:
    records = step_records(RunFolder.of(night.folder / "runs", TERM1, run_id))
    entries = [row for row in night.journal if row["run_id"] == run_id]
    left = frozenset(row["entry"] for row in entries if row["outcome"] is None)
    if records.get("apply", {}).get("ok"):
        return Death("after the last write", "verify", left)
    if not entries:
        return Death("before the first write", "apply", left)
    return Death("with a change sent and its outcome open" if left else "between two batches", "apply", left)


def _write(folder: Path, run_id: str, address: str, token: str, now: str) -> None:
    """In the forked process.  Its sleeps pass at the night's pace."""
    time = [(datetime.fromisoformat(now), monotonic())]

    def at() -> datetime:
        base, since = time[-1]
        return base + timedelta(seconds=monotonic() - since)

    def rest(seconds: float) -> None:
        told = requests.post(address + CONTROL, data=str(seconds), timeout=60).text
        time.append((datetime.fromisoformat(told), monotonic()))

    deployment = replace(deployment_of(folder, address, token, at), sleep=rest)
    try:
        for name in _STEPS:
            step(name)(deployment, Run(run_id, TERM1))
    except GroupsyncError:
        sys.exit(1)
