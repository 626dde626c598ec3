"""A run that a person started and that may do nothing is refused before Moodle is read, and says why (rule C2).

A scheduled one goes on: it shows each night what would be done.  A person who started a run expects that something
comes of it, and is told what stands in the way.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import RunRefused
from include.groupsync.model.effective import REQUESTS, effective, is_active
from include.groupsync.model.frames import conform, rows
from include.groupsync.model.mode import Mode
from include.groupsync.model.term import TermState
from include.groupsync.source.clean import clean
from include.groupsync.source.mappings import of_term
from include.groupsync.state import requests, switches, term_states
from include.groupsync.steps.holding import of_its_term
from include.groupsync.steps.run import Deployment, Run

_NAMED = 5
_NEXT = (
    "Nothing of a group was read from Moodle, and nothing was written. Look first with a run in mode plan. To let it go"
    " on, set the term's state with moodle_term_state, and switch courses on with moodle_course_switch or set their"
    " mappings active at the source; then start it again."
)


def refuse_what_may_do_nothing(deployment: Deployment, run: Run, tables: Mapping[str, pd.DataFrame]) -> None:
    """RunRefused where somebody started the run to write, and its term is frozen or none of its mappings is in force.

    ``tables`` are those of the source as read (REMOTE).
    """
    if not run.by_person or run.mode is Mode.PLAN:
        return
    with deployment.state.connect() as link:
        changes = term_states.history(link, run.term_key)
    state = changes[-1] if changes and changes[-1].state is TermState.FROZEN else None
    mappings = _mappings(deployment, run, tables)
    idle = [row for row in mappings if not is_active(row) and row["status"] != "withdrawn"]
    if state is None and (not mappings or len(idle) < len(mappings)):
        return
    frozen = [f"the term is {state.since}"] if state else []
    told = ", and ".join([*frozen, *_told(mappings, idle)])
    raise RunRefused(
        f"REFUSED: a run of term {run.term_key} was started to write. {told[0].upper()}{told[1:]}."
        + (f"\nInactive: {_named(idle)}." if idle else "")
        + f"\n{_NEXT}"
    )


def _mappings(deployment: Deployment, run: Run, tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """The mappings of the term as they hold, before any row is judged: one that cannot be used is not active."""
    settings, term = deployment.settings, run.term(deployment)
    if settings.mappings is None:
        return []
    columns = settings.mappings.columns.configured
    usable = of_term(clean("mappings", tables["mappings"], settings), term, columns)
    with deployment.state.connect() as link:
        switched, asked = of_its_term(switches.load(link), run.term_key), requests.load(link)
    if settings.requests is not None:
        queue = of_term(clean("requests", tables["requests"], settings), term, settings.requests.columns.configured)
        new = queue.dropna(subset=["id", "course", "action", "requested_at"])
        new = new[new["action"].isin(["ADD", "RMV"])].assign(request=new["id"], term=run.term_key)
        known = of_its_term(asked, run.term_key)
        asked = pd.concat([known, conform(new[~new["id"].isin(known["request"])], REQUESTS)])
    else:
        asked = asked.iloc[:0]
    return rows(effective(usable, columns, switched, asked))


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
