"""What Moodle holds now: its cached lists are not believed (rules K1, K3, O3, A2)."""

import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.errors import MoodleRefused
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import SCHEMAS, Snapshot
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import ObjectsNow, find_users, read_course_keys, read_snapshot
from include.groupsync.moodle.writer import MoodleWriter
from sandbox.moodle import RunningSite
from tests.include.groupsync.moodle.conftest import CHEM, HIDDEN, HIST, client_of

NOBODY: dict[int, list[int]] = {}


def group(name: str, idnumber: str = "", course: int = HIST) -> dict[str, Any]:
    return {"courseid": course, "name": name, "description": "", "idnumber": idnumber}


def read(client: MoodleClient, *idnumbers: str, groups: Any = None, groupings: Any = None, **more: Any) -> Snapshot:
    everywhere = read_course_keys(client, "idnumber")
    wanted = everywhere[everywhere["course"].isin(list(idnumbers))].reset_index(drop=True)
    options: dict[str, Any] = {"user_field": "username", "with_people": True} | more
    return read_snapshot(client, wanted, known_groups=groups or NOBODY, known_groupings=groupings or NOBODY, **options)


@pytest.fixture
def writer(client: MoodleClient) -> MoodleWriter:
    """What changes the site behind the reader's back."""
    return MoodleWriter(client)


def test_a_snapshot_has_everything_of_its_courses(client: MoodleClient, writer: MoodleWriter) -> None:
    """Text as it is stored, an empty idnumber as null, who is in what; nothing of other courses."""
    a, b, other = writer.create_groups([group("R&D < x", "A"), group("B"), group("other", "A", CHEM)])
    [seminars] = writer.create_groupings([group("Seminars", "GS")])
    writer.add_links([(seminars, a), (seminars, b)])
    writer.add_members([(a, 6), (a, 7)])
    found = read(client, "H1")
    assert [(g["group_id"], g["idnumber"], g["name"]) for g in rows(found.groups)] == [
        (a, "A", "R&D < x"),
        (b, None, "B"),
    ]
    assert [(g["grouping_id"], g["idnumber"], g["name"]) for g in rows(found.groupings)] == [
        (seminars, "GS", "Seminars")
    ]
    assert rows(found.links) == [
        {"grouping_id": seminars, "group_id": a, "group_idnumber": "A"},
        {"grouping_id": seminars, "group_id": b, "group_idnumber": None},
    ]
    assert {(m["group_id"], m["user_id"]) for m in rows(found.members)} == {(a, 6), (a, 7)}
    assert {u["user"] for u in rows(found.users)} == {"u1", "u2", "u3"}
    assert len(found.unread) == 0
    assert other not in list(found.groups["group_id"])
    for name, schema in SCHEMAS.items():
        assert list(getattr(found, name).columns) == list(schema)


def test_m4_a_suspended_enrolment_counts_as_enrolled(client: MoodleClient) -> None:
    """Moodle lists it, and takes it into groups."""
    assert [p["user_id"] for p in rows(read(client, "C1").participants)] == [9]


def test_without_memberships_nobody_is_read(client: MoodleClient, site: RunningSite) -> None:
    """A kind that is off costs no call."""
    site.reset_calls()
    assert len(read(client, "H1", with_people=False).participants) == 0
    assert "core_enrol_get_enrolled_users" not in site.calls()


def test_phantoms_of_a_refused_batch_are_not_believed(client: MoodleClient, writer: MoodleWriter) -> None:
    """The cached list shows a group that was rolled back; the database does not."""
    with pytest.raises(MoodleRefused):
        writer.create_groups([group("one", "PH"), group("two", "PH")])
    assert [g["name"] for g in client.read("core_group_get_course_groups", {"courseid": HIST})] == ["one"]
    found = read(client, "H1")
    assert len(found.groups) == 0
    assert len(found.unread) == 0


