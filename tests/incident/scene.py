"""The incident's scene, made of rows: a production site, what production and staging each have, and the numbers.

    sizes       of 14,000 courses, 323 carry 1,950 groupings and 2,085 groups of Term 1
    production  its source lists all of them, its ledger manages all of them, its marker stands in the site
    staging     its own stamp and ledger, 113 mappings (28 to be imported, over 11 courses, and 1 to be removed),
                and a test source that is full of rows, none of them of what production made

Everything is numbered, nothing is drawn: two scenes of one size are equal.  The rows go straight into the
tables; that they are what a production run would have left is shown by one (``story.py``).
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from include.groupsync.model.term import Calendar, Term
from include.groupsync.state.database import initialise
from sandbox import moodle as standin
from tests.world import CONTROL_COURSE, MARKER, SOURCE_TABLES

TERM1, TERM2 = "2020-21-T1", "2020-21-T2"
CALENDAR = Calendar(
    (
        Term(TERM1, date(2020, 9, 28), date(2020, 12, 18), "LIVE-20-21", "2020", ("T1",)),
        Term(TERM2, date(2021, 1, 11), date(2021, 3, 26), "LIVE-20-21", "2020", ("T2",)),
    )
)
BEFORE_DEACTIVATION = datetime(2020, 11, 18, 6, tzinfo=UTC)
THAT_MORNING = datetime(2021, 2, 26, 10, 10, 49, tzinfo=UTC)

PRODUCTION, STAGING = "production", "staging"
STAGING_ADDRESS = "https://moodle-staging.example.org"
OCCURRENCE, PERIOD = "A6U", "T1"
_PER_GROUP, _PER_COURSE = 12, 60  # members, people enrolled


@dataclass(frozen=True)
class Size:
    """How many there are of everything; the defaults are the post-mortem's."""

    courses: int = 14_000
    affected: int = 323
    groupings: int = 1_950
    groups: int = 2_085
    mappings: int = 113
    added: int = 28  # mappings to be imported ...
    added_courses: int = 11  # ... over so many courses
    removed: int = 1
    departments: int = 12
    people: int = 6_000

    @property
    def objects(self) -> int:
        return self.groupings + self.groups

    @property
    def objects_in_stagings_scope(self) -> int:
        """How many of them belong to what staging maps to be imported or removed."""
        wanted = {(one["course"], one["module"]) for one in stagings_mappings(self) if one["import_groups"] == "1"}
        return sum((thing.of.course, thing.of.module) in wanted for things in listed(self) for thing in things)


WHOLE = Size()
TENTH = Size(
    courses=1_400,
    affected=32,
    groupings=195,
    groups=208,
    mappings=11,
    added=3,
    added_courses=1,
    departments=2,
    people=600,
)


@dataclass(frozen=True)
class Delivery:
    """One module delivery of one affected course; the mapping and the rows name it."""

    course: str
    module: str
    department: str
    period: str = PERIOD
    term: str = TERM1

    @property
    def label(self) -> str:
        return f"{self.module} {OCCURRENCE} {self.period}"


@dataclass(frozen=True)
class Thing:
    """A grouping or group of a delivery; ``inside`` is the group's grouping."""

    of: Delivery
    idnumber: str
    name: str
    inside: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """The files: ``moodle.db``, and a ``state.db`` and ``source.db`` for each of the two deployments."""

    folder: Path
    size: Size
    deployments: dict[str, str]  # environment to deployment id

    @classmethod
    def make(cls, folder: Path, size: Size) -> "Scene":
        """Make all files in an empty folder."""
        ids = {}
        for environment in (PRODUCTION, STAGING):
            (folder / environment).mkdir(parents=True)
            ids[environment] = initialise(f"sqlite:///{folder / environment / 'state.db'}", environment)
        scene = cls(folder, size, ids)
        scene._make_site()
        _fill_ledger(folder / PRODUCTION / "state.db", folder / "moodle.db", size)
        _make_source(folder / PRODUCTION / "source.db", PRODUCTION, productions_mappings(size), *listed(size))
        _make_source(folder / STAGING / "source.db", STAGING, stagings_mappings(size), *tested(size))
        return scene

    def _make_site(self) -> None:
        site, size = self.folder / "moodle.db", self.size
        standin.create_site(site)
        numbered = [_course(number) for number in range(size.courses)]
        courses = [{"shortname": key, "idnumber": key, "fullname": f"Course {key}"} for key in numbered]
        usernames = [_person(number) for number in range(size.people)]
        users = [{"username": u, "idnumber": u.upper(), "email": f"{u}@example.org"} for u in usernames]
        for user in users:
            user |= {"firstname": "Student", "lastname": user["idnumber"]}
        standin.load(
            site,
            courses=[CONTROL_COURSE, *courses],
            users=users,
            enrolments=[
                {"course_idnumber": _course(number), "user_username": username}
                for number in range(size.affected)
                for username in _enrolled(number, size)
            ],
        )
        _fill_site(site, size, marker=f"{PRODUCTION} {self.deployments[PRODUCTION]}")


