"""Text of every kind in every text column (rule K4)."""

import unicodedata

import pytest

from include.groupsync.model import keys
from tests.rules.conftest import MakeWorld
from tests.world import WITH_MODULES, World

# What an over-zealous program would change on the way; the words are spelled with escapes where a reader, or an
# editor, could not tell what they are.
ODD_NAMES = {
    "composed": "Caf\u00e9 \u1e69",
    "decomposed": unicodedata.normalize("NFD", "Caf\u00e9 \u1e69"),
    "right to left": "\u05e7\u05d1\u05d5\u05e6\u05d4 \u202eabc\u202c \u0645\u062c\u0645\u0648\u0639\u0629 1",
    "emoji": "Lab \U0001f9ea \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1ee\U0001f1ea",
    "four bytes": "\U00020bb7\U0001d518\U0001f600",
    "quotes": 'O\'Brien "x" `y` \u201cz\u201d \\ %s {0} $1',
    "entities": "R&D &amp; Fish &lt;3 1 > 0",
    "less": "a < b",
    "multilang": '<span lang="en" class="multilang">Group</span><span lang="de" class="multilang">Gruppe</span>',
    "hard space": "\u00a0 Lab \u3000",
    "zero width": "La\u200bb\ufeff",
    "sql": "x'); DROP TABLE mdl_groups;--",
}
ODD_DESCRIPTIONS = ODD_NAMES | {
    "html": "<p onclick=\"x()\">Bring <b>goggles</b> &amp; <script>alert('x')</script></p>",
    "lines": "one\r\ntwo\ttabs\n\n  and blanks  ",
    "long": "\U0001f600" * 5000,
    "control characters": "bell \x07, escape \x1b, delete \x7f",
}


def test_k4_every_odd_character_arrives_as_it_left_and_stays(world: World) -> None:
    """Names and descriptions of groups and groupings; keys after K3's trimming; the second run writes nothing."""
    for at, name in enumerate(ODD_NAMES):
        world.source.group("C1", f"G{at}", name=ODD_NAMES[name], description=ODD_DESCRIPTIONS[name])
        world.source.grouping("C1", f"S{at}", name=ODD_NAMES[name], description=ODD_DESCRIPTIONS[name])
        world.source.group("C1", f"k{at} {ODD_NAMES[name]}", name=f"key {at}", grouping=f"k {ODD_NAMES[name]}")
        world.source.grouping("C1", f"k {ODD_NAMES[name]}", name=f"key {at}")
    for at, name in enumerate(ODD_DESCRIPTIONS):
        world.source.group("C1", f"D{at}", description=ODD_DESCRIPTIONS[name])
    world.source.membership("C1", "k3 " + ODD_NAMES["emoji"], "ann")
    run = world.sync()
    assert run.state == "applied", run.error
    there = world.moodle.groups("C1") | world.moodle.groupings("C1")
    quarantined = {f["key"] for f in run.findings if f["severity"] == "quarantined"}
    for at, name in enumerate(ODD_NAMES):
        for key in (f"G{at}", f"S{at}"):
            trimmed = ODD_NAMES[name].strip(" \t\n\r\0\x0b")
            assert (there[key].name, there[key].description) == (trimmed, ODD_DESCRIPTIONS[name]), name
        group, grouping = keys.key(f"k{at} {ODD_NAMES[name]}"), keys.key(f"k {ODD_NAMES[name]}")
        assert there[group].name == f"key {at}", name
        if name not in ("composed", "decomposed"):  # K3: these two are one key
            assert there[group].groupings == {grouping}, name
    assert quarantined == {keys.key(f"k {ODD_NAMES['composed']}")}, "two rows of one key with different names"
    for at, name in enumerate(ODD_DESCRIPTIONS):
        assert there[f"D{at}"].description == ODD_DESCRIPTIONS[name], name
    assert there["k3 " + ODD_NAMES["emoji"]].members == {"ann"}
    again = world.sync()
    assert (again.state, again.writes, again.changes) == ("applied", 0, [])
    assert [f["reason"] for f in again.findings] == [f["reason"] for f in run.findings]


def test_k4_odd_course_keys_user_keys_and_modules_arrive_too(make_world: MakeWorld) -> None:
    """Courses and people are found by what they are called on both sides; the module is in the ledger as a key."""
    world = make_world(WITH_MODULES, localuserfield="idnumber")
    for at, text in enumerate(ODD_NAMES.values()):
        course, person, module = f"C{at} {text}", f"P{at} {text}", f"M{at} {text}"
        world.user(f"user{at}", idnumber=person)
        world.course(course, users=[f"user{at}"], shortname=f"short {at}")
        world.map(course, module=module)
        world.source.group(course, f"G{at}", name=text, module=module)
        world.source.membership(course, f"G{at}", person, module=module)
    run = world.sync()
    assert (run.state, run.findings) == ("applied", []), run.error
    managed = {row["idnumber"]: row["module"] for row in world.ledger if row["kind"] == "group"}
    for at, (what, text) in enumerate(ODD_NAMES.items()):
        assert world.moodle.members(f"C{at} {text}") == {f"G{at}": {f"user{at}"}}, what
        assert managed[f"G{at}"] == f"{keys.key(f'M{at} {text}')} A6U T1", what
    again = world.sync()
    assert (again.state, again.writes, again.changes, again.findings) == ("applied", 0, [], [])


