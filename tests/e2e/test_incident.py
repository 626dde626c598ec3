"""The incident replayed at a tenth of its size: the locks are taken away in turn, and the next one holds.

``make incident`` tells the whole of it; the acts are those of ``tests/incident/story.py``.
"""

import csv
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.incident.scene import TENTH, WHOLE, deliveries, listed, stagings_mappings
from tests.incident.story import Act, Incident, tell

BEFORE_GROUPS = {
    "core_webservice_get_site_info", "core_course_get_courses_by_field",
    "core_group_get_course_groupings", "core_group_get_groupings",  # the control course's, for the marker
}  # fmt: skip
HOLDING = ("as-it-was", "marker", "restored", "identity", "mappings", "numbers", "ledger", "other-term", "all")


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incident]:
    with Incident(tmp_path_factory.mktemp("incident"), TENTH) as scene:
        yield scene


@pytest.fixture(scope="module")
def before(incident: Incident) -> dict[tuple[str, int], dict[str, object]]:
    return incident.objects()


@pytest.fixture(scope="module")
def acts(incident: Incident, before: object) -> dict[str, Act]:
    return {act.name: act for act in tell(incident)}


def test_the_scene_has_the_post_mortems_numbers() -> None:
    assert (WHOLE.courses, WHOLE.affected, WHOLE.groupings, WHOLE.groups) == (14_000, 323, 1_950, 2_085)
    mappings = stagings_mappings(WHOLE)
    imported = [one for one in mappings if (one["import_groups"], one["status"]) == ("1", "active")]
    assert (len(mappings), len(imported), len({one["course"] for one in imported})) == (113, 28, 11)
    assert len([one for one in mappings if one["status"] == "withdrawn"]) == 1
    groupings, groups = listed(WHOLE)
    assert (len(groupings), len(groups)) == (1_950, 2_085)
    assert len({thing.of.course for things in (groupings, groups) for thing in things}) == 323
    assert {one.course for one in deliveries(WHOLE)} == {thing.of.course for thing in groups}


def test_the_scene_is_what_a_production_run_leaves(acts: dict[str, Act]) -> None:
    """Production's own run finds nothing to do: the generated ledger and site are one."""
    act = acts["production"]
    assert act.differs == []
    assert act.run.changes == []
    assert act.run.folder.json("steps/extract")["rows"]["groups"] == TENTH.groups


def test_i3_the_incident_as_it_was_makes_no_writing_call(acts: dict[str, Act]) -> None:
    act = acts["as-it-was"]
    assert (act.run.state, act.run.failed_step, act.writing_calls, act.untouched) == (
        "blocked",
        "check_identity",
        0,
        True,
    )
    assert act.calls.keys() <= BEFORE_GROUPS
    said = act.run.error
    assert [line.split()[1] for line in said.splitlines() if line.startswith("!!")] == ["Moodle", "marker"]


@pytest.mark.parametrize("name", HOLDING)
def test_i3_b1_the_next_lock_holds(acts: dict[str, Act], name: str) -> None:
    act = acts[name]
    assert act.differs == []
    assert (act.writing_calls, act.deleted, act.untouched) == (0, 0, True)


@pytest.mark.parametrize(
    ("name", "sides"), [("marker", ["Moodle"]), ("restored", ["ledger", "marker"])], ids=["marker", "restored"]
)
def test_i1_the_identity_says_which_side_differs(acts: dict[str, Act], name: str, sides: list[str]) -> None:
    act = acts[name]
    assert act.calls.keys() <= BEFORE_GROUPS
    assert [line.split()[1] for line in act.run.error.splitlines() if line.startswith("!!")] == sides


def test_o1_numbers_that_are_other_groups_here_delete_nothing(acts: dict[str, Act]) -> None:
    """Two sites number their groups from 1: staging's ledger names production's groups by chance."""
    act = acts["numbers"]
    assert (act.run.state, act.run.changes) == ("applied", [])


@pytest.mark.parametrize("name", ["identity", "mappings"])
def test_o2_a_ledger_that_manages_nothing_here_deletes_nothing(acts: dict[str, Act], name: str) -> None:
    act = acts[name]
    assert (act.run.state, act.run.changes) == ("applied", [])


def test_c2_with_stagings_mappings_only_theirs_are_in_scope(acts: dict[str, Act]) -> None:
    """Production's ledger is at hand, and 28 of its 28 imports and the 1 removal are all that it reaches."""
    act = acts["ledger"]
    mapped = {(one["course"], one["module"]) for one in stagings_mappings(TENTH) if one["import_groups"] == "1"}
    assert {change[2] for change in act.run.changes} == {course for course, _ in mapped}
    assert act.objects_to_delete == TENTH.objects_in_stagings_scope < TENTH.objects / 10


