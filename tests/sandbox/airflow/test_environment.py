import json
import stat

import pytest

from sandbox.airflow.environment import airflow_environment
from tests.conftest import ROOT


def test_state_is_below_home_and_code_is_the_project(tmp_path):
    """Two checkouts, or a test beside a demo, never share a database."""
    environment = airflow_environment(tmp_path / "project", tmp_path / "home", 18090)
    assert environment["AIRFLOW_HOME"] == str(tmp_path / "home" / ".airflow")
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/home/.airflow/airflow.db"
    assert environment["GROUPSYNC_RUNS"] == str(tmp_path / "home" / ".runs")
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(tmp_path / "project" / "dags")
    assert environment["PYTHONPATH"] == str(tmp_path / "project")


def test_all_addresses_follow_the_port_and_stay_on_the_loopback(tmp_path):
    """The execution API does not follow the API's port by itself: tasks would wait for an answer for ever."""
    environment = airflow_environment(tmp_path, tmp_path, 18090)
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18090"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18090/execution/"


def test_a_surrounding_airflow_has_no_say(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_GROUPSYNC_MOODLE", "http://moodle.example.ac.uk")
    monkeypatch.setenv("GROUPSYNC_ENVIRONMENT", "production")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = airflow_environment(tmp_path, tmp_path, 18090)
    assert environment["GROUPSYNC_ENVIRONMENT"] == "sandbox"
    assert environment.keys().isdisjoint(
        {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_GROUPSYNC_MOODLE", "PYTHONDONTWRITEBYTECODE"}
    )


def test_airflows_pages_fit_a_phone_here_and_in_the_image(tmp_path):
    """The image's variable is the project's file; a project without one leaves Airflow as it is."""
    theme = json.loads(airflow_environment(ROOT, tmp_path, 18090)["AIRFLOW__API__THEME"])
    [line] = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "AIRFLOW__API__THEME" in line]
    assert json.loads(line.partition("=")[2].strip("'")) == theme
    assert line.count("'") == 2, "or the shell's quotes would end early"
    assert "AIRFLOW__API__THEME" not in airflow_environment(tmp_path, tmp_path, 18090)


def test_keys_are_made_once_and_read_by_the_owner_alone(tmp_path):
    """A second key could not decrypt the connections that were stored with the first."""
    first, second = (airflow_environment(tmp_path, tmp_path, 18090) for _ in range(2))
    assert first["AIRFLOW__CORE__FERNET_KEY"] == second["AIRFLOW__CORE__FERNET_KEY"]
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    for name in ("keys.json", "passwords.json"):
        assert stat.S_IMODE((tmp_path / ".airflow" / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("user", ["admin", "user", "viewer"])
def test_each_user_has_a_role_and_a_password(tmp_path, user):
    environment = airflow_environment(tmp_path, tmp_path, 18090)
    passwords = json.loads((tmp_path / ".airflow" / "passwords.json").read_text())
    assert f"{user}:{user}" in environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(",")
    assert passwords[user] == user
