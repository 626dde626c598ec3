"""The mappings of a run's term as they hold: the source's, what people switched, and what the queue asks for."""

from collections.abc import Mapping

import pandas as pd

from include.groupsync.model.effective import REQUESTS, effective
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.queue import put_together
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.mappings import of_term
from include.groupsync.source.quarantine import Sifted
from include.groupsync.state import requests, switches
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


def expected_mappings(deployment: Deployment, run: Run, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """The term's mappings as they will hold (CLEAN), before any row is judged: one that cannot be used is not active.

    ``tables`` are those of the source as read (REMOTE); None without a mapping table.
    """
    settings, term = deployment.settings, run.term(deployment)
    if settings.mappings is None:
        return None
    columns = settings.mappings.columns.configured
    of_its = of_term(clean("mappings", tables["mappings"], settings), term, columns)
    with deployment.state.connect() as link:
        switched, asked = of_its_term(switches.load(link), run.term_key), requests.load(link)
    if settings.requests is None:
        return effective(of_its, columns, switched, asked.iloc[:0])
    queue = of_term(clean("requests", tables["requests"], settings), term, settings.requests.columns.configured)
    new = queue.dropna(subset=["id", "course", "action", "requested_at"])
    new = new[new["action"].isin(["ADD", "RMV"])].assign(request=new["id"], term=run.term_key)
    known = of_its_term(asked, run.term_key)
    unknown = conform(new[~new["id"].isin(known["request"])], REQUESTS)
    return effective(of_its, columns, switched, pd.concat([known, unknown]))


def as_they_hold(
    deployment: Deployment, run: Run, folder: RunFolder, usable: pd.DataFrame, queue: Sifted | None, listed: pd.Series
) -> pd.DataFrame:
    """The usable mappings of the term with the status that holds; ``mappings`` of the folder has them too, and
    ``requests`` the term's requests.

    ``queue`` are its rows of the term, sifted, None where none is configured: then what was asked before says nothing
    either; ``listed`` the ids of them all.  What is new is remembered here, however little the sync may do: a letter
    was opened, and nothing was done.
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
        if run.is_sync:
            with deployment.state.begin() as link:
                requests.remember(link, rows(asked), run_id=run.run_id, at=deployment.now())
        folder.save_frame("requests", asked, REQUESTS)
    held = effective(usable, settings.mappings.columns.configured, switches_of(run, folder), asked)
    folder.save_frame("mappings", held, MAPPINGS)
    return held
