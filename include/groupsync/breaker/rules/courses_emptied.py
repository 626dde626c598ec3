"""``courses_emptied``: how many courses would lose their last managed group, of the courses in scope."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker.rules.share import bound
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation; a trip holds all deletes."""
    count, most = len(evidence.emptied), bound(limits.run, evidence.courses)
    yield Observation(
        "courses_emptied", "run", count, None if most is None else float(most), count, evidence.courses,
        most is not None and count > most,
        f"{count} of {evidence.courses} courses in scope would lose their last managed group",
        Effect.HOLD, ALL_DELETES,
    )  # fmt: skip
