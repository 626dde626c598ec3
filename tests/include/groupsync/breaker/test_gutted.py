"""Groups that would lose most of their members, and groupings most of their groups (rules B2, B3)."""

from typing import Any

import pytest

from include.groupsync.model.things import Grouping
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import (
    goes,
    joins,
    judged,
    leaves,
    linked,
    look,
    numbers,
    short,
    tripped,
    unlinked,
    update,
)

PEOPLE = tuple("abcdefghij")


def gutted(changes: list[Any], limit: Any = None, **members: int) -> set[str]:
    """The groups of course C that trip, given how many members each has."""
    people = {("C", group): PEOPLE[:count] for group, count in members.items()}
    return tripped("group_gutted", changes, limit or {"fraction": 0.5, "size": 5}, members=people)


@pytest.mark.parametrize(
    ("members", "lost", "limit", "trips"),
    [
        (10, 5, {"fraction": 0.5, "size": 5}, False),  # at the limit
        (10, 6, {"fraction": 0.5, "size": 5}, True),  # one over
        (5, 3, {"fraction": 0.5, "size": 5}, True),  # at the size
        (4, 4, {"fraction": 0.5, "size": 5}, False),  # one under it
        (5, 2, {"fraction": 0.5, "size": 5}, False),
        (6, 6, {"fraction": 1.0, "size": 5}, False),
        (5, 1, {"fraction": 0, "size": 5}, True),  # none may be lost
        (5, 0, {"fraction": 0, "size": 5}, False),
        (1, 1, {"fraction": 0.5, "size": 1}, True),  # a population of one
        (1, 1, {"fraction": 0.5, "size": 0}, True),
        (1, 1, {"fraction": 0.5, "size": 2}, False),
        (10, 10, None, False),  # off
    ],
)
def test_group_gutted_trips_where_most_of_its_members_go(members: int, lost: int, limit: Any, trips: bool) -> None:
    """By removals; the share is of all members that Moodle has now."""
    people = {("C", "G"): PEOPLE[:members], ("C", "H"): PEOPLE}
    changes = [*leaves("G", *PEOPLE[:lost]), *leaves("H", "a"), update()]
    found = tripped("group_gutted", changes, limit and {**limit}, members=people)
    assert found - {"C H"} == ({"C G"} if trips else set())


def test_group_gutted_looks_at_its_own_delete() -> None:
    """All of its members lose it, whoever put them there; a small group, or one without members, may go."""
    assert gutted([goes("G")], G=5) == {"C G"}
    assert gutted([goes("G")], G=4) == set()
    assert gutted([goes("G")]) == set()
    assert gutted([goes("G"), *leaves("G", "a")], G=5) == {"C G"}


def test_group_gutted_does_not_count_who_is_added_to_another_group_of_the_course() -> None:
    """A move is no loss; two of five are added to H."""
    moved = joins("H", "a", "b")
    assert gutted([goes("G"), *moved], G=5) == {"C G"}
    assert gutted([goes("G"), *joins("H", "a", "b", "c")], G=5) == set()
    assert gutted([*leaves("G", "a", "b", "c"), *joins("H", "a")], G=5) == set()
    assert gutted([*leaves("G", "a", "b", "c"), *joins("H", "d", "e")], G=5) == {"C G"}, "others join"
    assert gutted([*leaves("G", "a", "b", "c"), *joins("H", "a", "b", course="X")], G=5) == {"C G"}, "elsewhere"
    assert gutted([*leaves("G", "a", "b", "c"), *joins("G", "a", "b")], G=5) == {"C G"}, "the same group"
    assert gutted([goes("G"), goes("H"), *joins("H", *"abcde")], G=5) == {"C G"}, "the other one goes too"


def test_group_gutted_holds_the_groups_removals_and_its_delete() -> None:
    """And its links'; with numbers of people."""
    [one] = look(
        "group_gutted", leaves("G", "a", "b", "c"), {"fraction": 0.5, "size": 5}, members={("C", "G"): PEOPLE[:5]}
    )
    assert (one.subject, one.tripped, *numbers(one)) == ("C G", True, 3, 2.5, 3, 5, -0.5)
    assert (one.effect, one.reach) == (Effect.HOLD, Reach(("delete",), ("group", "link", "membership"), "C", "G"))
    assert (one.stratum, one.text) == ("course C", "group G of C would lose 3 of 5 members")


