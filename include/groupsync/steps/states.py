"""What the state that a person gave the run's term lets the run do (rules C2, C5)."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import SettingsError, TermStateError
from include.groupsync.model.frames import rows
from include.groupsync.model.ledger import with_term
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.term import TermState
from include.groupsync.state import switches, term_states
from include.groupsync.steps.run import Deployment, Restoring, Run

_READ = "ledger/term_states"
_LASTING = (TermState.ADD_ONLY, TermState.FROZEN)  # their claims do not end with the term's last day


def open_terms(deployment: Deployment, states: pd.DataFrame) -> frozenset[str]:
    """The terms whose claims have not ended (rule C5): by the calendar's word on this day, and by what people say of
    the terms (TERM_STATES)."""
    closed = frozenset(states.loc[states["state"] == str(TermState.CLOSED), "term"])
    lasting = frozenset(states.loc[states["state"].isin([str(one) for one in _LASTING]), "term"])
    return (deployment.calendar.open_on(deployment.today) | lasting) - closed


def state_read(run: Run, folder: RunFolder) -> tuple[TermState, int]:
    """The state that the run goes by, as it was when the ledger was read, and the number of that change: 0 where nobody
    gave the term one.  A restore has no term."""
    if folder.has(f"{_READ}.parquet"):
        for row in rows(folder.frame(_READ)):
            if row["term"] == run.term_key:
                return TermState(row["state"]), row["change"]
    return TermState.OPEN, 0


def mode_of(run: Run, folder: RunFolder) -> Mode:
    """How much the run may do: what it was told, and no more than its term's state allows."""
    return min(run.mode, state_read(run, folder)[0].most, key=lambda mode: mode.rank)


def may_go_on(deployment: Deployment, run: Run, folder: RunFolder) -> Callable[[], None]:
    """Raises TermStateError once somebody has given the term a state that allows less than the run does, or has
    switched one of its courses off.

    It looks at every change since the one that the run goes by: a term that was frozen and opened again while the run
    was at work is not what the run knew.
    """
    (_, read), mode = state_read(run, folder), mode_of(run, folder)
    switched = folder.frame("ledger/switches") if folder.has("ledger/switches.parquet") else None
    last = int(switched["change"].max()) if switched is not None and len(switched) else 0

    def check() -> None:
        with deployment.state.connect() as link:
            changes = term_states.history(link, run.term_key, since=read)
            off = switches.off_since(link, run.term_key, last)
        if off:
            raise TermStateError(
                f"{len(off)} courses of term {run.term_key} were switched off after this run had begun: it sends"
                " nothing more, in any course. The next run goes by the switches as they are then."
            )
        for one in changes:
            if one.state.most.rank < mode.rank:
                raise TermStateError(
                    f"term {run.term_key} is {one.since}: this run, which began before, sends nothing more."
                    f" {one.state.means}."
                )

    return check


def claims_stay(run: Run, folder: RunFolder, observed: pd.DataFrame) -> pd.DataFrame:
    """Rows that the ledger is to learn, with the term's own claim where a run that only adds would drop it: what such a
    run leaves is not taken for gone by the runs of other terms (rule C5).  What is gone in Moodle has no claims."""
    if mode_of(run, folder) is not Mode.ADD or observed.empty:
        return observed
    kept = [with_term(terms, run.term_key) if terms else terms for terms in observed["terms"]]
    return observed.assign(terms=pd.Series(kept, index=observed.index, dtype=observed["terms"].dtype))


def told_of(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any] | None:
    """What the report says of the term's state: that which the run goes by, or the newest where it did not come so far.

    Of a restore, that of the term whose run it takes back.  None where it is not known.
    """
    term, read = run.term_key, 0
    if isinstance(run, Restoring):
        if not folder.has("undone.json"):
            return None
        term = folder.json("undone")["term"]
    elif folder.has(f"{_READ}.parquet"):
        read = state_read(run, folder)[1] or -1
    try:
        with deployment.state.connect() as link:
            changes = term_states.history(link, term)
    except SettingsError:
        return None  # the report of a run must not need the state database
    known = [one for one in changes if not read or one.change <= read]
    state, told = (
        (known[-1].state, known[-1].told) if known else (TermState.OPEN, f"{TermState.OPEN}, as nobody set it")
    )
    return {"term": term, "state": str(state), "told": told, "means": state.means}
