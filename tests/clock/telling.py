"""What was seen, as tables for a person at a terminal; they are in docs/clock.md too."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from tests.clock.backfill import Act, Wrote
    from tests.clock.instants import Seen

_COLUMNS = (34, 23, 17, 12, 12, 9, 8)


def moments_opening() -> str:
    """What is shown, and the table's head."""
    return "\n".join(
        (
            "Airflow with PostgreSQL, started at six moments of 2027-28 by a clock that is set. Each line is one look:",
            "what the clock on the wall shows, the term of the run that the calendar has there, the run that was made,",
            "how many seconds after its time, and how it ended. 'at the start' is what was missed and is made up for.",
            "",
            _line("moment", "London", "UTC", "expected", "made", "seconds", "ended"),
            _line(*("-" * width for width in _COLUMNS)),
        )
    )


def row(seen: "Seen") -> str:
    """One look."""
    wall = f"{seen.at.astimezone(ZoneInfo('Europe/London')):%a %d %b %H:%M %Z}"
    at = "at the start" if seen.made_up else wall
    late = "" if seen.made_up else " ".join(f"{one:.1f}" for one in seen.late)
    line = _line(
        seen.moment,
        at,
        f"{seen.at:%Y-%m-%d %H:%M}",
        " ".join(term for _, term in seen.expected) or "none",
        " ".join(term for _, term in seen.made) or "none",
        late,
        " ".join(str(one["state"]) for one in seen.runs),
    )
    late_ones = [
        f"   and, as Airflow had put it down before it was stopped, {one['partition_key']} of {one['run_after'][:16]}:"
        f" {seen.written_too_late} writes"
        for one in seen.too_late
    ]
    return "\n".join([line, *late_ones, *(f"!! {one}" for one in seen.wrong)])


def backfill_opening() -> str:
    """What is shown."""
    return "\n".join(
        (
            "Airflow with PostgreSQL by the true clock: backfills of three terms, three runs at a time, one of the",
            "terms the current one, whose nightly run is due meanwhile. Times are minutes and seconds past the hour.",
            "'apply' is the task in Airflow, 'lease' when the run got the right to write, 'site' its first and last",
            "writing call as Moodle's side noted them, 'journal' its first intent and last outcome.",
        )
    )


def act(one: "Act") -> str:
    """One backfill: the runs in the order in which they wrote."""
    lines = ["", one.name.upper()]
    if one.runs:
        lines += [_wide("run", "ended", "apply", "lease", "calls", "site", "journal"), _wide(*("-" * w for w in _WIDE))]
        lines += [_wrote(run) for run in sorted(one.runs, key=lambda run: run.at_site or (0.0, 0.0))]
        apart = "" if one.wrong else ", none of one run among those of another"
        lines.append(f"{len(one.calls)} writing calls{apart}")
    return "\n".join([*lines, *(f"!! {what}" for what in one.wrong)])


def _wrote(one: "Wrote") -> str:
    kind, term = one.run["run_type"], one.run["partition_key"]
    lease = _at(one.lease) if one.lease else ""
    return _wide(
        f"{kind} {term}", one.run["state"], _span(one.applying), lease, str(len(one.site)), _span(one.at_site),
        _span(one.journal),
    )  # fmt: skip


def _span(span: tuple[float, float] | None) -> str:
    return f"{_at(span[0])}-{_at(span[1])}" if span else "none"


def _at(seconds: float) -> str:
    return f"{seconds % 3600 // 60:02.0f}:{seconds % 60:04.1f}"


_WIDE = (22, 8, 15, 7, 5, 15, 15)


def _wide(*cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDE, strict=True)).rstrip()


def closing(part: str, wrong: Sequence[str], seconds: float) -> str:
    """The verdict."""
    if wrong:
        return "\n".join(("", f"{part}: NOT AS IT HAS TO BE ({seconds:.0f} s)", *(f"  {one}" for one in wrong)))
    return f"\n{part}: all as it has to be ({seconds:.0f} s)"


def _line(*cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()
