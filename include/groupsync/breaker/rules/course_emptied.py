"""``course_emptied``: a course that would lose its last managed group; a create in the same plan saves it."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import EVERY_KIND
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each course that is emptied, holding its deletes; one for the run where none is.

    The limit is the number of courses that may be emptied without a word: 0 means none.
    """
    managed, emptied = evidence.managed.get(Kind.GROUP, {}), evidence.emptied
    for course, count in emptied.items():
        limit = limits.of_course(course)
        yield Observation(
            "course_emptied", course, len(emptied), limit, count, managed.get(course, 0),
            limit is not None and len(emptied) > limit,
            f"course {course} would lose its last managed group ({count} to be deleted)",
            Effect.HOLD, Reach((str(Action.DELETE),), EVERY_KIND, course), stratum=f"course {course}",
        )  # fmt: skip
    if not emptied:
        yield Observation(
            "course_emptied", "run", 0, limits.run, 0, len(managed), False,
            f"no course of {len(managed)} with managed groups would lose its last one",
        )  # fmt: skip
