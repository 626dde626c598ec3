"""Every expectation of every suite, on a good row and on a bad one (rules K4, K7, C1, O3)."""

import json
from datetime import date
from typing import Any

import pandas as pd
import pytest

from include.groupsync.errors import QualityError
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.term import Term
from include.groupsync.quality.judge import FAILURE_COLUMNS, Judgement, judge
from include.groupsync.quality.levels import sets_aside
from include.groupsync.quality.suites import suite_for
from include.groupsync.quality.watch import watched, with_references
from include.groupsync.settings import Settings
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.extract import REMOTE
from include.groupsync.source.quarantine import FAILURE

TERM = Term("T1", date(2025, 9, 29), date(2025, 12, 19), "SET", "2025", ("T1", "YEAR"))
TABLE = {"connection": "cmis", "table": "T"}
DELIVERY = {"module": "M", "occurrence": "O", "period": "P"}
SETTINGS = Settings.model_validate(
    {
        "mappings": {**TABLE, "columns": {"term": "T", "department": "D"}},
        "groupings": {**TABLE, "columns": {"name": "N", "description": "D"}},
        "groups": {**TABLE, "columns": {"name": "N", "description": "D", "grouping": "G", "term": "T", **DELIVERY}},
        "memberships": {**TABLE, "columns": {"course": "C", **DELIVERY}},
        "requests": {**TABLE, "columns": {"term": "T"}},
    }
)
MODULE = {"module": "M1", "occurrence": "A", "period": "T1"}
GOOD: dict[str, dict[str, Any]] = {
    "mappings": {
        "course": "C", "department": "H", "academic_year": "2025", "import_groups": "Y", "status": "active",
        "term": "T1", **MODULE,
    },
    "groupings": {"course": "C", "idnumber": "S", "name": "Seminars", "description": "Weekly\n<b>here</b>"},
    "groups": {
        "course": "C", "idnumber": "G", "name": "Å < b", "description": "", "grouping": "S", "term": "T1", **MODULE,
    },
    "memberships": {"course": "C", "group": "G", "user": "ann", **MODULE},
    "requests": {
        "id": "7", "course": "C", "academic_year": "2025", "action": "add", "requested_at": "2025-10-01 09:00:00",
        "term": "T1", **MODULE,
    },
}  # fmt: skip
OBJECTS = ("groupings", "groups")
CHANGED_BY_MOODLE = "Moodle would change this name"
# Dataset, what is wrong, the rule, and how the reason begins.
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    *((d, {"course": " "}, "K4", "course is absent") for d in GOOD),
    *((d, {"course": "C\x07 1"}, "K4", "course contains a control character") for d in GOOD),
    *((d, {"course": "C\ufffd"}, "K4", "course could not be decoded") for d in GOOD),
    *(("mappings", {key: None}, "K4", f"{key} is absent") for key in ("module", "academic_year", "period")),
    *(
        ("mappings", {key: "a\x9fb"}, "K4", f"{key} contains a control character")
        for key in ("module", "occurrence")
    ),
    ("mappings", {"occurrence": "\ufffd"}, "K4", "occurrence could not be decoded"),
    ("mappings", {"status": None}, "C1", "status is absent"),
    ("mappings", {"status": "paused"}, "C1", "status is not active, inactive or withdrawn"),
    ("mappings", {"import_groups": "perhaps"}, "C1", "import_groups is neither yes nor no"),
    *(
        ("requests", {key: None}, "K4", f"{key} is absent")
        for key in ("id", "module", "academic_year", "period", "action", "requested_at")
    ),
    ("requests", {"id": "7\x07"}, "K4", "id contains a control character"),
    ("requests", {"id": "7\ufffd"}, "K4", "id could not be decoded"),
    ("requests", {"id": "7" * 101}, "K4", "id is over 100 characters"),
    *(("requests", {key: "M" * 256}, "K4", f"{key} is over 255 characters") for key in ("course", *MODULE)),
    ("requests", {"action": "DELETE"}, "C3", "action is neither ADD nor RMV"),
    ("requests", {"requested_at": "yesterday"}, "C3", "requested_at is no time"),
    ("requests", {"requested_at": "20251001"}, "C3", "requested_at is no time"),
    *((d, {"idnumber": None}, "K4", "idnumber is absent") for d in OBJECTS),
    *((d, {"idnumber": "a\0b"}, "K4", "idnumber contains a control character") for d in OBJECTS),
    *((d, {"idnumber": "x" * 101}, "K4", "idnumber is over 100 characters") for d in OBJECTS),
    *((d, {"idnumber": "0"}, "K7", "the idnumber 0 counts as empty") for d in OBJECTS),
    *((d, {"idnumber": "#12"}, "K7", "an idnumber of # and digits") for d in OBJECTS),
    *((d, {"name": "a\x0bb"}, "K4", "name contains a control character") for d in OBJECTS),
    *((d, {"name": "a\ufffd"}, "K4", "name could not be decoded") for d in OBJECTS),
    *((d, {"name": "<b>x</b>"}, "K7", CHANGED_BY_MOODLE) for d in OBJECTS),
    *((d, {"name": "Age <25"}, "K7", CHANGED_BY_MOODLE) for d in OBJECTS),
    *((d, {"name": "a\0b"}, "K4", "name contains a control character") for d in OBJECTS),
    *((d, {"description": "a\0b"}, "K4", "description contains a NUL") for d in OBJECTS),
    *((d, {"description": "\ufffd"}, "K4", "description could not be decoded") for d in OBJECTS),
    ("groupings", {"name": "é" * 256}, "K4", "name is over 255 characters"),
    ("groups", {"name": "é" * 255}, "K4", "name is over 254 characters"),
    ("groups", {"grouping": "a\nb"}, "K4", "grouping contains a control character"),
    ("groups", {"grouping": "\ufffd"}, "K4", "grouping could not be decoded"),
    ("groups", {"module": None}, "C1", "module is absent"),
    ("memberships", {"module": None}, "C1", "module is absent"),
    *(("memberships", {key: ""}, "K4", f"{key} is absent") for key in ("group", "user")),
    *(("memberships", {key: "a\tb"}, "K4", f"{key} contains a control character") for key in ("group", "user")),
    *(("memberships", {key: "\ufffd"}, "K4", f"{key} could not be decoded") for key in ("group", "user")),
]  # fmt: skip
# Rows at the very limit, which are good.
BORDER: list[tuple[str, dict[str, Any]]] = [
    *((d, {"idnumber": "é" * 100}) for d in OBJECTS),
    ("groupings", {"name": "é" * 255}),
    ("groups", {"name": "é" * 254}),
    *((d, {"idnumber": "00"}) for d in OBJECTS),
    *((d, {"idnumber": "#"}) for d in OBJECTS),
    *((d, {"name": '<span lang="en" class="multilang">x</span>'}) for d in OBJECTS),
    *((d, {"description": "tab\there\x07"}) for d in OBJECTS),
    ("groups", {"grouping": None}),
    ("mappings", {"occurrence": None}),
    ("requests", {"occurrence": None, "id": "7" * 100, "requested_at": "2025-10-01T09:00:00.5+02:00"}),
    ("mappings", {"status": "WITHDRAWN", "import_groups": "n"}),
]


