"""Through a real API server: whether a route is guarded shows only there."""

import re

import pytest
import requests

from include.groupsync.model.run_path import run_name, safe_run_id

pytestmark = [pytest.mark.slow, pytest.mark.alone]
DAG_ID = "moodle_group_try"
REPORT = "<!doctype html><h1>What the run did</h1>"


@pytest.fixture(scope="module")
def run_id(local_airflow):
    """A run of one of our DAGs, with a folder."""
    client = local_airflow.client()
    client.unpause(DAG_ID)
    run_id = client.trigger(DAG_ID, {})
    list(client.follow(DAG_ID, run_id, 120))
    folder = run_folder(local_airflow, run_id)
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(REPORT)
    (folder / "report.json").write_text('{"adds": 3}')
    (folder / "rejected.csv").write_text("row,reason\n1,no key\n")
    (folder / "plan.parquet").write_text("data")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "inner.json").write_text("{}")
    (folder / "leak.json").symlink_to(local_airflow.home / ".airflow" / "keys.json")
    (folder.parent / "beside.json").write_text("{}")
    return run_id


def run_folder(local_airflow, run_id):
    return local_airflow.home / ".runs" / "2026-27-T1" / safe_run_id(run_name(DAG_ID, run_id))


def get(local_airflow, path, user="viewer"):
    url = f"{local_airflow.environment['AIRFLOW__API__BASE_URL']}/groupsync/runs/{path}"
    session = local_airflow.client(user).session if user else requests.Session()
    return session.get(url, timeout=30)


def test_who_may_see_the_run_sees_its_report(local_airflow, run_id):
    response = get(local_airflow, f"{DAG_ID}/{run_id}/")
    assert response.status_code == 200
    assert response.text == REPORT


def test_the_tab_is_on_the_dag_runs_page(local_airflow):
    plugins = local_airflow.client()._call("GET", "/api/v2/plugins")["plugins"]
    views = [view for plugin in plugins for view in plugin["external_views"] if view["name"] == "Sync report"]
    assert [(view["destination"], view["href"]) for view in views] == [
        ("dag_run", "/groupsync/runs/{DAG_ID}/{RUN_ID}/")
    ]


@pytest.mark.parametrize("name", ["", "report.html", "report.json", "rejected.csv", "plan.parquet", "none.json"])
def test_nobody_sees_anything_without_a_login(local_airflow, run_id, name):
    assert get(local_airflow, f"{DAG_ID}/{run_id}/{name}", user=None).status_code == 401


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("report.json", "application/json", '{"adds": 3}'),
        ("rejected.csv", "text/csv; charset=utf-8", "row,reason\n1,no key\n"),
        ("report.html", "text/html; charset=utf-8", REPORT),
    ],
)
def test_files_are_served_as_what_they_are(local_airflow, run_id, name, media_type, content):
    response = get(local_airflow, f"{DAG_ID}/{run_id}/{name}")
    assert response.headers["content-type"] == media_type
    assert response.text == content


@pytest.mark.parametrize(
    "name",
    [
        "plan.parquet",
        "leak.json",
        "deeper",
        "deeper/inner.json",
        "deeper%2Finner.json",
        "../beside.json",
        "..%2Fbeside.json",
        "%2e%2e%2fbeside.json",
        "%2e%2e/beside.json",
        "%2Fetc%2Fpasswd",
        ".json",
        "report.json%00",
        "none.json",
    ],
)
def test_no_other_path_is_served(local_airflow, run_id, name):
    """`requests` would tidy the dots away: the address is sent as it is written."""
    client = local_airflow.client("viewer")
    request = requests.Request("GET", f"{client.url}/").prepare()
    request.url = f"{client.url}/groupsync/runs/{DAG_ID}/{run_id}/{name}"
    request.headers.update(client.session.headers)
    assert client.session.send(request, timeout=30).status_code == 404


def test_a_run_is_not_shown_under_another_dags_name(local_airflow, run_id):
    """Else whoever may see any one DAG could read every run."""
    assert get(local_airflow, f"other/{run_id}/", user="admin").status_code == 404
    assert get(local_airflow, f"moodle_group_none/{run_id}/", user="admin").status_code == 404


def test_a_page_loads_nothing_and_runs_nothing(local_airflow, run_id):
    for name in ("", "report.html", "rejected.csv"):
        policy = get(local_airflow, f"{DAG_ID}/{run_id}/{name}").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert not re.search(r"https?:|\*", policy)


def test_a_run_without_a_report_says_so_and_lists_what_there_is(local_airflow):
    client = local_airflow.client()
    client.unpause(DAG_ID)
    run_id = client.trigger(DAG_ID, {})
    assert "has left no files" in get(local_airflow, f"{DAG_ID}/{run_id}/").text
    folder = run_folder(local_airflow, run_id)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text("{}")
    page = get(local_airflow, f"{DAG_ID}/{run_id}/").text
    assert "No report yet" in page
    assert '<a href="verdict.json">' in page
