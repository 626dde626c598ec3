"""Between the reading and the writing somebody works in Moodle: what is no longer the plan's is left (A2, G1)."""

from dataclasses import replace
from typing import Any

import pytest

from include.groupsync.apply.executor import Result
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.journal import Outcome
from include.groupsync.model.kind import Kind
from include.groupsync.model.things import Group, Grouping
from tests.include.groupsync.apply.memory import Stage, gone, joins, linked, new_group, new_grouping
from tests.laws.moodle import Object

KINDS = pytest.mark.parametrize("kind", [Kind.GROUP, Kind.GROUPING])


@pytest.fixture
def stage() -> Stage:
    """A grouping S with the groups G and H, u1 in both."""
    stage = Stage()
    stage.apply(
        new_grouping("C1", "S"),
        new_group("C1", "G"),
        new_group("C1", "H"),
        linked("C1", "S", "G"),
        joins("C1", "G", "u1"),
        joins("C1", "H", "u1"),
    )
    stage.book.entries.clear()
    return stage


def by_hand(stage: Stage, kind: Kind, **fields: Any) -> None:
    """Edit the group G or the grouping S as somebody does in Moodle after the plan was made."""
    objects: dict[int, Object] = stage.site.state.groups if kind is Kind.GROUP else stage.site.state.groupings
    at = next(at for at, one in objects.items() if one.idnumber in ("G", "S"))
    edit = objects.pop if fields.get("idnumber") == "deleted" else None
    if edit:
        edit(at)
    else:
        objects[at] = replace(objects[at], **fields)


def renamed(kind: Kind, **more: Any) -> Change:
    make, key = (Group, "G") if kind is Kind.GROUP else (Grouping, "S")
    before = make("C1", key, f"{str(kind).capitalize()} {key}", "")
    return Change(before, replace(before, name="Other"), "P6", **more)


def sent(stage: Stage, *changes: Change, meanwhile: dict[str, Any], kind: Kind = Kind.GROUP) -> list[Result]:
    """What became of the changes, planned before somebody edited the object of that kind."""
    calls, look = len(stage.site.calls), stage.site.objects_now
    edited: list[bool] = []

    def first_somebody_edits(of: Kind, ids: list[int]) -> Any:
        if not edited:
            edited.append(True)
            by_hand(stage, kind, **meanwhile)
        return look(of, ids)

    stage.site.objects_now = first_somebody_edits  # type: ignore[assignment,method-assign]
    results = stage.apply(*changes)
    del stage.site.calls[:calls]
    return results


@KINDS
@pytest.mark.parametrize("meanwhile", [{"idnumber": None}, {"idnumber": "X"}, {"name": "Ours now"}])
def test_g1_an_update_leaves_what_somebody_has_made_their_own(
    stage: Stage, kind: Kind, meanwhile: dict[str, Any]
) -> None:
    """Nothing is sent; the journal has it with the reason, and so has the report."""
    [result] = sent(stage, renamed(kind), meanwhile=meanwhile, kind=kind)
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, f"the {kind} has another name or idnumber now")
    assert stage.site.calls == []
    [(intent, settled)] = stage.book.own
    assert settled is not None
    assert (intent.change, settled.outcome, settled.reason) == (renamed(kind), result.outcome, result.reason)


@KINDS
def test_g1_an_update_of_what_somebody_has_deleted_is_told_so(stage: Stage, kind: Kind) -> None:
    """It costs no refused batch."""
    [result] = sent(stage, renamed(kind), meanwhile={"idnumber": "deleted"}, kind=kind)
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, f"the {kind} is no longer in Moodle")
    assert stage.site.calls == []


def test_a2_a_description_that_is_not_sent_may_be_edited(stage: Stage) -> None:
    """A group's new name leaves the description alone; a new description does not go over somebody's."""
    [name_only] = sent(stage, renamed(Kind.GROUP), meanwhile={"description": "By hand"})
    assert name_only.outcome is Outcome.DONE
    [group] = [one for one in stage.site.state.groups.values() if one.idnumber == "G"]
    assert (group.name, group.description) == ("Other", "By hand")
    described = Change(Group("C1", "G", "Other", "By hand"), Group("C1", "G", "Other", "Ours"), "P6")
    [late] = sent(stage, described, meanwhile={"description": "Later"})
    assert (late.outcome, late.reason) == (Outcome.SKIPPED, "the group has another description now")


