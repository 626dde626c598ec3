"""What drifted in Moodle, and that the next run does what the report says of it."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.drift import Next
from include.groupsync.report.alert import Message, Place
from include.groupsync.state.journal import RunJournal
from include.groupsync.steps.alert import speak
from include.groupsync.steps.drift import Looking, report, seen_in
from include.groupsync.steps.evidence import configuration_digest
from include.groupsync.steps.lineage import events_of
from tests.world import IN_TERM2, NO_BREAKER, TERM1, TERM2, Drifts, World, _read

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
    assert "Nothing has drifted (2 of 2 open terms looked at)" in run.page
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


# A run takes a second: what does not meet is looked at together.
TOGETHER = [
    ("renamed", "description changed", "group missing", "membership gone"),
    ("grouping missing",),
    ("put back by hand", "ID number changed"),
    ("link missing", "made again by hand", "enrolment ended"),
    ("moved to another grouping", "ID number taken away"),
    ("ID number and name changed",),
]


@pytest.mark.parametrize("kinds", TOGETHER, ids=lambda kinds: kinds[0])
def test_each_kind_of_drift_is_told_and_the_next_run_does_what_it_says(synced: World, kinds: tuple[str, ...]) -> None:
    said: dict[tuple[str, ...], str] = {}
    for kind in kinds:
        edit, told = BY_HAND[kind]
        edit(synced)
        said |= told
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


def test_each_kind_is_in_one_of_them() -> None:
    assert sorted(one for kinds in TOGETHER for one in kinds) == sorted(BY_HAND)


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
        'INSERT INTO member_exception (course, "group", user, what, reason, who, at)'
        " VALUES ('C1', 'G1', 'ann', 'exclude', 'r', 'dana', '2026-10-01 00:00:00')"
    ),
]


@pytest.mark.parametrize("seed", range(4))
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


def test_what_is_missing_is_counted_as_the_next_run_will(synced: World) -> None:
    """``vanish_grace_runs``: the look comes before the run that makes it one too many."""
    synced.configure({**NO_BREAKER, "vanish_grace_runs": 1})
    synced.source.drop_group("C1", "G2")
    assert synced.sync().changes == []
    synced.by_hand.edit_group("C1", "G2", name="Other")
    run = synced.drift()
    assert {next_ for next_, _ in run.told().values()} == {"mends"}
    agrees(synced, run)
    assert "G2" not in synced.moodle.groups("C1")


# --- what is not read, is not looked at, or has no plan


def test_o3_a_course_that_was_not_read_is_told_and_its_things_are_not_gone(synced: World) -> None:
    """Deleted, closed to the token's account, or with another key: of none of them it is said that it is empty."""
    synced.by_hand.call("core_course_delete_courses", courseids=[synced.moodle.course_id("C2")])
    synced.edit_site("UPDATE mdl_course SET idnumber = 'C9' WHERE idnumber = 'C1'")
    run = synced.drift()
    assert run.errors == {}
    assert run.not_read() == {"C2": "Moodle does not list it: it was deleted, or is closed to the token's account"}
    assert run.told() == {
        ("course", "C1", "course has another key"): (
            "waits",
            "the rows speak of C1, and Moodle has no such course (G3)",
        )
    }
    assert "<td>C2</td>" in run.page
    [line] = [line for line in (run.folder.path / "drift.csv").read_text().splitlines() if "not read" in line]
    assert line.startswith(f"{TERM1},C2,course,not read,")
    synced.remap("C1", status="inactive")
    assert {next_ for next_, _ in synced.drift().told().values()} == {"frozen"}


def test_a_mapping_that_is_inactive_has_its_course_looked_at_and_left(synced: World) -> None:
    """Rule C2: nothing of it is mended, and it is seen all the same; rule C4 alike."""
    synced.by_hand.delete_group("C2", "G1")
    for change in (lambda: synced.remap("C2", status="inactive"), lambda: synced.unmap("C2")):
        change()
        run = synced.drift()
        assert {key[:3]: next_ for key, (next_, _) in run.told().items()} == {
            ("group", "C2", "G1"): "frozen",
            ("membership", "C2", "G1"): "frozen",
        }
        agrees(synced, run)


