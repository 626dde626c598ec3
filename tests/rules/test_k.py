"""Keys and values (section K)."""

import unicodedata

import pytest

from include.groupsync.model import keys
from include.groupsync.model.protection import Protection
from tests.rules.conftest import MakeWorld
from tests.rules.pure import Members, compare, held, moves, ours, refused, said, short, sifted, terms_now, want
from tests.world import World


def test_k1_the_same_idnumbers_in_two_courses_are_apart(world: World) -> None:
    """Objects, links, memberships, and every delete of them."""
    world.course("C2", users=["ann", "bob"])
    world.map("C2")
    for course in ("C1", "C2"):
        world.source.grouping(course, "S1")
        world.source.group(course, "G1", name="Lab", grouping="S1")
        world.source.group(course, "G2", grouping="S1")
        world.source.members(course, "G1", "ann", "bob")
    world.sync()
    other = world.moodle.image("C2")
    world.source.drop_group("C1", "G2")
    world.source.drop_member("C1", "G1", "ann")
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Hall", grouping=None)
    run = world.sync()
    assert {change[2] for change in run.changes} == {"C1"}
    assert (world.moodle.members("C1"), world.moodle.groupings("C1")["S1"].groups) == ({"G1": {"bob"}}, set())
    assert world.moodle.image("C2") == other
    world.source.update("remote_groups", {"course": "C1", "idnumber": "G1"}, name="Room")
    world.source.drop_grouping("C1", "S1")
    world.source.drop_group("C2", "G2")
    run = world.sync()
    assert {c[:4] for c in run.changes} == {
        ("group", "update", "C1", "G1"),
        ("grouping", "delete", "C1", "S1"),
        ("group", "delete", "C2", "G2"),
    }
    assert (set(world.moodle.groupings("C2")), world.moodle.members("C2")) == ({"S1"}, {"G1": {"ann", "bob"}})


@pytest.mark.parametrize(
    ("course_field", "user_field"), [("id", "id"), ("idnumber", "idnumber"), ("shortname", "username"), ("id", "email")]
)
def test_k2_one_field_matches_courses_and_one_people(make_world: MakeWorld, course_field: str, user_field: str) -> None:
    """In all remote tables, the mappings included; the values of another field fit nothing."""
    world = make_world(localcoursefield=course_field, localuserfield=user_field)
    course_keys = {"id": str(world.moodle.course_id("C1")), "idnumber": "C1", "shortname": "short C1"}
    user_id = str(world.moodle.user_id("ann"))
    user_keys = {"id": user_id, "idnumber": "P-ann", "username": "ann", "email": "ann@example.org"}
    world.unmap("C1")
    for field, key in course_keys.items():
        world.map(key)
        world.source.group(key, "G1", name=f"by {field}")
        world.source.members(key, "G1", *user_keys.values())
    run = world.sync()
    assert {key: (one.name, one.members) for key, one in world.moodle.groups("C1").items()} == {
        "G1": (f"by {course_field}", {"ann"})
    }
    assert len(run.reasons("warning")) == 2, "the courses of the other fields"
    unknown = {f["user"] for f in run.findings if f["rule"] == "M2" and f["reason"].startswith("user")}
    read = {keys.user_key(key, user_field) for key in user_keys.values()}
    assert unknown == read - {user_keys[user_field]}


def test_k3_keys_match_after_trimming_and_composing_on_both_sides(world: World) -> None:
    """Padded, with hard spaces, decomposed, in upper case: at the source and in Moodle."""
    decomposed = unicodedata.normalize("NFD", "K\u00e9y")
    world.by_hand.group("C1", "There", f"\u3000{decomposed}\u00a0")
    world.source.group("C1   ", "\u00a0K\u00e9y  ", name="There")
    world.source.group("C1", f"{decomposed}2", name="New")
    world.source.members("C1", f" {decomposed}", " ANN\u00a0")
    world.source.grouping("C1", "S1", name="  Padded \t")
    run = world.sync()
    assert (run.state, run.findings) == ("applied", []), run.error
    assert ("group", "create", "C1", "K\u00e9y2") in run.changes
    assert len(run.changes) == 3
    there = world.moodle.members("C1")
    assert there == {f"\u3000{decomposed}\u00a0": {"ann"}, "K\u00e9y2": set()}, "the found one keeps its spelling"
    assert world.moodle.groupings("C1")["S1"].name == "Padded"
    assert world.sync().writes == 0


