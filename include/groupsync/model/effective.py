"""The mappings as they hold: the source's rows, overlaid by what people switched and by what the queue asks for.

The order is the whole of it, for each mapping (rules C1 to C3):

1. *on* makes a mapping active that the source has as inactive or with its import off;
2. the newest request for it holds: RMV withdraws it, ADD switches the import of an active one on; where two of one
   instant say both, or a removal is in doubt, it is frozen;
3. *off* freezes it, whatever else is said.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

import pandas as pd

from include.groupsync.model.frames import TEXT, WHOLE, Schema, rows


class Switch(StrEnum):
    """What a person set a course to, in one term; *source* is what one is that nobody ever switched."""

    ON = "on"
    OFF = "off"
    SOURCE = "source"


class Asked(StrEnum):
    """What a row of the queue asks for, as the old system's ``group_import`` has it."""

    ADD = "ADD"
    RMV = "RMV"


class Word(StrEnum):
    """What the queue says of one mapping."""

    ADD = "ADD"
    RMV = "RMV"
    CONFLICT = "conflict"
    DOUBT = "doubt"


# What tells a mapping from all others; those of a table without one of the columns have it null.
MAPPING_KEY = ("course", "module", "occurrence", "academic_year", "period")
MappingKey = tuple[str | None, ...]
# The newest switch of each course and term; ``since`` is a UTC time to the minute, ``change`` numbers all changes.
SWITCHES: Schema = {"term": TEXT, "course": TEXT, "switch": TEXT, "since": TEXT, "reason": TEXT, "change": WHOLE}
# The requests that are known.  ``requested_at`` is an ISO time in UTC; ``done_by`` is the run that was done with it,
# and ``outcome`` what it said, null as long as it is open; ``doubt`` is why a removal is not to be acted on, else null.
REQUESTS: Schema = {
    "term": TEXT,
    "request": TEXT,
    **dict.fromkeys(MAPPING_KEY, TEXT),
    "action": TEXT,
    "requested_at": TEXT,
    "done_by": TEXT,
    "outcome": TEXT,
    "doubt": TEXT,
}


def mapping_key(row: Mapping[str, Any], columns: Collection[str]) -> MappingKey:
    """The mapping that a row is of or means, by those of MAPPING_KEY that the mapping table has."""
    return tuple(row[column] if column in columns else None for column in MAPPING_KEY)


def newest(
    requests: Iterable[Mapping[str, Any]], columns: Collection[str]
) -> dict[MappingKey, list[Mapping[str, Any]]]:
    """For each mapping the requests (REQUESTS) that hold: those of the latest instant, mostly one."""
    found: dict[MappingKey, list[Mapping[str, Any]]] = {}
    for row in requests:
        several = found.setdefault(mapping_key(row, columns), [])
        if several and several[0]["requested_at"] < row["requested_at"]:
            several.clear()
        if not several or several[0]["requested_at"] == row["requested_at"]:
            several.append(row)
    return found


def word_of(several: Iterable[Mapping[str, Any]]) -> Word:
    """What the requests of one instant say together."""
    every = list(several)
    if len({row["action"] for row in every}) > 1:
        return Word.CONFLICT
    doubted = every[0]["action"] == Asked.RMV and any(row["doubt"] for row in every)
    return Word.DOUBT if doubted else Word(every[0]["action"])


def effective(
    mappings: pd.DataFrame, columns: Collection[str], switches: pd.DataFrame, requests: pd.DataFrame
) -> pd.DataFrame:
    """The mappings of a term (CLEAN), with ``status`` and ``import_groups`` as they hold.

    ``columns`` are those that the mapping table has; ``switches`` (SWITCHES) and ``requests`` (REQUESTS) are the
    term's.  A status that is none of the three stays what it is.
    """
    switched = {row["course"]: Switch(row["switch"]) for row in rows(switches)}
    asked = {key: word_of(several) for key, several in newest(rows(requests), columns).items()}
    if not switched and not asked:
        return mappings
    told = [
        _as_it_holds(row, switched.get(row["course"], Switch.SOURCE), asked.get(mapping_key(row, columns)))
        for row in rows(mappings)
    ]
    changed = mappings.copy()
    for place, column in enumerate(("status", "import_groups")):
        values = [one[place] for one in told]
        changed[column] = pd.Series(values, index=mappings.index, dtype=mappings[column].dtype)
    return changed


def _as_it_holds(row: Mapping[str, Any], switch: Switch, word: Word | None) -> tuple[str | None, str | None]:
    status, imports = row["status"], row["import_groups"]
    if switch is Switch.ON and status in ("active", "inactive"):
        status, imports = "active", "yes"
    if word is Word.RMV:
        status = "withdrawn"
    elif word in (Word.CONFLICT, Word.DOUBT):
        status = "inactive"
    elif word is Word.ADD and status == "active":
        imports = "yes"
    return ("inactive" if switch is Switch.OFF else status), imports


def is_active(row: Mapping[str, Any]) -> bool:
    """Whether a mapping, as it holds, takes groups (rule C1)."""
    return bool(row["status"] == "active" and row["import_groups"] == "yes")
