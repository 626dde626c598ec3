"""Teaching: deliveries of modules, their groups and who is in them, drawn in bulk for one year."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sandbox.university.calendar import INSTID, Year
from sandbox.university.choice import Codes, below
from sandbox.university.words import OCCURRENCES, SUBJECTS

# Drawn from evenly; a value that stands here more often is more likely.
PERIODS_DRAWN = ("T1",) * 9 + ("T1/2",) * 3 + ("T1/2/3",) * 2 + ("YEAR",) * 3 + ("T2",) * 3
CLASS_SIZES = (5, 8, 10, 12, 14, 16, 18, 20, 22, 25, 28, 30, 34, 38, 44, 50, 60, 75, 110, 180)
# (status, import_groups); most mappings are active.
MAPPING_STATES = (("active", "Y"),) * 86 + (("active", "N"),) * 6 + (("inactive", "Y"),) * 5 + (("withdrawn", "Y"),) * 3


@dataclass(frozen=True)
class Kind:
    """A kind of small group; with a parent node in CMIS's tree it makes a grouping."""

    code: str
    name: str
    capacity: int
    parent: str | None


KINDS = (
    Kind("TUT", "Tutorial", 15, "Tutorials"),
    Kind("SEM", "Seminar", 22, "Seminars"),
    Kind("LAB", "Lab", 32, "Labs"),
    Kind("GRP", "Group", 25, None),
)
# Which kinds (numbers of KINDS) a delivery has, drawn from evenly; a tenth has the whole class only.
PATTERNS: tuple[tuple[int, ...], ...] = (
    (), (0,), (1,), (0, 1), (0, 2), (1, 2), (0, 2), (3,), (0, 1, 2), (0, 1, 2, 3),
)  # fmt: skip


