"""The settings' section on alerts: who gets what, over which connection."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.groupsync.alert_settings import Alerts
from include.groupsync.errors import SettingsError
from include.groupsync.settings import load_alerts, load_settings

MAIL = {"mail": "groupsync_mail", "to": ["team@example.ac.uk"]}


def loaded(tmp_path: Path, **section: Any) -> Alerts:
    path = tmp_path / "groupsync.yaml"
    path.write_text(yaml.safe_dump({"alerts": section}), encoding="utf-8")
    return load_alerts(path)


def test_nobody_is_told_anything_by_default(tmp_path: Path) -> None:
    assert loaded(tmp_path) == Alerts()
    assert (Alerts().channels, Alerts().run_summary) == ((), "off")


def test_mail_gets_everything_and_a_service_all_but_summaries_unless_told(tmp_path: Path) -> None:
    mail, chat = loaded(tmp_path, channels=[MAIL, {"apprise": "chat"}]).channels
    assert mail.gets == ("warning", "error", "critical", "summary")
    assert chat.gets == ("warning", "error", "critical")
    [only] = loaded(tmp_path, channels=[{**MAIL, "gets": ["critical"]}]).channels
    assert only.gets == ("critical",)


def test_a_bare_off_is_off(tmp_path: Path) -> None:
    """YAML reads it as false."""
    path = tmp_path / "groupsync.yaml"
    path.write_text("alerts:\n  run_summary: off\n", encoding="utf-8")
    assert load_alerts(path).run_summary == "off"


def test_the_rest_of_the_file_may_be_wrong(tmp_path: Path) -> None:
    """Somebody has to be told that it is."""
    path = tmp_path / "groupsync.yaml"
    path.write_text(yaml.safe_dump({"gruops": {}, "alerts": {"channels": [MAIL]}}), encoding="utf-8")
    assert len(load_alerts(path).channels) == 1
    with pytest.raises(SettingsError):
        load_settings(path)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"channels": [{"to": ["a@b"]}]}, "name one connection"),
        ({"channels": [{**MAIL, "apprise": "x"}]}, "name one connection"),
        ({"channels": [{"mail": "m"}]}, "'mail' needs 'to'"),
        ({"channels": [{"apprise": "x", "to": ["a@b"]}]}, "'to' goes with 'mail'"),
        ({"channels": [{**MAIL, "to": ["a@b", "Zoltan Quillfeather"]}]}, "number 2 is no mail address"),
        ({"channels": [{**MAIL, "to": ["a@b", "a@b"]}]}, "stands there twice"),
        ({"channels": [MAIL, MAIL]}, "two channels send to one address"),
        ({"channels": [{**MAIL, "gets": ["everything"]}]}, "alerts.channels.0.gets.0"),
        ({"run_summary": "daily"}, "no channel gets 'summary'"),
        ({"run_summary": "weekly", "channels": [MAIL]}, "alerts.run_summary"),
        ({"chanels": []}, "unknown key"),
    ],
)
def test_what_is_wrong_is_named_without_anybodys_address(
    tmp_path: Path, section: dict[str, Any], expected: str
) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, **section)
    assert expected in str(error.value)
    assert "found:" not in str(error.value)
    assert "Zoltan" not in str(error.value)
