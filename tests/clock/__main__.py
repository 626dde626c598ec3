"""``make clock``: real Airflows over PostgreSQL, by a clock that is set, and with a backfill beside the nightly run.

``python -m tests.clock [moments | backfill] [--first-task]``; prints what was seen as tables, and exits with 1 where
anything is not as it has to be.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tests.clock import telling
from tests.conftest import PROGRAMS
from tests.world import World

_NEEDED = {"moments": ("postgresql", "libfaketime"), "backfill": ("postgresql", "chromium")}


def moments(folder: Path, whole: bool) -> list[str]:
    """Airflow under a clock that is set; what was wrong."""
    from tests.clock.instants import MOMENTS, SETTINGS, Seen, fill, meet
    from tests.clock.machine import machine
    from tests.clock.shifted import ShiftedClock

    clock = ShiftedClock(folder)
    every: list[Seen] = []
    with World(folder, SETTINGS) as world, machine(folder, world, clock) as airflow:
        fill(world)
        print(telling.moments_opening(), flush=True)
        for moment in MOMENTS:
            for seen in meet(airflow, clock, moment, [run for one in every for run in one.runs], whole=whole):
                print(telling.row(seen), flush=True)
                every.append(seen)
    return [line for one in every for line in one.wrong]


def backfill(folder: Path, whole: bool) -> list[str]:
    """A backfill beside the nightly run; what was wrong."""
    from tests.clock.evening import spend

    print(telling.backfill_opening(), flush=True)
    wrong: list[str] = []
    for act in spend(folder):
        print(telling.act(act), flush=True)
        wrong += [f"{act.name}: {one}" for one in act.wrong]
    return wrong


def main() -> int:
    """Show it; 0 where all was as it has to be."""
    parts: dict[str, Callable[[Path, bool], list[str]]] = {"moments": moments, "backfill": backfill}
    parser = argparse.ArgumentParser(prog="python -m tests.clock", description=__doc__)
    parser.add_argument("part", nargs="?", choices=parts, help="one of the two; without it both")
    parser.add_argument("--first-task", action="store_true", help="moments: end each run when its first task has")
    told = parser.parse_args()
    asked = told.part
    wanted = [asked] if asked else list(parts)
    if missing := sorted({name for part in wanted for name in _NEEDED[part] if PROGRAMS[name]() is None}):
        print(f"not run: needs {', '.join(missing)}", file=sys.stderr)
        return 1 if os.environ.get("REQUIRE_ALL") == "1" else 0
    wrong: list[str] = []
    for part in wanted:
        began = perf_counter()
        with tempfile.TemporaryDirectory(prefix="groupsync-clock-", ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)  # PostgreSQL has an account of its own
            found = parts[part](Path(folder), not told.first_task)
        print(telling.closing(part, found, perf_counter() - began), flush=True)
        wrong += found
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
