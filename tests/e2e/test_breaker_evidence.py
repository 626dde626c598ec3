"""What the circuit breaker's rules look at is gathered by the steps, from source, Moodle, state and calendar."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.frames import frame_of
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.snapshot import USE
from include.groupsync.model.term import Blackout, Calendar
from tests.world import CALENDAR, NO_BREAKER, SOURCE, TERM1, World

NONE = {"fraction": 0, "floor": 0, "count": None}


def only(**limits: object) -> dict[str, object]:
    """These rules alone, beside `empty` and `rekey`."""
    return {"breaker": {**NO_BREAKER["breaker"], **limits}}


def remember(world: World, runs: int, **changed: Any) -> None:
    """As if the world's first run had been so many, with these fields or measures."""
    for n in range(1, runs):
        world.edit_state(
            "INSERT INTO run (run_id, term, started_at, ended_at, outcome, plan_digest, counts, accepted, measures,"
            " settings_digest) SELECT ?, term, ?, ended_at, outcome, plan_digest, counts, accepted, measures,"
            " settings_digest FROM run WHERE run_id = 'first-run'",
            f"before-{n}",
            str(world.now - timedelta(days=n))[:19],
        )
    for name, value in changed.items():
        if name in ("outcome", "accepted", "term"):
            world.edit_state(f"UPDATE run SET {name} = ?", value)  # noqa: S608 - one of three
        else:
            world.edit_state("UPDATE run SET measures = json_set(measures, ?, json(?))", f"$.{name}", json.dumps(value))


def run_row(world: World, run_id: str) -> dict[str, Any]:
    [row] = world._state(f"SELECT * FROM run WHERE run_id = '{run_id}'")  # noqa: S608
    return row | {"measures": json.loads(row["measures"] or "null")}


def observed(run: Any, rule: str, subject: str) -> dict[str, Any]:
    [one] = [o for o in run.verdict["observations"] if (o["rule"], o["subject"]) == (rule, subject)]
    return one


def test_b5_an_applied_run_is_a_baseline_and_a_held_one_is_none(synced: World) -> None:
    first = run_row(synced, "first-run")
    assert (first["outcome"], first["accepted"]) == ("applied", 1)
    assert first["measures"] == {
        "rows": {"mappings": 2, "groupings": 1, "groups": 3, "memberships": 4},
        "unmatched": {"courses": [0, 2], "users": [0, 4]},
        "quarantined": {"mappings": [0, 2], "groupings": [0, 1], "groups": [0, 3], "memberships": [0, 4]},
        "deletes": {"grouping": 0, "group": 0},
        "freshness": {},
        "week": 3,
        "volume_tripped": [],
    }
    synced.configure(only(delete_only=0))
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    held = run_row(synced, run.run_id)
    assert (run.state, held["outcome"], held["accepted"]) == ("held", "held", 0)
    assert held["measures"]["deletes"] == {"grouping": 0, "group": 1}
    assert held["settings_digest"] != first["settings_digest"]


@pytest.mark.parametrize(("accepted", "trips"), [(4, set()), (5, {"volume"})])
def test_b5_four_accepted_runs_are_silent_and_five_speak(synced: World, accepted: int, trips: set[str]) -> None:
    synced.configure(only(volume={"floor": 0}))
    remember(synced, accepted)
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert {rule for rule, _ in run.trips} == trips
    assert run.state == ("held" if trips else "applied")
    if trips:
        trip = run.trips["volume", "groups"]
        assert (trip["observed"], trip["limit"], trip["denominator"], trip["at_least"]) == (2, 2.7, 3, True)
        assert run_row(synced, run.run_id)["measures"]["volume_tripped"] == ["groups", "memberships"]


@pytest.mark.parametrize(
    "changed", [{"accepted": 0}, {"term": "2026-27-T2"}, {"outcome": "held", "volume_tripped": ["groups"]}]
)
def test_b5_a_run_that_was_not_accepted_or_is_of_another_term_or_began_anew_is_no_baseline(
    synced: World, changed: dict[str, Any]
) -> None:
    """An approved trip of a dataset is the newest run's: what is before it is not looked at."""
    synced.configure(only(volume={"floor": 0}))
    remember(synced, 9, **changed)
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert ("volume", "groups") not in run.trips
    few = {"outcome": 1}.get(next(iter(changed)), 0)
    assert observed(run, "volume", "groups")["text"].endswith(f"{few} accepted runs are too few for a baseline")
    assert (("volume", "memberships") in run.trips) == ("outcome" in changed)


