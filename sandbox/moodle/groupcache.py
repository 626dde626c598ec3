"""Moodle's "groupdata" cache: per course, without expiry, and blind to commits and rollbacks."""

import threading
from dataclasses import dataclass

from sandbox.moodle import php
from sandbox.moodle.database import Database, Row


@dataclass(frozen=True)
class CourseGroups:
    """The groups and groupings of a course as they were when somebody looked."""

    groups: list[Row]
    groupings: list[Row]


class GroupCache:
    """Filled by whoever reads first, even from inside a transaction that is rolled back later.

    Writers invalidate a course item by item and never again after their commit. So a failed batch leaves
    phantoms, and a reader in the middle of a long write leaves a stale picture; the next write heals both.
    """

    def __init__(self) -> None:
        self._courses: dict[int, CourseGroups] = {}
        self._lock = threading.Lock()

    def course(self, database: Database, courseid: int) -> CourseGroups:
        """The cached picture of a course, loading it through this connection if there is none."""
        with self._lock:
            cached = self._courses.get(courseid)
        if cached is None:
            # Moodle leaves the order of equal names open; the recorded site had the newer one first.
            sql = "SELECT * FROM mdl_{} WHERE courseid = ? ORDER BY name, id DESC"
            cached = CourseGroups(
                database.all(sql.format("groups"), [courseid]),
                database.all(sql.format("groupings"), [courseid]),
            )
            with self._lock:
                self._courses[courseid] = cached
        return cached

    def invalidate(self, courseid: int) -> None:
        """Forget a course."""
        with self._lock:
            self._courses.pop(courseid, None)

    def purge(self) -> None:
        """Forget everything, as "Purge all caches" does."""
        with self._lock:
            self._courses.clear()


def with_idnumber(rows: list[Row], idnumber: str) -> Row | None:
    """The first row PHP takes to have this idnumber; an empty one, "0" included, is never looked for."""
    if php.is_empty(idnumber):
        return None
    if php.number(idnumber) is None:
        return next((row for row in rows if row["idnumber"] == idnumber), None)
    return next((row for row in rows if php.loosely_equal(row["idnumber"], idnumber)), None)