def test_names_of_a_refused_update_are_not_believed(client: MoodleClient, writer: MoodleWriter) -> None:
    """The cached list shows the name that was not written."""
    one, two = writer.create_groups([group("one", "A"), group("two", "B")])
    with pytest.raises(MoodleRefused):
        writer.update_groups([{"id": one, "name": "new", "idnumber": "C"}, {"id": two, "name": "two", "idnumber": "C"}])
    assert "new" in {g["name"] for g in client.read("core_group_get_course_groups", {"courseid": HIST})}
    assert {(g["name"], g["idnumber"]) for g in rows(read(client, "H1").groups)} == {("one", "A"), ("two", "B")}


def test_a_group_that_the_lists_hide_is_found_by_its_id(client: MoodleClient, site: RunningSite) -> None:
    """The cache may miss a new group for ever; the ledger knows its id."""
    assert client.read("core_group_get_course_groups", {"courseid": HIST}) == []
    with sqlite3.connect(site.database) as link:
        made = link.execute(
            "INSERT INTO mdl_groups"
            " (courseid, idnumber, name, description, descriptionformat, timecreated, timemodified)"
            " VALUES (?, 'A', 'new', '', 1, 0, 0)",
            [HIST],
        ).lastrowid
    assert client.read("core_group_get_course_groups", {"courseid": HIST}) == []
    assert len(read(client, "H1").groups) == 0
    found = read(client, "H1", groups={HIST: [made]})
    assert [(g["group_id"], g["name"]) for g in rows(found.groups)] == [(made, "new")]


def test_one_missing_id_among_many_does_not_spoil_the_others(client: MoodleClient, writer: MoodleWriter) -> None:
    """Moodle fails the whole call and does not say which; what is gone is left out, and the course stays read."""
    made = writer.create_groups([group(f"g{i}", f"G{i}") for i in range(9)])
    writer.create_groupings([group("s", "S")])
    found = read(client, "H1", groups={HIST: [99999, *made, 88888]}, groupings={HIST: [77777]})
    assert sorted(found.groups["group_id"]) == sorted(made)
    assert len(found.groupings) == 1
    assert len(found.unread) == 0


@pytest.mark.parametrize("form_variables", [20, 1000])
def test_a3_many_ids_are_asked_for_within_the_limit(site: RunningSite, form_variables: int) -> None:
    """In as many calls as it takes."""
    client = client_of(site, form_variables=form_variables)
    writer = MoodleWriter(client_of(site))
    made = writer.create_groups([group(f"g{i}", f"G{i}") for i in range(25)])
    writer.add_members([(made[-1], 6)])
    found = read(client, "H1")
    assert sorted(found.groups["group_id"]) == sorted(made)
    assert rows(found.members) == [{"group_id": made[-1], "user_id": 6}]


def test_k1_a_group_of_another_course_in_a_grouping_is_no_group_of_this_one(
    client: MoodleClient, writer: MoodleWriter
) -> None:
    """The link is there, the group is not."""
    [foreign], [seminars] = writer.create_groups([group("f", "F", CHEM)]), writer.create_groupings([group("s", "S")])
    writer.add_links([(seminars, foreign)])
    found = read(client, "H1")
    assert len(found.groups) == 0
    assert rows(found.links) == [{"grouping_id": seminars, "group_id": foreign, "group_idnumber": "F"}]


def test_o3_a_course_that_refuses_is_unread_and_the_others_are_not(site: RunningSite, client: MoodleClient) -> None:
    """It is left out of everything, with Moodle's reason; nothing of it counts as empty."""
    courses = read_course_keys(client, "idnumber")
    wanted = courses[courses["course"].isin(["H1", "X1"])]
    found = read_snapshot(
        client_of(site, "plain"), wanted, user_field="username", with_people=False,
        known_groups={HIDDEN: [5]}, known_groupings={},
    )  # fmt: skip
    [unread] = rows(found.unread)
    assert unread["course_id"] == HIDDEN
    assert "errorcoursecontextnotvalid" in unread["reason"]
    assert set(found.courses["course"]) == {"H1", "X1"}


