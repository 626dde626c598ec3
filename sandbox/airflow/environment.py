"""The environment of a local Airflow, built from two folders and a port.

It takes nothing from a surrounding Airflow (its AIRFLOW__... variables are dropped), binds only to the
loopback, and keeps its keys in AIRFLOW_HOME, readable by the owner alone.
"""

import base64
import json
import os
import secrets
import sys
from pathlib import Path

USERS = {"admin": "admin", "user": "user", "viewer": "viewer"}  # name and role; the password is the name
LOOPBACK = "127.0.0.1"


def airflow_environment(project: Path, home: Path, port: int) -> dict[str, str]:
    """Variables for every Airflow process: code and DAGs from `project`, all state below `home`."""
    airflow_home = home / ".airflow"
    airflow_home.mkdir(parents=True, exist_ok=True)
    keys = _keys(airflow_home / "keys.json")
    url = f"http://{LOOPBACK}:{port}"
    return _surrounding() | {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",  # the default forks 32 workers that idle
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",  # does not follow the port by itself
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords(airflow_home / "passwords.json")),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # by default a machine that is busy for 5 s fails tasks
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",  # a second of waiting less between tasks
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        **_theme(project / "include" / "config" / "airflow_theme.json"),
        "AIRFLOW__API__SECRET_KEY": keys["secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "PYTHONPATH": str(project),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "NO_PROXY": LOOPBACK,  # a proxy for the rest of the world must not see these calls
        "no_proxy": LOOPBACK,
        "GX_ANALYTICS_ENABLED": "false",
        "GROUPSYNC_ENVIRONMENT": "sandbox",
        "GROUPSYNC_RUNS": str(home / ".runs"),
    }


def _theme(path: Path) -> dict[str, str]:
    """How Airflow's pages look on a phone; nothing in a project without the file."""
    return {"AIRFLOW__API__THEME": path.read_text(encoding="utf-8")} if path.exists() else {}


def _surrounding() -> dict[str, str]:
    """The caller's variables but for Airflow's, the project's own, and the one that makes each start slow."""
    dropped = ("AIRFLOW", "GROUPSYNC_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _keys(path: Path) -> dict[str, str]:
    """Made once: a new Fernet key could not read the connections that are stored already."""
    if not path.exists():
        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        _write_private(path, {"fernet": fernet, "jwt": secrets.token_urlsafe(64), "secret": secrets.token_urlsafe(32)})
    keys: dict[str, str] = json.loads(path.read_text())
    return keys


def _passwords(path: Path) -> Path:
    if not path.exists():
        _write_private(path, {name: name for name in USERS})
    return path


def _write_private(path: Path, content: dict[str, str]) -> None:
    """Never readable by others, not even for the moment between creation and chmod; never half written."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    partial.replace(path)
