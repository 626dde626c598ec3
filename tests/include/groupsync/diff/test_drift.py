"""The ledger against Moodle, without source: what is no longer as last applied, and of what nothing is said."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from include.groupsync.diff.drift import added_by_hand, claimed_by, drift_of
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.ledger import LEDGER, restored
from include.groupsync.model.snapshot import SCHEMAS, Snapshot

T1, T2 = "T1", "T2"
Row = dict[str, Any]
Tables = dict[str, list[Row]]


def applied(terms: str = T1) -> Tables:
    """Two courses, each with a grouping, two groups in it, and two people in each."""
    made: Tables = {"objects": [], "links": [], "memberships": []}
    for course_id in (1, 2):
        base = {"course_id": course_id, "module": None, "terms": terms}
        objects = [("grouping", 10, "S1", "Seminars"), ("group", 20, "G1", "Group 1"), ("group", 30, "G2", "Group 2")]
        for kind, at, key, name in objects:
            row = {"kind": kind, "moodle_id": at + course_id, "course": f"C{course_id}", "idnumber": key, "name": name}
            made["objects"].append({**base, **row, "description": ""})
        for at in (20, 30):
            made["links"].append({**base, "grouping_id": 10 + course_id, "group_id": at + course_id, "gone": False})
            for user_id, user in ((1, "ann"), (2, "bob")):
                made["memberships"].append({**base, "group_id": at + course_id, "user_id": user_id, "user": user})
    return made


def moodle(made: Tables) -> Tables:
    """Moodle as it was applied."""
    found: Tables = {"courses": [{"course_id": at, "course": f"C{at}"} for at in (1, 2)], "unread": []}
    for kind in ("grouping", "group"):
        own = [row for row in made["objects"] if row["kind"] == kind]
        found[f"{kind}s"] = [{**row, f"{kind}_id": row["moodle_id"]} for row in own]
    found["links"] = [{**row, "group_idnumber": "G"} for row in made["links"]]
    found["members"] = [dict(row) for row in made["memberships"]]
    return found


def look(made: Tables, there: Tables, term: str = T1, left_out: Iterable[int] = ()) -> list[Row]:
    ledger = {name: frame_of(made[name], schema) for name, schema in LEDGER.items()}
    snapshot = Snapshot(**{name: frame_of(there.get(name, []), schema) for name, schema in SCHEMAS.items()})
    return rows(drift_of(claimed_by(term, ledger), snapshot, set(left_out)))


def short(found: Iterable[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    parts = ("course", "kind", "grouping", "group", "user", "what")
    return {tuple(row[part] for part in parts if row[part] is not None) for row in found}


# Each edit of Moodle, and what is then said; of different things, so that any of them go together.
def _edit(table: str, key: str, at: int, **fields: Any) -> Any:
    def edit(there: Tables) -> None:
        [row] = [row for row in there[table] if row[key] == at]
        row |= fields

    return edit


def _drop(table: str, **fields: Any) -> Any:
    def edit(there: Tables) -> None:
        there[table] = [row for row in there[table] if any(row[name] != value for name, value in fields.items())]

    return edit


EDITS: list[tuple[Any, set[tuple[str, ...]]]] = [
    (_edit("groups", "group_id", 21, name="Other"), {("C1", "group", "G1", "renamed")}),
    (_edit("groups", "group_id", 22, description="d"), {("C2", "group", "G1", "description changed")}),
    (_edit("groups", "group_id", 31, idnumber="mine"), {("C1", "group", "G2", "ID number changed")}),
    (_edit("groupings", "grouping_id", 11, idnumber=None), {("C1", "grouping", "S1", "ID number taken away")}),
    (_edit("groupings", "grouping_id", 12, name="Other"), {("C2", "grouping", "S1", "renamed")}),
    (_drop("links", grouping_id=11, group_id=31), {("C1", "link", "S1", "G2", "taken out of its grouping")}),
    (_drop("members", group_id=21, user_id=1), {("C1", "membership", "G1", "ann", "no longer a member")}),
    (
        lambda there: [_drop(table, group_id=32)(there) for table in ("groups", "links", "members")],
        {
            ("C2", "group", "G2", "missing"),
            ("C2", "link", "S1", "G2", "gone with what it was in"),
            ("C2", "membership", "G2", "ann", "gone with what it was in"),
            ("C2", "membership", "G2", "bob", "gone with what it was in"),
        },
    ),
]


@pytest.mark.parametrize("seed", range(30))
def test_exactly_what_was_edited_has_drifted(seed: int) -> None:
    """Whatever was, in whatever order the rows come, and whoever else was added; and not in a course left out."""
    chance = random.Random(seed)
    made = applied()
    there, said = moodle(made), set()
    for edit, told in chance.sample(EDITS, chance.randint(0, len(EDITS))):
        edit(there)
        said |= told
    there["members"].append({"group_id": 21, "user_id": 9})
    for table in (*made.values(), *there.values()):
        chance.shuffle(table)
    assert short(look(made, there)) == said
    assert short(look(made, there, left_out=[1])) == {one for one in said if one[0] == "C2"}
    there["unread"] = [{"course_id": 2, "reason": "no entry"}]
    assert short(look(made, there)) == {one for one in said if one[0] == "C1"}


def test_a_moved_group_says_where_it_is_now_and_one_put_back_is_its_hands() -> None:
    made = applied()
    there = moodle(made)
    there["groupings"].append({"course_id": 1, "grouping_id": 19, "idnumber": None, "name": "Theirs"})
    there["links"] = [
        row | {"grouping_id": 19} if (row["grouping_id"], row["group_id"]) == (11, 21) else row
        for row in there["links"]
    ]
    [row] = look(made, there)
    assert (row["what"], row["applied"], row["now"]) == ("moved to another grouping", "S1", "#19")
    for link in made["links"]:
        link["gone"] = link["group_id"] == 32
    assert ("C2", "link", "S1", "G2", "put back by hand") in short(look(made, there))


@pytest.mark.parametrize(
    ("terms", "asked", "counts"), [(T1, T2, False), (f"{T1} {T2}", T2, True), (restored(T1), T1, True), ("", T1, False)]
)
def test_c5_only_what_the_term_claims_is_looked_at(terms: str, asked: str, counts: bool) -> None:
    """A year-long thing is both terms', one that a restore brought back that of the term that had it (J5)."""
    made = applied(terms)
    there = moodle(made)
    there["groups"] = []
    assert bool(look(made, there, asked)) is counts


