"""The impact of an incident's size: what the post-mortem counted by hand, and a page that can still be read."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from include.groupsync.model.change import PLAN
from include.groupsync.model.frames import frame_of
from include.groupsync.model.journal import OUTCOME
from include.groupsync.model.ledger import MANAGED_OBJECTS
from include.groupsync.model.plan import Plan
from include.groupsync.model.scope import DEPARTMENT
from include.groupsync.model.snapshot import SCHEMAS, USE, USERS, Snapshot
from include.groupsync.report.impact import Traces, assess_impact, table_of
from include.groupsync.report.pages import as_csv, impact_page
from include.groupsync.state.history import CREATED

ABOUT = {"run_id": "manual__2021-02-26", "term": "T1", "environment": "production", "reported_at": "2021-02-27"}
EVIL = '"><script>alert(1)</script>&{{7*7}}'


def incident(courses: int, groupings: int, groups: int, members: int, *, done: bool, **more: Any) -> Traces:
    """So many courses of which so many groupings and groups go, with so many members each, as traces."""
    placed = [(kind, at) for kind, count in (("grouping", groupings), ("group", groups)) for at in range(count)]
    objects = [
        {"kind": kind, "moodle_id": 10_000 * (kind == "group") + at + 1, "course": f"COURSE{at % courses:04}",
         "course_id": at % courses + 2, "idnumber": f"{kind.upper()}-{at}", "name": f"Seminar {at} {EVIL[: at % 2]}",
         "terms": "2020-21-T1" if at % 5 else "2020-21-T1 2020-21-T2"}
        for kind, at in placed
    ]  # fmt: skip
    plan = Plan.of(frame_of(
        ({"kind": o["kind"], "action": "delete", "course": o["course"], o["kind"]: o["idnumber"],
          "name_before": o["name"], "rule": "P7", "step": 0} for o in objects), PLAN,
    )).frame  # fmt: skip
    frames: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
    frames["courses"] = [{"course_id": at + 2, "course": f"COURSE{at:04}"} for at in range(courses)]
    for o in objects:
        frames[f"{o['kind']}s"].append(o | {f"{o['kind']}_id": o["moodle_id"]})
    frames["members"] = [
        {"group_id": 10_001 + at, "user_id": (at * 7 + n) % 9000 + 1} for at in range(groups) for n in range(members)
    ]
    frames["links"] = [{"grouping_id": at + 1, "group_id": 10_001 + at} for at in range(min(groupings, groups))]
    outcomes = frame_of(({**row, "outcome": "done"} for row in plan.to_dict("records")), OUTCOME)
    made = [
        {"kind": o["kind"], "moodle_id": o["moodle_id"], "at": "2020-10-05T06:00:00+00:00", "run_id": "scheduled__2020"}
        for o in objects
        if o["moodle_id"] % 10
    ]
    departments = [{"course": f"COURSE{at:04}", "department": f"DEPT{at % 23:02}"} for at in range(courses)]
    return Traces(
        **{
            "plan": plan,
            "held": plan.head(0) if done else plan,
            "outcomes": outcomes if done else None,
            "snapshot": Snapshot(**{name: frame_of(frames[name], schema) for name, schema in SCHEMAS.items()}),
            "users": frame_of(({"user_id": n, "user": f"u{n:05}"} for n in range(1, 9001)), USERS),
            "managed": frame_of(objects, MANAGED_OBJECTS),
            "departments": frame_of(departments, DEPARTMENT),
            "creations": frame_of(made, CREATED),
            "uses": frame_of(_uses(objects), USE),
            "in_scope": 11_000,
            "in_moodle": 14_000,
            **more,
        }
    )


def _uses(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"kind": o["kind"], "moodle_id": o["moodle_id"], "course": o["course"], "how": "restriction", "cmid": at,
         "activity": f"Essay {at} {EVIL}", "module": "assign", "url": f"javascript:alert({at})"}
        for at, o in enumerate(objects) if at % 97 == 0
    ]  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The incident's numbers, after everything was deleted."""
    return ABOUT | assess_impact(incident(323, 1950, 2085, 25, done=True))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1


def test_the_incidents_numbers_come_out(document: dict[str, Any]) -> None:
    """323 courses of 14,000, which is 2.3 %, with 1,950 groupings and 2,085 groups."""
    assert document["courses"]["affected"] == 323
    assert round(document["courses"]["share_of_moodle"], 3) == 0.023
    total = document["total"]
    assert (total["groupings"], total["groups"], total["memberships"]) == (1950, 2085, 2085 * 25)
    assert total["people"] == 9000
    assert total["links"] == 1950
    assert total["in_use"] == 42
    assert document["by_fate"]["done"] == total
    assert len(document["objects"]) == 1950 + 2085


def test_departments_and_terms_add_up(document: dict[str, Any]) -> None:
    """A department has its own courses; an object of two terms counts for both."""
    departments = document["by_department"]
    assert len(departments) == 23
    assert sum(one["courses"] for one in departments) == 323
    assert sum(one["groups"] for one in departments) == 2085
    terms = {one["term"]: one["groups"] for one in document["by_term"]}
    assert terms == {"2020-21-T1": 2085, "2020-21-T2": 417}


def test_the_page_has_every_object_folded_by_course_and_runs_nothing(document: dict[str, Any]) -> None:
    """4,035 objects in 323 courses."""
    page = impact_page(document)
    tags = Tags()
    tags.feed(page)
    assert tags.counts["details"] == 323
    assert tags.counts["tr"] > 4035
    assert {"script", "img", "iframe", "link"} & set(tags.counts) == set()
    assert "323 of 14,000 courses (2.3%) lost something" in page
    assert "49" not in page.partition("</table>")[0]
    assert len(page) < 4_000_000
    assert "u00001" not in page
    assert 'href="javascript' not in page, "whatever Moodle answers"


def test_a_list_that_no_browser_bears_is_cut_and_says_so() -> None:
    """The CSV has all of it."""
    document = ABOUT | assess_impact(incident(50, 0, 10_500, 1, done=False))
    page = impact_page(document)
    assert "more objects; the CSV has all." in page
    assert page.count("held: deleted if approved") < 10_400
    assert len(as_csv(table_of(document)).splitlines()) == 10_501


def test_the_document_is_plain_json(document: dict[str, Any]) -> None:
    """Whatever reads it needs no pandas."""
    assert json.loads(json.dumps(document)) == document


def test_what_was_not_counted_or_read_is_left_out_of_the_page() -> None:
    """Unknown is never empty."""
    traces = incident(3, 2, 4, 2, done=False, uses=None, creations=None, in_scope=None, in_moodle=None)
    document = ABOUT | assess_impact(traces)
    assert document["courses"]["share_of_moodle"] is None
    page = impact_page(document)
    assert "3 courses would lose something" in page
    assert "nothing here means" in page
    assert "When objects were made was not read." in page
    assert {row["in_use"] for row in document["objects"]} == {"not read"}
