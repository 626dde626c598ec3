import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.settings import SettingsFileError, connection_fields, read_settings

ROOT = Path(__file__).resolve().parents[3]


def settings_file(folder, text):
    path = folder / "airflow_settings.yaml"
    path.write_text(text)
    return path


def test_the_projects_file_has_the_five_connections():
    """Databases as a SQLAlchemy URL, Moodle as a host with a token."""
    settings = read_settings(ROOT / "airflow_settings.yaml")
    connections = {item["conn_id"]: connection_fields(item) for item in settings["connections"]}
    assert sorted(connections) == [f"groupsync_{name}" for name in ("cmis", "mappings", "moodle", "sits", "state")]
    assert json.loads(connections["groupsync_cmis"]["extra"]) == {"url": "sqlite:///.sandbox/university.db"}
    assert connections["groupsync_moodle"]["conn_type"] == "http"
    assert connections["groupsync_moodle"]["host"] == "http://127.0.0.1:8091"


def test_astros_empty_template_sets_nothing(tmp_path):
    path = settings_file(
        tmp_path,
        """
airflow:
  connections:
    - conn_id:
      conn_type:
      conn_extra:
        example_extra_field: example-value
  pools:
    - pool_name:
      pool_slot:
  variables:
""".replace("      conn_extra:\n        example_extra_field: example-value\n", ""),
    )
    assert read_settings(path) == {"connections": [], "pools": [], "variables": []}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("airflow: {connection: []}", "connection"),
        ("airflow: {connections: [{conn_id: a, conn_pasword: b}]}", "conn_pasword"),
        ("airflow: {pools: [{pool_slot: 3}]}", "pool_name"),
    ],
)
def test_an_error_names_what_is_wrong(tmp_path, text, named):
    with pytest.raises(SettingsFileError, match=named):
        read_settings(settings_file(tmp_path, text))


@pytest.mark.parametrize("extra", [{"url": "sqlite://"}, '{"url": "sqlite://"}'], ids=["mapping", "text"])
def test_conn_extra_may_be_a_mapping_or_json(extra):
    fields = connection_fields({"conn_id": "a", "conn_extra": extra})
    assert json.loads(fields["extra"]) == {"url": "sqlite://"}


def test_a_uri_stands_for_the_whole_connection():
    fields = connection_fields({"conn_id": "a", "conn_type": "http", "conn_uri": "http://u:p@h:1"})
    assert fields == {"conn_id": "a", "uri": "http://u:p@h:1"}


READ_BACK = """
import json
from airflow.models import Connection, Pool, Variable
from airflow.utils.session import create_session
with create_session() as session:
    found = [(c.conn_id, c.host, c.password) for c in session.query(Connection).order_by(Connection.conn_id)]
    pool = session.query(Pool).filter_by(pool="writes").one()
    print(json.dumps([found, pool.slots, Variable.get("colour")]))
"""


@pytest.mark.slow
@pytest.mark.alone
def test_applied_twice_the_second_file_replaces_what_it_names(tmp_path):
    """Delete, then add: a password that is gone from the file is gone from Airflow; the rest stays."""
    environment = airflow_environment(ROOT, tmp_path, 18090)

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)

    first = settings_file(
        tmp_path,
        """
airflow:
  connections:
    - {conn_id: changed, conn_type: http, conn_host: old, conn_password: secret-word}
    - {conn_id: kept, conn_type: http, conn_host: here}
  pools: [{pool_name: writes, pool_slot: 1}]
  variables: [{variable_name: colour, variable_value: red}]
""",
    )
    run("-m", "airflow", "db", "migrate")
    run("-m", "sandbox.airflow.settings", str(first))
    second = settings_file(
        tmp_path,
        """
airflow:
  connections: [{conn_id: changed, conn_type: http, conn_host: new}]
  pools: [{pool_name: writes, pool_slot: 2}]
  variables: [{variable_name: colour, variable_value: blue}]
""",
    )
    said = run("-m", "sandbox.airflow.settings", str(second)).stdout
    assert "1 connections, 1 pools, 1 variables set" in said
    found = json.loads(run("-c", READ_BACK).stdout.splitlines()[-1])
    assert found == [[["changed", "new", None], ["kept", "here", None]], 2, "blue"]


def test_a_missing_file_is_said_plainly(tmp_path):
    command = [sys.executable, "-m", "sandbox.airflow.settings", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "settings not applied" in done.stderr
    assert "none.yaml" in done.stderr
