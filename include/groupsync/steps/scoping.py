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


def mappings_of_rows(
    cleaned: Mapping[str, pd.DataFrame], settings: Settings, term: Term, switches: pd.DataFrame
) -> pd.DataFrame | None:
    """The term's mappings (CLEAN) before any is set aside, and before the queue of requests is looked at; None without
    a mapping table.  ``switches`` (SWITCHES) are the term's."""
    if settings.mappings is None:
        return None
    columns = settings.mappings.columns.configured
    return effective(of_term(cleaned["mappings"], term, columns), columns, switches, frame_of([], REQUESTS))


def scope_of_rows(
    cleaned: Mapping[str, pd.DataFrame], settings: Settings, mappings: pd.DataFrame | None
) -> pd.DataFrame:
    """SCOPE as the rows have it before any is set aside; ``mappings`` as ``mappings_of_rows`` has them."""
    if mappings is None:
        return scope_named(cleaned)
    usable = mappings.dropna(subset=["course", "status"])
    return scope_of(usable, frame_of([], PROTECTED), deliveries(settings))


def scope_named(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rule C6's scope: the courses that any of the remote tables names."""
    return scope_without_mappings(
        {name: frozenset(frames[name]["course"].dropna()) for name in TABLES if name in frames}
    )


def deliveries(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The delivery columns of each remote table that is on."""
    return {name: settings.datasets[name].columns.delivery for name in TABLES if name in settings.datasets}
