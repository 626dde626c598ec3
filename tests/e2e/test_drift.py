"""What drifted in Moodle, and that the next run does what the report says of it."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.drift import Next
from tests.world import NO_BREAKER, TERM1, TERM2, Drifts, World, _read

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


def test_what_is_as_it_was_applied_has_not_drifted(synced: World) -> None:
    """Additions by hand are nobody's drift: a note says how many."""
    synced.by_hand.add_member("C1", "G1", "dan")
    synced.by_hand.grouping("C1", "Theirs", "T1")
    synced.by_hand.link("C1", "G1", "T1")
    run = synced.drift()
    assert (run.errors, run.rows(), run.not_read()) == ({}, [], {})
    assert list(run.terms) == [TERM1, TERM2]
    assert run.terms[TERM1]["not_ours"] == {"memberships": 1, "links": 1}
    assert "Nothing has drifted in 2 of 2 open terms" in run.page
    assert "Nothing is managed in this term yet" in run.page


# --- what it says, and what then happens


def state_of(world: World, row: dict[str, Any]) -> Any:
    """How the thing of a row is in Moodle: of an object its field, or what has its key; of the rest whether it is."""
    kind, course = row["kind"], row["course"]
    groups, groupings = world.moodle.groups(course), world.moodle.groupings(course)

    def meant(objects: dict[str, Any], key: str, moodle_id: int | None) -> dict[str, Any]:
        return {name: one for name, one in objects.items() if one.idnumber == key or one.id == moodle_id}

    if kind == "membership":
        return any(row["user"] in one.members for one in meant(groups, row["group"], row["moodle_id"]).values())
    if kind == "link":
        fit = meant(groupings, row["grouping"], row["grouping_id"])
        return any(not one.groupings.isdisjoint(fit) for one in meant(groups, row["group"], row["moodle_id"]).values())
    objects = groups if kind == "group" else groupings
    own = [one for one in objects.values() if one.id == row["moodle_id"]]
    field = {"renamed": "name", "description changed": "description"}.get(row["what"])
    if field:
        return [getattr(one, field) for one in own]
    return sorted((one.id, one.idnumber) for one in objects.values() if one.idnumber == row[kind] or one in own)


def agrees(world: World, drifts: Drifts) -> None:
    """The next run changes in Moodle what it was said to mend, and nothing else of what drifted."""
    before = [(row, state_of(world, row)) for row in drifts.rows()]
    run = world.sync()
    assert run.failed_step in (None, "outcome"), run.error
    for row, was in before:
        now = state_of(world, row)
        assert (now != was) == (row["next"] == Next.MENDS), (row, was, now, run.changes)
        if row["next"] == Next.HELD:
            assert any(one[0] == row["kind"] and one[2] == row["course"] for one in run.held), row
    left = world.drift().told()
    again = [key for key, (next_, _) in drifts.told().items() if next_ == left.get(key, ("",))[0] == Next.MENDS]
    assert again == [], "once is enough"


