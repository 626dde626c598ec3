"""Which assets the sources are: by what is written down, whatever that is."""

from typing import Any

import pytest

from include.groupsync.model.lineage import sources

CMIS = {"connection": "groupsync_cmis", "sql": "groups.sql"}


def test_a_table_or_statement_over_a_connection_is_one_asset() -> None:
    settings = {
        "mappings": {"connection": "groupsync_mappings", "table": "OWNER.MAPPINGS"},
        "groups": CMIS,
        "groupings": CMIS,
    }
    assert sources(settings) == {
        "x-groupsync://source/groupsync_mappings/OWNER.MAPPINGS": ["mappings"],
        "x-groupsync://source/groupsync_cmis/groups.sql": ["groupings", "groups"],
    }


def test_cmis_and_sits_as_they_are_are_one_a_connection() -> None:
    settings = {
        "mappings": {"connection": "m", "sql": "mappings.sql"},
        "native": {"cmis": "groupsync_cmis", "sits": "groupsync_sits"},
        "groups": {},
    }
    assert sources(settings) == {
        "x-groupsync://source/m/mappings.sql": ["mappings"],
        "x-groupsync://source/groupsync_cmis": ["cmis"],
        "x-groupsync://source/groupsync_sits": ["sits"],
    }


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mappings": "none", "groups": None},
        {"groups": {"connection": 3, "sql": []}},
        {"native": {"cmis": None}, "groups": CMIS},
        {"groups": {"connection": "", "table": "T"}},
    ],
)
def test_what_is_not_understood_is_left_out(settings: dict[str, Any]) -> None:
    assert sources(settings) == {}


def test_an_address_is_ascii_whatever_a_table_is_called() -> None:
    [uri] = sources({"groups": {"connection": "c", "table": "Größen/a b"}})
    assert uri == "x-groupsync://source/c/Gr%C3%B6%C3%9Fen%2Fa%20b"
