"""Laws of what is held, of a run that stops half-way, and of what may never be deleted."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.groupsync.breaker.split import Split
from include.groupsync.model import keys
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.verdict import Reach
from tests.laws.budget import law
from tests.laws.driver import apply, held_back, plan_of
from tests.laws.test_self import told, undone
from tests.laws.universities import universities
from tests.laws.university import University

KINDS = tuple(str(kind) for kind in Kind)


def some_held(plan: Plan, draw: Any) -> Split:
    """All deletes held, or those of one course, or those of one object, with its re-key."""
    actions = (str(Action.DELETE), str(Action.UPDATE)) if draw(st.booleans()) else (str(Action.DELETE),)
    objects = sorted(
        {(c.course, str(c.kind), c.thing.key) for c in plan.changes() if c.kind in (Kind.GROUPING, Kind.GROUP)}
    )
    which = draw(st.sampled_from(("all", "course", "object"))) if objects else "all"
    if which == "all":
        return held_back(plan, Reach((str(Action.DELETE),), KINDS))
    course, kind, key = draw(st.sampled_from(objects))
    if which == "course":
        return held_back(plan, Reach((str(Action.DELETE),), KINDS, course))
    return held_back(plan, Reach(actions, (kind,), course, key))


@law
@given(universities(), st.data())
def test_b2_what_is_released_beside_a_hold_is_not_refused(university: University, data: st.DataObject) -> None:
    """What needs something that is held waits with it, however long the chain; and split in two nothing is lost."""
    planned = plan_of(university)
    parts = some_held(planned.plan, data.draw)
    assert len(parts.released) + len(parts.held) == len(planned.plan)
    _, results = apply(university, planned, parts.released)
    assert undone(results) == []


@law
@given(universities(), st.integers(0, 30), st.integers(1, 3))
def test_a5_an_interrupted_run_and_a_whole_one_end_as_one_that_was_not(
    university: University, done: int, batch: int
) -> None:
    """After any prefix of a plan a new one, applied whole, ends in the same state."""
    planned = plan_of(university)
    whole, _ = apply(university, planned, planned.plan)
    first = Plan(planned.plan.frame.head(done).reset_index(drop=True))
    half, results = apply(university, planned, first, batch)
    assert undone(results) == []
    again = plan_of(half)
    ended, results = apply(half, again, again.plan)
    assert undone(results) == []
    assert ended.moodle.portrait(1000) == whole.moodle.portrait(1000)


@law
@given(universities())
def test_o1_only_what_is_ours_has_an_idnumber_and_is_in_scope_is_deleted(university: University) -> None:
    """Nothing without an idnumber, nothing that the ledger does not have, nothing of a course that was not read."""
    planned = plan_of(university)
    in_scope = set(planned.snapshot.courses["course"])
    ours = {(row["kind"], row["course"], row["idnumber"]) for row in university.ledger.objects.values()}
    for change in planned.plan.changes():
        if change.action is not Action.DELETE:
            continue
        assert change.course in in_scope
        if change.kind in (Kind.GROUPING, Kind.GROUP):
            assert keys.moodle_id_of(change.thing.key) is None
            assert (str(change.kind), change.course, change.thing.key) in ours


@law
@given(universities(), st.data())
def test_k6_a_row_that_becomes_bad_adds_no_delete(university: University, data: st.DataObject) -> None:
    """Whatever row is spoilt, nothing that it named goes because of it."""
    before = told(plan_of(university).plan)
    name = data.draw(st.sampled_from(("groupings", "groups", "memberships")))
    if not university.rows[name]:
        return
    at = data.draw(st.integers(0, len(university.rows[name]) - 1))
    row = university.rows[name][at]
    column = {"groupings": "name", "groups": "name", "memberships": "user"}[name]
    spoilt = [*university.rows[name]]
    spoilt[at] = {**row, column: f"{row[column] or ''}\x01"}
    after = told(plan_of(replace(university, rows={**university.rows, name: spoilt})).plan)
    deletes = [_what(change) for change in before if change["action"] == "delete"]
    own = {"groupings": "grouping", "groups": "group", "memberships": "membership"}[name]
    course = keys.key(row["course"])
    added = [_what(c) for c in after if c["action"] == "delete" and _what(c) not in deletes]
    named = keys.key(row.get("idnumber") or row.get("group"))
    field_name = "group" if name == "memberships" else own
    assert [c for c in added if (c["kind"], c["course"], c.get(field_name)) == (own, course, named)] == []


def _what(change: dict[str, Any]) -> dict[str, Any]:
    return {part: change.get(part) for part in ("kind", "course", "grouping", "group", "user")}


@law
@given(universities(), st.sampled_from(("C1", "C2", "C5")))
def test_one_course_rows_never_change_what_happens_to_another(university: University, course: str) -> None:
    """With all rows of a course spoilt, every other course's changes are the same."""
    spoilt = {
        name: [{**row, "name": "\x01", "user": "\x01"} if keys.key(row["course"]) == course else row for row in records]
        for name, records in university.rows.items()
    }
    if university.options.groupfield == "id":
        return  # an id is of any course
    first, second = (
        told(plan_of(u).plan) for u in (university, replace(university, rows={**university.rows, **spoilt}))
    )
    assert [c for c in second if c["course"] != course] == [c for c in first if c["course"] != course]
