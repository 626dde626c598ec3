"""``department_deletes``: groupings, and groups, that a department would lose, of its managed ones."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.breaker.rules.share import Stratum, share
from include.groupsync.breaker.rules.worst import tripped_or_nearest
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each department and kind that trips, holding that department's deletes; where none does,
    the one that is nearest to its limit.  A course of two departments counts in both."""
    names = sorted({name for several in evidence.departments.values() for name in several})
    found = [one for name in names for one in _department(name, evidence, limits)]
    nothing = Observation("department_deletes", "run", 0, None, 0, 0, False, "the mappings name no department")
    yield from tripped_or_nearest(found, nothing)


def _department(name: str, evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    stratum = Stratum(f"department {name}", evidence.courses_of(name), limits.of_department(name))
    for kind in (Kind.GROUPING, Kind.GROUP):
        count = evidence.count((kind,), Action.DELETE, stratum.courses)
        managed = evidence.managed_count((kind,), stratum.courses)
        yield share("department_deletes", f"{kind}s", count, managed, stratum, ALL_DELETES)
