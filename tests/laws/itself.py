"""Laws that a plan keeps by itself, whatever the rules say of its university."""

from dataclasses import replace
from typing import Any

from include.groupsync.model import keys
from include.groupsync.model.plan import Plan
from tests.laws.driver import apply, plan_of, rekeys_held
from tests.laws.moodle import Object
from tests.laws.shown import Shown, alike, nothing, told, undone
from tests.laws.university import TERM, Ledger, Row, University


def a1_no_call_of_a_plan_is_refused(shown: Shown) -> None:
    """The plan's order and steps are such that Moodle has nothing to refuse, with likely re-keys held or approved."""
    nothing(undone(shown.released[1]))
    nothing(undone(shown.whole[1]))


def the_inverse_of_the_inverse_is_the_plan(shown: Shown) -> None:
    """Undoing what undoes it is the plan again, digest and all."""
    plan = shown.planned.plan
    assert plan.inverse().inverse() == plan


def waits_for_a_number(shown: Shown) -> bool:
    """Whether a row waits for the next run, because Moodle takes its idnumber for one that goes in this (rule K7).

    Where likely re-keys are off they are an ordinary delete and create, and creates come first.
    """
    gone = {(c["course"], keys.loose(str(c[str(c["kind"])]))) for c in shown.changes if is_delete_of_object(c)}
    waits = {(f["course"], keys.loose(f["key"] or "")) for f in shown.planned.findings if f["rule"] == "K7"}
    return bool(gone & waits)


def freed(shown: Shown) -> set[tuple[str, str]]:
    """Groupings, by course and key, that are listed no more and stay because of a group without idnumber (rule G7),
    which the plan gives one: they go in the run after."""
    moodle, adopts = shown.university.moodle, [c for c in shown.changes if c["kind"] == "group" and "to_key" in c]
    adopted = {keys.moodle_id_of(str(c["group"])) for c in adopts}
    holding = [moodle.groupings[at] for at, group_id in moodle.links if group_id in adopted]
    numbers = {(moodle.courses[one.course_id].strip(), keys.key(one.idnumber)) for one in holding}
    kept = {(f["course"], f["key"]) for f in shown.planned.findings if (f["rule"], f["severity"]) == ("G7", "note")}
    return numbers & kept


def is_freed(shown: Shown, change: Row) -> bool:
    """Whether it takes such a grouping away, or a group out of it."""
    return change["action"] == "delete" and (change["course"], change.get("grouping")) in freed(shown)


def is_inside_a_rekey(shown: Shown, change: Row) -> bool:
    """Whether it is in or out of something that has a new idnumber now: that waits for the run after (rule M5)."""
    new = {(c["course"], c["kind"], c["to_key"]) for c in shown.changes if c["rule"] == "P10" and "to_key" in c}
    own = ((change["course"], kind, change.get(kind)) for kind in ("grouping", "group"))
    return change["kind"] in ("link", "membership") and any(one in new for one in own)


def is_delete_of_object(change: Row) -> bool:
    return change["action"] == "delete" and change["kind"] in ("grouping", "group")


def applying_twice_changes_nothing_the_second_time(shown: Shown) -> None:
    """From the state after a whole plan, with the ledger that it leaves, there is nothing left to do."""
    if not waits_for_a_number(shown):
        again = told(plan_of(shown.whole[0]).plan)
        nothing([c for c in again if not is_inside_a_rekey(shown, c) and not is_freed(shown, c)])


def what_is_held_is_all_that_a_second_run_plans(shown: Shown) -> None:
    """A run that holds re-keys leaves them, and what waits for them, to the next; nothing else comes up."""
    if len(shown.parts.held) and not waits_for_a_number(shown):  # without a hold it is the law above
        again = told(rekeys_held(plan_of(shown.released[0]).plan).released)
        nothing([c for c in again if not is_freed(shown, c)])


