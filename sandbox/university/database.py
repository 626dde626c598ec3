"""Database: puts a sample university into any database that SQLAlchemy reaches."""

from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd
from sqlalchemy import CHAR, Table, create_engine, insert
from sqlalchemy.schema import CreateTable

from sandbox.university.schema import METADATA
from sandbox.university.university import University

ROWS_PER_INSERT = 50_000


def write(university: University, url: str, only: Collection[str] | None = None) -> None:
    """Drop and make the sample's tables at that URL and fill them, in one transaction; ``only`` names some of them.

    Blank-padded CHAR columns are padded here, because SQLite would not, and Oracle hands them out so.
    """
    engine = create_engine(url)
    tables = [table for table in METADATA.sorted_tables if only is None or table.name in only]
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver opens a transaction only at the first INSERT, too late for the DROPs.
            connection.exec_driver_sql("BEGIN")
        METADATA.drop_all(connection, tables)
        for table in tables:
            connection.execute(CreateTable(table))
            for rows in _rows(table, university.tables[table.name]):
                connection.execute(insert(table), rows)
        # Indexes after the rows is faster, and by name: SQLAlchemy keeps them in a set, in any order.
        for index in sorted((i for t in tables for i in t.indexes), key=lambda i: str(i.name)):
            index.create(connection)
        if engine.dialect.name in ("sqlite", "postgresql"):
            # Without statistics SQLite starts its joins at the wrong end: minutes instead of a second.
            connection.exec_driver_sql("ANALYZE")
        connection.commit()
    engine.dispose()


def _rows(table: Table, frame: pd.DataFrame) -> Iterator[list[dict[str, Any]]]:
    names = table.columns.keys()
    for start in range(0, len(frame), ROWS_PER_INSERT):
        part = frame.iloc[start : start + ROWS_PER_INSERT]
        columns = [_values(part[column.name], column.type) for column in table.columns]
        yield [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pd.Series, kind: Any) -> list[Any]:
    if isinstance(kind, CHAR):
        column = column.str.pad(kind.length or 0, side="right")
    return column.astype(object).where(column.notna(), None).to_list()
