"""Alerts and assets through Airflow: its notifiers and connections, a real mail server, a real receiver (W2, W3)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from include.groupsync.model.lineage import MOODLE, PLAN
from include.groupsync.steps import STEPS
from tests.dags.conftest import SYNC, Probe, connections
from tests.sinks import MailServer, Receiver, body, mail_server, receiver
from tests.world import SOURCE, TERM1, World, closed_port

pytestmark = [pytest.mark.slow, pytest.mark.alone]
TEAM, BOSS = "team@example.ac.uk", "boss@example.ac.uk"
MESSAGE = {"level": "error", "subject": "Gruß {{ ti }}", "text": "plain {{ ti }} ü", "html": "<p>rich {{ ti }} ü</p>"}
MAIL: dict[str, Any] = {"mail": "groupsync_mail", "to": [TEAM, BOSS]}
CHAT = {"apprise": "groupsync_chat"}
SOURCES = {
    f"x-groupsync://source/{SOURCE}/remote_{name}" for name in ("mappings", "groupings", "groups", "memberships")
}


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def conn(mails: MailServer | None = None, chat: Receiver | None = None) -> dict[str, str]:
    return {
        **({"AIRFLOW_CONN_GROUPSYNC_MAIL": mails.connection} if mails else {}),
        **({"AIRFLOW_CONN_GROUPSYNC_CHAT": chat.connection} if chat else {}),
    }


def send(probe: Probe, channel: dict[str, Any], environment: dict[str, str]) -> dict[str, str]:
    return probe.ask(send={"channel": channel, "message": MESSAGE}, environment=environment)


def test_w2_a_mail_has_both_parts_and_names_are_no_templates(probe: Probe, mails: MailServer) -> None:
    assert send(probe, MAIL, conn(mails)) == {}
    assert [who for who, _ in mails.mails] == [TEAM, BOSS], "a mail each: a refusal of one is heard"
    mail = mails.mails[0][1]
    assert (mail["Subject"], mail["To"], mail["From"]) == ("Gruß {{ ti }}", TEAM, "groupsync@example.ac.uk")
    assert (mail.get_content_type(), mail["Auto-Submitted"]) == ("multipart/alternative", "auto-generated")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert body(mail, "plain").strip() == MESSAGE["text"]
    assert body(mail, "html").strip() == MESSAGE["html"]


def test_w2_a_refused_address_is_told_without_naming_it(probe: Probe, mails: MailServer) -> None:
    mails.refuses = {BOSS}
    [(recipient, error)] = send(probe, MAIL, conn(mails)).items()
    assert BOSS in recipient
    assert "connection groupsync_mail: an alert could not be sent to number 2 of its 'to'" in error
    assert "550" in error
    assert "boss" not in error
    assert [who for who, _ in mails.mails] == [TEAM]


def test_w2_a_service_that_does_not_take_it_is_told(probe: Probe, chat: Receiver) -> None:
    """Airflow's own notifier would say nothing."""
    assert send(probe, CHAT, conn(chat=chat)) == {}
    assert [(one["title"], one["message"], one["type"]) for one in chat.posts] == [
        (MESSAGE["subject"], MESSAGE["text"], "failure")
    ]
    chat.answers = 503
    [error] = send(probe, CHAT, conn(chat=chat)).values()
    assert "connection groupsync_chat: an alert could not be sent to its service: the service did not take" in error
    assert "clear this task" in error
    assert "T0PSECRET" not in probe.words


