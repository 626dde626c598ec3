"""What a step is given: the deployment with everything from outside, and the run with its folder."""

import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

from include.groupsync.errors import SettingsError
from include.groupsync.model.connection import DatabaseConnection, MoodleConnection
from include.groupsync.model.extent import WHOLE, Extent
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import LEDGER
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.run_path import dag_run, safe_run_id
from include.groupsync.model.snapshot import SCHEMAS, Snapshot
from include.groupsync.model.term import Calendar, Term
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.settings import Settings
from include.groupsync.source.reader import Reader
from include.groupsync.state.database import StateEngine, open_state


@dataclass(frozen=True)
class Counter:
    """Where held plans are approved, as far as the engine has to know of it: addresses for people, and whether a
    release run still waits for its answer.  Without one, run ids stand for addresses."""

    answer_at: Callable[[str], str] = str  # by release run id
    plan_at: Callable[[str], str] = str  # by run id
    still_waits: Callable[[str], bool] = lambda _: True  # by release run id


@dataclass(frozen=True)
class Deployment:
    """Everything that comes from outside: nothing below reads the environment, a clock or a connection itself.

    ``environment`` is the deployment's name, set outside the project (rule I1); ``databases`` and ``moodle``
    are looked up by the connection names of the settings; ``now`` gives aware UTC times, ``sleep`` waits for
    seconds of the same clock.
    """

    environment: str
    settings: Settings
    calendar: Calendar
    databases: Mapping[str, DatabaseConnection]
    moodle: MoodleConnection
    project_root: Path
    runs_root: Path
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    counter: Counter = Counter()

    def database(self, conn_id: str) -> DatabaseConnection:
        """The connection of that name; SettingsError where Airflow has none."""
        if conn_id not in self.databases:
            raise SettingsError(f"connection {conn_id} is not defined: add it in Airflow under Admin, Connections")
        return self.databases[conn_id]

    @property
    def today(self) -> date:
        """The university's own day: terms and blackouts begin and end by its clock."""
        return self.calendar.day_of(self.now())

    @cached_property
    def state(self) -> StateEngine:
        """The state database: ledger, journal, runs."""
        return open_state(self.database(self.settings.state_connection), self.project_root)


@dataclass(frozen=True)
class Run:
    """One run for one term: a sync or, where ``release`` is the release run's id, the application of what a
    person approved and of nothing else (rule B4).

    ``by_person``: somebody started it, by hand or as a backfill; the others come by the schedule.

    With ``reclaim`` the links and memberships that are there and listed become ours, once a person agrees (rule
    O2); ``reason`` is why somebody started it so.  ``extent`` is the part of the term that it is for, ``chosen_by``
    who has chosen the mode, in words.
    """

    run_id: str
    term_key: str
    release: str | None = None
    reclaim: bool = False
    reason: str = ""
    mode: Mode = Mode.FULL
    by_person: bool = False
    extent: Extent = WHOLE
    chosen_by: str = ""

    @property
    def is_sync(self) -> bool:
        """Whether it is a run that looks for what is to be done, and asks about what it holds."""
        return self.release is None

    @property
    def is_yardstick(self) -> bool:
        """Whether later runs may compare themselves with it: one for a part says nothing of the whole."""
        return self.is_sync and self.extent.is_whole

    @property
    def counts_missing(self) -> bool:
        """Whether what it misses was missing from one more complete run of the term (``vanish_grace_runs``)."""
        return self.is_yardstick

    def folder(self, deployment: Deployment) -> RunFolder:
        return RunFolder.of(deployment.runs_root, self.term_key, self.run_id)

    def term(self, deployment: Deployment) -> Term:
        """The run's term; SettingsError with the known ones where the calendar has none of that key, or none of a key
        that ``breaker.terms`` sets limits for: a misspelt one would limit nothing."""
        try:
            for named in (*deployment.settings.breaker.terms, self.term_key):
                term = deployment.calendar.term(named)
            return term
        except KeyError as error:
            raise SettingsError(f"{error.args[0]}; include/config/terms.yaml has the calendar") from None


