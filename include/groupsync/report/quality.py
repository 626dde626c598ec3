"""What the expectations found, as a page that needs nothing from outside and as CSV; people by source key only (W3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import TEXT, conform, rows
from include.groupsync.report.pages import as_csv, render

# A row that fails an expectation: what follows from it, and the rest as a finding has it.
FAILING = {"level": TEXT, **{name: kind for name, kind in FINDING.items() if name != "severity"}}
NEXT_STEPS = {
    "dataset": "Correct the table, or what groupsync.yaml says of it; nothing was written.",
    "watch": "Nothing follows from it here; look whether the source means it.",
}
_WORST = ("critical", "warning", "info")
_SHOWN = 20  # rows of each reason on the page; the CSV has all


def named_rows(dataset: str, frame: pd.DataFrame, failing: pd.DataFrame) -> pd.DataFrame:
    """The rows (FAILING) that fail a dataset or watch expectation, by their keys.

    ``failing`` has source_row, level, rule and reason, ``frame`` the keys by source_row.
    """
    keys = [one for one in ("idnumber", "group", "label", "module") if one in frame]
    about = frame[["source_row", "course", *(["user"] if "user" in frame else [])]].copy()
    about["key"] = frame[keys].bfill(axis=1).iloc[:, 0]
    whole = failing[["source_row", "level", "rule", "reason"]].merge(about, on="source_row", how="left")
    return conform(whole.assign(dataset=dataset, next_step=whole["level"].map(NEXT_STEPS)), FAILING)


def set_aside_rows(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings (FINDING) of rows that were set aside, as rows (FAILING)."""
    return conform(findings.assign(level="row"), FAILING)


def quality_csv(failing: pd.DataFrame) -> str:
    """All failing rows (FAILING), what stops the run first."""
    ordered = failing.assign(order=_order(failing)).sort_values(
        ["order", "dataset", "source_row", "rule"], kind="stable"
    )
    return as_csv([list(FAILING), *(row.values() for row in rows(ordered[list(FAILING)]))])


def quality_page(document: Mapping[str, Any], failing: pd.DataFrame) -> str:
    """The document that the step ``validate`` leaves, as HTML; of each table's rows the first."""
    tables = [
        {
            "name": name,
            "counts": counts,
            **_expectations(document["suites"][name]["results"]),
            **_first(failing[failing["dataset"] == name]),
        }
        for name, counts in document["tables"].items()
    ]
    return render(
        "quality.html", quality=document, tables=tables, numbers=[_number(document, one) for one in document["numbers"]]
    )


def _expectations(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those that failed, the worst first, and those that passed."""
    ordered = sorted(results, key=lambda one: _WORST.index(one["expectation_config"]["severity"]))
    told = [_told(one) for one in ordered]
    failed = [one for one in told if not one["success"]]
    return {"failed": failed, "passed": [one for one in told if one["success"]]}


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    config = result["expectation_config"]
    kwargs = {name: value for name, value in config["kwargs"].items() if name not in ("batch_id", "ignore_row_if")}
    columns = [*_listed(kwargs.pop("column", [])), *_listed(kwargs.pop("column_list", []))]
    columns += [kwargs.pop(name) for name in ("column_A", "column_B") if name in kwargs]
    expected = "; ".join(f"{name} {', '.join(map(str, _listed(value)))}" for name, value in kwargs.items())
    return {
        "success": result["success"],
        "severity": config["severity"],
        "type": config["type"],
        "columns": ", ".join(columns),
        "expected": expected.replace("mostly 1e-09", "in some row"),
        "failing": result["result"].get("unexpected_count", 0),
        "of": result["result"].get("element_count", 0),
        **config["meta"],
    }


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _first(failing: pd.DataFrame) -> dict[str, Any]:
    ordered = failing.assign(order=_order(failing)).sort_values(["order", "reason", "source_row"], kind="stable")
    shown = ordered.groupby(["level", "rule", "reason"], sort=False).head(_SHOWN)
    return {"rows": rows(shown[list(FAILING)]), "total": len(failing), "of_each": _SHOWN}


def _order(failing: pd.DataFrame) -> pd.Series:
    return failing["level"].map({"dataset": 0, "row": 1, "watch": 2}).astype("int64")


def _number(document: Mapping[str, Any], observation: Mapping[str, Any]) -> dict[str, Any]:
    """A number with what its expectation said, None where nothing is expected of it."""
    results = document["suites"].get("numbers", {"results": []})["results"]
    name = f"{observation['rule']}: {observation['subject']}"
    said = {one["expectation_config"]["kwargs"]["column"]: one["success"] for one in results}
    return {**observation, "success": said.get(name)}
