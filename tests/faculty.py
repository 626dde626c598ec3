"""A faculty large enough for the circuit breaker's default limits: every published failure begins with it.

    departments  ANTH, HIST, STAT, four courses each: ANTH1 .. STAT4
    course       two modules, each with a grouping and four groups of six: 12 courses, 24 groupings, 96 groups,
                 576 memberships; a module of ANTH1 is ANTH1A, its grouping ANTH1A:S, its groups ANTH1A:TUT1 to TUT4

The rows carry module and term; the people of a course are ``anth1-01`` to ``anth1-48``, one group each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import moodle as standin
from tests.world import REMOTE_TABLES, TERM1, WITH_MODULES, World

DEPARTMENTS = ("ANTH", "HIST", "STAT")
COURSES = tuple(f"{department}{number}" for department in DEPARTMENTS for number in range(1, 5))
SETTINGS: dict[str, Any] = {
    table: {"columns": {**WITH_MODULES[table]["columns"], "term": "term"}} for table in REMOTE_TABLES
}
GROUPS_OF_A_COURSE, MEMBERS_OF_A_GROUP = 8, 6


@dataclass(frozen=True)
class Seminar:
    """One group with everything that names it."""

    course: str
    module: str
    grouping: str
    idnumber: str
    name: str
    members: tuple[str, ...]


def seminars() -> Iterator[Seminar]:
    """All 96 groups, course by course."""
    for course in COURSES:
        for place in range(GROUPS_OF_A_COURSE):
            module, number = f"{course}{'AB'[place // 4]}", place % 4 + 1
            first = place * MEMBERS_OF_A_GROUP + 1
            members = tuple(person(course, first + step) for step in range(MEMBERS_OF_A_GROUP))
            name = f"{module} TUT{number}"
            yield Seminar(course, module, f"{module}:S", f"{module}:TUT{number}", name, members)


def person(course: str, number: int) -> str:
    return f"{course.lower()}-{number:02}"


def furnish_faculty(world: World) -> None:
    """Courses, people, mappings and rows; Moodle has no group yet."""
    people = {name: one.course for one in seminars() for name in one.members}
    standin.load(
        world.folder / "moodle.db",
        courses=[{"shortname": key, "idnumber": key, "fullname": f"Course {key}"} for key in COURSES],
        users=[
            {
                "username": name,
                "idnumber": f"P-{name}",
                "email": f"{name}@example.org",
                "firstname": name,
                "lastname": "E",
            }
            for name in people
        ],
        enrolments=[{"course_idnumber": course, "user_username": name} for name, course in people.items()],
    )
    seen: set[str] = set()
    for one in seminars():
        module = {"module": one.module}
        if one.module not in seen:
            seen.add(one.module)
            world.map(one.course, department=one.course[:4], **module)
            world.source.grouping(one.course, one.grouping, name=f"{one.module} seminars", **module)
        world.source.group(one.course, one.idnumber, name=one.name, grouping=one.grouping, **module)
    rows = [
        (one.course, one.idnumber, name, one.module, "A6U", "T1", TERM1) for one in seminars() for name in one.members
    ]
    world.source.insert_many("remote_memberships", rows)


def image(world: World) -> Mapping[str, Any]:
    """Everything in the faculty's courses, to be compared with another moment's."""
    return world.moodle.image(*COURSES)