def a5_after_any_interruption_the_next_run_ends_the_same(shown: Shown) -> None:
    """After any prefix of a plan a new one, applied whole, ends in the same state."""
    rekeyed = any(c["rule"] == "P10" and "to_key" in c for c in shown.changes)
    if waits_for_a_number(shown) or rekeyed or freed(shown):
        return  # the next run goes on from there
    plan, batch = shown.planned.plan, shown.chance.randint(1, 3)
    first = Plan(plan.frame.head(shown.chance.randint(0, len(plan))).reset_index(drop=True))
    half, results = apply(shown.university, shown.planned, first, batch)
    nothing(undone(results))
    again = plan_of(half)
    ended, results = apply(half, again, again.plan)
    nothing(undone(results))
    assert ended.moodle.portrait(1000) == shown.whole[0].moodle.portrait(1000)


def the_order_of_rows_is_not_in_the_digest(shown: Shown) -> None:
    """Whatever order the source, Moodle and the ledger answer in, the plan and what is found are the same."""

    def shuffled(several: Any) -> Any:
        mixed = list(several.items() if isinstance(several, dict) else several)
        shown.chance.shuffle(mixed)
        return dict(mixed) if isinstance(several, dict) else mixed

    first, university = shown.planned, shown.university
    numbered = {
        name: [{"source_row": at, **row} for at, row in enumerate(records, start=1)]
        for name, records in university.rows.items()
    }
    there = university.moodle
    moodle = replace(
        there,
        courses=shuffled(there.courses),
        users=shuffled(there.users),
        groupings=shuffled(there.groupings),
        groups=shuffled(there.groups),
    )
    ledger = Ledger(**{name: shuffled(table) for name, table in university.ledger.__dict__.items()})
    rows = {name: shuffled(records) for name, records in numbered.items()}
    second = plan_of(replace(university, rows=rows, moodle=moodle, ledger=ledger))
    alike(told(second.plan), shown.changes)
    assert second.plan.digest == first.plan.digest
    assert sorted(map(repr, second.findings)) == sorted(map(repr, first.findings))


def nothing_differs_from_itself(shown: Shown) -> None:
    """Where the source lists just what Moodle has, there is nothing to do."""
    nothing(told(plan_of(mirrored(shown.university)).plan))


def mirrored(university: University) -> University:
    """With remote tables that say what Moodle holds, and a ledger of which they can say all."""
    state, options = university.moodle, replace(university.options, names=True, placed=True)
    courses = {at: keys.key(text) for at, text in state.courses.items()}
    common = {"module": "M1", "occurrence": "1", "term": TERM}
    rows: dict[str, list[Row]] = {"groupings": [], "groups": [], "memberships": [], "mappings": []}
    links: dict[int, tuple[int, int]] = {}  # by group: a row names one grouping
    for pair in sorted(university.ledger.links):
        if pair in state.links and value_of(options.groupingfield, pair[0], state.groupings[pair[0]]):
            links.setdefault(pair[1], pair)
    for name, objects in (("groupings", state.groupings), ("groups", state.groups)):
        for at, one in objects.items():
            row = {"course": courses[one.course_id], "idnumber": one.idnumber, "name": one.name}
            rows[name].append(row | {"description": one.description, "grouping": None} | common)
            if name == "groups" and at in links:
                grouping_id = links[at][0]
                value = value_of(options.groupingfield, grouping_id, state.groupings[grouping_id])
                rows[name][-1]["grouping"] = value
    for group_id, user_id in sorted(state.members):
        group = state.groups[group_id]
        row = {"course": courses[group.course_id], "group": value_of(options.groupfield, group_id, group)}
        rows["memberships"].append(row | {"user": state.users[user_id]} | common)
    for course in sorted({course for course in courses.values() if course}):
        mapping = {"course": course, "period": "T1", "status": "active", "import_groups": "yes"}
        rows["mappings"].append(mapping | common)
    base = {pair: university.ledger.links[pair] for pair in links.values()}
    ledger = replace(university.ledger, links=base)
    return replace(university, options=options, rows=rows, ledger=ledger, exceptions=[], reclaim=False)


def value_of(field_name: str, at: int, one: Object) -> str | None:
    """What a row names the object by."""
    return {"id": str(at), "idnumber": one.idnumber, "name": one.name}[field_name]
