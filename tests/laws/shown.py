"""A university as the laws see it: what several of them look at is worked out once."""

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from hypothesis import strategies as st

from include.groupsync.apply.executor import Result
from include.groupsync.breaker.split import Split
from include.groupsync.model.plan import Plan
from tests.laws.driver import Planned, apply, plan_of, rekeys_held
from tests.laws.naive import Naive
from tests.laws.naive_end import outcome
from tests.laws.universities import universities
from tests.laws.university import University

Row = dict[str, object]
Applied = tuple[University, list[Result]]


@dataclass
class Shown:
    """``chance`` is what a law draws from: where a run stops, which row is spoilt."""

    university: University
    chance: Random

    @cached_property
    def planned(self) -> Planned:
        return plan_of(self.university)

    @cached_property
    def changes(self) -> list[Row]:
        return told(self.planned.plan)

    @cached_property
    def parts(self) -> Split:
        """The plan with its likely re-keys and claims held, as the breaker does by itself."""
        return rekeys_held(self.planned.plan)

    @cached_property
    def whole(self) -> Applied:
        """After all of the plan."""
        return apply(self.university, self.planned, self.planned.plan)

    @cached_property
    def released(self) -> Applied:
        """After what is released."""
        if not len(self.parts.held):
            return self.whole
        return apply(self.university, self.planned, self.parts.released)

    @cached_property
    def naive(self) -> Naive:
        return outcome(self.university)


def shown() -> st.SearchStrategy[Shown]:
    """A university with chances."""
    return st.builds(Shown, universities(), st.integers(0, 2**32 - 1).map(Random))


def told(plan: Plan) -> list[Row]:
    """The plan's rows, for a readable difference."""
    return [{k: v for k, v in change.row().items() if v is not None} for change in plan.changes()]


def undone(results: list[Result]) -> list[str]:
    """The changes that did not go through, and why."""
    return [f"{r.outcome}: {r.change} {r.reason}" for r in results if r.outcome != "done"]


def nothing(found: list[Any]) -> None:
    """There is nothing in the list; an AssertionError says what is, also outside pytest."""
    assert not found, "\n".join(map(str, found))


def alike(one: list[Any], other: list[Any]) -> None:
    """The two lists have the same; an AssertionError says what only one of them has."""
    nothing([f"only one side: {item}" for item in (*one, *other) if item not in one or item not in other])
    assert one == other, "the same in another order"