def test_group_gutted_tells_of_the_nearest_where_none_trips() -> None:
    """And of none where nobody is taken out of a group that is large enough."""
    people = {("C", "G"): PEOPLE[:6], ("C", "H"): PEOPLE}
    changes = [*leaves("G", "a"), *leaves("H", *"abcd")]
    [one] = look("group_gutted", changes, {"fraction": 0.5, "size": 5}, members=people)
    assert (one.subject, one.tripped, one.headroom) == ("C H", False, 1)
    [one] = look("group_gutted", changes, None, members=people)
    assert (one.subject, one.limit) == ("C H", None), "without a limit the one that loses most"
    [one] = look("group_gutted", changes, {"fraction": 0.5, "size": 50}, members=people)
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, None, 0, 0, None)
    assert one.text == "the plan takes nobody out of a group large enough to be looked at"


def test_group_gutted_has_a_limit_for_each_course() -> None:
    """A course of small groups may ask for a look at them."""
    changes = [*leaves("G", "a", "b"), *leaves("G", "a", "b", course="D")]
    people = {("C", "G"): PEOPLE[:3], ("D", "G"): PEOPLE[:3]}
    levels: Any = {"courses": {"D": {"group_gutted": {"size": 3}}}}
    found = tripped("group_gutted", changes, {"fraction": 0.5, "size": 5}, levels=levels, members=people)
    assert found == {"D G"}
    levels["courses"]["C"] = {"group_gutted": None}
    levels["courses"]["D"]["group_gutted"]["fraction"] = 1.0
    [one] = look("group_gutted", changes, {"fraction": 0.5, "size": 5}, levels=levels, members=people)
    assert (one.subject, one.tripped, one.headroom) == ("D G", False, 1), "one with a limit is nearer than one without"


HALF = {"fraction": 0.5, "size": 4}


@pytest.mark.parametrize(
    ("links", "lost", "limit", "trips"),
    [
        (8, 4, HALF, False),  # at the limit
        (8, 5, HALF, True),  # one over
        (4, 3, HALF, True),  # at the size
        (3, 3, HALF, False),  # one under it, and alone in its course
        (4, 2, HALF, False),
        (4, 4, {"fraction": 1.0, "size": 4}, False),
        (4, 1, {"fraction": 0, "size": 4}, True),  # none may be lost
        (4, 0, {"fraction": 0, "size": 4}, False),
        (1, 1, {"fraction": 0.5, "size": 1}, True),  # a population of one
        (1, 1, {"fraction": 0.5, "size": 0}, True),
        (1, 1, {"fraction": 0.5, "size": 2}, False),
        (8, 8, None, False),  # off
    ],
)
def test_grouping_gutted_trips_where_most_of_its_groups_go(links: int, lost: int, limit: Any, trips: bool) -> None:
    """Of its managed links; another course's grouping of the same key is another one."""
    changes = [*unlinked("S", *PEOPLE[:lost]), *unlinked("S", "a", course="D"), update()]
    evidence: Any = {"links": {("C", "S"): links, ("D", "S"): 8}}
    found = tripped("grouping_gutted", changes, limit and {**limit}, **evidence)
    assert found - {"D S"} == ({"C S"} if trips else set())


def test_grouping_gutted_does_not_count_what_is_put_into_another_grouping() -> None:
    """Of the course, and one that stays; a grouping's own delete takes no link out by itself."""
    out, evidence = unlinked("S", "a", "b", "c"), {"links": {("C", "S"): 4, ("D", "S"): 4}}

    def gutted_with(*changes: Any) -> set[str]:
        return tripped("grouping_gutted", [*out, *changes], HALF, **evidence)

    assert gutted_with() == {"C S"}
    assert gutted_with(*linked("T", "a")) == set()
    assert gutted_with(*linked("T", "d")) == {"C S"}, "others are put there"
    assert gutted_with(*linked("T", "a", course="D")) == {"C S"}, "elsewhere"
    assert gutted_with(*linked("S", "a")) == {"C S"}, "the same grouping"
    taken = type(out[0])(Grouping("C", "T", "N"), None, "G7")
    assert gutted_with(*linked("T", "a"), taken) == {"C S"}, "the other one goes too"
    gone = type(out[0])(Grouping("C", "S", "N"), None, "G7")
    assert tripped("grouping_gutted", [gone, goes("a")], HALF, **evidence) == set()


