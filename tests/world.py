"""A small university and its Moodle, for tests that run the real steps over real HTTP and real databases.

    with World(tmp_path) as world:
        world.course("C1", users=["ann", "bob"])
        world.map("C1")
        world.source.group("C1", "G1", name="Group 1")
        world.source.members("C1", "G1", "ann")
        run = world.sync()
        assert run.state == "applied"
        assert world.moodle.groups("C1")["G1"].members == {"ann"}

Only Airflow is missing: each step gets a deployment of its own, as in a task, so that nothing passes from
step to step but the run's folder and the state database.  An error that the engine does not raise on purpose
is a bug, and fails the test where it is.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import functools
import json
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import pandas as pd
import requests
import yaml

from include.groupsync.breaker_settings import TermLimits
from include.groupsync.errors import GroupsyncError, NotReleased
from include.groupsync.model.approval import APPROVE_ALL, Answer, Approval
from include.groupsync.model.connection import DatabaseConnection, MoodleConnection
from include.groupsync.model.extent import Extent
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.run_path import DRIFT_DAG, RESTORE_DAG, run_name
from include.groupsync.model.term import Calendar, Term
from include.groupsync.quality.judge import Judgement, judge
from include.groupsync.report.summary import findings_of
from include.groupsync.settings import Settings, load_settings
from include.groupsync.state.database import initialise
from include.groupsync.steps import RELEASE_STEPS, RESTORE_STEPS, STEPS, Deployment, Run, arm, drift, step
from include.groupsync.steps.approve import Request, answered, question
from include.groupsync.steps.arm import FOLDER as ARMING_FOLDER
from include.groupsync.steps.arm import Arming
from include.groupsync.steps.course_switch import FOLDER as SWITCHES
from include.groupsync.steps.course_switch import Switching, set_course_switch
from include.groupsync.steps.restore import FOLDER as RESTORES
from include.groupsync.steps.restore import ask
from include.groupsync.steps.run import Counter, Restoring
from include.groupsync.steps.term_state import FOLDER as TERM_STATES
from include.groupsync.steps.term_state import Setting, set_term_state
from sandbox import moodle as standin
from sandbox.moodle.coursework import add_activities, set_sections
from sandbox.moodle.database import Database, connect
from sandbox.moodle.functions import FUNCTIONS

TERM1, TERM2 = "2026-27-T1", "2026-27-T2"
CALENDAR = Calendar(
    (
        Term(TERM1, date(2026, 9, 28), date(2026, 12, 18), "LIVE-26-27", "2026", ("T1", "T1/2", "YEAR")),
        Term(TERM2, date(2027, 1, 11), date(2027, 3, 26), "LIVE-26-27", "2026", ("T2", "T1/2", "YEAR")),
    )
)
IN_TERM1 = datetime(2026, 10, 12, 6, tzinfo=UTC)
IN_TERM2 = datetime(2027, 2, 1, 6, tzinfo=UTC)

SOURCE_TABLES = """
CREATE TABLE groupsync_stamp (environment TEXT);
INSERT INTO groupsync_stamp VALUES ('sandbox');
CREATE TABLE remote_mappings (course TEXT, module TEXT, occurrence TEXT, academic_year TEXT, period TEXT,
    department TEXT, import_groups TEXT, status TEXT);
CREATE TABLE group_import (id TEXT, course TEXT, module TEXT, occurrence TEXT, academic_year TEXT, period TEXT,
    action TEXT, requested_at TEXT);
CREATE TABLE remote_groupings (course TEXT, idnumber TEXT, name TEXT, description TEXT,
    module TEXT, occurrence TEXT, period TEXT, term TEXT);
CREATE TABLE remote_groups (course TEXT, idnumber TEXT, name TEXT, description TEXT, grouping TEXT,
    module TEXT, occurrence TEXT, period TEXT, term TEXT);
CREATE TABLE remote_memberships (course TEXT, group_idnumber TEXT, user_key TEXT,
    module TEXT, occurrence TEXT, period TEXT, term TEXT);
