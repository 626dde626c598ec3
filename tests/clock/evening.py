"""The backfills one after the other, with what has to come of each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from tests.clock import pages
from tests.clock.backfill import (
    GROUPS,
    SETTINGS,
    SITE,
    Act,
    Days,
    act,
    by_command_line,
    by_rest,
    change,
    courses_of,
    fill,
    next_minute,
    one_at_a_time,
    sleep_until,
    terms_around,
    widen_the_pool,
    write_calendar,
)
from tests.clock.machine import SYNC, Machine, machine
from tests.conftest import ROOT
from tests.world import World

NO_TERM = "2001-02-T9"
# Two DAGs of somebody's that are scheduled by our asset: only one of them can be told of runs that have a term.
CONSUMERS = """
from datetime import datetime
from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task

moodle = Asset(name="groupsync moodle", uri="x-groupsync://moodle")

def make(name, schedule):
    @dag(dag_id=name, schedule=schedule, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False)
    def consumer():
        @task
        def told():
            pass

        told()

    consumer()

make("told_by_term", PartitionedAssetTimetable(assets=moodle))
make("told_plainly", [moodle])
"""


def spend(folder: Path) -> Iterator[Act]:
    """Each act as it ends; nothing is left running."""
    terms = terms_around(datetime.now(UTC).date())
    with World(folder, SETTINGS, **SITE) as world:
        fill(world, terms)
        with machine(folder, world, dags=_dags(folder)) as airflow:
            # Not due before it has to be.
            write_calendar(airflow.calendar, terms, datetime.now(UTC) - timedelta(hours=1))
            airflow.start()
            yield from _backfills(airflow, terms, folder)


def _dags(folder: Path) -> Path:
    made = folder / "dags"
    made.mkdir()
    for path in (ROOT / "dags").glob("*.py"):
        (made / path.name).symlink_to(path)
    (made / "consumers.py").write_text(CONSUMERS, encoding="utf-8")
    return made


def _backfills(airflow: Machine, terms: list[Days], folder: Path) -> Iterator[Act]:
    acts: list[Act] = []
    first, last = str(terms[0].first), str(terms[2].first)
    with pages.logged_in(airflow, folder) as tab:
        refused = _refused(airflow, terms)
        refused.wrong += _lacks("the trigger form", pages.refused_term(tab, airflow, NO_TERM), terms)
        refused.wrong += _lacks("the backfill form", pages.refused_backfill(tab, airflow, *_gap(terms)), terms)
        yield refused

        night = _night_is_due(airflow, terms)
        with act(airflow, "forwards, by the form; the pool has one slot", 4, acts):
            pages.backfill(tab, airflow, first, last, 3)
            sleep_until(night + timedelta(seconds=15))
            pages.show(tab, airflow, "backfill-runs.png", "/runs", terms[0].key)
        acts[-1].wrong += _runs_of(acts[-1], [one.key for one in terms[:3]], at_once=3) + _groups(
            airflow, terms, GROUPS
        )
        yield acts[-1]
        one_at_a_time(airflow)

        change(airflow.world, terms, GROUPS)
        widen_the_pool(airflow, 4)
        night = _night_is_due(airflow, terms)
        with act(airflow, "backwards, by REST; the pool has four slots, by mistake", 4, acts):
            by_rest(airflow, terms, run_backwards=True, max_active_runs=2)
            sleep_until(night + timedelta(seconds=15))
        acts[-1].wrong += _runs_of(acts[-1], [one.key for one in reversed(terms[:3])], at_once=2)
        acts[-1].wrong += _groups(airflow, terms, GROUPS + 1)
        yield acts[-1]
        one_at_a_time(airflow)
        pages.show(tab, airflow, "backfill-grid.png", "", "moodle_group_sync")
        pages.show(tab, airflow, "backfills-tab.png", "/backfills", "Max Active Runs")
        widen_the_pool(airflow, 1)

        change(airflow.world, terms, GROUPS + 1)
        with act(airflow, "by the command line, mode plan", 3, acts):
            done = by_command_line(
                airflow, "--from-date", first, "--to-date", last, "--max-active-runs", "3", "--reprocess-behavior",
                "completed", "--dag-run-conf", '{"mode": "plan"}',
            )  # fmt: skip
        acts[-1].wrong += [] if done.returncode == 0 else [f"the command line said: {done.stdout} {done.stderr}"]
        acts[-1].wrong += [f"{len(acts[-1].calls)} calls wrote"] if acts[-1].calls else []
        acts[-1].wrong += _whole(airflow)
        yield acts[-1]


def _night_is_due(airflow: Machine, terms: list[Days]) -> datetime:
    """The nightly run is due in a minute or two, and Airflow knows it."""
    night = next_minute(25)
    write_calendar(airflow.calendar, terms, night)
    return night


def _refused(airflow: Machine, terms: list[Days]) -> Act:
    """An unknown term, and days on which no term begins: the command line and the REST API name the known ones."""
    one = Act("an unknown term, and days without a term, are refused", [], [])
    first, last = _gap(terms)
    for what, send in {
        "REST, a run": lambda: airflow.call(
            "POST", f"/api/v2/dags/{SYNC}/dagRuns", {"logical_date": None, "partition_key": NO_TERM}
        ),
        "REST, a run's form": lambda: airflow.call(
            "POST", f"/api/v2/dags/{SYNC}/dagRuns", {"logical_date": None, "conf": {"term": NO_TERM}}
        ),
        "REST, a backfill": lambda: by_rest(
            airflow, terms, from_date=f"{first}T00:00:00Z", to_date=f"{last}T00:00:00Z"
        ),
        "REST, a backfill's form": lambda: by_rest(airflow, terms, dag_run_conf={"mode": "everything"}),
    }.items():
        try:
            send()
            one.wrong.append(f"{what}: was taken")
        except requests.HTTPError as refused:
            told = refused.response.json()["detail"]
            one.wrong += [] if what.endswith("a backfill's form") else _lacks(what, str(told), terms)
    said = by_command_line(airflow, "--from-date", first, "--to-date", last, "--max-active-runs", "3")
    one.wrong += _lacks("the command line", " ".join((said.stdout + said.stderr).split()), terms)
    one.wrong += ["the command line said nothing is wrong"] if said.returncode == 0 else []
    one.wrong += [f"{len(runs)} runs were made"] if (runs := airflow.runs()) else []
    return one


def _gap(terms: list[Days]) -> tuple[str, str]:
    """Days within a term on which none begins."""
    return str(terms[0].first + timedelta(days=5)), str(terms[0].first + timedelta(days=9))


def _lacks(what: str, told: str, terms: list[Days]) -> list[str]:
    """Where a refusal does not name the terms that there are."""
    missing = [one.key for one in terms if one.key not in told]
    return [f"{what} does not name {', '.join(missing)}: {told[:500]}"] if missing else []


def _runs_of(one: Act, keys: list[str], at_once: int) -> list[str]:
    """Where the backfill's runs did not begin in that order, so many at once, or the nightly run did not come once."""
    begun = sorted((run.run["start_date"], run.run["partition_key"]) for run in one.runs if _of_backfill(run.run))
    order = [key for _, key in begun]
    alike = sorted(order[:at_once]) == sorted(keys[:at_once]) and order[at_once:] == keys[at_once:]
    found = [] if alike else [f"the backfill's runs began as {begun}"]
    rows = [run.run for run in one.runs if not _of_backfill(run.run)]
    if [(run["run_type"], run["partition_key"]) for run in rows] != [("scheduled", max(keys))]:
        found.append(f"beside the backfill came {[run['dag_run_id'] for run in rows]}")
    return found


