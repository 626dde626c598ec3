"""Runs a dataset's expectations in great_expectations; imported inside the task that needs it only."""

import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.errors import QualityError
from include.groupsync.quality.suites import Expectation

FAILURE_COLUMNS = ["source_row", "column", "rule", "reason"]


@dataclass(frozen=True)
class Judgement:
    """``failures``: one row for each row that a row expectation refused (FAILURE_COLUMNS).

    ``broken``: the reasons of the dataset expectations that failed.  ``document``: great_expectations' own
    result without the values that it looked at.
    """

    failures: pd.DataFrame
    broken: list[str]
    document: dict[str, Any]


def judge(dataset: str, frame: pd.DataFrame, suite: list[Expectation]) -> Judgement:
    """Judge the frame (columns CLEAN, ``source_row`` unique) by the suite.

    Raises QualityError when an expectation could not be evaluated: a check that did not run is no pass.
    """
    results = _run(dataset, frame, suite)
    failures: list[dict[str, Any]] = []
    broken: list[str] = []
    for result in results:
        config = result["expectation_config"]
        meta = config["meta"]
        if result["exception_info"].get("raised_exception") or "success" not in result:
            raise QualityError(f"{dataset}: {config['type']} ({meta['reason']}) could not be evaluated: {result}")
        if result["success"]:
            continue
        if meta["level"] == "dataset":
            broken.append(meta["reason"])
        for at in result["result"].pop("unexpected_index_list", None) or []:
            column = config["kwargs"].get("column", "name")
            row = {"source_row": at["source_row"], "column": column}
            failures.append(row | {"rule": meta["rule"], "reason": meta["reason"]})
    return Judgement(pd.DataFrame(failures, columns=FAILURE_COLUMNS), broken, _without_values(dataset, results))


def _run(dataset: str, frame: pd.DataFrame, suite: list[Expectation]) -> list[dict[str, Any]]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Under Airflow it would log a line for each of its hundreds of functions.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    expectations = gx.ExpectationSuite(name=dataset, expectations=[dict(e) for e in suite])
    source = context.data_sources.add_pandas("source")
    batch = source.add_dataframe_asset(dataset).add_batch_definition_whole_dataframe("all")
    definition = gx.ValidationDefinition(name=dataset, data=batch, suite=context.suites.add(expectations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = context.validation_definitions.add(definition).run(
            # Plain objects: its regular expressions then are Python's, not those of Arrow's engine.
            batch_parameters={"dataframe": frame.astype(object).where(frame.notna(), None)},
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": ["source_row"],
                "include_unexpected_rows": False,
            },
        )
    found: list[dict[str, Any]] = outcome.to_json_dict()["results"]
    return found


def _without_values(dataset: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and settings only: the values may be people's keys (rule W3)."""
    kept = ("element_count", "unexpected_count", "unexpected_percent", "missing_count")
    return {
        "dataset": dataset,
        "success": all(result["success"] for result in results),
        "results": [
            {
                "type": result["expectation_config"]["type"],
                "kwargs": {k: v for k, v in result["expectation_config"]["kwargs"].items() if k != "batch_id"},
                "meta": result["expectation_config"]["meta"],
                "success": result["success"],
                "result": {k: v for k, v in result["result"].items() if k in kept},
            }
            for result in results
        ],
    }
