"""The apply step in a process of its own, so that it can be killed: ``FOLDER RUN TERM ADDRESS TOKEN NOW``."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.connection import DatabaseConnection, MoodleConnection
from include.groupsync.settings import load_settings
from include.groupsync.steps import Deployment, Run, step
from tests.world import CALENDAR, MOODLE, SOURCE, STATE


def main(folder: Path, run_id: str, term: str, address: str, token: str, now: str) -> None:
    began = monotonic()
    files = {SOURCE: "source.db", STATE: "state.db"}
    deployment = Deployment(
        environment="sandbox",
        settings=load_settings(folder / "groupsync.yaml"),
        calendar=CALENDAR,
        databases={name: DatabaseConnection(name, f"sqlite:///{folder / file}") for name, file in files.items()},
        moodle=MoodleConnection(MOODLE, address, token),
        project_root=folder,
        runs_root=folder / "runs",
        now=lambda: datetime.fromisoformat(now) + timedelta(seconds=monotonic() - began),
    )
    step("apply")(deployment, Run(run_id, term))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except GroupsyncError as error:
        sys.exit(f"{type(error).__name__}: {error}")
