"""Runs a dataset's expectations in great_expectations; imported inside the task that needs it only."""

import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.errors import QualityError
from include.groupsync.quality.levels import LEVEL, Expectation, Level

FAILURE_COLUMNS = ["source_row", "column", "rule", "reason"]
_COUNTS = (
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_nonmissing",
    "unexpected_percent_total",
)


@dataclass(frozen=True)
class Judgement:
    """``failures``: one row for each row that a row expectation refused (FAILURE_COLUMNS); ``named``: the same for
    the rows that fail a dataset or watch expectation, with its ``level``.

    ``broken``: the dataset expectations that failed, in words.  ``document``: great_expectations' own result, without
    the values that it looked at (rule W3).
    """

    failures: pd.DataFrame
    named: pd.DataFrame
    broken: list[str]
    document: dict[str, Any]


def judge(dataset: str, frame: pd.DataFrame, suite: list[Expectation]) -> Judgement:
    """Judge the frame (the suite's columns, ``source_row`` unique) by the suite.

    Raises QualityError when an expectation could not be evaluated: a check that did not run is no pass.
    """
    document = _run(dataset, frame, suite)
    rows: dict[Level, list[dict[str, Any]]] = {level: [] for level in Level}
    broken: list[str] = []
    for result in document["results"]:
        config = result["expectation_config"]
        meta, level = config["meta"], LEVEL[config["severity"]]
        if trouble := _trouble(result["exception_info"]):
            raise QualityError(
                f"{dataset}: {config['type']} ({meta['reason']}) could not be evaluated: {trouble};"
                " nothing is planned and nothing written."
            )
        found = result["result"]
        failing = found.pop("unexpected_index_list", None) or []
        result["result"] = {name: found[name] for name in _COUNTS if name in found}
        # The result as a whole is unsuccessful even where something watched fails: the severity decides.
        if result["success"]:
            continue
        if level is Level.DATASET:
            share = f"{found['unexpected_count']} of {found['element_count']} rows"
            broken.append(f"{meta['reason']} ({config['type']}: {share})")
        column = config["kwargs"].get("column", "name")
        row = {"column": column, "rule": meta["rule"], "reason": meta["reason"], "level": str(level)}
        rows[level] += [row | {"source_row": at["source_row"]} for at in failing]
    return Judgement(
        pd.DataFrame(rows[Level.ROW], columns=FAILURE_COLUMNS),
        pd.DataFrame([*rows[Level.DATASET], *rows[Level.WATCH]], columns=[*FAILURE_COLUMNS, "level"]),
        broken,
        document,
    )


def _trouble(told: dict[str, Any]) -> str | None:
    """Why an expectation could not be evaluated; None where it was.

    great_expectations tells of it in two forms: of the expectation itself, or by each number that it needed.  In the
    second the expectation has merely failed, and no row with it.
    """
    if told.get("raised_exception") is False:
        return None
    every = [told] if "raised_exception" in told else list(told.values())
    messages = (str(one.get("exception_message")) for one in every if isinstance(one, dict))
    return " ".join(next(messages, "no reason given").split())[:300]


def _run(dataset: str, frame: pd.DataFrame, suite: list[Expectation]) -> dict[str, Any]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Under Airflow it would log a line for each of its hundreds of functions.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    expectations = gx.ExpectationSuite(name=dataset, expectations=[dict(e) for e in suite])
    table = context.data_sources.add_pandas("source").add_dataframe_asset(dataset)
    # Plain objects: its regular expressions then are Python's, not those of Arrow's engine.
    given = {"dataframe": frame.astype(object).where(frame.notna(), None)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Of the batch, not by a validation definition: that stores what nobody fetches, for a third of the time.
        outcome = (
            table.add_batch_definition_whole_dataframe("all")
            .get_batch(given)
            .validate(
                expectations,
                result_format={
                    "result_format": "COMPLETE",
                    "unexpected_index_column_names": ["source_row"],
                    "include_unexpected_rows": False,
                },
            )
        )
    found: dict[str, Any] = outcome.to_json_dict()
    return found
