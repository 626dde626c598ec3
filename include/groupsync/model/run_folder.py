"""The folder of one run: everything that passes between its tasks, as files a person can open."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.groupsync.model.frames import TEXT, Schema, arrow_backed, arrow_table, conform
from include.groupsync.model.run_path import safe_run_id

_PIECE = 10_000  # rows that are kept in memory while a frame grows, or is read bit by bit
_ROW_GROUP = 50_000  # rows that a reader has to open together


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes the run's artifacts; a file is whole or not there."""

    path: Path

    @classmethod
    def of(cls, runs_root: Path, term: str, run_id: str) -> "RunFolder":
        """The folder ``RUNS/<term>/<run>/``, made where it is missing."""
        path = runs_root / safe_run_id(term) / safe_run_id(run_id)
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def save_frame(self, name: str, frame: pd.DataFrame, schema: Schema) -> None:
        """``name`` without suffix, slashes for folders; saved as Parquet in the schema's types."""
        table = arrow_table(conform(frame, schema))
        with _Whole(self.path / f"{name}.parquet") as part:
            pq.write_table(table, part, compression="zstd", row_group_size=_ROW_GROUP)

    @contextmanager
    def rows_of(self, name: str, schema: Schema) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Saves a frame row by row, in pieces: what is given to the function in the ``with`` block.

        What was given is saved although the block fails.
        """
        kept: list[Mapping[str, Any]] = []
        arrow = pa.schema(list(schema.items()))
        with _Whole(self.path / f"{name}.parquet", always=True) as part, pq.ParquetWriter(part, arrow) as writer:

            def flush() -> None:
                writer.write_table(pa.Table.from_pylist(kept, schema=arrow))
                kept.clear()

            def add(row: Mapping[str, Any]) -> None:
                kept.append(row)
                if len(kept) >= _PIECE:
                    flush()

            try:
                yield add
            finally:
                flush()

    def frame(self, name: str) -> pd.DataFrame:
        """The saved frame, Arrow-backed; FileNotFoundError where the step before has not left it."""
        # A third of the time of pandas' own reading, which shows where frames are small and many.
        with pq.ParquetFile(self.path / f"{name}.parquet") as file:
            return arrow_backed(file.read())

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The saved frame's rows in order, some thousands at a time: memory does not grow with the file."""
        with pq.ParquetFile(self.path / f"{name}.parquet") as file:
            yield from file.iter_batches(_PIECE, columns=columns and list(columns))

    def frame_of_courses(self, name: str, courses: Collection[str]) -> pd.DataFrame:
        """The rows of these courses, in order; the frame as a whole is never in memory."""
        wanted = pa.array(sorted(courses), TEXT)
        found = [batch.filter(pc.is_in(batch["course"], wanted)) for batch in self.batches(name)]
        return arrow_backed(pa.Table.from_batches(found)) if found else self.frame(name)

    def save_json(self, name: str, document: Mapping[str, Any]) -> None:
        self.save_text(f"{name}.json", json.dumps(document, indent=1, ensure_ascii=False, default=str))

    def json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        return found

    def save_text(self, name: str, text: str) -> None:
        with _Whole(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    @contextmanager
    def text_file(self, name: str) -> Iterator[TextIO]:
        """A text that is written bit by bit."""
        with _Whole(self.path / name) as part, part.open("w", encoding="utf-8", newline="") as text:
            yield text


class _Whole:
    """Writes beside the target and renames at the end, or ``always``: a killed task leaves no half file."""

    def __init__(self, target: Path, always: bool = False):
        self.target, self.always = target, always
        self.part = target.with_name(f".{target.name}.{os.getpid()}")

    def __enter__(self) -> Path:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        return self.part

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed and not self.always:
            self.part.unlink(missing_ok=True)
        else:
            self.part.replace(self.target)
