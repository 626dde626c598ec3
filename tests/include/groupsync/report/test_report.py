"""The report: works with whatever the run has left, and does no harm to who reads it (rules W1, W3)."""

import csv
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.change import PLAN, Change
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of
from include.groupsync.model.journal import OUTCOME
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.things import Group, Membership
from include.groupsync.model.verdict import Effect, Observation, Verdict
from include.groupsync.report.pages import frame_csv, report_page, verdict_page
from include.groupsync.report.summary import findings_of, headline, summarise

RUN = {
    "run_id": "manual__1",
    "term": "T1",
    "week": "week 3 of 12",
    "environment": "sandbox",
    "reported_at": "2026-01-12T02:00:00+00:00",
    "mode": "full",
    "term_state": None,
    "chosen_by": None,
    "only": None,
    "extent": {},
    "reclaim": None,
    "approval": None,
    "restore": None,
}
ORDER = ["extract", "compare", "apply"]
EVIL = '"><script>alert(1)</script>&{{7*7}}'


def finding(severity: Severity = Severity.QUARANTINED, **more: Any) -> Finding:
    return Finding("groups", severity, "K4", **({"reason": "unusable", "course": "C", "key": "G"} | more))


def save_findings(folder: RunFolder, *found: Finding, part: str = "source") -> None:
    folder.save_frame(f"findings/{part}", frame_of((f.row() for f in found), FINDING), FINDING)


def outcome(n: int, outcome: str, course: str = "C") -> dict[str, Any]:
    return {"kind": "group", "action": "create", "course": course, "group": f"G{n}", "outcome": outcome, "step": 0}


class Scripts(HTMLParser):
    """Counts the tags that a browser would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "link") or any(name in ("src", "onload") for name, _ in attrs):
            self.found.append(tag)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that has left nothing yet."""
    return RunFolder(tmp_path)


def test_w1_a_run_that_left_nothing_has_a_report(folder: RunFolder) -> None:
    """Every step shows as one that did not run."""
    document = summarise(folder, RUN, {}, ORDER)
    assert [(step["name"], step["ok"]) for step in document["steps"]] == [(name, None) for name in ORDER]
    assert (document["plan"], document["verdict"], document["findings"]["total"]) == (None, None, 0)
    assert headline(document) == "nothing to do"
    page = report_page(document, headline(document))
    assert "No plan was made." in page
    assert page.count("did not run") == 3


def test_w1_a_failed_step_is_the_headline(folder: RunFolder) -> None:
    """With its message on the page."""
    steps = {"extract": {"ok": False, "seconds": 1.26, "message": "groups: could not be read", "calls": {}}}
    document = summarise(folder, RUN, steps, ORDER)
    assert headline(document) == "failed at extract"
    page = report_page(document, headline(document))
    assert "groups: could not be read" in page
    assert "1.3" in page


def test_w1_counts_courses_and_calls_are_told(folder: RunFolder) -> None:
    """What was done, to how many courses of how many, with how many calls."""
    records = [outcome(1, "done"), outcome(2, "done"), outcome(3, "refused", "D"), outcome(4, "done", "E")]
    folder.save_frame("outcomes", frame_of(records, OUTCOME), OUTCOME)
    folder.save_json("steps/read_moodle", {"courses": 8, "unread": 1})
    steps = {"compare": {"ok": True, "calls": {"f": 2}}, "apply": {"ok": True, "calls": {"f": 1, "g": 1}}}
    document = summarise(folder, RUN, steps, ORDER)
    assert document["applied"] == {"group create": {"done": 3, "refused": 1}}
    assert document["courses"] == {"affected": 2, "in_scope": 8, "share": 0.25, "unread": 1}
    assert document["calls"] == {"f": 3, "g": 1}
    assert [row["group"] for row in document["failed_changes"]] == ["G3"]
    assert headline(document) == "3 changes applied"


def test_w1_held_changes_and_deletes_are_listed(folder: RunFolder) -> None:
    """With the names that people know."""
    gone, new = Group("C", "G", "Seminar 1"), Group("C", "H", "Seminar 2")
    plan = Plan.of_changes([Change(gone, None, "P7"), Change(None, new, "P5")])
    folder.save_frame("plan", plan.frame, PLAN)
    held = plan.only(plan.frame["action"] == "delete")
    folder.save_frame("held", held.frame, PLAN)
    part = {"changes": len(held), "digest": held.digest}
    sums = {"counts": plan.counts, "digest": plan.digest, "held": part, "released": part}
    folder.save_json("plan", sums)
    document = summarise(folder, RUN, {}, ORDER)
    assert [row["name_before"] for row in document["deletes"]] == ["Seminar 1"]
    assert [row["group"] for row in document["held_changes"]] == ["G"]
    assert headline(document) == "nothing to do, 1 held"
    assert "Seminar 1" in report_page(document, "x")


