"""The calendar's file: what does not fit together is refused, with the term and what to do."""

from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.calendar_settings import calendar_now, load_calendar
from include.groupsync.errors import SettingsError
from include.groupsync.model.schedule import Schedule

ROOT = Path(__file__).resolve().parents[3]
TERM = {"first_on": "2026-01-12", "last_on": "2026-03-27", "setid": "S", "academic_year": "2025", "periods": ["T2"]}


EARLIER = TERM | {"first_on": "2025-09-29", "last_on": "2025-12-19", "recess_to": "2026-01-11"}
YEAR = {"first_on": "2025-08-01", "last_on": "2026-07-31", "periods": ["T1", "T2", "YEAR"]}


def calendar_of(tmp_path: Path, terms: dict[str, Any], **more: Any) -> Path:
    path = tmp_path / "terms.yaml"
    path.write_text(yaml.safe_dump({"terms": terms, **more}), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        load_calendar(path)
    assert str(refused.value).startswith(f"{path}:")
    return str(refused.value)


def test_the_shipped_calendar_is_whole_and_runs_nothing_by_itself() -> None:
    """Its terms are in the order of their first day, its recesses are written down, and its schedule is off."""
    calendar = load_calendar(ROOT / "include/config/terms.yaml")
    assert [term.first_on for term in calendar.terms] == sorted(term.first_on for term in calendar.terms)
    assert (calendar.timezone, calendar.schedule, calendar.warn_weeks) == ("Europe/London", None, 6)
    assert calendar.blackouts_on(date(2027, 8, 1)) == ("rollover of 2027",)
    reading_week = date(2026, 11, 10)
    assert calendar.term("2026-27-T1").told_on(reading_week) == "week 7 of 12, no teaching"


def test_what_the_shipped_file_says_of_the_schedule_is_the_schedule(tmp_path: Path) -> None:
    """Its lines of comment, switched on as it says."""
    lines = (ROOT / "include/config/terms.yaml").read_text(encoding="utf-8").splitlines()
    at = lines.index("# schedule:")
    on = [line.removeprefix("# ") for line in lines[at : at + 4]]
    rest = [line for line in lines if line != "schedule: off"]
    (tmp_path / "terms.yaml").write_text("\n".join([*on, *rest]), encoding="utf-8")
    assert load_calendar(tmp_path / "terms.yaml").schedule == Schedule(frozenset({0, 1}), time(2), "sunday")


def test_a_schedule_needs_no_more_than_to_be_switched_on(tmp_path: Path) -> None:
    """Its keys have defaults; without it, or off, there is none; YAML's sexagesimal is a time of day."""
    found = [
        load_calendar(calendar_of(tmp_path, {"T2": TERM}, **more)).schedule
        for more in ({}, {"schedule": False}, {"schedule": None}, {"schedule": {}}, {"schedule": {"nightly": 1335}})
    ]
    assert found == [None, None, None, Schedule(), Schedule(nightly=time(22, 15))]
    none = load_calendar(calendar_of(tmp_path, {"T2": TERM}, schedule={"recess_day": None, "hourly_weeks": []}))
    assert none.schedule == Schedule(frozenset(), time(2), None)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"schedule": True}, "schedule: 'off', or the schedule's keys"),
        ({"schedule": {"recess_day": "Sunday"}}, "schedule.recess_day: a day of the week, one of monday, tuesday"),
        ({"schedule": {"nightly": "02:00:30"}}, "schedule.nightly: a time of day in hours and minutes"),
        ({"schedule": {"nightly": "02:00+01:00"}}, "schedule.nightly: a time of day in hours and minutes"),
        ({"schedule": {"nigthly": "02:00"}}, "schedule.nigthly: unknown key; docs/settings.md"),
        ({"schedule": {"hourly_weeks": ["first"]}}, "schedule.hourly_weeks.0"),
        ({"timezone": "Europe/Londinium"}, "timezone: not a time zone, such as Europe/London"),
        ({"warn_weeks": -1}, "warn_weeks"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_by_its_key(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    """Nothing that is misspelt is silently the default."""
    assert words in refusal(calendar_of(tmp_path, {"T2": TERM}, **more))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (
            {"T1": EARLIER | {"last_on": "2026-01-12"}, "T2": TERM},
            "term T2 begins on 2026-01-12, before term T1 has ended (2026-01-12): a day belongs to one term",
        ),
        (
            {"T1": EARLIER | {"recess_to": None}, "T2": TERM},
            "term T1 ends on 2025-12-19, no recess is written down, and the next term, T2, begins on 2026-01-12: if"
            " that is right, give T1 recess_to: 2026-01-11; else correct the days",
        ),
        (
            {"T1": EARLIER, "T2": TERM | {"first_on": "2026-02-12"}},
            "its recess ends on 2026-01-11, and the next term, T2, begins on 2026-02-12: if that is right, give T1"
            " recess_to: 2026-02-11",
        ),
        (
            {"T1": EARLIER | {"last_on": "2026-01-11", "recess_to": "2026-01-20"}, "T2": TERM},
            "begins on 2026-01-12: if that is right, give T1 no recess_to",
        ),
        ({"T2": TERM | {"recess_to": "2026-04-26"}}, "term T2: recess_to is 2026-04-26, and no term follows"),
        ({"T 2": TERM}, "term 'T 2': use letters, digits, dots, underscores and hyphens only"),
        ({"T2": TERM | {"teaching_weeks": [1, 12]}}, "term T2: teaching_weeks: the term has no week 12, only 1 to 11"),
    ],
)
def test_no_overlap_and_no_gap_that_was_not_meant(tmp_path: Path, terms: dict[str, Any], words: str) -> None:
    """A recess is meant where its last day is written down; a slip in either date shows."""
    assert words in refusal(calendar_of(tmp_path, terms))