def judged(dataset: str, *records: dict[str, Any], settings: Settings = SETTINGS) -> Judgement:
    numbered = [GOOD[dataset] | record | {"source_row": i} for i, record in enumerate(records, start=1)]
    frame = clean(dataset, frame_of(numbered, REMOTE[dataset]), settings)
    return judge(dataset, frame, suite_for(dataset, settings, TERM))


@pytest.fixture(scope="module")
def by_dataset() -> dict[str, Judgement]:
    """All bad rows of a dataset, each after a good one, judged together: a judgement costs a second."""
    found = {}
    for dataset in GOOD:
        bad = [record for name, record, _, _ in BAD if name == dataset]
        good = [{}] * (len(bad) + 9) + [record for name, record in BORDER if name == dataset]
        found[dataset] = judged(dataset, *bad, *good)
    return found


@pytest.mark.parametrize(("dataset", "record", "rule", "reason"), BAD)
def test_k4_k7_c1_a_bad_row_is_refused_with_its_rule_and_reason(
    by_dataset: dict[str, Judgement], dataset: str, record: dict[str, Any], rule: str, reason: str
) -> None:
    """By its number; and by nothing that it did not break."""
    place = [r for name, r, _, _ in BAD if name == dataset].index(record) + 1
    told = [(f["rule"], f["reason"]) for f in rows(by_dataset[dataset].failures) if f["source_row"] == place]
    assert [r for r, text in told if text.startswith(reason)] == [rule]
    wrong_too = {"K7"} if "\0" in str(record.get("name", "")) or "\ufffd" in str(record.get("name", "")) else set()
    assert {r for r, _ in told} - wrong_too == {rule}


