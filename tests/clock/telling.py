"""What was seen, as tables for a person at a terminal; they are in docs/terms.md too."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
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
    return "\n".join([line, *(f"!! {one}" for one in seen.wrong)])


def closing(part: str, wrong: Sequence[str], seconds: float) -> str:
    """The verdict."""
    if wrong:
        return "\n".join(("", f"{part}: NOT AS IT HAS TO BE ({seconds:.0f} s)", *(f"  {one}" for one in wrong)))
    return f"\n{part}: all as it has to be ({seconds:.0f} s)"


def _line(*cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _COLUMNS, strict=True)).rstrip()
