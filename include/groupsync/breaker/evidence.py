"""What the rules look at, as values: the plan, what is managed in scope, the source, the past (rule B3)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from include.groupsync.breaker.baselines import Baselines, Part
from include.groupsync.model.frames import rows
from include.groupsync.model.freshness import Freshness
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan

# An object: kind, course, key.
Object = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """Where changes of a dataset are in scope; ``label`` is the module delivery, None where the table has none.
    ``active``: everything may change; else only deletes (rule C3)."""

    dataset: str
    course: str
    label: str | None
    active: bool


@dataclass(frozen=True)
class Evidence:
    """``managed``: managed objects in scope, by kind and course.  ``departments``: of each course that has some.
    ``courses``: courses in scope that were read.  ``members``: by course and group, the people in Moodle now, by
    key; of the groups that the plan takes from.  ``links``: by course and grouping, how many managed links; of the
    courses whose links the plan takes out.  ``uses``: of each object that the plan deletes, the activities that use
    it, in words.

    ``rows_read``: rows of each dataset as read for the term; ``unread``: datasets that are on and were not read
    whole; ``unmatched``: distinct keys of users and courses that Moodle does not know; ``quarantined``: distinct
    keys in quarantine, by dataset; ``freshness``: by source.

    ``identity``: what differs between the environment's five names, empty if nothing does.  ``scope``: every place
    that is in scope and was read; None where all of Moodle is.  ``applied_day`` and ``applied_week``: of each kind,
    what the journal has as deleted or removed in the last 24 hours and 7 days; of links and memberships without what a
    person has approved.  ``blackouts``: those of today.  ``restore``: the plan undoes a run, and comes from no dataset.
    ``opened_again``: the term's state and since when, if its runs may delete again and none was accepted since;
    ``courses_opened``: the same of courses that were switched, by course.
    ``listed``: of each kind, how much of ``managed`` the run's own term lists; without a mapping table, of all courses.
    ``asked_for``: the term with its set and year; ``ended``: its last day is past; ``takes_groups``: some course takes
    groups in it.  ``answered``: rows of each of SITS's answers.
    """

    plan: Plan
    managed: Mapping[Kind, Mapping[str, int]] = field(default_factory=dict)
    departments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    courses: int = 0
    members: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[tuple[str, str], int] = field(default_factory=dict)
    uses: Mapping[Object, tuple[str, ...]] = field(default_factory=dict)
    rows_read: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    unmatched: Mapping[str, Part] = field(default_factory=dict)
    quarantined: Mapping[str, Part] = field(default_factory=dict)
    freshness: Mapping[str, Freshness] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    scope: frozenset[Place] | None = None
    applied_day: Mapping[Kind, int] = field(default_factory=dict)
    applied_week: Mapping[Kind, int] = field(default_factory=dict)
    blackouts: tuple[str, ...] = ()
    now: datetime | None = None
    term: str = ""
    week: int | None = None
    settings_digest: str = ""
    baselines: Baselines = field(default_factory=Baselines)
    restore: bool = False
    opened_again: str = ""
    courses_opened: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[Kind, int] = field(default_factory=dict)
    asked_for: str = ""
    ended: bool = False
    takes_groups: bool = True
    answered: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _counts(self) -> dict[tuple[str, str], dict[str, int]]:
        counts: dict[tuple[str, str], dict[str, int]] = {}
        sizes = self.plan.frame.groupby(["kind", "action", "course"]).size()
        for row in rows(sizes.rename("n").reset_index()):
            counts.setdefault((row["kind"], row["action"]), {})[row["course"]] = row["n"]
        return counts

    def by_course(self, kind: Kind, action: Action) -> Mapping[str, int]:
        """Changes of one kind and action, by course."""
        return self._counts.get((str(kind), str(action)), {})

    def count(self, kinds: Iterable[Kind], action: Action, courses: Collection[str] | None = None) -> int:
        """How many changes of these kinds the plan makes, in these courses or in all."""
        return sum(_count(self.by_course(kind, action), courses) for kind in kinds)

    def managed_count(self, kinds: Iterable[Kind], courses: Collection[str] | None = None) -> int:
        """How many objects of these kinds are managed in scope, in these courses or in all."""
        return sum(_count(self.managed.get(kind, {}), courses) for kind in kinds)

    @property
    def deletes(self) -> int:
        """Groupings and groups that the plan deletes; a removal of a link or membership is none."""
        return self.count((Kind.GROUPING, Kind.GROUP), Action.DELETE)

    @property
    def losses(self) -> int:
        """Everything that the plan takes away, removals included."""
        return self.count(Kind, Action.DELETE)

    @cached_property
    def emptied(self) -> dict[str, int]:
        """Courses that would lose their last managed group, with how many; a create in the same plan saves one.

        A likely re-key is one change of the object that there is: it neither empties nor saves.
        """
        managed, created = self.managed.get(Kind.GROUP, {}), self.by_course(Kind.GROUP, Action.CREATE)
        return {
            course: count
            for course, count in sorted(self.by_course(Kind.GROUP, Action.DELETE).items())
            if managed.get(course, 0) - count + created.get(course, 0) <= 0
        }

    def courses_of(self, department: str) -> frozenset[str]:
        """The courses of a department."""
        return frozenset(course for course, several in self.departments.items() if department in several)


def _count(by_course: Mapping[str, int], courses: Collection[str] | None) -> int:
    if courses is None:
        return sum(by_course.values())
    return sum(by_course.get(course, 0) for course in courses)
