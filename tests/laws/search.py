"""How the laws are shown universities: each that is drawn to all laws, or to all that look at one plan and one more.

A plan is most of the cost, so laws that look at the same plan share it.
"""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.laws import agree, errors, holds, itself, parts
from tests.laws.shown import Shown, shown

Law = Callable[[Shown], None]

# They look at the plan and at what it leaves.
OF_ONE_PLAN: tuple[Law, ...] = (
    agree.the_state_after_a_plan_is_what_the_rules_say,
    agree.what_is_reported_of_a_row_is_what_the_rules_say,
    agree.o2_reclaim_makes_ours_what_is_there_and_listed,
    itself.a1_no_call_of_a_plan_is_refused,
    itself.the_inverse_of_the_inverse_is_the_plan,
    holds.b2_what_is_released_beside_a_hold_is_not_refused,
    holds.o1_only_what_is_ours_has_an_idnumber_and_is_in_scope_is_deleted,
    holds.nothing_without_an_idnumber_is_touched,
)
# Each of them makes a second plan.
OF_ANOTHER_PLAN: tuple[Law, ...] = (
    itself.applying_twice_changes_nothing_the_second_time,
    itself.what_is_held_is_all_that_a_second_run_plans,
    itself.a5_after_any_interruption_the_next_run_ends_the_same,
    itself.the_order_of_rows_is_not_in_the_digest,
    itself.nothing_differs_from_itself,
    errors.one_rows_error_deletes_nothing_and_changes_nothing_elsewhere,
    errors.a_course_whose_every_row_is_bad_changes_nothing_elsewhere,
    parts.c2_some_courses_are_planned_as_in_the_whole_run,
    parts.c2_a_part_leaves_everything_else_as_it_is,
    holds.a1_who_moves_between_groups_is_never_without_one,
)


def search(seed: int, universities: int, *, every: bool, shrink: bool = False) -> int:
    """Show that many universities, the same for the same seed; how many were shown.

    With ``every`` each is shown to all laws, else to those of one plan and one more of the others.  Raises what
    the first broken law raises; with ``shrink`` for the smallest university that breaks it, which takes long.
    """
    count = 0

    # Universities are large to draw, and a plan takes what it takes: neither is what a law is about.
    @seeded(seed)
    @settings(
        max_examples=universities,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(shown())
    def show(one: Shown) -> None:
        nonlocal count
        count += 1
        for law in OF_ONE_PLAN:
            law(one)
        for law in OF_ANOTHER_PLAN if every else (OF_ANOTHER_PLAN[count % len(OF_ANOTHER_PLAN)],):
            law(one)

    show()
    return count
