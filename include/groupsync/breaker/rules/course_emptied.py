"""``course_emptied``: a course that would lose its last managed group; a create in the same plan saves it."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_EVERY_KIND = tuple(map(str, Kind))


def look(evidence: Evidence, limit: int | None) -> Iterator[Observation]:
    """One observation for each course that is emptied, holding its deletes; one for the run where none is.

    ``limit`` is the number of courses that may be emptied without a word: 0 means none.
    """
    created = evidence.by_course(Kind.GROUP, Action.CREATE)
    emptied = {
        course: count
        for course, count in sorted(evidence.by_course(Kind.GROUP, Action.DELETE).items())
        if evidence.managed_groups.get(course, 0) - count + created.get(course, 0) <= 0
    }
    courses = len(evidence.managed_groups)
    tripped = limit is not None and len(emptied) > limit
    for course, count in emptied.items():
        yield Observation(
            "course_emptied", course, len(emptied), limit, count, evidence.managed_groups.get(course, 0), tripped,
            f"course {course} would lose its last managed group ({count} to be deleted)",
            Effect.HOLD, Reach((str(Action.DELETE),), _EVERY_KIND, course),
        )  # fmt: skip
    if not emptied:
        yield Observation(
            "course_emptied", "run", 0, limit, 0, courses, False,
            f"no course of {courses} with managed groups would lose its last one",
        )  # fmt: skip