@pytest.mark.parametrize(
    ("channel", "connection", "expected"),
    [
        ({"mail": "groupsync_none", "to": [TEAM]}, None, "add it in Airflow under Admin, Connections"),
        ({"apprise": "groupsync_none"}, None, "add it in Airflow under Admin, Connections"),
        ({"apprise": "groupsync_odd"}, {"conn_type": "apprise"}, "its extra has no 'config'"),
        (
            {"apprise": "groupsync_odd"},
            {"conn_type": "apprise", "extra": {"config": {"path": "nosuch://T0PSECRET"}}},
            "no address that Apprise knows",
        ),
        (
            {"mail": "groupsync_odd", "to": [TEAM]},
            {"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "extra": {"disable_ssl": True, "disable_tls": True}},
            "could not be sent to number 1 of its 'to'",
        ),
    ],
)
def test_w2_a_connection_that_is_wrong_is_named_with_the_next_step(
    probe: Probe, channel: dict[str, Any], connection: dict[str, Any] | None, expected: str
) -> None:
    environment = {"AIRFLOW_CONN_GROUPSYNC_ODD": json.dumps(connection)} if connection else {}
    [error] = send(probe, channel, environment).values()
    assert f"connection {channel.get('mail') or channel['apprise']}:" in error
    assert expected in error
    assert "T0PSECRET" not in error + probe.words


def test_w2_a_dead_mail_server_makes_the_alert_red_and_nothing_else(
    probe: Probe, world: World, mails: MailServer, chat: Receiver
) -> None:
    """First with nothing to tell but the summary, which the receiver does not get; then with something, to both."""
    world.configure(alerts={"channels": [MAIL, CHAT], "run_summary": "daily"})
    port, mails.port = mails.port, closed_port()
    run = probe.run(world, **conn(mails, chat))
    assert (run["state"], run["tasks"]) == (
        "failed",
        {**dict.fromkeys(STEPS, "success"), "alert": "failed", "succeeded": "success"},
    )
    assert world.moodle.members("C1") == {"G1": {"ann"}}
    assert "connection groupsync_mail: an alert could not be sent to number 1 of its 'to'" in probe.words
    assert run["assets"].keys() == {*SOURCES, PLAN, MOODLE}
    of_groups = run["assets"][f"x-groupsync://source/{SOURCE}/remote_groups"]
    assert of_groups["rows"] == {"groups": 1}
    assert len(of_groups["sha256"]["groups"]) == 64
    assert run["assets"][PLAN]["changes"]["group"] == {"create": 1, "update": 0, "delete": 0}
    assert run["assets"][MOODLE]["written"] == 2
    assert run["assets"][MOODLE]["plan"] == run["assets"][PLAN]["released"]["digest"]
    for extra in run["assets"].values():
        assert (extra["term"], extra["environment"]) == (TERM1, "sandbox")
        assert extra["page"].endswith("/plugin/sync-report")
        assert run["run_id"].partition(":")[0] in extra["page"]

    mails.port = port
    world.source.execute("ALTER TABLE remote_groups RENAME TO gone")
    run = probe.run(world, **conn(mails, chat))
    assert (run["state"], run["tasks"]["outcome"], run["tasks"]["alert"]) == ("failed", "failed", "success")
    assert run["assets"] == {}
    subjects = [(who, mail["Subject"]) for who, mail in mails.mails]
    told = f"groupsync sandbox: ERROR {TERM1}: extract: a source table could not be read whole"
    summary = f"groupsync sandbox: {TERM1}: failed at extract"
    assert subjects == [(TEAM, told), (BOSS, told), (TEAM, summary), (BOSS, summary)]
    assert [one["title"] for one in chat.posts] == [told]
    text = body(mails.mails[0][1], "plain")
    assert f"http://127.0.0.1:{probe.port}/dags/{SYNC}/runs/" in text
    assert f"Moodle: {world.url}" in text
    assert not {"ann", "Ann"} & set(text.split())


def test_w2_settings_that_are_wrong_are_told_too(probe: Probe, world: World, mails: MailServer) -> None:
    """The section of the alerts is read alone; once, and once when it is over."""
    world.configure(alerts={"channels": [{**MAIL, "to": [TEAM]}]})
    environment = connections(world) | conn(mails)
    wrong = (world.folder / "groupsync.yaml").read_text(encoding="utf-8") + "\ngruops: {}\n"
    (world.folder / "wrong.yaml").write_text(wrong, encoding="utf-8")
    for _ in range(2):
        run = probe.run(world, **environment | {"GROUPSYNC_SETTINGS": str(world.folder / "wrong.yaml")})
        assert (run["state"], run["tasks"]["alert"]) == ("failed", "success"), probe.last_words
    [(who, mail)] = mails.mails
    assert (who, mail["Subject"]) == (
        TEAM,
        "groupsync sandbox: ERROR start: the run could not start: a setting or a connection is wrong",
    )
    assert "gruops: unknown key" in body(mail, "plain")
    assert probe.run(world, **environment)["state"] == "success"
    assert [mail["Subject"].split(":")[1].split()[0] for _, mail in mails.mails] == ["ERROR", "OVER"]
