"""Which trips hold something that an approval may release, and what it releases (rule B4)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.breaker.split import holding, split, with_approved
from include.groupsync.model.change import Change
from include.groupsync.model.plan import Plan
from include.groupsync.model.things import Group
from include.groupsync.model.verdict import Effect, Observation, Reach, Verdict
from tests.include.groupsync.breaker.plans import (
    EVERYTHING,
    KINDS,
    goes,
    update,
)

REACHES = st.builds(
    Reach,
    st.sampled_from([("delete",), ("create", "update"), ("update",)]),
    st.sampled_from([KINDS, ("group",), ("grouping", "link"), ("link",), ("group", "link", "membership")]),
    st.sampled_from([None, "C", "D", "X"]),
    st.sampled_from([None, "C-0", "D-1", "C-1000", "L", "M"]),
    st.sampled_from([None, None, (), ("C", "X"), ("C", "D")]),
).filter(lambda reach: reach.key is None or reach.course is not None or reach.courses is not None)
TRIPS = st.lists(st.tuples(st.sampled_from(Effect), REACHES | st.none()), max_size=6)
WAITING = [
    Change(None, Group("C", "C-9", "NC-0"), "P5", waits_for="C-0"),
    Change(Group("D", "D-9", "x"), Group("D", "D-9", "ND-1"), "P6", waits_for="D-1"),
]


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(
    st.lists(st.sampled_from([*EVERYTHING, *WAITING]), unique=True, max_size=12),
    TRIPS,
    st.sampled_from([None, frozenset("C"), frozenset("DX"), frozenset()]),
)
def test_b4_a_trip_is_told_exactly_where_it_alone_would_hold_something_that_an_approval_releases(
    changes: list[Change], trips: list[tuple[Effect, Reach | None]], courses: frozenset[str] | None
) -> None:
    """Whatever it reaches, itself or by what waits."""
    plan = Plan.of_changes(changes)
    told = tuple(
        Observation("test", str(at), 1, 0, 1, None, True, "t", effect, reach)
        for at, (effect, reach) in enumerate(trips)
        if reach is not None or effect is Effect.HOLD
    )
    verdict = Verdict(plan.digest, told)
    asked = {one for one in split(plan, verdict).releasable.changes() if courses is None or one.course in courses}
    wanted = [one for one in told if asked & set(split(plan, Verdict(plan.digest, (one,))).held.changes())]
    assert list(holding(plan, verdict, courses)) == wanted


def test_b4_the_trips_that_hold_something_are_told_by_what_they_hold() -> None:
    """Of all courses or of some; a trip that only blocks, or holds nothing, is none of them."""
    changes = [goes("G"), goes("G", "D"), Change(None, Group("D", "H", "Name of G"), "P5", waits_for="G")]
    plan = Plan.of_changes(changes)

    def trip(rule: str, effect: Effect, reach: Reach | None) -> Observation:
        return Observation(rule, "s", 1, 0, 1, None, True, "t", effect, reach)

    verdict = Verdict(
        plan.digest,
        (
            trip("course C", Effect.HOLD, Reach(("delete",), KINDS, "C")),
            trip("course D", Effect.HOLD, Reach(("delete",), KINDS, "D")),
            trip("updates", Effect.HOLD, Reach(("update",), KINDS)),
            trip("nothing", Effect.HOLD, None),
            trip("block", Effect.BLOCK, Reach(("delete",), KINDS, "C")),
        ),
    )
    assert [one.rule for one in holding(plan, verdict)] == ["course D"]
    assert [one.rule for one in holding(plan, verdict, frozenset({"D", "X"}))] == ["course D"]
    assert holding(plan, verdict, frozenset({"C"})) == ()
    unblocked = Verdict(plan.digest, verdict.observations[:-1])
    assert [one.rule for one in holding(plan, unblocked)] == ["course C", "course D"]
    assert [one.rule for one in holding(plan, unblocked, frozenset({"C"}))] == ["course C"]


def test_b4_a_trip_is_told_whether_it_reaches_every_course_or_one_object() -> None:
    """By what there is to release of it: of its kinds and actions, in its course, under its key."""
    reaches = {
        "every course": Reach(("delete",), KINDS),
        "no such kind": Reach(("delete",), ("grouping",)),
        "no such action": Reach(("update",), KINDS),
        "one group": Reach(("delete",), ("group",), "C", "G"),
        "another group": Reach(("delete",), ("group",), "C", "H"),
        "another course's": Reach(("delete",), ("group",), "D", "G"),
        "one of some courses": Reach(("delete",), ("group",), key="G", courses=("D", "C")),
    }
    plan = Plan.of_changes([goes("G"), goes("H", "D")])
    trips = [Observation(name, "s", 1, 0, 1, None, True, "t", Effect.HOLD, reach) for name, reach in reaches.items()]
    told = {one.rule for one in holding(plan, Verdict(plan.digest, tuple(trips)))}
    assert told == {"every course", "one group", "one of some courses"}


def test_b4_what_is_approved_goes_with_what_nothing_holds() -> None:
    """In all courses or in some; what a trip blocks stays, and what nobody approved may still be."""
    plan = Plan.of_changes([goes("G"), update("C"), goes("G", "D"), goes("G", "E"), goes("G", "F")])
    holds, blocks = Reach(("delete",), KINDS, courses=("C", "D", "E")), Reach(("delete",), KINDS, "E")
    trips = [
        Observation("r", "s", 1, 0, 1, None, True, "t", effect, reach)
        for effect, reach in ((Effect.HOLD, holds), (Effect.BLOCK, blocks))
    ]

    def parts(courses: str | None) -> tuple[str, ...]:
        approved = None if courses is None else frozenset(courses)
        found = with_approved(plan, Verdict(plan.digest, tuple(trips)), approved)
        of = (found.released, found.held, found.releasable)
        return tuple("".join(sorted(change.course for change in one.changes())) for one in of)

    assert parts(None) == ("CCDF", "E", "")
    assert parts("DE") == ("CDF", "CE", "C")
    assert parts("") == ("CF", "CDE", "CD")
