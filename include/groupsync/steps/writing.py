"""What every step that writes to Moodle goes through: the lease, the pace, and what was left open (A4 to A6)."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from include.groupsync.apply.healing import Healing, Refresh
from include.groupsync.apply.pacing import Pace, Window
from include.groupsync.apply.settling import Settling
from include.groupsync.model.journal import Outcome, Settled
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow
from include.groupsync.moodle.writer import MoodleWriter
from include.groupsync.settings import WritingWindow
from include.groupsync.state.history import left_behind, unsettled_runs
from include.groupsync.state.journal import RunJournal
from include.groupsync.state.lease import Lease
from include.groupsync.steps.run import Deployment, Run


@contextmanager
def writing(
    deployment: Deployment, run: Run, client: MoodleClient, may_go_on: Callable[[], None] = lambda: None
) -> Iterator[Pace]:
    """The right to write to the site, which every call of the client checks from now on, and at what pace.

    ``may_go_on`` is asked before each batch and writing call, with the lease, and raises where the run may not.
    Raises LeaseError where another run does not end.  SIGTERM, with which Airflow stops a task that was marked
    failed, ends the writing after the batch that is under way.
    """
    settings = deployment.settings.moodle
    lease = Lease(
        engine=deployment.state,
        site=deployment.moodle.url,
        holder=run.run_id,
        longest_call=settings.connect_timeout + settings.read_timeout,
        wait=settings.lease_wait,
        now=deployment.now,
        sleep=deployment.sleep,
    )

    def still_ours() -> None:
        lease.check()
        may_go_on()

    with lease, _told_to_stop() as stopping:
        client.before_call = lease.check
        try:
            yield Pace(
                now=deployment.now,
                sleep=deployment.sleep,
                objects_per_minute=settings.objects_per_minute,
                window=_window(settings.window),
                in_flight=settings.in_flight,
                settle_after=settings.settle_after,
                retry_seconds=settings.retry_seconds,
                still_ours=still_ours,
                stopping=stopping,
            )
        finally:
            client.before_call = lambda: None


def settle_open(deployment: Deployment, client: MoodleClient, pace: Pace, healing: Healing | None = None) -> int:
    """Find out what became of changes that were sent and of which nobody knows, whichever run sent them; how many.

    What was done becomes ours; what was not done is for the next plan.  Without ``healing`` nothing is written, and
    objects whose creation does not show stay open.
    """
    with deployment.state.connect() as link:
        runs = unsettled_runs(link)
    since, settling, count = pace.now(), Settling(ObjectsNow(client), healing, pace), 0
    for run_id, term in runs:
        journal = RunJournal(deployment.state, run_id, term, deployment.now)
        for (_, action, creates), several in groupby(journal.unsettled(), key=lambda one: _alike(one[1].change)):
            pending = list(several)
            done = settling.settle(pending, since)
            left = [entry for entry, _ in pending if entry not in done]
            not_done = [Settled(entry, Outcome.NOT_TRIED, f"the {action} did not arrive in Moodle") for entry in left]
            journal.settle([*done.values(), *([] if creates and healing is None else not_done)])
            count += len(pending)
    return count


def sweep(deployment: Deployment, healing: Healing, course_ids: frozenset[int]) -> None:
    """Remove temporary groupings that a lost call left in these courses."""
    with deployment.state.connect() as link:
        found = [Refresh(*one) for one in left_behind(link)]
    healing.remove([one for one in found if one.course_id in course_ids])


def healing_of(deployment: Deployment, run: Run, client: MoodleClient, pace: Pace) -> Healing:
    """Refreshes courses in the name of the run."""
    journal = RunJournal(deployment.state, run.run_id, run.term_key, deployment.now)
    return Healing(MoodleWriter(client), journal, pace)


def _alike(change: Any) -> tuple[str, str, bool]:
    """What is settled together: one kind and action; and whether it creates an object."""
    creates = change.before is None and hasattr(change.after, "name")
    return str(change.kind), str(change.action), creates


def _window(settings: WritingWindow | None) -> Window | None:
    return Window(settings.opens, settings.closes, ZoneInfo(settings.timezone)) if settings else None


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM has come; only the main thread may be told."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield told.is_set
        return
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        told.set()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield told.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
