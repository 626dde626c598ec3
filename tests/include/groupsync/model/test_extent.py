"""Which part of its term a run is for."""

import pytest

from include.groupsync.model.extent import WHOLE, Extent
from include.groupsync.model.kind import Kind


def test_what_is_empty_leaves_nothing_out() -> None:
    """Also as a form has it: nothing, blanks, no kinds."""
    for form in ({}, {"courses": None, "kinds": None}, {"courses": " \n\t\n", "modules": "", "kinds": []}):
        assert Extent.of(form) == WHOLE
    assert (WHOLE.told, WHOLE.document, all(map(WHOLE.takes, Kind))) == ("", {}, True)


def test_k3_names_are_keys_as_the_tables_have_them() -> None:
    """Trimmed and normalised; a blank within one is part of it."""
    one = Extent.of({"courses": " ANTH 1014 \r\nCafe\u0301", "departments": ["D1", "D1 "]})
    assert one == Extent(courses=frozenset({"ANTH 1014", "Caf\u00e9"}), departments=frozenset({"D1"}))


def test_it_is_told_in_words_and_travels_unchanged() -> None:
    one = Extent.of({"courses": "C2\nC1", "kinds": ["membership", "group"]})
    assert one.told == "courses C1, C2; kinds group, membership"
    assert Extent.of(one.document) == Extent.of(one.form) == one
    assert (one.takes(Kind.GROUP), one.takes(Kind.LINK)) == (True, False)
    with pytest.raises(ValueError, match="groups"):
        Extent.of({"kinds": ["groups"]})


def test_many_names_are_cut_and_never_two_alike() -> None:
    """What is short enough for a subject still tells two parts apart."""
    first = Extent(courses=frozenset(f"COURSE-{n:03}" for n in range(50)))
    second = Extent(courses=first.courses - {"COURSE-049"})
    assert first.told.endswith("COURSE-019 and 30 more")
    assert first.short != second.short
    assert len(first.short) < 80
