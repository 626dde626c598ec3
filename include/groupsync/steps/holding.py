"""The mappings of a run's term as they hold: the source's, what people switched, and what the queue asks for."""

from collections.abc import Mapping

import pandas as pd

from include.groupsync.model.effective import REQUESTS, effective
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.queue import put_together
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.quarantine import Sifted
from include.groupsync.state import requests
from include.groupsync.steps.run import Deployment, Run

MAPPINGS = CLEAN["mappings"]


def switches_of(run: Run, folder: RunFolder) -> pd.DataFrame:
    """What people switched in the run's term (SWITCHES), as it was when the ledger was read."""
    return of_its_term(folder.frame("ledger/switches"), run.term_key)


def of_its_term(frame: pd.DataFrame, term: str) -> pd.DataFrame:
    """The rows of SWITCHES or REQUESTS that are of the term."""
    return frame[frame["term"] == term].reset_index(drop=True)


def courses_asked_for(cleaned: Mapping[str, pd.DataFrame], run: Run, folder: RunFolder) -> frozenset[str]:
    """The mapped courses that any request names, of the queue as it was read or of those that are remembered."""
    if "requests" not in cleaned:
        return frozenset()
    named = {
        *cleaned["requests"]["course"].dropna(),
        *of_its_term(folder.frame("ledger/requests"), run.term_key)["course"],
    }
    return frozenset(named & set(cleaned["mappings"]["course"].dropna()))


def as_they_hold(
    deployment: Deployment, run: Run, folder: RunFolder, usable: pd.DataFrame, queue: Sifted | None, listed: pd.Series
) -> pd.DataFrame:
    """The usable mappings of the term with the status that holds; ``mappings`` of the folder has them too, and
    ``requests`` the term's requests.

    ``queue`` are its rows of the term, sifted, None where none is configured: then what was asked before says nothing
    either; ``listed`` the ids of them all.  What is new is remembered here, whatever the run may do: a letter was
    opened, and nothing was done.
    """
    settings = deployment.settings
    assert settings.mappings is not None
    asked = frame_of([], REQUESTS)
    if queue is not None and settings.requests is not None:
        remembered = of_its_term(folder.frame("ledger/requests"), run.term_key)
        delivery = settings.requests.columns.delivery
        asked, findings = put_together(
            run.term_key, remembered, queue.usable, listed, rows(queue.protected), delivery
        )  # fmt: skip
        folder.save_frame("findings/requests", frame_of((one.row() for one in findings), FINDING), FINDING)
        with deployment.state.begin() as link:
            requests.remember(link, rows(asked), run_id=run.run_id, at=deployment.now())
        folder.save_frame("requests", asked, REQUESTS)
    held = effective(usable, settings.mappings.columns.configured, switches_of(run, folder), asked)
    folder.save_frame("mappings", held, MAPPINGS)
    return held
