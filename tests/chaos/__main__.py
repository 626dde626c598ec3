"""Disturbed syncs, each healed by the next: ``python -m tests.chaos --runs 1000 --kills 200 --seed 1``."""

import argparse
import sys
from time import process_time

from tests.chaos.run import Tally, runs, with_faults, with_kill


def main() -> int:
    """So many runs and kills; what met what, how it ended, and the seeds of what broke something."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100, help="whose calls meet faults")
    parser.add_argument("--kills", type=int, default=20, help="runs whose apply step is killed")
    parser.add_argument("--seed", type=int, default=1000, help="of the first university")
    wanted = parser.parse_args()
    broken = []
    for number, one in ((wanted.runs, with_faults), (wanted.kills, with_kill)):
        tally = Tally()
        for found in runs(number, wanted.seed, one, tally) if number else ():
            broken.append(found)
            print(f"seed {found.seed}, run {found.run}: BROKEN\n{found.how}", flush=True)
        print(f"{one.__name__}: {tally}", flush=True)
    print(f"{process_time():.0f} CPU seconds without those of killed processes; broken: {len(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
