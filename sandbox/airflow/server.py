"""Starts a local Airflow and waits until it is healthy.

Three components, not `airflow standalone`: that one also serves task logs on every network interface, and
leaves children behind when it is stopped in any other way than by Ctrl-C. Nothing here needs a triggerer.
"""

import socket
import subprocess
import sys
from pathlib import Path

import requests

from sandbox.airflow.background import Background, wait_until
from sandbox.airflow.environment import LOOPBACK

COMPONENTS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
}
HEALTHY_SECONDS = 180.0


class AirflowDidNotStart(Exception):
    """With the last lines of the log of the component that ended, or that is not healthy."""


def airflow(*arguments: str) -> list[str]:
    """The command of this very interpreter's Airflow, whatever PATH says."""
    return [sys.executable, "-m", "airflow", *arguments]


def bring_up(background: Background, environment: dict[str, str], project: Path, settings: Path) -> bool:
    """Airflow healthy and with those settings, started if need be; whether it was running before."""
    was_running = all(map(background.is_running, COMPONENTS))
    if not was_running:
        _run(airflow("db", "migrate"), environment, project)
        for name, arguments in COMPONENTS.items():
            background.start(name, airflow(*arguments), environment, project)
    _run([sys.executable, "-m", "sandbox.airflow.settings", str(settings)], environment, project)
    wait_until_healthy(background, environment)
    return was_running


def _run(command: list[str], environment: dict[str, str], project: Path) -> None:
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AirflowDidNotStart(f"{' '.join(command[1:])} failed:\n{done.stderr[-2000:]}")


def wait_until_healthy(background: Background, environment: dict[str, str]) -> None:
    url = environment["AIRFLOW__API__BASE_URL"]

    def ended() -> list[str]:
        return [name for name in COMPONENTS if not background.is_running(name)]

    wait_until(lambda: bool(ended()) or is_healthy(url), HEALTHY_SECONDS)
    for name in ended():
        raise AirflowDidNotStart(f"Airflow's {name} ended at its start:\n{background.last_lines(name)}")
    if not is_healthy(url):
        raise AirflowDidNotStart(
            f"Airflow was not healthy after {HEALTHY_SECONDS:.0f} s; its logs: {background.folder}"
        )


def is_healthy(url: str) -> bool:
    """All that we start; the triggerer, which we do not, is not asked for."""
    try:
        health = requests.get(f"{url}/api/v2/monitor/health", timeout=(2, 5)).json()
    except (requests.RequestException, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else one that the system chooses."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # As a server does: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AirflowDidNotStart(f"no free port on {LOOPBACK}")
