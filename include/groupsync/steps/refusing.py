"""A run that a person started and that may do nothing is refused before Moodle is read, and says why (rule C2).

A scheduled one goes on: it shows each night what would be done.  A person who started a run expects that something
comes of it, and is told what stands in the way.
"""

from typing import Any

import pandas as pd

from include.groupsync.errors import RunRefused
from include.groupsync.model.effective import is_active
from include.groupsync.model.frames import rows
from include.groupsync.model.mode import Mode
from include.groupsync.model.term import TermState
from include.groupsync.source.narrow import courses_within
from include.groupsync.state import term_states
from include.groupsync.steps.run import Deployment, Run

_NAMED = 5
_NEXT = (
    "Nothing of a group was read from Moodle, and nothing was written. Look first with a run in mode plan. To let it go"
    " on, set the term's state with moodle_term_state, and switch courses on with moodle_course_switch or set their"
    " mappings active at the source; then start it again."
)


def refuse_what_may_do_nothing(deployment: Deployment, run: Run, expected: pd.DataFrame | None) -> None:
    """RunRefused where somebody started the run to write, and its term is frozen or none of its mappings is in force.

    ``expected`` are the term's mappings as they hold (CLEAN), None without a mapping table.
    """
    if not run.by_person or run.mode is Mode.PLAN:
        return
    with deployment.state.connect() as link:
        changes = term_states.history(link, run.term_key)
    state = changes[-1] if changes and changes[-1].state is TermState.FROZEN else None
    mappings = [] if expected is None else rows(_of_part(run, expected))
    idle = [row for row in mappings if not is_active(row) and row["status"] != "withdrawn"]
    if state is None and (not mappings or len(idle) < len(mappings)):
        return
    frozen = [f"the term is {state.since}"] if state else []
    told = ", and ".join([*frozen, *_told(mappings, idle)])
    only = f", only {run.extent.short}," if not run.extent.is_whole else ""
    raise RunRefused(
        f"REFUSED: a run of term {run.term_key}{only} was started to write. {told[0].upper()}{told[1:]}."
        + (f"\nInactive: {_named(idle)}." if idle else "")
        + f"\n{_NEXT}"
    )


def _of_part(run: Run, expected: pd.DataFrame) -> pd.DataFrame:
    """The mappings of what the run is for; none where the part has a name that the term has not, which is refused for
    that."""
    courses, modules = courses_within(run.extent, expected), run.extent.modules
    own = expected if courses is None else expected[expected["course"].isin(list(courses))]
    return own[own["module"].isin(list(modules))] if modules else own


def _told(mappings: list[dict[str, Any]], idle: list[dict[str, Any]]) -> list[str]:
    """How many mappings are inactive, of how many; nothing where all of them are in force."""
    if not idle:
        return []
    courses = len({row["course"] for row in idle})
    if len(idle) == len(mappings):
        return [f"none of its mappings is active: {len(idle)} mappings of {courses} courses are inactive"]
    return [f"{len(idle)} of its {len(mappings)} mappings are inactive, of {courses} courses"]


def _named(idle: list[dict[str, Any]]) -> str:
    courses = sorted({row["course"] or "(no course)" for row in idle})
    more = f" and {len(courses) - _NAMED} more" if len(courses) > _NAMED else ""
    return ", ".join(courses[:_NAMED]) + more
