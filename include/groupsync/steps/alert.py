"""What a run's folder shows to be wrong, and whom the settings want to be told of it (rule W2).

It needs neither Moodle nor the state database, so that an alert goes out where those do not answer: what was told is
kept in ``RUNS/alerts/<term>.json``, beside the run folders that every task needs anyway.
"""

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from include.groupsync.alert_settings import Alerts, Channel
from include.groupsync.errors import AlertError, RunRefused
from include.groupsync.model.alert import Condition, Memory, Seen
from include.groupsync.model.journal import LEFT_UNDONE
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.run_path import safe_run_id
from include.groupsync.report.alert import Message, Place, alert_message, summary_message
from include.groupsync.report.summary import headline
from include.groupsync.report.trouble import (
    Held,
    differs,
    failed_step,
    not_made,
    not_released,
    tripped,
)
from include.groupsync.steps import RESTORE_STEPS, STEPS
from include.groupsync.steps.run import Deployment, Restoring, Run, passed_over, step_records
from include.groupsync.steps.states import mode_of

START = "start"  # the cause, and the file, of runs that come to no step at all
_ALWAYS = ("report", "request_release", "outcome")
# What `outcome` says again of what other steps have left.
_SAID_AGAIN = frozenset({"HeldError", "NotReleased", "StaleError", "BlockedError", "ApplyError", "GroupsyncError"})

# What was left out of a run on purpose is not over.
_NOT_SHOWN_BY = {
    Mode.FULL: frozenset[str](),
    Mode.ADD: frozenset({"circuit_breaker", "release"}),
    Mode.PLAN: frozenset({"circuit_breaker", "release", "apply", "verify"}),
}

Send = Callable[[Channel, str, Message], None]  # the channel, the recipient of it, the message; AlertError


def scope_of(run: Run) -> str:
    """What the state of an alert belongs to: the term, a part of it that runs are for, or one run that is being
    restored.  A run for a part neither tells again, nor ends, what is wrong with the whole."""
    if isinstance(run, Restoring):
        return f"restore of {run.undoes}"
    return run.term_key if run.extent.is_whole else f"{run.term_key}, only {run.extent.short}"


def look_at(deployment: Deployment, run: Run, folder: RunFolder) -> Seen:
    """What is wrong after this run, and which causes it has shown to be gone."""
    records = step_records(folder)
    names = list(RESTORE_STEPS if isinstance(run, Restoring) else STEPS)
    before = [name for name in takewhile(lambda name: name not in _ALWAYS, names) if name not in passed_over(records)]
    outcome = records.get("outcome")
    done = list(takewhile(lambda name: (records.get(name) or {}).get("ok", False), before))
    stopped = next((name for name in before if name not in done), None)
    found: list[Condition | None] = []
    cleared = {START, *done}
    if outcome is not None and outcome.get("error") == "NotReleased":
        found.append(not_released(outcome["message"]))
        stopped = None  # a person's word, or the lack of it, ended the run
    elif stopped is not None and (records.get(stopped) or {}).get("error") == RunRefused.__name__:
        stopped = None  # whoever started it reads it there; nothing is wrong that was not before
    elif stopped is not None:
        found.append(_stopped(deployment, folder, stopped, records.get(stopped)))
    else:
        for name in _ALWAYS:
            record = records.get(name)
            if name not in names or (run.release is not None and name == "request_release"):
                continue
            if record is None or not (record["ok"] or (name == "outcome" and record["error"] in _SAID_AGAIN)):
                found.append(failed_step(name, record, ()))
            else:
                cleared.add(name)
    if "circuit_breaker" in done:
        cleared.discard("circuit_breaker")
        _judged(run, folder, outcome, found, cleared)
    if "apply" in done:
        found.append(_left_undone(folder))
    return Seen(
        tuple(one for one in found if one is not None), frozenset(cleared - _NOT_SHOWN_BY[mode_of(run, folder)])
    )


def _stopped(deployment: Deployment, folder: RunFolder, name: str, record: dict[str, Any] | None) -> Condition:
    settings = deployment.settings
    connections = {*settings.source_connections, settings.state_connection, settings.moodle.connection}
    if name == "circuit_breaker" and record is not None and record.get("error") == "BlockedError":
        verdict = folder.json("verdict") if folder.has("verdict.json") else {"observations": []}
        trip = tripped(verdict["observations"], Held(), blocked=True)
        if trip is not None:
            return trip
    if name == "verify" and record is not None and folder.has("findings/verify.parquet"):
        return differs(record, len(folder.frame("findings/verify")), connections)
    stopped = failed_step(name, record, connections)
    left = _left_undone(folder) if name == "apply" and folder.has("outcomes.parquet") else None
    return stopped if left is None else replace(stopped, numbers=(*stopped.numbers, left.what, *left.numbers))


