"""The expectations of each dataset, as data that reads like the rules.

A *row* expectation sets the rows aside that fail it (rule K4); a *dataset* expectation stops the run: the
table cannot be used.  Each carries in its meta what it is, its rule and the reason that people read.
"""

from collections.abc import Iterable
from typing import Any

from include.groupsync.model.keys import CONTROL_CHARACTER, MAX_IDNUMBER, MAX_NAME, UNDECODABLE
from include.groupsync.model.term import Term
from include.groupsync.settings import Settings

Expectation = dict[str, Any]

_KIND = {"groupings": "grouping", "groups": "group"}


def suite_for(dataset: str, settings: Settings, term: Term) -> list[Expectation]:
    """The dataset's expectations, in great_expectations' own configuration format."""
    configured = settings.datasets[dataset].columns.configured
    match dataset:
        case "mappings":
            rows = _mapping_rows(configured)
        case "memberships":
            rows = _membership_rows(configured, settings.localgroupfield)
        case "groups":
            rows = [*_object_rows(dataset, configured), *_readable("grouping", key=True)]
        case _:
            rows = _object_rows(dataset, configured)
    return [*_whole_table(dataset, configured, term), *rows]


def _whole_table(dataset: str, configured: Iterable[str], term: Term) -> list[Expectation]:
    wanted = {"term": [term.key]}
    # The mappings are cut to the term before they are judged; the other tables have at most the term itself.
    columns = set() if dataset == "mappings" else set(configured) & {"term"}
    key = "group" if dataset == "memberships" else "course"
    return [
        _dataset(
            "expect_column_values_to_not_be_null",
            f"more than half of the rows have no {key}: the column is not what it should be",
            column=key,
            mostly=0.5,
        )
    ] + [
        _dataset(
            "expect_column_values_to_be_in_set",
            f"{column} is not of the run's term {term.key} ({', '.join(values)})",
            column=column,
            value_set=values,
        )
        for column, values in wanted.items()
        if column in columns
    ]


def _mapping_rows(configured: Iterable[str]) -> list[Expectation]:
    keys = [c for c in ("course", "module", "academic_year", "period", "term", "occurrence") if c in configured]
    present = [c for c in keys if c != "occurrence"]
    return [
        *(_present(column, "K4") for column in present),
        *(expectation for column in keys for expectation in _readable(column, key=True)),
        _row(
            "expect_column_values_to_be_in_set",
            "C1",
            "status is not active, inactive or withdrawn",
            column="status",
            value_set=["active", "inactive", "withdrawn"],
        ),
        _present("status", "C1"),
        _row(
            "expect_column_values_to_be_in_set",
            "C1",
            "import_groups is neither yes nor no",
            column="import_groups",
            value_set=["yes", "no"],
        ),
    ]


def _object_rows(dataset: str, configured: Iterable[str]) -> list[Expectation]:
    limit = MAX_NAME[_KIND[dataset]]
    return [
        _present("course", "K4"),
        _present("idnumber", "K4"),
        *([_present("module", "C1")] if "module" in configured else []),
        *(e for column in ("course", "idnumber", "name") for e in _readable(column, key=True)),
        *_readable_delivery(configured),
        *_readable("description", key=False),
        _no_longer("idnumber", MAX_IDNUMBER),
        _no_longer("name", limit),
        _row(
            "expect_column_values_to_not_be_in_set",
            "K7",
            "the idnumber 0 counts as empty in Moodle",
            column="idnumber",
            value_set=["0"],
        ),
        _row(
            "expect_column_values_to_not_match_regex",
            "K7",
            "an idnumber of # and digits is how plans name objects without idnumber",
            column="idnumber",
            regex=r"^#[0-9]+$",
        ),
        _row(
            "expect_column_pair_values_to_be_equal",
            "K7",
            "Moodle would change this name: a tag other than a multilang span, or < before a non-blank",
            column_A="name",
            column_B="name_in_moodle",
        ),
    ]


def _membership_rows(configured: Iterable[str], localgroupfield: str) -> list[Expectation]:
    needed = [c for c in ("course", "group", "user") if c != "course" or localgroupfield != "id"]
    return [
        *(_present(column, "K4") for column in needed),
        *([_present("module", "C1")] if "module" in configured else []),
        *(expectation for column in needed for expectation in _readable(column, key=True)),
        *_readable_delivery(configured),
    ]


def _readable_delivery(configured: Iterable[str]) -> list[Expectation]:
    columns = [column for column in ("module", "occurrence", "period") if column in configured]
    return [expectation for column in columns for expectation in _readable(column, key=True)]


def _present(column: str, rule: str) -> Expectation:
    return _row("expect_column_values_to_not_be_null", rule, f"{column} is absent", column=column)


def _no_longer(column: str, limit: int) -> Expectation:
    return _row(
        "expect_column_value_lengths_to_be_between",
        "K4",
        f"{column} is over {limit} characters",
        column=column,
        max_value=limit,
    )


def _readable(column: str, *, key: bool) -> list[Expectation]:
    """Text that was decoded, and holds no NUL; in a key or a name no control character at all."""
    pattern, what = (CONTROL_CHARACTER, "a control character") if key else ("\\x00", "a NUL")
    refuse = "expect_column_values_to_not_match_regex"
    return [
        _row(refuse, "K4", f"{column} contains {what}", column=column, regex=pattern),
        _row(refuse, "K4", f"{column} could not be decoded", column=column, regex=UNDECODABLE),
    ]


def _row(kind: str, rule: str, reason: str, **kwargs: Any) -> Expectation:
    if "column_A" in kwargs:
        kwargs["ignore_row_if"] = "either_value_is_missing"
    meta = {"level": "row", "rule": rule, "reason": reason}
    return {"type": kind, "kwargs": kwargs, "meta": meta, "severity": "warning"}


def _dataset(kind: str, reason: str, **kwargs: Any) -> Expectation:
    return {
        "type": kind,
        "kwargs": kwargs,
        "meta": {"level": "dataset", "rule": "O3", "reason": reason},
        "severity": "critical",
    }