def test_k4_groups_and_groupings_are_found_by_odd_names(make_world: MakeWorld) -> None:
    """Where rows name them so: as Moodle has the name, byte by byte, and people by their address in any case."""
    world = make_world(localgroupfield="name", localgroupingfield="name", localuserfield="email")
    for at, text in enumerate(ODD_NAMES.values()):
        world.source.grouping("C1", f"S{at}", name=text)
        world.source.group("C1", f"G{at}", name=text, grouping=text)
        world.source.membership("C1", text, "ANN@example.org")
    run = world.sync()
    assert (run.state, run.findings) == ("applied", []), run.error
    groups = world.moodle.groups("C1")
    for at, what in enumerate(ODD_NAMES):
        assert (groups[f"G{at}"].groupings, groups[f"G{at}"].members) == ({f"S{at}"}, {"ann"}), what
    again = world.sync()
    assert (again.state, again.writes, again.changes, again.findings) == ("applied", 0, [], [])


SPOILT = {"NUL": "a\0b", "bell": "a\x07b", "undecodable": "a\ufffdb", "C1 control": "a\x85b", "escape": "\x1b[31mred"}
CHANGED_BY_MOODLE = {
    "tag": "<b>Lab</b>",
    "script": "<script>x</script>",
    "half a tag": "a <b",
    "less at the end": "a <",
}
KEYS_OF = {
    "remote_groupings": {"course": "C1", "idnumber": "S", "name": "N", "description": "", "module": "M1"},
    "remote_groups": {
        "course": "C1", "idnumber": "G", "name": "N", "description": "", "grouping": "S1", "module": "M1",
    },
    "remote_memberships": {"course": "C1", "group_idnumber": "G1", "user_key": "ann", "module": "M1"},
    "remote_mappings": {"course": "C9", "module": "M9"},
}  # fmt: skip


@pytest.mark.parametrize("table", KEYS_OF)
def test_k4_k7_what_cannot_arrive_is_quarantined_with_its_reason_in_every_column(
    make_world: MakeWorld, table: str
) -> None:
    """Each text in each column of a row that is else good; none of it comes to Moodle, and none of it ever will."""
    world = make_world(WITH_MODULES)
    world.source.grouping("C1", "S1")
    world.source.group("C1", "G1", grouping="S1")
    world.source.membership("C1", "G1", "ann")
    first = world.source.count(table)
    spoilt = [(column, what, text) for column in KEYS_OF[table] for what, text in spoilt_texts(column).items()]
    for at, (column, _, text) in enumerate(spoilt):
        row = {
            part: f"{value}{at}" if part in ("idnumber", "name") else value for part, value in KEYS_OF[table].items()
        }
        world.source.insert(table, {**DELIVERY[table], **row, column: text})
    for at in range(3 * len(spoilt)):  # so many bad rows among few would be no table at all (rule O3)
        good = {"idnumber": f"good{at}", "name": f"Good {at}", "user_key": f"nobody{at}", "course": "C1"}
        row = {part: good.get(part, value) for part, value in KEYS_OF[table].items()}
        world.source.insert(
            table, {**DELIVERY[table], **row} | ({"module": f"X{at}"} if "status" in DELIVERY[table] else {})
        )
    run = world.sync()
    assert run.state == "applied", run.error
    dataset = table.removeprefix("remote_")
    said = {f["source_row"]: f for f in run.findings if (f["dataset"], f["severity"]) == (dataset, "quarantined")}
    for at, (column, what, _) in enumerate(spoilt, start=first + 1):
        assert at in said, f"{column} with {what} was used"
        assert said[at]["rule"] in ("K4", "K7")
        assert said[at]["reason"], (column, what)
        assert said[at]["next_step"]
    there = {*world.moodle.groups("C1"), *world.moodle.groupings("C1")}
    assert {key for key in there if not key.startswith("good")} == {"G1", "S1"}
    again = world.sync()
    assert (again.state, again.writes, again.changes) == ("applied", 0, [])
    assert again.reasons() == run.reasons()


def spoilt_texts(column: str) -> dict[str, str]:
    """What the column cannot have: a description may have any character but these two; a name no tags either."""
    if column == "description":
        return {what: SPOILT[what] for what in ("NUL", "undecodable")}
    return SPOILT | (CHANGED_BY_MOODLE if column == "name" else {})


OF_M1 = {"occurrence": "A6U", "period": "T1"}
ACTIVE = {"academic_year": "2026", "department": "D1", "import_groups": "1", "status": "active"}
DELIVERY = {table: OF_M1 | (ACTIVE if table == "remote_mappings" else {}) for table in KEYS_OF}
