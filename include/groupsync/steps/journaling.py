"""A run's journal as a page and as CSV, and the end of entries that are older than the retention (rule J1)."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain, islice
from typing import Any

from include.groupsync.errors import SettingsError
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.pages import journal_page, journal_row
from include.groupsync.state import history
from include.groupsync.steps.run import Deployment, Run

_SHOWN = 2000  # a page of more is no longer looked at


def keep_journal(deployment: Deployment, run: Run, folder: RunFolder) -> None:
    """Write journal.html and journal.csv where the run has written something, and drop what is older than
    ``journal_days``.  Without an answer of the state database neither: the report of a run must not need it."""
    days = deployment.settings.journal_days
    try:
        with deployment.state.connect() as link:
            _save(run, folder, history.entries_of(link, run.run_id))
        if days is not None:
            with deployment.state.begin() as link:
                history.forget(link, deployment.now() - timedelta(days=days))
    except SettingsError:
        return


def _save(run: Run, folder: RunFolder, entries: Iterator[Mapping[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    first = list(islice(entries, _SHOWN))
    if not first:
        return
    with folder.text_file("journal.csv") as text:
        writer = csv.writer(text)
        writer.writerow(first[0])
        for entry in chain(first, entries):
            writer.writerow(journal_row(entry))
            counts[entry["outcome"] or "open"] += 1
    about = {"run_id": run.run_id, "term": run.term_key}
    folder.save_text("journal.html", journal_page(about, first, dict(sorted(counts.items()))))
