"""The quality page and its CSV: what stops the run first, and no harm to who reads them (rules W1, W3)."""

import csv
import io
from typing import Any

from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.report.quality import FAILING, named_rows, quality_csv, quality_page, set_aside_rows

EVIL = '"><script>alert(1)</script>&{{7*7}}'


def failing(level: str, row: int, reason: str = "why", **more: Any) -> dict[str, Any]:
    return {"dataset": "groups", "level": level, "source_row": row, "rule": "K4", "reason": reason, **more}


def result(severity: str, *, success: bool, reason: str) -> dict[str, Any]:
    config = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "course", "mostly": 1e-9, "batch_id": "source-groups"},
        "meta": {"rule": "K4", "reason": reason},
        "severity": severity,
    }
    return {"success": success, "expectation_config": config, "result": {"unexpected_count": 3, "element_count": 9}}


def document(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "run_id": "manual__1", "term": "T1", "environment": "sandbox", "judged_at": "2026-01-12", "broken": [],
        "tables": {"groups": {"read": 9, "judged": 9, "used": 6, "set_aside": 3}}, "numbers": [],
        "suites": {"groups": {"results": list(results)}}, **more,
    }  # fmt: skip


def test_w1_failing_rows_are_named_by_their_keys() -> None:
    """By the first key that the table has: idnumber, group or module; the person where there is one."""
    found = frame_of([{"source_row": 7, "level": "watch", "rule": "M2", "reason": "why"}], FAILING)
    memberships = [{"source_row": 7, "course": "C", "group": "G", "label": "M A T", "module": "M", "user": "ann"}]
    mappings = [{"source_row": 7, "course": None, "module": "M"}]
    schema = dict.fromkeys(("course", "group", "label", "module", "user"), FAILING["rule"])
    with_row = {"source_row": FAILING["source_row"], **schema}
    [one] = rows(named_rows("memberships", frame_of(memberships, with_row), found))
    assert (one["dataset"], one["course"], one["key"], one["user"]) == ("memberships", "C", "G", "ann")
    del with_row["user"], with_row["group"]
    [one] = rows(named_rows("mappings", frame_of(mappings, with_row), found))
    assert (one["course"], one["key"], one["user"]) == (None, "M", None)
    assert one["next_step"]


def test_w1_what_stops_the_run_comes_first_in_the_csv() -> None:
    """Then what is set aside, then what is watched; a cell is no formula."""
    found = [failing("watch", 1), failing("row", 2, key="=1+1"), failing("dataset", 3)]
    told = list(csv.DictReader(io.StringIO(quality_csv(frame_of(found, FAILING)))))
    assert [(row["level"], row["key"]) for row in told] == [("dataset", ""), ("row", "'=1+1"), ("watch", "")]
    assert list(told[0]) == list(FAILING)


def test_w1_a_finding_keeps_its_row_key_and_next_step() -> None:
    finding = Finding("groups", Severity.QUARANTINED, "K5", "why", course="C", key="G", source_row=4, next_step="Mend.")
    [one] = rows(set_aside_rows(frame_of([finding.row()], FINDING)))
    assert one == {**failing("row", 4), "rule": "K5", "course": "C", "key": "G", "user": None, "next_step": "Mend."}


def test_w1_the_page_has_the_worst_first_and_of_each_reason_the_first() -> None:
    """The CSV has all; what passed is folded away."""
    found = [failing("row", row, "often") for row in range(1, 41)] + [failing("row", 99, "seldom")]
    page = quality_page(
        document(
            result("info", success=False, reason="watched thing"),
            result("critical", success=False, reason="stopping thing"),
            result("warning", success=True, reason="passed thing"),
        ),
        frame_of(found, FAILING),
    )
    assert page.index("stopping thing") < page.index("watched thing") < page.index("<details>")
    assert page.index("<details>") < page.index("passed thing")
    assert (page.count("<td>often</td>"), page.count("<td>seldom</td>")) == (20, 1)
    assert "the CSV has all 41" in page
    assert "in some row" in page


def test_w1_no_markup_of_the_source_gets_into_the_page() -> None:
    found = [failing("row", 1, EVIL, course=EVIL, key=EVIL, user=EVIL)]
    page = quality_page(
        document(result("critical", success=False, reason=EVIL), broken=[EVIL]), frame_of(found, FAILING)
    )
    assert "<script" not in page
    assert "{{7*7}}" in page


def test_w1_a_number_says_whether_anything_was_expected_of_it() -> None:
    """Within or beyond the circuit breaker's limit; without one, or below what it looks at, neither."""
    number = {"rule": "volume", "text": "seen", "observed": 1.0, "limit": 2.0, "at_least": False}
    numbers = [{**number, "subject": subject} for subject in ("in", "over", "small")]
    numbers.append({**number, "subject": "free", "limit": None})
    said = [{**result("info", success=good, reason=""), "expectation_config": {
        "kwargs": {"column": f"volume: {subject}"}}} for subject, good in (("in", True), ("over", False))]  # fmt: skip
    whole = document(numbers=numbers)
    whole["suites"]["numbers"] = {"results": said}
    page = quality_page(whole, frame_of([], FAILING))
    for word in (">within<", ">beyond<", ">not judged<", ">no limit<"):
        assert page.count(word) == 1
