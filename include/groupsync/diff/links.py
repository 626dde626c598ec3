"""Which group is in which grouping: source, Moodle and what we applied, three ways (rules L1 and L2)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from include.groupsync.diff.course import RECLAIMED, After, Fate, Policy, Wanted
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.ledger import may_delete, with_term, without_term
from include.groupsync.model.scope import Standing
from include.groupsync.model.things import Link

Pair = tuple[int, int]


@dataclass(frozen=True)
class ManagedLink:
    """A link that we made; ``gone`` if somebody has taken it out in Moodle since."""

    grouping_id: int
    group_id: int
    module: str | None
    terms: str
    gone: bool


@dataclass(frozen=True)
class CourseLinks:
    """One course's sides: rows of groups that this run applies, objects after the plan, Moodle's links, ours.

    ``present`` says whether a bad row protects the links of a group, ``grouping_present`` half a key those of
    a grouping (rule K6).
    """

    course: str
    course_id: int
    wanted: Sequence[Wanted]
    groupings: Sequence[After]
    groups: Sequence[After]
    links: frozenset[Pair]
    managed: Sequence[ManagedLink]
    present: Callable[[str], bool]
    grouping_present: Callable[[After], bool]
    standing: Callable[[str | None], Standing]


@dataclass
class LinkDiff:
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    observed: list[dict[str, Any]] = field(default_factory=list)


def diff_links(course: CourseLinks, field_name: str, policy: Policy) -> LinkDiff:
    """The links to make and to take out; a hand that made or removed one in Moodle is respected."""
    result = LinkDiff()
    base = {(link.grouping_id, link.group_id): link for link in course.managed}
    groups = {after.key: after for after in course.groups if after.fate in (Fate.STAYS, Fate.CREATED)}
    targets = _targets(course.groupings, field_name)
    kept: set[Pair] = set()
    settled: set[int] = set()  # groups whose old links may go: the source's word on them is clear
    for row in sorted(course.wanted, key=lambda row: row.key):
        group = groups.get(row.key)
        if group is None:
            continue
        grouping = targets.get(row.grouping) if row.grouping else None
        if row.grouping and grouping is None:
            result.findings.append(_no_such_grouping(course.course, row, group))
            continue
        if group.moodle_id is not None:
            settled.add(group.moodle_id)
        if grouping is not None:
            _settle(course, row, grouping, group, base, policy, result, kept)
    _take_out(course, base, kept, settled, policy, result)
    return result


def _targets(groupings: Sequence[After], field_name: str) -> dict[str, After]:
    """The groupings by the configured field, as they will be after this run; a name borne twice fits none."""
    found: dict[str, list[After]] = defaultdict(list)
    for after in groupings:
        if after.fate in (Fate.DELETED, Fate.WAITING):
            continue
        value = {"id": after.moodle_id, "idnumber": after.key, "name": after.name}[field_name]
        if value is not None:  # one that is to be made has no id yet
            found[str(value)].append(after)
    return {value: several[0] for value, several in found.items() if len(several) == 1}


def _settle(
    course: CourseLinks,
    row: Wanted,
    grouping: After,
    group: After,
    base: Mapping[Pair, ManagedLink],
    policy: Policy,
    result: LinkDiff,
    kept: set[Pair],
) -> None:
    if grouping.moodle_id is None or group.moodle_id is None:
        result.changes.append(_link(course.course, grouping, group, row))
        return
    pair = (grouping.moodle_id, group.moodle_id)
    kept.add(pair)
    ours, there = base.get(pair), pair in course.links
    if ours is None and not there:
        result.changes.append(_link(course.course, grouping, group, row))
    elif there and policy.reclaim and (ours is None or ours.gone):
        link = Link(course.course, grouping.key, group.key)
        result.changes.append(Change(link, link, "O2", row.label, row.source_row, evidence=RECLAIMED))
    elif ours is None:
        return
    elif ours.gone and there:
        result.observed.append(_ledger_row(course, ours, terms=""))  # put back by hand: theirs
    elif not ours.gone:
        terms, of_row = with_term(ours.terms, policy.term), replace(ours, module=row.label)
        if not there or terms != ours.terms or of_row != ours:
            result.observed.append(_ledger_row(course, of_row, terms, gone=not there))


def _take_out(
    course: CourseLinks,
    base: Mapping[Pair, ManagedLink],
    kept: set[Pair],
    settled: set[int],
    policy: Policy,
    result: LinkDiff,
) -> None:
    groupings = {a.moodle_id: a for a in course.groupings if a.fate is Fate.STAYS}
    groups = {a.moodle_id: a for a in course.groups if a.fate is Fate.STAYS}
    everything = {a.moodle_id for a in (*course.groupings, *course.groups)}
    for pair, ours in sorted(base.items()):
        grouping, group = groupings.get(pair[0]), groups.get(pair[1])
        if pair[0] not in everything or pair[1] not in everything:
            result.observed.append(_ledger_row(course, ours, terms=""))  # one end is no longer there
            continue
        if pair in kept or pair[1] not in settled or grouping is None or group is None:
            continue
        if course.present(group.key) or course.grouping_present(grouping):
            continue
        if course.standing(ours.module) is Standing.FROZEN:
            continue
        if not may_delete(ours.terms, policy.term, policy.open_terms):
            terms = without_term(ours.terms, policy.term)
            if terms != ours.terms:
                result.observed.append(_ledger_row(course, ours, terms, gone=ours.gone))
        elif pair in course.links and not ours.gone:
            before = Link(course.course, grouping.key, group.key)
            result.changes.append(Change(before, None, "L2", ours.module))
        else:
            result.observed.append(_ledger_row(course, ours, terms=""))


def _link(course: str, grouping: After, group: After, row: Wanted) -> Change:
    rule = "L1" if group.fate is Fate.CREATED else "L2"
    return Change(None, Link(course, grouping.key, group.key), rule, row.label, row.source_row)


def _ledger_row(course: CourseLinks, link: ManagedLink, terms: str, gone: bool = False) -> dict[str, Any]:
    return {
        "grouping_id": link.grouping_id,
        "group_id": link.group_id,
        "course_id": course.course_id,
        "module": link.module,
        "terms": terms,
        "gone": gone,
    }


def _no_such_grouping(course: str, row: Wanted, group: After) -> Finding:
    return Finding(
        dataset="groups",
        severity=Severity.WARNING,
        rule="L1",
        reason=f'Group "{group.name}" was not placed in grouping "{row.grouping}" because no such grouping exists',
        course=course,
        key=row.key,
        source_row=row.source_row,
        next_step="List the grouping in the grouping table, or make it in Moodle.",
    )
