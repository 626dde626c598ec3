"""University: one sample of SITS, CMIS, the mapping table and the Moodle side that goes with them."""

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

import numpy as np
import pandas as pd
from sqlalchemy import Integer

from sandbox.university import registration, teaching
from sandbox.university.calendar import CURRENT, PREVIOUS, Year, instance_rows
from sandbox.university.choice import below
from sandbox.university.odd_rows import odd_rows
from sandbox.university.people import people, sits_rows, student_rows, user_rows
from sandbox.university.schema import METADATA
from sandbox.university.size import SIZES, Size
from sandbox.university.words import DEPARTMENTS

MOODLE_COLUMNS = MappingProxyType(
    {
        "courses": ("shortname", "idnumber", "fullname", "visible"),
        "users": ("username", "idnumber", "email", "firstname", "lastname"),
        "enrolments": ("course_idnumber", "user_username", "status"),
    }
)
TIMETABLED_GROUPS = 200  # a timetable of everything would be of use to nobody here

Parts = dict[str, list[pd.DataFrame]]


@dataclass(frozen=True)
class University:
    """The database's tables by name, and what Moodle holds before any sync.

    tables: the columns of `schema.py`; text as str, numbers as Int64, NULL as missing, nothing padded.
    courses: shortname, idnumber, fullname (str), visible (int64). users: username (the lower-case UPI),
    idnumber (student number), email, firstname, lastname (str). enrolments: course_idnumber, user_username
    (str), status (int64; 0 active, 1 suspended).
    """

    size: Size
    seed: int
    tables: dict[str, pd.DataFrame]
    courses: pd.DataFrame
    users: pd.DataFrame
    enrolments: pd.DataFrame

    def digest(self) -> str:
        """Return the SHA-256 of every value, so that two samples can be compared in one line."""
        total = sha256()
        frames = self.tables | {name: getattr(self, name) for name in MOODLE_COLUMNS}
        for name, frame in sorted(frames.items()):
            total.update(f"{name}|{len(frame)}\n".encode())
            for column in frame:
                text = frame[column].astype("str").fillna("\0")
                total.update("\x1f".join([column, *text]).encode())
        return total.hexdigest()