def test_a2_a_grouping_has_its_description_sent_always(stage: Stage) -> None:
    """Moodle resets what is not sent: an edit of it stops the rename too."""
    [result] = sent(stage, renamed(Kind.GROUPING), meanwhile={"description": "By hand"}, kind=Kind.GROUPING)
    assert (result.outcome, result.reason) == (Outcome.SKIPPED, "the grouping has another description now")


def test_g1_what_depends_on_it_waits_and_the_rest_goes_on(stage: Stage) -> None:
    """Nobody joins or leaves a group whose idnumber is no longer ours, no link of it is written, no name is taken."""
    takes_its_name = Change(Group("C1", "H", "Group H"), Group("C1", "H", "Group G"), "P6", step=1, waits_for="G")
    results = sent(
        stage,
        renamed(Kind.GROUP),
        takes_its_name,
        new_grouping("C1", "T"),
        linked("C1", "T", "G"),
        joins("C1", "G", "u2"),
        joins("C1", "H", "u2"),
        gone(joins("C1", "G", "u1")),
        gone(linked("C1", "S", "G")),
        meanwhile={"idnumber": None},
    )
    told = {(one.change.kind, one.change.action, one.change.row().get("group")): one for one in results}
    waits = "it waits for its group G: the group has another idnumber now"
    assert {key: (one.outcome, one.reason) for key, one in told.items() if one.outcome is not Outcome.DONE} == {
        ("group", "update", "G"): (Outcome.SKIPPED, "the group has another name or idnumber now"),
        ("group", "update", "H"): (Outcome.WAITING, "G still has the name that it is to get"),
        ("link", "create", "G"): (Outcome.WAITING, waits),
        ("membership", "create", "G"): (Outcome.WAITING, waits),
        ("membership", "delete", "G"): (Outcome.SKIPPED, "the group has another idnumber now"),
        ("link", "delete", "G"): (Outcome.SKIPPED, "the group has another idnumber now"),
    }
    assert [name for name, _ in stage.site.calls] == ["create_groupings", "add_members"]


def test_m2_a_group_that_is_matched_by_its_id_or_name_takes_members_without_idnumber(stage: Stage) -> None:
    """The plan names it by its id: that it has no idnumber is no news."""
    at = next(at for at, one in stage.site.state.groups.items() if one.idnumber == "G")
    by_hand(stage, Kind.GROUP, idnumber=None)
    [result] = stage.apply(joins("C1", keys.without_idnumber(at), "u2"))
    assert result.outcome is Outcome.DONE
    assert (at, 2) in stage.site.state.members


def test_p9_the_steps_of_one_rename_are_looked_at_as_one(stage: Stage) -> None:
    """The second begins with the name that the first gives, in one call or in two; and a re-key's new idnumber
    is what its members are added under."""
    for batch in (100, 1):
        stage.site.batch = batch
        now = next(one for one in stage.site.state.groups.values() if one.idnumber in ("G", "K"))
        before = Group("C1", now.idnumber or "", now.name, now.description)
        aside, after = replace(before, name="aside"), Group("C1", "K", f"Last {batch}", f"Described {batch}")
        steps = [Change(before, aside, "P9", step=1), Change(aside, after, "P10", step=2)]
        results = stage.apply(*steps, joins("C1", "K", f"u{batch % 7 + 5}"))
        assert {one.outcome for one in results} == {Outcome.DONE}, results


def test_a_look_costs_one_read_a_batch(stage: Stage) -> None:
    """However many objects and courses are in it."""
    stage.apply(*(new_group(course, f"N{n}") for course in ("C1", "C2", "C3") for n in range(20)))
    looks: list[int] = []
    look = stage.site.objects_now

    def counted(kind: Kind, ids: list[int]) -> Any:
        looks.append(len(ids))
        return look(kind, ids)

    stage.site.objects_now = counted  # type: ignore[assignment,method-assign]
    stage.apply(*(joins(course, f"N{n}", "u9") for course in ("C1", "C2", "C3") for n in range(20)))
    assert looks == [60]
