"""A remote table made comparable (rules K3, G2, K7)."""

from typing import Any

import pytest

from include.groupsync.model.frames import frame_of, rows
from include.groupsync.settings import Settings
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.extract import REMOTE

TABLE = {"connection": "cmis", "table": "T"}
OBJECT = {"name": "N", "description": "D", "module": "M", "occurrence": "O", "period": "P"}


def settings(**changed: Any) -> Settings:
    every = {
        "requests": TABLE,
        "mappings": {**TABLE, "columns": {"department": "D"}},
        "groupings": {**TABLE, "columns": OBJECT},
        "groups": {**TABLE, "columns": {**OBJECT, "grouping": "G"}},
        "memberships": {**TABLE, "columns": {"course": "C", "module": "M"}},
    }
    return Settings.model_validate(every | changed)


def cleaned(dataset: str, *records: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    numbered = [{"source_row": i, **record} for i, record in enumerate(records, start=1)]
    found = clean(dataset, frame_of(numbered, REMOTE[dataset]), settings(**changed))
    assert list(found.columns) == list(CLEAN[dataset])
    assert len(found) == len(records)
    return rows(found)


def test_c3_times_of_requests_can_be_compared_as_they_are() -> None:
    """In UTC, whatever zone they were written in; what is no time stays, to be set aside."""
    written = [
        "2026-10-01T09:00:00+01:00",
        "2026-10-01 08:00",
        " 2026-10-01 08:00:00.000000 ",
        "soon",
        "20261001",
        None,
    ]
    found = cleaned("requests", *({"id": "1", "action": " rmv", "requested_at": text} for text in written))
    assert {row["action"] for row in found} == {"RMV"}
    same = "2026-10-01T08:00:00.000000+00:00"
    assert [row["requested_at"] for row in found] == [same, same, same, "soon", "20261001", None]


def test_k3_keys_are_trimmed_and_composed_and_blank_ones_absent() -> None:
    """CHAR padding, decomposed letters, blanks that are not there."""
    [row] = cleaned("groups", {"course": "C1   ", "idnumber": "\u00a0A\u030a", "grouping": "  ", "module": ""})
    assert (row["course"], row["idnumber"], row["grouping"], row["module"]) == ("C1", "\u00c5", None, None)


@pytest.mark.parametrize("name", [None, "", "  ", "\u00a0"])
def test_g2_a_name_that_is_not_there_is_the_idnumber(name: str | None) -> None:
    """Blank is not there, a hard space included; the description defaults to blank."""
    [row] = cleaned("groups", {"course": "C", "idnumber": "A 1 ", "name": name})
    assert (row["name"], row["description"]) == ("A 1", "")


def test_g2_without_a_name_column_the_idnumber_is_the_name() -> None:
    """A description that is not configured is not looked at, which is not blank."""
    [row] = cleaned("groupings", {"course": "C", "idnumber": "A"}, groupings=TABLE)
    assert (row["name"], row["description"]) == ("A", None)


def test_k3_names_are_trimmed_as_moodle_trims_them_and_descriptions_not_at_all() -> None:
    """So that neither is updated every night."""
    [row] = cleaned("groups", {"idnumber": "A", "name": " A\u030a\u00a0\t", "description": " as it is "})
    assert (row["name"], row["description"]) == ("A\u030a\u00a0", " as it is ")


@pytest.mark.parametrize(("name", "same"), [("a < b", True), ("<b>A</b>", False), ("Age <25", False)])
def test_k7_a_name_that_moodle_would_change_is_known(name: str, same: bool) -> None:
    """What differs here is set aside before it is sent."""
    [row] = cleaned("groups", {"idnumber": "A", "name": name})
    assert (row["name"] == row["name_in_moodle"]) is same


@pytest.mark.parametrize(("field", "user"), [("username", "ann"), ("email", "ann"), ("idnumber", "Ann")])
def test_k2_people_are_matched_by_the_field_that_is_set(field: str, user: str) -> None:
    """Usernames and addresses without regard to case."""
    [row] = cleaned("memberships", {"group": "G", "user": " Ann "}, localuserfield=field)
    assert row["user"] == user


def test_m2_a_group_named_by_its_name_is_read_as_a_name() -> None:
    """Names keep their hard spaces and their letters as they are; idnumbers do not."""
    value = {"course": "C", "group": "A\u030a\u00a0", "user": "u"}
    assert cleaned("memberships", value, localgroupfield="name")[0]["group"] == "A\u030a\u00a0"
    assert cleaned("memberships", value)[0]["group"] == "\u00c5"


def test_l1_a_grouping_named_by_its_name_is_read_as_a_name() -> None:
    """As for memberships."""
    value = {"course": "C", "idnumber": "G", "grouping": "A\u030a"}
    assert cleaned("groups", value, localgroupingfield="name")[0]["grouping"] == "A\u030a"
    assert cleaned("groups", value)[0]["grouping"] == "\u00c5"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Y", "yes"), ("1", "yes"), ("True ", "yes"), ("N", "no"), ("0", "no"), ("OFF", "no"), ("maybe", "maybe")],
)
def test_c1_a_switch_is_read_however_it_is_written(written: str, meant: str) -> None:
    """What is neither yes nor no stays as it is, to be set aside."""
    assert (
        cleaned("mappings", {"course": "C", "import_groups": written, "status": "Active "})[0]
        | {
            "import_groups": meant,
            "status": "active",
        }
        == cleaned("mappings", {"course": "C", "import_groups": written, "status": "Active "})[0]
    )


def test_c1_a_mapping_table_without_status_and_switch_has_active_mappings() -> None:
    """But a switch that is configured and empty is not on."""
    bare = {**TABLE, "columns": {"status": None, "import_groups": None}}
    [row] = cleaned("mappings", {"course": "C"}, mappings=bare)
    assert (row["status"], row["import_groups"]) == ("active", "yes")
    [row] = cleaned("mappings", {"course": "C"})
    assert (row["status"], row["import_groups"] == "yes") == (None, False)


def test_c1_the_label_is_the_delivery() -> None:
    """A part that is empty is a hyphen; no module, no label."""
    values = [("M1", "A", "T1"), ("M1 ", None, " T1"), (None, "A", "T1")]
    found = cleaned("groups", *({"module": m, "occurrence": o, "period": p} for m, o, p in values))
    assert [row["label"] for row in found] == ["M1 A T1", "M1 - T1", None]


@pytest.mark.parametrize("dataset", list(REMOTE))
def test_a_table_without_rows_is_cleaned_to_one_without_rows(dataset: str) -> None:
    """With all its columns."""
    assert cleaned(dataset) == []
