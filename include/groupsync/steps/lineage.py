"""What an asset's event says of a run: row counts, digests, and where to look."""

import hashlib
from collections.abc import Mapping
from typing import Any

from include.groupsync.model.lineage import DRIFT, MOODLE, PLAN, sources
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.steps.run import Deployment, Restoring, Run, step_records


def events_of(step: str, deployment: Deployment, run: Run, page: str) -> dict[str, dict[str, Any]]:
    """By asset, what the step that has just ended says of it; {} for a step that has none."""
    folder = run.folder(deployment)
    term = folder.json("undone")["term"] if isinstance(run, Restoring) else run.term_key
    about = {"environment": deployment.environment, "term": term, "run": run.run_id, "page": page}
    if not run.extent.is_whole:
        about["only"] = run.extent.told  # who reads of a plan must not take a part for the whole
    if step == "extract":
        return {uri: about | extra for uri, extra in _extracted(deployment, folder).items()}
    if step == "circuit_breaker":
        return {PLAN: about | _planned(folder)}
    if step == "apply":
        return {MOODLE: about | {"site": deployment.moodle.url} | _applied(folder)}
    if step == "look":
        return {DRIFT: about | {name: value for name, value in folder.json("looked").items() if name != "unknown"}}
    return {}


def _extracted(deployment: Deployment, folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Rows as read, and the digest of each table as it is kept in the run's folder."""
    record = step_records(folder)["extract"]
    settings = deployment.settings.model_dump(mode="json")
    found = {}
    for uri, names in sources(settings).items():
        connection = uri.split("/")[3]
        answered = record["answered"]
        rows = {
            name: count
            for name, count in answered.items()
            if name in names or name.split("_")[0] in names  # cmis_groups is read from cmis
        }
        kept = [name for name in record["rows"] if name in names or ("cmis" in names and name != "mappings")]
        found[uri] = {
            "rows": rows,
            "sha256": {name: _digest(folder, f"source/{name}.parquet") for name in kept},
            "snapshot": record["snapshots"].get(connection),
            "freshness": record["freshness"].get(connection),
        }
    return found


def _digest(folder: RunFolder, name: str) -> str:
    with (folder.path / name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _planned(folder: RunFolder) -> dict[str, Any]:
    plan, verdict = folder.json("plan"), folder.json("verdict")
    parts: Mapping[str, Any] = {name: plan[name] for name in ("released", "held")}
    return {
        "digest": plan["digest"],
        "changes": plan["counts"],
        **parts,
        "trips": sorted({one["rule"] for one in verdict["observations"] if one["tripped"]}),
    }


def _applied(folder: RunFolder) -> dict[str, Any]:
    outcomes = step_records(folder)["apply"].get("outcomes", {})
    return {"plan": folder.json("plan")["released"]["digest"], "written": outcomes.get("done", 0), "outcomes": outcomes}