def test_unmatched_and_quarantined_count_distinct_keys_in_scope(synced: World) -> None:
    synced.configure(only(unmatched={"fraction": 0.3}, quarantined=0.1))
    synced.source.members("C1", "G1", "nobody", "noone")
    synced.source.members("C1", "G2", "nobody", "noone")
    synced.source.members("C9", "G1", "elsewhere", "nowhere")  # out of scope
    synced.source.group("C1", "G9", name="too long " * 40)
    synced.map("C404")
    synced.source.drop_member("C1", "G1", "bob")
    run = synced.sync()
    assert run.held == [("membership", "delete", "C1", "G1", "bob")]
    users = run.trips["unmatched", "users"]
    assert (users["numerator"], users["denominator"], users["limit"]) == (2, 5, 0.3)
    courses = run.trips["unmatched", "courses"]
    assert (courses["numerator"], courses["denominator"]) == (1, 3)
    groups = run.trips["quarantined", "groups"]
    assert (groups["numerator"], groups["denominator"]) == (1, 4)
    assert observed(run, "quarantined", "memberships")["numerator"] == 0


FRESHNESS = {"freshness": {SOURCE: "freshness.sql"}}


def answer(world: World, value: object) -> None:
    """What the source answers from now on."""
    world.source.execute("CREATE TABLE IF NOT EXISTS loads (at)")
    world.source.execute("DELETE FROM loads")
    world.source.execute("INSERT INTO loads VALUES (?)", value)
    world.statement("freshness.sql", "-- The last load: its time, or its number.\nSELECT at FROM loads")


@pytest.mark.parametrize(
    ("first", "second", "subjects"),
    [
        ("2026-10-12 05:00:00", "2026-10-12 05:30:00", set()),
        ("2026-10-10 17:00:00+01:00", "2026-10-10 17:00:00+01:00", {SOURCE}),
        ("2026-10-12 05:00:00", "2026-10-12 04:59:59", {f"{SOURCE} since an accepted run"}),
        (41, 42, set()),
        (41, 40, {f"{SOURCE} since an accepted run"}),
    ],
)
def test_stale_blocks_deletes_of_a_source_that_is_old_or_goes_back(
    world: World, first: object, second: object, subjects: set[str]
) -> None:
    world.configure({**only(stale=36), **FRESHNESS})
    answer(world, first)
    assert world.sync().state == ("stale" if SOURCE in subjects else "applied"), "it has nothing to delete yet"
    answer(world, second)
    world.source.drop_group("C1", "G2")
    world.source.members("C1", "G1", "dan")
    run = world.sync()
    assert set(run.trips) == {("stale", subject) for subject in subjects}
    assert run.held == ([("group", "delete", "C1", "G2")] if subjects else [])
    assert "dan" in world.moodle.members("C1")["G1"], "adds go on"
    if subjects:
        assert "What stale stops is never released" in run.error


def test_stale_without_a_query_says_not_configured_in_the_report(synced: World) -> None:
    run = synced.sync()
    assert observed(run, "stale", "run")["text"].startswith("not configured")
    page = (run.folder.path / "verdict.html").read_text(encoding="utf-8")
    assert "not configured" in page
    assert 'href="verdict.html"' in (run.folder.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [None, "soon", "NaN"])
def test_o3_a_freshness_query_without_an_answer_fails_the_run_before_any_write(world: World, value: object) -> None:
    world.configure(FRESHNESS)
    answer(world, value)
    run = world.sync()
    assert (run.state, run.failed_step, run.writes) == ("failed", "extract", 0)
    assert "freshness.groupsync_source: freshness.sql must answer one value" in str(run.errors["extract"])


def test_blackout_holds_deletes_on_the_days_of_the_calendar(synced: World) -> None:
    synced.configure(only(blackout=0))
    today = date(2026, 10, 12)
    synced.source.drop_group("C1", "G2")
    synced.source.members("C1", "G1", "dan")
    synced.calendar = Calendar(CALENDAR.terms, (Blackout("rollover", today, today),))
    run = synced.sync()
    assert run.held == [("group", "delete", "C1", "G2")]
    assert run.trips["blackout", "run"]["text"] == "today is in rollover"
    # Six in the morning in UTC is the evening before in Hawaii, and days are the university's own.
    rollover = (Blackout("rollover", today, today),)
    synced.calendar = Calendar(CALENDAR.terms[:1], rollover, timezone="Pacific/Honolulu", warn_weeks=10)
    run = synced.sync()
    assert run.state == "applied"
    assert run.report["week"] == "week 2 of 12"
    assert "the calendar ends with term 2026-27-T1 on 2026-12-18: add the terms that come after it" in run.reasons(
        "warning"
    )


