"""Rules that look at single courses, groups and objects (rules B2, B3, P10)."""

from typing import Any

import pytest

from include.groupsync.breaker.baselines import Baselines
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Kind
from include.groupsync.model.things import Group, Grouping
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import (
    claims,
    creates,
    deletes,
    goes,
    joins,
    judged,
    leaves,
    linked,
    look,
    numbers,
    rekey,
    short,
    tripped,
    unlinked,
    update,
)

ALL = ("grouping", "group", "link", "membership")


@pytest.mark.parametrize(
    ("managed", "gone", "made", "emptied"),
    [(3, 3, 0, True), (3, 2, 0, False), (1, 1, 0, True), (1, 1, 1, False), (3, 4, 1, True), (2, 0, 0, False)],
)
def test_course_emptied_looks_at_the_course_after_the_plan(managed: int, gone: int, made: int, emptied: bool) -> None:
    """A create in the same plan saves it; another course's does not."""
    changes = [*deletes(Kind.GROUP, gone), *creates(Kind.GROUP, made), *creates(Kind.GROUP, 5, "D")]
    evidence: Any = {"managed": {Kind.GROUP: {"C": managed, "D": 1}}, "courses": 5}
    assert tripped("course_emptied", changes, 0, **evidence) == ({"C"} if emptied else set())
    limit = {"fraction": 0, "floor": 0, "count": 0}
    assert tripped("courses_emptied", changes, limit, **evidence) == ({"run"} if emptied else set())


def test_course_emptied_is_not_saved_by_a_likely_rekey() -> None:
    """Nor emptied by it: the object is the same."""
    managed = {Kind.GROUP: {"C": 2}}
    assert tripped("course_emptied", [rekey(1), goes("G")], 0, managed=managed) == set()
    assert tripped("course_emptied", [rekey(1), goes("G"), goes("H")], 0, managed=managed) == {"C"}


@pytest.mark.parametrize(("limit", "trips"), [(0, True), (1, True), (2, False), (None, False)])
def test_course_emptied_allows_as_many_courses_as_its_limit(limit: int | None, trips: bool) -> None:
    """Two courses are emptied: each is told, and each is held or none."""
    changes = [*deletes(Kind.GROUP, 1, "C"), *deletes(Kind.GROUP, 1, "D")]
    found = look("course_emptied", changes, limit, managed={Kind.GROUP: {"C": 1, "D": 1, "E": 4}})
    assert [(one.subject, one.tripped, one.stratum) for one in found] == [
        ("C", trips, "course C"),
        ("D", trips, "course D"),
    ]
    assert numbers(found[0])[:4] == (2, limit, 1, 1)
    assert (found[0].effect, found[0].reach) == (Effect.HOLD, Reach(("delete",), ALL, "C"))
    assert found[0].text == "course C would lose its last managed group (1 to be deleted)"


def test_course_emptied_says_so_where_none_is() -> None:
    """One line for the run."""
    [one] = look("course_emptied", goes_and(update()), 0, managed={Kind.GROUP: {"C": 2, "D": 1}})
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, 0, 0, 2, 0)
    assert one.text == "no course of 2 with managed groups would lose its last one"
    [one] = look("course_emptied", [goes("G")], 0)
    assert (one.tripped, one.numerator, one.denominator) == (True, 1, 0), "nothing there is managed any more"


def goes_and(change: Any) -> list[Any]:
    return [goes("G"), change]


def test_course_emptied_has_a_limit_for_each_course() -> None:
    """Off for one, and not for the other."""
    changes = [*deletes(Kind.GROUP, 1, "C"), *deletes(Kind.GROUP, 1, "D")]
    managed = {Kind.GROUP: {"C": 1, "D": 1}}
    levels = {"courses": {"C": {"course_emptied": None}}}
    assert tripped("course_emptied", changes, 0, levels=levels, managed=managed) == {"D"}
    levels = {"departments": {"P": {"course_emptied": 2}}}
    found = tripped("course_emptied", changes, 0, levels=levels, managed=managed, departments={"D": ("P",)})
    assert found == {"C"}


