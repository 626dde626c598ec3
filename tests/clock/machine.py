"""An Airflow of its own over PostgreSQL: scheduler, DAG processor and api-server with its pages, and a world for it.

The state database is one of the same server.  With a ``ShiftedClock`` all of it has that clock, the server too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.groupsync.state.database import initialise
from sandbox.airflow import server
from sandbox.airflow.background import Background, wait_until
from sandbox.airflow.client import FINISHED, AirflowClient
from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.run import wait_for_dag
from tests import postgresql
from tests.clock.shifted import ShiftedClock
from tests.conftest import ROOT
from tests.dags.conftest import connections
from tests.world import STATE, World

SYNC = "moodle_group_sync"
SECONDS = 1200.0  # for what takes seconds on an idle machine
_PORT = 18400


class Machine:
    """Started and stopped as often as is wanted; its databases stay.  ``calendar`` is the file that it reads."""

    def __init__(self, folder: Path, world: World, address: str, clock: ShiftedClock | None, dags: Path):
        self.world, self.calendar, self.state_url = world, folder / "terms.yaml", world.databases[STATE]
        environment = airflow_environment(ROOT, folder / "airflow", server.free_port(_PORT)) | connections(world)
        environment |= {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address.format(database="airflow"),
            # psycopg does both; Airflow would take asyncpg, which nothing else here needs.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": address.format(database="airflow").replace(
                "psycopg2", "psycopg"
            ),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            # Or what is newer than the clock says would be read again and again.
            "AIRFLOW__DAG_PROCESSOR__FILE_PARSING_SORT_MODE": "alphabetical",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "GROUPSYNC_CALENDAR": str(self.calendar),
        }
        if clock is not None:
            environment |= clock.environment
            environment["AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME"] = str(2 * 365 * 86400)  # it is set on by weeks
            environment["PYTHONPATH"] = os.pathsep.join([clock.python_path, environment["PYTHONPATH"]])
        self.environment = environment
        self.url = environment["AIRFLOW__API__BASE_URL"]
        self._background = Background(folder / "processes")
        self._client: AirflowClient | None = None

    def start(self) -> None:
        """All components healthy, the sync's DAG known and no longer paused."""
        server.bring_up(self._background, self.environment, ROOT, ROOT / "airflow_settings.yaml")
        self._client = AirflowClient(self.url, "admin", "admin")
        wait_for_dag(self._client, SYNC)
        self._client.unpause(SYNC)

    def stop(self) -> None:
        self._background.stop(20)

    @property
    def client(self) -> AirflowClient:
        assert self._client is not None, "it was not started"
        return self._client

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.client._call(method, path, body)

    def runs(self) -> list[dict[str, Any]]:
        """All runs of the sync, in the order in which they were made."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/v2/dags/{SYNC}/dagRuns?limit=100&order_by=id")["dag_runs"]
        return found

    def versions(self) -> int:
        """How many versions of the sync's DAG there are."""
        return int(self.call("GET", f"/api/v2/dags/{SYNC}/dagVersions")["total_entries"])

    def wait_for_runs(self, count: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Until there are so many runs, all of them ended; what there is when the time is over."""
        wait_until(
            lambda: len(found := self.runs()) >= count and all(one["state"] in FINISHED for one in found), seconds, 1.0
        )
        return self.runs()

    def ask_state(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the state database."""
        engine = sa.create_engine(self.state_url)
        with engine.connect() as link:
            rows = [dict(row) for row in link.execute(sa.text(sql)).mappings()]
        engine.dispose()
        return rows


@contextmanager
def machine(
    folder: Path, world: World, clock: ShiftedClock | None = None, dags: Path = ROOT / "dags"
) -> Iterator[Machine]:
    """One with empty databases, not started yet; the world is armed for it."""
    port = server.free_port(_PORT + 1)
    with postgresql.running(port, clock.environment if clock else None) as address:
        for name in ("airflow", "groupsync"):
            postgresql.create_database(address, name)
        world.databases[STATE] = address.format(database="groupsync")
        world.arm(f"sandbox {initialise(world.databases[STATE], 'sandbox')}")
        made = Machine(folder, world, address, clock, dags)
        try:
            yield made
        finally:
            made.stop()
