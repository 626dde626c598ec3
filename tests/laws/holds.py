"""Laws of what is held, and of what may never be deleted."""

from include.groupsync.breaker.split import Split
from include.groupsync.model import keys
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.verdict import Reach
from tests.laws.driver import apply, held_back, plan_of
from tests.laws.itself import waits_for_a_number
from tests.laws.shown import Shown, nothing, undone
from tests.laws.university import University

KINDS = tuple(str(kind) for kind in Kind)
DATASETS = {Kind.GROUPING: "groupings", Kind.GROUP: "groups", Kind.LINK: "groups", Kind.MEMBERSHIP: "memberships"}


def some_held(shown: Shown) -> Split:
    """All deletes held, or those of one course, or those of one object, with its re-key."""
    plan, chance = shown.planned.plan, shown.chance
    actions = (str(Action.DELETE), str(Action.UPDATE)) if chance.random() < 0.5 else (str(Action.DELETE),)
    objects = sorted(
        {(c.course, str(c.kind), c.thing.key) for c in plan.changes() if c.kind in (Kind.GROUPING, Kind.GROUP)}
    )
    which = chance.choice(("all", "course", "object")) if objects else "all"
    if which == "all":
        return held_back(plan, Reach((str(Action.DELETE),), KINDS))
    course, kind, key = chance.choice(objects)
    if which == "course":
        return held_back(plan, Reach((str(Action.DELETE),), KINDS, course))
    return held_back(plan, Reach(actions, (kind,), course, key))


def b2_what_is_released_beside_a_hold_is_not_refused(shown: Shown) -> None:
    """What needs something that is held waits with it, however long the chain; and split in two nothing is lost."""
    parts = some_held(shown)
    assert len(parts.released) + len(parts.held) == len(shown.planned.plan)
    _, results = apply(shown.university, shown.planned, parts.released)
    nothing(undone(results))


def o1_only_what_is_ours_has_an_idnumber_and_is_in_scope_is_deleted(shown: Shown) -> None:
    """Nothing without an idnumber, nothing that the ledger does not have, nothing of another course or kind."""
    ledger, state = shown.university.ledger, shown.university.moodle
    courses = {at: keys.key(text) for at, text in state.courses.items()}
    single = {at: text for at, text in courses.items() if list(courses.values()).count(text) == 1}
    ids = {text: at for at, text in single.items()}
    ours = {
        (kind, ids.get(keys.key(state.courses.get(row["course_id"]))), row["idnumber"])
        for (kind, _), row in ledger.objects.items()
    }
    people = {at: keys.user_key(text, shown.university.options.userfield) for at, text in state.users.items()}
    members = {
        (state.groups[group_id].course_id, text)
        for (group_id, user_id), row in ledger.memberships.items()
        for text in (people[user_id], row["user"], f"#{user_id}")
        if group_id in state.groups
    }
    for change in shown.planned.plan.changes():
        course_id = ids.get(change.course)
        assert course_id is not None, "a course of Moodle, and one only"
        assert course_id not in shown.university.unread, "what was not read is left alone"
        assert DATASETS[change.kind] in shown.university.options.on, "a kind that is off is not diffed"
        if change.action is not Action.DELETE:
            continue
        if change.kind in (Kind.GROUPING, Kind.GROUP):
            assert keys.moodle_id_of(change.thing.key) is None
            assert (str(change.kind), course_id, change.thing.key) in ours
        elif change.kind is Kind.MEMBERSHIP:
            assert (course_id, change.thing.user) in members
        else:
            assert any(row["course_id"] == course_id for row in ledger.links.values())


def nothing_without_an_idnumber_is_touched(shown: Shown) -> None:
    """It stays as it is, but that it may be given one where the setting says so."""
    before, after = shown.university.moodle, shown.whole[0].moodle
    for kind in ("groupings", "groups"):
        for at, one in getattr(before, kind).items():
            now = getattr(after, kind).get(at)
            if not one.idnumber and not (shown.university.options.adopt and now and now.name == one.name):
                assert now == one


def a1_who_moves_between_groups_is_never_without_one(shown: Shown) -> None:
    """Who is in a group of a course, and is in one when all has been done, is in one meanwhile too: beside whatever
    hold, after any prefix of the plan, and between this run and the next; but whom the data team excludes (M6)."""
    if waits_for_a_number(shown):
        return
    university, planned = shown.university, shown.planned
    banned = {row["user"] for row in university.exceptions if row["what"] == "exclude"}
    excluded = {at for at, text in university.moodle.users.items() if _user(university, text) in banned}
    after = plan_of(shown.whole[0])
    end, _ = apply(shown.whole[0], after, after.plan)
    stay = {(course, at) for course, at in _placed(university) & _placed(end) if at not in excluded}
    first = planned.plan.frame.head(shown.chance.randint(0, len(planned.plan))).reset_index(drop=True)
    kinds = tuple(shown.chance.sample(KINDS, shown.chance.randint(1, 2)))
    unmade = held_back(planned.plan, Reach((str(Action.CREATE), str(Action.UPDATE)), kinds)).released
    beside = (apply(university, planned, part)[0] for part in (some_held(shown).released, unmade, Plan(first)))
    for now in (shown.whole[0], shown.released[0], *beside):
        nothing(sorted(stay - _placed(now)))


def _user(university: University, text: str) -> str | None:
    return keys.user_key(text, university.options.userfield)


def _placed(university: University) -> set[tuple[int, int]]:
    """Who is in any group of which course."""
    state = university.moodle
    return {(state.groups[at].course_id, user_id) for at, user_id in state.members}
