"""The count of web-service calls that reached the site, so that a test can say none did; and who wrote when."""

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.moodle.database import Database, Pool
from sandbox.moodle.forms import Form
from sandbox.moodle.functions import FUNCTIONS

Summary = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Written:
    """A call of a function that writes: from its arrival to its answer, seconds since 1970, as the site's clock has it;
    ``agent`` is what the client called itself."""

    function: str
    items: int
    agent: str
    began: float
    ended: float


class CallLog:
    """Counts per function: calls, items sent, and whether the function writes. Refused calls count too."""

    def __init__(self, pool: Pool) -> None:
        self._lock = threading.Lock()
        self._pool = pool
        self.written: list[Written] = []  # of this process
        self._counts: dict[str, list[int]] = {
            row["function"]: [row["calls"], row["items"]] for row in pool.reading().all("SELECT * FROM standin_calls")
        }

    def reached(self, function: object, variables: Form) -> None:
        """Count a call of a function with these variables."""
        if isinstance(function, str) and function in FUNCTIONS:
            with self._lock:
                count = self._counts.setdefault(function, [0, 0])
                count[0] += 1
                count[1] += items_in(variables)

    def wrote(self, function: object, items: int, agent: str, began: float, ended: float) -> None:
        """Note a call after its answer, if its function writes."""
        if isinstance(function, str) and function in FUNCTIONS and FUNCTIONS[function].writes:
            self.written.append(Written(function, items, agent, began, ended))

    def summary(self) -> Summary:
        """The counts so far."""
        with self._lock:
            return {
                name: {"calls": calls, "items": items, "writes": FUNCTIONS[name].writes}
                for name, (calls, items) in self._counts.items()
            }

    def store(self, database: Database) -> None:
        """Put the counts into the site's file; done with every writing call, so reading stays cheap."""
        for name, count in self.summary().items():
            sql = "INSERT OR REPLACE INTO standin_calls (function, calls, items, writes) VALUES (?, ?, ?, ?)"
            database.execute(sql, [name, count["calls"], count["items"], int(count["writes"])])

    def flush(self) -> None:
        """Store the counts now."""
        with self._pool.writing() as database, database.transaction():
            self.store(database)

    def reset(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()
            self.written.clear()
        with self._pool.writing() as database:
            database.execute("DELETE FROM standin_calls")


def items_in(variables: Form) -> int:
    """How many items a call's first list has; 1 without a list."""
    lists = [value for value in variables.values() if isinstance(value, dict)]
    return len(lists[0]) if lists else 1
