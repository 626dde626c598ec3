"""The two universities of the bench, as changes: the incident's courses, and a term's start."""

from collections.abc import Iterator
from dataclasses import dataclass

from include.groupsync.model.change import Change
from include.groupsync.model.things import Group, Grouping, Link, Membership


@dataclass(frozen=True)
class Shape:
    """``extra`` groupings and groups are spread over the first courses; every group has ``people`` members."""

    name: str
    courses: int
    groupings: int
    groups: int
    extra: tuple[int, int] = (0, 0)
    people: int = 0

    def scaled(self, courses: int) -> "Shape":
        """The same shape in fewer courses."""
        extra = self.extra[0] * courses // self.courses, self.extra[1] * courses // self.courses
        return Shape(self.name, courses, self.groupings, self.groups, extra, self.people)

    @property
    def keys(self) -> list[str]:
        return [f"{self.name}-{at:04}" for at in range(self.courses)]

    def created(self) -> Iterator[Change]:
        for at, course in enumerate(self.keys):
            groupings = self.groupings + (at < self.extra[0])
            for n in range(groupings):
                yield Change(None, Grouping(course, f"S{n:02}", f"Seminars {n:02}", ""), "G5")
            for n in range(self.groups + (at < self.extra[1])):
                group = f"{course}-G{n:02}"
                yield Change(None, Group(course, group, f"Group {n:02}", ""), "P5")
                yield Change(None, Link(course, f"S{n % groupings:02}", group), "L1")
                for user in range(self.people):
                    yield Change(None, Membership(course, group, person(n * self.people + user)), "M4")

    def of(self, *kinds: str) -> list[Change]:
        return [change for change in self.created() if str(change.kind) in kinds]


def person(number: int) -> str:
    return f"u{number:04}"


# 323 courses lost 1,950 groupings and 2,085 groups in the incident: twelve and a half objects a course.
INCIDENT = Shape("incident", 323, 6, 6, extra=(12, 147))
# A course of a term's start: one set of six seminar groups of twenty people.
TERM_START = Shape("term", 60, 1, 6, people=20)
