"""The expectations of each dataset, as data that reads like the rules.

Row checks stand once, here; what takes two rows to see (duplicates, look-alike idnumbers) is set aside by
``source/quarantine.py``, and what takes two tables is only watched (``watch.py``).
"""

import re
from collections.abc import Iterable, Iterator

from include.groupsync.model.keys import CONTROL_CHARACTER, MAX_IDNUMBER, MAX_NAME, UNDECODABLE, part_of_idnumber
from include.groupsync.model.term import Term
from include.groupsync.quality.levels import Expectation, sets_aside, stops
from include.groupsync.settings import Settings

_KIND = {"groupings": "grouping", "groups": "group"}
_ANY = 1e-9  # great_expectations' "mostly" for: in at least one row
MAX_REQUEST, MAX_MAPPING = 100, 255  # a request's id, and what tells its mapping, in the state database
LEAST_ROWS = 5  # of fewer rows, all may lack a key by chance: they are set aside one by one
# What a key never looks like, and a column of another type always does: 12.5, 2026-10-25 01:30.
_ANOTHER_TYPE = r"^([0-9]+\.[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.+Z-]*)?)$"
_SHAPES = {"id": (r"^[0-9]+$", "a whole number"), "email": ("@", "an e-mail address")}


def suite_for(dataset: str, settings: Settings, term: Term, count: int = LEAST_ROWS) -> list[Expectation]:
    """The *dataset* and *row* expectations for that many rows, in great_expectations' own configuration format."""
    configured = settings.tables[dataset].columns.configured
    match dataset:
        case "mappings":
            rows = _mapping_rows(configured)
        case "requests":
            # A queue is short and mostly empty: its rows are set aside one by one, and it never stops a run.
            return _request_rows(configured)
        case "memberships":
            rows = _membership_rows(configured, settings.localgroupfield)
        case "groups":
            rows = [*_object_rows(dataset, configured), *_readable("grouping", key=True)]
        case _:
            rows = _object_rows(dataset, configured)
    columns = _whole_columns(dataset, set(configured), settings) if count >= LEAST_ROWS else []
    return [*columns, *_whole_table(dataset, set(configured), settings, term), *rows]


# --- the table as a whole


def _whole_table(dataset: str, configured: set[str], settings: Settings, term: Term) -> list[Expectation]:
    main, _ = _keys_of(dataset, configured, settings)
    return [
        stops(
            "expect_column_values_to_not_be_null",
            "O3",
            f"more than half of the rows have no {main}: the column is not what it should be",
            column=main,
            mostly=0.5,
        ),
        *_of_the_term(dataset, configured, settings, term),
    ]


def _whole_columns(dataset: str, configured: set[str], settings: Settings) -> list[Expectation]:
    _, others = _keys_of(dataset, configured, settings)
    return [
        *(
            stops(
                "expect_column_values_to_not_be_null",
                "O3",
                f"no row has {column}: the column is empty",
                column=column,
                mostly=_ANY,
            )
            for column in others
        ),
        *_of_the_right_type(dataset, configured, settings),
    ]


def _keys_of(dataset: str, configured: set[str], settings: Settings) -> tuple[str, list[str]]:
    """The column without which hardly a row may be, and the other ones without which no row can be used."""
    module = [column for column in ("module",) if column in configured]
    match dataset:
        case "mappings":
            return "course", [*module, *(c for c in ("academic_year", "period", "term") if c in configured)]
        case "memberships":
            course = [] if settings.localgroupfield == "id" else ["course"]
            return "group", [*course, "user", *module]
        case _:
            return "course", ["idnumber", *module]


def _of_the_right_type(dataset: str, configured: set[str], settings: Settings) -> Iterator[Expectation]:
    """A column that was exchanged for another one, or that the database hands out as another type."""
    fields: dict[str, str] = {"course": settings.localcoursefield}
    if dataset == "memberships":
        fields |= {"group": settings.localgroupfield, "user": settings.localuserfield}
    elif dataset != "mappings":
        fields |= {"idnumber": "idnumber"}
    for column, field in fields.items():
        if column not in configured:
            continue
        if field in _SHAPES:
            pattern, what = _SHAPES[field]
            reason = f"no {column} is {what}, as Moodle's {field} is: the column has the wrong type"
            yield stops("expect_column_values_to_match_regex", "K2", reason, column=column, regex=pattern, mostly=_ANY)
        else:
            yield stops(
                "expect_column_values_to_not_match_regex",
                "K2",
                f"every {column} is a number with a fraction or a date: the column has the wrong type",
                column=column,
                regex=_ANOTHER_TYPE,
                mostly=_ANY,
            )


