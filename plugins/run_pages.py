"""The run folder's pages in Airflow: a "Sync report" tab on the DAG run, and the files behind it.

Promises: only a person who may see the run sees its files, and only reports (HTML, CSV, JSON) leave the
folder. Pages load nothing from elsewhere and run no script, whatever got into them.
"""

import html
import os
import re
from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from sqlalchemy import select

PREFIX = "/groupsync"
OUR_DAGS = ("moodle_group_", "moodle_term_", "moodle_member_", "moodle_course_")
FRONT_PAGE = "report.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
FILE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.html|\.csv|\.json)")
HEADERS = {
    # The page is on Airflow's own origin: a script in it would act with the reader's rights.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Airflow guards none of a plugin's routes by itself. On the app, so that no later route can be without it.
app = FastAPI(
    title="groupsync run pages",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))],
)


@app.get("/runs/{dag_id}/{run_id}/")
def front_page(dag_id: str, run_id: str, session: SessionDep) -> Response:
    """The run's report; until there is one, a list of what there is."""
    folder = _run_folder(dag_id, run_id, session)
    if folder is not None and (report := _readable(folder, FRONT_PAGE)):
        return _serve(report)
    names = sorted(path.name for path in folder.iterdir() if _readable(folder, path.name)) if folder else []
    return HTMLResponse(_contents_page(names), headers=HEADERS)


@app.get("/runs/{dag_id}/{run_id}/{name}")
def run_file(dag_id: str, run_id: str, name: str, session: SessionDep) -> Response:
    """One file of the run folder itself; everything else is not found."""
    folder = _run_folder(dag_id, run_id, session)
    path = _readable(folder, name) if folder else None
    if path is None:
        raise HTTPException(404, f"this run has no file {name!r}")
    return _serve(path)


def _run_folder(dag_id: str, run_id: str, session: SessionDep) -> Path | None:
    """None while the run has written nothing. 404 unless the run is one of that DAG: whoever may see one DAG
    could otherwise read another's reports under its name."""
    run = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    if not dag_id.startswith(OUR_DAGS) or session.scalar(run) is None:
        raise HTTPException(404, "no such run")
    # Imported here: every Airflow component imports this file, only the API server ever serves a page.
    from include.groupsync.model.run_path import find_run_folder, run_name

    runs = os.environ.get("GROUPSYNC_RUNS") or Path(__file__).resolve().parent.parent / ".runs"
    return find_run_folder(Path(runs), run_name(dag_id, run_id))


def _readable(folder: Path, name: str) -> Path | None:
    path = folder / name
    allowed = FILE_NAME.fullmatch(name) and path.is_file() and not path.is_symlink()
    return path if allowed else None


def _serve(path: Path) -> Response:
    name = path.name if path.suffix == ".csv" else None  # a file name makes it a download
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=HEADERS, filename=name)


def _contents_page(names: list[str]) -> str:
    links = "".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a></li>' for name in names)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sync report</title>'
        '<body style="font-family: system-ui, sans-serif; margin: 2rem">'
        "<h1>No report yet</h1><p>The report is written by the run's task <code>report</code>. "
        f"{'Until then there is:' if names else 'So far the run has left no files here.'}</p><ul>{links}</ul>"
    )


class RunPages(AirflowPlugin):
    name = "groupsync_run_pages"
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "groupsync run pages"}]
    external_views = [
        {
            "name": "Sync report",
            "href": f"{PREFIX}/runs/{{DAG_ID}}/{{RUN_ID}}/",
            "destination": "dag_run",
            "url_route": "sync-report",
        }
    ]
