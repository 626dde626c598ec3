"""A run's journal as a page and as CSV, and how long entries are kept (rules J1, W3)."""

import csv
import json
from datetime import UTC, datetime, timedelta

from include.groupsync.report.pages import journal_page, journal_row
from tests.world import NO_BREAKER, Outcome, World

SENT = datetime(2026, 10, 12, 6, tzinfo=UTC)


def lines_of(run: Outcome) -> list[dict[str, str]]:
    with (run.folder.path / "journal.csv").open(encoding="utf-8", newline="") as text:
        return [*csv.DictReader(text)]


def page_of(run: Outcome) -> str:
    return (run.folder.path / "journal.html").read_text(encoding="utf-8")


def test_j1_a_runs_journal_is_a_page_and_a_csv(synced: World) -> None:
    """Every entry with its outcome; a delete with all that it took away; people by key and id."""
    synced.configure(NO_BREAKER)
    gone = synced.moodle.groups("C1")["G2"]
    synced.source.drop_group("C1", "G2")
    synced.source.group("C1", "G9", "Group <9>", grouping="S1")
    run = synced.sync()
    own = [entry for entry in synced.journal if entry["run_id"] == run.run_id]
    lines = lines_of(run)
    assert [int(line["entry"]) for line in lines] == [entry["entry"] for entry in own]
    assert {line["outcome"] for line in lines} == {"done"}
    [delete] = [line for line in lines if line["action"] == "delete" and line["kind"] == "group"]
    before = json.loads(delete["before"])
    assert (int(delete["group_id"]), before["idnumber"], before["name"]) == (gone.id, "G2", gone.name)
    assert {member["user"] for member in before["members"]} == set(gone.members)
    page = page_of(run)
    assert f"Journal: {len(own)} entries" in page
    assert "Group 2" in page
    assert all(user in page for user in gone.members)
    assert "Example" not in page + str(lines), "the sample's people all have that surname (rule W3)"


def test_a2_what_was_left_is_in_the_journal_with_the_reason(synced: World) -> None:
    """It is no write, and undone by nobody: the page says why it was left."""
    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Renamed")
    run = synced.sync(before={"apply": lambda: synced.by_hand.edit_group("C1", "G1", idnumber="")})
    reason = "the group has another name or idnumber now"
    assert run.results[("group", "update", "C1", "G1")] == "skipped"
    [left] = [line for line in lines_of(run) if line["outcome"] == "skipped"]
    assert (left["kind"], left["action"], left["group"], left["reason"]) == ("group", "update", "G1", reason)
    assert reason in page_of(run)
    assert synced.moodle.groups("C1")["Group 1"].name == "Group 1"


def test_a_run_that_writes_nothing_has_no_journal(synced: World) -> None:
    run = synced.sync()
    assert (run.folder.has("journal.html"), run.folder.has("journal.csv")) == (False, False)


def test_text_is_harmless_on_the_page_and_in_a_spreadsheet() -> None:
    """A name is no markup, and no formula."""
    entry = {
        "entry": 1, "batch": 1, "kind": "group", "action": "create", "rule": "P5", "course_id": 2, "course": "=C1",
        "grouping": None, "group": "<b>G</b>", "user": None, "grouping_id": None, "group_id": 3, "user_id": None,
        "before": None, "after": {"name": "<script>", "description": None}, "intent_at": SENT, "outcome": None,
        "outcome_at": None, "reason": None, "module": None,
    }  # fmt: skip
    page = journal_page({"run_id": "r", "term": "T"}, [entry], {"open": 1, "done": 2500})
    assert "<script>" not in page
    assert "&lt;b&gt;G&lt;/b&gt;" in page
    assert "The first 1; the CSV has all." in page
    row = dict(zip(entry, journal_row(entry), strict=True))
    assert (row["course"], json.loads(row["after"])["name"]) == ("'=C1", "<script>")


def test_entries_go_when_they_are_older_than_the_retention(synced: World) -> None:
    """The last run's report drops them; what is open stays, and null keeps all."""
    first = {entry["entry"] for entry in synced.journal}
    assert first
    synced.edit_state("UPDATE journal SET outcome = 'unknown' WHERE entry = ?", max(first))
    synced.now += timedelta(days=40)
    for days, kept in ((None, first), (41, first), (39, {max(first)})):
        synced.configure(journal_days=days, moodle={"lease_wait": 0})
        synced.sync(start="report", run_id=f"later-{days}")
        assert {entry["entry"] for entry in synced.journal} == kept, days
