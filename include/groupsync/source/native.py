"""CMIS and SITS as they are: which statements are read over which connection, and what they answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from include.groupsync.model.frames import TEXT, Schema
from include.groupsync.settings import Settings
from include.groupsync.source.database import SourceDatabase
from include.groupsync.source.extract import read_columns

_INSTANCE = ("module", "instance", "instance_id")
# What each statement of include/sql answers, by the file's name; every value as text, as it is stored.
NATIVE: dict[str, Schema] = {
    name: dict.fromkeys(columns, TEXT)
    for name, columns in {
        "cmis_groupings": ("setid", *_INSTANCE, "code", "name", "description"),
        "cmis_groups": ("setid", *_INSTANCE, "code", "name", "description", "parent"),
        "cmis_sessions": (*_INSTANCE, "code", "session_type"),
        "cmis_memberships": ("setid", *_INSTANCE, "code", "student", "upi", "dropped", "inactive"),
        "sits_modules": ("module", "name"),
        "sits_registrations": ("module", "occurrence", "period", "student"),
        "sits_students": ("student", "status"),
    }.items()
}


def statements_of(settings: Settings) -> dict[str, str]:
    """The statements that the tables which are on need, each with the connection that it is read over; {} where the
    tables are ready-made."""
    native = settings.native
    if native is None:
        return {}
    objects = settings.groupings is not None or settings.groups is not None
    by_type = native.groupings == "session_type"
    wanted = {
        "cmis_groupings": settings.groupings is not None and not by_type,
        "cmis_groups": settings.groups is not None or by_type,
        "cmis_sessions": objects and by_type,
        "cmis_memberships": settings.memberships is not None,
    }
    of_sits = {
        "sits_modules": objects,
        "sits_students": settings.memberships is not None,
        "sits_registrations": settings.memberships is not None and native.check_registration,
    }
    over = {name: native.cmis for name, is_wanted in wanted.items() if is_wanted}
    return over | ({name: native.sits for name, is_wanted in of_sits.items() if is_wanted} if native.sits else {})


def read_native(database: SourceDatabase, name: str, sql_folder: Path, binds: Mapping[str, Any]) -> pd.DataFrame:
    """What the statement of that name answers (columns ``NATIVE[name]``), whole; SourceError otherwise."""
    return read_columns(database, sql_folder / f"{name}.sql", binds, NATIVE[name])
