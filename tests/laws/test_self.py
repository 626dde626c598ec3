"""Laws that a plan keeps by itself, whatever the rules say of its university."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.apply.executor import Result
from include.groupsync.model.plan import Plan
from tests.laws.budget import law
from tests.laws.driver import apply, plan_of, rekeys_held
from tests.laws.universities import universities
from tests.laws.university import University


def undone(results: Iterable[Result]) -> list[str]:
    """The changes that did not go through, and why."""
    return [f"{r.outcome}: {r.change} {r.reason}" for r in results if r.outcome != "done"]


def told(plan: Plan) -> list[dict[str, Any]]:
    """The plan's rows, for a readable difference."""
    return [{k: v for k, v in change.row().items() if v is not None} for change in plan.changes()]


@law
@given(universities())
def test_a1_no_call_of_a_plan_is_refused(university: University) -> None:
    """The plan's order and steps are such that Moodle has nothing to refuse."""
    planned = plan_of(university)
    _, results = apply(university, planned, rekeys_held(planned.plan).released)
    assert undone(results) == []


@law
@given(universities())
def test_p10_a_plan_with_its_re_keys_approved_is_not_refused_either(university: University) -> None:
    """Approved, a re-key is an update in place among the others."""
    planned = plan_of(university)
    _, results = apply(university, planned, planned.plan)
    assert undone(results) == []


@law
@given(universities())
def test_a_second_run_changes_nothing_but_what_is_held(university: University) -> None:
    """From the state after a whole plan, with the ledger that it leaves, there is nothing left to do."""
    planned = plan_of(university)
    after, _ = apply(university, planned, planned.plan)
    assert told(plan_of(after).plan) == []


@law
@given(universities())
def test_what_is_held_is_all_that_a_second_run_plans(university: University) -> None:
    """A run that holds re-keys leaves them, and what waits for them, to the next; nothing else comes up."""
    planned = plan_of(university)
    parts = rekeys_held(planned.plan)
    after, _ = apply(university, planned, parts.released)
    again = rekeys_held(plan_of(after).plan)
    assert told(again.released) == []


@law
@given(universities())
def test_the_inverse_of_the_inverse_is_the_plan(university: University) -> None:
    """Undoing what undoes it is the plan again, digest and all."""
    plan = plan_of(university).plan
    assert plan.inverse().inverse() == plan


@law
@given(universities(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_not_in_the_digest(university: University, random: Any) -> None:
    """Whatever order the source, Moodle and the ledger answer in, the plan and what is found are the same."""
    first = plan_of(university)
    shuffled = {}
    for name, records in university.rows.items():
        shuffled[name] = [{"source_row": at, **row} for at, row in enumerate(records, start=1)]
        random.shuffle(shuffled[name])
    second = plan_of(University(**{**university.__dict__, "rows": shuffled}))
    assert told(second.plan) == told(first.plan)
    assert second.plan.digest == first.plan.digest
    assert sorted(map(repr, second.findings)) == sorted(map(repr, first.findings))
