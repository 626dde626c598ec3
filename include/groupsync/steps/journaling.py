"""A run's journal as a page and as CSV, and the end of entries that are older than the retention (rule J1)."""

import csv
from collections import Counter
from datetime import timedelta
from itertools import chain, islice

from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.pages import journal_page, journal_row
from include.groupsync.state import journal
from include.groupsync.steps.run import Deployment, Run

_SHOWN = 2000  # a page of more is no longer looked at


def save_journal(deployment: Deployment, run: Run, folder: RunFolder) -> int:
    """Write journal.html and journal.csv where the run has written something; how many entries there are."""
    counts: Counter[str] = Counter()
    with deployment.state.connect() as link:
        entries = journal.entries_of(link, run.run_id)
        first = list(islice(entries, _SHOWN))
        if not first:
            return 0
        with folder.text_file("journal.csv") as text:
            writer = csv.writer(text)
            writer.writerow(first[0])
            for entry in chain(first, entries):
                writer.writerow(journal_row(entry))
                counts[entry["outcome"] or "open"] += 1
    about = {"run_id": run.run_id, "term": run.term_key}
    folder.save_text("journal.html", journal_page(about, first, dict(sorted(counts.items()))))
    return sum(counts.values())


def forget_the_old(deployment: Deployment) -> None:
    """Drop what is older than ``journal_days``; null keeps everything."""
    days = deployment.settings.journal_days
    if days is not None:
        with deployment.state.begin() as link:
            journal.forget(link, deployment.now() - timedelta(days=days))
