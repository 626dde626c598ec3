"""The remote tables as the settings name them: our columns, every value as text, rows numbered as read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from include.groupsync.errors import SettingsError, SourceError
from include.groupsync.model.frames import TEXT, WHOLE, Schema, arrow_backed, conform
from include.groupsync.model.freshness import parse_freshness
from include.groupsync.settings import Groupings, Groups, Mappings, Memberships, Requests
from include.groupsync.source.database import SourceDatabase

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_DELIVERY = {"term": TEXT, "module": TEXT, "occurrence": TEXT, "period": TEXT}
# The schemas of the remote tables as they are handed on; source_row counts from 1 as the table was read.
REMOTE: dict[str, Schema] = {
    "mappings": {
        "source_row": WHOLE,
        "course": TEXT,
        "department": TEXT,
        "academic_year": TEXT,
        "import_groups": TEXT,
        "status": TEXT,
        **_DELIVERY,
    },
    "requests": {
        "source_row": WHOLE,
        "id": TEXT,
        "course": TEXT,
        "academic_year": TEXT,
        "action": TEXT,
        "requested_at": TEXT,
        **_DELIVERY,
    },
    "groupings": {"source_row": WHOLE, "course": TEXT, "idnumber": TEXT, "name": TEXT, "description": TEXT} | _DELIVERY,
    "groups": {
        "source_row": WHOLE,
        "course": TEXT,
        "idnumber": TEXT,
        "name": TEXT,
        "description": TEXT,
        "grouping": TEXT,
        **_DELIVERY,
    },
    "memberships": {"source_row": WHOLE, "course": TEXT, "group": TEXT, "user": TEXT} | _DELIVERY,
}


def read_dataset(
    database: SourceDatabase,
    name: str,
    dataset: Mappings | Requests | Groupings | Groups | Memberships,
    sql_folder: Path,
    binds: Mapping[str, Any],
) -> pd.DataFrame:
    """One remote table as read, with the columns of ``REMOTE[name]``; a column that is not configured is null.

    A table with a ``term`` column is read for the run's term; a statement says so by its binds.
    Raises SourceError when it could not be read whole, SettingsError when a configured column is not there.
    """
    configured = dataset.columns.configured
    if dataset.table is not None:
        statement = _of_table(database, name, dataset.table, configured)
        table = database.read(name, statement, {"term": binds["term"]} if "term" in configured else {})
    else:
        table = read_file(database, name, sql_folder / str(dataset.sql), binds)
    found = _check_columns(name, table.column_names, configured)
    columns = {ours: table.column(found[ours]) for ours in configured}
    columns["source_row"] = pa.array(np.arange(1, table.num_rows + 1), WHOLE)
    return conform(arrow_backed(pa.table(columns)), REMOTE[name])


def read_file(database: SourceDatabase, name: str, path: Path, binds: Mapping[str, Any]) -> pa.Table:
    """What the statement of a file answers; ``NAME.DIALECT.sql`` beside ``NAME.sql`` is that database's own.

    Raises SettingsError for a file that is not there or asks for an unknown bind, SourceError as ``read`` does.
    """
    own = path.with_name(f"{path.stem}.{database.link.dialect.name}.sql")
    statement, used = _of_file(name, own if own.exists() else path, binds)
    return database.read(name, statement, used)


def read_columns(database: SourceDatabase, path: Path, binds: Mapping[str, Any], schema: Schema) -> pd.DataFrame:
    """What the statement of a file answers, in the columns of ``schema``.

    Raises what ``read_file`` does, and SettingsError where a column is missing.
    """
    table = read_file(database, path.stem, path, binds)
    found = {column.lower(): column for column in table.column_names}
    if missing := [column for column in schema if column not in found]:
        raise SettingsError(
            f"{path.name} has to answer the column '{missing[0]}'; it answers {', '.join(table.column_names)}."
            f" Correct include/sql/{path.name}; a file of that name in the project has all of them."
        )
    return conform(arrow_backed(pa.table({ours: table.column(found[ours]) for ours in schema})), schema)


def read_freshness(database: SourceDatabase, source: str, path: Path, binds: Mapping[str, Any]) -> str:
    """The one value that a source's freshness statement answers, as text that ``parse_freshness`` reads.

    Raises SourceError where it answers nothing, more than one value, or neither a time nor a number.
    """
    name = f"freshness.{source}"
    table = read_file(database, name, path, binds)
    values = [value for column in table.columns for value in column.to_pylist()]
    try:
        (value,) = values
        parse_freshness(value)
    except ValueError:
        raise SourceError(
            f"{name}: {path.name} must answer one value, a time or a number, and answered {values[:3]};"
            " correct the statement, or take it out of groupsync.yaml; nothing was written."
        ) from None
    return str(value)


def _of_table(database: SourceDatabase, name: str, table: str, configured: Mapping[str, str]) -> sa.Select[Any]:
    schema, _, bare = table.rpartition(".")
    found = _check_columns(name, database.columns(name, sa.table(bare, schema=schema or None)), configured)
    source = sa.table(bare, *(sa.column(column) for column in dict.fromkeys(found.values())), schema=schema or None)
    statement = sa.select(*source.columns)
    if "term" in configured:
        statement = statement.where(source.columns[found["term"]] == sa.bindparam("term", type_=sa.String))
    return statement


def _of_file(name: str, path: Path, binds: Mapping[str, Any]) -> tuple[sa.TextClause, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8").strip().removesuffix(";")
    except FileNotFoundError:
        raise SettingsError(f"{name}.sql: there is no file include/sql/{path.name}; write it or name another") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name}.sql: include/sql/{path.name} cannot be read ({type(error).__name__}); write it or name another"
        ) from None
    # A colon in a comment or a string is no bind.
    text = _STRING.sub(lambda found: found[0].replace(":", r"\:"), _COMMENT.sub(" ", text))
    statement = sa.text(text)
    used = set(statement._bindparams)
    unknown = used - set(binds)
    if unknown:
        raise SettingsError(
            f"{name}.sql: {path.name} asks for the unknown bind :{min(unknown)};"
            f" known: {', '.join(f':{bind}' for bind in binds)}"
        )
    lists: list[sa.BindParameter[Any]] = [
        sa.bindparam(bind, expanding=True, type_=sa.String) for bind in sorted(used) if isinstance(binds[bind], list)
    ]
    return statement.bindparams(*lists), {bind: binds[bind] for bind in used}


def _check_columns(name: str, found: list[str], configured: Mapping[str, str]) -> dict[str, str]:
    """Our column names to the table's, in the table's own case."""
    by_name = {column.lower(): column for column in found}
    if len(by_name) != len(found):
        raise SourceError(f"{name}: two columns have one name ({', '.join(found)}); give them names of their own")
    for ours, theirs in configured.items():
        if theirs.lower() not in by_name:
            raise SettingsError(
                f"{name}.columns.{ours}: the table has no column '{theirs}';"
                f" it has: {', '.join(found)}. Correct {name}.columns.{ours} in groupsync.yaml."
            )
    return {ours: by_name[theirs.lower()] for ours, theirs in configured.items()}