def generate(size: str | Size, seed: int = 1) -> University:
    """Return the sample of a size ("small", "medium", "ucl" or a Size); the same for ever for one seed."""
    size = SIZES[size] if isinstance(size, str) else size
    departments = [code for code, _ in DEPARTMENTS[: max(4, min(len(DEPARTMENTS), size.courses // 6))]]
    everyone = people(size.students, departments, seed)
    parts: Parts = defaultdict(list)
    for name, rows in odd_rows().items():
        parts[name].append(pd.DataFrame(rows))
    _add_year(parts, CURRENT, size.courses, everyone, departments, seed)
    _add_year(parts, PREVIOUS, size.previous_courses, everyone[: size.students // 2], departments, seed)
    for name, frame in sits_rows(everyone).items():
        parts[name].append(frame)
    parts["users"].append(user_rows(everyone))
    parts["depts"].append(pd.DataFrame(DEPARTMENTS[: len(departments)], columns=["deptid", "name"]))
    stamp = {"environment": "sandbox", "size_name": size.name, "seed": seed}
    parts["groupsync_stamp"].append(pd.DataFrame([stamp]))
    return University(
        size,
        seed,
        tables={name: _table(name, parts[name]) for name in METADATA.tables},
        **{name: _moodle(name, parts[name]) for name in MOODLE_COLUMNS},
    )


def _add_year(
    parts: Parts, year: Year, courses: int, everyone: pd.DataFrame, departments: list[str], seed: int
) -> None:
    taught = teaching.deliveries(courses, len(everyone), year, departments, seed)
    sessions, groups = teaching.group_tree(taught)
    taken = teaching.places(taught, len(everyone), seed)
    grouped = teaching.seats_in_groups(taken, taught, sessions, seed)
    modulegroups = teaching.group_rows(groups, taught, year)

    parts["cminstances"].append(instance_rows(year))
    parts["module"].append(_module_rows(taught, year, seed))
    parts["modulegroups"].append(modulegroups)
    parts["students"].append(student_rows(everyone, year.setid))
    parts["stumodules"].append(
        registration.stumodule_rows(taken, grouped, modulegroups["grpcode"], taught, everyone, year)
    )
    for name, frame in registration.sits_rows(taken, taught, everyone, year).items():
        parts[name].append(frame if name != "ins_mod" or year is CURRENT else frame[:0])
    parts["enrolments"].append(registration.enrolment_rows(taken, taught, everyone, seed))
    parts["group_mappings"].append(_mapping_rows(taught, year))
    parts["courses"].append(_course_rows(taught, year))
    if year is CURRENT:
        parts["timetable"].append(_timetable_rows(modulegroups[:TIMETABLED_GROUPS], seed))


def _module_rows(taught: pd.DataFrame, year: Year, seed: int) -> pd.DataFrame:
    """MODULE of one set: one row per delivery, and for one in forty the same row again, as in CMIS."""
    rows = pd.DataFrame(
        {
            "setid": year.setid,
            "moduleid": taught["module"],
            "owner": taught["department"],
            "name": taught["name"] + " (" + taught["instcode"] + ")",
            "linkcode": taught["module"],
            "csize": taught["class_size"],
            "instid": taught["instid"],
            "isactive": "Y",
        }
    )
    again: pd.DataFrame = rows[below(40, seed, "module twice", np.arange(len(rows))) == 0]
    return pd.concat([rows, again])


def _mapping_rows(taught: pd.DataFrame, year: Year) -> pd.DataFrame:
    rows = taught[["course", "module", "occurrence", "period", "department", "import_groups", "status"]]
    rows = rows.assign(academic_year=year.ayr_code)
    # On 1 August every mapping of the year that ends is switched off at once.
    return rows if year is CURRENT else rows.assign(status="inactive", import_groups="Y")


def _course_rows(taught: pd.DataFrame, year: Year) -> pd.DataFrame:
    there = taught[taught["in_moodle"]].drop_duplicates("course")
    return pd.DataFrame(
        {
            "shortname": there["module"] + "_" + year.label,
            "idnumber": there["course"],
            "fullname": there["module"] + ": " + there["name"],
            "visible": int(year is CURRENT),
        }
    )


def _timetable_rows(modulegroups: pd.DataFrame, seed: int) -> pd.DataFrame:
    slot = np.arange(len(modulegroups))
    hour = below(9, seed, "hour", slot) + 9
    return modulegroups[["setid", "moduleid", "instid"]].assign(
        slotid=slot + 1,
        weekday=below(5, seed, "weekday", slot) + 1,
        starttime=[f"{h:02d}:00" for h in hour],
        finishtime=[f"{h + 1:02d}:00" for h in hour],
        deptid=modulegroups["owner"],
        lecturerid=[f"L{n:04d}" for n in below(400, seed, "lecturer", slot)],
        moduletype=modulegroups["grpcode"].str[:3].replace({"TUT": "T", "SEM": "S", "GRP": "P"}),
        modgrpcode=modulegroups["grpcode"],
        roomid=[f"ROOM{n}" for n in below(90, seed, "room", slot)],
    )


def _table(name: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the parts in the schema's column order and types; what no part has is NULL."""
    columns = METADATA.tables[name].columns
    frame = pd.concat([part.reindex(columns=columns.keys()).astype(object) for part in parts])
    kinds = {c.name: "Int64" if isinstance(c.type, Integer) else "str" for c in columns}
    return frame.astype(kinds).reset_index(drop=True)


def _moodle(name: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    columns = MOODLE_COLUMNS[name]
    frame = pd.concat([part[list(columns)] for part in parts])
    kinds = {column: "int64" if column in ("visible", "status") else "str" for column in columns}
    return frame.astype(kinds).reset_index(drop=True)
