"""A term's start as a file: 2,000 groups that are there, and so many people to be added to them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from include.groupsync.model.change import PLAN
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder

GROUPS = 2_000
PEOPLE = 500
COURSE, COURSE_ID = "C1", 2


def key_of(group_id: int) -> str:
    return f"SEM-{group_id:06}"


def name_of(group_id: int) -> str:
    return f"Seminar {group_id}"


def person(number: int) -> str:
    return f"u{number:05}"


def write(folder: Path, changes: int) -> None:
    """``plan.parquet`` with so many memberships to be made, at most a million."""
    each = changes // GROUPS
    groups = np.repeat([key_of(at) for at in range(1, GROUPS + 1)], each)
    users = np.tile([person(n) for n in range(each)], GROUPS)
    frame = pd.DataFrame({"group": groups, "user": users, "source_row": np.arange(1, len(groups) + 1)})
    frame = frame.assign(kind="membership", action="create", course=COURSE, rule="M4", step=0, module="M1 A6U T1")
    RunFolder(folder).save_frame("plan", Plan.of(frame).frame, PLAN)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
