"""What rows that cannot be used protect from deletion (rule K6)."""

import pytest

from include.groupsync.model.frames import frame_of
from include.groupsync.model.protection import Protection
from include.groupsync.source.quarantine import PROTECTED


def protection(**parts: str | None) -> Protection:
    row = {"dataset": "groups", "course": None, "key": None, "user": None} | parts
    return Protection.of(frame_of([row], PROTECTED), "groups")


def test_k6_a_whole_key_protects_that_object_alone() -> None:
    """Another group of the course, and the same idnumber elsewhere, stay as they were."""
    whole = protection(course="C", key="G")
    assert whole.covers("C", ["G"])
    assert not whole.covers("C", ["H"])
    assert not whole.covers("D", ["G"])
    assert not whole.covers_by_half("C", "G")


def test_k6_a_course_without_idnumber_protects_all_of_that_course() -> None:
    """It could have meant any of the course's groups, and what they hold."""
    half = protection(course="C")
    assert half.covers("C", ["anything"])
    assert half.covers_by_half("C", "anything")
    assert not half.covers("D", ["anything"])
    assert not half.covers_by_half("D", "anything")


def test_k6_an_idnumber_without_course_protects_it_in_every_course() -> None:
    """And nothing that has another idnumber."""
    half = protection(key="G")
    assert half.covers("C", ["G"])
    assert half.covers("D", ["G"])
    assert half.covers_by_half("D", "G")
    assert not half.covers("C", ["H"])
    assert not half.covers_by_half("C", "H")


def test_k6_a_membership_without_user_protects_the_groups_members() -> None:
    """Everybody in that group, nobody in another."""
    half = protection(course="C", key="G")
    assert half.covers("C", ["G"], "ann")
    assert not half.covers("C", ["H"], "ann")


def test_k6_a_person_without_group_is_protected_in_the_course() -> None:
    """In every group of it, and nobody else with them."""
    half = protection(course="C", user="ann")
    assert half.covers("C", ["G"], "ann")
    assert not half.covers("C", ["G"], "bob")
    assert not half.covers("D", ["G"], "ann")
    assert not half.covers("C", ["G"])
    assert not half.covers_by_half("C", "G")


def test_k6_a_person_alone_is_protected_everywhere() -> None:
    """A row that has only the user could have meant any of the person's memberships."""
    half = protection(user="ann")
    assert half.covers("C", ["G"], "ann")
    assert not half.covers("C", ["G"], "bob")


def test_k6_group_and_person_without_course_are_protected_in_every_course() -> None:
    """The group and the person must both fit."""
    half = protection(key="G", user="ann")
    assert half.covers("C", ["G"], "ann")
    assert not half.covers("C", ["G"], "bob")
    assert not half.covers("C", ["H"], "ann")


def test_k6_a_row_whose_whole_key_is_spoilt_protects_everything_of_its_table() -> None:
    """Text that cannot be read could have been any key."""
    anything = protection()
    assert anything.covers("C", ["G"], "ann")
    assert anything.covers_by_half("C", "G")


def test_k6_no_bad_row_protects_nothing() -> None:
    """The usual case."""
    nothing = Protection()
    assert not nothing.covers("C", ["G"], "ann")
    assert not nothing.covers_by_half("C", "G")


def test_k6_an_object_is_protected_under_each_name_that_it_goes_by() -> None:
    """A membership may have meant the group by its idnumber or by its name."""
    assert protection(course="C", key="Seminar 1").covers("C", ["G", "Seminar 1"])


@pytest.mark.parametrize("dataset", ["groupings", "memberships"])
def test_k6_one_table_protects_nothing_of_another(dataset: str) -> None:
    """A bad group row says nothing of groupings."""
    frame = frame_of([{"dataset": "groups", "course": "C", "key": None, "user": None}], PROTECTED)
    assert not Protection.of(frame, dataset).covers("C", ["G"], "ann")
