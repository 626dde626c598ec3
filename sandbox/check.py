"""The check: does Moodle equal what the source says? Written apart from the engine, so as to doubt it.

It shares no code and no SQL with what it checks: plain dictionaries and loops over the native tables, by the
rules of the design (their numbers stand in the comments). It looks at one moment and knows no history, so
what history excuses (links moved by hand, pinned people, courses that were frozen after a sync) is handed
in, or shows as a difference.

    python -m sandbox.check --source sqlite:///source.db --moodle moodle.db --term 2026-27-T1
"""

import argparse
import re
import sqlite3
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text


@dataclass(frozen=True)
class Binds:
    """What narrows the source to one term."""

    setid: str
    academic_year: str
    periods: tuple[str, ...]


TERMS = {
    "2026-27-T1": Binds("LIVE-26-27", "2026", ("T1", "T1/2", "T1/2/3", "YEAR")),
    "2026-27-T2": Binds("LIVE-26-27", "2026", ("T2", "T1/2", "T2/3", "T1/2/3", "YEAR")),
    "2026-27-T3": Binds("LIVE-26-27", "2026", ("T3", "T2/3", "T1/2/3", "YEAR")),
}
OURS = "LIVE-"  # every idnumber of this source starts with a set of CMIS
LIMITS = {"grouping": 255, "group": 254}  # K4


@dataclass
class Row:
    """A grouping or group as one source row says it."""

    name: str
    description: str
    grouping: str | None = None


@dataclass
class Wanted:
    """What one course should hold; every dictionary is keyed by idnumber.

    protected holds the idnumbers, per kind, that bad rows keep from being deleted (K6); all_protected the
    kinds of which a row without idnumber protects everything in the course.
    """

    groupings: dict[str, Row] = field(default_factory=dict)
    groups: dict[str, Row] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    protected: dict[str, set[str]] = field(default_factory=lambda: {"grouping": set(), "group": set()})
    all_protected: set[str] = field(default_factory=set)
    members_protected: set[str] = field(default_factory=set)


# ---- the source ----------------------------------------------------------------------------------------


def desired(source_url: str, binds: Binds) -> dict[str, Wanted]:
    """Return what each course with an active mapping should hold, by the course's idnumber."""
    engine = create_engine(source_url)
    with engine.connect() as source:
        deliveries, mapped = _deliveries(source, binds), _active_mappings(source, binds)
        tree = _rows_by_delivery(source, binds, "modulegroups", "grpcode, name, thiskey, parentkey")
        taken = _rows_by_delivery(source, binds, "stumodules", "modgrpcode, studentid, inactive, moddropped")
        titles = _rows_by_delivery(source, binds, "module", "name")
        people = _people(source, binds)
    engine.dispose()
    courses: dict[str, Wanted] = {}
    for course, keys in mapped.items():
        kinds: dict[str, list[tuple[str | None, Row]]] = {"grouping": [], "group": []}
        courses[course] = wanted = Wanted()
        for module, instcode in keys:
            delivery = (module, deliveries.get(instcode, -1))
            idnumber = f"{binds.setid}:{module}:{instcode}:"
            for title in {row[0] for row in titles[delivery]} or {None}:
                for kind, code, row in _read_tree(tree[delivery], idnumber, _text(title)):
                    kinds[kind].append((code, row))
            _read_members(wanted, taken[delivery], idnumber, people)
        wanted.groupings = _settle(wanted, "grouping", kinds["grouping"])
        wanted.groups = _settle(wanted, "group", kinds["group"])
    return courses


def _deliveries(source: Connection, binds: Binds) -> dict[str, int]:
    rows = source.execute(text("SELECT instcode, instid FROM cminstances WHERE setid = :setid"), {"setid": binds.setid})
    return {_key(instcode): instid for instcode, instid in rows}


def _active_mappings(source: Connection, binds: Binds) -> dict[str, set[tuple[str, str]]]:
    """C1: {course: {(module, instcode)}}; a row that lacks part of its key is no mapping (K4)."""
    rows = source.execute(
        text(
            "SELECT course, module, occurrence, period, academic_year, status, import_groups, department"
            " FROM group_mappings"
        )
    )
    states: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for row in rows:
        *key, year, status, switch, department = (_key(value) for value in row)
        if year == binds.academic_year and key[3] in binds.periods and all(key):
            states[tuple(key)].add((status, switch, department))
    active: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for (course, module, occurrence, period), values in states.items():
        # K5: two rows of one key that say different things are both bad.
        if len(values) == 1 and next(iter(values))[:2] == ("active", "Y"):
            active[course].add((module, f"{occurrence}-{period}"))
    return active


