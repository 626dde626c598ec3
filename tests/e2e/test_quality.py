"""A validation that fails, and one that only sets rows aside, as a person sees them (rules W1, W3, O3)."""

import csv
import io
import re

import pytest

from include.groupsync.errors import QualityError
from tests.world import WITH_TERMS, Outcome, World


def csv_rows(run: Outcome) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((run.folder.path / "quality.csv").read_text(encoding="utf-8"))))


def page(run: Outcome) -> str:
    return (run.folder.path / "quality.html").read_text(encoding="utf-8")


@pytest.fixture
def dirty(synced: World) -> World:
    """A bad name, a person who is not said, a grouping that is not listed."""
    where = {"course": "C1", "idnumber": "G2"}
    synced.source.update("remote_groups", where, name="<script>alert(1)</script>")
    synced.source.update("remote_groups", {"course": "C2", "idnumber": "G1"}, grouping="S9")
    synced.source.update("remote_memberships", {"course": "C1", "user_key": "bob"}, user_key=None)
    return synced


def test_w1_what_was_set_aside_and_what_was_watched_is_on_the_page_and_in_the_csv(dirty: World) -> None:
    """By key, with rule and next step; nothing that was watched is set aside or stops anything."""
    run = dirty.sync()
    assert run.state == "applied", run.error
    found = {(row["level"], row["dataset"], row["rule"], row["course"], row["key"]) for row in csv_rows(run)}
    assert found == {
        ("row", "groups", "K7", "C1", "G2"),
        ("row", "memberships", "K4", "C1", "G1"),
        ("watch", "groups", "L1", "C2", "G1"),
    }
    assert all(row["next_step"] for row in csv_rows(run))
    document = run.folder.json("quality")
    assert document["tables"]["groups"] == {"read": 3, "judged": 3, "used": 2, "set_aside": 1}
    assert not document["suites"]["groups"]["success"]
    seen = {f"{one['rule']}: {one['subject']}": one["observed"] for one in document["numbers"]}
    judged = {(one["rule"], one["subject"]): one["observed"] for one in run.verdict["observations"]}
    assert seen == {f"{rule}: {what}": judged[rule, what] for rule, what in judged if f"{rule}: {what}" in seen}
    assert seen["quarantined: groups"] == pytest.approx(1 / 3)
    assert "beyond" in page(run)
    assert 'href="quality.html"' in (run.folder.path / "report.html").read_text(encoding="utf-8")


def test_w3_the_page_needs_nothing_from_outside_and_names_nobody(dirty: World) -> None:
    """People by source key, and only in the rows; the JSON has no value that was looked at."""
    dirty.source.membership("C1", "NO SUCH GROUP", "ann")
    run = dirty.sync(until="validate")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page(run))
    assert "<script" not in page(run)
    assert "Example" not in page(run), "everybody's last name here"
    assert [row["user"] for row in csv_rows(run) if row["rule"] == "M2"] == ["ann"]
    text = (run.folder.path / "quality.json").read_text(encoding="utf-8")
    assert [value for value in ("ann", "alert(1)", "NO SUCH GROUP", "S9") if f'"{value}' in text] == []


def test_o3_a_table_that_cannot_be_used_makes_the_task_red_and_says_which_and_why(dirty: World) -> None:
    """The table, the expectation, how many rows, and where to look; the page has the rows, and nothing is written."""
    dirty.statement("groups.sql", "SELECT course, idnumber, name, grouping, '2025-26-T1' AS term FROM remote_groups")
    dirty.configure(WITH_TERMS)
    dirty.configure(groups={"table": None, "sql": "groups.sql", "columns": {"description": None}})
    run = dirty.sync()
    assert (run.failed_step, run.state, run.writes) == ("validate", "failed", 0)
    error = run.errors["validate"]
    assert isinstance(error, QualityError)
    assert (
        "groups: term is not of the run's term 2026-27-T1 (2026-27-T1)"
        " (expect_column_values_to_be_in_set: 3 of 3 rows)" in str(error)
    )
    assert "'Data quality' in the run's tab 'Sync report'" in str(error)
    assert {row["key"] for row in csv_rows(run) if row["level"] == "dataset"} == {"G1", "G2"}
    assert "The run stopped" in page(run)
    assert run.plan is None
    report = (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert "3 of 3 rows" in report
    assert 'href="quality.html"' in report