def test_department_deletes_holds_that_departments_deletes(make_world: Any) -> None:
    world = make_world(only(department_deletes=NONE, departments={"D2": {"department_deletes": None}}))
    for course, department in (("C1", "D1"), ("C2", "D2"), ("C3", None)):
        world.course(course, users=["ann"])
        world.map(course, department=department)
        world.source.group(course, "G1", name="One")
        world.source.group(course, "G2", name="Two")
    assert world.sync().state == "applied"
    for course in ("C1", "C2", "C3"):
        world.source.drop_group(course, "G2")
    run = world.sync()
    assert run.held == [("group", "delete", "C1", "G2")]
    trip = run.trips["department_deletes", "groups of department D1"]
    assert (trip["numerator"], trip["denominator"], trip["stratum"]) == (1, 2, "department D1")
    assert set(run.results) == {("group", "delete", "C2", "G2"), ("group", "delete", "C3", "G2")}


def test_group_gutted_counts_all_members_in_moodle_and_who_only_moves_is_not_lost(make_world: Any) -> None:
    world = make_world(only(group_gutted={"size": 4}))
    world.course("C1", users=["ann", "bob", "cid", "dan", "eve"])
    world.map("C1")
    for group in ("G1", "G2", "G3"):
        world.source.group("C1", group, name=f"Group {group}")
        world.source.members("C1", group, "ann", "bob", "cid")
    assert world.sync().state == "applied"
    for group in ("G1", "G2", "G3"):
        world.by_hand.add_member("C1", group, "dan")
    world.by_hand.add_member("C1", "G2", "eve")
    world.source.drop_member("C1", "G1", "ann")
    world.source.drop_member("C1", "G1", "bob")  # 2 of 4: at the limit
    world.source.drop_group("C1", "G2")  # 5 of 5
    world.source.drop_member("C1", "G3", "ann")
    world.source.drop_member("C1", "G3", "bob")
    world.source.drop_member("C1", "G3", "cid")  # 3 of 4
    run = world.sync()
    assert run.trips.keys() == {("group_gutted", "C1 G2"), ("group_gutted", "C1 G3")}
    assert (run.trips["group_gutted", "C1 G2"]["numerator"], run.trips["group_gutted", "C1 G3"]["denominator"]) == (
        5,
        4,
    )
    assert set(run.results) == {("membership", "delete", "C1", "G1", user) for user in ("ann", "bob")}
    world.source.group("C1", "G4", name="Group G4")
    world.source.members("C1", "G4", "ann")
    run = world.sync()
    assert run.trips.keys() == {("group_gutted", "C1 G2")}, "ann is in G4 now: 2 of 4 leave G3 for good"


def test_cumulative_and_history_look_at_the_runs_before(make_world: Any) -> None:
    world = make_world(
        only(run_deletes={"fraction": None, "floor": 0, "count": 2}, cumulative={}, history={"mads": 0, "runs": 3})
    )
    world.course("C1", users=["ann"])
    world.map("C1")
    for n in range(6):
        world.source.group("C1", f"G{n}", name=f"Group {n}")
    assert world.sync().state == "applied"
    world.configure(breaker={"config_changed": None})
    world.source.drop_group("C1", "G0")
    world.source.drop_group("C1", "G1")
    assert world.sync().state == "applied", "at the limit of a run and of a day"
    world.source.drop_group("C1", "G2")
    run = world.sync()
    assert run.trips.keys() == {("cumulative", "groups in 24 hours")}
    assert run.trips["cumulative", "groups in 24 hours"]["observed"] == 3
    world.now += timedelta(hours=25)
    assert world.sync().state == "applied", "the day is over, and the week's limit is twice as much"
    assert observed(world.sync(), "history", "run")["limit"] == 1, "0, 2 and 1 deletes in this week"
    world.source.drop_group("C1", "G3")
    assert world.sync().trips.keys() == {("history", "run")}
    world.now += timedelta(days=7)
    run = world.sync()
    assert run.state == "applied"
    assert observed(run, "history", "run")["text"] == "1 deletes; 0 accepted runs in week 4 of a term are not looked at"


