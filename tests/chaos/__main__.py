"""Disturbed syncs, each healed by the next: ``python -m tests.chaos --runs 1000 --kills 200 --seed 1``."""

import argparse
import signal
import sys
from time import process_time, strftime

from tests.chaos.run import Tally, runs, with_faults, with_kill


def main() -> int:
    """So many runs and kills; what met what, how it ended, and the seeds of what broke something."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100, help="whose calls meet faults")
    parser.add_argument("--kills", type=int, default=20, help="runs whose apply step is killed")
    parser.add_argument("--seed", type=int, default=1000, help="of the first university")
    wanted = parser.parse_args()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))  # after the university that is under way
    broken = 0
    for kind, one in (("runs", with_faults), ("kills", with_kill)):
        number, told, tally = getattr(wanted, kind), 0, Tally()
        if not number or stopping:
            continue
        for made, found in runs(number, wanted.seed, one, tally):
            print(f"{strftime('%H:%M:%S')} {made} of {number}", flush=True)
            if found:
                broken += 1
                print(f"seed {found.seed}, run {found.run}: BROKEN\n{found.how}", flush=True)
            if stopping or made - told >= 100 or made >= number:
                told = made
                print(tally, flush=True)
            if stopping:
                break
    print(f"{process_time():.0f} CPU seconds without those of killed processes; broken: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