def _judged(
    run: Run,
    folder: RunFolder,
    outcome: dict[str, Any] | None,
    found: list[Condition | None],
    cleared: set[str],
) -> None:
    """What the breaker stopped.  A release run says of it only that all that it was asked about is done.

    Of a run that only plans, or whose term is frozen, nobody is asked anything, and nothing is held.
    """
    if isinstance(run, Restoring) or mode_of(run, folder) is Mode.PLAN:
        return
    if run.is_sync:
        trip = tripped(folder.json("verdict")["observations"], _held(folder), blocked=False)
        found.append(trip)
        if trip is None:
            cleared |= {"circuit_breaker", "release"}
        return
    blocking = [one for one in folder.json("verdict")["observations"] if one["tripped"] and one["effect"] == "block"]
    if outcome is not None and outcome["ok"]:
        cleared.add("release")
        if not folder.json("plan")["held"]["changes"] and not blocking:
            cleared.add("circuit_breaker")


def _held(folder: RunFolder) -> Held:
    frame = folder.frame("held")
    deletes = int((frame["action"] == "delete").sum())
    answer_at = folder.json("request")["answer_at"] if folder.has("request.json") else ""
    return Held(deletes, frame["course"].nunique(), len(frame) - deletes, answer_at)


def _left_undone(folder: RunFolder) -> Condition | None:
    outcomes = Counter(folder.frame("outcomes")["outcome"])
    return not_made(outcomes, {str(one): outcomes[str(one)] for one in LEFT_UNDONE if outcomes[str(one)]})


def look_name(run: Run, folder: RunFolder) -> str:
    """Names run and moment: the alert of a run that is repeated by itself finds what it found before."""
    started = [str(record.get("started_at") or "") for record in step_records(folder).values()]
    return f"{run.run_id} {max(started, default='')}"


def speak(alerts: Alerts, runs_root: Path, place: Place, seen: Seen, look: str, now: datetime, send: Send) -> int:
    """Tell each recipient what they do not know yet; how many were told.

    Whom nothing could be sent to is told at the next try or run.  Raises AlertError in the end if there are any.
    """
    if not seen.conditions and not _file(runs_root, place.scope).exists():
        return 0  # nothing is wrong, nor ever was
    failures: list[str] = []
    told = 0
    with _memory(runs_root, place.scope) as (memory, save):
        memory.take_in(seen, look, place.run_id, now.isoformat(timespec="seconds"))
        memory.keep_only([name for channel in alerts.channels for name in channel.recipients])
        save()
        for channel, recipient in _everybody(alerts):
            news = memory.news_for(recipient, channel.gets)
            try:
                if news:
                    send(channel, recipient, alert_message(news, place))
                    told += 1
            except AlertError as error:
                failures.append(str(error))
                continue
            memory.tell(recipient, channel.gets)
            save()
    _raise(failures)
    return told


def summarise_run(
    alerts: Alerts, runs_root: Path, place: Place, run: Run, folder: RunFolder, now: datetime, send: Send
) -> int:
    """Mail the report's counts, as ``run_summary`` says; to how many.  AlertError as for ``speak``.

    Daily is the first sync of a day (UTC) and term that does more than plan.
    """
    daily = alerts.run_summary == "daily"
    syncs = run.is_yardstick and run.mode is not Mode.PLAN
    if alerts.run_summary == "off" or not folder.has("report.json") or (daily and not syncs):
        return 0
    document = folder.json("report")
    request = folder.json("request") if folder.has("request.json") else {}
    message = summary_message(document, headline(document), place, request.get("answer_at", ""))
    mark = str(now.date()) if daily else look_name(run, folder)
    failures: list[str] = []
    told = 0
    with _memory(runs_root, place.scope) as (memory, save):
        for channel, recipient in _everybody(alerts):
            if "summary" not in channel.gets or memory.summaries.get(recipient) == mark:
                continue
            try:
                send(channel, recipient, message)
            except AlertError as error:
                failures.append(str(error))
                continue
            told += 1
            memory.summaries[recipient] = mark
            save()
    _raise(failures)
    return told


def _everybody(alerts: Alerts) -> Iterator[tuple[Channel, str]]:
    for channel in alerts.channels:
        for recipient in channel.recipients:
            yield channel, recipient


def _raise(failures: list[str]) -> None:
    if failures:
        raise AlertError("\n".join(dict.fromkeys(failures)))


def _file(runs_root: Path, scope: str) -> Path:
    return runs_root / "alerts" / f"{safe_run_id(scope).replace('.', '_')}.json"


@contextmanager
def _memory(runs_root: Path, scope: str) -> Iterator[tuple[Memory, Callable[[], None]]]:
    """The scope's memory, and what saves it; a sync and a release that end together wait for each other."""
    path = _file(runs_root, scope)
    folder, name = RunFolder(path.parent), path.stem
    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / f".{name}.lock").open("w") as lock:
        with suppress(OSError):  # a file system without locks: at worst somebody is told twice
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            memory = Memory.of(folder.json(name)) if folder.has(f"{name}.json") else Memory()
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            memory = Memory()  # told again is better than never told
        yield memory, lambda: folder.save_json(name, memory.document())
