"""The settings file, checked once at the door."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.errors import SettingsError
from include.groupsync.model.kind import Kind
from include.groupsync.model.mode import Mode
from include.groupsync.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]
TABLE = {"connection": "cmis", "table": "T"}
MEMBERSHIPS = {**TABLE, "columns": {"course": "COURSE", "group": "GRP", "user": "STU"}}
LEAST: dict[str, Any] = {"mappings": "none", "groups": TABLE}


def load(tmp_path: Path, **changed: Any) -> Settings:
    path = tmp_path / "groupsync.yaml"
    path.write_text(yaml.safe_dump(LEAST | changed), encoding="utf-8")
    return load_settings(path)


def refusal(tmp_path: Path, **changed: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, **changed)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"localcoursefeild": "idnumber"}, "localcoursefeild"),
        ({"groups": {**TABLE, "columns": {"grouping_name": "X"}}}, "groups.columns.grouping_name"),
        ({"breaker": {"run_delets": None}}, "breaker.run_delets"),
        ({"breaker": {"run_deletes": {"percent": 5}}}, "breaker.run_deletes.percent"),
        ({"moodle": {"token": "x"}}, "moodle.token"),
        ({"drift": {"groups": 5}}, "drift.groups"),
        ({"environments": {"uat": {"moodle": "https://x", "sites": []}}}, "environments.uat.sites"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_it(tmp_path: Path, changed: dict[str, Any], where: str) -> None:
    """A misspelt limit is never a limit that is off."""
    message = refusal(tmp_path, **changed)
    assert f"{where}: unknown key" in message
    assert "groupsync.yaml" in message


def test_c6_no_mapping_table_is_a_decision(tmp_path: Path) -> None:
    """Written down, it is taken; left out or empty, it is asked for."""
    assert load(tmp_path, mappings="none").mappings is None
    assert "'mappings' is missing" in refusal(tmp_path, mappings=None)
    path = tmp_path / "without.yaml"
    path.write_text(yaml.safe_dump({"groups": TABLE}), encoding="utf-8")
    with pytest.raises(SettingsError, match="write 'mappings: none'"):
        load_settings(path)


@pytest.mark.parametrize("given", [{"connection": "cmis"}, {**TABLE, "sql": "groups.sql"}])
def test_a_dataset_is_a_table_or_a_statement_and_not_both(tmp_path: Path, given: dict[str, str]) -> None:
    """Nor neither of them."""
    assert "groups: give either 'table'" in refusal(tmp_path, groups=given)


@pytest.mark.parametrize("field", ["idnumber", "name"])
def test_m1_without_the_course_groups_are_not_found_by_idnumber_or_name(tmp_path: Path, field: str) -> None:
    """The design's own message, before anything is read."""
    lacking = {**TABLE, "columns": {"group": "GRP", "user": "STU"}}
    assert (
        f"When using {field} to identify groups the remote group membership table must include the course."
        in refusal(tmp_path, localgroupfield=field, memberships=lacking)
    )
    assert load(tmp_path, localgroupfield=field, memberships=MEMBERSHIPS).memberships is not None


def test_m1_by_id_the_course_may_be_left_out(tmp_path: Path) -> None:
    """An id is one group of the whole site."""
    settings = load(tmp_path, localgroupfield="id", memberships={**TABLE, "columns": {"group": "G", "user": "U"}})
    assert settings.memberships is not None
    assert settings.memberships.columns.course is None


def test_o3_each_kind_is_switched_on_without_the_others(tmp_path: Path) -> None:
    """Links go with groups that name a grouping; at least one kind must be on."""
    assert load(tmp_path).kinds == {Kind.GROUP}
    with_grouping = {**TABLE, "columns": {"grouping": "G"}}
    assert load(tmp_path, groups=with_grouping).kinds == {Kind.GROUP, Kind.LINK}
    assert load(tmp_path, groups=None, groupings=TABLE).kinds == {Kind.GROUPING}
    assert load(tmp_path, groups=None, memberships=MEMBERSHIPS).kinds == {Kind.MEMBERSHIP}
    assert "switch on at least one" in refusal(tmp_path, groups=None)


def test_the_tables_that_are_on_are_read_in_one_order(tmp_path: Path) -> None:
    """Mappings first: they say what the others are for."""
    settings = load(tmp_path, mappings=TABLE, groupings=TABLE, memberships=MEMBERSHIPS)
    assert list(settings.datasets) == ["mappings", "groupings", "groups", "memberships"]
    assert list(load(tmp_path).datasets) == ["groups"]


