"""Who may see what is restricted, and what is said of it, beyond the recorded cases."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.moodle.availability import Person, judge
from sandbox.moodle.coursework import add_activities, set_sections
from sandbox.moodle.database import Database, connect
from tests.sandbox.moodle.conftest import Client

HISTORY, ANN, BOB = 2, 6, 7


class Judged:
    """The history course with group A, in grouping P, that Ann is in, and group B that nobody is in."""

    def __init__(self, client: Client, database: Path):
        self.a, self.b = (client.group(HISTORY, f"Group {name}")["id"] for name in "AB")
        self.p = client.grouping(HISTORY, "Grouping P")["id"]
        client.call("core_group_assign_grouping", assignments=[{"groupingid": self.p, "groupid": self.a}])
        client.call("core_group_add_group_members", members=[{"groupid": self.a, "userid": ANN}])
        self._database = database

    def judge(self, tree: Any, userid: int = ANN, **more: Any) -> tuple[bool, str]:
        with closing(Database(connect(self._database))) as database:
            person = Person(database, userid, HISTORY, accesses_all_groups=more.pop("everything", False))
            found = judge(person, tree, visible=more.pop("visible", True), **more)
        return found.available, found.reason


@pytest.fixture
def judged(client: Client, database: Path) -> Judged:
    return Judged(client, database)


def tree(op: str, *children: str, show: str = "true") -> str:
    shown = f'"show":{show}' if op in ("|", "!&") else f'"showc":[{",".join([show] * len(children))}]'
    return f'{{"op":"{op}","c":[{",".join(children)}],{shown}}}'


def in_group(moodle_id: int) -> str:
    return f'{{"type":"group","id":{moodle_id}}}'


def in_grouping(moodle_id: int) -> str:
    return f'{{"type":"grouping","id":{moodle_id}}}'


@pytest.mark.parametrize(
    ("op", "ann", "bob"),
    [("&", False, False), ("|", True, False), ("!&", True, True), ("!|", False, True)],
)
def test_each_operator_means_what_it_says(judged: Judged, op: str, ann: bool, bob: bool) -> None:
    """All of, any of, not all of, none of: Ann is in A and not in B, Bob in neither."""
    restriction = tree(op, in_group(judged.a), in_group(judged.b))
    assert (judged.judge(restriction, ANN)[0], judged.judge(restriction, BOB)[0]) == (ann, bob)


def test_the_groups_of_a_grouping_let_in(judged: Judged) -> None:
    restriction = tree("&", in_grouping(judged.p))
    assert judged.judge(restriction, ANN) == (True, "")
    assert judged.judge(restriction, BOB) == (
        False,
        "Not available unless: You belong to a group in <strong>Grouping P</strong>",
    )


def test_a_negation_turns_the_sentence_round(judged: Judged) -> None:
    inner = f'{{"op":"!&","c":[{in_group(judged.a)}]}}'
    expected = "Not available unless: You do not belong to <strong>Group A</strong>"
    assert judged.judge(tree("&", inner), ANN) == (False, expected)


def test_who_may_access_all_groups_meets_even_a_negated_condition(judged: Judged) -> None:
    assert judged.judge(tree("!|", in_group(judged.a)), ANN, everything=True) == (True, "")


def test_other_conditions_count_as_met(judged: Judged) -> None:
    assert judged.judge(tree("&", '{"type":"date","d":">=","t":4102444800}'), BOB) == (True, "")


@pytest.mark.parametrize("hides", ["the eye of the condition", "the activity is hidden"])
def test_what_is_hidden_gives_no_reason(judged: Judged, hides: str) -> None:
    shown = "false" if hides == "the eye of the condition" else "true"
    restriction = tree("&", in_group(judged.b), show=shown)
    assert judged.judge(restriction, ANN, visible=shown == "false") == (False, "")


def test_an_own_grouping_that_is_gone_shuts_the_activity(judged: Judged) -> None:
    restriction = tree("&", '{"type":"grouping","activity":true}')
    assert judged.judge(restriction, ANN, own_groupingid=judged.p) == (True, "")
    assert judged.judge(restriction, ANN, own_groupingid=0) == (False, "")


def test_several_conditions_become_a_list(judged: Judged) -> None:
    available, reason = judged.judge(tree("|", in_group(judged.b), in_grouping(judged.p)), BOB)
    assert not available
    assert reason.startswith("Not available unless any of:\n<ul ")
    assert reason.index("<strong>Group B</strong>") < reason.index("<strong>Grouping P</strong>")


def test_activities_stand_in_the_order_they_were_added(client: Client, database: Path) -> None:
    """Each in its section; sections that a course does not have yet are made."""
    with closing(Database(connect(database))) as site, site.transaction():
        set_sections(site, [{"course": HISTORY, "section": 2}])
        usual = {"course": HISTORY, "module": "page"}
        add_activities(site, [{**usual, "name": "b", "section": 2}, {**usual, "name": "a", "section": 2}])
    sections = client.call("core_course_get_contents", courseid=HISTORY)
    assert [(section["section"], [module["name"] for module in section["modules"]]) for section in sections] == [
        (0, ["Announcements"]),
        (1, []),
        (2, ["b", "a"]),
    ]
    [file] = sections[2]["modules"][0]["contents"]
    assert file["fileurl"].startswith(f"{client.site.url}/webservice/pluginfile.php/")
