"""What the circuit breaker makes of a run for a part of its term, and how what it holds is asked for and released."""

from tests.world import NO_BREAKER, TERM1, World


def held_world(world: World) -> World:
    """Deletes are held; C1 and C2 each lose something."""
    world.configure({"breaker": {**NO_BREAKER["breaker"], "run_removals": {"count": 0}}})
    world.source.drop_member("C1", "G1", "ann")
    world.source.drop_member("C2", "G1", "eve")
    return world


def test_b4_what_a_part_holds_is_asked_and_released_for_itself(synced: World) -> None:
    """Beside the whole run's question; neither supersedes the other; the release touches nothing else."""
    world = held_world(synced)
    whole = world.sync()
    part = world.sync(courses="C1")
    assert (part.state, part.held) == ("held", [("membership", "delete", "C1", "G1", "ann")])
    joined = world.sync(courses="C1")
    assert (joined.request["joined"], joined.request["digest"]) == (True, part.request["digest"])
    assert [row["state"] for row in world.approvals()] == ["open", "open"]
    question = world.question(part)
    assert question is not None
    assert question.subject == f"{TERM1}, only courses C1: 1 deletes in 1 courses are held"
    assert question.body.startswith("Only courses C1: the run that asks was for this part of the term.")
    world.answer(part)
    image = world.moodle.image("C2")
    released = world.release(part)
    assert released.error == ""
    assert released.report["only"] == "courses C1"
    assert (world.moodle.members("C1")["G1"], world.moodle.image("C2")) == ({"bob"}, image)
    assert [bool(row["accepted"]) for row in world.runs().values()][1:] == [False] * 4, "no part is a baseline"
    # What is left of the whole run's question no longer is what was asked; the next run asks anew.
    world.answer(whole)
    refused = world.release(whole)
    assert "is not what was approved" in str(refused.errors["circuit_breaker"])
    assert world.sync().held == [("membership", "delete", "C2", "G1", "eve")]


def test_b4_a_release_run_of_another_part_has_nothing_to_release(synced: World) -> None:
    world = held_world(synced)
    part = world.sync(courses="C1")
    world.answer(part)
    request = part.folder.json("request")
    part.folder.save_json("request", {**request, "courses": ""})
    released = world.release(part)
    assert (released.writes, released.state) == (0, "failed")
    assert "This run has nothing to release" in released.error


def test_c2_a_freeze_supersedes_every_question_of_the_term(synced: World) -> None:
    world = held_world(synced)
    world.sync()
    world.sync(courses="C1")
    world.set_state(TERM1, "frozen")
    assert {row["state"] for row in world.approvals()} == {"superseded"}
    world.set_state(TERM1, "open")
    again = world.sync(courses="C1")
    assert ("opened_again", "run") in again.trips
    world.answer(again)
    assert world.release(again).error == ""
    assert ("opened_again", "run") in world.sync().trips, "a part has not shown the whole"


def test_b3_denominators_are_of_the_part_and_deletes_of_parts_add_up(synced: World) -> None:
    """A part of few objects has a small limit, and what other runs took in a day counts against it."""
    limits = {"fraction": 0.5, "floor": 1, "count": None}
    breaker = {**NO_BREAKER["breaker"], "run_deletes": limits, "cumulative": {"day": 1, "week": 2}}
    synced.configure({"breaker": breaker})
    for key in ("G3", "G4"):
        synced.source.group("C1", key, key)
        synced.source.group("C2", key, key)
    assert synced.sync().state == "applied"
    synced.source.drop_group("C1", "G3")
    run = synced.sync(courses="C1", kinds=["group"])
    [share] = [
        one for one in run.verdict["observations"] if one["subject"] == "groups" and one["rule"] == "run_deletes"
    ]
    assert (share["numerator"], share["denominator"], share["limit"]) == (1, 4, 2.0)
    assert run.state == "applied"
    for key in ("G3", "G4"):
        synced.source.drop_group("C2", key)
    held = synced.sync(courses="C2")
    assert ("cumulative", "groups in 24 hours") in held.trips, "one of C1 and two of C2, of three"