"""

SOURCE, STATE, MOODLE = "groupsync_source", "groupsync_state", "groupsync_moodle"
SETTINGS: dict[str, Any] = {
    "localuserfield": "username",
    # One call after the other, and the stand-in is done with a call when the line is lost.
    "moodle": {"in_flight": 1, "settle_after": 0, "retry_seconds": 0, "lease_wait": 0},
    "mappings": {
        "connection": SOURCE,
        "table": "remote_mappings",
        "columns": {"department": "department"},
    },
    "groupings": {
        "connection": SOURCE,
        "table": "remote_groupings",
        "columns": {"name": "name", "description": "description"},
    },
    "groups": {
        "connection": SOURCE,
        "table": "remote_groups",
        "columns": {"name": "name", "description": "description", "grouping": "grouping"},
    },
    "memberships": {
        "connection": SOURCE,
        "table": "remote_memberships",
        "columns": {"course": "course", "group": "group_idnumber", "user": "user_key"},
    },
}
_DELIVERY = {"module": "module", "occurrence": "occurrence", "period": "period"}
REMOTE_TABLES = ("groupings", "groups", "memberships")
# Settings to hand to World or configure(): the remote tables say which module, or which term, a row is of.
WITH_MODULES = {name: {"columns": _DELIVERY} for name in REMOTE_TABLES}
WITH_TERMS = {name: {"columns": {"term": "term"}} for name in REMOTE_TABLES}
# The queue of requested imports and removals, which `Source.request` writes to.
WITH_QUEUE = {"requests": {"connection": SOURCE, "table": "group_import"}}
# The breaker's limits out of the way of a test that is about something else.
# `empty` and `rekey` stay: they are about single tables and objects, not about how much is too much.
NO_BREAKER: dict[str, dict[str, Any]] = {
    "breaker": {rule: None for rule in TermLimits.model_fields if rule not in ("empty", "rekey")}
}

CONTROL_COURSE = {
    "shortname": "groupsync-control",
    "idnumber": "groupsync-control",
    "fullname": "Control course of the group sync",
    "visible": 0,
}
MARKER = "groupsync-marker"
ALWAYS = ("report", "request_release", "outcome")  # the tasks that run whatever happened before


@dataclass(frozen=True)
class ServerCall:
    """A web-service call as it reached Moodle; ``items`` are those of its one list argument."""

    function: str
    arguments: dict[str, Any]
    writes: bool
    by_hand: bool

    @property
    def items(self) -> list[dict[str, str]]:
        lists = [value for value in self.arguments.values() if isinstance(value, dict)]
        return [item if isinstance(item, dict) else {"id": item} for item in lists[0].values()] if lists else []


@dataclass(frozen=True)
class Outcome:
    """What one run left behind.

    ``state`` is applied, held, stale, blocked or failed, or unfinished where the test stopped it; ``error`` is what
    the last failing task said; ``errors`` has every failing task's exception, in order.
    """

    run_id: str
    state: str
    errors: dict[str, Exception]
    calls: list[ServerCall]
    folder: RunFolder

    @property
    def error(self) -> str:
        return str(list(self.errors.values())[-1]) if self.errors else ""

    @property
    def failed_step(self) -> str | None:
        """The first task that failed."""
        return next(iter(self.errors), None)

    @property
    def writing_calls(self) -> list[ServerCall]:
        return [call for call in self.calls if call.writes]

    @property
    def writes(self) -> int:
        """The calls of functions that write, counted at the server; refused ones count too."""
        return len(self.writing_calls)

    @property
    def report(self) -> dict[str, Any]:
        return self.folder.json("report") if self.folder.has("report.json") else {}

    @property
    def request(self) -> dict[str, Any]:
        """What the run asked a person, or joined: release_run_id, digest, answer_at, joined."""
        return self.folder.json("request") if self.folder.has("request.json") else {}

    @property
    def verdict(self) -> dict[str, Any]:
        return self.folder.json("verdict") if self.folder.has("verdict.json") else {}

    @property
    def trips(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The circuit breaker's trips by rule and subject."""
        return {(o["rule"], o["subject"]): o for o in self.verdict.get("observations", []) if o["tripped"]}

    @property
    def plan(self) -> Plan | None:
        return Plan.of(self.folder.frame("plan")) if self.folder.has("plan.parquet") else None

    @property
    def changes(self) -> list[tuple[str, ...]]:
        """The plan in short, in its order: ``("membership", "create", "C1", "G1", "ann")``."""
        return _short(rows(self.folder.frame("plan"))) if self.folder.has("plan.parquet") else []

    @property
    def held(self) -> list[tuple[str, ...]]:
        """The held part of the plan, as ``changes``."""
        return _short(rows(self.folder.frame("held"))) if self.folder.has("held.parquet") else []

    @property
    def results(self) -> dict[tuple[str, ...], str]:
        """What became of each change that was released: done, refused, skipped, waiting, unknown, not tried."""
        if not self.folder.has("outcomes.parquet"):
            return {}
        found = rows(self.folder.frame("outcomes"))
        return {change: row["outcome"] for change, row in zip(_short(found), found, strict=True)}

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The rows that are reported, with severity, rule and reason."""
        return rows(findings_of(self.folder))

    def reasons(self, severity: str | None = None) -> list[str]:
        """The findings' reasons, of one severity or of all."""
        return [f["reason"] for f in self.findings if severity in (None, f["severity"])]


@dataclass(frozen=True)
class Drifts:
    """What a run of the drift report left; ``errors`` by term, and ``report``."""

    run_id: str
    errors: dict[str, Exception]
    calls: list[ServerCall]
    folder: RunFolder

    @property
    def writes(self) -> int:
        """The calls of functions that write, counted at the server."""
        return sum(call.writes for call in self.calls)

    @property
    def terms(self) -> dict[str, dict[str, Any]]:
        """What is said of each term."""
        return {one["term"]: one for one in self.folder.json("drift")["terms"]}

    def rows(self, term: str = TERM1) -> list[dict[str, Any]]:
        """Every drift of the term."""
        return rows(self.folder.frame(f"{term}/drift"))

    def not_read(self, term: str = TERM1) -> dict[str, str]:
        """Why each course was not read."""
        return {row["course"]: row["reason"] for row in rows(self.folder.frame(f"{term}/not_read"))}

    def told(self, term: str = TERM1) -> dict[tuple[str, ...], tuple[str, str]]:
        """What became of each thing, in short, and what the next run does: ``("group", "C1", "G1")``."""
        parts = ("kind", "course", "grouping", "group", "user", "what")
        return {
            tuple(row[part] for part in parts if row[part] is not None): (row["next"], row["why"])
            for row in self.rows(term)
        }

    @property
    def page(self) -> str:
        return (self.folder.path / "report.html").read_text(encoding="utf-8")


