"""A number of changes against a fraction of what is managed, with a floor, and against an absolute number."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction as Exact

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker_settings import Fraction
from include.groupsync.model.verdict import Effect, Observation, Reach


@dataclass(frozen=True)
class Stratum:
    """What is looked at apart: the run, a department or a course, with the limit that holds for it there.
    ``courses`` None: all."""

    name: str
    courses: frozenset[str] | None
    limit: Fraction | None

    def reach(self, whole: Reach) -> Reach:
        """The reach, within the stratum."""
        if self.courses is None:
            return whole
        return Reach(whole.actions, whole.kinds, courses=tuple(sorted(self.courses)))

    def subject(self, what: str) -> str:
        """``groups``, or ``groups of department D``."""
        return what if self.courses is None else f"{what} of {self.name}"


def strata(evidence: Evidence, limits: Limits) -> Iterator[Stratum]:
    """The run, and every department and course for which the rule itself is set."""
    yield Stratum("run", None, limits.run)
    for department in limits.own_departments:
        yield Stratum(f"department {department}", evidence.courses_of(department), limits.of_department(department))
    for course in limits.own_courses:
        yield Stratum(f"course {course}", frozenset({course}), limits.of_course(course))


def bound(limit: Fraction | None, of: int) -> Exact | None:
    """The number that is still allowed, exactly: 29 of 100 is not more than 0.29, whatever a float makes of it.

    At or below the floor the fraction is not looked at (rule B3); None where nothing limits.
    """
    if limit is None:
        return None
    bounds = []
    if limit.fraction is not None:
        bounds.append(max(Exact(limit.floor), Exact(str(limit.fraction)) * of))
    if limit.count is not None:
        bounds.append(Exact(limit.count))
    return min(bounds, default=None)


def share(
    rule: str, what: str, count: int, of: int, stratum: Stratum, reach: Reach, done: str = "to be deleted"
) -> Observation:
    """Trips at strictly more than the bound."""
    most = bound(stratum.limit, of)
    percent = f" ({count / of:.1%})" if of else ""
    return Observation(
        rule, stratum.subject(what), count, None if most is None else float(most), count, of,
        most is not None and count > most,
        f"{stratum.subject(what)}: {count} {done} of {of} managed{percent}"
        + (f"; limit {float(most):g}" if most is not None else "; rule off"),
        Effect.HOLD, stratum.reach(reach), stratum=stratum.name,
    )  # fmt: skip
