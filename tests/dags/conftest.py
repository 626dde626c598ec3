"""An Airflow in a process of its own, one for all tests of this folder, and a world for each test."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.server import free_port
from tests.conftest import ROOT
from tests.world import MOODLE, SETTINGS, SOURCE, STATE, TERM1, World

SYNC, RELEASE, ARM = "moodle_group_sync", "moodle_group_release", "moodle_group_arm"
RESTORE, TERM_STATE = "moodle_group_restore", "moodle_term_state"
EXCEPTION, SWITCH, DRIFT = "moodle_member_exception", "moodle_course_switch", "moodle_group_drift"


@dataclass
class Probe:
    """An Airflow in a process of its own, see probe.py."""

    process: "subprocess.Popen[str]"
    log: Path
    port: int

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.poll() is None, f"Airflow's process has ended: {self.last_words}"
        print(json.dumps(question), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"Airflow's process ended: {self.last_words}"
        found: dict[str, Any] = json.loads(answer)
        return found

    @property
    def words(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def last_words(self) -> str:
        return self.words[-1500:]

    def run(self, world: World, *, scheduled: bool = False, **environment: str) -> dict[str, Any]:
        """One run of the sync in that world, as if somebody had started it, or as a scheduled one."""
        told = connections(world) | environment
        return self.ask(dag=SYNC, conf={"term": TERM1}, environment=told, scheduled=scheduled)

    def arm(self, world: World, **form: str) -> dict[str, Any]:
        """One run of the arming in that world, with what is typed into its form."""
        return self.ask(dag=ARM, conf=form, environment=connections(world))


def connections(world: World) -> dict[str, str]:
    """The world as Airflow's connections and our variables name it."""
    world.deployment()  # leaves the settings as a file
    databases = {name: {"conn_type": "generic", "extra": {"url": world.databases[name]}} for name in (SOURCE, STATE)}
    moodle = {"conn_type": "http", "host": world.url, "password": world.token}
    return {
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in {**databases, MOODLE: moodle}.items()},
        "GROUPSYNC_ENVIRONMENT": world.environment,
        "GROUPSYNC_SETTINGS": str(world.folder / "groupsync.yaml"),
        "GROUPSYNC_RUNS": str(world.folder / "runs"),
    }


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    with started(tmp_path_factory.mktemp("airflow")) as made:
        yield made


@contextmanager
def started(home: Path) -> Iterator[Probe]:
    """One more of them, with a database of its own."""
    port = free_port(0)
    environment = airflow_environment(ROOT, home, port)
    # A task imports the plugins' modules by name, as it does where Airflow has loaded its plugins folder.
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'plugins'}"
    # A DAG file names the tables that are read: those of the worlds.
    settings = home / "groupsync.yaml"
    settings.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    environment["GROUPSYNC_SETTINGS"] = str(settings)
    log = home / "probe.log"
    command = [sys.executable, str(Path(__file__).with_name("probe.py"))]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, text=True, stderr=errors, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    try:
        yield Probe(process, log, port)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def seen(probe: Probe) -> dict[str, Any]:
    return probe.ask()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        made = stack.enter_context(World(tmp_path))
        made.course("C1", users=["ann"])
        made.map("C1")
        made.source.group("C1", "G1", name="Group 1")
        made.source.members("C1", "G1", "ann")
        yield made
