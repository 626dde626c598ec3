"""Frames with a declared schema: Arrow-backed, every column named, null is "absent"."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

TEXT = pa.string()
WHOLE = pa.int64()

Schema = Mapping[str, pa.DataType]


def conform(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The frame with exactly the schema's columns, in its order and types; a missing column is all null."""
    columns = {
        column: frame[column].astype(pd.ArrowDtype(dtype)).array
        if column in frame
        else pd.arrays.ArrowExtensionArray(pa.nulls(len(frame), dtype))
        for column, dtype in schema.items()
    }
    return pd.DataFrame(columns)


def frame_of(records: Iterable[Mapping[str, Any]], schema: Schema) -> pd.DataFrame:
    """A frame of the schema from records; missing keys are null, others are left out."""
    table = pa.Table.from_pylist(list(records), schema=pa.schema(list(schema.items())))
    return arrow_backed(table)


def arrow_backed(table: pa.Table) -> pd.DataFrame:
    """The table as a frame whose columns stay Arrow's."""
    # Half the time of to_pandas(types_mapper=...), which shows where frames are small and many.
    columns = zip(table.column_names, table.columns, strict=True)
    return pd.DataFrame({name: pd.arrays.ArrowExtensionArray(column) for name, column in columns})


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """The frame's columns as Arrow has them, without its index."""
    return pa.table({str(name): pa.array(column.array, from_pandas=True) for name, column in frame.items()})


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows as plain dictionaries, nulls as None."""
    found: list[dict[str, Any]] = arrow_table(frame).to_pylist()
    return found


def rewrite(column: pd.Series, how: Any) -> pd.Series:
    """The text column with ``how`` applied to each distinct value once: a million rows have few of them."""
    encoded = pa.chunked_array(pa.array(column)).combine_chunks().dictionary_encode()
    values = pa.array([how(value) for value in encoded.dictionary.to_pylist()], TEXT)
    return pd.Series(pd.array(values.take(encoded.indices), dtype=pd.ArrowDtype(TEXT)), index=column.index)
