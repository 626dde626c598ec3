"""Groupings and groups of one course: what the source wants against what Moodle has (sections G and P).

Both kinds follow the same rules and differ in words, in rule G7's keep, and in the limit of a name.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from include.groupsync.diff.names import final_names
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import may_delete, with_term, without_term
from include.groupsync.model.scope import Standing
from include.groupsync.model.things import Group, Grouping

_TRY_AGAIN = "It is tried again at every run."


@dataclass(frozen=True)
class Words:
    """What differs between the two kinds: noun, dataset and the rules' numbers."""

    kind: Kind
    dataset: str
    noun: str
    no_course: str
    same_name: str
    create: str
    update: str
    delete: str
    taken: str


GROUPINGS = Words(Kind.GROUPING, "groupings", "Grouping", "G3", "G4", "G5", "G6", "G7", "G8")
GROUPS = Words(Kind.GROUP, "groups", "Group", "P3", "P4", "P5", "P6", "P7", "P11")


@dataclass(frozen=True)
class Policy:
    """The settings and the moment that the rules depend on."""

    term: str
    open_terms: frozenset[str] | None
    later_terms: frozenset[str] = frozenset()
    on_name_collision: str = "suffix"
    adopt_same_name: bool = False
    on_local_edit: str = "source"


@dataclass(frozen=True)
class Wanted:
    """A usable row of the remote table; ``description`` None where the column is not configured."""

    key: str
    name: str
    description: str | None
    label: str | None
    source_row: int
    grouping: str | None = None


@dataclass(frozen=True)
class Held:
    """An object that Moodle has; ``key`` None without idnumber."""

    moodle_id: int
    key: str | None
    name: str
    description: str

    @property
    def plan_key(self) -> str:
        return self.key or keys.without_idnumber(self.moodle_id)


@dataclass(frozen=True)
class Managed:
    """The ledger's row of an object; ``name`` and ``description`` as last applied, None if never."""

    moodle_id: int
    key: str
    name: str | None
    description: str | None
    module: str | None
    terms: str


class Fate(StrEnum):
    """What becomes of an object by this plan."""

    STAYS = "stays"
    CREATED = "created"
    DELETED = "deleted"


@dataclass(frozen=True)
class After:
    """An object as it will be after this plan; ``moodle_id`` None for one that is to be created."""

    key: str
    moodle_id: int | None
    name: str
    fate: Fate


@dataclass
class CourseDiff:
    """What one course's comparison gives.

    ``observed`` are ledger rows to be written whatever becomes of the changes: found, claimed, dropped.
    """

    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    after: list[After] = field(default_factory=list)
    observed: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """One course's two sides.  ``present`` says whether a key that no usable row has counts as listed (K6);
    ``standing`` tells how a delivery stands; ``appropriated`` are ids of groupings that rule G7 keeps."""

    course: str
    course_id: int
    wanted: Sequence[Wanted]
    held: Sequence[Held]
    managed: Sequence[Managed]
    present: Callable[[str], bool]
    standing: Callable[[str | None], Standing]
    appropriated: frozenset[int] = frozenset()


def diff_course(words: Words, course: Course, policy: Policy) -> CourseDiff:
    """The changes that make the course's objects what the source says, as far as the rules allow."""
    return _CourseComparison(words, course, policy).run()


def rows_without_course(words: Words, course: str, wanted: Sequence[Wanted], ambiguous: bool) -> list[Finding]:
    """What is said of the rows of a course that Moodle does not have, or has twice (rules G3, P3, K3)."""
    reason = '{noun} "{name}" was not imported because it belongs to a non-existent course'
    if ambiguous:
        reason = '{noun} "{name}" was not imported because its course key fits two courses of Moodle'
    return [
        Finding(
            dataset=words.dataset,
            severity=Severity.WARNING,
            rule="K3" if ambiguous else words.no_course,
            reason=reason.format(noun=words.noun, name=row.name),
            course=course,
            key=row.key,
            source_row=row.source_row,
            next_step="Give the course its key in Moodle, or correct the mapping.",
        )
        for row in wanted
    ]


