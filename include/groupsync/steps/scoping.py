"""The scope of a run from its cleaned rows, before and after they are judged."""

from collections.abc import Mapping

import pandas as pd

from include.groupsync.model.effective import REQUESTS, effective
from include.groupsync.model.frames import frame_of
from include.groupsync.model.term import Term
from include.groupsync.settings import Settings
from include.groupsync.source.mappings import of_term, scope_of, scope_without_mappings
from include.groupsync.source.quarantine import PROTECTED

TABLES = ("groupings", "groups", "memberships")


def scope_of_rows(
    cleaned: Mapping[str, pd.DataFrame], settings: Settings, term: Term, switches: pd.DataFrame
) -> pd.DataFrame:
    """SCOPE as the rows have it before any is set aside, and before the queue of requests is looked at; ``switches``
    (SWITCHES) are the term's."""
    if settings.mappings is None:
        return scope_named(cleaned)
    mappings = of_term(cleaned["mappings"], term, settings.mappings.columns.configured)
    usable = mappings.dropna(subset=["course", "status"])
    usable = effective(usable, settings.mappings.columns.configured, switches, frame_of([], REQUESTS))
    return scope_of(usable, frame_of([], PROTECTED), deliveries(settings))


def scope_named(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rule C6's scope: the courses that any of the remote tables names."""
    return scope_without_mappings(
        {name: frozenset(frames[name]["course"].dropna()) for name in TABLES if name in frames}
    )


def deliveries(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The delivery columns of each remote table that is on."""
    return {name: settings.datasets[name].columns.delivery for name in TABLES if name in settings.datasets}