def _of_backfill(run: dict[str, object]) -> bool:
    return run["run_type"] == "backfill"


def _whole(airflow: Machine) -> list[str]:
    """What holds over all of it: one version of the DAG, however often it was parsed, and what consumers are told."""
    found = [] if airflow.versions() == 1 else [f"{airflow.versions()} versions of the DAG"]
    told = {name: airflow.call("GET", f"/api/v2/dags/{name}/dagRuns?limit=100")["dag_runs"] for name in _CONSUMERS}
    runs = len(airflow.runs())
    if told["told_plainly"] or not told["told_by_term"]:
        found.append(f"consumers of {runs} runs: { ({name: len(some) for name, some in told.items()}) }")
    keys = {run["partition_key"] for run in told["told_by_term"]}
    found += [] if keys <= {run["partition_key"] for run in airflow.runs()} else [f"consumers were told of {keys}"]
    return found


def _groups(airflow: Machine, terms: list[Days], count: int) -> list[str]:
    """Where a course has other groups than it should."""
    found = []
    for course in (course for term in terms[:3] for course in courses_of(term)):
        groups = airflow.world.moodle.groups(course)
        if set(groups) != {f"{course}-G{at}" for at in range(count)}:
            found.append(f"{course} has {sorted(groups)}")
    return found


_CONSUMERS = ("told_by_term", "told_plainly")