@pytest.mark.parametrize("dataset", list(GOOD))
def test_k4_k7_c1_good_rows_pass_up_to_the_very_limit(by_dataset: dict[str, Judgement], dataset: str) -> None:
    """Lengths are of characters, not of bytes; nothing is refused beside what is bad."""
    bad = sum(name == dataset for name, *_ in BAD)
    assert {f["source_row"] for f in rows(by_dataset[dataset].failures)} == set(range(1, bad + 1))
    assert by_dataset[dataset].broken == []


@pytest.mark.parametrize("dataset", list(GOOD))
def test_every_expectation_of_a_suite_is_broken_by_some_row(by_dataset: dict[str, Judgement], dataset: str) -> None:
    """A row expectation that nothing here fails is one that nobody has tried."""
    expected = {e["meta"]["reason"] for e in suite_for(dataset, SETTINGS, TERM) if e["severity"] == "warning"}
    tried = {f["reason"] for f in rows(by_dataset[dataset].failures)}
    # One of each sort is enough for the parts of a key that are text like the others.
    alike = {f"{key} {what}" for key in ("academic_year", "period", "module", "occurrence", "term") for what in (
        "contains a control character", "could not be decoded", "is absent")}  # fmt: skip
    alike |= {"idnumber could not be decoded"}
    assert expected - tried <= alike
    assert tried <= expected


@pytest.mark.parametrize("dataset", list(GOOD))
def test_w3_the_document_holds_no_values(by_dataset: dict[str, Judgement], dataset: str) -> None:
    """Counts and settings only; it is great_expectations' own result, and says which expectations failed."""
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

    text = json.dumps(by_dataset[dataset].document)
    own = expectationSuiteValidationResultSchema.load(json.loads(text))
    assert (own.suite_name, own.success) == (dataset, False)
    assert own.get_max_severity_failure().value == "warning"
    for value in ("ann", "Seminars", "Weekly", "Age <25", "x" * 20, "paused", "perhaps"):
        assert value not in text
    assert by_dataset[dataset].document["success"] is False
    failed = [one for one in by_dataset[dataset].document["results"] if not one["success"]]
    assert all(one["result"]["unexpected_count"] > 0 for one in failed)


def test_failures_fit_the_sifting() -> None:
    """Also where there are none, in a table without rows."""
    found = judged("groupings")
    assert list(found.failures.columns) == FAILURE_COLUMNS == list(FAILURE)
    assert len(conform(found.failures, FAILURE)) == 0
    assert found.broken == []
    assert found.document["success"] is True