def test_w1_the_worst_findings_come_first(folder: RunFolder) -> None:
    """From all parts together, counted by what they are and by rule."""
    save_findings(folder, finding(Severity.NOTE), finding(source_row=2), finding(source_row=1))
    save_findings(folder, finding(Severity.ERROR), finding(Severity.WARNING), finding(Severity.DEFERRED), part="groups")
    found = findings_of(folder)
    assert list(found["severity"]) == ["error", "quarantined", "quarantined", "warning", "deferred", "note"]
    assert list(found["source_row"].dropna()) == [1, 2]
    counts = summarise(folder, RUN, {}, ORDER)["findings"]["counts"]
    assert counts["quarantined K4"] == 2


def test_w1_a_long_list_is_cut_and_says_so(folder: RunFolder) -> None:
    """The CSV has all of it."""
    save_findings(folder, *(finding(source_row=n) for n in range(1, 302)))
    document = summarise(folder, RUN, {}, ORDER)
    assert (document["findings"]["total"], len(document["findings"]["first"])) == (301, 200)
    assert "The first 200 of 301." in report_page(document, "x")
    assert len(frame_csv(findings_of(folder)).splitlines()) == 302


def test_w3_what_comes_from_a_source_is_text_on_the_page(folder: RunFolder) -> None:
    """Whatever somebody named a group, a course or a reason; the page fetches nothing."""
    save_findings(folder, finding(reason=EVIL, key=EVIL, course=EVIL, user=EVIL, next_step=EVIL))
    folder.save_frame("held", Plan.of_changes([Change(Group(EVIL, EVIL, EVIL), None, "P7")]).frame, PLAN)
    steps = {"extract": {"ok": False, "seconds": 1, "message": EVIL, "calls": {EVIL: 1}}}
    document = summarise(folder, RUN | {"run_id": EVIL}, steps, ORDER)
    page = report_page(document, EVIL)
    scripts = Scripts()
    scripts.feed(page)
    assert scripts.found == []
    assert "49" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_w1_a_spreadsheet_takes_no_cell_for_a_formula(folder: RunFolder, formula: str) -> None:
    """In any column; other text is as it was."""
    save_findings(folder, finding(key=formula, course=formula, reason=formula, user="ann", next_step="=x"))
    [_, row] = csv.reader(io.StringIO(frame_csv(findings_of(folder)), newline=""))
    assert [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert row.count(f"'{formula}") == 3
    assert "ann" in row


def test_w1_a_csv_cell_may_hold_anything(folder: RunFolder) -> None:
    """Commas, quotes and line ends come back as they were; absent is empty."""
    text = 'a,"b"\nc;Å'
    save_findings(folder, finding(reason=text, source_row=7))
    header, row = csv.reader(io.StringIO(frame_csv(findings_of(folder)), newline=""))
    found = dict(zip(header, row, strict=True))
    assert header == list(FINDING)
    assert (found["reason"], found["source_row"], found["user"]) == (text, "7", "")


def test_w3_people_appear_by_their_source_key_alone(folder: RunFolder) -> None:
    """The page has the key, and nothing that Moodle or the source knows beside it has a place in it."""
    save_findings(folder, finding(user="u17"))
    plan = Plan.of_changes([Change(Membership("C", "G", "u17"), None, "M5")])
    folder.save_frame("held", plan.frame, PLAN)
    page = report_page(summarise(folder, RUN, {}, ORDER), "x")
    assert page.count("u17") == 2
    personal = ("firstname", "lastname", "fullname", "email")
    assert not {column for schema in (FINDING, PLAN, OUTCOME) for column in schema} & set(personal)


def test_b1_the_verdict_is_a_page_with_every_number_and_the_trips_first() -> None:
    """Also of what has no limit, or nothing to compare; and it does no harm."""
    observations = (
        Observation("passed", "run", 7, 50, 7, 1000, False, "seven of fifty"),
        Observation("stale", "run", None, 36, 0, None, False, "not configured"),
        Observation("volume", "groups", 880, 900, 880, 1000, True, EVIL, Effect.HOLD, stratum="run", at_least=True),
        Observation("empty", "groups", 5, 0, 5, 5, True, "no rows", Effect.BLOCK, stratum="department D"),
    )
    page = verdict_page({**RUN, "verdict": Verdict("abc", observations).document()})
    order = [page.index(word) for word in ("volume", "no rows", "seven of fifty", "not configured")]
    assert order == sorted(order)
    for word in ("2 trips", "≥ 900", "-20", "department D", "43", "abc", "block", "verdict.json"):
        assert word in page
    seen = Scripts()
    seen.feed(page)
    assert seen.found == []
    assert "passed</span>" in verdict_page({**RUN, "verdict": Verdict("abc", observations[:2]).document()})


def test_a_verdict_of_thousands_of_trips_is_cut_for_the_browser() -> None:
    """And says so; the JSON has all."""
    many = tuple(Observation("r", f"s{n}", 1, 0, 1, None, True, "t", Effect.HOLD) for n in range(5003))
    page = verdict_page({**RUN, "verdict": Verdict("abc", many).document()})
    assert "verdict.json has 3 more" in page
    assert page.count("<td>t ") == 5000
