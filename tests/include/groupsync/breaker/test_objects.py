"""Rules that look at single courses, groups and objects (rules B2, B3, P10)."""

from typing import Any

import pytest

from include.groupsync.breaker.baselines import Baselines
from include.groupsync.model.change import Change
from include.groupsync.model.kind import Kind
from include.groupsync.model.things import Group
from include.groupsync.model.verdict import Effect, Reach
from tests.include.groupsync.breaker.plans import (
    claims,
    creates,
    deletes,
    goes,
    judged,
    look,
    numbers,
    rekey,
    tripped,
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
