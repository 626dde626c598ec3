"""When `moodle_group_sync` runs by itself, and what a backfill of it is: each run carries its term as its partition.

The rule is the engine's (``model/schedule.py``); here it is told to Airflow.  Nothing of the calendar is stored with
the DAG: the file is read whenever Airflow asks, so that an edit holds from the next look on and makes no new version
of the DAG.  A file that is missing or wrong breaks neither the DAG nor the scheduler: nothing is scheduled, the DAG's
schedule in Airflow's pages says what is wrong, and so do the logs of dag-processor and scheduler, a refused trigger or
backfill, and every run that a person starts.

Every Airflow component imports this file at start, so the engine is imported only when it is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.timetables.trigger import get_random_string
from sync_steps import calendar_path

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType

    from include.groupsync.model.schedule import Planned
    from include.groupsync.model.term import Calendar, Term

log = logging.getLogger(__name__)
_TICK = timedelta(microseconds=1)


class TermTimetable(Timetable):
    """Runs by the calendar's ``schedule``; one partition for each of its terms."""

    partitioned = True
    run_ordering = ("run_after",)  # partitioned runs have no other date

    @property
    def summary(self) -> str:
        """What the list of DAGs shows as the schedule."""
        calendar = _calendar()
        if isinstance(calendar, str):
            return "the calendar is wrong: nothing is scheduled"
        return calendar.schedule.told() if calendar.schedule else "off"

    @property
    def description(self) -> str:  # type: ignore[override]
        """What is shown when one points at it."""
        calendar = _calendar()
        if isinstance(calendar, str):
            return calendar[:1000]  # the column's length
        told = f"Times are of {calendar.timezone}, days and terms of {calendar_path().name}."
        if ending := calendar.ends_soon(calendar.day_of(_now())):
            told += f" Attention: {ending}."
        return told

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run, perhaps one to be made up for; what was missed besides is never caught up with.

        ``last_dagrun_info`` is of the automatic run with the latest partition date, so that has to grow from each
        scheduled run to the next, whatever is backfilled meanwhile: it is the run's own time.
        """
        calendar = _calendar()
        if isinstance(calendar, str):
            return None
        from include.groupsync.model import schedule

        last = last_dagrun_info.run_after if last_dagrun_info else None
        backfilled = last is not None and last.microsecond != 0  # see _partition_date
        planned = schedule.due(calendar, _now(), last, backfilled=backfilled)
        if planned and restriction.earliest and planned.at < restriction.earliest:
            planned = schedule.next_after(calendar, restriction.earliest - _TICK)
        if planned is None or (restriction.latest and planned.at > restriction.latest):
            return None
        return _scheduled(planned)

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """A backfill's runs: one for each term whose first day is in that range, and which has begun.

        A day of the range is the one that was typed, whether that was meant in UTC, as the command line means it, or
        by the university's clock.
        """
        calendar = _calendar()
        if isinstance(calendar, str):
            raise _no_backfill(calendar)
        from include.groupsync.model import schedule

        first = min(earliest.astimezone(UTC).date(), calendar.day_of(earliest))
        last = max(latest.astimezone(UTC).date(), calendar.day_of(latest))
        terms = schedule.begun(calendar, first, last, calendar.day_of(_now()))
        if not terms:
            known = ", ".join(f"{term.key} ({term.first_on})" for term in calendar.terms)
            raise _no_backfill(
                f"no term that has begun has its first day from {first} to {last}; the calendar has {known}"
            )
        for term in terms:
            at = _partition_date(calendar, term)
            yield DagRunInfo(run_after=at, data_interval=None, partition_date=at, partition_key=term.key)

    def _decode_partition_date(self, partition_key: str) -> datetime:
        """Asked for a run that somebody starts with a partition key; a term that is not known is refused with it."""
        calendar = _calendar()
        if isinstance(calendar, str):
            raise InvalidPartitionKeyError(calendar)
        try:
            return _partition_date(calendar, calendar.term(partition_key))
        except KeyError as unknown:
            raise InvalidPartitionKeyError(str(unknown.args[0])) from None

    def localize_partition_datetime(self, dt: datetime) -> pendulum.DateTime:
        """A typed date, by the university's clock."""
        calendar = _calendar()
        return pendulum.instance(dt.replace(tzinfo=UTC if isinstance(calendar, str) else calendar.zone))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Not used by our runs; Airflow asks for it where somebody gives a logical date."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: pendulum.DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """With the term, and something by chance: a term may be backfilled again and again."""
        if not (term := extra.get("partition_key")):
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval)
        at = "" if run_type.value == "backfill" else f"{run_after.isoformat()}__"
        return run_type.generate_run_id(suffix=f"{at}{term}__{get_random_string()}")


def _calendar() -> Calendar | str:
    """The calendar as its file is now, or what is wrong with it."""
    try:
        from include.groupsync.calendar_settings import calendar_now

        return calendar_now(calendar_path())
    except ModuleNotFoundError as error:
        told = f"{error}: PYTHONPATH has to have the project's root, for every component of Airflow"
    except Exception as error:  # noqa: BLE001 - whatever it is, the scheduler has other DAGs to look after
        told = str(error)
    log.error("Nothing of moodle_group_sync is scheduled: %s", told)
    return f"nothing is scheduled: {told}"


def _no_backfill(why: str) -> Exception:
    """What page, REST API and command line all show as a refusal, in a dry run too: none of them knows the same."""
    from airflow.models.backfill import InvalidBackfillDateRange, NoBackfillRunsToCreate

    class NoTerm(InvalidBackfillDateRange, NoBackfillRunsToCreate):
        pass

    return NoTerm(why)


def _scheduled(planned: Planned) -> DagRunInfo:
    at = pendulum.instance(planned.at)
    return DagRunInfo(run_after=at, data_interval=None, partition_date=at, partition_key=planned.term)


def _partition_date(calendar: Calendar, term: Term) -> pendulum.DateTime:
    """The beginning of the term's first day, and a microsecond: no scheduled run has this date, so that Airflow does
    not take one for a backfill of the term that is there already, and that we can tell the two apart."""
    return pendulum.instance(_midnight(calendar, term.first_on) + _TICK)


def _midnight(calendar: Calendar, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=calendar.zone).astimezone(UTC)


def _now() -> datetime:
    return datetime.now(UTC)


class Terms(AirflowPlugin):
    name = "groupsync_terms"
    timetables = [TermTimetable]