def _rows_by_delivery(
    source: Connection, binds: Binds, table: str, columns: str
) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    rows = source.execute(
        text(f"SELECT moduleid, instid, {columns} FROM {table} WHERE setid = :setid"), {"setid": binds.setid}
    )
    found: dict[tuple[str, int], list[tuple[Any, ...]]] = defaultdict(list)
    for module, instid, *rest in rows:
        found[_key(module), instid].append(tuple(rest))
    return found


def _people(source: Connection, binds: Binds) -> dict[str, set[str]]:
    """{student number: usernames}, folded: usernames match without regard to case (K3)."""
    rows = source.execute(text("SELECT studentid, qtype2 FROM students WHERE setid = :setid"), {"setid": binds.setid})
    people: dict[str, set[str]] = defaultdict(set)
    for number, upi in rows:
        people[_key(number)].add(_key(upi).casefold())
    return people


def _read_tree(rows: list[tuple[Any, ...]], prefix: str, title: str) -> Iterator[tuple[str, str | None, Row]]:
    """The tree of one delivery: a row that is some row's parent makes a grouping, any other a group."""
    parents = {parent for _, _, _, parent in rows if parent is not None}
    code_of = {key: _key(code) for code, _, key, _ in rows}
    for code, name, key, parent in rows:
        idnumber = prefix + _key(code) if _key(code) else None
        shown = _name(name) or idnumber or ""  # G2, P2
        if key in parents:
            yield "grouping", idnumber, Row(shown, title)
        else:
            above = code_of.get(parent)
            yield "group", idnumber, Row(shown, title, prefix + above if above else None)


def _read_members(wanted: Wanted, rows: list[tuple[Any, ...]], prefix: str, people: dict[str, set[str]]) -> None:
    for code, number, inactive, dropped in rows:
        if not _key(code) or inactive == "Y" or dropped == "Y":
            continue
        for username in people.get(_key(number)) or {""}:
            if username:
                wanted.members[prefix + _key(code)].add(username)
            else:
                wanted.members_protected.add(prefix + _key(code))  # K6: half a key


def _settle(wanted: Wanted, kind: str, rows: list[tuple[str | None, Row]]) -> dict[str, Row]:
    """Quarantine (K4, K5, K7), then settle names that collide (P8)."""
    by_idnumber: dict[str, list[Row]] = defaultdict(list)
    for idnumber, row in rows:
        if idnumber is None:
            wanted.all_protected.add(kind)
        elif row not in by_idnumber[idnumber]:
            by_idnumber[idnumber].append(row)
    good = {}
    for idnumber, alternatives in by_idnumber.items():
        bad_key = len(idnumber) > 100 or _has_control(idnumber)
        if len(alternatives) > 1 or bad_key or _refused(alternatives[0].name, LIMITS[kind]):
            wanted.protected[kind].add(idnumber)
        else:
            good[idnumber] = alternatives[0]
    # K7's look-alike idnumbers (7 and 007) need no look here: none that starts with LIVE- is a number.
    return _suffix(wanted, kind, good)


def _suffix(wanted: Wanted, kind: str, good: dict[str, Row]) -> dict[str, Row]:
    uses = Counter(row.name for row in good.values())
    names = {i: row.name if uses[row.name] == 1 else f"{row.name} ({i})" for i, row in good.items()}
    again = Counter(names.values())
    settled = {}
    for idnumber, row in good.items():
        clash = uses[row.name] > 1 and again[names[idnumber]] > 1
        if clash or len(names[idnumber]) > LIMITS[kind]:
            wanted.protected[kind].add(idnumber)
        else:
            settled[idnumber] = Row(names[idnumber], row.description, row.grouping)
    return settled


def _refused(name: str, limit: int) -> bool:
    """K4 and K7: what Moodle's cleaning of names would change or refuse."""
    plain = re.sub(r'<span\s+lang="[\w-]+"\s+class="multilang"\s*>|<span\s+class="multilang"[^>]*>|</span>',
                   "", name) if "multilang" in name else name  # fmt: skip
    return len(name) > limit or _has_control(name) or re.search(r"<(\S|$)", plain) is not None


def _has_control(value: str) -> bool:
    return any(unicodedata.category(letter) == "Cc" for letter in value)


def _key(value: str | None) -> str:
    """K3: trimmed and NFC-normalised; absent is ''."""
    return unicodedata.normalize("NFC", (value or "").strip())


