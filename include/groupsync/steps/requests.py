"""What became of the requests of the queue in a run: done with it, or what each of them waits for (rule C3)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.model.effective import (
    Asked,
    MappingKey,
    Switch,
    Word,
    is_active,
    mapping_key,
    newest,
    word_of,
)
from include.groupsync.model.finding import Severity
from include.groupsync.model.frames import TEXT, Schema, frame_of, rows
from include.groupsync.model.journal import Outcome
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Scope, Standing, delivery_label
from include.groupsync.state import ledger, requests
from include.groupsync.steps.holding import switches_of
from include.groupsync.steps.run import Deployment, Run, passed_over, step_records
from include.groupsync.steps.scoping import deliveries
from include.groupsync.steps.states import mode_of, state_read

# What the report tells of each request that is open, or that this run was done with; ``state`` is open or done.
TOLD: Schema = dict.fromkeys(
    ("request", "action", "course", "delivery", "requested_at", "state", "told", "next_step"), TEXT
)
_AT_SOURCE = "Set the mapping active at the source, or switch the course on with moodle_course_switch."
_WAITED_FOR = ("apply", "verify")


@dataclass(frozen=True)
class Fate:
    """``done``: the run was done with the request; what it says, and what a person can do about one that waits."""

    done: bool
    told: str
    next_step: str = ""


def conclude(deployment: Deployment, run: Run, folder: RunFolder) -> None:
    """Leave ``requests_told`` (TOLD), and mark in the state database what this run was done with.

    A run that writes nothing is done with nothing.  Where no queue is configured, or the run did not come so far, there
    is nothing to tell.
    """
    validated = step_records(folder).get("validate", {}).get("ok")
    if not validated or not folder.has("requests.parquet"):
        return
    seen = _Seen.of(deployment, run, folder)
    told = []
    for row in rows(folder.frame("requests")):
        if row["done_by"] not in (None, run.run_id):
            continue
        fate = Fate(True, row["outcome"]) if row["done_by"] else _fate(row, seen)
        if fate.done and row["done_by"] is None:
            with deployment.state.begin() as link:
                requests.done(
                    link, run.term_key, row["request"], fate.told, run_id=run.run_id, at=deployment.now()
                )  # fmt: skip
        delivery = " ".join(row[one] or "-" for one in ("module", "occurrence", "period"))
        state = {"state": "done" if fate.done else "open", "told": fate.told, "next_step": fate.next_step or None}
        told.append({**row, "delivery": delivery, **state})
    folder.save_frame("requests_told", frame_of(told, TOLD), TOLD)


@dataclass(frozen=True)
class _Seen:
    """What a run saw of the mappings that the queue speaks of.

    ``columns``: those of the mapping table; ``mappings``: as they hold, by their key; ``newest``: the requests that
    hold; ``stopped``: why the run is done with nothing, empty where it came to its end; ``plan``: its changes with what
    became of each; ``left``: how many things of a course are still managed for the term, by course and label.
    """

    columns: Mapping[str, str]
    mappings: Mapping[MappingKey, Mapping[str, Any]]
    newest: Mapping[MappingKey, list[Mapping[str, Any]]]
    switches: Mapping[str, Switch]
    deliveries: Mapping[str, tuple[str, ...]]
    scopes: Mapping[str, Scope]
    stopped: str
    mode: Mode
    courses: frozenset[str]
    unread: frozenset[str]
    plan: list[dict[str, Any]]
    left: Counter[tuple[str, str | None]]
    aside: Counter[str]

    @classmethod
    def of(cls, deployment: Deployment, run: Run, folder: RunFolder) -> "_Seen":
        settings, asked = deployment.settings, rows(folder.frame("requests"))
        assert settings.mappings is not None
        columns, named = settings.mappings.columns.configured, {row["course"] for row in asked}
        found, unread = folder.frame("moodle/courses"), set(folder.frame("moodle/unread")["course_id"])
        names = {row["course_id"]: row["course"] for row in rows(found) if row["course"] in named}
        tables = deliveries(settings)
        return cls(
            columns=columns,
            mappings={mapping_key(row, columns): row for row in rows(folder.frame("mappings"))},
            newest=newest(asked, columns),
            switches={row["course"]: Switch(row["switch"]) for row in rows(switches_of(run, folder))},
            deliveries=tables,
            scopes={name: Scope.of(folder.frame("scope"), name) for name in tables},
            stopped=_stopped(run, folder),
            mode=mode_of(run, folder),
            courses=frozenset(names.values()),
            unread=frozenset(name for course_id, name in names.items() if course_id in unread),
            plan=list(_with_outcomes(folder, named)),
            left=_left(deployment, run, names),
            aside=_set_aside(folder, named),
        )

    def labels(self, row: Mapping[str, Any]) -> frozenset[str | None]:
        """The labels that rows of the request's mapping have; None where a table carries no module."""
        return frozenset(delivery_label(row, delivery) for delivery in self.deliveries.values())

    def standings(self, row: Mapping[str, Any]) -> frozenset[Standing]:
        """How the request's mapping stands, in each of the tables."""
        return frozenset(
            self.scopes[name].standing(row["course"], delivery_label(row, delivery))
            for name, delivery in self.deliveries.items()
        )

    def changes(self, row: Mapping[str, Any], *actions: str) -> list[dict[str, Any]]:
        """The plan's changes of these actions that are the request's."""
        labels = self.labels(row)
        return [
            one
            for one in self.plan
            if one["course"] == row["course"]
            and one["action"] in actions
            and (None in labels or one["module"] in labels)
        ]