def test_c5_a_run_of_another_term_deletes_nothing_of_this_one(acts: dict[str, Act]) -> None:
    assert acts["other-term"].run.changes == []


def test_b1_the_breaker_holds_the_whole_of_it(acts: dict[str, Act]) -> None:
    act = acts["all"]
    assert act.planned() == {"grouping": TENTH.groupings, "group": TENTH.groups, "link": 0, "membership": 0}
    assert act.planned("create") == act.planned("update") == dict.fromkeys(act.planned(), 0)
    assert len(act.run.held) == TENTH.objects
    assert act.run.error.startswith(f"HELD: {TENTH.objects} deletes in {TENTH.affected} courses")


@pytest.mark.parametrize(
    "rule", ["run_deletes", "department_deletes", "course_emptied", "courses_emptied", "delete_only", "cumulative"]
)
def test_b1_each_of_these_rules_alone_would_have_held_all_of_it(acts: dict[str, Act], rule: str) -> None:
    assert acts["all"].held_by_each_rule()[rule] == ("hold", TENTH.objects)


def test_b4_what_a_person_approves_goes_with_a_canary_first(acts: dict[str, Act], incident: Incident) -> None:
    act = acts["approved"]
    assert act.differs == []
    canary = act.run.folder.json("steps/apply")["canary"]
    assert canary["deletes"] == 10
    entries = [entry for entry in incident.world.journal if entry["run_id"] == act.run.run_id]
    assert {(entry["course"], entry["action"]) for entry in entries[:10]} == {(canary["course"], "delete")}
    assert len(entries) == TENTH.objects


def test_j3_all_that_was_deleted_is_taken_back_and_its_uses_are_named(acts: dict[str, Act], incident: Incident) -> None:
    """Compared object by object, without ids: idnumbers, names, descriptions, links and members."""
    act = acts["taken-back"]
    assert act.differs == []
    assert act.planned("create").items() >= {"grouping": TENTH.groupings, "group": TENTH.groups}.items()
    assert act.planned("delete") == act.planned("update") == dict.fromkeys(act.planned(), 0)
    work = list(csv.DictReader((act.run.folder.path / "work.csv").read_text("utf-8").splitlines()))
    named = {(one["what"], one["activity"]) for one in work if one["activity"]}
    assert named == {
        ("restriction", "Reading for one group"), ("restriction", "Test for one set"), ("activity grouping", "Debate"),
        ("group mode", "Debate"),
    }  # fmt: skip
    assert all(one["url"].startswith(incident.world.url) for one in work if one["activity"])
    assert {one["course"] for one in work if not one["activity"]} == {change[2] for change in act.run.changes}


def test_j5_the_night_after_writes_nothing_although_the_source_is_the_same(acts: dict[str, Act]) -> None:
    act = acts["the-night-after"]
    assert act.differs == []
    assert (act.run.changes, act.writing_calls) == ([], 0)


def test_j1_what_gets_through_with_the_breaker_off_is_in_the_journal_whole(
    acts: dict[str, Act], incident: Incident, before: dict[tuple[str, int], dict[str, object]]
) -> None:
    act = acts["off"]
    assert act.differs == []
    assert (len(before), len(incident.objects())) == (TENTH.objects, 0)
    assert incident.in_the_journal(act.run) == before


def _tables(page: str) -> list[list[str]]:
    """The rows of a page's tables, cell by cell."""
    lines = [line for line in page.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip(" `*") for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_has_the_figures_of_the_replay(acts: dict[str, Act]) -> None:
    """docs/incident.md: what is planned in each act, and what each rule alone would have held."""
    rows = _tables((ROOT / "docs" / "incident.md").read_text(encoding="utf-8"))
    planned = {"ledger": WHOLE.objects_in_stagings_scope, "all": WHOLE.objects}
    holding = [row for row in rows if len(row) == 5 and row[0].isdigit()]
    assert len(holding) == len(HOLDING)
    for row, name in zip(holding, HOLDING, strict=True):
        expected = f"{planned.get(name, 0):,}" if acts[name].run.plan is not None else "none: no group is read"
        assert row[3:] == [expected, str(acts[name].writing_calls)], name
    alone = {row[0]: row[1] for row in rows if len(row) == 2 and row[0] != "rule"}
    held = {rule: count for rule, (_, count) in acts["all"].held_by_each_rule().items()}
    words = {TENTH.objects: "all", TENTH.groups: "the groups"}
    assert alone == {rule: words.get(count, "a part") for rule, count in held.items()}
