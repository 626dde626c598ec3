"""What an alert says: fixed words, numbers, the limit and the next step, and nothing that may be a name (W2, W3)."""

from typing import Any

import pytest

from include.groupsync.model.alert import Condition, News, Severity
from include.groupsync.model.verdict import Effect, Observation
from include.groupsync.report.alert import Place, alert_message, notify_type
from include.groupsync.report.trouble import Held, failed_step, not_made, not_released, not_started, tripped

NAME = "Zoltan Quillfeather"
PLACE = Place("production", "https://moodle.example.ac.uk", "T1", "run-1", "https://airflow.example.org/r", "T1")


def trip(rule: str, text: str, stratum: str = "run", effect: Effect = Effect.HOLD, **fields: Any) -> dict[str, Any]:
    made = {"observed": 3.0, "limit": 2.0, "numerator": 3, "denominator": None, "tripped": True, **fields}
    return Observation(rule, fields.pop("subject", "run"), text=text, effect=effect, stratum=stratum, **made).document()


def message_of(*conditions: Condition) -> str:
    message = alert_message(News(new=conditions), PLACE)
    return f"{message.subject}\n{message.text}\n{message.html}"


@pytest.mark.parametrize(
    ("error", "said", "told"),
    [
        (
            "SourceError",
            f"groups: could not be read over connection groupsync_cmis: ORA-01722: invalid number {NAME}.",
            ["extract: a source table could not be read whole", "connection groupsync_cmis", "ORA-01722"],
        ),
        (
            "MoodleRefused",
            f"Moodle refused core_group_add_group_members: invalidparameter: user {NAME}",
            ["core_group_add_group_members was answered with invalidparameter"],
        ),
        ("QualityError", f"groups: expect_x ({NAME}) could not be evaluated", ["a table of the source cannot be used"]),
        (
            "SettingsError",
            f"groupsync.yaml:\n  localuserfield: wrong (found: '{NAME}')",
            ["a setting or a connection is wrong", "localuserfield: wrong"],
        ),
        (
            "SettingsError",
            f"groupsync.yaml:\n  localuserfield: wrong (found: '{NAME}, and so on until it is cu",
            ["localuserfield: wrong"],
        ),
        ("IdentityError", f"Not one:\n!! marker   {NAME}   expected: x\n   ledger  y", ["differs: marker"]),
        ("KeyError", NAME, ["an unexpected error (KeyError)"]),
    ],
)
def test_w3_a_failed_step_is_told_without_what_others_say(error: str, said: str, told: list[str]) -> None:
    found = message_of(failed_step("extract", {"ok": False, "error": error, "message": said}, {"groupsync_cmis"}))
    for text in told:
        assert text in found
    assert "Zoltan" not in found
    assert "Quillfeather" not in found


def test_w2_a_step_that_died_is_told() -> None:
    assert failed_step("apply", None, ()).what == "apply: the task was stopped before its end"


def test_w2_another_source_is_another_cause() -> None:
    def aspects(connection: str) -> frozenset[str]:
        record = {"ok": False, "error": "SourceError", "message": f"connection {connection}: the database refuses"}
        return failed_step("extract", record, {"groupsync_cmis", "groupsync_sits"}).aspects

    assert aspects("groupsync_cmis") != aspects("groupsync_sits")


def test_w2_each_trip_is_told_with_its_limit_and_those_of_courses_are_counted() -> None:
    trips = [
        trip("run_deletes", "groups: 3 to be deleted of 9 managed; limit 2"),
        trip("quarantined", "groups: 3 of 9 keys are in quarantine", limit=0.02),
        trip("volume", "groups: 6 rows, 9 is the median", observed=0.61, limit=0.9, at_least=True),
        trip("in_use", f"group {NAME} of C1 is used by {NAME}'s reading", "course C1", limit=0),
        trip("in_use", f"group {NAME} 2 of C1 is used by a quiz", "course C1", limit=0),
        trip("reclaim", "groups: 3 to become ours", limit=None),
    ]
    found = tripped(trips, Held(3, 1, 0, "https://airflow.example.org/answer"), blocked=False)
    assert found is not None
    assert found.numbers == (
        "run_deletes: groups: 3 to be deleted of 9 managed; limit 2",
        "quarantined: groups: 3 of 9 keys are in quarantine; limit 2%",
        "volume: groups: 6 rows, 9 is the median; 61% of it, at least 90%",
        "reclaim: groups: 3 to become ours; none allowed",
        "in_use: 2 trips in 1 course; none allowed",
    )
    assert (found.severity, found.link) == (Severity.WARNING, "https://airflow.example.org/answer")
    assert "Zoltan" not in message_of(found)


@pytest.mark.parametrize(
    ("trips", "held", "blocked", "severity", "what"),
    [
        (
            [trip("empty", "x", effect=Effect.BLOCK)],
            Held(2, 1),
            False,
            Severity.ERROR,
            "2 deletes in 1 course are held",
        ),
        ([trip("stale", "x")], Held(), False, Severity.WARNING, "a source has stopped"),
        ([trip("volume", "x")], Held(), False, Severity.WARNING, "nothing had to be held"),
        ([trip("unread", "x", effect=Effect.BLOCK)], Held(), True, Severity.CRITICAL, "blocks the run"),
        ([trip("growth", "x")], Held(0, 2, 5), False, Severity.WARNING, "5 changes in 2 courses are held"),
    ],
)
def test_w2_how_bad_a_trip_is(
    trips: list[dict[str, Any]], held: Held, blocked: bool, severity: Severity, what: str
) -> None:
    found = tripped(trips, held, blocked=blocked)
    assert found is not None
    assert found.severity == severity
    assert what in found.what


def test_w2_a_quiet_verdict_is_nothing_to_tell() -> None:
    assert tripped([trip("volume", "x") | {"tripped": False}], Held(), blocked=False) is None
    assert not_made({"done": 3, "deferred": 1}, {}) is None
    assert not_released("REJECTED: this plan was rejected") is None
    assert not_released("SUPERSEDED: another") is None


def test_w2_what_was_not_made_is_counted() -> None:
    found = not_made({"done": 3, "refused": 1, "waiting": 2}, {"refused": 1, "waiting": 2})
    assert found is not None
    assert (found.what, found.numbers) == ("3 of 6 changes were not made", ("1 refused, 2 waiting",))


def test_w2_a_run_that_could_not_start_is_told() -> None:
    class SettingsError(Exception):
        pass

    found = not_started(SettingsError("connection groupsync_cmis is not defined: add it in Airflow"))
    assert found.numbers[0] == "connection groupsync_cmis is not defined: add it in Airflow"


def test_a_message_is_one_line_of_subject_and_its_html_takes_nothing_for_markup() -> None:
    odd = Condition("x", Severity.ERROR, "a\r\nBcc: <b>all</b>", "see", since="2026-10-12T06:00:00+00:00")
    message = alert_message(News(new=(odd,)), PLACE)
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert "<b>" not in message.html
    assert "https://" not in message.html.replace("https://moodle.example.ac.uk", "").replace(PLACE.page, "")
    assert "since: 2026-10-12 06:00 UTC" in message.text


def test_a_chat_service_is_told_how_bad_it_is() -> None:
    assert [notify_type(one) for one in ("over", "summary", "warning", "error", "critical")] == [
        "success", "info", "warning", "failure", "failure",
    ]  # fmt: skip
