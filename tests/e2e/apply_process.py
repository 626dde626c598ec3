"""The apply step in a process of its own, so that it can be killed: ``FOLDER RUN TERM ADDRESS TOKEN NOW``."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.connection import DatabaseConnection, MoodleConnection
from include.groupsync.settings import load_settings
from include.groupsync.steps import Deployment, Run, step
from tests.world import CALENDAR, MOODLE, SOURCE, STATE


def deployment_of(folder: Path, address: str, token: str, now: Callable[[], datetime]) -> Deployment:
    """The deployment of a World's folder, in whatever process."""
    files = {SOURCE: "source.db", STATE: "state.db"}
    return Deployment(
        environment="sandbox",
        settings=load_settings(folder / "groupsync.yaml"),
        calendar=CALENDAR,
        databases={name: DatabaseConnection(name, f"sqlite:///{folder / file}") for name, file in files.items()},
        moodle=MoodleConnection(MOODLE, address, token),
        project_root=folder,
        runs_root=folder / "runs",
        now=now,
    )


def main(folder: Path, run_id: str, term: str, address: str, token: str, now: str) -> None:
    began = monotonic()
    deployment = deployment_of(
        folder, address, token, lambda: datetime.fromisoformat(now) + timedelta(seconds=monotonic() - began)
    )
    step("apply")(deployment, Run(run_id, term))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except GroupsyncError as error:
        sys.exit(f"{type(error).__name__}: {error}")