def deliveries(size: Size) -> list[Delivery]:
    """Three and two modules to a course by turns: the 11 courses of the post-mortem have its 28 mappings."""
    return [
        Delivery(_course(number), f"MOD{number:04}{letter}", f"D{number % size.departments:02}")
        for number in range(size.affected)
        for letter in ("ABC" if number % 2 == 0 else "AB")
    ]


def listed(size: Size) -> tuple[list[Thing], list[Thing]]:
    """What production's source lists: the groupings and the groups."""
    every = deliveries(size)
    return _things(every, size)


def tested(size: Size) -> tuple[list[Thing], list[Thing]]:
    """What the test source lists: as many rows, well-formed, of deliveries that no mapping asks for."""
    every = [replace(one, module=one.module.replace("MOD", "TST")) for one in deliveries(size)]
    return _things(every, size)


def productions_mappings(size: Size) -> list[dict[str, str]]:
    return [_mapping(one, "1", "active") for one in deliveries(size)]


def stagings_mappings(size: Size) -> list[dict[str, str]]:
    """28 to be imported (ADD) over 11 courses, 1 to be removed (RMV), and the others active with the import off."""
    every = deliveries(size)
    first = {_course(number) for number in range(size.added_courses)}
    added = [one for one in every if one.course in first][: size.added]
    rest = [one for one in every if one.course not in first and one.module.endswith("A")]
    removed, others = rest[: size.removed], rest[size.removed : size.mappings - size.added]
    return [
        *(_mapping(one, "1", "active") for one in added),
        *(_mapping(one, "1", "withdrawn") for one in removed),
        *(_mapping(one, "0", "active") for one in others),
    ]


def _things(every: Sequence[Delivery], size: Size) -> tuple[list[Thing], list[Thing]]:
    """Dealt out to the deliveries in turn; a group is in a grouping of its own delivery."""
    groupings = [
        Thing(of, f"{of.module}:S{number // len(every)}", f"{of.module} set {number // len(every)}")
        for number in range(size.groupings)
        for of in [every[number % len(every)]]
    ]
    groups = []
    for number in range(size.groups):
        of, place = every[number % len(every)], number // len(every)
        inside = groupings[number if number < size.groupings else number % len(every)]
        people = _enrolled(int(of.course[1:]), size)
        members = {people[(number * 7 + step * 5) % len(people)] for step in range(_PER_GROUP)}
        name = f"{of.module} TUT{place}"
        groups.append(Thing(of, f"{of.module}:T{place}", name, inside.idnumber, tuple(sorted(members))))
    return groupings, groups


def _course(number: int) -> str:
    return f"C{number:05}"


def _person(number: int) -> str:
    return f"ucab{number:04}"


def _enrolled(course: int, size: Size) -> list[str]:
    return [_person((course * 37 + step) % size.people) for step in range(_PER_COURSE)]


def _mapping(of: Delivery, import_groups: str, status: str) -> dict[str, str]:
    return {
        "course": of.course,
        "module": of.module,
        "occurrence": OCCURRENCE,
        "academic_year": "2020",
        "period": of.period,
        "department": of.department,
        "import_groups": import_groups,
        "status": status,
    }


# --- the files


def _make_source(
    path: Path, environment: str, mappings: Sequence[dict[str, str]], groupings: list[Thing], groups: list[Thing]
) -> None:
    with closing(sqlite3.connect(path)) as link, link:
        link.executescript(SOURCE_TABLES)
        link.execute("UPDATE groupsync_stamp SET environment = ?", [environment])
        _list(link, mappings, groupings, groups)


def list_term2(path: Path, size: Size) -> None:
    """The source lists Term 2 beside Term 1: other modules of the same courses, as many things, all mapped."""
    every = [replace(one, module=one.module.replace("MOD", "SPR"), period="T2", term=TERM2) for one in deliveries(size)]
    with closing(sqlite3.connect(path)) as link, link:
        _list(link, [_mapping(one, "1", "active") for one in every], *_things(every, size))


def _list(
    link: sqlite3.Connection, mappings: Sequence[dict[str, str]], groupings: list[Thing], groups: list[Thing]
) -> None:
    _insert(link, "remote_mappings", mappings)
    _insert(link, "remote_groupings", (_row(thing) for thing in groupings))
    _insert(link, "remote_groups", (_row(thing) | {"grouping": thing.inside} for thing in groups))
    _insert(link, "remote_memberships", _membership_rows(groups))


def _row(thing: Thing) -> dict[str, Any]:
    return {
        "course": thing.of.course,
        "idnumber": thing.idnumber,
        "name": thing.name,
        "description": "",
        **_of(thing.of),
    }


def _of(of: Delivery) -> dict[str, str]:
    return {"module": of.module, "occurrence": OCCURRENCE, "period": of.period, "term": of.term}