# Each kind of drift by hand, with what is said of it where the source still lists everything.
BY_HAND: dict[str, tuple[Callable[[World], Any], dict[tuple[str, ...], str]]] = {
    "group missing": (
        lambda w: w.by_hand.delete_group("C1", "G2"),
        {
            ("group", "C1", "G2", "missing"): "mends",
            ("link", "C1", "S1", "G2", "gone with what it was in"): "mends",
            ("membership", "C1", "G2", "cid", "gone with what it was in"): "mends",
        },
    ),
    "grouping missing": (
        lambda w: w.by_hand.delete_grouping("C1", "S1"),
        {
            ("grouping", "C1", "S1", "missing"): "mends",
            ("link", "C1", "S1", "G1", "gone with what it was in"): "mends",
            ("link", "C1", "S1", "G2", "gone with what it was in"): "mends",
        },
    ),
    "renamed": (
        lambda w: w.by_hand.edit_group("C1", "G1", name="Other"),
        {("group", "C1", "G1", "renamed"): "mends"},
    ),
    "description changed": (
        lambda w: w.by_hand.edit_grouping("C1", "S1", description="by hand"),
        {("grouping", "C1", "S1", "description changed"): "mends"},
    ),
    "ID number changed": (
        lambda w: w.by_hand.edit_group("C1", "G1", idnumber="mine"),
        {("group", "C1", "G1", "ID number changed"): "waits"},
    ),
    "ID number taken away": (
        lambda w: w.by_hand.edit_group("C1", "G1", idnumber=""),
        {("group", "C1", "G1", "ID number taken away"): "waits"},
    ),
    "ID number and name changed": (
        lambda w: w.by_hand.edit_group("C1", "G1", idnumber="mine", name="Mine"),
        {("group", "C1", "G1", "ID number changed"): "mends", ("group", "C1", "G1", "renamed"): "respects"},
    ),
    "link missing": (
        lambda w: w.by_hand.unlink("C1", "G1", "S1"),
        {("link", "C1", "S1", "G1", "taken out of its grouping"): "respects"},
    ),
    "moved to another grouping": (
        lambda w: (
            w.by_hand.unlink("C1", "G1", "S1"),
            w.by_hand.grouping("C1", "Theirs", "T1"),
            w.by_hand.link("C1", "G1", "T1"),
        ),
        {("link", "C1", "S1", "G1", "moved to another grouping"): "respects"},
    ),
    "put back by hand": (
        lambda w: (w.by_hand.unlink("C1", "G1", "S1"), w.sync(), w.by_hand.link("C1", "G1", "S1")),
        {("link", "C1", "S1", "G1", "put back by hand"): "respects"},
    ),
    "membership gone": (
        lambda w: w.by_hand.remove_member("C1", "G1", "ann"),
        {("membership", "C1", "G1", "ann", "no longer a member"): "mends"},
    ),
    "enrolment ended": (
        lambda w: w.unenrol("C1", "ann"),
        {("membership", "C1", "G1", "ann", "no longer a member"): "waits"},
    ),
    "made again by hand": (
        lambda w: (w.by_hand.delete_group("C1", "G2"), w.by_hand.group("C1", "Group 2", "G2", members=["cid"])),
        {
            ("group", "C1", "G2", "missing"): "agrees",
            ("link", "C1", "S1", "G2", "gone with what it was in"): "mends",
            ("membership", "C1", "G2", "cid", "gone with what it was in"): "agrees",
        },
    ),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_each_kind_of_drift_is_told_and_the_next_run_does_what_it_says(synced: World, kind: str) -> None:
    edit, said = BY_HAND[kind]
    edit(synced)
    ledger, writing, tables = synced.ledger, synced.site.writing_calls(), everything(synced)
    run = synced.drift()
    assert run.errors == {}
    assert {key: next_ for key, (next_, _) in run.told().items()} == said
    assert all(why for _, why in run.told().values())
    assert (run.writes, synced.site.writing_calls(), synced.ledger) == (0, writing, ledger)
    assert everything(synced) == tables, "not a byte of the state database"
    agrees(synced, run)


def everything(world: World) -> dict[str, Any]:
    """All of the state database."""
    path: Path = world.folder / "state.db"
    return {row["name"]: _read(path, f"SELECT * FROM {row['name']}") for row in _read(path, TABLES)}  # noqa: S608


MIXED: list[Callable[[World], Any]] = [
    *(edit for edit, _ in BY_HAND.values()),
    lambda w: w.by_hand.delete_group("C2", "G1"),
    lambda w: w.by_hand.edit_group("C2", "G1", name="Group 9", description="d"),
    lambda w: w.by_hand.edit_group("C1", "G2", name="Group 1 (G1)"),
    lambda w: w.by_hand.group("C1", "Group 3", "G3"),
    lambda w: w.by_hand.remove_member("C2", "G1", "eve"),
    lambda w: w.source.drop_group("C1", "G2"),
    lambda w: w.source.drop_grouping("C1", "S1"),
    lambda w: w.source.drop_member("C1", "G1", "ann"),
    lambda w: w.source.move("C1", "bob", "G1", "G2"),
    lambda w: w.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Other"),
    lambda w: w.source.update("remote_groups", {"course": "C1", "idnumber": "G2"}, name="Group 1"),
    lambda w: w.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, grouping=None),
    lambda w: w.source.group("C1", "G1", name="twice"),
    lambda w: w.source.group("C1", "G3", name="Group 2", grouping="S1"),
    lambda w: w.source.update("remote_groups", {"course": "C1", "idnumber": "G2"}, idnumber="G7"),
    lambda w: w.remap("C2", status="inactive"),
    lambda w: w.remap("C2", status="withdrawn"),
    lambda w: w.unmap("C2"),
    lambda w: w.configure(on_local_edit="keep"),
    lambda w: w.configure(adopt_same_name=True),
    lambda w: w.configure(NO_BREAKER),
    lambda w: w.configure(groups={"on_vanish": "keep"}),
    lambda w: w.configure(vanish_grace_runs=1),
    lambda w: w.configure(breaker={"growth": {"fraction": 0, "floor": 0}, "renames": {"fraction": 0, "floor": 0}}),
    lambda w: w.configure(groupings=None),
    lambda w: w.set_state(TERM1, "add-only"),
    lambda w: w.edit_state(
        'INSERT INTO member_exception (course, "group", user, what, at, reason)'
        " VALUES ('C1', 'G1', 'ann', 'exclude', '2026-10-01 00:00:00', 'r')"
    ),
]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_else_has_changed_the_next_run_does_what_was_said(synced: World, seed: int) -> None:
    """Edits by hand, by the source, by settings and by forms, mixed by chance."""
    chance = random.Random(seed)
    for edit in chance.sample(MIXED, chance.randint(4, 9)):
        with suppress(AssertionError, KeyError):  # what it would change is gone already
            edit(synced)
    run = synced.drift()
    assert run.errors == {}
    assert run.writes == 0
    agrees(synced, run)
