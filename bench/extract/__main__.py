"""What reading the memberships costs beside ``pandas.read_sql``, in processor time and memory.

    python -m bench.extract [MEMBERSHIPS]

The same table, course, group and user as texts, in SQLite and PostgreSQL, is read whole by both: by the engine's own
``read_dataset``, which ends in the frame that the next step is given, and by ``pandas.read_sql`` over SQLAlchemy
(PostgreSQL) or sqlite3.  Each reading has a process of its own, the two in turn; the best of three counts, as other
work on the machine can only make it worse.  The server's time is not counted, nor is what a process has imported.
"""

import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Imported before anything is measured, as pandas is.
import adbc_driver_postgresql.dbapi  # noqa: F401
import adbc_driver_sqlite.dbapi  # noqa: F401
import pandas as pd
import sqlalchemy as sa

from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.settings import Memberships
from include.groupsync.source.database import snapshot
from include.groupsync.source.extract import read_dataset
from tests.postgresql import create_database, running

_SIZE = 5_000_000
_TIMES = 3
_SOURCE = Memberships.model_validate(
    {"connection": "cmis", "table": "membership", "columns": {"course": "course", "group": "grp", "user": "usr"}}
)
_TABLE = "CREATE TABLE membership (course varchar(30), grp varchar(40), usr varchar(12))"
_GROUPS, _PEOPLE = 60_000, 50_000  # those of a large university


def main() -> int:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else _SIZE
    print(f"{size:,} memberships\n\n| source | way | CPU seconds | memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="groupsync-bench-") as name, running() as address:
        create_database(address, "bench")
        urls = {"SQLite": f"sqlite:///{name}/bench.db", "PostgreSQL": address.format(database="bench")}
        _fill_sqlite(Path(name) / "bench.db", size)
        _fill_postgresql(urls["PostgreSQL"], size)
        for source, url in urls.items():
            best = {}
            for way in (*WAYS,) * _TIMES:
                seconds, kilobytes, rows = _measured(way, url)
                assert rows == size, f"{way} read {rows} of {size}"
                now = best.get(way, (seconds, kilobytes))
                best[way] = min(now[0], seconds), min(now[1], kilobytes)
            for way, (seconds, kilobytes) in best.items():
                print(f"| {source} | {way} | {seconds:.1f} | {kilobytes / 1024:,.0f} MB |", flush=True)
            (theirs, ours) = (best[way] for way in WAYS)
            print(
                f"| {source} | **the engine's share** | **1 / {theirs[0] / ours[0]:.1f}** |"
                f" **{ours[1] / theirs[1]:.0%}** |",
                flush=True,
            )
    return 0


def pandas(url: str) -> int:
    """As everybody would; how many rows came."""
    statement = "SELECT course, grp, usr FROM membership"
    if url.startswith("sqlite"):
        return len(pd.read_sql(statement, sqlite3.connect(sa.make_url(url).database or "")))
    return len(pd.read_sql(statement, sa.create_engine(url)))


def engine(url: str) -> int:
    """As the step ``extract`` does; how many rows came."""
    with snapshot(DatabaseConnection("cmis", url), Path("/")) as database:
        return len(read_dataset(database, "memberships", _SOURCE, Path("/"), {}))


WAYS = {"pandas.read_sql": pandas, "engine": engine}


def _measured(way: str, url: str) -> tuple[float, int, int]:
    """CPU seconds and the most memory in kilobytes above the imported process, and how many rows came."""
    command = [sys.executable, "-m", "bench.extract", "--one", way, url]
    seconds, kilobytes, rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(kilobytes), int(rows)


def _one(way: str, url: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = WAYS[way](url)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(seconds, after.ru_maxrss - before.ru_maxrss, rows)


def _memberships(size: int) -> Iterator[tuple[str, str, str]]:
    """No course, group and user twice: each group's members follow each other in the list of people."""
    most = -(-size // _GROUPS)
    for n in range(size):
        group = n // most
        course = f"COMP{group // 5:05d}-A5U-T1-26"
        yield course, f"{course}-{group % 5}SEM", f"{10_000_000 + n % _PEOPLE}"


def _fill_sqlite(path: Path, size: int) -> None:
    link = sqlite3.connect(path)
    link.execute(_TABLE)
    link.executemany("INSERT INTO membership VALUES (?, ?, ?)", _memberships(size))
    link.commit()
    link.close()


def _fill_postgresql(url: str, size: int) -> None:
    most = -(-size // _GROUPS)
    with sa.create_engine(url).begin() as link:
        link.exec_driver_sql(_TABLE)
        link.execute(
            sa.text(
                "INSERT INTO membership SELECT c, c || '-' || g % 5 || 'SEM', CAST(10000000 + n % :people AS text) FROM"
                " (SELECT n, n / :most AS g, 'COMP' || lpad(CAST(n / :most / 5 AS text), 5, '0') || '-A5U-T1-26' AS c"
                " FROM generate_series(0, :last) AS n) AS rows"
            ),
            {"people": _PEOPLE, "most": most, "last": size - 1},
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], sys.argv[3])
    else:
        sys.exit(main())
