"""Whether the five names of an environment are one (rules I1 to I3)."""

from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.model.identity import Answers, compare, differing, table

SITE = "https://moodle.example.ac.uk"
EXPECTED = (SITE, {"cmis": "oracle CMIS service cmis"})
GOOD = Answers(
    databases={"cmis": "oracle CMIS service cmis"},
    stamps={},
    ledger=("production", "d-1"),
    moodle_connection=SITE,
    moodle_site=SITE,
    marker=("production", "d-1"),
)
LOCAL = "http://127.0.0.1:8081"
SAMPLE = Answers(
    databases={},
    stamps={"cmis": "sandbox"},
    ledger=("sandbox", "d-1"),
    moodle_connection=LOCAL,
    moodle_site=LOCAL,
    marker=("sandbox", "d-1"),
)


def wrong(answers: Answers, environment: str = "production", expected: Any = EXPECTED) -> list[str]:
    return [side.name for side in compare(environment, expected, answers) if not side.agrees]


def test_i1_five_names_that_are_one_agree() -> None:
    """A slash at the end of an address makes no other site."""
    assert wrong(GOOD) == []
    slashed = replace(GOOD, moodle_connection=f"{SITE}/")
    assert wrong(slashed, expected=(f"{SITE}/", EXPECTED[1])) == []


@pytest.mark.parametrize(
    ("different", "side"),
    [
        ({"databases": {"cmis": "oracle CMISUAT service cmis"}}, "source cmis"),
        ({"databases": {"cmis": "no identity (permission denied)"}}, "source cmis"),
        ({"ledger": ("uat", "d-1")}, "ledger"),
        ({"moodle_site": "https://uat.example.ac.uk"}, "Moodle"),
        ({"moodle_connection": "https://uat.example.ac.uk"}, "Moodle"),
        ({"moodle_connection": SITE.upper()}, "Moodle"),
        ({"marker": ("uat", "d-1")}, "marker"),
        ({"marker": ("production", "d-2")}, "marker"),
        ({"marker": "no marker: arm the site"}, "marker"),
    ],
)
def test_i1_each_side_that_differs_alone_is_named(different: dict[str, Any], side: str) -> None:
    """The message has to say which of the five to correct."""
    assert wrong(replace(GOOD, **different)) == [side]


def test_i1_another_deployment_differs_from_everything_that_it_does_not_own() -> None:
    """A copy of production that calls itself ``uat`` meets production's ledger and marker."""
    assert wrong(GOOD, environment="uat", expected=EXPECTED) == ["ledger", "marker"]


@pytest.mark.parametrize("environment", ["", "staging"])
def test_i1_an_environment_that_is_not_set_or_not_configured_agrees_with_nothing(environment: str) -> None:
    """Not set is never taken for whatever the others say."""
    names = wrong(GOOD, environment=environment, expected=None)
    assert {"deployment", "source cmis", "ledger", "Moodle", "marker"} == set(names)


def test_i1_a_database_that_the_environment_does_not_list_differs() -> None:
    """A connection somebody added is not waved through."""
    more = replace(GOOD, databases={**GOOD.databases, "extra": "sqlite sandbox"})
    assert wrong(more) == ["source extra"]


def test_i1_a_ledger_without_stamp_differs_and_so_does_the_marker() -> None:
    """Without a stamp there is no deployment that the marker could name."""
    assert wrong(replace(GOOD, ledger=None)) == ["ledger", "marker"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_sandbox_takes_a_moodle_on_this_machine(host: str) -> None:
    """Whatever its port."""
    site = f"http://{host}:8081"
    assert wrong(replace(SAMPLE, moodle_connection=site, moodle_site=site), "sandbox", None) == []


@pytest.mark.parametrize(
    "site", [SITE, "http://127.0.0.1.example.com", "http://localhost@example.com", "http://10.0.0.1", "127.0.0.1", ""]
)
def test_the_sandbox_takes_no_other_moodle(site: str) -> None:
    """Generated sources never reach a real site, not even one whose name begins like the loopback."""
    assert "Moodle" in wrong(replace(SAMPLE, moodle_connection=site, moodle_site=site), "sandbox", None)


@pytest.mark.parametrize("stamp", [None, "production"])
def test_the_sandbox_takes_only_sources_that_were_stamped(stamp: str | None) -> None:
    """A real table has no such stamp."""
    assert wrong(replace(SAMPLE, stamps={"cmis": stamp}), "sandbox", None) == ["source cmis"]


def test_the_sandbox_takes_no_site_reached_under_another_name() -> None:
    """The connection and what the site answers are one."""
    assert wrong(replace(SAMPLE, moodle_connection=SITE), "sandbox", None) == ["Moodle"]


def test_i3_the_message_lists_all_sides_and_marks_the_wrong_ones() -> None:
    """At night a person reads one table."""
    sides = compare("production", EXPECTED, replace(GOOD, ledger=("uat", "d-1")))
    lines = table(sides).splitlines()
    assert len(lines) == 5
    assert [line.split()[1] for line in lines if line.startswith("!!")] == ["ledger"]
    assert "expected: production" in table(sides)
    assert differing(sides) == ["ledger says uat, expected production"]
