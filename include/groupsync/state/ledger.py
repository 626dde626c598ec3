"""The ledger: what this sync manages and last applied (rules O1, O2, C5)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import (
    EXCEPTIONS,
    EXCEPTIONS_TOLD,
    LEDGER,
    is_restored,
    released,
    with_term,
    without_term,
)
from include.groupsync.model.ledger import VANISHING as MISSED
from include.groupsync.state.tables import EXCEPTION, LINK, MEMBERSHIP, OBJECT, VANISHING

TABLES = {"objects": OBJECT, "links": LINK, "memberships": MEMBERSHIP}
_KEYS = {
    "objects": ("kind", "moodle_id"),
    "links": ("grouping_id", "group_id"),
    "memberships": ("group_id", "user_id"),
}


def load(link: sa.Connection, name: str) -> pd.DataFrame:
    """One of the ledger's tables whole (columns LEDGER[name])."""
    schema = LEDGER[name]
    statement = sa.select(*(TABLES[name].c[column] for column in schema))
    return conform(pd.read_sql(statement, link, dtype_backend="pyarrow"), schema)


def load_exceptions(link: sa.Connection) -> pd.DataFrame:
    """The data team's pins and exclusions (columns EXCEPTIONS_TOLD, rule M6), by course, group and person."""
    asked = sa.select(*(EXCEPTION.c[column] for column in (*EXCEPTIONS, "at", "reason")))
    found = link.execute(asked.order_by(*(EXCEPTION.c[column] for column in EXCEPTIONS))).mappings()
    return frame_of(({**row, "since": in_utc(row["at"]).strftime("%Y-%m-%d %H:%M")} for row in found), EXCEPTIONS_TOLD)


def in_utc(at: datetime) -> datetime:
    """A stored time as an aware one: SQLite keeps no zone."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def load_vanishing(link: sa.Connection, term: str) -> pd.DataFrame:
    """What the last complete runs of the term missed (columns VANISHING)."""
    statement = sa.select(*(VANISHING.c[column] for column in MISSED)).where(VANISHING.c.term == term)
    return conform(pd.read_sql(statement, link, dtype_backend="pyarrow"), MISSED)


def save_vanishing(link: sa.Connection, term: str, vanishing: pd.DataFrame) -> None:
    """What this run missed (columns VANISHING), in the place of what the one before did."""
    link.execute(VANISHING.delete().where(VANISHING.c.term == term))
    if len(vanishing):
        link.execute(VANISHING.insert(), [{"term": term, **row} for row in rows(vanishing)])


Ids = tuple[Any, ...]
Row = dict[str, Any]


def changed_since(link: sa.Connection, name: str, read: pd.DataFrame) -> dict[Ids, tuple[Row | None, Row | None]]:
    """What of a table is not as a run read it (columns LEDGER[name]): by ids, how it was and how it is now."""
    every = pd.concat([read.assign(now=False), load(link, name).assign(now=True)], ignore_index=True)
    differs = every.drop_duplicates(list(LEDGER[name]), keep=False)
    found: dict[Ids, tuple[Row | None, Row | None]] = {}
    for row in rows(differs):
        now, ids = row.pop("now"), tuple(row[part] for part in _KEYS[name])
        before, after = found.get(ids, (None, None))
        found[ids] = (before, row) if now else (row, after)
    return found


def observe(
    link: sa.Connection,
    name: str,
    observed: pd.DataFrame,
    since: Mapping[Ids, tuple[Row | None, Row | None]] = MappingProxyType({}),
) -> None:
    """Write what a run observed (columns LEDGER[name]); a row without terms is dropped.

    What is dropped as a group or grouping takes its links and memberships with it.  Of what other runs have changed
    ``since`` the run read it, only the run's own claims are written: it has not seen the rest.
    """
    records = [record for row in rows(conform(observed, LEDGER[name])) if (record := _merged(name, row, since))]
    replace(link, name, [row for row in records if row["terms"]], every=records)
    if name == "objects":
        for row in records:
            if not row["terms"]:
                drop_inside(link, row["kind"], row["moodle_id"])


def _merged(name: str, row: Row, since: Mapping[Ids, tuple[Row | None, Row | None]]) -> Row | None:
    """What is to be written of an observed row; None where another run found it gone, or deleted it."""
    before, now = since.get(tuple(row[part] for part in _KEYS[name]), (row, row))
    if now is row:
        return row
    if now is None:
        return None
    had, has = (set((one["terms"] or "").split()) for one in (before or {"terms": ""}, row))
    terms = now["terms"]
    for term in has - had:
        terms = with_term(terms, term)
    for term in had - has:
        terms = without_term(terms, term)
    # Where two drop it at once the last claim stays, or it would be nobody's; the next run of its term deletes.
    return {**now, "terms": terms or (row["terms"] and now["terms"])}


def claim(link: sa.Connection, kind: str, moodle_id: int, term: str) -> bool:
    """Let the term list the grouping or group too, beside those that do; False where it is not managed."""
    same = sa.and_(OBJECT.c.kind == kind, OBJECT.c.moodle_id == moodle_id)
    terms = link.execute(sa.select(OBJECT.c.terms).where(same)).scalar()
    if terms is not None:
        link.execute(OBJECT.update().where(same).values(terms=with_term(terms, term)))
    return terms is not None


def claims(link: sa.Connection, name: str, ids: Sequence[Ids]) -> dict[Ids, str]:
    """The terms that list these links or memberships now, of those that are managed."""
    table, key = TABLES[name], _KEYS[name]
    columns = [table.c[part] for part in key]
    asked = sa.select(*columns, table.c.terms).where(columns[0].in_({one[0] for one in ids}))
    return {tuple(row[:-1]): row[-1] for row in link.execute(asked)}


def replace(
    link: sa.Connection, name: str, kept: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]]
) -> None:
    """Take out of a ledger table what has the ids of ``every``, and put ``kept`` in: in one transaction as good
    as an upsert, and the same statement in every database."""
    table, key = TABLES[name], _KEYS[name]
    if every:
        where = sa.and_(*(table.c[part] == sa.bindparam(f"key_{part}") for part in key))
        link.execute(table.delete().where(where), [{f"key_{part}": row[part] for part in key} for row in every])
    if kept:
        link.execute(table.insert(), [dict(row) for row in kept])


def drop_inside(link: sa.Connection, kind: str, moodle_id: int) -> None:
    """Forget the links and memberships of a group or grouping that is gone: Moodle took them with it."""
    if kind == Kind.GROUP:
        link.execute(MEMBERSHIP.delete().where(MEMBERSHIP.c.group_id == moodle_id))
        link.execute(LINK.delete().where(LINK.c.group_id == moodle_id))
    else:
        link.execute(LINK.delete().where(LINK.c.grouping_id == moodle_id))


def kept(link: sa.Connection, name: str, ids: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """A table's rows with these ids that only a restore claims (rule J5)."""
    found = [row for row in rows(load(link, name)) if is_restored(row["terms"])]
    by_ids = {tuple(row[part] for part in _KEYS[name]): row for row in found}
    return [by_ids[one] for one in ids if one in by_ids]


def let_go(link: sa.Connection, name: str, some: Sequence[Mapping[str, Any]]) -> None:
    """Give what is ``kept`` to the terms that it came from: their next run may delete it again."""
    replace(link, name, [{**row, "terms": released(row["terms"])} for row in some], some)