@pytest.mark.parametrize(
    ("sizes", "lost", "trips"),
    [
        ((1, 1, 1, 1), (1, 1, 0, 0), False),  # at the limit of half
        ((1, 1, 1, 1), (1, 1, 1, 0), True),  # one over
        ((1, 1, 1), (1, 1, 1), False),  # together one under the size
        ((3, 1), (3, 0), True),
        ((3, 3), (3, 0), False),
        ((3, 9), (3, 0), False),  # the large one is looked at by itself
        ((3, 1, 9), (2, 1, 4), True),
    ],
)
def test_grouping_gutted_looks_at_small_groupings_together(
    sizes: tuple[int, ...], lost: tuple[int, ...], trips: bool
) -> None:
    """Course by course: where each grouping has one group, an empty column takes them all."""
    changes = [change for at, count in enumerate(lost) for change in unlinked(f"S{at}", *PEOPLE[:count])]
    links = {("C", f"S{at}"): size for at, size in enumerate(sizes)} | {("D", "S"): 3}
    assert tripped("grouping_gutted", changes, HALF, links=links) == ({"C"} if trips else set())


def test_grouping_gutted_holds_the_removal_of_its_links() -> None:
    """Of the one grouping, or of all the course's where small ones are gutted; the numbers are of groups."""
    [one] = look("grouping_gutted", unlinked("S", "a", "b", "c"), HALF, links={("C", "S"): 5})
    assert (one.subject, one.tripped, *numbers(one)) == ("C S", True, 3, 2.5, 3, 5, -0.5)
    assert (one.effect, one.reach) == (Effect.HOLD, Reach(("delete",), ("grouping", "link"), "C", "S"))
    assert (one.stratum, one.text) == ("course C", "grouping S of C would lose 3 of 5 groups")
    small = [*unlinked("S", "a", "b"), *unlinked("T", "c")]
    [one] = look("grouping_gutted", small, HALF, links={("C", "S"): 3, ("C", "T"): 1, ("C", "L"): 4})
    assert (one.subject, one.tripped, *numbers(one)) == ("C", True, 3, 2, 3, 4, -1)
    assert (one.effect, one.reach) == (Effect.HOLD, Reach(("delete",), ("link",), "C"))
    assert one.text == "the small groupings of C together would lose 3 of 4 groups"
    parts = judged(
        [*unlinked("S", "a", "b", "c"), *unlinked("T", "a"), *unlinked("S", "z", course="D"), *leaves("a", "x")],
        {"grouping_gutted": HALF}, links={("C", "S"): 4, ("C", "T"): 4},
    )  # fmt: skip
    assert short(parts.held) == {("link", "delete", "C", "S", group) for group in "abc"}


def test_grouping_gutted_tells_of_the_nearest_where_none_trips() -> None:
    """And of none where no grouping is large enough."""
    changes = [*unlinked("S", "a"), *unlinked("T", "a", "b")]
    [one] = look("grouping_gutted", changes, HALF, links={("C", "S"): 6, ("C", "T"): 6})
    assert (one.subject, one.tripped, one.headroom) == ("C T", False, 1)
    [one] = look("grouping_gutted", unlinked("S", "a"), HALF, links={("C", "S"): 16, ("C", "T"): 2, ("C", "U"): 2})
    assert (one.subject, *numbers(one)) == ("C S", 1, 8, 1, 16, 7), "the small ones lose nothing"
    [one] = look("grouping_gutted", changes, {**HALF, "size": 50}, links={("C", "S"): 6, ("C", "T"): 6})
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, None, 0, 0, None)
    assert one.text == "the plan takes no group out of groupings large enough to be looked at"


def test_grouping_gutted_takes_a_grouping_of_which_nothing_is_managed_for_empty() -> None:
    """It is a small one; with the rule off it is told with its numbers."""
    [one] = look("grouping_gutted", unlinked("S", "a"), {"fraction": 0.5, "size": 1})
    assert (one.subject, one.tripped) == ("run", False)
    [one] = look("grouping_gutted", unlinked("S", "a"), None)
    assert (one.subject, *numbers(one)) == ("C S", 1, None, 1, 0, None)


def test_grouping_gutted_has_a_limit_for_each_course() -> None:
    """Off for one course, and closer for another."""
    changes = [*unlinked("S", "a", "b"), *unlinked("S", "a", "b", course="D"), *unlinked("S", *"abc", course="E")]
    links = {("C", "S"): 3, ("D", "S"): 3, ("E", "S"): 4}
    levels = {"courses": {"D": {"grouping_gutted": {"size": 3}}, "E": {"grouping_gutted": None}}}
    assert tripped("grouping_gutted", changes, HALF, levels=levels, links=links) == {"D S"}
