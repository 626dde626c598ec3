"""The schedule as Airflow sees it: its own DAG processor, scheduler and backfill, under a clock of ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.dags.conftest import Probe, started

pytestmark = [pytest.mark.slow, pytest.mark.alone]

T1, T2 = "2026-27-T1", "2026-27-T2"
NIGHTLY = {"nightly": "02:00"}


class Airflow:
    """Asked at a time, with the calendar as it is then."""

    def __init__(self, process: Probe, path: Path) -> None:
        self.process, self.path = process, path
        self.calendar: dict[str, Any] = yaml.safe_load((ROOT / "include/config/terms.yaml").read_text("utf-8"))

    def write(self, **changed: Any) -> None:
        self.calendar |= changed
        self.path.write_text(yaml.safe_dump(self.calendar), encoding="utf-8")

    def ask(self, what: str, now: str, **told: Any) -> dict[str, Any]:
        return self.process.ask(ask=what, calendar=str(self.path), now=f"{now}:00+00:00", **told)

    def pass_by(self, *times: str) -> list[list[str]]:
        """At each time the processor looks, the scheduler does, and the processor looks again; all runs there are."""
        for now in times:
            self.ask("look", now)
            runs = self.ask("tick", now)["runs"]
            self.ask("look", now)
        found: list[list[str]] = runs
        return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """Its clock is turned, and its runs are forgotten: no other file's tests should meet that."""
    with started(tmp_path_factory.mktemp("timetable")) as made:
        yield made


@pytest.fixture
def airflow(own: Probe, tmp_path: Path) -> Airflow:
    airflow = Airflow(own, tmp_path / "terms.yaml")
    airflow.ask("forget", "2026-11-29T12:00")
    return airflow


def short(runs: list[list[str]]) -> list[str]:
    return [f"{kind} {term} {run_after[:16]}" for kind, term, run_after, _ in runs]


def test_each_run_has_its_term_and_is_made_once_whatever_is_backfilled_meanwhile(airflow: Airflow) -> None:
    """From the last nights of Term 1 to Term 2.  The run that Airflow takes for the latest is the one with the latest
    partition; a backfill must neither be taken for it nor hide what was made."""
    airflow.write(schedule=NIGHTLY)
    before = airflow.ask("look", "2026-12-17T12:00")
    assert (before["next"], before["term"]) == ("2026-12-18T02:00:00+00:00", T1)
    assert before["summary"] == "hourly in week 0 and 1, nightly at 02:00, Sundays in recess"
    airflow.pass_by("2026-12-17T12:00", "2026-12-18T01:59", "2026-12-18T02:00", "2026-12-18T02:01")
    every = {"first": "2026-01-01T00:00:00+00:00", "last": "2026-12-31T00:00:00+00:00"}
    done = airflow.ask("backfill", "2026-12-18T09:00", **every, reverse=True)
    assert done["announced"] == done["made"] == [T1, "2025-26-T3", "2025-26-T2"]
    airflow.pass_by("2026-12-18T09:01", "2026-12-19T02:00", "2026-12-20T02:00", "2026-12-20T02:02")
    # Down for a fortnight: the latest that was missed is made up for, in week 0 of Term 2.
    runs = airflow.pass_by("2027-01-04T14:20", "2027-01-04T14:21", "2027-01-04T15:00", "2027-01-04T15:01")
    assert short(runs) == [
        f"scheduled {T1} 2026-12-18T02:00",
        f"backfill {T1} 2026-09-27T23:00",
        "backfill 2025-26-T3 2026-04-26T23:00",
        "backfill 2025-26-T2 2026-01-12T00:00",
        f"scheduled {T2} 2026-12-20T02:00",
        f"scheduled {T2} 2027-01-04T14:00",
        f"scheduled {T2} 2027-01-04T15:00",
    ]
    assert len({run_id for *_, run_id in runs}) == len(runs)
    assert runs[0][3].startswith(f"scheduled__2026-12-18T02:00:00+00:00__{T1}__")
    assert runs[1][3].startswith(f"backfill__{T1}__")