def test_o4_a_field_that_was_never_applied_has_not_drifted() -> None:
    """What was found in Moodle, and a description whose column is not configured."""
    made = applied()
    there = moodle(made)
    for row in made["objects"]:
        row |= {"name": None, "description": None}
    there["groups"][0]["description"] = "somebody's"
    assert look(made, there) == []


def test_a_course_under_another_key_is_said_once_and_its_things_are_seen() -> None:
    made = applied()
    there = moodle(made)
    there["courses"][0]["course"] = None
    there["groups"] = [row for row in there["groups"] if row["group_id"] != 21]
    found = look(made, there)
    [course] = [row for row in found if row["kind"] == "course"]
    assert (course["course"], course["applied"], course["now"]) == ("C1", "C1", None)
    assert ("C1", "group", "G1", "missing") in short(found)


def told(found: Iterable[Row]) -> list[Row]:
    """The rows without what is null."""
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def test_a_row_of_an_object_says_what_it_was_and_is_and_by_which_key_a_plan_names_it() -> None:
    """Sorted by course, kind and keys; what has no idnumber is named by its id."""
    made = applied()
    there = moodle(made)
    _edit("groups", "group_id", 21, name="Other")(there)
    _edit("groups", "group_id", 31, idnumber=" ", description="text")(there)
    _drop("groupings", grouping_id=11)(there)
    _drop("links", grouping_id=11)(there)
    for row in made["objects"]:
        row["module"] = "M1"
    made["links"] = made["memberships"] = []
    group = {"course": "C1", "course_id": 1, "module": "M1", "kind": "group"}
    second = {**group, "group": "G2", "at_group": "#31", "moodle_id": 31}
    named = {"group": "G1", "at_group": "G1", "moodle_id": 21, "applied": "Group 1", "now": "Other"}
    gone = {"kind": "grouping", "what": "missing", "grouping": "S1", "moodle_id": 11, "applied": "Seminars"}
    assert told(look(made, there)) == [
        {**group, **named, "what": "renamed"},
        {**second, "what": "ID number taken away", "applied": "G2"},
        {**second, "what": "description changed", "applied": "", "now": "text"},
        {"course": "C1", "course_id": 1, "module": "M1", **gone},
    ]


