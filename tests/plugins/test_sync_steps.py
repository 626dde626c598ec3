"""Which term an Airflow run is of, which part of it, and how much it does."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import pytest

from include.groupsync.errors import SettingsError
from include.groupsync.model.extent import Extent
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.model.schedule import Schedule
from include.groupsync.model.term import Calendar, Term
from include.groupsync.settings import Settings
from tests.conftest import ROOT

T1 = Term("T1", date(2026, 9, 28), date(2026, 12, 18), "S", "2026", ("T1",))
T2 = Term("T2", date(2027, 1, 11), date(2027, 3, 26), "S", "2026", ("T2",))
CALENDAR = Calendar((T1, T2), timezone="Europe/London")
IN_T1 = datetime(2026, 11, 29, 12, tzinfo=UTC)
MODES = Settings.model_validate(
    {
        "mappings": "none",
        "groups": {"connection": "source", "table": "T"},
        "environments": {"production": {"moodle": "https://moodle.example.org"}},
        "modes": {"production": {"hourly": "add", "recess": "plan", "ended": "plan"}},
    }
)


@dataclass
class Deployed:
    """The part of the deployment that is asked."""

    calendar: Calendar
    settings: Settings = field(default_factory=lambda: MODES)
    environment: str = "production"

    def now(self) -> datetime:
        return datetime(2027, 6, 1, tzinfo=UTC)


@dataclass
class AirflowsRun:
    """A DAG run as a task sees it."""

    partition_key: str | None
    run_after: datetime | None
    dag_id: str = "moodle_group_sync"
    run_id: str = "manual__1"
    run_type: str = "manual"
    clear_number: int = 0
    start_date: datetime | None = None


@pytest.fixture(scope="module")
def plugin() -> Iterator[ModuleType]:
    """The plugin as Airflow loads it: by its file, with the others beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "plugins"))
        yield _load()


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sync_steps_under_test", ROOT / "plugins" / "sync_steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def term_of(plugin: ModuleType, partition: str | None, form: str | None, run_after: datetime | None = IN_T1) -> Any:
    context = {"dag_run": AirflowsRun(partition, run_after), "params": {"term": form}}
    return plugin.run_of(context, Deployed(CALENDAR)).term_key


@pytest.mark.parametrize(
    ("partition", "form", "term"),
    [
        ("T2", None, "T2"),
        ("T2", "", "T2"),
        (None, "T2", "T2"),
        ("T2", "T2", "T2"),
        (None, None, "T1"),
        (None, "", "T1"),
    ],
)
def test_the_partition_is_the_term_else_the_form_says_it_else_the_day(
    plugin: ModuleType, partition: str | None, form: str | None, term: str
) -> None:
    """A scheduled run and a backfill's know their term, whatever runs today."""
    assert term_of(plugin, partition, form) == term


def test_two_terms_are_no_term(plugin: ModuleType) -> None:
    """A form that is filled in for a backfill would make all of its runs the same term's."""
    with pytest.raises(SettingsError, match="the run belongs to term T1, and its form says T2: start it anew"):
        term_of(plugin, "T1", "T2")


@pytest.mark.parametrize(
    ("at", "term"),
    [("2027-01-10T23:30:00+00:00", None), ("2027-01-11T00:00:00+00:00", "T2"),
     ("2026-09-27T22:30:00+00:00", None), ("2026-09-27T23:00:00+00:00", "T1"),  # British summer time
     ("2027-03-26T23:30:00+00:00", "T2"), ("2027-03-27T00:00:00+00:00", None)],
)  # fmt: skip
def test_a_days_term_is_told_by_the_universitys_clock(plugin: ModuleType, at: str, term: str | None) -> None:
    """Between terms the form has to say it."""
    if term is None:
        with pytest.raises(SettingsError, match=r"no term is running on .* choose one in the trigger form"):
            term_of(plugin, None, None, datetime.fromisoformat(at))
    else:
        assert term_of(plugin, None, None, datetime.fromisoformat(at)) == term