NATIVE = Settings.model_validate(
    {"mappings": TABLE, "native": {"cmis": "cmis"}, "groupings": {}, "groups": {}, "memberships": {}}
)
BY_ID = Settings.model_validate(
    SETTINGS.model_dump(exclude={"mappings", "memberships", "requests"})
    | {"mappings": "none", "localcoursefield": "id", "localgroupfield": "id", "localuserfield": "email"}
    | {"memberships": {**TABLE, "columns": {"group": "G", "user": "U"}}}
)
IN_SET = {"idnumber": "SET:M1:A-T1:G", "group": "SET:M1:A-T1:G"}
# Dataset, settings, the rows, and what is said of the table as a whole.
BROKEN: list[tuple[str, Settings, list[dict[str, Any]], str]] = [
    ("groups", SETTINGS, [{"term": "T1"}, {"term": "T2"}], "term is not of the run's term T1 (T1)"),
    *((d, SETTINGS, [{"course": None}, {"course": None}, {}], "more than half of the rows have no course")
      for d in ("mappings", *OBJECTS)),
    ("memberships", SETTINGS, [{"group": None}, {"group": None}, {}], "more than half of the rows have no group"),
    *(("mappings", SETTINGS, [{key: None}, {key: " "}], f"no row has {key}: the column is empty")
      for key in ("module", "academic_year", "period", "term")),
    *((d, SETTINGS, [{"idnumber": None}] * 2, "no row has idnumber: the column is empty") for d in OBJECTS),
    ("groups", SETTINGS, [{"module": None}] * 2, "no row has module: the column is empty"),
    *(("memberships", SETTINGS, [{key: None}] * 2, f"no row has {key}: the column is empty")
      for key in ("course", "user", "module")),
    *((d, SETTINGS, [{"course": "12.5"}, {"course": "7.25"}], "every course is a number with a fraction or a date")
      for d in GOOD if d != "requests"),
    *((d, SETTINGS, [{"idnumber": "2026-10-25 01:30:00"}], "every idnumber is a number with a fraction or a date")
      for d in OBJECTS),
    ("memberships", SETTINGS, [{"group": "1.5"}], "every group is a number with a fraction or a date"),
    ("memberships", SETTINGS, [{"user": "2026-10-25"}], "every user is a number with a fraction or a date"),
    *((d, BY_ID, [{"course": "C1"}, {"course": "C2"}], "no course is a whole number") for d in OBJECTS),
    ("memberships", BY_ID, [{"group": "G1"}], "no group is a whole number, as Moodle's id is"),
    ("memberships", BY_ID, [{"user": "ann"}], "no user is an e-mail address, as Moodle's email is"),
    ("mappings", SETTINGS, [{"academic_year": "OLD"}, {"academic_year": "OLDER"}],
     "no row is of the academic year of the run's term T1"),
    *((d, NATIVE, [IN_SET, IN_SET | {"idnumber": "SET2:M1:A-T1:G"}], "idnumber is not of the term's set SET")
      for d in OBJECTS),
    ("memberships", NATIVE, [IN_SET, {"group": "OLD:M1:A-T1:G"}], "group is not of the term's set SET"),
]  # fmt: skip
OK_BY_ID = {"course": "7", "group": "8", "user": "ann@example.org"}


def test_k4_by_id_a_course_need_not_be_there_and_has_to_be_readable() -> None:
    """One that cannot be read would be another course's, and what the row lists would go."""
    columns = {"course": "C", "group": "G", "user": "U"}
    settings = Settings.model_validate(BY_ID.model_dump(exclude={"mappings", "memberships", "requests"}) | {
        "mappings": "none", "memberships": {**TABLE, "columns": columns},
    })  # fmt: skip
    found = judged(
        "memberships", OK_BY_ID, OK_BY_ID | {"course": "7\x01"}, OK_BY_ID | {"course": None}, settings=settings
    )
    told = [(row["source_row"], row["rule"], row["reason"]) for row in rows(found.failures)]
    assert told == [(2, "K4", "course contains a control character")]


@pytest.mark.parametrize(("dataset", "settings", "records", "reason"), BROKEN)
def test_o3_a_table_that_cannot_be_what_it_should_be_is_broken(
    dataset: str, settings: Settings, records: list[dict[str, Any]], reason: str
) -> None:
    """The run stops: nothing is planned from another term or set, from a column that shifted, is empty or of another
    type; it is said how many rows fail, and which."""
    ground = OK_BY_ID if settings is BY_ID else MODULE if settings is NATIVE else {}
    found = judged(dataset, *({**ground, **record} for record in records), settings=settings)
    [said] = [said for said in found.broken if said.startswith(reason)]
    assert found.broken == [said]
    assert f" of {len(records)} rows)" in said
    named = found.named[found.named["level"] == "dataset"]
    assert f": {len(named)} of" in said
    assert len(named) > 0


