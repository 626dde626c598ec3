import contextlib
import re
import socket

import psutil
import pytest

from sandbox.airflow import server
from sandbox.airflow.background import Background
from sandbox.airflow.environment import airflow_environment
from sandbox.airflow.run import run_dag
from tests.conftest import ROOT, make_throw_away_project


def test_a_free_port_is_the_preferred_one():
    port = server.free_port(0)
    assert server.free_port(port) == port


def test_a_taken_port_is_replaced_by_another():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert server.free_port(port) not in (port, 0)


def test_nobody_listening_is_not_healthy():
    assert not server.is_healthy(f"http://127.0.0.1:{server.free_port(0)}")


@pytest.mark.slow
@pytest.mark.alone
def test_a_run_is_followed_to_its_end(local_airflow):
    client = local_airflow.client()
    client.unpause("moodle_group_try")
    run_id = client.trigger("moodle_group_try", {"fail": False})
    ends = [task for task in client.follow("moodle_group_try", run_id, 120) if task.has_ended]
    assert [(task.name, task.state) for task in ends] == [("first", "success"), ("second", "success")]
    assert client.run_state("moodle_group_try", run_id) == "success"
    assert "first was here" in client.log("moodle_group_try", run_id, ends[0])


@pytest.mark.slow
@pytest.mark.alone
def test_a_failed_tasks_log_says_why(local_airflow):
    client = local_airflow.client()
    client.unpause("moodle_group_try")
    run_id = client.trigger("moodle_group_try", {"fail": True})
    *_, last = client.follow("moodle_group_try", run_id, 120)
    assert (last.name, last.state) == ("second", "failed")
    assert "ValueError: told to fail" in client.log("moodle_group_try", run_id, last)
    assert client.run_state("moodle_group_try", run_id) == "failed"


@pytest.mark.slow
@pytest.mark.alone
def test_a_watched_run_prints_its_tasks_and_the_log_of_the_one_that_failed(local_airflow, capsys):
    run_id, state = run_dag(local_airflow.client(), "moodle_group_try", {"fail": True}, 120)
    printed = capsys.readouterr().out
    assert state == "failed"
    assert run_id in printed
    assert re.search(r"^  first +success +\d+\.\d s$", printed, re.MULTILINE)
    assert "the log of second ends so" in printed
    assert "ValueError: told to fail" in printed


@pytest.mark.slow
@pytest.mark.alone
def test_runs_cut_off_by_a_stop_are_closed(local_airflow):
    """Their tasks were killed with Airflow, which would wait minutes for their heartbeat."""
    client = local_airflow.client()
    client.unpause("other")
    run_id = client.trigger("other", {})
    client.fail_unfinished_runs("other")
    assert client.run_state("other", run_id) == "failed"


@pytest.mark.slow
@pytest.mark.alone
def test_stop_leaves_no_process_and_no_port(tmp_path):
    """SIGTERM alone leaves workers behind more often than not."""
    project = make_throw_away_project(tmp_path / "project")
    environment = airflow_environment(project, tmp_path, server.free_port(0))
    background = Background(tmp_path / "processes")
    try:
        server.bring_up(background, environment, project, ROOT / "airflow_settings.yaml")
        assert addresses_of(processes_of(project)) == {"127.0.0.1"}
    finally:
        background.stop()
    assert processes_of(project) == []
    assert server.free_port(int(environment["AIRFLOW__API__PORT"])) == int(environment["AIRFLOW__API__PORT"])


def processes_of(project):
    """Every process that works in this project, whoever its parent is now.

    By working folder: Airflow overwrites its processes' titles, and with them what shows of the environment.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(project):
                found.append(process)
    return found


def addresses_of(processes):
    connections = [one for process in processes for one in process.net_connections("inet")]
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