def deliveries(courses: int, students: int, year: Year, departments: list[str], seed: int) -> pd.DataFrame:
    """Return what is taught: one row per delivery of a module, and the Moodle course that it maps to.

    Columns: course, in_moodle, module, name, department, occurrence, period, instid, instcode, pattern,
    class_size, first_student, status, import_groups. Each course has its own module; one in ten takes a
    second run of it, with groups of the same names, and one in twenty a delivery of Term 2.
    """
    first = np.arange(courses)
    second = first[below(10, seed, "second run", first) == 0]
    later = first[below(20, seed, "second term", first) == 0]
    number = np.concatenate([first, second, later])
    run = np.repeat([0, 1, 2], [len(first), len(second), len(later)])
    occurrence = (below(len(OCCURRENCES), seed, "occurrence", number) + run) % len(OCCURRENCES)
    drawn = below(len(PERIODS_DRAWN), seed, "period", number)
    period = ["T2" if r == 2 else PERIODS_DRAWN[p] for r, p in zip(run, drawn, strict=True)]
    size = np.array(CLASS_SIZES)[below(len(CLASS_SIZES), seed, "class size", number, run)]
    state = [MAPPING_STATES[s] for s in below(len(MAPPING_STATES), seed, f"state {year.label}", number, run)]
    rows = pd.DataFrame(
        {
            "module": [f"{departments[n % len(departments)]}{n // len(departments) + 1:04d}" for n in number],
            "name": [SUBJECTS[s] for s in below(len(SUBJECTS), seed, "subject", number)],
            "department": [departments[n % len(departments)] for n in number],
            "occurrence": [OCCURRENCES[o] for o in occurrence],
            "period": period,
            "pattern": below(len(PATTERNS), seed, "pattern", number, run),
            "class_size": np.minimum(size, students // 2),
            "first_student": below(students, seed, "first student", number, run),
            "status": [status for status, _ in state],
            "import_groups": [switch for _, switch in state],
            "in_moodle": below(100, seed, f"course in moodle {year.label}", number) != 0,
        }
    )
    rows["course"] = rows["module"] + "-" + year.label
    rows["name"] = rows["name"] + " of " + rows["department"].str.title() + ", part " + rows["module"].str[4:]
    rows["instid"] = [INSTID[key] for key in zip(rows["occurrence"], rows["period"], strict=True)]
    rows["instcode"] = rows["occurrence"] + "-" + rows["period"]
    return rows


def group_tree(taught: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (sessions, groups): a session is one kind of small group in one delivery.

    sessions: delivery (row number), kind, group_count, first_group (row number of its first group).
    groups: delivery, kind, number (0 is the parent node), thiskey, parentkey; children first, then parents.
    """
    pairs = [(d, k) for d, pattern in enumerate(taught["pattern"]) for k in PATTERNS[pattern]]
    sessions = pd.DataFrame(pairs, columns=["delivery", "kind"], dtype="int64")
    capacity = np.array([kind.capacity for kind in KINDS])[sessions["kind"]]
    size = taught["class_size"].to_numpy()[sessions["delivery"]]
    sessions["group_count"] = -(-size // capacity)
    last = sessions["group_count"].cumsum()
    sessions["first_group"] = last - sessions["group_count"]

    session, number = _counted(sessions["group_count"].to_numpy())
    children = sessions.loc[session, ["delivery", "kind"]].assign(number=number + 1)
    has_parent = np.array([kind.parent is not None for kind in KINDS])[sessions["kind"]]
    parents = sessions.loc[has_parent, ["delivery", "kind"]].assign(number=0)
    # CMIS says "no parent" as NULL or as 0; both are here.
    parents["parentkey"] = pd.array(np.where(parents["delivery"] % 2, 0, -1), dtype="Int64")
    parents["parentkey"] = parents["parentkey"].mask(parents["parentkey"] == -1)
    key_of_parent = pd.Series(len(children) + 1 + np.arange(len(parents)), index=parents.index, dtype="Int64")
    children["parentkey"] = key_of_parent.reindex(session).array
    groups = pd.concat([children, parents], ignore_index=True)
    groups["thiskey"] = np.arange(1, len(groups) + 1)
    return sessions, groups


def group_rows(groups: pd.DataFrame, taught: pd.DataFrame, year: Year) -> pd.DataFrame:
    """Return the rows of MODULEGROUPS, in the order of groups."""
    code, name = [], []
    for kind, number in zip(groups["kind"], groups["number"], strict=True):
        code.append(f"{KINDS[kind].code}{number}" if number else f"{KINDS[kind].code}S")
        name.append(f"{KINDS[kind].name} {number}" if number else KINDS[kind].parent)
    delivery = taught.loc[groups["delivery"]].reset_index(drop=True)
    return pd.DataFrame(
        {
            "setid": year.setid,
            "moduleid": delivery["module"],
            "owner": delivery["department"],
            "grpcode": code,
            "name": name,
            "maxsize": np.array([kind.capacity for kind in KINDS])[groups["kind"]],
            "thiskey": groups["thiskey"],
            "parentkey": groups["parentkey"],
            "groupnum": groups["number"],
            "instid": delivery["instid"],
        }
    )


def places(taught: pd.DataFrame, students: int, seed: int) -> pd.DataFrame:
    """Return who takes what: delivery, seat, student (both row numbers), fate.

    fate: 0 dropped the module, 1 inactive, 2 and more an ordinary place.
    """
    delivery, seat = _counted(taught["class_size"].to_numpy())
    student = (taught["first_student"].to_numpy()[delivery] + seat) % students
    fate = below(100, seed, "fate", delivery, student)
    return pd.DataFrame({"delivery": delivery, "seat": seat, "student": student, "fate": fate})


def seats_in_groups(taken: pd.DataFrame, taught: pd.DataFrame, sessions: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the places once more, once per session: delivery, student, fate, group (row number).

    One in fifty has not been put into a group yet.
    """
    size = taught["class_size"].to_numpy()
    first_place = size.cumsum() - size
    session, seat = _counted(size[sessions["delivery"]])
    delivery = sessions["delivery"].to_numpy()[session]
    rows = taken.loc[first_place[delivery] + seat, ["delivery", "student", "fate"]].reset_index(drop=True)
    kind = sessions["kind"].to_numpy()[session]
    among = below(sessions["group_count"].to_numpy()[session], seed, "group", delivery, kind, seat)
    rows["group"] = sessions["first_group"].to_numpy()[session] + among
    in_group: pd.DataFrame = rows[below(50, seed, "no group", delivery, kind, seat) != 0]
    return in_group.reset_index(drop=True)


def _counted(counts: Codes) -> tuple[Codes, Codes]:
    """Return for counts [2, 3] the owners [0, 0, 1, 1, 1] and the numbers [0, 1, 0, 1, 2]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    start = np.repeat(np.cumsum(counts) - counts, counts)
    return owner, np.arange(len(owner)) - start
