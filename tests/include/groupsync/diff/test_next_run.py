"""What the next run would do about a drift, by its plan, findings and scope: every answer, and which comes first."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from include.groupsync.diff.next_run import NextRun, counted, foresee
from include.groupsync.model.change import Change
from include.groupsync.model.drift import DRIFT, Next, What
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import MANAGED_LINKS
from include.groupsync.model.plan import Plan
from include.groupsync.model.scope import Scope, Standing
from include.groupsync.model.snapshot import SCHEMAS
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.source.clean import CLEAN

Row = Mapping[str, Any]
WHERE = {"course": "C1", "course_id": 1}
ACTIVE = {("C1", None): Standing.ACTIVE, ("C2", None): Standing.ACTIVE}
DATASETS = ("groupings", "groups", "memberships")

# A group that is gone, one that has another idnumber, and the same of a grouping.
GONE: Row = {**WHERE, "kind": "group", "what": What.MISSING, "group": "G1", "moodle_id": 21, "applied": "Group 1"}
TAKEN: Row = {**GONE, "what": What.IDNUMBER, "at_group": "mine", "applied": "G1", "now": "mine"}
GROUPING: Row = {**WHERE, "kind": "grouping", "what": What.MISSING, "grouping": "S1", "moodle_id": 11}
RENAMED: Row = {**GONE, "what": What.RENAMED, "at_group": "G1", "now": "Ours"}
DESCRIBED: Row = {**RENAMED, "what": What.DESCRIBED, "applied": "was", "now": "is"}
LINK: Row = {
    **WHERE, "kind": "link", "what": What.UNLINKED, "grouping": "S1", "group": "G1", "moodle_id": 21,
    "grouping_id": 11, "at_grouping": "S1", "at_group": "G1",
}  # fmt: skip
MEMBER: Row = {
    **WHERE, "kind": "membership", "what": What.LEFT, "group": "G1", "user": "ann", "moodle_id": 21, "at_group": "G1",
}  # fmt: skip

MADE = Change(None, Group("C1", "G1", "Group 1"), "P5")


def run(
    *changes: Change,
    held: str | None = None,
    findings: Iterable[Finding] = (),
    listed: Mapping[str, Iterable[Row]] | None = None,
    links: Iterable[Row] = (),
    groups: Iterable[Row] = (),
    groupings: Iterable[Row] = (),
    standings: Mapping[tuple[str, str | None], Standing] = ACTIVE,
    datasets: Iterable[str] = DATASETS,
    **more: Any,
) -> NextRun:
    """The whole plan is held by the same rules."""
    plan = Plan.of_changes(changes).frame
    has_modules = any(label is not None for _, label in standings)
    return NextRun(
        plan=plan,
        held_by=[held] * len(plan),
        findings=frame_of((one.row() for one in findings), FINDING),
        listed={name: frame_of(some, CLEAN[name]) for name, some in (listed or {}).items()},
        links=frame_of(links, MANAGED_LINKS),
        groups=frame_of(groups, SCHEMAS["groups"]),
        groupings=frame_of(groupings, SCHEMAS["groupings"]),
        scopes={name: Scope(has_modules, standings) for name in datasets},
        **more,
    )


def told(row: Row, next_run: NextRun, *others: Row) -> tuple[str, str]:
    """What is next for the row, which is looked at beside others."""
    found = rows(foresee(frame_of([row, *others], DRIFT), next_run))[0]
    return found["next"], found["why"]


def finding(dataset: str, rule: str, key: str | None, reason: str = "why", **more: Any) -> Finding:
    return Finding(dataset, Severity.ERROR, rule, reason, course="C1", key=key, **more)


MADE_AGAIN = (Next.MENDS, "it is made again (P5)")
FORGOTTEN = (Next.AGREES, "the source lists it no more: it is forgotten")


def test_c2_of_a_run_that_writes_nothing_all_is_frozen_and_without_a_plan_all_is_unknown() -> None:
    """Of both the first."""
    for row in (GONE, GROUPING, RENAMED, LINK, MEMBER):
        assert told(row, run(MADE, writes_nothing="a", unknown="b")) == (Next.FROZEN, "a")
        assert told(row, run(MADE, unknown="b")) == (Next.UNKNOWN, "b")


def test_g3_what_is_in_a_course_of_another_key_goes_with_the_course() -> None:
    """Whether rows still speak of its old key; other courses have nothing to do with it."""
    course: Row = {"course_id": 1, "course": "new", "kind": "course", "what": What.COURSE_KEY, "applied": "C1"}
    waits = (Next.WAITS, "the rows speak of C1, and Moodle has no such course (G3)")
    frozen = (Next.FROZEN, "no mapping speaks of the course any more (C4)")
    for row in (GONE, RENAMED, LINK, MEMBER):
        assert told(row, run(MADE), course) == told(course, run(MADE)) == waits
        assert told(row, run(standings={("C2", None): Standing.ACTIVE}), course) == frozen
    assert told(GONE, run(MADE), {**course, "course_id": 2}) == MADE_AGAIN
    assert told(course, run(datasets=["memberships"])) == waits, "any table may speak of it"


def test_what_is_gone_is_made_again_under_the_key_that_it_had() -> None:
    """By course, kind and key; one that has another ID number now stays beside it."""
    grouping = Change(None, Grouping("C1", "S1", "Seminars"), "G5")
    assert told(GONE, run(MADE)) == MADE_AGAIN
    assert told(GROUPING, run(grouping)) == (Next.MENDS, "it is made again (G5)")
    assert told(TAKEN, run(MADE)) == (Next.MENDS, "another is made, and this one stays as it is (P5)")
    for other in (Group("C2", "G1", "x"), Group("C1", "G2", "x"), Grouping("C1", "G1", "x")):
        assert told(GONE, run(Change(None, other, "P5"))) == FORGOTTEN
    assert told(GONE, run(Change(Group("C1", "G1", "x"), Group("C1", "G1", "y"), "P6"))) == FORGOTTEN


def test_p4_an_object_that_is_there_may_be_given_its_key() -> None:
    given = Change(Group("C1", "#5", "Group 1"), Group("C1", "G1", "Group 1"), "P4")
    assert told(GONE, run(given)) == (Next.MENDS, "one that is there is given its ID number (P4)")
    of_it = {**RENAMED, "at_group": "#5", "now": "x"}
    assert told(of_it, run(given)) == (Next.RESPECTS, _NO_ROW), "its name stays as it is"


_NO_ROW = "no row lists it under the ID number that it has now, and it stays as it is"


@pytest.mark.parametrize(
    ("held", "told_of_it"),
    [
        ("run_deletes, stale", (Next.HELD, "run_deletes, stale holds it; approved, it is made again (P5)")),
        ("", (Next.HELD, "what it depends on holds it; approved, it is made again (P5)")),
        (None, MADE_AGAIN),
    ],
)
def test_b2_what_the_breaker_holds_is_told_with_the_rules(held: str | None, told_of_it: tuple[str, str]) -> None:
    assert told(GONE, run(MADE, held=held)) == told_of_it


def test_what_a_finding_says_of_the_object_is_what_it_waits_for() -> None:
    """Of its dataset, course and key; a kept edit and what is said of its link say nothing of it."""
    waits = (Next.WAITS, "name taken (G8)")
    assert told(GONE, run(findings=[finding("groups", "G8", "G1", "name taken")])) == waits
    assert told(RENAMED, run(findings=[finding("groups", "G8", "G1", "name taken")])) == waits
    assert told(GROUPING, run(findings=[finding("groupings", "G8", "S1", "name taken")])) == waits
    both = [finding("groups", "O4", "G1"), finding("groups", "L1", "G1"), finding("groups", "G8", "G1", "name taken")]
    assert told(GONE, run(findings=both)) == waits, "the first that says something"
    for other in (
        finding("groups", "O4", "G1"), finding("groups", "L1", "G1"), finding("groupings", "G8", "G1"),
        finding("groups", "G8", "G2"), finding("groups", "G8", None),
        Finding("groups", Severity.ERROR, "G8", "why", course="C2", key="G1"),
        Finding("groups", Severity.ERROR, "G8", "why", key="G1"),
    ):  # fmt: skip
        assert told(GONE, run(findings=[other])) == FORGOTTEN
    assert told(GONE, run(MADE, findings=both)) == MADE_AGAIN, "what is done is done"


@pytest.mark.parametrize("row", [GONE, TAKEN, GROUPING, RENAMED, DESCRIBED, LINK, MEMBER])
def test_c2_what_the_run_may_not_touch_is_frozen(row: Row) -> None:
    """A kind that is off, a course or a module without an active mapping; first what weighs most."""
    kind = Kind(row["kind"])
    off = run(kinds=frozenset(Kind) - {kind}, standings={})
    assert told(row, off) == (Next.FROZEN, "this kind is switched off (O3)")
    no_course = (Next.FROZEN, "no mapping of the course is active in the term (C2, C4)")
    assert told(row, run(standings={("C1", None): Standing.FROZEN, ("C2", None): Standing.ACTIVE})) == no_course
    assert told(row, run(datasets=[name for name in DATASETS if name != kind.dataset])) == no_course
    modules = {("C1", "M1"): Standing.ACTIVE, ("C1", "M2"): Standing.FROZEN}
    no_module = (Next.FROZEN, "no mapping of its module is active in the term (C2)")
    assert told({**row, "module": "M2"}, run(standings=modules)) == no_module
    assert told({**row, "module": "M1"}, run(standings=modules))[0] not in (Next.FROZEN, Next.UNKNOWN)


def test_o1_another_may_have_its_key_or_the_row_was_not_made_in_this_run() -> None:
    """By kind and course; in this order."""
    there: Row = {"group_id": 5, "course_id": 1, "idnumber": " G1 ", "name": "x"}
    listed: Row = {"course": "C1", "idnumber": "G1", "name": "Group 1"}
    other = (Next.AGREES, "another has its ID number: that one is managed from then on (O1)")
    waits = (Next.WAITS, "it is listed, and not made in this run")
    assert told(GONE, run(groups=[there], listed={"groups": [listed]})) == other
    assert told(GONE, run(groups=[{**there, "course_id": 2}], listed={"groups": [listed]})) == waits
    assert told(GONE, run(groupings=[{**there, "grouping_id": 5}], listed={"groupings": [listed]})) == FORGOTTEN
    grouping: Row = {"grouping_id": 5, "course_id": 1, "idnumber": "S1", "name": "x"}
    assert told(GROUPING, run(groupings=[grouping])) == other
    assert told(GROUPING, run(listed={"groupings": [{**listed, "idnumber": "S1"}]})) == waits
    for unlike in ({"course": "C2"}, {"idnumber": "G2"}):
        assert told(GONE, run(listed={"groups": [{**listed, **unlike}]})) == FORGOTTEN
    assert told(GONE, run(groups=[{**there, "idnumber": None}])) == FORGOTTEN
    reason = "the source lists it no more, and under another ID number it is nobody's to delete"
    assert told(TAKEN, run()) == (Next.RESPECTS, reason)


# --- a name or a description that somebody changed


def test_o4_a_changed_field_gets_what_the_source_says_in_the_end() -> None:
    """A name over another one first (rule P9); not where that is what it is called now, nor for the other field."""
    steps = [
        Change(Group("C1", "G1", "Ours"), Group("C1", "G1", "aside"), "P9", step=1),
        Change(Group("C1", "G1", "aside"), Group("C1", "G1", "Group 1"), "P6", step=2),
    ]
    gets = (Next.MENDS, "it gets what the source says (P6)")
    assert told(RENAMED, run(*steps)) == gets
    assert told({**RENAMED, "at_group": "G2"}, run(*steps))[1] == _NO_ROW
    assert told(RENAMED, run(*steps, held="renames"))[0] == Next.HELD
    assert told({**RENAMED, "now": "Group 1"}, run(*steps))[1] == _NO_ROW
    described = Change(Group("C1", "G1", "Ours", "is"), Group("C1", "G1", "Ours", "said"), "P6")
    assert told(DESCRIBED, run(described)) == gets
    assert told(RENAMED, run(described))[1] == told(DESCRIBED, run(*steps))[1] == _NO_ROW
    both = Change(Group("C1", "G1", "Ours", "is"), Group("C1", "G1", "Group 1", "said"), "P6")
    assert told(RENAMED, run(both)) == told(DESCRIBED, run(both)) == gets


def test_p7_what_is_listed_no_more_is_deleted_whatever_it_is_called() -> None:
    """It is renamed out of the way of a name first."""
    aside = Change(Group("C1", "G1", "Ours"), Group("C1", "G1", "aside"), "P9", step=1, waits_for="G1")
    goes = Change(Group("C1", "G1", "aside"), None, "P7")
    deleted = (Next.MENDS, "the source lists it no more: it is deleted (P7)")
    assert told(RENAMED, run(aside, goes)) == deleted
    held = (Next.HELD, "in_use holds it; approved, the source lists it no more: it is deleted (P7)")
    assert told(DESCRIBED, run(aside, goes, held="in_use")) == held


def test_o4_an_edit_that_is_kept_is_respected() -> None:
    """That of the field which the finding names."""
    kept = finding("groups", "O4", "G1", "its name was edited in Moodle and stays as it is there")
    respects = (Next.RESPECTS, "edits in Moodle are kept (on_local_edit, O4)")
    assert told(RENAMED, run(findings=[kept])) == respects
    assert told(DESCRIBED, run(findings=[kept])) == (Next.RESPECTS, _NO_ROW)
    assert told(RENAMED, run(findings=[finding("groups", "P8", "G1", "its name")])) == (Next.WAITS, "its name (P8)")
    grouping = {**GROUPING, "what": What.RENAMED, "at_grouping": "S1", "now": "x"}
    kept = finding("groupings", "O4", "S1", "its name was edited")
    assert told(grouping, run(findings=[kept])) == respects


def test_what_a_row_says_of_the_field_now() -> None:
    """The same, the same with the suffix of a collision, no description, or what a later term overrules."""
    row: Row = {"course": "C1", "idnumber": "G1", "name": "Group 1", "description": "said"}

    def of(drift: Row, **fields: Any) -> tuple[str, str]:
        return told(drift, run(listed={"groups": [{**row, **fields}]}))

    same, later = (Next.AGREES, "the source says the same now"), (Next.WAITS, "a later term says its fields (C5)")
    assert of(RENAMED) == of(DESCRIBED) == later
    assert of(RENAMED, name="Ours") == of({**RENAMED, "now": "Group 1 (G1)"}) == of(DESCRIBED, description="is") == same
    assert of(DESCRIBED, description=None) == (Next.RESPECTS, "the source says no description any more")
    assert of(RENAMED, description=None) == later
    assert of({**RENAMED, "at_group": "G9"}) == (Next.RESPECTS, _NO_ROW)


# --- links and memberships


def test_l2_a_link_is_put_there_again_by_the_keys_that_its_ends_have_or_had() -> None:
    """An end may be made again under its old key, or be found under a new one."""
    again = (Next.MENDS, "it is put there again (L2)")
    stays_out = (Next.RESPECTS, "what somebody took out stays out (L2)")
    moved = {**LINK, "at_grouping": "S9", "at_group": "G9"}
    for pair in (("S1", "G1"), ("S9", "G1"), ("S1", "G9"), ("S9", "G9")):
        assert told(moved, run(Change(None, Link("C1", *pair), "L2"))) == again
    assert told({**moved, "at_group": None}, run(Change(None, Link("C1", "S9", "G1"), "L2"))) == again
    for other in (Link("C2", "S1", "G1"), Link("C1", "S2", "G1"), Link("C1", "S1", "G2")):
        assert told(LINK, run(Change(None, other, "L2"))) == stays_out
    assert told(LINK, run(Change(Link("C1", "S1", "G1"), None, "L2"))) == stays_out
    assert told(LINK, run(Change(None, Link("C1", "S1", "G1"), "L2"), held="growth"))[0] == Next.HELD


def test_l2_what_a_hand_has_put_back_is_theirs_and_what_the_source_drops_agrees() -> None:
    dropped: Row = {"grouping_id": 11, "group_id": 21, "course_id": 1, "terms": "", "gone": False}
    agrees = (Next.AGREES, "the source puts the group there no more")
    put_back = {**LINK, "what": What.PUT_BACK}
    theirs = (Next.RESPECTS, "whoever put it there has it: it is no longer ours (L2)")
    assert told(put_back, run(links=[dropped])) == theirs
    assert told(LINK, run(links=[dropped])) == told({**LINK, "what": What.WITH_IT}, run()) == agrees
    for other in ({"terms": "T1"}, {"grouping_id": 12}, {"group_id": 22}):
        assert told(LINK, run(links=[{**dropped, **other}]))[0] == Next.RESPECTS


@pytest.mark.parametrize("row", [LINK, MEMBER])
def test_what_was_in_an_object_that_does_not_come_back_is_as_the_object(row: Row) -> None:
    """The group first; what comes back, or is forgotten, says nothing of what was in it."""
    inside = {**row, "what": What.WITH_IT, "at_group": None}
    taken = [finding("groups", "G8", "G1", "name taken")]
    assert told(inside, run(findings=taken), GONE) == (Next.WAITS, "with the group: name taken (G8)")
    held = (Next.HELD, "with the group: growth holds it; approved, it is made again (P5)")
    assert told(inside, run(MADE, held="growth"), GONE) == held
    for next_run, agrees in ((run(MADE), True), (run(), True), (run(findings=taken), False)):
        assert (told(inside, next_run, GONE)[0] == Next.AGREES) is agrees
    assert told(inside, run(findings=taken), {**GONE, "moodle_id": 22})[0] == Next.AGREES, "of another group"
    assert told(inside, run(findings=taken), {**GONE, "what": What.RENAMED})[0] == Next.AGREES, "it is there"
    taken_grouping = [finding("groupings", "G8", "S1", "taken")]
    of_grouping = told(inside, run(findings=taken_grouping), GROUPING)
    if row is LINK:
        assert of_grouping == (Next.WAITS, "with the grouping: taken (G8)")
        both = told(inside, run(findings=[*taken, *taken_grouping]), GONE, GROUPING)
        assert both == (Next.WAITS, "with the group: name taken (G8)")
    else:
        assert of_grouping[0] == Next.AGREES


NO_MORE = (Next.AGREES, "the source lists the person there no more")


def test_m4_a_person_is_added_again_to_the_group_by_its_old_key_or_its_new_one() -> None:
    again = (Next.MENDS, "the person is added again (M4)")
    moved = {**MEMBER, "at_group": "G9"}
    for key in ("G1", "G9"):
        assert told(moved, run(Change(None, Membership("C1", key, "ann"), "M4"))) == again
    for other in (Membership("C2", "G1", "ann"), Membership("C1", "G2", "ann"), Membership("C1", "G1", "bob")):
        assert told(MEMBER, run(Change(None, other, "M4"))) == NO_MORE
    assert told(MEMBER, run(Change(Membership("C1", "G1", "ann"), None, "M5"))) == NO_MORE
    assert told({**MEMBER, "at_group": None}, run(Change(None, Membership("C1", "G1", "ann"), "M4"))) == again


def test_m6_who_is_excluded_is_told_so() -> None:
    told_so = (Next.AGREES, "the data team has excluded the person from the group (M6)")
    for group in ("G1", "G9"):
        excluded = frozenset({("C1", group, "ann")})
        assert told({**MEMBER, "at_group": "G9"}, run(excluded=excluded)) == told_so
    for other in (("C2", "G1", "ann"), ("C1", "G2", "ann"), ("C1", "G1", "bob")):
        assert told(MEMBER, run(excluded=frozenset({other}))) == NO_MORE
    again = run(Change(None, Membership("C1", "G1", "ann"), "M4"), excluded=frozenset({("C1", "G1", "ann")}))
    assert told(MEMBER, again)[0] == Next.MENDS


def test_m4_a_persons_finding_is_told_whatever_the_row_names_the_group_by() -> None:
    """By idnumber, old or new, Moodle's id or name; a likely re-key is a person's to decide."""
    there: Row = {"group_id": 21, "course_id": 1, "idnumber": "G9", "name": "Group 1"}
    moved = {**MEMBER, "at_group": "G9"}
    waits = (Next.WAITS, "not enrolled (M4)")
    for key in ("G1", "G9", "21", "Group 1"):
        own = finding("memberships", "M4", key, "not enrolled", user="ann")
        assert told(moved, run(groups=[there], findings=[own])) == waits
    rekey = finding("memberships", "P10", "G1", "its group waits", user="ann")
    assert told(moved, run(findings=[rekey])) == (Next.HELD, "its group waits (P10)")
    for other in (
        finding("memberships", "M4", "G2", user="ann"), finding("memberships", "M4", "G1", user="bob"),
        finding("groups", "M4", "G1", user="ann"), finding("memberships", "M4", None, user="ann"),
    ):  # fmt: skip
        assert told(MEMBER, run(findings=[other])) == NO_MORE
    excluded = run(findings=[rekey], excluded=frozenset({("C1", "G1", "ann")}))
    assert told(MEMBER, excluded)[0] == Next.AGREES


def test_m5_who_went_with_a_group_may_have_been_put_there_again() -> None:
    """Where a group has its key again."""
    with_it = {**MEMBER, "what": What.WITH_IT, "at_group": None}
    there: Row = {"group_id": 5, "course_id": 1, "idnumber": "G1", "name": "x"}
    again = (NO_MORE[0], f"{NO_MORE[1]}, or somebody has put them there again")
    assert told(with_it, run(groups=[there])) == again
    assert told(with_it, run(groups=[{**there, "course_id": 2}])) == NO_MORE
    assert told(MEMBER, run(groups=[there])) == NO_MORE


def test_every_row_is_kept_with_what_is_next_and_counted() -> None:
    """Sorted; the other columns stay as they are."""
    drift = frame_of([RENAMED, GONE, {**GONE, "group": "G2", "moodle_id": 22}], DRIFT)
    found = foresee(drift, run(MADE))
    assert found[[name for name in DRIFT if name not in ("next", "why")]].equals(
        drift[[name for name in DRIFT if name not in ("next", "why")]]
    )
    assert list(counted(found)) == [
        {"kind": "group", "what": "missing", "next": "agrees", "count": 1},
        {"kind": "group", "what": "missing", "next": "mends", "count": 1},
        {"kind": "group", "what": "renamed", "next": "respects", "count": 1},
    ]