def test_what_the_circuit_breaker_would_hold_names_the_rule(synced: World) -> None:
    synced.configure(breaker={"renames": {"fraction": 0, "floor": 0}})
    synced.by_hand.edit_group("C1", "G1", name="Other")
    run = synced.drift()
    assert list(run.told().values()) == [
        ("would be held", "renames holds it; approved, it gets what the source says (P6)")
    ]
    agrees(synced, run)
    assert len(synced.approvals()) == 1, "the sync asks; the look has not"


def test_a_source_that_cannot_be_read_hides_nothing(synced: World) -> None:
    """What the next run does is unknown, and why; a frozen term's does nothing, whatever its source."""
    synced.by_hand.delete_group("C1", "G2")
    synced.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    run = synced.drift()
    assert run.errors == {}
    assert len(run.rows()) == 3
    assert {next_ for next_, _ in run.told().values()} == {"unknown"}
    assert run.terms[TERM1]["unknown"].startswith("no plan could be made: extract: ")
    assert "What the next run would do is unknown" in run.page
    synced.set_state(TERM1, "frozen")
    run = synced.drift()
    assert set(run.told().values()) == {("frozen", "the term is frozen: its runs write nothing (C2)")}
    synced.set_state(TERM1, "open")
    synced.configure(modes={"sandbox": dict.fromkeys(("hourly", "term", "recess", "ended"), "plan")})
    [(_, why)] = set(synced.drift().told().values())
    assert why == "the settings' mode of this phase of term is plan: its runs write nothing (C2)"


def test_c5_open_terms_are_looked_at_and_one_that_fails_hides_no_other(synced: World) -> None:
    """Add-only and frozen ones too, whatever their last day; those that are closed or have ended are not."""
    token = synced.token
    synced.by_hand.delete_group("C1", "G2")

    def fail(on: bool) -> None:
        synced.token = "0123456789abcdef0123456789abcdef" if on else token

    run = synced.drift(before={TERM1: lambda: fail(True), TERM2: lambda: fail(False)})
    assert list(run.errors) == [TERM1, "report"]
    assert f"FAILED: not looked at: {TERM1}." in str(run.errors["report"])
    assert [(term, one["ok"]) for term, one in run.terms.items()] == [(TERM1, False), (TERM2, True)]
    assert "does not know the token" in run.page
    synced.set_state(TERM2, "closed")
    assert list(synced.drift().terms) == [TERM1]
    synced.now = IN_TERM2
    none = synced.drift()
    assert (none.errors, none.terms, "No term is open" in none.page) == ({}, {}, True)
    synced.set_state(TERM1, "add-only")
    assert {next_ for next_, _ in synced.drift().told().values()} == {"mends"}