def test_c3_the_queue_names_a_mapping_by_all_that_the_mapping_table_has(tmp_path: Path) -> None:
    """Otherwise no request could tell which one it means; and without mappings there is nothing to ask for."""
    settings = load(tmp_path, mappings=TABLE, requests={**TABLE, "connection": "queue"})
    assert list(settings.tables) == [*settings.datasets, "requests"]
    assert "queue" in settings.source_connections
    few = {"occurrence": None, "period": None, "academic_year": None}
    less = {**TABLE, "columns": few}
    assert load(tmp_path, mappings=less, requests=less).requests is not None
    assert "mappings.columns.occurrence is set, and requests.columns.occurrence is not" in refusal(
        tmp_path, mappings=TABLE, requests={**TABLE, "columns": {"occurrence": None}}
    )
    by_term = {**TABLE, "columns": {**few, "term": "T"}}
    assert "requests.columns.term is not" in refusal(tmp_path, mappings=by_term, requests=less)
    assert "name the mapping table too" in refusal(tmp_path, requests=TABLE)


def test_b3_null_switches_a_limit_off_and_nought_allows_none(tmp_path: Path) -> None:
    """Both are kept apart from a limit that is not written down."""
    off = load(tmp_path, breaker={"run_deletes": None, "course_emptied": None, "delete_only": None}).breaker
    assert (off.run_deletes, off.course_emptied, off.delete_only) == (None, None, None)
    none = load(tmp_path, breaker={"run_deletes": {"fraction": 0, "count": 0}, "delete_only": 0}).breaker
    assert none.run_deletes is not None
    assert (none.run_deletes.fraction, none.run_deletes.count, none.delete_only) == (0, 0, 0)
    half = load(tmp_path, breaker={"run_deletes": {"fraction": None, "count": 5}}).breaker
    assert half.run_deletes is not None
    assert half.run_deletes.fraction is None


def test_b3_limits_that_are_not_written_down_are_the_published_defaults(tmp_path: Path) -> None:
    """5 percent or 100 deletes, 10 percent or 2,000 removals, no course emptied, 20 deletes alone."""
    limits = load(tmp_path).breaker
    assert limits.run_deletes is not None
    assert limits.run_removals is not None
    assert (limits.run_deletes.fraction, limits.run_deletes.floor, limits.run_deletes.count) == (0.05, 20, 100)
    assert (limits.run_removals.fraction, limits.run_removals.floor, limits.run_removals.count) == (0.10, 100, 2000)
    assert (limits.empty, limits.course_emptied, limits.delete_only) == (0, 0, 20)


