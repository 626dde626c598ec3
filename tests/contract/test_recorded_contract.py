"""The recorded contract of a real Moodle 4.5.6, replayed against a fresh stand-in over real HTTP."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.moodle import RunningSite, create_site, running
from sandbox.moodle.coursework import add_activities, set_sections
from sandbox.moodle.database import Database, connect

CASES = {"moodle-contract.jsonl": 314, "moodle-contract-in-use.jsonl": 109}
PLACEHOLDER = re.compile(r"\{\{([^}]+)\}\}")
QUOTED = re.compile(r'"\{\{([^}]+)\}\}"')
OMIT = "{{omit}}"

Names = dict[str, Any]


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debugging"])
@pytest.mark.parametrize("recording", CASES)
def test_every_recorded_case_is_answered_as_recorded(tmp_path: Path, recording: str, debug: bool) -> None:
    create_site(tmp_path / "site.sqlite")
    lines = Path(__file__).with_name(recording).read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    names: Names = {}
    found = {}
    with running(tmp_path / "site.sqlite", debug=debug) as site, requests.Session() as session:
        for case in cases:
            if "arrange" in case:
                arrange(tmp_path / "site.sqlite", case["arrange"], names)
                found[case["case"]] = []
            else:
                found[case["case"]] = list(differences(session, site, case, names, debug))
    assert len(found) == CASES[recording]
    assert "\n".join(f"{case} {line}" for case, lines in found.items() for line in lines) == ""


def arrange(path: Path, items: list[dict[str, Any]], names: Names) -> None:
    """Do what was done with Moodle's forms, item by item, and keep the ids under the names that they give."""
    database = Database(connect(path))
    with database.transaction():
        for item in items:
            ((kind, wanted),) = item.items()
            filled = json.loads(QUOTED.sub(lambda found: str(names[found[1]]), json.dumps(wanted)))
            put = add_activities if kind == "activity" else set_sections
            (names[wanted["as"]],) = put(database, [filled])
    database.close()


def differences(
    session: requests.Session, site: RunningSite, case: dict[str, Any], names: Names, debug: bool
) -> Iterator[str]:
    """What differs between one recorded answer and the stand-in's."""
    form = {name: value for name, value in form_of(case, site, names) if value != OMIT}
    url = f"{site.url}/webservice/rest/server.php"
    if case["method"] == "GET":
        reply = session.get(url, params=form, timeout=30)
    else:
        reply = session.post(url, data=form, timeout=30)
    try:
        answer = reply.json()
    except ValueError:
        answer = {"__text__": reply.text[:2000]}
    if reply.status_code != case["http_status"]:
        yield f"status {reply.status_code}"
    if reply.headers["content-type"] != case["content_type"]:
        yield f"content type {reply.headers['content-type']}"
    for name, path in case["bind"].items():
        names[name] = value_at(answer, path)
    expected = case.get("response_debug", case["response"]) if debug else case["response"]
    yield from compare(expected, answer, names, "$")


def form_of(case: dict[str, Any], site: RunningSite, names: Names) -> list[tuple[str, str]]:
    """The form variables in the order they were sent: Moodle cuts off what comes last."""
    form = {"moodlewsrestformat": "json"}
    if case["token"] != "none":
        form["wstoken"] = "0" * 32 if case["token"] == "invalid" else site.tokens[case["token"]]
    if case["function"]:
        form["wsfunction"] = case["function"]
    form |= {name: fill(str(value), names) for name, value in case["params"].items()}
    repeat = case.get("repeat")
    if repeat:
        count, params = repeat["count"], repeat["params"]
        cells = [(i, name) for i in range(count) for name in params]
        if repeat.get("columns"):
            cells = [(i, name) for name in params for i in range(count)]
        for i, name in cells:
            form[name.replace("{i}", str(i))] = fill(params[name].replace("{i}", str(i)), names)
    return list(form.items())


def fill(text: str, names: Names) -> str:
    return PLACEHOLDER.sub(lambda found: OMIT if found[0] == OMIT else str(names[found[1]]), text)


def value_at(answer: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        answer = answer[int(part)] if isinstance(answer, list) else answer[part]
    return answer


def compare(expected: Any, answer: Any, names: Names, path: str) -> Iterator[str]:
    """Every difference with the path to it."""
    if expected == "{{any}}":
        return
    if isinstance(expected, str):
        whole = PLACEHOLDER.fullmatch(expected)
        if whole and str(names[whole[1]]) == str(answer):
            return
        expected = PLACEHOLDER.sub(lambda found: str(names[found[1]]), expected)
    if isinstance(expected, dict) and set(expected) == {"__items__"} and isinstance(answer, list):
        expected, answer = expected["__items__"], len(answer)
    if isinstance(expected, dict) and isinstance(answer, dict):
        yield from compare_keys(expected, answer, names, path)
    elif isinstance(expected, list) and isinstance(answer, list):
        if len(expected) != len(answer):
            yield f"{path}: {len(answer)} items, not {len(expected)}"
        for i, (one, other) in enumerate(zip(expected, answer, strict=False)):
            yield from compare(one, other, names, f"{path}[{i}]")
    elif type(expected) is not type(answer) or expected != answer:
        yield f"{path}: {answer!r:.200}, not {expected!r:.200}"


def compare_keys(expected: dict[str, Any], answer: dict[str, Any], names: Names, path: str) -> Iterator[str]:
    for key in expected.keys() ^ answer.keys():
        yield f"{path}.{key}: {'missing' if key in expected else 'unexpected'}"
    for key in expected.keys() & answer.keys():
        if key != "debuginfo":  # SQL text and values: only that it is there counts
            yield from compare(expected[key], answer[key], names, f"{path}.{key}")