def test_a6_it_runs_beside_a_sync_and_leaves_out_what_that_is_writing(
    synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lease: here after the intent is on disk, and before the call is sent."""
    synced.source.group("C1", "G3", name="Group 3")
    synced.source.members("C1", "G3", "dan")
    found: list[Drifts] = []
    intend = RunJournal.intend

    def look(self: RunJournal, intents: Any) -> list[int]:
        entries = intend(self, intents)
        if not found:
            found.append(synced.drift())
        return entries

    monkeypatch.setattr(RunJournal, "intend", look)
    run = synced.sync(run_id="the-sync", before={"apply": lambda: synced.by_hand.delete_group("C2", "G1")})
    assert (run.failed_step, len(found)) == (None, 1), run.error
    [drift] = found
    assert (drift.errors, drift.writes) == ({}, 0)
    assert drift.not_read() == {"C1": "run the-sync was writing to it, or what it wrote is not known yet"}
    assert ("group", "C2", "G1", "missing") in drift.told()
    assert synced.drift().not_read() == {}


def test_a5_what_an_interrupted_run_left_open_is_not_settled_by_a_look(synced: World) -> None:
    synced.edit_state("UPDATE journal SET outcome = NULL WHERE course = 'C1' AND kind = 'group'")
    journal = synced.journal
    run = synced.drift()
    assert list(run.not_read()) == ["C1"]
    assert (run.writes, synced.journal) == (0, journal)


def test_a_missing_group_says_what_still_refers_to_it(synced: World) -> None:
    group = synced.moodle.groups("C1")["G2"].id
    condition = {"op": "&", "c": [{"type": "group", "id": group}], "showc": [True]}
    synced.activity("C1", availability=condition)
    synced.by_hand.delete_group("C1", "G2")
    run = synced.drift()
    assert [row["used_by"] for row in run.rows() if row["what"] == "missing"] == ["restriction of page Reading"]
    assert "used by: restriction of page Reading" in run.page


def test_w3_people_are_told_by_source_key_only(synced: World) -> None:
    synced.user("zoltan", firstname="Zoltan", lastname="Quillfeather")
    synced.enrol("C1", "zoltan")
    synced.source.members("C1", "G1", "zoltan")
    synced.sync()
    synced.by_hand.remove_member("C1", "G1", "zoltan")
    run = synced.drift()
    assert run.terms[TERM1]["people"] == 1
    assert "<td>zoltan</td>" in run.page
    every = run.page + (run.folder.path / "drift.csv").read_text() + (run.folder.path / "drift.json").read_text()
    assert "Quillfeather" not in every


# --- who is told


def test_w2_drift_above_a_limit_is_told_once_and_once_that_it_is_over(synced: World) -> None:
    """Twice as much is news; what was not read takes nothing for over; the sync's alerts are not touched."""
    synced.configure(
        NO_BREAKER,
        alerts={"channels": [{"mail": "groupsync_mail", "to": ["team@example.ac.uk"]}]},
        drift={"objects": 0, "inside": 1},
    )
    told: list[Message] = []

    def look() -> list[str]:
        run, deployment, before = synced.drift(), synced.deployment(), len(told)
        for term, seen, moment in seen_in(deployment, run.run_id):
            place = Place("sandbox", "https://moodle.example.ac.uk", term, run.run_id, "https://airflow/run", term)
            for _ in range(2):  # cleared, the task tells nobody again
                speak(
                    deployment.settings.alerts, deployment.runs_root, place, seen, moment, deployment.now(),
                    lambda _, __, message: told.append(message),
                )  # fmt: skip
        return [one.subject.removeprefix("groupsync sandbox: ") for one in told[before:]]

    assert look() == []
    synced.by_hand.remove_member("C1", "G1", "ann")
    assert look() == [], "as many as are allowed"
    synced.by_hand.edit_group("C1", "G1", name="Other")
    assert look() == [f"WARNING {TERM1}: Moodle is no longer as it was last applied"]
    assert "groupings and groups that are missing or changed: 1; limit 0" in told[-1].text
    assert "the next run: 2 mends" in told[-1].text
    assert "ann" not in told[-1].text
    assert look() == [], "the same state"
    synced.by_hand.edit_group("C1", "G2", name="More")
    assert look() == [f"WARNING {TERM1}: Moodle is no longer as it was last applied"], "twice as much"
    synced.sync()
    synced.edit_state("UPDATE journal SET outcome = NULL WHERE course = 'C2' AND kind = 'group'")
    assert look() == [f"WARNING {TERM1}: drift: 1 course could not be read"]
    synced.edit_state("UPDATE journal SET outcome = 'done' WHERE course = 'C2' AND kind = 'group'")
    [over] = look()
    assert over.startswith(f"OVER {TERM1}: all is well again")
    synced.token = "0123456789abcdef0123456789abcdef"
    assert [one.partition(": ")[2] for one in look()] == ["look_at_term: a setting or a connection is wrong"] * 2, (
        "each term"
    )


def test_the_limits_are_no_part_of_the_configuration_that_a_plan_is_judged_by(synced: World) -> None:
    before = configuration_digest(synced.deployment())
    synced.configure(drift={"objects": 3})
    assert configuration_digest(synced.deployment()) == before


def test_what_the_asset_event_says(synced: World) -> None:
    synced.by_hand.remove_member("C1", "G1", "ann")
    drifts = synced.drift()
    [(uri, extra)] = events_of("look", synced.deployment(), Looking(drifts.run_id, TERM1), "https://p").items()
    assert uri == "x-groupsync://drift"
    assert extra["counts"] == [{"kind": "membership", "what": "no longer a member", "next": "mends", "count": 1}]
    assert (extra["term"], extra["people"], extra["not_read"], extra["page"]) == (TERM1, 1, 0, "https://p")


def test_a_run_whose_terms_could_not_be_listed_is_red_and_says_so(synced: World) -> None:
    with pytest.raises(GroupsyncError, match="open_terms did not end"):
        report(synced.deployment(), "moodle_group_drift.nothing")
    assert list(seen_in(synced.deployment(), "moodle_group_drift.nothing")) == []