def test_the_control_course_is_never_in_scope(client: MoodleClient) -> None:
    """Whatever field courses are matched by; hidden courses are."""
    assert set(read_course_keys(client, "idnumber")["course"]) == {"H1", "C1", "X1"}
    assert "control" not in set(read_course_keys(client, "shortname")["course"])
    assert {"2", "3", "4"} <= set(read_course_keys(client, "id")["course"])
    assert "5" not in set(read_course_keys(client, "id")["course"])


def test_one_course_that_cannot_be_entered_does_not_hide_the_others(site: RunningSite) -> None:
    """Moodle then fails the whole list; another call leaves that course out."""
    plain = client_of(site, "plain")
    with pytest.raises(MoodleRefused):
        plain.read("core_course_get_courses")
    assert {"HIST", "CHEM"} <= set(read_course_keys(plain, "shortname")["course"])
    assert "HIDDEN" not in set(read_course_keys(plain, "shortname")["course"])


def test_k3_course_keys_are_read_as_keys(site: RunningSite, client: MoodleClient) -> None:
    """Trimmed and composed; two courses of one key are both listed."""
    with sqlite3.connect(site.database) as link:
        link.execute("UPDATE mdl_course SET idnumber = ' A\u030a ' WHERE id = ?", [HIST])
        link.execute("UPDATE mdl_course SET idnumber = '\u00c5' WHERE id = ?", [CHEM])
    found = read_course_keys(client, "idnumber")
    assert sorted(found.loc[found["course"] == "\u00c5", "course_id"]) == [HIST, CHEM]


@pytest.mark.parametrize(
    ("field", "wanted", "found"),
    [
        ("username", ["u5", "u1", "nobody"], {(10, "u5"), (6, "u1")}),
        ("idnumber", ["S5", "s5", "nobody"], {(10, "S5")}),
        ("id", ["10", "99999"], {(10, "10")}),
        ("email", ["U5@example.com"], {(10, "u5@example.com")}),
        ("username", [], set()),
    ],
)
def test_people_are_found_whether_enrolled_or_not(
    client: MoodleClient, field: str, wanted: list[str], found: set[tuple[int, str]]
) -> None:
    """By each field that they can be matched by; unknown ones are not there."""
    assert {(u["user_id"], u["user"]) for u in rows(find_users(client, field, wanted))} == found


def test_k3_two_people_of_one_idnumber_are_both_found(site: RunningSite, client: MoodleClient) -> None:
    """So that the key can be told to be ambiguous."""
    with sqlite3.connect(site.database) as link:
        link.execute("UPDATE mdl_user SET idnumber = 'S1' WHERE id = 10")
    assert sorted(find_users(client, "idnumber", ["S1"])["user_id"]) == [6, 10]


def test_m2_a_key_that_could_be_nobodys_does_not_spoil_the_others(client: MoodleClient) -> None:
    """Moodle refuses the whole call for one impossible username."""
    wanted = ["u1", "not a username!", "u5", "o'neil"]
    assert set(find_users(client, "username", wanted)["user"]) == {"u1", "u5"}


def test_a2_an_object_is_looked_at_past_the_cache(client: MoodleClient, writer: MoodleWriter) -> None:
    """With what it holds; one that is gone is left out."""
    a, b = writer.create_groups([group("a", "A"), group("b")])
    [seminars] = writer.create_groupings([group("s", "S")])
    writer.add_members([(a, 7), (a, 6)])
    writer.add_links([(seminars, b), (seminars, a)])
    now = ObjectsNow(client)
    groups = now.groups_now([a, 99999, b])
    assert set(groups) == {a, b}
    assert (groups[a].course_id, groups[a].key, groups[a].name, groups[a].holds) == (HIST, "A", "a", (6, 7))
    assert (groups[b].key, groups[b].holds) == (None, ())
    assert now.groupings_now([seminars, 99999])[seminars].holds == (a, b)
    assert now.groups_now([99999]) == now.groupings_now([]) == {}
    assert now.objects_now(Kind.GROUP, [a, 99999]) == {a: replace(groups[a], holds=())}
    assert now.links_in([HIST, CHEM]) == {HIST: {a: [seminars], b: [seminars]}, CHEM: {}}
