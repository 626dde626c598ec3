"""A million rows by a number, and no object for each of them."""

from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.model.frames import frame_of
from include.groupsync.model.ledger import MANAGED_MEMBERSHIPS
from include.groupsync.model.lookup import MembersByGroup, OurMembers
from include.groupsync.model.snapshot import MEMBERS

PAIRS = st.sets(st.tuples(st.integers(1, 6), st.integers(1, 9)))


@given(PAIRS)
def test_members_are_found_as_in_a_dictionary(pairs: set[tuple[int, int]]) -> None:
    """A group without members is not in it."""
    found = MembersByGroup(frame_of(({"group_id": g, "user_id": u} for g, u in pairs), MEMBERS))
    plain = {group: frozenset(u for g, u in pairs if g == group) for group in {g for g, _ in pairs}}
    assert dict(found) == plain
    assert (len(found), found.get(99, frozenset())) == (len(plain), frozenset())


@given(PAIRS)
def test_our_members_are_found_by_group_and_key(pairs: set[tuple[int, int]]) -> None:
    """In whatever order they are asked for."""
    rows = ({"group_id": g, "user_id": u, "user": f"key {u}", "terms": "T"} for g, u in pairs)
    found = OurMembers(frame_of(rows, MANAGED_MEMBERSHIPS))
    assert dict(found) == {(g, f"key {u}"): u for g, u in pairs}
    assert len(found) == len(pairs)
    assert [found.get((g, f"key {u}")) for g in range(8) for u in range(11)] == [
        u if (g, u) in pairs else None for g in range(8) for u in range(11)
    ]
