"""What an expectation is: great_expectations' own configuration, with level, rule and the reason people read."""

from enum import StrEnum
from typing import Any

Expectation = dict[str, Any]


class Level(StrEnum):
    """What follows from a failure: ``dataset`` stops the run, ``row`` sets the row aside, ``watch`` is reported and
    judged by nobody here: whether a number is too much is for the circuit breaker alone."""

    DATASET = "dataset"
    ROW = "row"
    WATCH = "watch"


# great_expectations' severities.  They gate nothing there: a result with a failed *info* is unsuccessful too.
SEVERITY = {Level.DATASET: "critical", Level.ROW: "warning", Level.WATCH: "info"}
LEVEL = {severity: level for level, severity in SEVERITY.items()}


def stops(kind: str, rule: str, reason: str, **kwargs: Any) -> Expectation:
    """A *dataset* expectation: where it fails, the table cannot be used."""
    return _expectation(Level.DATASET, kind, rule, reason, kwargs)


def sets_aside(kind: str, rule: str, reason: str, **kwargs: Any) -> Expectation:
    """A *row* expectation: what fails it is quarantined (rule K4)."""
    return _expectation(Level.ROW, kind, rule, reason, kwargs)


def watches(kind: str, rule: str, reason: str, **kwargs: Any) -> Expectation:
    """A *watch* expectation: what fails it is named."""
    return _expectation(Level.WATCH, kind, rule, reason, kwargs)


def _expectation(level: Level, kind: str, rule: str, reason: str, kwargs: dict[str, Any]) -> Expectation:
    if "column_A" in kwargs:
        kwargs = {**kwargs, "ignore_row_if": "either_value_is_missing"}
    if "column_list" in kwargs:
        kwargs = {**kwargs, "ignore_row_if": "any_value_is_missing"}
    return {"type": kind, "kwargs": kwargs, "meta": {"rule": rule, "reason": reason}, "severity": SEVERITY[level]}