def test_terms_may_follow_one_another_without_a_recess(tmp_path: Path) -> None:
    """And then say nothing of one."""
    at_once = EARLIER | {"last_on": "2026-01-11", "recess_to": None}
    assert len(load_calendar(calendar_of(tmp_path, {"T1": at_once, "T2": TERM})).terms) == 2


@pytest.mark.parametrize(
    ("years", "words"),
    [
        ({"2025": YEAR | {"periods": ["T1", "YEAR"]}}, "term T2: unknown period 'T2'; academic year 2025 has T1, YEAR"),
        ({"2026": YEAR, "2027": YEAR | {"first_on": "2026-08-01", "last_on": "2027-07-31"}},
         "term T2: academic_year '2025' is not one of years (2026, 2027): correct it, or add the year"),
        ({"2025": YEAR | {"last_on": "2026-03-26"}},
         "term T2: 2026-01-12 to 2026-03-27 is not within academic year 2025 (2025-08-01 to 2026-03-26)"),
        ({"2025": YEAR, "2026": YEAR}, "academic year 2026 begins on 2025-08-01, before academic year 2025 has ended"),
        ({"2025": YEAR | {"last_on": "2024-07-31"}}, "academic year 2025: last_on is before first_on"),
        ({"2025": YEAR | {"periods": []}}, "years.2025.periods"),
        ({2025: YEAR}, "years.2025"),
    ],
)  # fmt: skip
def test_a_term_lies_in_its_academic_year_and_has_its_periods(
    tmp_path: Path, years: dict[Any, Any], words: str
) -> None:
    """A misspelt period would read nothing, and what it lists would be missing."""
    assert words in refusal(calendar_of(tmp_path, {"T2": TERM}, years=years))
    assert load_calendar(calendar_of(tmp_path, {"T2": TERM}, years={"2025": YEAR})).terms[0].academic_year == "2025"


def test_the_look_for_drift_is_off_until_a_time_is_given(tmp_path: Path) -> None:
    """By YAML's own readings of both; anything else is refused."""
    given = ({}, {"drift": False}, {"drift": None}, {"drift": 300}, {"drift": "05:30"})
    found = [load_calendar(calendar_of(tmp_path, {"T2": TERM}, **more)).drift_at for more in given]
    assert found == [None, None, None, time(5), time(5, 30)]
    assert load_calendar(ROOT / "include/config/terms.yaml").drift_at is None
    for wrong, words in (
        (True, "drift: 'off', or a time of day, such as 05:00"),
        ("05:00:30", "drift: a time of day in hours and minutes"),
    ):
        with pytest.raises(SettingsError, match=words):
            load_calendar(calendar_of(tmp_path, {"T2": TERM}, drift=wrong))