def _of_the_term(dataset: str, configured: set[str], settings: Settings, term: Term) -> Iterator[Expectation]:
    """Set, year and term as the calendar has them.

    The mappings are cut to the term before they are judged; where nothing is left of them, they are judged uncut.  That
    none is of the term's periods is no fault: nobody may have mapped that term yet.
    """
    if dataset == "mappings":
        if "academic_year" in configured:
            yield stops(
                "expect_column_values_to_be_in_set",
                "C1",
                f"no row is of the academic year of the run's term {term.key}, {term.academic_year}",
                column="academic_year",
                value_set=[term.academic_year],
                mostly=_ANY,
            )
        return
    if "term" in configured:
        yield stops(
            "expect_column_values_to_be_in_set",
            "O3",
            f"term is not of the run's term {term.key} ({term.key})",
            column="term",
            value_set=[term.key],
        )
    if settings.native is not None:
        # An idnumber that is derived from CMIS begins with the set that its row is of.
        column = "group" if dataset == "memberships" else "idnumber"
        yield stops(
            "expect_column_values_to_match_regex",
            "O3",
            f"{column} is not of the term's set {term.setid}",
            column=column,
            regex=f"^{re.escape(str(part_of_idnumber(term.setid)))}:",
        )


# --- row by row


def _mapping_rows(configured: Iterable[str]) -> list[Expectation]:
    keys = [c for c in ("course", "module", "academic_year", "period", "term", "occurrence") if c in configured]
    present = [c for c in keys if c != "occurrence"]
    return [
        *(_present(column, "K4") for column in present),
        *(expectation for column in keys for expectation in _readable(column, key=True)),
        sets_aside(
            "expect_column_values_to_be_in_set",
            "C1",
            "status is not active, inactive or withdrawn",
            column="status",
            value_set=["active", "inactive", "withdrawn"],
        ),
        _present("status", "C1"),
        sets_aside(
            "expect_column_values_to_be_in_set",
            "C1",
            "import_groups is neither yes nor no",
            column="import_groups",
            value_set=["yes", "no"],
        ),
    ]


def _request_rows(configured: Iterable[str]) -> list[Expectation]:
    keys = [c for c in ("id", "course", "module", "academic_year", "period", "term", "occurrence") if c in configured]
    return [
        *(_present(column, "K4") for column in (*keys, "action", "requested_at") if column != "occurrence"),
        *(expectation for column in keys for expectation in _readable(column, key=True)),
        _no_longer("id", MAX_REQUEST),
        # Year and term are the run's: rows of others are not judged.
        *(
            _no_longer(column, MAX_MAPPING)
            for column in ("course", "module", "occurrence", "period")
            if column in configured
        ),
        sets_aside(
            "expect_column_values_to_be_in_set",
            "C3",
            "action is neither ADD nor RMV",
            column="action",
            value_set=["ADD", "RMV"],
        ),
        sets_aside(
            "expect_column_values_to_match_regex",
            "C3",
            "requested_at is no time",
            column="requested_at",
            regex=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+\+00:00$",
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
        sets_aside(
            "expect_column_values_to_not_be_in_set",
            "K7",
            "the idnumber 0 counts as empty in Moodle",
            column="idnumber",
            value_set=["0"],
        ),
        sets_aside(
            "expect_column_values_to_not_match_regex",
            "K7",
            "an idnumber of # and digits is how plans name objects without idnumber",
            column="idnumber",
            regex=r"^#[0-9]+$",
        ),
        sets_aside(
            "expect_column_pair_values_to_be_equal",
            "K7",
            "Moodle would change this name: a tag other than a multilang span, or < before a non-blank",
            column_A="name",
            column_B="name_in_moodle",
        ),
    ]


def _membership_rows(configured: Iterable[str], localgroupfield: str) -> list[Expectation]:
    # By Moodle's id a row may do without its course; what it says of it has to be readable all the same.
    needed = [c for c in ("course", "group", "user") if c != "course" or localgroupfield != "id"]
    stated = [c for c in ("course", "group", "user") if c in configured or c in needed]
    return [
        *(_present(column, "K4") for column in needed),
        *([_present("module", "C1")] if "module" in configured else []),
        *(expectation for column in stated for expectation in _readable(column, key=True)),
        *_readable_delivery(configured),
    ]


def _readable_delivery(configured: Iterable[str]) -> list[Expectation]:
    columns = [column for column in ("module", "occurrence", "period") if column in configured]
    return [expectation for column in columns for expectation in _readable(column, key=True)]


def _present(column: str, rule: str) -> Expectation:
    return sets_aside("expect_column_values_to_not_be_null", rule, f"{column} is absent", column=column)


def _no_longer(column: str, limit: int) -> Expectation:
    return sets_aside(
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
        sets_aside(refuse, "K4", f"{column} contains {what}", column=column, regex=pattern),
        sets_aside(refuse, "K4", f"{column} could not be decoded", column=column, regex=UNDECODABLE),
    ]