def test_a_backfill_is_of_terms_that_have_begun(airflow: Airflow) -> None:
    """Forwards, the one that runs too; each once, unless all are asked for; days as they were typed, in UTC or by the
    university's clock; a range without a term, and a calendar that is wrong, are refused."""
    airflow.write()
    at = "2026-11-29T12:00"
    airflow.ask("look", at)
    first, last = "2025-09-29T00:00:00+00:00", "2027-06-30T00:00:00+00:00"
    [*past, running] = ["2025-26-T1", "2025-26-T2", "2025-26-T3", T1]
    done = airflow.ask("backfill", at, first=first, last=last, reprocess="completed")
    assert done["announced"] == done["made"] == [*past, running]
    airflow.ask("tick", at)  # all of them end
    again = airflow.ask("backfill", at, first=first, last=last)
    assert again == {"announced": [], "made": []}
    again = airflow.ask("backfill", at, first=first, last=last, reprocess="completed")
    assert again["made"] == [*past, running]
    airflow.ask("tick", at)
    by_the_clock = {"first": "2026-04-26T23:00:00+00:00", "last": "2026-04-26T23:00:00+00:00"}  # 27 April in London
    assert airflow.ask("backfill", at, **by_the_clock, reprocess="completed")["made"] == ["2025-26-T3"]
    none = airflow.ask("backfill", at, first="2026-09-29T00:00:00+00:00", last=last)
    assert none["refused"].startswith("no term that has begun has its first day from 2026-09-29 to 2027-06-30;")
    assert f"{T1} (2026-09-28), {T2} (2027-01-11)" in none["refused"]
    airflow.write(timezone="Europe/Londinium")
    wrong = airflow.ask("backfill", at, first=first, last=last)
    assert "timezone: not a time zone" in wrong["refused"]


def test_an_unknown_term_is_refused_with_the_known_ones(airflow: Airflow) -> None:
    """As the partition of a run that somebody starts, and as the term of its form, also a backfill's."""
    airflow.write()
    airflow.ask("look", "2026-11-29T12:00")
    known = airflow.ask("trigger", "2026-11-29T12:00", term=T2)
    assert known["partition_date"] == "2027-01-11T00:00:00.000001+00:00"
    unknown = airflow.ask("trigger", "2026-11-29T12:00", term="2026-27-T4")
    assert unknown["refused"] == (
        "unknown term '2026-27-T4'; known: 2025-26-T1, 2025-26-T2, 2025-26-T3, 2026-27-T1, 2026-27-T2, 2026-27-T3"
    )
    every = [None, "2026-27-T3", T2, T1, "2025-26-T3", "2025-26-T2", "2025-26-T1"]
    typed = airflow.ask("trigger", "2026-11-29T12:00", conf={"term": "2026-27-T4"})
    assert f"Invalid input for param term: '2026-27-T4' is not one of {every}" in typed["refused"]
    assert "refused" not in airflow.ask("trigger", "2026-11-29T12:00", conf={"term": T2, "mode": "plan"})
    assert "refused" not in airflow.ask("trigger", "2026-11-29T12:00", conf={})


def test_the_calendar_is_read_and_not_stored(airflow: Airflow) -> None:
    """An edit holds from the next look on, and the stored DAG is the same, in the same version."""
    at = "2026-11-29T12:00"
    airflow.write(schedule=False)
    off = airflow.ask("look", at)
    assert (off["next"], off["summary"]) == (None, "off")
    airflow.write(schedule=NIGHTLY)
    on = airflow.ask("look", at)
    airflow.write(schedule={"nightly": "22:30"}, timezone="Europe/Berlin", blackouts=[], warn_weeks=52)
    later = airflow.ask("look", at)
    assert (on["term"], later["term"], later["next"]) == (T1, T1, "2026-11-29T21:30:00+00:00")
    assert on["next"] in ("2026-11-29T02:00:00+00:00", "2026-11-30T02:00:00+00:00")
    assert "Attention: the calendar ends with term 2026-27-T3 on 2027-06-11" in later["description"]
    assert len({(one["stored"], one["versions"]) for one in (off, on, later)}) == 1


@pytest.mark.parametrize("text", [None, "terms: [", "just words", "terms: {T1: {}}"])
def test_a_calendar_that_is_missing_or_wrong_schedules_nothing_and_is_seen(airflow: Airflow, text: str | None) -> None:
    """No file fails to be parsed for it; mended, the schedule goes on."""
    at = "2026-12-17T12:00"
    if text is not None:
        airflow.path.write_text(text, encoding="utf-8")
    found = airflow.ask("look", at)
    assert (found["next"], found["term"], found["import_errors"]) == (None, None, [])
    assert found["summary"] == "the calendar is wrong: nothing is scheduled"
    assert str(airflow.path) in found["description"]
    assert f"Nothing of moodle_group_sync is scheduled: {airflow.path}" in airflow.process.words
    assert "nothing is scheduled" in airflow.ask("trigger", at, term=T1)["refused"]
    airflow.write(schedule=NIGHTLY)
    assert airflow.ask("look", at)["next"] is not None
