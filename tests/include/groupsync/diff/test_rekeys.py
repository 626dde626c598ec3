"""Which delete and which create are one thing under a new identifier (rule P10)."""

from collections.abc import Mapping, Sequence

import pytest

from include.groupsync.diff.rekeys import Gone, New, find_rekeys


def pairs(
    gone: Sequence[Gone], new: Sequence[New], shares: Mapping[tuple[int, str], float] | None = None
) -> dict[str, tuple[str, str]]:
    return find_rekeys(gone, new, lambda moodle_id, key: (shares or {}).get((moodle_id, key)))


def test_p10_all_the_evidence_of_a_pair_is_told() -> None:
    """In the order of its weight."""
    found = pairs([Gone(7, "007", "Lab")], [New("7", "Lab", "Lab")], {(7, "7"): 0.956})
    assert found == {
        "7": (
            "007",
            "Moodle takes the two idnumbers for equal; both are named 'Lab';"
            " 96% of its members are listed for the new idnumber",
        )
    }


@pytest.mark.parametrize(
    ("old", "name", "suffixed", "alike"),
    [
        ("Lab", "Lab", "Lab", True),
        ("Lab (OLD)", "Lab", "Lab (NEW)", True),
        ("Lab", "Lab", "Lab (NEW)", True),
        ("Lab (NEW)", "Lab", "Lab (NEW)", True),  # the suffix was written by hand, or by an earlier idnumber
        ("Lab (OLD) (OLD)", "Lab (OLD)", "Lab (OLD)", True),
        ("Lab (OLD)", "Lab (OLD)", "Lab (OLD)", True),
        ("Lab (X)", "Lab", "Lab", False),
        ("Lab", "Hall", "Hall", False),
    ],
)
def test_p10_names_are_compared_with_and_without_suffix(old: str, name: str, suffixed: str, alike: bool) -> None:
    """Of the old one only its own suffix is taken off."""
    found = pairs([Gone(7, "OLD", old)], [New("NEW", name, suffixed)])
    assert found == ({"NEW": ("OLD", f"both are named {name!r}")} if alike else {})


@pytest.mark.parametrize(("share", "likely"), [(0.8, True), (0.7999, False), (0.0, False), (1.0, True)])
def test_p10_members_are_evidence_from_80_percent_on(share: float, likely: bool) -> None:
    """Inclusive."""
    assert bool(pairs([Gone(7, "OLD", "x")], [New("NEW", "y", "y")], {(7, "NEW"): share})) == likely


def test_p10_number_goes_before_name_and_name_before_members() -> None:
    """Whichever key sorts first."""
    row = [New("9", "Lab", "Lab")]
    by_number, by_name, by_members = Gone(3, "09", "x"), Gone(2, "A", "Lab"), Gone(1, "0A", "y")
    shares = {(1, "9"): 1.0}
    assert pairs([by_members, by_name, by_number], row, shares)["9"][0] == "09"
    assert pairs([by_members, by_name], row, shares)["9"][0] == "A"
    assert pairs([by_members], row, shares)["9"][0] == "0A"


def test_p10_the_best_evidence_of_a_pair_ranks_it() -> None:
    """More members in common win; a pair that is also alike by name is ranked by that."""
    old = [Gone(1, "A", "x"), Gone(2, "B", "y")]
    assert pairs(old, [New("N", "z", "z")], {(1, "N"): 0.8, (2, "N"): 0.9})["N"][0] == "B"
    assert pairs(old, [New("N", "x", "x")], {(1, "N"): 0.8, (2, "N"): 1.0})["N"][0] == "A"


def test_p10_each_object_is_in_one_pair_at_most_and_the_rest_pair_among_themselves() -> None:
    """By key where the evidence is the same."""
    old = [Gone(1, "B", "x"), Gone(2, "A", "x")]
    new = [New("N", "x", "x (N)"), New("M", "x", "x (M)"), New("O", "x", "x (O)")]
    assert {row: found[0] for row, found in pairs(old, new).items()} == {"M": "A", "N": "B"}
