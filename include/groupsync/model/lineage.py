"""What a run reads, makes and changes, as assets: their addresses, the same in every environment and without a secret.

Light enough for a DAG file: it is imported whenever one is parsed.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

PLAN, MOODLE, DRIFT = "x-groupsync://plan", "x-groupsync://moodle", "x-groupsync://drift"
_DATASETS = ("mappings", "groupings", "groups", "memberships")


def sources(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """The source's assets with the tables of ours that are read from each; ``settings`` as they are written down.

    A table or a statement over a connection is one; CMIS and SITS as they are, are one a connection.  Nothing is
    judged: what is not understood is left out.
    """
    found: dict[str, list[str]] = {}
    native = settings.get("native")
    for name in _DATASETS:
        dataset = settings.get(name)
        if isinstance(dataset, Mapping) and (name == "mappings" or not isinstance(native, Mapping)):
            parts = [dataset.get("connection"), dataset.get("table") or dataset.get("sql")]
            if all(isinstance(part, str) and part for part in parts):
                found.setdefault(_source(*parts), []).append(name)
    if isinstance(native, Mapping):
        for system in ("cmis", "sits"):
            if isinstance(conn_id := native.get(system), str) and conn_id:
                found.setdefault(_source(conn_id), []).append(system)
    return found


def _source(*parts: Any) -> str:
    return "/".join(["x-groupsync://source", *(quote(str(part), safe="") for part in parts)])