def test_course_emptied_is_about_groups() -> None:
    """Groupings and memberships may go."""
    changes = [*deletes(Kind.GROUPING, 1), *deletes(Kind.MEMBERSHIP, 9)]
    assert tripped("course_emptied", changes, 0, managed={Kind.GROUP: {"C": 1}}) == set()


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
    levels = {"courses": {"D": {"group_gutted": {"size": 3}}}}
    found = tripped("group_gutted", changes, {"fraction": 0.5, "size": 5}, levels=levels, members=people)
    assert found == {"D G"}


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
    [one] = look("grouping_gutted", changes, {**HALF, "size": 50}, links={("C", "S"): 6, ("C", "T"): 6})
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, None, 0, 0, None)
    assert one.text == "the plan takes no group out of groupings large enough to be looked at"


def test_grouping_gutted_has_a_limit_for_each_course() -> None:
    """Off for one course, and closer for another."""
    changes = [*unlinked("S", "a", "b"), *unlinked("S", "a", "b", course="D"), *unlinked("S", *"abc", course="E")]
    links = {("C", "S"): 3, ("D", "S"): 3, ("E", "S"): 4}
    levels = {"courses": {"D": {"grouping_gutted": {"size": 3}}, "E": {"grouping_gutted": None}}}
    assert tripped("grouping_gutted", changes, HALF, levels=levels, links=links) == {"D S"}


@pytest.mark.parametrize(("limit", "trips"), [(0, True), (1, True), (2, False), (None, False)])
def test_p10_a_likely_rekey_is_held_by_itself(limit: int | None, trips: bool) -> None:
    """Two are proposed; an update of another kind is none."""
    found = look("rekey", [rekey(1), rekey(2), update()], limit)
    assert [(one.subject, one.tripped) for one in found] == [("C OLD1", trips), ("C OLD2", trips)]
    assert numbers(found[0])[:4] == (2, limit, 2, None)
    assert (found[0].effect, found[0].reach) == (Effect.HOLD, Reach(("update",), ("group",), "C", "OLD1"))
    assert (found[0].stratum, found[0].text) == ("course C", "group OLD1 of C may now be NEW1: same name")


def test_p10_without_a_rekey_the_run_says_so() -> None:
    """Also beside an adopted object, which gets an idnumber by another rule."""
    adopted = type(rekey(1))(rekey(1).before, rekey(1).after, "P4")
    for changes in ([], [update(), adopted]):
        [one] = look("rekey", changes, 0)
        assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, 0, 0, None, 0)
        assert one.text == "no likely re-key"


USES = {
    ("group", "C", "G"): ("restriction of quiz Test", "restriction of page Notes"),
    ("grouping", "C", "S"): ("activity grouping of forum Talk",),
    ("group", "C", "STAYS"): ("restriction of quiz Test",),
}


@pytest.mark.parametrize(("limit", "trips"), [(0, True), (1, True), (2, False), (None, False)])
def test_in_use_holds_the_object_that_an_activity_uses(limit: int | None, trips: bool) -> None:
    """One group and one grouping; what stays, or is of another course, is not looked at."""
    gone = [goes("G"), goes("FREE"), goes("G", "D"), *deletes(Kind.GROUPING, 1), update()]
    grouping = type(gone[0])(deletes(Kind.GROUPING, 1)[0].before.__class__("C", "S", "N"), None, "G7")  # type: ignore[union-attr]
    found = look("in_use", [*gone, grouping], limit, uses=USES)
    assert [(one.subject, one.tripped, one.numerator) for one in found] == [
        ("C grouping S", trips, 1),
        ("C group G", trips, 2),
    ]
    assert (found[1].observed, found[1].limit, found[1].stratum) == (2, limit, "course C")
    assert (found[1].effect, found[1].reach) == (Effect.HOLD, Reach(("delete",), ("group",), "C", "G"))
    assert found[1].text == "group G of C is used by restriction of quiz Test; restriction of page Notes"


