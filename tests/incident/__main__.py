"""``make incident``: the incident of February 2021 replayed, step by step, in plain words.

``python -m tests.incident [--tenth]``; exits with 1 where a lock did not hold.  With ``--next-step`` what came
after it: the deleted groups of Term 1 are brought back.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from tests.incident import next_step, telling
from tests.incident.scene import TENTH, WHOLE
from tests.incident.story import Incident, tell


def main() -> int:
    """Tell it; 0 where every lock held."""
    parser = argparse.ArgumentParser(prog="python -m tests.incident", description=__doc__)
    parser.add_argument("--tenth", action="store_true", help="a tenth of the courses and of everything in them")
    parser.add_argument("--next-step", action="store_true", help="bring back what was deleted, by a backfill")
    asked = parser.parse_args()
    if asked.next_step:
        with tempfile.TemporaryDirectory(prefix="groupsync-next-step-") as folder:
            return next_step.tell(Path(folder), tenth=asked.tenth)
    size = TENTH if asked.tenth else WHOLE
    began = perf_counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="groupsync-incident-") as folder, Incident(Path(folder), size) as incident:
        print(telling.opening(size, perf_counter() - began), flush=True)
        for number, act in enumerate(tell(incident)):
            print(telling.act(number, act), flush=True)
            wrong += [f"{act.name}: {what}" for what in act.differs]
    print(telling.closing(wrong, perf_counter() - began))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