class _CourseComparison:
    def __init__(self, words: Words, course: Course, policy: Policy):
        self.words, self.course, self.policy = words, course, policy
        self.result = CourseDiff()
        self.by_key: dict[str, list[Held]] = defaultdict(list)
        self.by_name: dict[str, list[Held]] = defaultdict(list)
        self.by_number: dict[Any, list[Held]] = defaultdict(list)
        for held in course.held:
            self.by_name[held.name].append(held)
            if held.key:
                self.by_key[held.key].append(held)
                self.by_number[keys.loose(held.key)].append(held)
        self.managed = {managed.moodle_id: managed for managed in course.managed}
        self.fates: dict[int, After] = {}
        self.set_aside: set[str] = set()

    def run(self) -> CourseDiff:
        limit = keys.MAX_NAME[str(self.words.kind)]
        wanted = {row.key: row.name for row in self.course.wanted}
        self.names, refused = final_names(wanted, self.policy.on_name_collision, limit)
        adopted: set[int] = set()
        for row in sorted(self.course.wanted, key=lambda row: row.key):
            matches = self.by_key.get(row.key, [])
            if row.key in refused:
                self._quarantine(row, "P8", refused[row.key])
            elif len(matches) > 1:
                self._quarantine(row, "K3", "two objects of the course have this idnumber in Moodle")
            elif matches:
                self._update(row, matches[0])
            else:
                self._create(row, adopted)
            # A row that was set aside makes nothing managed (K6).
            if len(matches) == 1 and row.key not in self.set_aside:
                self._observe_listed(row, matches[0])
        self._delete(listed=set(wanted))
        self._observe_gone()
        self._remaining()
        return self.result

    def _create(self, row: Wanted, adopted: set[int]) -> None:
        name = self.names[row.key]
        others = self.by_number.get(keys.loose(row.key), []) if row.key != "0" else []
        if others:
            self._quarantine(row, "K7", f"Moodle takes its idnumber and the existing {others[0].key!r} for equal")
            return
        holders = self.by_name.get(name, [])
        named = [holder for holder in holders if holder.key]
        if named:
            self._quarantine(row, self.words.taken, f"name taken by {named[0].key}")
        elif holders and self.policy.adopt_same_name and len(holders) == 1 and holders[0].moodle_id not in adopted:
            adopted.add(holders[0].moodle_id)
            self._adopt(row, holders[0])
        elif holders:
            self._warn_same_name(row, name)
        else:
            self._change(None, self._thing(row.key, name, row.description or ""), self.words.create, row)
            self.result.after.append(After(row.key, None, name, Fate.CREATED))

    def _adopt(self, row: Wanted, holder: Held) -> None:
        before = self._thing(holder.plan_key, holder.name, holder.description)
        description = holder.description if row.description is None else row.description
        self._change(before, self._thing(row.key, holder.name, description), self.words.same_name, row)
        self.fates[holder.moodle_id] = After(row.key, holder.moodle_id, holder.name, Fate.STAYS)

    def _update(self, row: Wanted, held: Held) -> None:
        managed = self.managed.get(held.moodle_id)
        name, description = self.names[row.key], row.description
        if managed and set(managed.terms.split()) & self._later_open():
            return  # a later open term lists it too: that term's fields hold (C5)
        if self._kept(row, managed.name if managed else None, held.name, name, "name"):
            name = held.name
        if description is None or self._kept(
            row, managed.description if managed else None, held.description, description, "description"
        ):
            description = held.description
        if name != held.name:
            others = [holder for holder in self.by_name.get(name, []) if holder is not held]
            named = [holder for holder in others if holder.key]
            if named:
                self._quarantine(row, self.words.taken, f"name taken by {named[0].key}")
                return
            if others:
                self._warn_same_name(row, name)
                name = held.name
        if (name, description) != (held.name, held.description):
            before = self._thing(held.plan_key, held.name, held.description)
            self._change(before, self._thing(held.plan_key, name, description), self.words.update, row)
        self.fates[held.moodle_id] = After(held.plan_key, held.moodle_id, name, Fate.STAYS)

    def _later_open(self) -> frozenset[str]:
        later = self.policy.later_terms
        return later if self.policy.open_terms is None else later & self.policy.open_terms

    def _kept(self, row: Wanted, applied: str | None, now: str, wanted: str, what: str) -> bool:
        """Whether a field that somebody edited in Moodle stays as it is (rule O4)."""
        edited = applied is not None and now not in (applied, wanted)
        if not edited or self.policy.on_local_edit != "keep":
            return False
        self._find(row, Severity.NOTE, "O4", f"its {what} was edited in Moodle and stays as it is there")
        return True

    def _delete(self, listed: set[str]) -> None:
        for held in self.course.held:
            managed = self.managed.get(held.moodle_id)
            if managed is None or held.key is None or managed.key != held.key or held.key in listed:
                continue
            if len(self.by_key[held.key]) > 1 or self.course.present(held.key):
                continue
            if self.course.standing(managed.module) is Standing.FROZEN:
                continue
            if not may_delete(managed.terms, self.policy.term, self.policy.open_terms):
                self._unclaim(managed)
            elif held.moodle_id in self.course.appropriated:
                self._note_kept(held)
            else:
                before = self._thing(held.key, held.name, held.description)
                self.result.changes.append(Change(before, None, self.words.delete, managed.module))
                self.fates[held.moodle_id] = After(held.key, held.moodle_id, held.name, Fate.DELETED)

    def _remaining(self) -> None:
        for held in self.course.held:
            stays = After(held.plan_key, held.moodle_id, held.name, Fate.STAYS)
            self.result.after.append(self.fates.get(held.moodle_id, stays))

    def _observe_listed(self, row: Wanted, held: Held) -> None:
        """It is managed from now on: found under a key that the source lists (rule O1), claimed by the term."""
        managed = self.managed.get(held.moodle_id)
        name, description = self.names.get(row.key), row.description
        record = {
            "kind": str(self.words.kind),
            "moodle_id": held.moodle_id,
            "course_id": self.course.course_id,
            "course": self.course.course,
            "idnumber": held.key,
            "name": held.name if held.name == name else managed and managed.name,
            "description": held.description if held.description == description else managed and managed.description,
            "module": row.label,
            "terms": with_term(managed.terms if managed else None, self.policy.term),
        }
        fields = ("name", "description", "module", "terms")
        if managed is None or [record[f] for f in fields] != [getattr(managed, f) for f in fields]:
            self.result.observed.append(record)

    def _observe_gone(self) -> None:
        there = {held.moodle_id for held in self.course.held}
        for managed in self.course.managed:
            if managed.moodle_id not in there:
                self.result.observed.append(self._ledger_row(managed, terms=""))

    def _unclaim(self, managed: Managed) -> None:
        terms = without_term(managed.terms, self.policy.term)
        if terms != managed.terms:
            self.result.observed.append(self._ledger_row(managed, terms))

    def _ledger_row(self, managed: Managed, terms: str) -> dict[str, Any]:
        return {
            "kind": str(self.words.kind),
            "moodle_id": managed.moodle_id,
            "course_id": self.course.course_id,
            "course": self.course.course,
            "idnumber": managed.key,
            "name": managed.name,
            "description": managed.description,
            "module": managed.module,
            "terms": terms,
        }

    def _thing(self, key: str, name: str, description: str) -> Grouping | Group:
        make = Grouping if self.words.kind is Kind.GROUPING else Group
        return make(self.course.course, key, name, description)

    def _change(self, before: Grouping | Group | None, after: Grouping | Group, rule: str, row: Wanted) -> None:
        self.result.changes.append(Change(before, after, rule, row.label, row.source_row))

    def _warn_same_name(self, row: Wanted, name: str) -> None:
        noun = self.words.noun
        article = noun.lower()
        reason = (
            f'{noun} "{name}" was not imported because an existing {article} exists with the same name but no idNumber'
        )
        self._find(row, Severity.WARNING, self.words.same_name, reason)

    def _quarantine(self, row: Wanted, rule: str, reason: str) -> None:
        self.set_aside.add(row.key)
        self._find(row, Severity.QUARANTINED, rule, reason)

    def _find(self, row: Wanted, severity: Severity, rule: str, reason: str) -> None:
        self.result.findings.append(
            Finding(
                dataset=self.words.dataset,
                severity=severity,
                rule=rule,
                reason=reason,
                course=self.course.course,
                key=row.key,
                source_row=row.source_row,
                next_step=_TRY_AGAIN,
            )
        )

    def _note_kept(self, held: Held) -> None:
        self.result.findings.append(
            Finding(
                dataset=self.words.dataset,
                severity=Severity.NOTE,
                rule="G7",
                reason=f'Grouping "{held.name}" is no longer listed and stays: it holds a group without idnumber',
                course=self.course.course,
                key=held.key,
            )
        )
