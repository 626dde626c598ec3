"""Give a term a state: open, add-only, frozen or closed, by a person and for a reason (rules C2, C5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import SettingsError
from include.groupsync.model.mode import Mode
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.term import StateChange, TermState
from include.groupsync.report.term_state import term_state_page
from include.groupsync.state import approvals, term_states
from include.groupsync.state.database import read_stamp
from include.groupsync.steps.form import Asked, carry_out
from include.groupsync.steps.identify import require_own_state
from include.groupsync.steps.run import Deployment, recorded

FOLDER = "term-states"  # such a run writes to no term; its folder is below this name
_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True)
class Setting(Asked):
    """One change, as it was typed into the form."""

    term_set: str
    state: str


@recorded
def set_term_state(deployment: Deployment, run: Setting, folder: RunFolder) -> Mapping[str, Any]:
    """Write the state down, and leave the page of what it was and is; it holds from the next batch of any run on.

    Moodle is not asked, so that a term can be frozen while it is down.  SettingsError where term, state or reason
    cannot be used, and IdentityError where the state database is another environment's: nothing is written then.
    The state that the term has already is written down no second time.
    """
    typed = {"term": run.term_set, "state": run.state, "reason": run.reason}
    told = carry_out(deployment, run, folder, "term_state", typed, lambda: _set(deployment, run), term_state_page)
    return {name: told[name] for name in ("term", "before", "after", "changed", "means", "closed_request")}


def _set(deployment: Deployment, run: Setting) -> dict[str, Any]:
    """What became of it; names of people only in the ``history``."""
    state = _checked(deployment, run)
    with deployment.state.begin() as link:
        require_own_state(deployment, read_stamp(link))
        before = _newest(term_states.history(link, run.term_set))
        changed = (before.state if before else TermState.OPEN) is not state
        closed = None
        if changed:
            who, at = run.who[:_LONGEST_NAME], deployment.now()
            term_states.change(link, run.term_set, state, who=who, reason=run.reason, at=at)
            if state.most is not Mode.FULL:
                # What people were asked before is no longer to be applied, now or later.
                closed = ", ".join(approvals.supersede(link, run.term_set, f"the term is {state}")) or None
        history = term_states.history(link, run.term_set)
    return {
        "term": run.term_set,
        "before": before.since if before else f"{TermState.OPEN}, as nobody set it",
        "after": str(state),
        "changed": changed,
        "stops": changed and state.most is not Mode.FULL,
        "means": f"{state.means}.{_FIRST if changed and _opens(before, state) else ''}",
        "closed_request": closed,
        "history": [one.told for one in reversed(history)],
    }


_FIRST = (
    " The first of them that would delete something holds it until a person has looked and approved; what is new is"
    " applied at once."
)


def _opens(before: StateChange | None, state: TermState) -> bool:
    """Whether runs may delete again that were not allowed to."""
    return before is not None and before.state.most is not Mode.FULL and state.most is Mode.FULL


def _checked(deployment: Deployment, run: Setting) -> TermState:
    try:
        deployment.calendar.term(run.term_set)
    except KeyError as error:
        raise SettingsError(f"{error.args[0]}; include/config/terms.yaml has the calendar") from None
    known = [str(one) for one in TermState]
    if run.state not in known:
        raise SettingsError(f"unknown state {run.state!r}; known: {', '.join(known)}")
    if not run.reason.strip():
        raise SettingsError("a term's state is kept with a reason: say why in the form")
    return TermState(run.state)


def _newest(changes: list[StateChange]) -> StateChange | None:
    return changes[-1] if changes else None