def test_in_use_says_so_where_nothing_is_used() -> None:
    """Only renamed, or made, is not deleted.  And has a limit for each course."""
    stays = Change(Group("C", "G", "Name of G"), Group("C", "G", "another name"), "P6")
    [one] = look("in_use", [goes("FREE"), goes("OTHER"), stays], 0, uses=USES)
    assert (one.subject, one.tripped, *numbers(one)) == ("run", False, 0, 0, 0, 2, 0)
    assert one.text == "of 2 groups and groupings to be deleted no activity is known to use one"
    levels = {"courses": {"C": {"in_use": None}}}
    assert tripped("in_use", [goes("G")], 0, levels=levels, uses=USES) == set()
    assert tripped("in_use", [goes("G")], None, levels={"courses": {"C": {"in_use": 0}}}, uses=USES) == {"C group G"}


@pytest.mark.parametrize(
    ("count", "limit", "trips"), [(20, 20, False), (21, 20, True), (1, 0, True), (0, 0, False), (99, None, False)]
)
@pytest.mark.parametrize("kind", [Kind.GROUP, Kind.GROUPING])
def test_delete_only_trips_on_a_plan_that_does_nothing_else(kind: Kind, count: int, limit: Any, trips: bool) -> None:
    """At strictly more than its limit."""
    [one] = look("delete_only", deletes(kind, count), limit, baselines=Baselines())
    assert (one.subject, one.tripped, one.observed, one.limit, one.numerator) == ("run", trips, count, limit, count)
    assert (one.effect, one.reach) == (Effect.HOLD, Reach(("delete",), ALL))


@pytest.mark.parametrize("other", [update(), *creates(Kind.MEMBERSHIP, 1), *creates(Kind.LINK, 1), rekey(1)])
def test_delete_only_is_quiet_where_anything_is_made_or_changed(other: Any) -> None:
    """The incident's plan made nothing at all; removals count on neither side."""
    [one] = look("delete_only", [*deletes(Kind.GROUP, 99), other], 20)
    assert (one.tripped, *numbers(one)) == (False, 0, 20, 99, 1, 20)
    assert one.text == "99 deletes beside 1 creates and updates"
    assert tripped("delete_only", [*deletes(Kind.MEMBERSHIP, 99), *deletes(Kind.LINK, 9)], 0) == set()
    assert tripped("delete_only", [*deletes(Kind.GROUP, 11), *deletes(Kind.GROUPING, 10)], 20) == {"run"}
    assert tripped("delete_only", [*deletes(Kind.GROUP, 21), *deletes(Kind.MEMBERSHIP, 99)], 20) == {"run"}


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.MEMBERSHIP])
def test_o2_any_claim_is_held_for_a_person(kind: Kind) -> None:
    """One is enough, whatever is managed; what else the plan does goes on."""
    managed = {kind: {"C": 9}}
    assert tripped("reclaim", creates(kind, 3), managed=managed) == set()
    assert tripped("reclaim", claims(kind, 1), managed=managed) == {f"{kind}s"}
    [trip] = [one for one in look("reclaim", claims(kind, 2), managed=managed) if one.tripped]
    assert (trip.subject, *numbers(trip)) == (f"{kind}s", 2, 0, 2, 9, -2)
    assert (trip.effect, trip.reach) == (Effect.HOLD, Reach(("update",), ("link", "membership")))
    assert trip.text == f"{kind}s: 2 found in Moodle to become ours, beside 9 managed"
    parts = judged([*claims(kind, 2), *creates(kind, 3), *deletes(kind, 1)], {})
    assert {str(change.action) for change in parts.held.changes()} == {"update"}
    assert (len(parts.held), len(parts.released)) == (2, 4)


@pytest.mark.parametrize("kind", [Kind.LINK, Kind.MEMBERSHIP])
def test_o2_a_claim_does_not_hide_that_a_plan_only_deletes(kind: Kind) -> None:
    """It changes nothing in Moodle."""
    assert tripped("delete_only", [*deletes(Kind.GROUP, 3), *claims(kind, 5)], 2) == {"run"}
