"""A program that keeps running after the command that started it, and that a later command can stop.

Each leaves one record in a folder: its process id with the time at which it started, so that an id that the
system has given to somebody else since is never signalled.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

STOP_SECONDS = 5.0


class Background:
    """The background programs of one sandbox, by name, recorded in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, name: str, command: Sequence[str], environment: dict[str, str], project: Path) -> None:
        """Start `command` in a session of its own, unless it runs already; output goes to NAME.log."""
        if self.is_running(name):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            started = subprocess.Popen(
                command,
                cwd=project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = {"pid": started.pid, "started": psutil.Process(started.pid).create_time()}
        self._record(name).write_text(json.dumps(record))

    def is_running(self, name: str) -> bool:
        return self._find(name) is not None

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def last_lines(self, name: str, line_count: int = 15) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-line_count:])

    def names(self) -> list[str]:
        """All that were started and not stopped yet, whether they still live or not."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def stop(self, wait_seconds: float = STOP_SECONDS) -> list[str]:
        """End all of them, with everything that they started; the names of those that were running.

        SIGTERM goes to each program alone, which ends its own children in order. What is left after
        `wait_seconds` is killed: Airflow's scheduler sends its idle workers one message each to end, but none
        to a worker that has just ended on another's message, and then waits for ever for the one left over.
        """
        families = {name: _family(self._read(name)) for name in self.names()}
        for name in families:
            if leader := self._find(name):
                leader.terminate()
        _, alive = psutil.wait_procs([member for family in families.values() for member in family], wait_seconds)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)
        for name in families:
            self._record(name).unlink()
        return [name for name, family in families.items() if family]

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, float]:
        record: dict[str, float] = json.loads(self._record(name).read_text())
        return record

    def _find(self, name: str) -> psutil.Process | None:
        """The process of that record, if it lives and is the same one."""
        try:
            record = self._read(name)
            process = psutil.Process(int(record["pid"]))
            same = abs(process.create_time() - record["started"]) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None


def _family(record: dict[str, float]) -> list[psutil.Process]:
    """The program and its descendants; by session, since a killed program's children have no parent."""
    family: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            in_session = os.getsid(process.pid) == record["pid"]
            if in_session and process.create_time() > record["started"] - 1:
                family |= {member.pid: member for member in [process, *process.children(recursive=True)]}
    return list(family.values())


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.2) -> bool:
    """Call `condition` until it is true; False when `seconds` have passed before."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