def test_grouping_gutted_looks_at_managed_links_in_scope(make_world: Any) -> None:
    """Not at those that a hand made; who is put into another grouping is not lost."""
    world = make_world(only(grouping_gutted={}))
    for course in ("C1", "C2"):
        world.course(course, users=["ann"])
        world.map(course)
        for grouping in ("S1", "S2"):
            world.source.grouping(course, grouping, name=f"Grouping {grouping}")
        for n in range(5):
            world.source.group(course, f"G{n}", name=f"Group {n}", grouping="S1")
    assert world.sync().state == "applied"
    world.by_hand.group("C1", "By hand", "X1")
    world.by_hand.link("C1", "X1", "S1")
    for course, lost in (("C1", 3), ("C2", 2)):
        for n in range(lost):
            world.source.update("remote_groups", {"course": course, "idnumber": f"G{n}"}, grouping=None)
    run = world.sync()
    assert run.trips.keys() == {("grouping_gutted", "C1 S1")}
    trip = run.trips["grouping_gutted", "C1 S1"]
    assert [trip[name] for name in ("numerator", "denominator", "limit")] == [3, 5, 2.5]
    assert set(run.held) == {("link", "delete", "C1", "S1", f"G{n}") for n in range(3)}
    assert run.results == {("link", "delete", "C2", "S1", f"G{n}"): "done" for n in range(2)}
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G0"}, grouping="S2")
    run = world.sync()
    assert (run.state, set(run.trips)) == ("applied", set()), "2 of 5 are in none, and 1 is in S2"


def test_cumulative_removals_counts_what_nobody_approved(make_world: Any) -> None:
    world = make_world(only(run_removals={"fraction": None, "floor": 0, "count": 2}, cumulative_removals={}))
    people = [f"u{n}" for n in range(9)]
    world.course("C1", users=people)
    world.map("C1")
    world.source.group("C1", "G1", name="One")
    world.source.members("C1", "G1", *people)
    assert world.sync().state == "applied"

    def drop(*numbers: int) -> Any:
        for n in numbers:
            world.source.drop_member("C1", "G1", f"u{n}")
        return world.sync()

    first = drop(0, 1, 2)
    assert first.trips.keys() == {("run_removals", "memberships"), ("cumulative_removals", "memberships in 24 hours")}
    world.answer(first)
    assert world.release(first).state == "applied"
    assert drop(3, 4).state == "applied", "two without a word; the three before were approved"
    second = drop(5)
    assert second.trips.keys() == {("cumulative_removals", "memberships in 24 hours")}
    assert second.trips["cumulative_removals", "memberships in 24 hours"]["observed"] == 3
    assert second.held == [("membership", "delete", "C1", "G1", "u5")]
    world.now += timedelta(hours=25)
    assert world.sync().state == "applied"


@pytest.mark.parametrize("what", ["settings", "statement", "calendar", "nothing"])
def test_config_changed_holds_the_deletes_of_the_first_run_under_another_configuration(world: World, what: str) -> None:
    world.statement("groups.sql", "SELECT course, idnumber, name, description, grouping FROM remote_groups")
    columns = {"name": "name", "description": "description", "grouping": "grouping"}
    world.configure(only(config_changed=0), groups={"table": None, "sql": "groups.sql", "columns": columns})
    assert world.sync().state == "applied"
    world.source.drop_group("C1", "G2")
    if what == "settings":
        world.configure(on_local_edit="keep")
    if what == "statement":
        world.statement("groups.sql", "SELECT course, idnumber, name, description, grouping FROM remote_groups WHERE 1")
    if what == "calendar":
        world.calendar = Calendar(CALENDAR.terms[:1])
    run = world.sync()
    assert run.state == ("applied" if what == "nothing" else "held")
    assert set(run.trips) == ({("config_changed", "run")} if what != "nothing" else set())


def uses(world: World, run_id: str, *records: dict[str, Any]) -> None:
    folder = RunFolder.of(world.folder / "runs", TERM1, run_id)
    folder.save_frame("uses", frame_of(records, USE), USE)