@pytest.mark.parametrize(
    ("run_after", "begins", "cleared", "kind", "mode"),
    [
        ("2026-11-29T02:00", "2026-11-29T02:00", 0, "scheduled", Mode.FULL),
        ("2026-11-29T02:00", "2026-11-30T01:59", 0, "scheduled", Mode.FULL),  # made up for
        ("2026-11-29T02:00", "2026-11-30T02:00", 0, "scheduled", Mode.PLAN),
        ("2026-12-18T02:00", "2027-01-02T12:00", 0, "scheduled", Mode.PLAN),  # the next one is of another term
        ("2027-03-26T02:00", "2027-08-02T12:00", 0, "scheduled", Mode.PLAN),  # no later one, and months ago
        ("2026-11-29T02:00", "2026-12-02T12:00", 1, "scheduled", Mode.FULL),  # somebody wants it
        ("2026-11-29T02:00", "2026-12-02T12:00", 0, "manual", Mode.FULL),
        ("2026-09-27T23:00", "2026-12-02T12:00", 0, "backfill", Mode.FULL),
    ],
)
def test_a_scheduled_run_that_comes_too_late_writes_nothing(
    plugin: ModuleType, run_after: str, begins: str, cleared: int, kind: str, mode: Mode
) -> None:
    """Airflow, down for some days, makes the run that it had put down as the next, beside the one that is due."""
    at, began = (datetime.fromisoformat(f"{text}:00+00:00") for text in (run_after, begins))
    run = AirflowsRun("T1", at, run_type=kind, clear_number=cleared, start_date=began)
    nightly = Calendar((T1, T2), timezone="Europe/London", schedule=Schedule(frozenset()))
    context = {"dag_run": run, "params": {"mode": "full"}}
    assert plugin.run_of(context, Deployed(nightly)).mode is mode
    assert plugin.run_of(context, Deployed(CALENDAR)).mode is Mode.FULL, "without a schedule nothing is late"


@pytest.mark.parametrize(
    ("run_type", "dag_id", "by_person"),
    [
        ("manual", "moodle_group_sync", True),
        ("backfill", "moodle_group_sync", True),
        ("scheduled", "moodle_group_sync", False),
        ("manual", "moodle_group_release", False),
    ],
)
def test_c2_a_run_that_a_person_started_is_known(
    plugin: ModuleType, run_type: str, dag_id: str, by_person: bool
) -> None:
    """A release was asked for by a run, and answered by a person: it is none of them."""
    context = {"dag_run": AirflowsRun("T1", IN_T1, dag_id, run_type=run_type), "params": {}}
    assert plugin.run_of(context, Deployed(CALENDAR)).by_person is by_person


def asked(plugin: ModuleType, form: dict[str, Any], at: str = "2026-11-29", *, dag: str = "", **deployed: Any) -> Any:
    """The run of T1 that is started with that form on that day."""
    dag_run = AirflowsRun("T1", datetime.fromisoformat(f"{at}T12:00:00+00:00"), dag or "moodle_group_sync")
    return plugin.run_of({"dag_run": dag_run, "params": form}, Deployed(CALENDAR, **deployed))


@pytest.mark.parametrize(
    ("at", "mode", "phase"),
    [
        ("2026-09-20", Mode.PLAN, "recess"),
        ("2026-09-21", Mode.ADD, "hourly"),  # week 0
        ("2026-10-04", Mode.ADD, "hourly"),
        ("2026-10-05", Mode.FULL, "term"),
        ("2026-12-18", Mode.FULL, "term"),
        ("2026-12-19", Mode.PLAN, "ended"),
    ],
)
def test_a_run_that_nobody_told_does_as_much_as_the_settings_say(
    plugin: ModuleType, at: str, mode: Mode, phase: str
) -> None:
    """By environment and phase of its term; what a person chooses wins; it is on record who chose."""
    for form in ({"mode": "as the settings say"}, {"mode": None}, {}):
        run = asked(plugin, form, at)
        assert (run.mode, run.chosen_by) == (mode, f"as the settings say (modes.production.{phase})")
    for chosen in Mode:
        run = asked(plugin, {"mode": str(chosen)}, at)
        assert (run.mode, run.chosen_by) == (chosen, "as its form says")
    assert asked(plugin, {}, at, environment="sandbox").mode is Mode.FULL
    released = asked(plugin, {"mode": "add"}, at, dag="moodle_group_release")
    assert (released.mode, released.chosen_by) == (Mode.ADD, "as the run that asked")


def test_a_mode_that_is_none_is_refused(plugin: ModuleType) -> None:
    with pytest.raises(SettingsError, match="unknown mode 'all': the form has plan, add, full and 'as the settings"):
        asked(plugin, {"mode": "all"})


def test_the_form_says_which_part_of_the_term_a_run_is_for(plugin: ModuleType) -> None:
    """One name a line, or a list as scripts have it; what is empty leaves nothing out."""
    for courses in (" C1 \n\nC2\r\n", ["C2", "C1", " "]):
        form = {"courses": courses, "modules": None, "departments": "", "kinds": ["link", "group"]}
        run = asked(plugin, form)
        assert run.extent == Extent(courses=frozenset({"C1", "C2"}), kinds=frozenset({Kind.GROUP, Kind.LINK}))
        assert asked(plugin, run.extent.form).extent == run.extent, "as it travels to a release run"
    assert asked(plugin, {"courses": " ", "kinds": None}).extent.is_whole
    with pytest.raises(SettingsError, match="kinds: 'groups' is not a valid Kind; the kinds are grouping, group"):
        asked(plugin, {"kinds": ["groups"]})