def _name(value: str | None) -> str:
    """K3: trimmed as PHP trims, and empty when it is white space only."""
    return (value or "").strip(" \t\n\r\0\x0b") if (value or "").strip() else ""


def _text(value: str | None) -> str:
    return (value or "").strip()


# ---- Moodle --------------------------------------------------------------------------------------------


@dataclass
class Held:
    """What one course of Moodle holds: objects by Moodle's id, as (idnumber, name, description)."""

    groupings: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    groups: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    links: list[tuple[int, int]] = field(default_factory=list)  # (groupid, groupingid)
    members: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    enrolled: set[str] = field(default_factory=set)


def held(moodle_database: Path) -> dict[str, list[Held]]:
    """Return what Moodle holds by course idnumber; two courses of one idnumber are both listed (K3)."""
    with closing(sqlite3.connect(f"file:{moodle_database}?mode=ro", uri=True)) as moodle:
        courses = {id_: (_key(idnumber), Held()) for id_, idnumber in
                   moodle.execute("SELECT id, idnumber FROM mdl_course")}  # fmt: skip
        place = {}
        for id_, course, *fields in moodle.execute(
            "SELECT id, courseid, idnumber, name, description FROM mdl_groupings"
        ):
            courses[course][1].groupings[id_] = _held(*fields)
        for id_, course, *fields in moodle.execute("SELECT id, courseid, idnumber, name, description FROM mdl_groups"):
            courses[course][1].groups[id_] = _held(*fields)
            place[id_] = course
        for grouping, group in moodle.execute(
            "SELECT l.groupingid, l.groupid FROM mdl_groupings_groups l JOIN mdl_groups g ON g.id = l.groupid"
        ):
            courses[place[group]][1].links.append((group, grouping))
        for group, username in moodle.execute(
            "SELECT m.groupid, u.username FROM mdl_groups_members m JOIN mdl_user u ON u.id = m.userid"
            " JOIN mdl_groups g ON g.id = m.groupid"
        ):
            courses[place[group]][1].members[group].add(_key(username).casefold())
        for course, username in moodle.execute(
            "SELECT e.courseid, u.username FROM mdl_user_enrolments ue"
            " JOIN mdl_enrol e ON e.id = ue.enrolid JOIN mdl_user u ON u.id = ue.userid"
        ):
            courses[course][1].enrolled.add(_key(username).casefold())
    found: dict[str, list[Held]] = defaultdict(list)
    for idnumber, course_held in courses.values():
        found[idnumber].append(course_held)
    return found


def _held(idnumber: str | None, name: str | None, description: str | None) -> tuple[str, str, str]:
    return _key(idnumber), _name(name), _text(description)


# ---- the two compared ----------------------------------------------------------------------------------


def differences(
    source_url: str,
    moodle_database: Path,
    binds: Binds,
    *,
    added_by_hand: Collection[tuple[str, str, str]] = (),
    ignore_courses: Collection[str] = (),
) -> list[str]:
    """Return one line per difference between Moodle and what the source says, sorted; none: [].

    added_by_hand: (course idnumber, group idnumber, username) that somebody else put in. ignore_courses:
    course idnumbers that are not looked at, such as those frozen after they were synced.
    """
    return compare(
        desired(source_url, binds),
        held(moodle_database),
        added_by_hand=added_by_hand,
        ignore_courses=ignore_courses,
    )


def compare(
    wanted: dict[str, Wanted],
    moodle: dict[str, list[Held]],
    *,
    added_by_hand: Collection[tuple[str, str, str]] = (),
    ignore_courses: Collection[str] = (),
) -> list[str]:
    """Return the differences between the two sides as `desired` and `held` give them."""
    excused = {(course, group, username.casefold()) for course, group, username in added_by_hand}
    found: list[str] = []
    for course, copies in moodle.items():
        if course in ignore_courses:
            continue
        # K3: an idnumber that two courses share is neither's, so nothing may be there.
        want = wanted.get(course) if course and len(copies) == 1 else None
        for have in copies:
            if want is None:
                found += _strangers(course, have)
            else:
                found += [f"{course}: {line}" for line in _in_course(course, want, have, excused)]
    return sorted(found)


def _strangers(course: str, have: Held) -> Iterator[str]:
    for kind, things in (("grouping", have.groupings), ("group", have.groups)):
        for idnumber, name, _ in things.values():
            if idnumber.startswith(OURS):
                yield f"{course}: {kind} {idnumber} ({name}) is in a course without an active mapping"


