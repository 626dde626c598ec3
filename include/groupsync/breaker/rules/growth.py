"""``growth``: creates of groupings, and of groups, against what is managed; a doubled source is as wrong as half."""

from collections.abc import Iterator

from include.groupsync.breaker.baselines import LEAST_RUNS
from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import OBJECTS
from include.groupsync.breaker.rules.share import Stratum, share
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation, Reach


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each of the two kinds; a trip of either holds the creates of both.

    A term begins with nothing managed: it is looked at when a few runs of the term were accepted.
    """
    accepted = evidence.baselines.accepted
    for kind in (Kind.GROUPING, Kind.GROUP):
        count, managed = evidence.count((kind,), Action.CREATE), evidence.managed_count((kind,))
        if accepted < LEAST_RUNS:
            yield Observation(
                "growth", f"{kind}s", count, None, count, managed, False,
                f"{kind}s: {count} to be created beside {managed} managed; the term has {accepted} accepted runs of"
                f" {LEAST_RUNS}",
            )  # fmt: skip
        else:
            reach = Reach((str(Action.CREATE),), OBJECTS)
            yield share("growth", f"{kind}s", count, managed, Stratum("run", None, limits.run), reach, "to be created")