def test_k3_a_key_that_fits_two_fits_none(world: World) -> None:
    """Two courses of one key after trimming: reported, and the other rows go on."""
    world.course("C2")
    world.course(" C2")
    world.map("C2")
    world.source.group("C2", "G1", name="Lab")
    world.source.group("C1", "G1")
    run = world.sync()
    assert run.changes == [("group", "create", "C1", "G1")]
    assert [(f["rule"], f["severity"], f["reason"]) for f in run.findings] == [
        ("K3", "warning", 'Group "Lab" was not imported because its course key fits two courses of Moodle')
    ]


def test_k3_a_group_whose_key_two_have_in_moodle_is_left_alone() -> None:
    """The row is quarantined, the others go on, and neither of the two is edited or deleted."""
    twice = [held(7, "G1", "one"), held(8, "G1", "two")]
    found = compare([want("G1", "new"), want("G2")], twice, [ours(twice[0])])
    assert said(found) == [("quarantined", "K3", "G1", "two objects of the course have this idnumber in Moodle")]
    assert short(found) == ["+ G2 G2"]
    assert short(compare([], twice, [ours(one) for one in twice])) == [], "nor is either deleted"


def test_k3_null_empty_and_blank_are_absent() -> None:
    """As key and as name; a name of hard spaces alone is empty too."""
    rows = [{"course": "C1", "idnumber": blank, "name": "N"} for blank in (None, "", "  ", "\u00a0")]
    found = sifted("groups", *rows, {"course": "C1", "idnumber": "G1", "name": "\u00a0\u2003"})
    assert refused(found) == {at: {("K4", "idnumber is absent")} for at in (1, 2, 3, 4)}
    assert list(found.usable["name"]) == ["G1"]


def test_k4_what_cannot_be_used_is_quarantined_with_its_reason() -> None:
    """Row by row and column by column; at the limit it is used, and nothing is cut to fit."""
    good = {"course": "C1", "name": "N"}
    bad = [
        ({"course": None}, "course is absent"),
        ({"idnumber": " "}, "idnumber is absent"),
        ({"idnumber": "I" * 101}, "idnumber is over 100 characters"),
        ({"name": "N" * 255}, "name is over 254 characters"),
        ({"name": "a\tb"}, "name contains a control character"),
        ({"name": "a\u0085b"}, "name contains a control character"),
        ({"idnumber": "a\x07b"}, "idnumber contains a control character"),
        ({"grouping": "a\nb"}, "grouping contains a control character"),
        ({"course": "C\x7f1"}, "course contains a control character"),
        ({"description": "a\0b"}, "description contains a NUL"),
        ({"name": "bad \ufffd bytes"}, "name could not be decoded"),
        ({"description": "bad \ufffd bytes"}, "description could not be decoded"),
    ]
    rows = [good | {"idnumber": f"G{at}"} | change for at, (change, _) in enumerate(bad)]
    longest = [good | {"idnumber": "I" * 100, "name": "\U0001f600" * 254}]
    found = sifted("groups", *rows, *longest)
    assert refused(found) == {at: {("K4", reason)} for at, (_, reason) in enumerate(bad, start=1)}
    assert list(found.usable["name"]) == ["\U0001f600" * 254]
    groupings = [good | {"idnumber": f"S{at}", "name": "N" * (255 + at)} for at in (0, 1)]
    assert refused(sifted("groupings", *groupings)) == {2: {("K4", "name is over 255 characters")}}
    people = [
        {"course": "C1", "group": group, "user": user} for group, user in (("G", None), (None, "u"), ("G", "a\0b"))
    ]
    assert refused(sifted("memberships", *people, {"course": "C1", "group": "G", "user": "u"})) == {
        1: {("K4", "user is absent")},
        2: {("K4", "group is absent")},
        3: {("K4", "user contains a control character")},
    }