@pytest.mark.parametrize(
    "changed",
    [
        {"breaker": {"run_deletes": {"fraction": 5}}},
        {"breaker": {"delete_only": -1}},
        {"moodle": {"batch_items": 0}},
        {"moodle": {"form_variables": 5}},
        {"moodle": {"read_timeout": 0}},
        {"localuserfield": "firstname"},
        {"localgroupfield": "shortname"},
        {"on_name_collision": "merge"},
        {"vanish_grace_runs": -1},
        {"vanish_grace_runs": "two"},
        {"journal_days": 0},
        {"moodle": {"objects_per_minute": 0}},
        {"moodle": {"in_flight": 0}},
        {"moodle": {"settle_after": -1}},
        {"moodle": {"window": "22:00"}},
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(tmp_path: Path, changed: dict[str, Any]) -> None:
    """A percentage where a fraction belongs, a negative limit, a field that Moodle cannot be asked for."""
    [(outer, inner)] = changed.items()
    named = f"{outer}.{next(iter(inner))}" if isinstance(inner, dict) else outer
    assert named in refusal(tmp_path, **changed)


def test_m5_each_kind_says_what_becomes_of_what_vanishes(tmp_path: Path) -> None:
    """Gone at once unless the settings say otherwise; links go with what they join, and have no word of their own."""
    plain = load(tmp_path, memberships=MEMBERSHIPS)
    assert plain.groups is not None
    assert plain.memberships is not None
    assert (plain.groups.on_vanish, plain.memberships.on_vanish, plain.vanish_grace_runs) == ("delete", "delete", 0)
    kept = load(tmp_path, groups={**TABLE, "on_vanish": "keep"}, memberships=MEMBERSHIPS, vanish_grace_runs=3)
    assert kept.groups is not None
    assert kept.memberships is not None
    assert (kept.groups.on_vanish, kept.memberships.on_vanish, kept.vanish_grace_runs) == ("keep", "delete", 3)


@pytest.mark.parametrize("word", ["archive", "", True, None])
def test_on_vanish_is_one_of_two_words(tmp_path: Path, word: Any) -> None:
    assert "groups.on_vanish" in refusal(tmp_path, groups={**TABLE, "on_vanish": word})


@pytest.mark.parametrize("dataset", [{"mappings": {**TABLE, "on_vanish": "keep"}}, {"on_vanish": "keep"}])
def test_on_vanish_is_of_a_kind_that_may_vanish(tmp_path: Path, dataset: dict[str, Any]) -> None:
    """A mapping that disappears freezes its course (rule C4)."""
    assert "on_vanish: unknown key" in refusal(tmp_path, **dataset)


def test_the_journal_is_kept_for_some_days_or_for_ever(tmp_path: Path) -> None:
    assert load(tmp_path).journal_days == 400
    assert load(tmp_path, journal_days=30).journal_days == 30
    assert load(tmp_path, journal_days=None).journal_days is None


def window(opens: Any, closes: Any, zone: str = "Europe/London") -> dict[str, Any]:
    return {"moodle": {"window": {"opens": opens, "closes": closes, "timezone": zone}}}


@pytest.mark.parametrize("closes", ["06:00", 360, "6:00:00"])
def test_the_hours_for_writing_are_read_as_yaml_writes_them(tmp_path: Path, closes: Any) -> None:
    """``06:00`` without quotes is a number of base sixty to YAML; no window is no limit."""
    assert load(tmp_path).moodle.window is None
    if closes == "6:00:00":
        assert "moodle.window.closes" in refusal(tmp_path, **window("22:00", closes))
        return
    found = load(tmp_path, **window(1320, closes)).moodle.window
    assert found is not None
    assert (found.opens, found.closes, found.timezone) == (time(22), time(6), "Europe/London")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (window("25:00", "06:00"), "moodle.window.opens"),
        (window(1500, "06:00"), "moodle.window.opens"),
        (window("evening", "06:00"), "moodle.window.opens"),
        (window("22:00", None), "moodle.window.closes"),
        (window("22:00", "06:00", "Ankh-Morpork"), "moodle.window.timezone: not a time zone, such as Europe/London"),
        (window("22:00", "06:00", "../../etc/passwd"), "moodle.window.timezone"),
        ({"moodle": {"window": {"opens": "22:00", "closes": "06:00"}}}, "moodle.window.timezone"),
    ],
)
def test_hours_that_make_no_sense_are_refused_by_name(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    """A window that was mistyped is never a window that is open."""
    assert named in refusal(tmp_path, **given)


def test_the_sandbox_cannot_be_configured(tmp_path: Path) -> None:
    """Nobody points the environment that needs no address at a real site."""
    assert "'sandbox' is reserved" in refusal(tmp_path, environments={"sandbox": {"moodle": "https://x"}})


@pytest.mark.parametrize("name", ["", " ", "Production", "1st", "production\n"])
def test_i1_an_environment_without_a_plain_name_cannot_be_configured(tmp_path: Path, name: str) -> None:
    """A deployment whose GROUPSYNC_ENVIRONMENT is not set would be in the environment ''."""
    said = refusal(tmp_path, environments={name: {"moodle": "https://x"}})
    assert "use lower-case letters, digits and hyphens" in said


@pytest.mark.parametrize(
    ("columns", "delivery"),
    [
        ({}, ()),
        ({"module": "M"}, ("module",)),
        ({"module": "M", "period": "P"}, ("module", "period")),
        ({"module": "M", "occurrence": "O", "period": "P"}, ("module", "occurrence", "period")),
        ({"occurrence": "O", "period": "P"}, ()),
    ],
)
def test_c1_without_a_module_a_table_tells_no_delivery(
    tmp_path: Path, columns: dict[str, str], delivery: tuple[str, ...]
) -> None:
    """An occurrence or a period alone is none."""
    groups = load(tmp_path, groups={**TABLE, "columns": columns}).groups
    assert groups is not None
    assert groups.columns.delivery == delivery


# The design's settings page, and where each of its settings stands in the file.
DESIGN = {
    "remotegroupingtable": "groupings.table",
    "remotegroupingidnumberfield": "groupings.columns.idnumber",
    "remotegroupingcoursefield": "groupings.columns.course",
    "remotegroupingnamefield": "groupings.columns.name",
    "remotegroupingdescriptionfield": "groupings.columns.description",
    "remotegrouptable": "groups.table",
    "remotegroupidnumberfield": "groups.columns.idnumber",
    "remotegroupcoursefield": "groups.columns.course",
    "remotegroupnamefield": "groups.columns.name",
    "remotegroupgroupingfield": "groups.columns.grouping",
    "localgroupingfield": "localgroupingfield",
    "remotegroupmembershiptable": "memberships.table",
    "remotegroupmembershipuserfield": "memberships.columns.user",
    "remotegroupmembershipgroupfield": "memberships.columns.group",
    "remotegroupmembershipcoursefield": "memberships.columns.course",
    "localgroupfield": "localgroupfield",
    "localcoursefield": "localcoursefield",
    "localuserfield": "localuserfield",
}


@pytest.mark.parametrize("setting", DESIGN)
def test_every_setting_of_the_design_has_a_place(tmp_path: Path, setting: str) -> None:
    """What is written there is what the engine is told."""
    given: dict[str, Any] = {
        "mappings": "none",
        "groupings": {**TABLE, "columns": {}},
        "groups": {**TABLE, "columns": {}},
        "memberships": {**TABLE, "columns": {"course": "C"}},
    }
    *outer, last = DESIGN[setting].split(".")
    holder = given
    for part in outer:
        holder = holder[part]
    holder[last] = "id" if setting.startswith("local") else "THEIRS"
    found: Any = load(tmp_path, **given)
    for part in (*outer, last):
        found = getattr(found, part)
    assert found == holder[last]


def test_the_shipped_files_are_valid() -> None:
    """What a newcomer starts with loads; the calendar is in test_calendar_settings.py."""
    settings = load_settings(ROOT / "include/config/groupsync.yaml")
    assert settings.kinds == set(Kind)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(SettingsError, match=r"nowhere\.yaml is missing"):
        load_settings(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["groups: [", "just words", "- a\n- list", ""])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    """Broken YAML, a list, or nothing at all."""
    path = tmp_path / "groupsync.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"groupsync\.yaml"):
        load_settings(path)


def test_b3_a_partial_limit_keeps_the_other_fields_of_the_default(tmp_path: Path) -> None:
    """A number that is written down does not switch the fraction off."""
    limits = load(tmp_path, breaker={"run_deletes": {"count": 5}, "volume": {"high": 2}}).breaker
    assert limits.run_deletes is not None
    assert (limits.run_deletes.fraction, limits.run_deletes.floor, limits.run_deletes.count) == (0.05, 20, 5)
    assert limits.volume is not None
    assert (limits.volume.low, limits.volume.high, limits.volume.floor) == (0.9, 2, 20)


def test_freshness_is_of_a_connection_that_is_read(tmp_path: Path) -> None:
    """A misspelt one would never be asked."""
    assert load(tmp_path, freshness={"cmis": "f.sql"}).freshness == {"cmis": "f.sql"}
    assert load(tmp_path).freshness == {}
    assert "freshness.sits: no table is read over this connection; they are read over cmis" in refusal(
        tmp_path, freshness={"sits": "f.sql"}
    )


def test_the_mode_of_a_run_that_nobody_told_is_set_by_environment_and_phase(tmp_path: Path) -> None:
    """What is not written down is full; a phase or an environment that there is none of is named."""
    production = {"environments": {"production": {"moodle": "https://moodle.example.org"}}}
    found = load(tmp_path, **production, modes={"production": {"recess": "plan"}, "sandbox": {"term": "add"}})
    assert [found.mode_of("production", phase) for phase in ("hourly", "term", "recess", "ended")] == [
        Mode.FULL, Mode.FULL, Mode.PLAN, Mode.FULL,
    ]  # fmt: skip
    assert found.mode_of("sandbox", "term") is Mode.ADD
    assert found.mode_of("elsewhere", "recess") is Mode.FULL
    assert "modes.staging: no environment has this name; there are production, sandbox" in refusal(
        tmp_path, **production, modes={"staging": {"recess": "plan"}}
    )
    assert "modes.production.holidays: unknown key" in refusal(
        tmp_path, **production, modes={"production": {"holidays": "plan"}}
    )
    assert "modes.production.recess" in refusal(tmp_path, **production, modes={"production": {"recess": "none"}})
