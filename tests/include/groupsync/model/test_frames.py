"""Frames with a declared schema."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.model.frames import TEXT, WHOLE, conform, frame_of, rewrite, rows

SCHEMA = {"course": TEXT, "course_id": WHOLE}
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"course": st.none() | st.text("aB é\0\n", max_size=5), "course_id": st.none() | st.integers(0, 2**62)}
    )
)


@given(RECORDS)
def test_records_come_back_as_they_went_in(records: list[dict[str, object]]) -> None:
    """Null stays null, text stays text and a whole number never becomes a float."""
    assert rows(frame_of(records, SCHEMA)) == records


def test_a_missing_column_is_null_and_a_surplus_one_goes() -> None:
    """Conforming gives the schema's columns, in its order and types, whatever there was."""
    found = conform(pd.DataFrame({"surplus": [1, 2], "course_id": [7, 8]}), SCHEMA)
    assert list(found.columns) == ["course", "course_id"]
    assert [found[c].dtype for c in found] == [pd.ArrowDtype(TEXT), pd.ArrowDtype(WHOLE)]
    assert rows(found) == [{"course": None, "course_id": 7}, {"course": None, "course_id": 8}]


def test_conforming_numbers_the_rows_anew() -> None:
    """Parts put together keep no index of their own."""
    part = frame_of([{"course": "A", "course_id": 1}], SCHEMA)
    assert list(conform(pd.concat([part, part]), SCHEMA).index) == [0, 1]


def test_a_frame_without_rows_keeps_its_types() -> None:
    """Nothing read is still a table of the schema."""
    for found in (frame_of([], SCHEMA), conform(pd.DataFrame(), SCHEMA)):
        assert len(found) == 0
        assert [found[c].dtype for c in found] == [pd.ArrowDtype(TEXT), pd.ArrowDtype(WHOLE)]


def test_text_where_a_number_belongs_is_an_error() -> None:
    """A schema that does not hold is never bent."""
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        frame_of([{"course": "A", "course_id": "seven"}], SCHEMA)


@given(st.lists(st.none() | st.sampled_from(["a", "b", " c "]), max_size=8), st.integers(0, 8))
def test_rewriting_is_the_same_as_doing_it_row_by_row(values: list[str | None], cut: int) -> None:
    """However the column is chunked and indexed; an absent value stays absent."""

    def how(text: str) -> str | None:
        return None if text == "b" else text.strip()

    schema = {"course": TEXT}
    parts = [frame_of([{"course": v} for v in part], schema) for part in (values[:cut], values[cut:])]
    column = pd.concat(parts)["course"]
    column.index = pd.Index(range(10, 10 + len(values)))
    found = rewrite(column, how)
    assert list(found.index) == list(column.index)
    assert [None if pd.isna(v) else v for v in found] == [None if v is None else how(v) for v in values]


def test_rewriting_calls_once_for_each_distinct_value() -> None:
    """A million rows have few values."""
    seen: list[str] = []
    rewrite(frame_of([{"course": "A"}, {"course": "B"}, {"course": "A"}], {"course": TEXT})["course"], seen.append)
    assert sorted(seen) == ["A", "B"]
