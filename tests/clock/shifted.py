"""A clock that is set while programs run: libfaketime, which Debian has, shows it to each process that is started with
``environment``, and to what that one starts.

Only the time of day is shifted.  Time that passes stays true (no time-out fires because the clock was set), and so do
the times of files: they are part of Python's compiled modules.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import find_libfaketime

# libfaketime 0.9.10 refuses to sleep until a moment of the true clock, which is how Python sleeps since 3.11.
_SLEEPS = """import select
import time

def sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)

time.sleep = sleep
"""
_SECONDS_TO_TELL = 1.5  # every process looks once a second


class ShiftedClock:
    """Its folder has to be one that every account may read: PostgreSQL has its own."""

    def __init__(self, folder: Path):
        self._file = folder / "clock"
        self._shift = 0.0
        (folder / "sitecustomize.py").write_text(_SLEEPS, encoding="utf-8")
        self.environment = {
            "LD_PRELOAD": find_libfaketime() or "",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.python_path = str(folder)
        self._write()

    def set(self, at: datetime) -> None:
        """From now on it is that time; returns when every process knows."""
        self._shift = (at - datetime.now(UTC)).total_seconds()
        self._write()
        time.sleep(_SECONDS_TO_TELL)

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._shift, UTC)

    def sleep_until(self, at: datetime) -> None:
        time.sleep(max(0.0, (at - self.now()).total_seconds()))

    def _write(self) -> None:
        partial = self._file.with_suffix(".new")
        partial.write_text(f"{self._shift:+.3f}\n", encoding="ascii")
        partial.chmod(0o644)
        partial.replace(self._file)