def test_k5_identical_rows_collapse_and_different_ones_are_all_set_aside() -> None:
    """Compared after trimming and defaults; never last-wins, and a good row beside a bad one goes with it."""
    row = {"course": "C1", "idnumber": "G1", "name": "N"}
    same = [row, row | {"idnumber": " G1 "}, row | {"name": "N  "}, row | {"description": ""}, row | {"module": "M2"}]
    collapsed = sifted("groups", *same, row | {"idnumber": "G2", "name": None}, row | {"idnumber": "G2", "name": "G2"})
    assert (len(collapsed.usable), refused(collapsed)) == (2, {})
    other = [row, row | {"name": "other"}, row, {"course": "C2", "idnumber": "G1"}]
    different = {("K5", "rows with this key have different values")}
    found = sifted("groups", *other)
    assert list(found.usable["course"]) == ["C2"]
    assert set(refused(found)) == {1, 2}
    assert set().union(*refused(found).values()) == different
    for change in ({"grouping": "S1"}, {"description": "words"}):
        assert len(sifted("groups", row, row | change).usable) == 0
    beside = refused(sifted("groups", row, row | {"name": "bad\0"}))
    assert beside[1] == {("K5", "another row with this key cannot be used")}


def test_k6_bad_data_never_causes_a_delete(world: World) -> None:
    """The rows of everything that is managed go bad, each in another way: nothing goes."""
    for key in ("G1", "G2", "G3"):
        world.source.grouping("C1", f"S{key}")
        world.source.group("C1", key, grouping=f"S{key}")
        world.source.members("C1", key, "ann", "bob")
    world.sync()
    image = world.moodle.image("C1")
    world.source.update("remote_groups", {"idnumber": "G1"}, name="bad\0")
    world.source.update("remote_groups", {"idnumber": "G2"}, course=None)
    world.source.delete("remote_groups", idnumber="G3")
    world.source.group("C1", "G3", name="one")
    world.source.group("C1", "G3", name="two")
    world.source.update("remote_memberships", {"group_idnumber": "G1", "user_key": "ann"}, user_key=None)
    world.source.delete("remote_memberships", group_idnumber="G1", user_key="bob")
    world.source.update("remote_memberships", {"group_idnumber": "G2", "user_key": "ann"}, user_key="ann\0")
    world.source.update("remote_groupings", {"idnumber": "SG1"}, idnumber=None)  # protects all of the course's
    world.source.delete("remote_groupings", idnumber="SG2")
    run = world.sync()
    assert (run.state, [c for c in run.changes if c[1] != "create"]) == ("applied", [])
    assert world.moodle.image("C1") == image
    world.source.delete("remote_groups", idnumber="G3")
    assert ("group", "delete", "C1", "G3") in world.sync().changes, "what no bad row mentions goes"


def test_k6_a_mapping_that_may_be_the_one_that_switches_the_course_off_keeps_what_is_there(world: World) -> None:
    """Its module is missing; what the course's other mapping lists is made, and nothing goes."""
    for key in ("G1", "G2"):
        world.source.group("C1", key)
        world.source.members("C1", key, "ann", "bob")
    world.sync()
    world.map("C1", module=None, status="inactive")
    world.source.drop_group("C1", "G2")
    world.source.drop_member("C1", "G1", "ann")
    world.source.group("C1", "G3")
    run = world.sync()
    assert [change[:2] for change in run.changes] == [("group", "create")], run.error
    world.source.delete("remote_mappings", course="C1", module=None)
    gone = {change[:2] for change in world.sync().changes}
    assert gone == {("group", "delete"), ("membership", "delete")}