@dataclass(frozen=True, kw_only=True)
class Restoring(Run):
    """One restore, as the form asks for it: ``undoes`` is the run that is to be taken back, or with ``let_go`` the
    restore whose things need not be kept any longer; ``courses`` None for all."""

    undoes: str
    courses: frozenset[str] | None
    kinds: frozenset[Kind]
    dry_run: bool
    let_go: bool

    @property
    def is_sync(self) -> bool:
        return False


def request_of(deployment: Deployment, run: Run) -> str | None:
    """What names the question to a person on which this run depends; None where it depends on none."""
    if not isinstance(run, Restoring):
        return run.release
    folder = run.folder(deployment)
    return str(folder.json("request")["release_run_id"]) if folder.has("request.json") else None


def claim_of(run: Run, folder: RunFolder) -> str:
    """Whose that is, in the ledger, which this run makes: its term's, or a restore's (rules C5, J5)."""
    return str(folder.json("undone")["claim"]) if isinstance(run, Restoring) else run.term_key


def week_of(deployment: Deployment, run: Run) -> int | None:
    """The week of the run's term, None for a restore, which has none; raises as ``Run.term``."""
    return None if isinstance(run, Restoring) else run.term(deployment).week_of(deployment.today)


R = TypeVar("R", bound=Run)
Step = Callable[[Deployment, R], None]
Body = Callable[[Deployment, R, RunFolder], Mapping[str, Any] | None]


def recorded(body: Body[R]) -> Step[R]:
    """A step that leaves ``steps/<name>.json``: when, how long, how it ended, and what the body returns.

    The outcome step decides by these files: a task that died leaves none, and so never counts as done.
    """

    @wraps(body)
    def run_step(deployment: Deployment, run: R) -> None:
        folder, started = run.folder(deployment), deployment.now()
        name = f"steps/{body.__name__}"
        (folder.path / f"{name}.json").unlink(missing_ok=True)
        # What a step that is killed in the middle leaves.
        record: dict[str, Any] = {"started_at": started.isoformat(), "ok": False, "error": "Killed"}
        record["message"] = "it was stopped before its end"
        try:
            result = body(deployment, run, folder) or {}
            record = {"started_at": started.isoformat(), "ok": True, **result}
        except Exception as error:
            record |= {"ok": False, "error": type(error).__name__, "message": str(error)}
            record["where"] = traceback.format_exception_only(error)[-1].strip()[:2000]
            raise
        finally:
            record["seconds"] = round((deployment.now() - started).total_seconds(), 3)
            folder.save_json(name, record)

    return run_step


def reader_of(deployment: Deployment, action: str, run: Run | None = None) -> Reader:
    """Who reads a source, for its own people to see: DAG, task and run."""
    sources = deployment.settings.sources
    dag = dag_run(run.run_id)[0] if run is not None else "groupsync"
    return Reader(
        module=dag,
        action=action,
        client=(run.release or run.run_id) if run is not None else "",
        connect_timeout=sources.connect_timeout,
        answer_timeout=sources.answer_timeout,
    )


def client_of(deployment: Deployment, run: Run | None = None) -> MoodleClient:
    """A client of the deployment's Moodle; its web server's log says which run each call is of."""
    agent = f"groupsync {safe_run_id(run.run_id)}" if run is not None else "groupsync"
    return MoodleClient(deployment.moodle, deployment.settings.moodle, agent)


def save_snapshot(folder: RunFolder, snapshot: Snapshot) -> None:
    """The frames of a snapshot, as ``moodle/<name>.parquet``."""
    for name, schema in SCHEMAS.items():
        folder.save_frame(f"moodle/{name}", getattr(snapshot, name), schema)


def load_snapshot(folder: RunFolder) -> Snapshot:
    return Snapshot(**{name: folder.frame(f"moodle/{name}") for name in SCHEMAS})


def load_ledger(folder: RunFolder) -> dict[str, Any]:
    """The ledger's frames as they were when Moodle was read."""
    return {name: folder.frame(f"ledger/{name}") for name in LEDGER}


def passed_over(records: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """The steps that Airflow leaves out where ``apply`` had nothing to do by order: they leave no record."""
    return frozenset({"verify"}) if records.get("apply", {}).get("skipped") else frozenset()


def step_records(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """What each step that ended has left, by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder.path / "steps").glob("[!.]*.json"))
    }
