"""What a machine lacks is said at the end of the run, never passed over in silence.

A test that needs a program carries `@pytest.mark.needs("postgresql")`. Where it is missing the test is not
run and the summary lists it; with REQUIRE_ALL=1, as in CI, it fails.
"""

import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.airflow.client import AirflowClient

ROOT = Path(__file__).resolve().parent.parent
NEEDS = "needs "


def find_postgresql() -> str | None:
    """Debian keeps initdb out of PATH, in one folder per version."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return shutil.which("initdb") or (str(installed[-1]) if installed else None)


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def find_oracle_wire() -> str | None:
    """PostgreSQL with orafce, and the Python package that speaks Oracle's protocol in front of it."""
    orafce = sorted(Path("/usr/share/postgresql").glob("*/extension/orafce.control"))
    return str(orafce[-1]) if orafce and importlib.util.find_spec("seerdb") else None


def find_libfaketime() -> str | None:
    """The library that shows a process another time; Debian keeps it in a folder of its own."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[-1]) if found else None


PROGRAMS = {
    "postgresql": find_postgresql,
    "chromium": find_chromium,
    "the Oracle wire": find_oracle_wire,
    "libfaketime": find_libfaketime,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = [name for marker in item.iter_markers("needs") for name in marker.args]
    if missing := ", ".join(name for name in needed if PROGRAMS[name]() is None):
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"{NEEDS}{missing}, and REQUIRE_ALL=1 lets nothing be missing", pytrace=False)
        pytest.skip(f"{NEEDS}{missing}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = Counter(
        report.longrepr[2].removeprefix(f"Skipped: {NEEDS}")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and report.longrepr[2].startswith(f"Skipped: {NEEDS}")
    )
    for name, test_count in sorted(missing.items()):
        terminalreporter.write_line(f"not run: needs {name} ({test_count} tests)", yellow=True)


@dataclass(frozen=True)
class LocalAirflow:
    """A running Airflow with two throw-away DAGs: `moodle_group_try` and `other`."""

    home: Path
    environment: dict[str, str]

    def client(self, user: str = "admin") -> "AirflowClient":
        from sandbox.airflow.client import AirflowClient

        return AirflowClient(self.environment["AIRFLOW__API__BASE_URL"], user, user)


THROW_AWAY_DAGS = """
from airflow.sdk import Param, dag, task

def make(dag_id):
    @dag(dag_id=dag_id, schedule=None, params={"fail": Param(False, type="boolean")})
    def wired():
        @task
        def first(params=None):
            print("first was here")

        @task
        def second(params=None):
            if params["fail"]:
                raise ValueError("told to fail")

        first() >> second()

    return wired()

make("moodle_group_try")
make("other")
"""


def make_throw_away_project(folder: Path) -> Path:
    """The project's code and plugins, with other DAGs."""
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "try.py").write_text(THROW_AWAY_DAGS)
    for name in ("include", "plugins", "sandbox"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="session")
def local_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """One for the whole session: it takes 15 seconds to start."""
    from sandbox.airflow import server
    from sandbox.airflow.background import Background
    from sandbox.airflow.environment import airflow_environment

    home = tmp_path_factory.mktemp("airflow")
    project = make_throw_away_project(home / "project")
    environment = airflow_environment(project, home, server.free_port(0))
    background = Background(home / "processes")
    try:
        server.bring_up(background, environment, project, ROOT / "airflow_settings.yaml")
        yield LocalAirflow(home, environment)
    finally:
        background.stop()