def test_every_dataset_expectation_is_broken_by_some_table() -> None:
    """A dataset expectation that nothing here fails is one that nobody has tried."""
    for settings in (SETTINGS, BY_ID, NATIVE):
        for dataset in settings.datasets:
            whole = [e["meta"]["reason"] for e in suite_for(dataset, settings, TERM) if e["severity"] == "critical"]
            tried = {(d, reason) for d, _, _, reason in BROKEN}
            untried = [r for r in whole if not any(d == dataset and r.startswith(reason) for d, reason in tried)]
            # One table is enough for what is said alike of each column.
            assert [r for r in untried if not r.startswith(("no row has", "every "))] == [], dataset


@pytest.mark.parametrize("dataset", list(GOOD))
def test_a_table_of_the_right_shape_is_not_broken(dataset: str) -> None:
    """Also where one row of it has every shape that a whole column may not have; and without any row."""
    odd = {"course": "12.5", "idnumber": "2026-10-25", "group": "1.5", "user": "2026-10-25", "module": None}
    known = {key: value for key, value in odd.items() if key in GOOD[dataset]}
    assert judged(dataset, {}, {}, known).broken == []
    assert judged(dataset).broken == []


@pytest.mark.parametrize("dataset", [name for name in GOOD if name != "requests"])
def test_of_a_few_rows_a_column_is_not_judged(dataset: str) -> None:
    """One row without a key is set aside like any other; a table of another term or set is seen in one row."""
    few, enough = (suite_for(dataset, NATIVE, TERM, count) for count in (4, 5))
    left_out = [e["meta"]["reason"] for e in enough if e not in few]
    assert left_out
    assert all(reason.startswith(("no row has", "every ")) for reason in left_out)
    assert all(e["severity"] == "critical" for e in enough if e not in few)


def test_what_is_only_watched_gates_nothing_although_the_result_is_unsuccessful() -> None:
    """great_expectations' own result says false; no row is set aside, the table is not broken, and they are named."""
    frame = clean("memberships", frame_of([GOOD["memberships"] | {"source_row": n} for n in (1, 2, 3)], REMOTE[
        "memberships"]), SETTINGS)  # fmt: skip
    listed = {"groups": clean("groups", frame_of([GOOD["groups"] | {"idnumber": "H"}], REMOTE["groups"]), SETTINGS)}
    suite = [*suite_for("memberships", SETTINGS, TERM), *watched("memberships", SETTINGS)]
    found = judge("memberships", with_references("memberships", frame, listed, SETTINGS), suite)
    assert (found.document["success"], found.broken, len(found.failures)) == (False, [], 0)
    assert {(row["source_row"], row["level"], row["rule"]) for row in found.named.to_dict("records")} == {
        (n, "watch", rule) for n in (1, 2, 3) for rule in ("K5", "M2")
    }


def test_c3_a_queue_stops_no_run(by_dataset: dict[str, Judgement]) -> None:
    """It is short, and mostly empty: also where none of its rows can be used they are set aside one by one."""
    assert judged("requests", {"id": None}, {"id": None}).broken == []
    assert [e for e in suite_for("requests", SETTINGS, TERM) if e["severity"] == "critical"] == []


def test_an_expectation_that_cannot_be_evaluated_is_no_pass() -> None:
    """great_expectations calls it failed, with no row that fails: every bad row would be used."""
    with pytest.raises(QualityError, match=r"groups: expect_column_values_to_not_be_null \(why\) could not be"):
        judge("groups", pd.DataFrame({"source_row": [1]}), [sets_aside(
            "expect_column_values_to_not_be_null", "K4", "why", column="gone")])  # fmt: skip


def test_m1_by_id_a_membership_needs_no_course() -> None:
    """And a row without one is good."""
    values = SETTINGS.model_dump() | {"localgroupfield": "id", "mappings": "none", "requests": None}
    columns = {"group": "G", "user": "U"}
    by_id = Settings.model_validate(values | {"memberships": {**TABLE, "columns": columns}})
    found = judged("memberships", *[{"course": None, "group": "8"}] * 2, settings=by_id)
    assert len(found.failures) == 0
    assert found.broken == []


def test_every_suite_is_of_the_columns_that_a_cleaned_table_has() -> None:
    """An expectation of a column that is not there would never run."""
    for dataset, schema in CLEAN.items():
        for expectation in suite_for(dataset, SETTINGS, TERM):
            named = {v for k, v in expectation["kwargs"].items() if k.startswith("column")}
            assert named <= set(schema)
