"""Restrict access: what a condition tree says of one user, and the sentence that Moodle shows of it.

Conditions on groups and groupings are judged as Moodle does; all others (dates, completion, grades) count as met.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.moodle.database import Database, Row
from sandbox.moodle.text import format_string

_HEADERS = {True: ("Not available unless:", "All of:"), False: ("Not available unless any of:", "Any of:")}
_MISSING = {"group": "(Missing group)", "grouping": "(Missing grouping)"}


@dataclass(frozen=True)
class Availability:
    """Whether what is restricted is available, and the HTML that says why not, if that is shown at all."""

    available: bool
    reason: str = ""


@dataclass(frozen=True)
class Person:
    """Whose access is asked for, in which course; who may access all groups meets every condition on groups."""

    database: Database
    userid: int
    courseid: int
    accesses_all_groups: bool


@dataclass(frozen=True)
class _Unmet:
    """What is missing: a sentence, or several parts of which every one or any one is needed."""

    text: str = ""
    parts: tuple["_Unmet", ...] = ()
    every: bool = True


class _GroupingGone(Exception):
    """A condition on the activity's own grouping, where it has none any more: Moodle closes the activity."""


def judge(person: Person, restriction: str | None, *, visible: bool, own_groupingid: int = 0) -> Availability:
    """Judge a restriction's JSON; what is hidden anyway gives no reason."""
    if not restriction:
        return Availability(True)
    tree: Row = json.loads(restriction)
    try:
        found, every = _children(person, tree, False, own_groupingid)
    except _GroupingGone:
        return Availability(False)
    whole = _combined(found, every)
    if whole is None:
        return Availability(True)
    shown = tree.get("showc") or [tree.get("show", True)] * len(found)
    is_shown = visible and all(show for show, part in zip(shown, found, strict=True) if part)
    return Availability(False, _sentence(whole, root=True) if is_shown else "")


def _children(person: Person, tree: Row, negated: bool, own_groupingid: int) -> tuple[list[_Unmet | None], bool]:
    """What each child lacks, and whether all are needed: NOT (a AND b) is (NOT a) OR (NOT b)."""
    inner = negated != tree["op"].startswith("!")
    found = [_unmet(person, child, inner, own_groupingid) for child in tree["c"]]
    return found, tree["op"].endswith("&") != inner


def _combined(found: list[_Unmet | None], every: bool) -> _Unmet | None:
    parts = tuple(part for part in found if part)
    if not parts or (not every and len(parts) < len(found)):
        return None
    return _Unmet(parts=parts, every=every)


def _unmet(person: Person, node: Row, negated: bool, own_groupingid: int) -> _Unmet | None:
    if "op" in node:
        return _combined(*_children(person, node, negated, own_groupingid))
    if node.get("type") not in _MISSING or person.accesses_all_groups:
        return None
    return _unmet_condition(person, node, negated, own_groupingid)


def _unmet_condition(person: Person, condition: Row, negated: bool, own_groupingid: int) -> _Unmet | None:
    kind, wanted = condition["type"], condition.get("id", 0)
    if kind == "grouping" and condition.get("activity"):
        wanted = own_groupingid
    if kind == "grouping" and not wanted:
        raise _GroupingGone
    if _belongs(person, kind, wanted) != negated:
        return None
    verb = "You do not belong to" if negated else "You belong to"
    if not wanted:
        return _Unmet(f"{verb} any group")
    name = f"<strong>{_name(person, kind, wanted)}</strong>"
    return _Unmet(f"{verb} {name}" if kind == "group" else f"{verb} a group in {name}")


def _belongs(person: Person, kind: str, wanted: int) -> bool:
    sql = (
        "SELECT 1 FROM mdl_groups_members m JOIN mdl_groups g ON g.id = m.groupid"
        " LEFT JOIN mdl_groupings_groups l ON l.groupid = g.id WHERE m.userid = ? AND g.courseid = ?"
    )
    values: list[Any] = [person.userid, person.courseid]
    if wanted:
        sql += " AND g.id = ?" if kind == "group" else " AND l.groupingid = ?"
        values.append(wanted)
    return person.database.exists(sql, values)


def _name(person: Person, kind: str, wanted: int) -> str:
    """A group or grouping of another course is as good as missing."""
    row = person.database.find(f"{kind}s", id=wanted, courseid=person.courseid)
    return format_string(row["name"]) if row else _MISSING[kind]


def _sentence(unmet: _Unmet, *, root: bool, indent: str = "") -> str:
    if unmet.text:
        return f"Not available unless: {unmet.text}" if root else unmet.text
    if len(unmet.parts) == 1:
        return _sentence(unmet.parts[0], root=root, indent=indent)
    header = _HEADERS[unmet.every][0 if root else 1]
    name = f'id="availability-tree-{secrets.token_hex(7)[:13]}" ' if root else ""
    deeper = indent + " " * 8
    items = "".join(
        f"{deeper}<li>\n{deeper}    {_sentence(part, root=False, indent=deeper + '    ')}\n{deeper}</li>\n"
        for part in unmet.parts
    )
    return f'{header}\n{indent}<ul  {name} data-region="availability-multiple">\n{items}{indent}</ul>'