def test_in_use_holds_the_object_that_an_activity_uses(synced: World) -> None:
    synced.configure(only(in_use=0))
    for group in ("G1", "G2"):
        synced.source.drop_group("C1", group)
    synced.source.drop_grouping("C1", "S1")
    records = [
        {"kind": "group", "course": "C1", "key": "G1", "how": "restriction", "activity": "Test", "module": "quiz"},
        {"kind": "group", "course": "C1", "key": "G2", "how": "group mode", "activity": "Talk", "module": "forum"},
        {"kind": "grouping", "course": "C1", "key": "S1", "how": "default grouping", "activity": None, "module": None},
    ]
    run = synced.sync(before={"circuit_breaker": lambda: uses(synced, "run-1", *records)})
    assert set(run.held) == {("group", "delete", "C1", "G1"), ("grouping", "delete", "C1", "S1")}
    assert run.trips["in_use", "C1 group G1"]["text"] == "group G1 of C1 is used by restriction of quiz Test"
    assert run.trips["in_use", "C1 grouping S1"]["text"] == "grouping S1 of C1 is used by default grouping"
    assert run.results == {("group", "delete", "C1", "G2"): "done"}


@pytest.mark.parametrize(("column", "value"), [("course", "C404"), ("action", "delete"), ("course", "C3")])
def test_c1_a_change_outside_the_scope_blocks_the_run_whoever_made_it(world: World, column: str, value: str) -> None:
    """A course that Moodle does not have; a delete is in scope; a course that is mapped and frozen."""
    world.course("C3", users=["ann"])
    world.map("C3", module="M3", status="inactive")

    def bend() -> None:
        folder = RunFolder.of(world.folder / "runs", TERM1, "run-1")
        frame = folder.frame("plan/groups")
        frame[column] = value
        frame.to_parquet(folder.path / "plan" / "groups.parquet")

    run = world.sync(before={"circuit_breaker": bend})
    if column == "action":
        assert run.verdict == {} or ("out_of_scope", "run") not in run.trips
        return
    assert (run.state, run.failed_step, run.writes) == ("blocked", "circuit_breaker", 0)
    assert f"in {value}" in run.trips["out_of_scope", "run"]["text"]
    assert "no approval overrides it" in str(run.errors["circuit_breaker"])


def test_i3_a_run_whose_five_names_were_not_compared_is_blocked(world: World) -> None:
    path: Path = world.folder / "runs" / TERM1 / "run-1" / "identity.json"
    run = world.sync(before={"circuit_breaker": path.unlink})
    assert (run.state, run.writes) == ("blocked", 0)
    assert run.trips.keys() == {("identity", "run")}


def test_growth_and_renames_hold_creates_and_updates(synced: World) -> None:
    synced.configure(only(growth=NONE, renames=NONE))
    synced.source.group("C1", "G9", name="Nine")
    synced.source.members("C1", "G9", "dan")
    synced.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Another")
    synced.source.members("C2", "G1", "ann")
    remember(synced, 4)
    run = synced.sync(until="circuit_breaker")
    assert run.trips.keys() == {("renames", "names")}, "the term has four accepted runs"
    remember_one_more(synced)
    run = synced.sync()
    assert run.trips.keys() == {("renames", "names"), ("growth", "groups")}
    assert set(run.held) == {
        ("group", "update", "C1", "G1"),
        ("group", "create", "C1", "G9"),
        ("membership", "create", "C1", "G9", "dan"),
    }
    assert run.results == {("membership", "create", "C2", "G1", "ann"): "done"}


def remember_one_more(world: World) -> None:
    world.edit_state("UPDATE run SET run_id = 'kept' WHERE run_id = 'before-1'")
    world.edit_state(
        "INSERT INTO run (run_id, term, started_at, outcome, accepted, measures, settings_digest)"
        " SELECT 'fifth', term, started_at, outcome, accepted, measures, settings_digest FROM run WHERE run_id = 'kept'"
    )


def test_course_emptied_does_not_count_groups_that_are_no_longer_there(synced: World) -> None:
    synced.configure(only(course_emptied=0))
    synced.by_hand.delete_group("C1", "G1")
    synced.source.drop_group("C1", "G1")
    synced.source.drop_group("C1", "G2")
    run = synced.sync()
    assert run.held == [("group", "delete", "C1", "G2")]
    assert run.trips.keys() == {("course_emptied", "C1")}


def test_b3_limits_of_an_unknown_term_are_an_error_before_anything_is_read(synced: World) -> None:
    synced.configure(breaker={"terms": {"2026-27-TX": {"run_deletes": None}}})
    run = synced.sync()
    assert (run.state, run.failed_step) == ("failed", "check_identity")
    assert "unknown term '2026-27-TX'" in str(run.errors["check_identity"])