def test_k6_half_a_key_protects_all_that_it_could_mean() -> None:
    """With its memberships; a whole key only the object."""
    ann = ("G1", "ann")
    rows = [
        {"course": "C1", "idnumber": None},
        {"course": None, "idnumber": "G1"},
        {"course": "C1", "idnumber": "G" * 101},
    ]
    by_course, by_key, other = (Protection.of(sifted("groups", row, rows[2]).protected, "groups") for row in rows)
    assert by_course.covers("C1", {"ANY"})
    assert not by_course.covers("C2", {"ANY"})
    assert by_key.covers("C9", {"G1"})
    assert not by_key.covers("C9", {"G2"})
    assert not other.covers("C1", {"G1"})
    assert other.covers("C1", {"G" * 101})
    assert not Protection.of(
        sifted("groups", {"name": "N"}, *[{"course": "C1", "idnumber": "G"}] * 2).protected, "groups"
    ).patterns
    for half in (("C1", "G1", None), ("C1", None, None), (None, "G1", None), (None, None, "ann")):
        assert moves(Members(there=[ann], managed=[ann], protected=[half]).compare()) == set(), half
    assert moves(Members(there=[ann], managed=[ann], protected=[("C1", "G1", "bob")]).compare()) == {"- G1 ann"}


def test_k6_a_quarantined_row_makes_nothing_managed() -> None:
    """Its object is found in Moodle, and stays nobody's."""
    found = compare([want("G1", "taken")], [held(7, "G1", "Lab"), held(8, "X", "taken")])
    assert terms_now(found) == {}


def test_k7_what_moodle_would_change_or_confuse_is_not_tried() -> None:
    """Names that it would clean, idnumbers that it takes for equal, the idnumber 0."""
    would_change = ("K7", "Moodle would change this name: a tag other than a multilang span, or < before a non-blank")
    names = ["<b>Lab</b>", "Age <25", "ends with <", "<script>x</script>", '<span class="x">y</span>']
    rows = [{"course": "C1", "idnumber": f"G{at}", "name": name} for at, name in enumerate(names)]
    fine = [{"course": "C1", "idnumber": f"F{at}", "name": name} for at, name in enumerate(("a < b", "1 > 0", "&lt;"))]
    found = sifted("groups", *rows, *fine)
    assert refused(found) == {at: {would_change} for at in range(1, 6)}
    assert list(found.usable["name"]) == ["a < b", "1 > 0", "&lt;"]
    numbers = [
        {"course": course, "idnumber": n}
        for course, n in (("C1", "7"), ("C1", "007"), ("C2", "7"), ("C1", "0"), ("C1", "00"))
    ]
    found = sifted("groups", *numbers)
    assert refused(found) == {
        1: {("K7", "Moodle takes this idnumber and '007' of the same course for equal")},
        2: {("K7", "Moodle takes this idnumber and '7' of the same course for equal")},
        4: {("K7", "the idnumber 0 counts as empty in Moodle")},
    }


def test_k7_an_idnumber_that_moodle_takes_for_an_existing_one_is_not_tried() -> None:
    """Unmanaged, so that it cannot be a re-key."""
    found = compare([want("1e1", "new")], [held(7, "10", "old")])
    assert (short(found), said(found)) == (
        [],
        [("quarantined", "K7", "1e1", "Moodle takes its idnumber and the existing '10' for equal")],
    )


def test_k7_what_moodle_stores_is_what_is_compared(world: World) -> None:
    """Read as stored, an escaped name or a cleaned description is not updated every night."""
    world.source.group("C1", "G1", name='R&D "x" a < b', description="<script>x()</script> & more")
    world.source.grouping("C1", "S1", name="R&D > 0", description="plain & <i>not</i>")
    assert world.sync().state == "applied"
    seen = world.moodle.groups("C1")["G1"]
    assert (seen.name, seen.description) == ('R&D "x" a < b', "<script>x()</script> & more")
    assert world.sync().writes == 0
