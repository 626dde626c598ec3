"""Search universities for one that breaks a law: ``make laws-long`` shows 10,000.

    python -m tests.laws [--universities N] [--seed FIRST] [--at-once PROCESSES] [--every] [--shrink]

Each is shown to the laws that look at one plan, and to one of those that make another plan in turn; with ``--every``
to all of those, at nearly three times the cost.
Universities are drawn in lots, each with a seed of its own, so that a lot that breaks a law is drawn again by
``--seed THAT --universities 100 --shrink`` (and ``--every``, if it had that), which makes the example small.
Exits with 1 where a law was broken.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import monotonic

from tests.laws.lot import draw  # a new process finds nothing in a package's __main__
from tests.laws.search import OF_ANOTHER_PLAN, OF_ONE_PLAN

LOT = 100
FIRST = 1000  # the seeds below are those of the test runs


def main() -> int:
    """Show them, a line for each lot and a summary."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws", description=__doc__.partition("\n")[0])
    parser.add_argument("--universities", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=FIRST, help="of the first lot")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--every", action="store_true", help="show each to all laws")
    parser.add_argument("--shrink", action="store_true", help="make what breaks a law as small as it can be")
    wanted = parser.parse_args()
    lots = range(wanted.seed, wanted.seed + -(-wanted.universities // LOT))
    others = len(OF_ANOTHER_PLAN) if wanted.every else f"1 of {len(OF_ANOTHER_PLAN)}"
    print(f"{wanted.universities} universities, each to {len(OF_ONE_PLAN)} laws and {others} more, {len(lots)} lots")
    began, shown, cpu_seconds, broken = monotonic(), 0, 0.0, []
    # A process for each lot: what one leaves in memory is no other's.
    with ProcessPoolExecutor(wanted.at_once, max_tasks_per_child=1) as pool:
        left = {pool.submit(draw, seed, min(LOT, wanted.universities), wanted.every, wanted.shrink) for seed in lots}
        for done in as_completed(left):
            lot = done.result()
            shown, cpu_seconds = shown + lot.shown, cpu_seconds + lot.cpu_seconds
            broken += [lot] if lot.broken else []
            word = f"BROKEN\n{lot.broken}" if lot.broken else "held"
            print(f"seed {lot.seed}: {word}; {shown} shown, {monotonic() - began:.0f} s", flush=True)
    print(f"{shown} universities in {cpu_seconds:.0f} CPU seconds; {len(broken)} lots broke a law")
    for lot in broken:
        every = " --every" if wanted.every else ""
        print(f"  again: python -m tests.laws --seed {lot.seed} --universities {LOT} --shrink{every}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
