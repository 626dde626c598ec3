"""Where a run's folder is; light enough for a page that only looks for one."""

import hashlib
import re
from pathlib import Path

SYNC_DAG, RELEASE_DAG, RESTORE_DAG = "moodle_group_sync", "moodle_group_release", "moodle_group_restore"
DRIFT_DAG = "moodle_group_drift"


def run_name(dag_id: str, run_id: str) -> str:
    """What folder, journal and state call a run: a sync's own id; two DAGs may have runs of one id, so another
    DAG's has its name in front, such as ``moodle_group_release.manual__2026-10-01``."""
    return run_id if dag_id == SYNC_DAG else f"{dag_id}.{run_id}"


def dag_run(name: str) -> tuple[str, str]:
    """The DAG and its run's own id, of what ``run_name`` calls it."""
    for dag_id in (RELEASE_DAG, RESTORE_DAG, DRIFT_DAG):
        if name.startswith(f"{dag_id}."):
            return dag_id, name.removeprefix(f"{dag_id}.")
    return SYNC_DAG, name


def safe_run_id(run_id: str) -> str:
    """The run's id as a folder name: what a file system or an address could misread becomes ``_``, and a digest
    keeps two ids apart that would then be one."""
    safe = re.sub(r"[^A-Za-z0-9._+:-]", "_", run_id).lstrip(".")
    return safe if safe == run_id and safe else f"{safe}_{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def find_run_folder(runs_root: Path, run_id: str) -> Path | None:
    """The folder of a run, whichever its term; None where the run has left nothing yet."""
    return next(iter(sorted(runs_root.glob(f"*/{safe_run_id(run_id)}"))), None)
