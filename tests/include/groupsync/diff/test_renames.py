"""Who may take which name, in which order (rules G8, P9 and P11)."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from include.groupsync.diff.renames import Claim, Holder, Ruling, by_name, rule_on

LIMIT = 254


def rule(claims: Sequence[tuple[str, str, str | None]], others: Sequence[tuple[str, Holder]] = ()) -> Ruling:
    """Claims as (key, wanted name, name now), each the holder of its name, and holders that claim nothing."""
    own = [(now, Holder(key, True, False)) for key, _, now in claims if now is not None]
    return rule_on([Claim(key, wanted) for key, wanted, _ in claims], by_name([*own, *others]), LIMIT)


def stays(key: str, name: str, *, has_idnumber: bool = True) -> tuple[str, Holder]:
    return name, Holder(key, has_idnumber, False)


def leaves(key: str, name: str) -> tuple[str, Holder]:
    return name, Holder(key, True, True)


def test_p9_a_free_name_is_taken_at_once() -> None:
    """By a rename and by a create alike; nobody waits."""
    found = rule([("A", "new", "old"), ("B", "fresh", None)])
    assert found == Ruling(step={"A": 0, "B": 0})


def test_p9_a_chain_goes_from_its_free_end_in_any_order_of_its_claims() -> None:
    """Each waits for the one whose name it takes."""
    for claims in permutations([("A", "2", "1"), ("B", "3", "2"), ("C", "4", "3"), ("D", "1", None)]):
        found = rule(claims)
        assert found == Ruling(waits_for={"A": "B", "B": "C", "D": "A"}, step={"C": 0, "B": 1, "A": 2, "D": 3})


def test_p9_in_a_cycle_the_smallest_key_steps_aside_and_ends_it() -> None:
    """Before all; the one that waits for its name comes first."""
    for claims in permutations([("B", "3", "2"), ("C", "1", "3"), ("A", "2", "1")]):
        found = rule(claims)
        assert found.waits_for == {"A": "B", "B": "C", "C": "A"}
        assert found.step == {"C": 1, "B": 2, "A": 3}
        assert set(found.aside) == {"A"}


def test_p9_a_chain_beside_a_cycle_has_its_own_steps() -> None:
    """Nobody of it has to step aside."""
    cycle: list[tuple[str, str, str | None]] = [("M", "2", "1"), ("N", "1", "2")]
    chain: list[tuple[str, str, str | None]] = [("A", "9", None), ("Z", "8", "9"), ("O", "7", "8")]
    for claims in ([*cycle, *chain], [*chain, *cycle]):
        found = rule(claims)
        assert found.step == {"N": 1, "M": 2, "O": 0, "Z": 1, "A": 2}
        assert set(found.aside) == {"M"}


def test_p9_two_cycles_have_a_name_to_step_into_each() -> None:
    """Different ones, as long as their key says, and nobody's."""
    claims = [("A", "2", "1"), ("B", "1", "2"), ("C", "4", "3"), ("D", "3", "4")]
    found = rule(claims)
    assert set(found.aside) == {"A", "C"}
    assert len(set(found.aside.values())) == 2
    for name in found.aside.values():
        assert name.startswith("groupsync renaming ")
        assert len(name) == len("groupsync renaming ") + 12
    assert rule(claims[::-1]) == found


def test_p9_the_temporary_name_is_the_same_on_every_machine() -> None:
    """It is in the plan's digest."""
    found = rule([("A", "2", "1"), ("B", "1", "2")])
    assert found.aside == {"A": "groupsync renaming 42b43758f266"}


@pytest.mark.parametrize("by", ["holder", "claim"])
def test_p9_a_temporary_name_that_somebody_has_or_wants_is_not_taken(by: str) -> None:
    """The next one is, and the one after that."""
    swap: list[tuple[str, str, str | None]] = [("A", "2", "1"), ("B", "1", "2")]
    taken: list[str] = []
    for _ in range(3):
        if by == "holder":
            found = rule(swap, [stays(f"X{at}", name) for at, name in enumerate(taken)])
        else:
            found = rule([*swap, *((f"X{at}", name, None) for at, name in enumerate(taken))])
        taken.append(found.aside["A"])
    assert [name.removeprefix("groupsync renaming ") for name in taken] == [
        "42b43758f266", "6f03e2290cec", "08154df40bbe"
    ]  # fmt: skip


def test_p9_a_temporary_name_is_no_longer_than_moodle_takes() -> None:
    """Whatever the limit is; then it may have to be another."""
    claims = [Claim("A", "2"), Claim("B", "1")]
    holders = by_name([("1", Holder("A", True, False)), ("2", Holder("B", True, False))])
    assert rule_on(claims, holders, 22).aside == {"A": "groupsync renaming 42b"}


def test_p9_what_goes_steps_out_of_a_name_that_is_wanted() -> None:
    """And out of no other; by a rename, or by a create where it is no re-key."""
    found = rule([("A", "lab", "x"), ("B", "hall", None)], [leaves("OLD", "lab"), leaves("X", "pub")])
    assert (found.waits_for, found.refused, set(found.aside)) == ({"A": "OLD"}, {}, {"OLD"})
    assert found.step == {"A": 1, "B": 0}


def test_g8_a_name_of_something_that_stays_is_refused_and_so_is_who_hangs_on_it() -> None:
    """With the holder that keeps it; what does not hang on it goes on."""
    holder = Holder("X", True, False)
    found = rule([("A", "2", "1"), ("B", "3", "2"), ("C", "5", "4")], [("3", holder)])
    assert found.refused == {"A": Holder("B", True, False), "B": holder}
    assert (found.step, found.waits_for, found.aside) == ({"C": 0}, {}, {})
    nameless = rule([("A", "2", "1")], [stays("#7", "2", has_idnumber=False)])
    assert nameless.refused == {"A": Holder("#7", False, False)}


def test_g8_of_several_holders_of_a_name_one_that_stays_is_enough() -> None:
    """Names need not be unique in Moodle: a course that was restored has them twice."""
    found = rule([("A", "2", "1")], [leaves("OLD", "2"), stays("X", "2")])
    assert found.refused == {"A": Holder("X", True, False)}
    assert found.aside == {}


def test_g8_ones_own_name_is_no_hindrance() -> None:
    """Beside another of the same name."""
    found = rule_on([Claim("A", "1")], by_name([("1", Holder("A", True, False))]), LIMIT)
    assert found == Ruling(step={"A": 0})


def test_holders_are_found_by_the_name_that_they_have() -> None:
    """All of them, in their order."""
    a, b, c = Holder("A", True, False), Holder("B", True, False), Holder("C", False, True)
    assert by_name([("x", a), ("y", b), ("x", c)]) == {"x": [a, c], "y": [b]}