def _fate(row: Mapping[str, Any], seen: _Seen) -> Fate:
    """Whoever reads it is told what stands first in the way; otherwise what was done."""
    first = next(_in_the_way(row, seen), None)
    if first is not None:
        return first
    return _imported(row, seen) if row["action"] == Asked.ADD else _removed(row, seen)


def _in_the_way(row: Mapping[str, Any], seen: _Seen) -> Iterator[Fate]:
    """What the request waits for; each holds as long as none before it does."""
    key = mapping_key(row, seen.columns)
    several = seen.newest[key]
    if not any(row["request"] == one["request"] for one in several):
        later = ", ".join(one["request"] for one in several)
        yield Fate(not seen.stopped, f"superseded by request {later}")
    word, mapping = word_of(several), seen.mappings.get(key)
    if word is Word.CONFLICT:
        others = ", ".join(one["request"] for one in several if one["action"] != row["action"])
        told = f"request {others} of the same instant asks for the contrary: neither is done, and the mapping is frozen"
        yield Fate(False, told, "Ask again by a new row with a later time.")
    if mapping is None:
        told = "no mapping of the term that can be used is of this course and delivery"
        yield Fate(False, told, "Add the mapping at the source, or correct it there.")
        return
    if seen.switches.get(row["course"]) is Switch.OFF:
        yield Fate(False, "the course is switched off", "Switch it on, or to source, with moodle_course_switch.")
    if word is Word.DOUBT:
        yield Fate(False, f"not removed: {row['doubt']}", "See to the queue; or ask again by a new row.")
    yield from _not_in_force(row, mapping, seen)
    if seen.stopped:
        yield Fate(False, seen.stopped)
    if row["course"] not in seen.courses:
        yield Fate(False, "Moodle has no course of this key", "Make the course, or correct its key at the source.")
    if row["course"] in seen.unread:
        yield Fate(False, "the course could not be read in Moodle")


def _not_in_force(row: Mapping[str, Any], mapping: Mapping[str, Any], seen: _Seen) -> Iterator[Fate]:
    """Why the mapping does not stand as it was asked for."""
    standings = seen.standings(row)
    if row["action"] == Asked.ADD and not is_active(mapping):
        yield Fate(False, f"the mapping is {mapping['status']} at the source", _AT_SOURCE)
    if row["action"] == Asked.ADD and Standing.ACTIVE not in standings:
        yield Fate(False, "this run left the course out", "A run that has it in its scope imports it.")
    if row["action"] == Asked.RMV and standings != {Standing.WITHDRAWN}:
        yield Fate(
            False,
            "the course is left as it is: another mapping of it is not withdrawn or cannot be used, or this run left"
            " the course out",
            "Where the tables carry no module, a removal needs all of the course's mappings in the term withdrawn.",
        )
    if row["action"] == Asked.RMV and seen.mode is Mode.ADD:
        yield Fate(False, "this run only adds", "A run in mode full, of a term that is open, removes it.")