def _short(changes: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    parts = ("kind", "action", "course", "grouping", "group", "user")
    return [tuple(str(row[part]) for part in parts if row[part] is not None) for row in changes]


class World:
    """Source, Moodle, state database and settings in one folder; everything that a test may bend is an attribute.

    ``settings`` is laid over SETTINGS, dictionaries key by key: a dataset that is None is switched off,
    ``mappings`` "none" does without.  ``like`` is the folder of another world, which must be closed: this one
    goes on from where it was.  ``moodle_options`` are the stand-in's.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        like: Path | None = None,
        armed: bool = True,
        **moodle_options: Any,
    ):
        self.folder = folder
        self.settings = _laid_over(SETTINGS, settings or {})
        self.environment = "sandbox"
        self.calendar = CALENDAR
        self.now = IN_TERM1
        self._began = monotonic()
        self.ended_releases: set[str] = set()  # release runs that Airflow has ended without an answer
        self._runs = 0
        self._loaded: tuple[dict[str, Any], Settings] | None = None
        self._stack = ExitStack()
        self._moodle_options = moodle_options
        for name in ("moodle.db", "state.db", "source.db"):
            shutil.copy((like or _template()) / name, self.folder / name)
        (self.folder / "include" / "sql").mkdir(parents=True)
        self.source = Source(self.folder / "source.db")
        self.databases = {name: f"sqlite:///{self.folder / file}" for name, file in _FILES.items()}
        if not armed:
            with _edit(self.folder / "moodle.db") as site:
                site.execute("DELETE FROM mdl_groupings WHERE idnumber = ?", [MARKER])

    def __enter__(self) -> "World":
        self._stack.enter_context(_judging_nothing_twice())
        self.site = self._stack.enter_context(standin.running(self.folder / "moodle.db", **self._moodle_options))
        self.url, self.token = self.site.url, self.site.token
        self.moodle = Moodle(self.folder / "moodle.db")
        self._log = CallRecord(self.site)
        self.by_hand = self._stack.enter_context(ByHand(self.site, self.moodle, self._log))
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()
        for name in ("moodle.db", "state.db"):
            _settle(self.folder / name)

    # --- the university

    def course(self, idnumber: str, users: Sequence[str] = (), **fields: Any) -> None:
        """A Moodle course with these people enrolled; who is not there yet is made."""
        course = {"shortname": f"short {idnumber}", "idnumber": idnumber, "fullname": f"Course {idnumber}", **fields}
        standin.load(self.folder / "moodle.db", courses=[course])
        self.enrol(idnumber, *users)

    def user(self, username: str, **fields: Any) -> None:
        """An account; the idnumber is ``P-ann`` and the address ``ann@example.org`` unless the fields say."""
        user = {"username": username, "idnumber": f"P-{username}", "email": f"{username}@example.org"}
        user |= {"firstname": username.title(), "lastname": "Example", **fields}
        standin.load(self.folder / "moodle.db", users=[user])

    def enrol(self, course: str, *usernames: str, **fields: Any) -> None:
        """Enrol people as students; ``suspend=1`` suspends the enrolment."""
        for username in usernames:
            if self.moodle.user_id(username) is None:
                self.user(username)
        wanted = {"roleid": 5, "courseid": self.moodle.course_id(course), **fields}
        people = [{**wanted, "userid": self.moodle.user_id(username)} for username in usernames]
        if people:
            self.by_hand.call("enrol_manual_enrol_users", enrolments=people)

    def unenrol(self, course: str, *usernames: str) -> None:
        """Unenrol people; Moodle takes them out of the course's groups."""
        course_id = self.moodle.course_id(course)
        people = [{"userid": self.moodle.user_id(username), "courseid": course_id} for username in usernames]
        self.by_hand.call("enrol_manual_unenrol_users", enrolments=people)

    def map(self, course: str, **fields: Any) -> None:
        """A mapping of the term: active, for module M1, unless the fields say otherwise."""
        mapping = {"course": course, "module": "M1", "occurrence": "A6U", "academic_year": "2026", "period": "T1"}
        mapping |= {"department": "D1", "import_groups": "1", "status": "active"}
        self.source.insert("remote_mappings", {**mapping, **fields})

    def remap(self, course: str, *, module: str | None = None, **fields: Any) -> None:
        """Change the course's mappings, or the one of a module: ``world.remap("C1", status="inactive")``."""
        where = {"course": course} | ({"module": module} if module else {})
        self.source.update("remote_mappings", where, **fields)

    def unmap(self, course: str, **where: Any) -> None:
        """Take the course out of the mapping table."""
        self.source.delete("remote_mappings", course=course, **where)

    def activity(self, course: str, module: str = "page", name: str = "Reading", **fields: Any) -> int:
        """An activity as a teacher makes it, with the fields of ``add_activities``; its course module id."""
        wanted = {"course": self.moodle.course_id(course), "module": module, "name": name, **fields}
        return self._put(add_activities, wanted)

    def section(self, course: str, number: int, **fields: Any) -> int:
        """A section of a course, changed or made, with the fields of ``set_sections``; its id."""
        return self._put(set_sections, {"course": self.moodle.course_id(course), "section": number, **fields})

    def _put(self, put: Callable[[Database, list[dict[str, Any]]], list[int]], wanted: dict[str, Any]) -> int:
        with closing(Database(connect(self.folder / "moodle.db"))) as site, site.transaction():
            return put(site, [wanted])[0]

    # --- the deployment

    def configure(self, settings: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Lay settings over those there are, as the constructor does."""
        self.settings = _laid_over(self.settings, {**(settings or {}), **more})

    def statement(self, name: str, sql: str) -> None:
        """A file in the deployment's include/sql."""
        (self.folder / "include" / "sql" / name).write_text(sql, encoding="utf-8")

    def edit_site(self, sql: str, *values: Any) -> None:
        """Change Moodle's own tables, as an administrator may."""
        with _edit(self.folder / "moodle.db") as site:
            assert site.execute(sql, values).rowcount, f"nothing was changed by {sql}"
        self.site.purge_caches()

    def break_deletes(self) -> None:
        """From now on the site says that it has deleted groups, and keeps them."""
        with _edit(self.folder / "moodle.db") as site:
            site.execute("CREATE TRIGGER keep BEFORE DELETE ON mdl_groups BEGIN SELECT RAISE(IGNORE); END")

    def edit_state(self, sql: str, *values: Any) -> None:
        """Change the state database by SQL."""
        with _edit(self.folder / "state.db") as state:
            state.execute(sql, values)

    def arm(self, marker: str) -> None:
        """Let the site's marker say this: ``sandbox DEPLOYMENT-ID``."""
        self.edit_site("UPDATE mdl_groupings SET name = ? WHERE idnumber = ?", marker, MARKER)

    @property
    def deployment_id(self) -> str:
        """Whose the ledger is."""
        return str(self._state("SELECT deployment_id FROM stamp")[0]["deployment_id"])

    def deployment(self) -> Deployment:
        """A new one, as each task has; SettingsError where the settings are wrong."""
        return Deployment(
            environment=self.environment,
            settings=self._load_settings(),
            calendar=self.calendar,
            databases={name: DatabaseConnection(name, url) for name, url in self.databases.items()},
            moodle=MoodleConnection(MOODLE, self.url, self.token),
            project_root=self.folder,
            runs_root=self.folder / "runs",
            # The day is the test's; within it the clock goes on, so that durations are real.
            now=lambda: self.now + timedelta(seconds=monotonic() - self._began),
            counter=Counter(
                answer_at=lambda release_run_id: f"https://airflow.example.org/answer/{release_run_id}",
                plan_at=lambda run_id: f"https://airflow.example.org/plan/{run_id}",
                still_waits=lambda release_run_id: release_run_id not in self.ended_releases,
            ),
        )

    def _load_settings(self) -> Settings:
        """From a file, as a deployment's are; again only where they are other ones: it would take a tenth of a run."""
        if self._loaded is None or self._loaded[0] != self.settings:
            path = self.folder / "groupsync.yaml"
            path.write_text(yaml.safe_dump(self.settings, sort_keys=False), encoding="utf-8")
            self._loaded = (deepcopy(self.settings), load_settings(path))
        return self._loaded[1]

    # --- runs

    def sync(
        self,
        term: str = TERM1,
        *,
        run_id: str | None = None,
        start: str | None = None,
        until: str | None = None,
        before: Mapping[str, Callable[[], Any]] | None = None,
        reclaim: str = "",
        mode: Mode = Mode.FULL,
        by_person: bool = False,
        chosen_by: str = "",
        **only: Any,
    ) -> Outcome:
        """One run of all steps, as the DAG runs them: after a failure only report and outcome still run.

        ``start`` and ``until`` name the first and last step to run, ``run_id`` a run to go on with;
        ``before`` does something right before a step: ``before={"apply": lambda: world.by_hand...}``;
        ``reclaim`` is the reason of a run that is started with it (rule O2); ``by_person``: it is no scheduled one;
        ``only`` is for a part of the term: ``courses``, ``modules``, ``departments``, ``kinds``.
        """
        self._runs += run_id is None
        run = Run(
            run_id or f"run-{self._runs}", term, reclaim=bool(reclaim), reason=reclaim, mode=mode, by_person=by_person,
            extent=Extent.of(only), chosen_by=chosen_by,
        )  # fmt: skip
        names = list(STEPS)
        wanted = names[names.index(start or names[0]) : names.index(until or names[-1]) + 1]
        return self._run(run, wanted, before or {})

    def question(self, run: Outcome) -> Request | None:
        """What the release run shows to a person."""
        return question(self.deployment(), self._release_of(run))

    def answer(
        self, run: Outcome, option: str = APPROVE_ALL, *, who: str = "dana", at: datetime | None = None, **given: Any
    ) -> Approval:
        """Answer what that run has asked, with its digest and a reason unless ``given`` says otherwise."""
        given = {"digest": run.request["digest"], "reason": "seen and agreed", **given}
        deployment = self.deployment()
        return answered(deployment, self._release_of(run), Answer(option, given, who, at or deployment.now()))

    def release(self, run: Outcome, *, before: Mapping[str, Callable[[], Any]] | None = None) -> Outcome:
        """The steps of the release run after its answer."""
        return self._run(self._release_of(run), RELEASE_STEPS, before or {})

    def restore(
        self,
        undoes: str,
        *,
        courses: Sequence[str] = (),
        kinds: Sequence[Kind] = tuple(Kind),
        dry_run: bool = False,
        let_go: bool = False,
        answer: str = APPROVE_ALL,
        given: Mapping[str, Any] = MappingProxyType({}),
        answered_then: Callable[[Restoring], Any] = lambda _: None,
    ) -> Outcome:
        """One restore, as its DAG runs it; what it asks is answered with ``answer`` and what is ``given``, and
        ``answered_then`` does something before it is applied."""
        self._runs += 1
        run = Restoring(
            run_name(RESTORE_DAG, f"run-{self._runs}"),
            RESTORES,
            undoes=undoes,
            courses=frozenset(courses) or None,
            kinds=frozenset(kinds),
            dry_run=dry_run,
            let_go=let_go,
        )

        def approve() -> None:
            deployment = self.deployment()
            asked = ask(deployment, run)
            if asked is not None:
                said = {"digest": asked.digest, "reason": "seen and agreed", **given}
                answered(deployment, run, Answer(answer, said, "dana", deployment.now()))
                answered_then(run)

        return self._run(run, list(RESTORE_STEPS), {}, RESTORE_STEPS, {"apply": approve})

    def approvals(self) -> list[dict[str, Any]]:
        """Every request there was, in order."""
        return self._state("SELECT * FROM approval ORDER BY approval")

    def runs(self) -> dict[str, dict[str, Any]]:
        """What the state database has of each run."""
        return {row["run_id"]: row for row in self._state("SELECT * FROM run")}

    def _release_of(self, run: Outcome) -> Run:
        release_run_id = run.request["release_run_id"]
        run_id = run_name("moodle_group_release", release_run_id)
        kept = {name: run.request[name] for name in ("reclaim", "reason")}
        extent = Extent.of(run.request)
        return Run(
            run_id, run.request["term"], release_run_id, mode=Mode(run.request["mode"]), extent=extent, **kept
        )  # fmt: skip

    def _run(
        self,
        run: Run,
        wanted: Sequence[str],
        before: Mapping[str, Callable[[], Any]],
        steps: Mapping[str, str] = STEPS,
        asking: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> Outcome:
        """``asking`` are tasks of their own before a step, which may fail as one."""
        errors: dict[str, Exception] = {}
        seen = len(self._log.calls)
        for name in wanted:
            if errors and name not in ALWAYS:
                continue
            if name in before:
                before[name]()
            try:
                if name in asking:
                    asking[name]()
                step(name, steps)(self.deployment(), run)
            except GroupsyncError as error:
                errors[name] = error
        return Outcome(
            run_id=run.run_id,
            state=_state(errors) if wanted[-1] == "outcome" else "unfinished",
            errors=errors,
            calls=[call for call in self._log.calls[seen:] if not call.by_hand],
            folder=RunFolder.of(self.folder / "runs", run.term_key, run.run_id),
        )

    def arming(self, url: str | None = None, environment: str | None = None, old_deployment_id: str = "") -> Outcome:
        """Both steps of the arming, with what the operator types: by default this site and this environment."""
        self._runs += 1
        typed = {"url": self.url if url is None else url, "old_deployment_id": old_deployment_id, "who": "ann"}
        picked = self.environment if environment is None else environment
        run = Arming(f"moodle_group_arm.run-{self._runs}", ARMING_FOLDER, environment=picked, **typed)
        return self._one_by_one(
            run, {one.__name__: partial(one, self.deployment(), run) for one in (arm.look, arm.write)}
        )

    def set_state(self, term: str, state: str, *, reason: str = "told to", who: str = "ada") -> Outcome:
        """Give a term a state, with what the operator types."""
        self._runs += 1
        run = Setting(
            run_name("moodle_term_state", f"run-{self._runs}"), TERM_STATES, reason=reason, term_set=term, state=state,
            who=who,
        )  # fmt: skip
        return self._one_by_one(run, {"set_term_state": lambda: set_term_state(self.deployment(), run)})

    def switch(
        self,
        switch: str,
        *courses: str,
        term: str = TERM1,
        every: bool = False,
        reason: str = "told to",
        who: str = "ada",
    ) -> Outcome:
        """Switch courses of a term, with what the operator types; ``every``: all that its mappings name."""
        self._runs += 1
        run = Switching(
            run_name("moodle_course_switch", f"run-{self._runs}"), SWITCHES, reason=reason, term_set=term,
            courses="\n".join(courses), every=every, switch=switch, who=who,
        )  # fmt: skip
        return self._one_by_one(run, {"set_course_switch": lambda: set_course_switch(self.deployment(), run)})

    def drift(self, *, before: Mapping[str, Callable[[], Any]] | None = None) -> Drifts:
        """One run over all open terms, as its DAG does them; ``before`` does something right before a term."""
        self._runs += 1
        run_id, errors = run_name(DRIFT_DAG, f"run-{self._runs}"), {}
        seen = len(self._log.calls)
        for term in drift.begin(self.deployment(), run_id):
            (before or {}).get(term, lambda: None)()
            try:
                drift.look(self.deployment(), drift.Looking(run_id, term))
            except GroupsyncError as error:
                errors[term] = error
        try:
            drift.report(self.deployment(), run_id)
        except GroupsyncError as error:
            errors["report"] = error
        calls = [call for call in self._log.calls[seen:] if not call.by_hand]
        return Drifts(run_id, errors, calls, drift.folder_of(self.deployment(), run_id))

    def _one_by_one(self, run: Run, steps: Mapping[str, Callable[[], None]]) -> Outcome:
        """Steps that belong to no sync, up to the first that fails."""
        errors: dict[str, Exception] = {}
        seen = len(self._log.calls)
        for name, one in steps.items():
            try:
                one()
            except GroupsyncError as error:
                errors[name] = error
                break
        return Outcome(
            run_id=run.run_id,
            state="failed" if errors else "applied",
            errors=errors,
            calls=[call for call in self._log.calls[seen:] if not call.by_hand],
            folder=RunFolder.of(self.folder / "runs", run.term_key, run.run_id),
        )

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """What is managed: the rows of all three tables, each with its kind."""
        tables = {"ledger_object": {}, "ledger_link": {"kind": "link"}, "ledger_membership": {"kind": "membership"}}
        return [{**kind, **row} for table, kind in tables.items() for row in self._state(f"SELECT * FROM {table}")]

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every write to Moodle, in order."""
        found = self._state("SELECT * FROM journal ORDER BY entry")
        return [row | {side: json.loads(row[side] or "null") for side in ("before", "after")} for row in found]

    def journaled(self, run: Outcome) -> list[tuple[str, ...]]:
        """The writes of one run in short, as ``Outcome.changes``."""
        return _short([row for row in self.journal if row["run_id"] == run.run_id])

    def _state(self, sql: str) -> list[dict[str, Any]]:
        return _read(self.folder / "state.db", sql)


def _state(errors: Mapping[str, Exception]) -> str:
    """The run's state as the outcome's first word says it; a task that died before any word: failed."""
    if not errors:
        return "applied"
    word = str(errors["outcome"]).partition(":")[0].lower() if "outcome" in errors else ""
    if isinstance(errors.get("outcome"), NotReleased):
        return "held"
    return word if word in ("held", "stale", "blocked") else "failed"


class Source:
    """The student-record database, in the design's tables."""

    def __init__(self, path: Path):
        self.path = path

    def grouping(self, course: str | None, idnumber: str | None, name: str | None = None, **fields: Any) -> None:
        self.insert("remote_groupings", {"course": course, "idnumber": idnumber, "name": name, **_OF_M1, **fields})

    def group(self, course: str | None, idnumber: str | None, name: str | None = None, **fields: Any) -> None:
        """``grouping=`` names the grouping that it is in."""
        self.insert("remote_groups", {"course": course, "idnumber": idnumber, "name": name, **_OF_M1, **fields})

    def membership(self, course: str | None, group: str | None, user: str | None, **fields: Any) -> None:
        row = {"course": course, "group_idnumber": group, "user_key": user, **_OF_M1, **fields}
        self.insert("remote_memberships", row)

    def members(self, course: str, group: str, *users: str, **fields: Any) -> None:
        """One membership row for each person."""
        for user in users:
            self.membership(course, group, user, **fields)

    def request(
        self, number: object, action: str, course: str | None, at: str = "2026-10-11 12:00", **fields: Any
    ) -> None:
        """A row of the queue: ADD or RMV, of the course's mapping for module M1 unless the fields say otherwise."""
        row = {"module": "M1", "occurrence": "A6U", "academic_year": "2026", "period": "T1", **fields}
        self.insert("group_import", {"id": number, "course": course, "action": action, "requested_at": at, **row})

    def move(self, course: str, user: str, of: str, to: str) -> None:
        """The person is listed for another group."""
        where = {"course": course, "user_key": user, "group_idnumber": of}
        self.update("remote_memberships", where, group_idnumber=to)

    def drop_grouping(self, course: str, idnumber: str) -> None:
        self.delete("remote_groupings", course=course, idnumber=idnumber)

    def drop_group(self, course: str, idnumber: str) -> None:
        """The group and its memberships."""
        self.delete("remote_groups", course=course, idnumber=idnumber)
        self.execute("DELETE FROM remote_memberships WHERE course = ? AND group_idnumber = ?", course, idnumber)

    def drop_member(self, course: str, group: str, user: str) -> None:
        self.delete("remote_memberships", course=course, group_idnumber=group, user_key=user)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        marks = ", ".join("?" * len(row))
        self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def insert_many(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Whole rows, with a value for every column of the table."""
        marks = ", ".join("?" * len(rows[0]))
        with _edit(self.path) as link:
            link.execute("BEGIN")
            link.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            link.execute("COMMIT")

    def update(self, table: str, where: Mapping[str, Any], **fields: Any) -> None:
        """Change the rows that fit; a test that changes none is wrong."""
        changed = ", ".join(f"{name} = ?" for name in fields)
        fit = " AND ".join(f"{name} IS ?" for name in where)
        count = self.execute(f"UPDATE {table} SET {changed} WHERE {fit}", *fields.values(), *where.values())
        assert count, f"no row of {table} fits {where}"

    def delete(self, table: str, **where: Any) -> None:
        """Remove the rows that fit, all of them without a condition; a test that removes none is wrong."""
        fit = " AND ".join(f"{name} IS ?" for name in where) or "1"
        assert self.execute(f"DELETE FROM {table} WHERE {fit}", *where.values()), f"no row of {table} fits {where}"

    def count(self, table: str) -> int:
        """How many rows the table has."""
        return int(_read(self.path, f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])

    def execute(self, sql: str, *values: Any) -> int:
        """Any statement; how many rows it changed."""
        with _edit(self.path) as link:
            return link.execute(sql, values).rowcount


_OF_M1 = {"module": "M1", "occurrence": "A6U", "period": "T1", "term": TERM1}


@dataclass(frozen=True)
class SeenGrouping:
    """A grouping as Moodle's tables have it; ``groups`` by idnumber or, without one, by name."""

    id: int
    idnumber: str
    name: str
    description: str
    groups: frozenset[str]


@dataclass(frozen=True)
class SeenGroup:
    """A group as Moodle's tables have it; ``members`` by username, ``groupings`` as SeenGrouping's groups."""

    id: int
    idnumber: str
    name: str
    description: str
    members: frozenset[str]
    groupings: frozenset[str]


class Moodle:
    """What Moodle holds, straight from its tables; changes nothing."""

    def __init__(self, path: Path):
        self.path = path

    def groups(self, course: str) -> dict[str, SeenGroup]:
        """The course's groups by idnumber or, without one, by name."""
        found = self._objects("groups", course)
        members = self._inside(
            "SELECT m.groupid, u.username FROM mdl_groups_members m JOIN mdl_user u ON u.id = m.userid"
        )
        groupings = self._inside(
            "SELECT l.groupid, CASE p.idnumber WHEN '' THEN p.name ELSE p.idnumber END"
            " FROM mdl_groupings_groups l JOIN mdl_groupings p ON p.id = l.groupingid"
        )
        return {
            row["idnumber"] or row["name"]: SeenGroup(
                **row, members=members.get(row["id"], _NOBODY), groupings=groupings.get(row["id"], _NOBODY)
            )
            for row in found
        }

    def groupings(self, course: str) -> dict[str, SeenGrouping]:
        """The course's groupings by idnumber or, without one, by name."""
        groups = self._inside(
            "SELECT l.groupingid, CASE g.idnumber WHEN '' THEN g.name ELSE g.idnumber END"
            " FROM mdl_groupings_groups l JOIN mdl_groups g ON g.id = l.groupid"
        )
        return {
            row["idnumber"] or row["name"]: SeenGrouping(**row, groups=groups.get(row["id"], _NOBODY))
            for row in self._objects("groupings", course)
        }

    def members(self, course: str) -> dict[str, set[str]]:
        """Who is in which group of the course."""
        return {key: set(group.members) for key, group in self.groups(course).items()}

    def image(self, *courses: str) -> dict[str, Any]:
        """Everything in the courses, ids included, to be compared with another moment's."""
        return {course: (self.groupings(course), self.groups(course)) for course in courses}

    def course_id(self, idnumber: str) -> int:
        return int(self.query("SELECT id FROM mdl_course WHERE idnumber = ?", idnumber)[0]["id"])

    def user_id(self, username: str) -> int | None:
        found = self.query("SELECT id FROM mdl_user WHERE username = ?", username)
        return int(found[0]["id"]) if found else None

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return _read(self.path, sql, *values)

    def _objects(self, table: str, course: str) -> list[dict[str, Any]]:
        sql = (
            f"SELECT g.id, g.idnumber, g.name, COALESCE(g.description, '') AS description FROM mdl_{table} g"
            " JOIN mdl_course c ON c.id = g.courseid WHERE c.idnumber = ? ORDER BY g.id"
        )
        return self.query(sql, course)

    def _inside(self, sql: str) -> dict[int, frozenset[str]]:
        found: dict[int, set[str]] = {}
        for row in self.query(sql):
            container, thing = row.values()
            found.setdefault(container, set()).add(thing)
        return {container: frozenset(things) for container, things in found.items()}


_NOBODY: frozenset[str] = frozenset()


class ByHand:
    """A teacher at work in Moodle: by its web services, so that its caches know.

    Groups and groupings are named by idnumber or, without one, by name.
    """

    def __init__(self, site: standin.RunningSite, moodle: Moodle, log: "CallRecord"):
        self._site, self._moodle, self._log = site, moodle, log
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> "ByHand":
        return self

    def __exit__(self, *failure: object) -> None:
        self._session.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """Any web-service function; AssertionError with Moodle's own error."""
        form = {"wstoken": self._site.token, "wsfunction": function, "moodlewsrestformat": "json"}
        with self._log.by_hand():
            address = f"{self._site.url}/webservice/rest/server.php"
            answer = self._session.post(address, data=form | _form(arguments), timeout=30).json()
        assert not (isinstance(answer, dict) and "exception" in answer), f"{function}: {answer}"
        return answer

    def group(
        self,
        course: str,
        name: str,
        idnumber: str = "",
        *,
        description: str = "",
        members: Sequence[str] = (),
        groupings: Sequence[str] = (),
    ) -> int:
        """Make a group with these members, in these groupings; its id."""
        group_id = self._make("group", course, name, idnumber, description)
        for username in members:
            self.add_member(course, idnumber or name, username)
        for grouping in groupings:
            self.link(course, idnumber or name, grouping)
        return group_id

    def grouping(self, course: str, name: str, idnumber: str = "", *, description: str = "") -> int:
        """Make a grouping; its id."""
        return self._make("grouping", course, name, idnumber, description)

    def edit_group(self, course: str, group: str, **fields: Any) -> None:
        """Change name, idnumber or description."""
        self._edit("group", self._moodle.groups(course)[group], fields)

    def edit_grouping(self, course: str, grouping: str, **fields: Any) -> None:
        """Change name, idnumber or description."""
        self._edit("grouping", self._moodle.groupings(course)[grouping], fields)

    def delete_group(self, course: str, group: str) -> None:
        self.call("core_group_delete_groups", groupids=[self._group(course, group)])

    def delete_grouping(self, course: str, grouping: str) -> None:
        self.call("core_group_delete_groupings", groupingids=[self._grouping(course, grouping)])

    def add_member(self, course: str, group: str, username: str) -> None:
        self.call("core_group_add_group_members", members=[self._member(course, group, username)])

    def remove_member(self, course: str, group: str, username: str) -> None:
        self.call("core_group_delete_group_members", members=[self._member(course, group, username)])

    def link(self, course: str, group: str, grouping: str) -> None:
        """Put the group into the grouping."""
        self.call("core_group_assign_grouping", assignments=[self._link(course, group, grouping)])

    def unlink(self, course: str, group: str, grouping: str) -> None:
        """Take the group out of the grouping."""
        self.call("core_group_unassign_grouping", unassignments=[self._link(course, group, grouping)])

    def _make(self, kind: str, course: str, name: str, idnumber: str, description: str) -> int:
        item = {"courseid": self._moodle.course_id(course), "name": name, "description": description}
        made = self.call(f"core_group_create_{kind}s", **{f"{kind}s": [item | {"idnumber": idnumber}]})
        return int(made[0]["id"])

    def _edit(self, kind: str, there: SeenGroup | SeenGrouping, fields: Mapping[str, Any]) -> None:
        # Moodle wants name and description of a grouping in every edit.
        item = {"id": there.id, "name": there.name, "description": there.description, **fields}
        self.call(f"core_group_update_{kind}s", **{f"{kind}s": [item]})

    def _group(self, course: str, group: str) -> int:
        return self._moodle.groups(course)[group].id

    def _grouping(self, course: str, grouping: str) -> int:
        return self._moodle.groupings(course)[grouping].id

    def _member(self, course: str, group: str, username: str) -> dict[str, int | None]:
        return {"groupid": self._group(course, group), "userid": self._moodle.user_id(username)}

    def _link(self, course: str, group: str, grouping: str) -> dict[str, int]:
        return {"groupid": self._group(course, group), "groupingid": self._grouping(course, grouping)}


@dataclass
class CallRecord:
    """Every call that reached the site, in order; the stand-in itself only counts them."""

    site: standin.RunningSite
    calls: list[ServerCall] = field(default_factory=list)
    _by_hand: bool = False

    def __post_init__(self) -> None:
        counts = self.site._application.rest_server.calls
        count = counts.reached

        def reached(function: object, variables: Any) -> None:
            count(function, variables)
            if isinstance(function, str) and function in FUNCTIONS:
                arguments = deepcopy(variables)
                self.calls.append(ServerCall(function, arguments, FUNCTIONS[function].writes, self._by_hand))

        counts.reached = reached

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """What comes in the meantime is a person's, not the sync's."""
        self._by_hand = True
        try:
            yield
        finally:
            self._by_hand = False


def closed_port() -> int:
    """A port of the loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- how it is made


_FILES = {SOURCE: "source.db", STATE: "state.db"}


@contextmanager
def _judging_nothing_twice() -> Iterator[None]:
    """great_expectations takes most of a run's time: the same rows by the same suite are judged once a process."""

    def remembered(dataset: str, frame: pd.DataFrame, suite: Any) -> Judgement:
        key = (dataset, repr(list(frame.columns)), repr(frame.astype(object).to_numpy().tolist()), repr(suite))
        if key not in _JUDGED:
            _JUDGED[key] = judge(dataset, frame, suite)
        return deepcopy(_JUDGED[key])

    with patch("include.groupsync.steps.judge.judge", remembered):
        yield


_JUDGED: dict[tuple[str, ...], Judgement] = {}


@functools.cache
def _template() -> Path:
    """An empty source, an armed and empty site and a stamped state, made once for all worlds of the process."""
    keep = tempfile.TemporaryDirectory(prefix="groupsync-world-")
    _KEPT.append(keep)
    folder = Path(keep.name)
    deployment_id = initialise(f"sqlite:///{folder / 'state.db'}", "sandbox")
    with _edit(folder / "source.db") as source:
        source.executescript(SOURCE_TABLES)
    standin.create_site(folder / "moodle.db")
    standin.load(folder / "moodle.db", courses=[CONTROL_COURSE])
    with _edit(folder / "moodle.db") as site:
        site.execute(
            "INSERT INTO mdl_groupings (courseid, name, idnumber, description, descriptionformat)"
            " SELECT id, ?, ?, '', 1 FROM mdl_course WHERE idnumber = ?",
            (f"sandbox {deployment_id}", MARKER, CONTROL_COURSE["idnumber"]),
        )
    for name in ("moodle.db", "state.db"):
        _settle(folder / name)
    return folder


_KEPT: list[Any] = []  # removed when the process ends


def _settle(path: Path) -> None:
    """Everything into the file itself, so that it can be copied."""
    with _edit(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _laid_over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = deepcopy(dict(base))
    for name, value in top.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _laid_over(merged[name], value) if both else deepcopy(value)
    return merged


def _form(arguments: Any, name: str = "") -> dict[str, str]:
    """PHP's form of nested arguments: ``groups[0][name]``."""
    if not isinstance(arguments, Mapping | list):
        return {name: str(arguments)}
    pairs = arguments.items() if isinstance(arguments, Mapping) else enumerate(arguments)
    return {
        key: text
        for part, value in pairs
        for key, text in _form(value, f"{name}[{part}]" if name else str(part)).items()
    }


@contextmanager
def _edit(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as link:
        yield link


def _read(path: Path, sql: str, *values: Any) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as link:
        link.row_factory = sqlite3.Row
        return [dict(row) for row in link.execute(sql, values)]