def test_who_asks_often_sees_an_edit_and_reads_no_file_twice(tmp_path: Path) -> None:
    """A file that is gone or broken is an error each time, and mended it is read again."""
    path = calendar_of(tmp_path, {"T2": TERM})
    first = calendar_now(path)
    assert calendar_now(path) is first
    calendar_of(tmp_path, {"T2": TERM}, warn_weeks=3)
    assert calendar_now(path).warn_weeks == 3
    path.write_text("terms: [", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(SettingsError, match="is not YAML"):
            calendar_now(path)
    path.unlink()
    with pytest.raises(SettingsError, match="is missing"):
        calendar_now(path)
    calendar_of(tmp_path, {"T2": TERM})
    assert calendar_now(path) == first


def test_terms_are_read_in_the_order_of_their_first_day(tmp_path: Path) -> None:
    """Whatever their order in the file."""
    terms = load_calendar(calendar_of(tmp_path, {"T2": TERM, "T1": EARLIER})).terms
    assert [term.key for term in terms] == ["T1", "T2"]
    assert terms[1].first_on == date(2026, 1, 12)
    assert terms[1].periods == ("T2",)


def test_a_term_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    """The message names the term."""
    path = calendar_of(tmp_path, {"T2": {**TERM, "last_on": "2025-03-27"}})
    with pytest.raises(SettingsError, match="term T2: last_on is before first_on"):
        load_calendar(path)


@pytest.mark.parametrize("lacking", [{"periods": []}, {"setid": None}, {"academic_year": 2025}, {"state": "shut"}])
def test_a_term_that_is_not_whole_is_refused(tmp_path: Path, lacking: dict[str, Any]) -> None:
    """A year that YAML took for a number is text between quotes."""
    path = calendar_of(tmp_path, {"T2": TERM | lacking})
    with pytest.raises(SettingsError, match=rf"terms\.T2\.{next(iter(lacking))}"):
        load_calendar(path)


@pytest.mark.parametrize(
    ("blackout", "words"),
    [
        ({"name": "x", "first_on": "2026-08-02", "last_on": "2026-08-01"}, "blackout 'x': last_on is before first_on"),
        ({"name": "", "first_on": "2026-08-01", "last_on": "2026-08-01"}, "blackouts.0.name"),
        ({"name": "x", "first_on": "2026-08-01"}, "blackouts.0.last_on"),
        ({"name": "x", "first_on": "soon", "last_on": "2026-08-01"}, "blackouts.0.first_on"),
        ({"name": "x", "first_on": "2026-08-01", "last_on": "2026-08-01", "why": "x"}, "blackouts.0.why: unknown key"),
    ],
)
def test_a_blackout_that_makes_no_sense_is_refused_by_name(
    tmp_path: Path, blackout: dict[str, str], words: str
) -> None:
    """Name, first and last day, and nothing else."""
    path = tmp_path / "terms.yaml"
    path.write_text(yaml.safe_dump({"terms": {"T": TERM}, "blackouts": [blackout]}), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_calendar(path)
    assert words in str(refused.value)


def test_blackouts_are_as_the_calendar_has_them(tmp_path: Path) -> None:
    """One day is a window; without any there is none."""
    path = tmp_path / "terms.yaml"
    day = {"name": "rollover", "first_on": "2026-08-01", "last_on": "2026-08-01"}
    path.write_text(yaml.safe_dump({"terms": {"T": TERM}, "blackouts": [day]}), encoding="utf-8")
    assert load_calendar(path).blackouts_on(date(2026, 8, 1)) == ("rollover",)
    path.write_text(yaml.safe_dump({"terms": {"T": TERM}}), encoding="utf-8")
    assert load_calendar(path).blackouts == ()