def _imported(row: Mapping[str, Any], seen: _Seen) -> Fate:
    changes = seen.changes(row, "create", "update")
    waiting = _waiting(changes)
    if waiting is not None:
        return waiting
    made = Counter(one["kind"] for one in changes if one["action"] == "create")
    told = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in sorted(made.items()))
    aside = seen.aside[row["course"]]
    return Fate(
        True,
        (f"imported: {told} made" if told else "imported: all that its rows list was there")
        + (f"; {aside} rows of the course are set aside, see the rows reported" if aside else ""),
    )


def _removed(row: Mapping[str, Any], seen: _Seen) -> Fate:
    left = sum(
        count
        for (course, label), count in seen.left.items()
        if course == row["course"] and (None in seen.labels(row) or label in seen.labels(row))
    )
    if not left:
        gone = sum(one["outcome"] == Outcome.DONE for one in seen.changes(row, "delete"))
        return Fate(True, f"removed: {gone} things deleted by this run" if gone else "removed: nothing of it is left")
    waiting = _waiting(seen.changes(row, "delete"))
    return waiting or Fate(
        False,
        f"{left} things of it stay: a rule keeps them",
        "See the rows and objects reported, such as a grouping that somebody has put a group of their own in.",
    )


def _waiting(changes: list[dict[str, Any]]) -> Fate | None:
    """What of these was not done, and waits for a person or failed."""
    held = [one for one in changes if one["outcome"] is None]
    failed = [one for one in changes if one["outcome"] not in (None, Outcome.DONE)]
    if failed:
        told = f"{len(failed)} changes were not made, the first: {failed[0]['reason'] or failed[0]['outcome']}"
        return Fate(False, told, "The next run tries them again.")
    if held:
        return Fate(False, f"waits for approval: {len(held)} changes are held", "See the circuit breaker on this page.")
    return None


def _stopped(run: Run, folder: RunFolder) -> str:
    """Why this run is done with nothing; empty where it came to its end."""
    if mode_of(run, folder) is Mode.PLAN:
        state, _ = state_read(run, folder)
        return "the run only planned" if run.mode is Mode.PLAN else f"the term is {state}"
    if run.extent.kinds:
        return f"the run was only for {run.extent.told}"
    verdict = folder.json("verdict") if folder.has("verdict.json") else {"observations": []}
    empty = [one["subject"] for one in verdict["observations"] if one["rule"] == "empty" and one["tripped"]]
    if empty:
        return f"the source has no row of the term for {', '.join(empty)} (rule empty)"
    records = step_records(folder)
    ended = all(records.get(name, {}).get("ok") or name in passed_over(records) for name in _WAITED_FOR)
    return "" if ended else "the run did not come to its end"


def _with_outcomes(folder: RunFolder, courses: set[str]) -> Iterator[dict[str, Any]]:
    """The plan's changes in these courses; ``outcome`` and ``reason`` are null where a change was not tried, as it is
    held."""
    if not folder.has("plan.parquet"):
        return
    results = {_change(row): row for row in rows(_in(folder.frame("outcomes"), courses))} if folder.has(
        "outcomes.parquet") else {}  # fmt: skip
    for row in rows(_in(folder.frame("plan"), courses)):
        result = results.get(_change(row), {})
        yield {**row, "outcome": result.get("outcome"), "reason": result.get("reason")}


def _in(frame: pd.DataFrame, courses: set[str]) -> pd.DataFrame:
    return frame[frame["course"].isin(list(courses))]


def _change(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[part] for part in ("kind", "action", "course", "grouping", "group", "user", "step"))


def _left(deployment: Deployment, run: Run, names: Mapping[int, str]) -> Counter[tuple[str, str | None]]:
    """What is managed now and claimed by the term, in these courses (keys by id)."""
    with deployment.state.connect() as link:
        frames = [ledger.load(link, name) for name in ("objects", "memberships")]
    return Counter(
        (names[row["course_id"]], row["module"])
        for frame in frames
        for row in rows(frame[frame["course_id"].isin(list(names))])
        if run.term_key in row["terms"].split()
    )


def _set_aside(folder: RunFolder, courses: set[str]) -> Counter[str]:
    findings = _in(folder.frame("findings/source"), courses)
    own = findings[(findings["severity"] == str(Severity.QUARANTINED)) & (findings["dataset"] != "requests")]
    return Counter(own["course"])
