"""How a mapping holds: what the source says, what people switched, what the queue asks for (rules C1 to C3)."""

from itertools import product
from typing import Any

import pytest

from include.groupsync.model.effective import REQUESTS, SWITCHES, Word, effective, newest, word_of
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.source.clean import CLEAN

COLUMNS = ("course", "module", "occurrence", "academic_year", "period", "status", "import_groups")
KEY = {"course": "C", "module": "M", "occurrence": "A", "academic_year": "2026", "period": "T1"}
SOURCE = {
    "on": ("active", "yes"),
    "off": ("active", "no"),
    "inactive": ("inactive", "yes"),
    "gone": ("withdrawn", "no"),
}
T1, T2, T3 = (f"2026-10-0{day}T09:00:00.000000+00:00" for day in (1, 2, 3))
ADD, RMV = {"action": "ADD"}, {"action": "RMV"}
DOUBTED = {**RMV, "doubt": "its row is no longer in the queue"}
BOTH = ({**ADD, "requested_at": T1}, {**RMV, "requested_at": T1})


def held(source: str, switch: str | None, *asked: dict[str, Any]) -> str:
    """active, frozen or withdrawn."""
    status, imports = SOURCE[source]
    mapping = {**KEY, "status": status, "import_groups": imports}
    switches = [{"term": "T", "course": "C", "switch": switch}] if switch else []
    requests = [{"request": str(n), "requested_at": T1, **KEY, **one} for n, one in enumerate(asked)]
    [row] = rows(
        effective(
            frame_of([mapping], CLEAN["mappings"]), COLUMNS, frame_of(switches, SWITCHES), frame_of(requests, REQUESTS)
        )
    )
    if row["status"] == "withdrawn":
        return "withdrawn"
    return "active" if (row["status"], row["import_groups"]) == ("active", "yes") else "frozen"


SAID: dict[str, tuple[dict[str, Any], ...]] = {
    "nothing": (),
    "ADD": (ADD,),
    "RMV": (RMV,),
    "both": BOTH,
    "doubt": (DOUBTED,),
}
# What holds of a mapping as the source has it (columns: on, import off, inactive, withdrawn), by switch and queue.
TABLE: dict[tuple[str | None, str], tuple[str, str, str, str]] = {
    (None, "nothing"): ("active", "frozen", "frozen", "withdrawn"),
    (None, "ADD"): ("active", "active", "frozen", "withdrawn"),
    (None, "RMV"): ("withdrawn",) * 4,
    (None, "both"): ("frozen",) * 4,
    (None, "doubt"): ("frozen",) * 4,
    ("on", "nothing"): ("active", "active", "active", "withdrawn"),
    ("on", "ADD"): ("active", "active", "active", "withdrawn"),
    ("on", "RMV"): ("withdrawn",) * 4,
    ("on", "both"): ("frozen",) * 4,
    ("on", "doubt"): ("frozen",) * 4,
    **{("off", said): ("frozen",) * 4 for said in SAID},
    ("source", "nothing"): ("active", "frozen", "frozen", "withdrawn"),
    ("source", "RMV"): ("withdrawn",) * 4,
}


@pytest.mark.parametrize(("said", "source"), list(product(TABLE, SOURCE)))
def test_c1_c2_c3_how_a_mapping_holds(said: tuple[str | None, str], source: str) -> None:
    switch, asked = said
    assert held(source, switch, *SAID[asked]) == TABLE[said][list(SOURCE).index(source)]


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (((ADD, T1), (RMV, T2)), Word.RMV),
        (((RMV, T2), (ADD, T1)), Word.RMV),
        (((RMV, T1), (ADD, T2)), Word.ADD),
        (((RMV, T1), (RMV, T1)), Word.RMV),
        (((ADD, T2), (RMV, T2), (RMV, T1)), Word.CONFLICT),
        (((ADD, T1), (RMV, T1), (ADD, T3)), Word.ADD),
        (((DOUBTED, T1), (RMV, T1)), Word.DOUBT),
        (((DOUBTED, T1), (ADD, T2)), Word.ADD),
    ],
)
def test_c3_the_newest_request_holds(asked: tuple[tuple[dict[str, Any], str], ...], word: Word) -> None:
    """In whatever order they come; done or open; two of one instant that differ are neither."""
    every = frame_of(
        ({**KEY, **what, "request": str(n), "requested_at": at} for n, (what, at) in enumerate(asked)), REQUESTS
    )
    [several] = newest(rows(every), COLUMNS).values()
    assert word_of(several) is word


def test_c3_a_request_means_one_mapping_and_no_other() -> None:
    """Another module, period or year of the course is left as it is; a column that the mappings lack tells nothing."""
    mappings = [
        {**KEY, **other, "status": "active", "import_groups": "yes"}
        for other in ({}, {"module": "N"}, {"period": "T1/2"}, {"occurrence": None})
    ]
    frame, nobody = frame_of(mappings, CLEAN["mappings"]), frame_of([], SWITCHES)
    asked = frame_of([{**KEY, **RMV, "request": "1", "requested_at": T1}], REQUESTS)
    assert list(effective(frame, COLUMNS, nobody, asked)["status"]) == ["withdrawn", "active", "active", "active"]
    without = [column for column in COLUMNS if column not in ("period", "occurrence")]
    assert list(effective(frame, without, nobody, asked)["status"]) == ["withdrawn", "active", "withdrawn", "withdrawn"]


def test_a_status_that_is_none_stays_what_it_is() -> None:
    """It is set aside as what it is."""
    frame = frame_of([{**KEY, "status": "paused", "import_groups": "yes"}], CLEAN["mappings"])
    on = frame_of([{"term": "T", "course": "C", "switch": "on"}], SWITCHES)
    assert list(effective(frame, COLUMNS, on, frame_of([], REQUESTS))["status"]) == ["paused"]
