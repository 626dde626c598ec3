"""Text of every kind in every text column (rule K4)."""

import unicodedata

from include.groupsync.model import keys
from tests.world import World

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