def _in_course(course: str, want: Wanted, have: Held, excused: set[tuple[str, str, str]]) -> Iterator[str]:
    yield from _objects(want, "grouping", want.groupings, have.groupings)
    yield from _objects(want, "group", want.groups, have.groups)
    yield from _links(want, have)
    for idnumber, name, number in _single(have.groups):
        listed = want.members.get(idnumber, set())
        there = have.members[number]
        for username in sorted((listed & have.enrolled) - there):
            if idnumber in want.groups:
                yield f"group {idnumber} ({name}) lacks {username}"
        protected = _is_protected(want, "group", idnumber) or idnumber in want.members_protected
        for username in sorted(there - listed):
            if idnumber in want.groups and not protected and (course, idnumber, username) not in excused:
                yield f"group {idnumber} ({name}) has {username}, whom the source does not list"


def _objects(
    want: Wanted, kind: str, expected: dict[str, Row], there: dict[int, tuple[str, str, str]]
) -> Iterator[str]:
    by_idnumber: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for idnumber, name, description in there.values():
        by_idnumber[idnumber].append((name, description))
    # G4, G8: a name held by something that is not ours to rename excuses what should have it.
    names_taken = {name for idnumber, name, _ in there.values() if idnumber not in expected}
    for idnumber, row in expected.items():
        copies = by_idnumber.get(idnumber, [])
        if len(copies) > 1:
            yield f"{kind} {idnumber} is there {len(copies)} times"
        elif not copies and row.name not in names_taken:
            yield f"{kind} {idnumber} ({row.name}) is missing"
        for name, description in copies[:1]:
            if name != row.name and row.name not in names_taken:
                yield f"{kind} {idnumber} is named {name!r}, not {row.name!r}"
            if description != row.description:
                yield f"{kind} {idnumber} has description {description!r}, not {row.description!r}"
    for idnumber in by_idnumber:
        if idnumber.startswith(OURS) and idnumber not in expected and not _is_protected(want, kind, idnumber):
            yield f"{kind} {idnumber} is not in the source"


def _links(want: Wanted, have: Held) -> Iterator[str]:
    groups = {number: idnumber for idnumber, _, number in _single(have.groups)}
    groupings = {number: idnumber for idnumber, _, number in _single(have.groupings)}
    there = {(groups[g], groupings[p]) for g, p in have.links if g in groups and p in groupings}
    expected = {
        (idnumber, row.grouping)
        for idnumber, row in want.groups.items()
        if idnumber in groups.values() and row.grouping in groupings.values()
    }
    for group, grouping in sorted(expected - there):
        yield f"group {group} is not in grouping {grouping}"
    for group, grouping in sorted(there - expected):
        if group in want.groups and grouping in want.groupings:
            yield f"group {group} is in grouping {grouping}, where the source has it not"
    if len(have.links) != len(set(have.links)):
        yield "a link is there twice"


def _single(there: dict[int, tuple[str, str, str]]) -> list[tuple[str, str, int]]:
    """The objects that one idnumber names, as (idnumber, name, Moodle's id)."""
    uses = Counter(idnumber for idnumber, _, _ in there.values())
    return [(i, name, number) for number, (i, name, _) in there.items() if i and uses[i] == 1]


def _is_protected(want: Wanted, kind: str, idnumber: str) -> bool:
    return kind in want.all_protected or idnumber in want.protected[kind]


def main() -> None:
    """Print the differences and exit with 1, or one line that says how much was compared."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.check")
    parser.add_argument("--source", required=True, help="SQLAlchemy URL of the SITS and CMIS tables")
    parser.add_argument("--moodle", required=True, type=Path, help="the Moodle stand-in's database file")
    parser.add_argument("--term", choices=TERMS, default="2026-27-T1")
    parser.add_argument("--ignore-course", action="append", default=[], metavar="IDNUMBER")
    asked = parser.parse_args()
    wanted, moodle = desired(asked.source, TERMS[asked.term]), held(asked.moodle)
    found = compare(wanted, moodle, ignore_courses=asked.ignore_course)
    if found:
        print("\n".join(found))
        sys.exit(1)
    here = [want for course, want in wanted.items() if course in moodle]
    print(
        f"Moodle equals the source: {len(here)} courses, {sum(len(w.groupings) for w in here)} groupings,"
        f" {sum(len(w.groups) for w in here)} groups,"
        f" {sum(len(m) for w in here for m in w.members.values())} memberships listed"
    )


if __name__ == "__main__":
    main()
