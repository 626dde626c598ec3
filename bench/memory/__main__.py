"""How much memory applying a plan takes above the imported process, for 100,000 and 1,000,000 changes.

    python -m bench.memory [CHANGES ...]

The plan is read from its file, sent over HTTP to a site that answers at once, journaled in SQLite, and its outcomes
are written to a file: everything of the step ``apply`` that grows with a plan.  Each size has a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import sqlalchemy as sa

from bench.memory.plan import COURSE, COURSE_ID, GROUPS, PEOPLE, key_of, person
from bench.memory.site import answering
from include.groupsync.apply.executor import Executor, Result
from include.groupsync.apply.ids import Ids
from include.groupsync.apply.pacing import Pace
from include.groupsync.model.connection import MoodleConnection
from include.groupsync.model.journal import OUTCOME, Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.plan import StoredPlan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow
from include.groupsync.moodle.writer import MoodleWriter
from include.groupsync.settings import Moodle
from include.groupsync.state.database import initialise
from include.groupsync.state.journal import RunJournal

_SIZES = (100_000, 1_000_000)


def main() -> int:
    sizes = [int(size) for size in sys.argv[1:]] or [*_SIZES]
    sys.stdout.write("| changes | above the imported process | seconds |\n|---|---|---|\n")
    grown = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="groupsync-bench-") as name, answering() as url:
            subprocess.run([sys.executable, "-m", "bench.memory.plan", name, str(size)], check=True)
            told = subprocess.run(
                [sys.executable, "-m", "bench.memory", "--one", name, url], check=True, capture_output=True, text=True
            )
            before, after, seconds, done = told.stdout.split()
        assert int(done) == size, f"{done} of {size} changes were done"
        grown.append(int(after) - int(before))
        sys.stdout.write(f"| {size:,} | {grown[-1] / 1024:.0f} MB | {float(seconds):.0f} |\n")
        sys.stdout.flush()
    if len(grown) > 1:
        sys.stdout.write(f"\nThe largest plan takes {grown[-1] / grown[0]:.2f} times what the smallest takes.\n")
    return 0


def apply(folder: Path, url: str) -> None:
    """Apply the folder's plan; prints the most memory before and after in kilobytes, seconds, and what was done."""
    initialise(f"sqlite:///{folder / 'state.db'}", "sandbox")
    client = MoodleClient(MoodleConnection("moodle", url, "token"), Moodle())
    groups = {(Kind.GROUP, COURSE, key_of(at)): at for at in range(1, GROUPS + 1)}
    executor = Executor(
        writer=MoodleWriter(client),
        reader=ObjectsNow(client),
        journal=RunJournal(sa.create_engine(f"sqlite:///{folder / 'state.db'}"), "run", "term", _now),
        ids=Ids({COURSE: COURSE_ID}, groups, {person(n): n + 1 for n in range(PEOPLE)}, {}),
        pace=Pace(in_flight=client.settings.in_flight),
    )
    before, began, done = _most(), monotonic(), 0
    with RunFolder(folder).rows_of("outcomes", OUTCOME) as save:

        def record(result: Result) -> None:
            nonlocal done
            done += result.outcome is Outcome.DONE
            own = {name: value for name, value in result.change.row().items() if name in OUTCOME}
            save(own | {"outcome": str(result.outcome), "reason": result.reason, "made_id": result.made_id})

        executor.apply(StoredPlan(RunFolder(folder), "plan"), record)
    sys.stdout.write(f"{before} {_most()} {monotonic() - began} {done}\n")


def _most() -> int:
    """The most memory that this process has had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        apply(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main())
