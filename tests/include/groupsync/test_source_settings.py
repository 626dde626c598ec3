"""The settings of a university whose tables are derived from CMIS and SITS."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.errors import SettingsError
from include.groupsync.model.kind import Kind
from include.groupsync.settings import Settings, load_settings

TABLE = {"connection": "cmis", "table": "T"}
NATIVE: dict[str, Any] = {
    "mappings": TABLE,
    "native": {"cmis": "cmis", "sits": "sits"},
    "groups": {},
    "memberships": {},
}


def load(tmp_path: Path, **changed: Any) -> Settings:
    path = tmp_path / "groupsync.yaml"
    path.write_text(yaml.safe_dump(NATIVE | changed), encoding="utf-8")
    return load_settings(path)


def test_native_tables_have_their_columns_and_connections(tmp_path: Path) -> None:
    """Groups name a grouping only where groupings are on; what becomes of what vanishes is still said (rule O3)."""
    settings = load(tmp_path, memberships={"on_vanish": "keep"})
    assert settings.source_connections == ["cmis", "sits"]
    assert settings.kinds == {Kind.GROUP, Kind.MEMBERSHIP}
    assert settings.memberships is not None
    assert settings.memberships.on_vanish == "keep"
    assert settings.memberships.columns.delivery == ("module", "occurrence", "period")
    assert Kind.LINK in load(tmp_path, groupings={}).kinds


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"groups": TABLE}, "groups.connection: with 'native' this table is derived; write 'groups: {}'"),
        ({"mappings": "none"}, "native: CMIS and SITS know no courses of Moodle"),
        ({"localgroupfield": "name"}, "localgroupfield: with 'native' it is 'idnumber'"),
        ({"native": {"sits": "sits"}}, "native.cmis: Field required"),
        ({"native": {"cmis": "c", "left": ["L"]}}, "name its connection as 'sits'"),
        ({"native": {"cmis": "c", "groupings": "session_type"}}, "native: give 'session_types'"),
        ({"mappings": {**TABLE, "columns": {"period": None}}}, "mappings.columns.period is not"),
    ],
)
def test_what_does_not_go_with_native_is_said(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    """With the key and what to write."""
    with pytest.raises(SettingsError, match=re.escape(words)):
        load(tmp_path, **changed)