def test_a_row_of_a_link_says_where_the_group_is_now() -> None:
    """In groupings that the run did not put it into; not in another one of ours, and nothing of one that somebody had
    taken out before its grouping went."""
    made = applied()
    there = moodle(made)
    made["objects"] = [row for row in made["objects"] if row["course_id"] == 1]
    made["links"] = [{**row, "module": "M1"} for row in made["links"] if row["course_id"] == 1]
    made["links"].append({**made["links"][0], "grouping_id": 18, "group_id": 21})
    made["memberships"] = []
    more = [(19, None), (17, "T"), (18, "S8")]
    there["groupings"] += [
        {"course_id": 1, "grouping_id": at, "idnumber": key, "name": f"N{at}", "description": ""} for at, key in more
    ]
    link = {"group_idnumber": "G"}
    there["links"] = [{**link, "grouping_id": at, "group_id": 21} for at in (17, 18, 19)]
    base = {"course": "C1", "course_id": 1, "module": "M1", "kind": "link", "grouping": "S1", "grouping_id": 11}
    moved = {**base, "group": "G1", "moodle_id": 21, "at_grouping": "S1", "at_group": "G1", "applied": "S1"}
    out = {**base, "group": "G2", "moodle_id": 31, "at_grouping": "S1", "at_group": "G2", "applied": "S1"}
    assert told(look(made, there)) == [
        {**moved, "what": "moved to another grouping", "now": "#19, T"},
        {**out, "what": "taken out of its grouping"},
    ]
    for row in made["links"]:
        row["gone"] = True
    there["links"] = [{**link, "grouping_id": 11, "group_id": 31}]
    put_back = {name: value for name, value in out.items() if name != "applied"}
    assert told(look(made, there))[:2] == [
        {**moved, "what": "taken out of its grouping"},
        {**put_back, "what": "put back by hand", "now": "S1"},
    ]
    assert len(look(made, there)) == 3
    there["groupings"] = [row for row in there["groupings"] if row["grouping_id"] != 18]
    assert len(look(made, there)) == 2, "somebody had taken it out before its grouping went"


def test_a_row_of_a_member_names_the_group_as_it_was_and_is() -> None:
    """Also of a group that the ledger does not have, or nobody has any more, in a course without a key."""
    made = applied()
    there = moodle(made)
    _edit("groups", "group_id", 21, idnumber="mine")(there)
    there["members"] = []
    made["links"] = []
    made["memberships"] = [{**row, "module": "M1"} for row in made["memberships"] if row["user"] == "ann"][:1]
    own = {"course": "C1", "course_id": 1, "kind": "membership", "user": "ann", "module": "M1", "moodle_id": 21}
    left = {**own, "what": "no longer a member", "at_group": "mine"}
    assert told(look(made, there))[1:] == [{**left, "group": "G1", "applied": "G1"}]
    made["objects"] = []
    assert told(look(made, there)) == [{**left, "group": "mine", "applied": "mine"}]
    there["groups"], there["courses"][0]["course"] = [], None
    gone = {**own, "course": "#1", "what": "gone with what it was in", "group": "#21", "applied": "#21"}
    assert told(look(made, there)) == [gone]


def test_a_course_of_which_things_were_applied_under_two_keys_is_said_once() -> None:
    made = applied()
    there = moodle(made)
    made["objects"][0]["course"], made["objects"][1]["course"] = "OLD", "OLDER"
    [course] = told(look(made, there))
    said = {"kind": "course", "course": "OLD", "course_id": 1, "what": "course has another key"}
    assert course == {**said, "applied": "OLD", "now": "C1"}


def test_what_somebody_added_is_counted_and_another_terms_is_not() -> None:
    made = applied()
    there = moodle(made)
    there["members"] += [{"group_id": 21, "user_id": 9}, {"group_id": 99, "user_id": 9}]
    ledger = {name: frame_of(made[name], schema) for name, schema in LEDGER.items()}
    snapshot = Snapshot(**{name: frame_of(there.get(name, []), schema) for name, schema in SCHEMAS.items()})
    assert added_by_hand(ledger, snapshot) == {"memberships": 1, "links": 0}
