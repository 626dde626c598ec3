"""``renames``: updates of names against what is managed, as when identifiers have moved to other things."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import OBJECTS
from include.groupsync.breaker.rules.share import Stratum, share
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation, Reach


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: groupings and groups that get another name; a trip holds all updates.

    One that steps aside on its way (rule P9) is renamed twice and counts once.
    """
    frame = evidence.plan.frame
    renamed = frame[
        frame["kind"].isin(OBJECTS)
        & (frame["action"] == str(Action.UPDATE))
        & (frame["name_before"] != frame["name_after"])
    ]
    count = len(renamed.drop_duplicates(["kind", "course", "grouping", "group"]))
    managed = evidence.managed_count((Kind.GROUPING, Kind.GROUP))
    reach = Reach((str(Action.UPDATE),), OBJECTS)
    yield share("renames", "names", count, managed, Stratum("run", None, limits.run), reach, "to be changed")
