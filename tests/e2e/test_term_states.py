"""A person gives a term a state: what is refused, what is kept of it, and what it stops (rules C2, C5, I1)."""

from collections.abc import Callable
from typing import Any

import pytest

from include.groupsync.errors import IdentityError, SettingsError, TermStateError
from tests.world import NO_BREAKER, TERM1, TERM2, Outcome, World


def page(run: Outcome) -> str:
    return (run.folder.path / "report.html").read_text(encoding="utf-8")


def states(world: World) -> list[tuple[str, str, str, str]]:
    return [(row["term"], row["state"], row["who"], row["reason"]) for row in world._state("SELECT * FROM term_state")]


def test_c2_a_state_is_kept_with_who_when_and_why(synced: World) -> None:
    """The page has every change before; Moodle is not asked."""
    first = synced.set_state(TERM1, "frozen", reason="week six", who="ada")
    again = synced.set_state(TERM1, "frozen", reason="once more", who="bob")
    opened = synced.set_state(TERM1, "open", reason="it is over", who="cid")
    assert [run.error for run in (first, again, opened)] == ["", "", ""]
    assert states(synced) == [(TERM1, "frozen", "ada", "week six"), (TERM1, "open", "cid", "it is over")]
    assert first.calls + again.calls + opened.calls == []
    told = [run.folder.json("term_state") for run in (first, again, opened)]
    assert [(one["before"], one["after"], one["changed"]) for one in told] == [
        ("open, as nobody set it", "frozen", True),
        ("frozen since 2026-10-12 06:00 UTC", "frozen", False),
        ("frozen since 2026-10-12 06:00 UTC", "open", True),
    ]
    assert f"Term {TERM1} is frozen now" in page(first)
    assert "write nothing, neither to Moodle nor to the ledger" in page(first)
    assert f"Term {TERM1} is frozen already: nothing was changed" in page(again)
    assert "holds it until a person has looked and approved" in page(opened)
    assert "frozen since 2026-10-12 06:00 UTC, set by ada, who says: week six" in page(opened)
    # What a log line is made of names nobody (rule W3).
    record = first.folder.json("steps/set_term_state")
    assert "ada" not in str({name: record[name] for name in ("term", "before", "after", "means")})


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"term": "2026-27-T9"}, f"unknown term '2026-27-T9'; known: {TERM1}, {TERM2}"),
        ({"state": "thawed"}, "unknown state 'thawed'; known: open, add-only, frozen, closed"),
        ({"reason": "  "}, "say why in the form"),
    ],
)
def test_c2_what_cannot_be_used_is_refused(synced: World, typed: dict[str, Any], words: str) -> None:
    run = synced.set_state(**{"term": TERM1, "state": "frozen", **typed})
    assert isinstance(run.errors["set_term_state"], SettingsError)
    assert words in run.error
    assert "not changed" in page(run)
    assert states(synced) == []


def test_i1_another_environments_term_is_not_frozen(synced: World) -> None:
    """By a state database that belongs to another one."""
    synced.environment = "production"
    run = synced.set_state(TERM1, "frozen")
    assert isinstance(run.errors["set_term_state"], IdentityError)
    assert states(synced) == []


def test_c2_what_was_asked_before_is_no_longer_applied(synced: World) -> None:
    """Neither an open question nor an approval survives the freeze, also once the term is open again."""
    synced.configure({"breaker": {**NO_BREAKER["breaker"], "run_deletes": {"count": 0}}})
    synced.source.drop_group("C1", "G2")
    asked = synced.sync()
    assert asked.state == "held"
    synced.set_state(TERM1, "frozen")
    [request] = synced.approvals()
    assert (request["state"], request["remark"]) == ("superseded", "the term is frozen")
    assert synced.release(asked).state == "held"

    synced.set_state(TERM1, "open")
    approved = synced.sync()
    synced.answer(approved)
    synced.set_state(TERM1, "frozen")
    refused = synced.release(approved)
    assert (refused.failed_step, refused.writes) == ("circuit_breaker", 0)
    assert "REFUSED: the term is frozen since it was asked about" in str(refused.errors["circuit_breaker"])
    assert set(synced.moodle.groups("C1")) == {"G1", "G2"}


def during(world: World, do: Callable[[], Any]) -> None:
    """Right after the first writing call has reached the site, and only then."""
    calls = world.site._application.rest_server.calls
    reached, done = calls.reached, []

    def then(*of: Any) -> None:
        reached(*of)
        if not done and world.site.writing_calls():
            done.append(do())

    world.site.reset_calls()
    calls.reached = then  # type: ignore[method-assign]


@pytest.mark.parametrize("opened", [False, True], ids=["frozen", "frozen and opened again"])
def test_c2_a_run_that_is_writing_sends_no_further_batch(synced: World, opened: bool) -> None:
    """It ends red, tells why, and has recorded what it did not do; the next one goes on as the state says."""
    synced.configure(NO_BREAKER)
    for key in ("G3", "G4", "G5"):
        synced.source.group("C1", key, name=key)
        synced.source.members("C1", key, "ann", "bob")
    synced.source.drop_member("C1", "G1", "ann")

    def freeze() -> None:
        synced.set_state(TERM1, "frozen")
        if opened:
            synced.set_state(TERM1, "open")

    during(synced, freeze)
    run = synced.sync()
    assert isinstance(run.errors["apply"], TermStateError)
    assert f"term {TERM1} is frozen since" in run.error
    assert "ada" not in run.error
    assert [call.function for call in run.writing_calls] == ["core_group_create_groups"]
    assert set(run.results.values()) == {"done", "not tried"}
    assert "ann" in synced.moodle.members("C1")["G1"]
    after = synced.sync()
    assert (after.state, after.writes > 0) == (("held", True) if opened else ("applied", False))
    assert synced.moodle.members("C1")["G3"] == ({"ann", "bob"} if opened else set())
    assert "ann" in synced.moodle.members("C1")["G1"], "frozen, or held"
    repeated = synced.sync(run_id=run.run_id, start="apply")
    assert (isinstance(repeated.errors["apply"], TermStateError), repeated.writes) == (True, 0), "it knows no better"


def test_j3_a_frozen_terms_run_can_be_taken_back(synced: World) -> None:
    """Freezing comes first in an emergency; the restore shows the state, and is a person's word."""
    synced.configure(NO_BREAKER)
    synced.source.drop_group("C1", "G2")
    harm = synced.sync()
    synced.set_state(TERM1, "frozen")
    restored = synced.restore(harm.run_id)
    assert restored.error == ""
    assert synced.moodle.members("C1")["G2"] == {"cid"}
    assert f"Term {TERM1} is frozen since" in page(restored)


def test_c2_a_term_that_is_made_add_only_stops_a_run_that_would_delete(synced: World) -> None:
    """Before its first call, when it has read what it goes by."""
    synced.configure(NO_BREAKER)
    synced.source.drop_member("C1", "G1", "ann")
    run = synced.sync(before={"apply": lambda: synced.set_state(TERM1, "add-only")})
    assert isinstance(run.errors["apply"], TermStateError)
    assert run.writes == 0
