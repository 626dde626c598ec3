"""Applies Astro's `airflow_settings.yaml` to the Airflow of the environment, where there is no Astro CLI.

    python -m sandbox.airflow.settings airflow_settings.yaml

What the file names is replaced as a whole, so that a field taken out of the file is gone; what it does not
name stays. Empty items, as in Astro's template, are passed over; an unknown key is an error that names it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

CONNECTION_KEYS = frozenset(
    {
        "conn_id",
        "conn_type",
        "conn_host",
        "conn_schema",
        "conn_login",
        "conn_password",
        "conn_port",
        "conn_uri",
        "conn_extra",
    }
)
KEYS = {
    "connections": CONNECTION_KEYS,
    "pools": frozenset({"pool_name", "pool_slot", "pool_description"}),
    "variables": frozenset({"variable_name", "variable_value"}),
}
NAMES = {"connections": "conn_id", "pools": "pool_name", "variables": "variable_name"}


class SettingsFileError(Exception):
    """The file does not say what to set; names the key."""


def read_settings(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The items of the file by kind, all kinds present, empty items left out."""
    content = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("airflow") or {}
    for kind in content:
        if kind not in KEYS:
            raise SettingsFileError(f"{path}: airflow.{kind} is not one of {', '.join(KEYS)}")
    return {kind: _items(path, kind, content.get(kind) or []) for kind in KEYS}


def _items(path: Path, kind: str, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    items = [{key: value for key, value in item.items() if value not in (None, "")} for item in listed if item]
    for item in items:
        if unknown := sorted(item.keys() - KEYS[kind]):
            raise SettingsFileError(f"{path}: airflow.{kind} has an unknown key: {', '.join(unknown)}")
        if item and NAMES[kind] not in item:
            raise SettingsFileError(f"{path}: an item of airflow.{kind} has no {NAMES[kind]}")
    return [item for item in items if item]


def connection_fields(item: dict[str, Any]) -> dict[str, Any]:
    """The arguments of Airflow's Connection; `conn_extra` may be a mapping or JSON text."""
    if "conn_uri" in item:
        return {"conn_id": item["conn_id"], "uri": item["conn_uri"]}
    names = {
        "conn_id": "conn_id",
        "conn_type": "conn_type",
        "conn_host": "host",
        "conn_schema": "schema",
        "conn_login": "login",
        "conn_password": "password",
        "conn_port": "port",
        "conn_extra": "extra",
    }
    fields = {names[key]: value for key, value in item.items()}
    if isinstance(fields.get("extra"), dict):
        fields["extra"] = json.dumps(fields["extra"])
    return fields


def apply_settings(settings: dict[str, list[dict[str, Any]]]) -> str:
    """Write them to Airflow's database, all or nothing; a summary of what was set."""
    # Imported here: it costs seconds, and reading the file alone does not need it.
    from airflow.models import Connection, Pool, Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        for item in settings["connections"]:
            session.execute(delete(Connection).where(Connection.conn_id == item["conn_id"]))
            session.add(Connection(**connection_fields(item)))
        for item in settings["pools"]:
            Pool.create_or_update_pool(
                item["pool_name"],
                slots=int(item["pool_slot"]),
                description=item.get("pool_description", ""),
                include_deferred=False,
                session=session,
            )
        for item in settings["variables"]:
            Variable.set(item["variable_name"], item.get("variable_value", ""), session=session)
    return ", ".join(f"{len(items)} {kind}" for kind, items in settings.items())


def main(arguments: list[str]) -> int:
    path = Path(arguments[0] if arguments else "airflow_settings.yaml")
    try:
        settings = read_settings(path)
    except (OSError, yaml.YAMLError, SettingsFileError) as problem:
        print(f"settings not applied: {problem}", file=sys.stderr)
        return 1
    print(f"{path}: {apply_settings(settings)} set")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