def _membership_rows(groups: Iterable[Thing]) -> Iterator[dict[str, Any]]:
    for group in groups:
        for user in group.members:
            yield {"course": group.of.course, "group_idnumber": group.idnumber, "user_key": user, **_of(group.of)}


def _fill_site(path: Path, size: Size, marker: str) -> None:
    groupings, groups = listed(size)
    with closing(sqlite3.connect(path)) as link, link:
        course_ids = dict(link.execute("SELECT idnumber, id FROM mdl_course"))
        user_ids = dict(link.execute("SELECT username, id FROM mdl_user"))
        control = {"courseid": course_ids[CONTROL_COURSE["idnumber"]], "name": marker, "idnumber": MARKER}
        made = int(datetime(2020, 10, 5, tzinfo=UTC).timestamp())
        for table, things in (("mdl_groupings", groupings), ("mdl_groups", groups)):
            common = {"description": "", "descriptionformat": 1, "timecreated": made, "timemodified": made}
            rows = [
                {"courseid": course_ids[t.of.course], "name": t.name, "idnumber": t.idnumber, **common} for t in things
            ]
            _insert(link, table, [{**control, **common}, *rows] if table == "mdl_groupings" else rows)
        grouping_ids = dict(link.execute("SELECT idnumber, id FROM mdl_groupings"))
        group_ids = dict(link.execute("SELECT idnumber, id FROM mdl_groups"))
        links = [{"groupingid": grouping_ids[g.inside], "groupid": group_ids[g.idnumber]} for g in groups]
        _insert(link, "mdl_groupings_groups", links)
        members = sorted((user_ids[user], group_ids[g.idnumber]) for g in groups for user in g.members)
        _insert(link, "mdl_groups_members", ({"userid": user, "groupid": group} for user, group in members))


def _fill_ledger(path: Path, site: Path, size: Size) -> None:
    """What the run that made all this wrote down: objects, links and memberships, claimed by Term 1."""
    groupings, groups = listed(size)
    with closing(sqlite3.connect(site)) as moodle:
        course_ids = dict(moodle.execute("SELECT idnumber, id FROM mdl_course"))
        user_ids = dict(moodle.execute("SELECT username, id FROM mdl_user"))
        grouping_ids = dict(moodle.execute("SELECT idnumber, id FROM mdl_groupings"))
        group_ids = dict(moodle.execute("SELECT idnumber, id FROM mdl_groups"))

    def common(thing: Thing) -> dict[str, Any]:
        return {"course_id": course_ids[thing.of.course], "module": thing.of.label, "terms": TERM1}

    with closing(sqlite3.connect(path)) as link, link:
        for kind, things, ids in (("grouping", groupings, grouping_ids), ("group", groups, group_ids)):
            _insert(
                link,
                "ledger_object",
                (
                    {"kind": kind, "moodle_id": ids[t.idnumber], "course": t.of.course, "idnumber": t.idnumber}
                    | {"name": t.name, "description": "", **common(t)}
                    for t in things
                ),
            )
        _insert(
            link,
            "ledger_link",
            (
                {"grouping_id": grouping_ids[g.inside], "group_id": group_ids[g.idnumber], "gone": 0, **common(g)}
                for g in groups
            ),
        )
        _insert(
            link,
            "ledger_membership",
            (
                {"group_id": group_ids[g.idnumber], "user_id": user_ids[user], "user": user, **common(g)}
                for g in groups
                for user in g.members
            ),
        )


def copy_tables(of: Path, to: Path, *tables: str) -> None:
    """Put the rows that tables have in one file in place of those they have in another."""
    with closing(sqlite3.connect(to)) as link, link:
        link.execute("ATTACH DATABASE ? AS other", [str(of)])
        for table in tables:
            link.execute(f"DELETE FROM main.{table}")
            link.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")


def renumber(state: Path, by: int) -> None:
    """Move all of Moodle's numbers in a ledger: they are now those of other objects."""
    columns = {
        "ledger_object": ["moodle_id"],
        "ledger_link": ["grouping_id", "group_id"],
        "ledger_membership": ["group_id"],
    }
    with closing(sqlite3.connect(state)) as link, link:
        for table, several in columns.items():
            for column in several:
                # Far away first: on the way a number would meet its neighbour's.
                for step in (1_000_000, by - 1_000_000):
                    link.execute(f"UPDATE {table} SET {column} = {column} + ?", [step])


def copy_database(of: Path, to: Path) -> None:
    """Put a state database in another's place, stamp and all, as a restore from a back-up does."""
    for path in (to, *to.parent.glob(f"{to.name}-*")):
        path.unlink(missing_ok=True)
    shutil.copy(of, to)


def _insert(link: sqlite3.Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    every = list(rows)
    if every:
        names = list(every[0])
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        link.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})", ([row[n] for n in names] for row in every)
        )
