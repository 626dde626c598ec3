"""The kinds of dirt that student records have, each with what becomes of it: the rows that it spoils, and nothing else.

A kind is injected into a clean source whose groups are in Moodle and in the ledger: ``NATIVE`` into CMIS, SITS and the
mappings as they are, ``TABLES`` into three ready-made tables, where the native tables could not hold it.
"""
# ruff: noqa: S608 (the tables in its SQL are its own)

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NATIVE, TABLES = "native", "tables"
THROUGH, ASIDE, LEFT_OUT, REPORTED = "goes through", "set aside", "left out by rule", "reported"
FROZEN, WAITS, STOPS = "frozen", "waits", "stops the run"

Statement = tuple[str, tuple[Any, ...]]
Reason = tuple[str, str, str]  # dataset, rule, reason
Change = tuple[str, ...]

SET, LAST_SET, C1 = "LIVE-26-27", "LIVE-25-26", "ARTS0001-26-27"
INSTANCE, DELIVERY = "A6U-T1", "LIVE-26-27:ARTS0001:A6U-T1"
TUT1, TUT9 = f"{DELIVERY}:TUT1", f"{DELIVERY}:TUT9"
_TUT1 = "setid = 'LIVE-26-27' AND moduleid = 'ARTS0001' AND grpcode = 'TUT1'"
_ANN = "setid = 'LIVE-26-27' AND studentid = '90000001'"
_WATCHED = {
    "C1": "an active mapping has no groups",
    "K5": "keys that stand in several rows",
    "M2": "memberships of a group that is not listed",
}
_CHANGES = {
    ("group", "update"): "the group is named so",
    ("group", "create"): "the group is made, empty",
    ("link", "create"): "it is put into its grouping",
}


@dataclass(frozen=True)
class Kind:
    """``aside``: why rows are quarantined, as (dataset, rule, reason), and of how many rows (``rows_aside``).

    ``reported``: (rule, how the reason begins) of the other findings; ``watched``: the rules of the watch expectations
    that fail; ``left_out``: (person, why) of who is not taken.  ``changes``: what the plan does because of it.  Beside
    that the plan has the good change of the source, unless that waits too (``nothing_else``).
    ``trips``: the circuit breaker's rules because of which something waits.  ``stops``: what the failing task says.
    ``files``: statements that are edited, with the old and the new text.
    """

    name: str
    where: str
    outcome: str
    sql: tuple[Statement, ...] = ()
    place: str = NATIVE
    aside: frozenset[Reason] = frozenset()
    rows_aside: int = 0
    reported: tuple[tuple[str, str], ...] = ()
    watched: frozenset[str] = frozenset()
    left_out: tuple[tuple[str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    nothing_else: bool = False
    trips: frozenset[str] = frozenset()
    stops: str = ""
    files: tuple[tuple[str, str, str], ...] = ()

    @property
    def becomes(self) -> str:
        """In words, for the table."""
        told = [f"{dataset}: {rule}, {reason}" for dataset, rule, reason in sorted(self.aside)]
        told += [f"{rule}, {reason}" for rule, reason in self.reported]
        told += sorted({reason for _, reason in self.left_out})
        told += [self.stops] if self.stops else []
        told += [_CHANGES[change[0], change[1]] for change in self.changes]
        told += [f"circuit breaker: `{rule}`" for rule in sorted(self.trips)]
        told += [f"watched: {_WATCHED[rule]}" for rule in sorted(self.watched)]
        return "; ".join(told) or "nothing changes"


# --- how dirt is written down


def sql(*statements: str, values: tuple[Any, ...] = ()) -> tuple[Statement, ...]:
    return tuple((one, values) for one in statements)


def spoilt(column: str, value: Any) -> tuple[Statement, ...]:
    """TUT1's row of MODULEGROUPS with another value."""
    return sql(f"UPDATE modulegroups SET {column} = ? WHERE {_TUT1}", values=(value,))


def of_ann(change: str, *values: Any) -> tuple[Statement, ...]:
    """One student, who is in a group of each module."""
    return sql(f"{change} WHERE {_ANN}", values=values)


def of_mapping(change: str) -> tuple[Statement, ...]:
    return sql(f"UPDATE group_mappings SET {change} WHERE module = 'ARTS0001'")


def node(code: str, name: str, instid: int = 1, parent: int | None = None) -> Statement:
    """One more row of MODULEGROUPS."""
    return (
        "INSERT INTO modulegroups (setid, moduleid, grpcode, name, instid, parentkey, thiskey)"
        " VALUES (?, 'ARTS0001', ?, ?, ?, ?, (SELECT MAX(thiskey) + 1 FROM modulegroups))",
        (SET, code, name, instid, parent),
    )


def seat(student: str, code: str, **flags: str) -> Statement:
    """One more row of STUMODULES."""
    row = {"setid": SET, "moduleid": "ARTS0001", "studentid": student, "modgrpcode": code, "instid": 1, **flags}
    return f"INSERT INTO stumodules ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())


def student(number: str, upi: str) -> Iterable[Statement]:
    """One more student of CMIS and SITS, registered for ARTS0001."""
    yield "INSERT INTO students (setid, studentid, qtype2) VALUES (?, ?, ?)", (SET, number, upi)
    yield "INSERT INTO ins_spr (spr_code, spr_stuc) VALUES (?, ?)", (f"{number}/1", number)
    taken = (f"{number}/1", "ARTS0001", "A6U", "2026", "T1")
    yield "INSERT INTO cam_smo (spr_code, mod_code, mav_occur, ayr_code, psl_code) VALUES (?, ?, ?, ?, ?)", taken


def remote_group(idnumber: str) -> tuple[Statement, ...]:
    """One more group of the ready-made tables."""
    return sql("INSERT INTO remote_groups (course, idnumber, name) VALUES ('C1', ?, 'More')", values=(idnumber,))


def why(dataset: str, rule: str, *reasons: str) -> frozenset[Reason]:
    return frozenset((dataset, rule, reason) for reason in reasons)


def aside(
    name: str, where: str, injected: Iterable[Statement], reasons: frozenset[Reason], rows: int = 1, **more: Any
) -> Kind:
    return Kind(name, where, ASIDE, tuple(injected), aside=reasons, rows_aside=rows, **more)


def bad_name(name: str, value: Any, *reasons: Reason) -> Kind:
    return aside(name, "MODULEGROUPS.NAME", spoilt("name", value), frozenset(reasons))


def good_name(name: str, value: str) -> Kind:
    renamed = (("group", "update", C1, TUT1),)
    return Kind(name, "MODULEGROUPS.NAME", THROUGH, spoilt("name", value), changes=renamed)


def bad_code(name: str, value: Any, reason: str) -> Kind:
    """The group's members then name one that is not listed, and Moodle still has it."""
    return aside(
        name, "MODULEGROUPS.GRPCODE", spoilt("grpcode", value), why("groups", "K4", reason), watched=frozenset({"M2"})
    )


def bad_person(name: str, injected: tuple[Statement, ...], reason: str) -> Kind:
    return aside(name, "STUDENTS.QTYPE2", injected, why("memberships", "K4", reason), rows=3)


def left_out(name: str, where: str, reason: str, *injected: Statement) -> Kind:
    return Kind(name, where, LEFT_OUT, injected, left_out=(("zzflo06", reason),))
