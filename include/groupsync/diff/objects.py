"""Groupings and groups of one course: what the source wants against what Moodle has (sections G and P).

Both kinds follow the same rules and differ in words, in rule G7's keep, and in the limit of a name.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from include.groupsync.diff.course import After, Course, CourseDiff, Fate, Held, Managed, Policy, Wanted, Words
from include.groupsync.diff.names import final_names
from include.groupsync.diff.rekeys import Gone, New, find_rekeys
from include.groupsync.diff.renames import Claim, Holder, Ruling, by_name, rule_on
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import may_delete, with_term, without_term
from include.groupsync.model.scope import Standing
from include.groupsync.model.things import Group, Grouping

GROUPINGS = Words(Kind.GROUPING, "groupings", "Grouping", "G3", "G4", "G5", "G6", "G7", "G8")
GROUPS = Words(Kind.GROUP, "groups", "Group", "P3", "P4", "P5", "P6", "P7", "P11")

_TRY_AGAIN = "It is tried again at every run."


@dataclass(frozen=True)
class _Target:
    """An existing object and the fields that it should have; ``to_key`` is the new idnumber of a re-key."""

    row: Wanted
    held: Held
    name: str
    description: str
    to_key: str | None = None
    evidence: str | None = None


def diff_course(words: Words, course: Course, policy: Policy) -> CourseDiff:
    """The changes that make the course's objects what the source says, as far as the rules allow."""
    return _Comparison(words, course, policy).run()


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


class _Comparison:
    def __init__(self, words: Words, course: Course, policy: Policy):
        self.words, self.course, self.policy = words, course, policy
        self.limit = keys.MAX_NAME[str(words.kind)]
        self.result = CourseDiff()
        self.held = sorted(course.held, key=lambda held: held.moodle_id)
        self.by_key: dict[str, list[Held]] = defaultdict(list)
        self.by_number: dict[Any, list[Held]] = defaultdict(list)
        for held in self.held:
            if held.key:
                self.by_key[held.key].append(held)
                self.by_number[keys.loose(held.key)].append(held)
        self.managed = {managed.moodle_id: managed for managed in course.managed}
        self.fates: dict[int, After] = {}
        self.set_aside: set[str] = set()

    def run(self) -> CourseDiff:
        wanted = {row.key: row.name for row in self.course.wanted}
        # A row that fits two objects is quarantined, and collides with nobody (rules K3, P8).
        plain = {key: name for key, name in wanted.items() if len(self.by_key.get(key, ())) <= 1}
        self.names, refused = final_names(plain, self.policy.on_name_collision, self.limit)
        targets: list[_Target] = []
        new: list[Wanted] = []
        for row in sorted(self.course.wanted, key=lambda row: row.key):
            matches = self.by_key.get(row.key, [])
            if row.key in refused:
                self._quarantine(row, "P8", refused[row.key])
            elif len(matches) > 1:
                self._quarantine(row, "K3", "two objects of the course have this idnumber in Moodle")
            elif matches:
                targets += self._target(row, matches[0])
            else:
                new.append(row)
        leaving = self._leaving(listed=set(wanted))
        targets += self._rekeys(leaving, new)
        self._name_and_emit(targets, self._creatable(new), leaving)
        self._observe(refused)
        self._remaining()
        return self.result

    # --- what each row asks for

    def _target(self, row: Wanted, held: Held) -> list[_Target]:
        """The fields that the object should have, or nothing where they are another term's to say (C5)."""
        managed = self.managed.get(held.moodle_id)
        if managed and set(managed.terms.split()) & self._later_open():
            return []
        name, description = self.names[row.key], row.description
        if self._kept(row, managed.name if managed else None, held.name, name, "name"):
            name = held.name
        applied = managed.description if managed else None
        if description is None or self._kept(row, applied, held.description, description, "description"):
            description = held.description
        return [_Target(row, held, name, description)]

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

    def _leaving(self, listed: set[str]) -> dict[int, Held]:
        """Managed, listed no more, protected by nothing, in scope, and claimed by no other open term."""
        leaving: dict[int, Held] = {}
        for held in self.held:
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
                leaving[held.moodle_id] = held
        return leaving

    def _rekeys(self, leaving: dict[int, Held], new: list[Wanted]) -> list[_Target]:
        """One proposed change for a delete and a create that look like one thing; both lists lose theirs."""
        if not self.policy.rekey:
            return []
        gone = [Gone(held.moodle_id, held.plan_key, held.name) for held in leaving.values()]
        rows = [New(row.key, row.name, self.names[row.key]) for row in new]
        pairs = find_rekeys(gone, rows, self.course.overlap)
        by_old = {held.plan_key: held for held in leaving.values()}
        targets = []
        for row in [row for row in new if row.key in pairs]:
            old, evidence = by_old[pairs[row.key][0]], pairs[row.key][1]
            description = old.description if row.description is None else row.description
            targets.append(_Target(row, old, self.names[row.key], description, row.key, evidence))
            self.fates[old.moodle_id] = After(old.plan_key, old.moodle_id, old.name, Fate.REKEYED)
            self.result.after.append(After(row.key, None, self.names[row.key], Fate.WAITING))
            del leaving[old.moodle_id]
            new.remove(row)
        return targets

    def _creatable(self, new: list[Wanted]) -> list[Wanted]:
        """The rows to create, without those whose idnumber Moodle takes for another's (rule K7), and those
        that are given an object of their name without idnumber (``adopt_same_name``)."""
        holders = defaultdict(list)
        for held in self.held:
            holders[held.name].append(held)
        creatable = []
        for row in new:
            others = self.by_number.get(keys.loose(row.key))
            same = holders[self.names[row.key]]
            if others:
                reason = f"Moodle takes its idnumber and the existing {others[0].key!r} for equal"
                self._quarantine(row, "K7", reason)
            elif self.policy.adopt_same_name and len(same) == 1 and not same[0].key:
                self._adopt(row, same[0])
            else:
                creatable.append(row)
        return creatable

    def _adopt(self, row: Wanted, holder: Held) -> None:
        description = holder.description if row.description is None else row.description
        after = self._thing(row.key, holder.name, description)
        self.result.changes.append(self._change(self._as_is(holder), after, self.words.same_name, row))
        self.fates[holder.moodle_id] = After(row.key, holder.moodle_id, holder.name, Fate.STAYS)

    # --- who gets which name, and the changes

    def _name_and_emit(self, targets: list[_Target], new: list[Wanted], leaving: dict[int, Held]) -> None:
        claims = [Claim(t.held.plan_key, t.name) for t in targets if t.name != t.held.name]
        claims += [Claim(row.key, self.names[row.key]) for row in new]
        holders = by_name(
            (held.name, Holder(held.plan_key, held.key is not None, held.moodle_id in leaving)) for held in self.held
        )
        ruling = rule_on(claims, holders, self.limit)
        for target in targets:
            self._emit_update(target, ruling)
        for row in new:
            self._emit_create(row, ruling)
        for held in leaving.values():
            self._emit_delete(held, ruling)

    def _emit_update(self, target: _Target, ruling: Ruling) -> None:
        row, held, key = target.row, target.held, target.held.plan_key
        name = target.name
        if blocker := ruling.refused.get(key):
            if blocker.has_idnumber:
                self._quarantine(row, self.words.taken, f"name taken by {blocker.key}")
                return
            self._warn_same_name(row, name)
            name = held.name
        waits = ruling.waits_for.get(key)
        # Step 0 is for what is no name; in step 1 free names are taken and objects step aside; the rest follows.
        step = ruling.step[key] + 1 if key in ruling.step else 0
        rule = self.words.update if target.to_key is None else "P10"
        before, after = self._as_is(held), self._thing(target.to_key or key, name, target.description)
        if waits and target.to_key is None and before.description != after.description:
            # Only the name waits; what else the row says goes on (rule G8).
            described = replace(before, description=after.description)
            self.result.changes.append(self._change(before, described, rule, row))
            before = described
        if aside := ruling.aside.get(key):
            moved = replace(before, name=aside)
            self.result.changes.append(replace(self._change(before, moved, "P9", row), step=1, waits_for=waits))
            before = moved
        if before != after:
            change = self._change(before, after, rule, row)
            self.result.changes.append(replace(change, step=step, waits_for=waits, evidence=target.evidence))
        if target.to_key is None:
            self.fates[held.moodle_id] = After(key, held.moodle_id, name, Fate.STAYS)

    def _emit_create(self, row: Wanted, ruling: Ruling) -> None:
        name = self.names[row.key]
        if blocker := ruling.refused.get(row.key):
            if blocker.has_idnumber:
                self._quarantine(row, self.words.taken, f"name taken by {blocker.key}")
            else:
                self._warn_same_name(row, name)
            return
        change = self._change(None, self._thing(row.key, name, row.description or ""), self.words.create, row)
        self.result.changes.append(replace(change, waits_for=ruling.waits_for.get(row.key)))
        self.result.after.append(After(row.key, None, name, Fate.CREATED))

    def _emit_delete(self, held: Held, ruling: Ruling) -> None:
        before, managed = self._as_is(held), self.managed[held.moodle_id]
        if aside := ruling.aside.get(held.plan_key):
            # Somebody takes its name before it goes: it steps out of it first, if its delete is released.
            moved = replace(before, name=aside)
            self.result.changes.append(Change(before, moved, "P9", managed.module, step=1, waits_for=held.plan_key))
        self.result.changes.append(Change(before, None, self.words.delete, managed.module))
        self.fates[held.moodle_id] = After(held.plan_key, held.moodle_id, held.name, Fate.DELETED)

    def _remaining(self) -> None:
        for held in self.held:
            # Of two objects with one key only the id tells which is meant.
            twin = held.key is not None and len(self.by_key[held.key]) > 1
            key = keys.without_idnumber(held.moodle_id) if twin else held.plan_key
            stays = After(key, held.moodle_id, held.name, Fate.STAYS)
            self.result.after.append(self.fates.get(held.moodle_id, stays))

    # --- what the ledger learns

    def _observe(self, refused: dict[str, str]) -> None:
        for row in self.course.wanted:
            matches = self.by_key.get(row.key, [])
            # A row that was set aside makes nothing managed (K6).
            if len(matches) == 1 and row.key not in refused and row.key not in self.set_aside:
                self._observe_listed(row, matches[0])
        there = {held.moodle_id for held in self.held}
        for managed in self.course.managed:
            if managed.moodle_id not in there:
                self.result.observed.append(self._ledger_row(managed, terms=""))

    def _observe_listed(self, row: Wanted, held: Held) -> None:
        """It is managed from now on: found under a key that the source lists (rule O1), claimed by the term."""
        managed = self.managed.get(held.moodle_id)
        name, description = self.names.get(row.key), row.description
        applied, described, terms = (
            (managed.name, managed.description, managed.terms) if managed else (None, None, None)
        )
        now = Managed(
            moodle_id=held.moodle_id,
            key=row.key,
            name=held.name if held.name == name else applied,
            description=held.description if held.description == description else described,
            module=row.label,
            terms=with_term(terms, self.policy.term),
        )
        if now != managed:
            self.result.observed.append(self._ledger_row(now, now.terms))

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

    # --- values and words

    def _thing(self, key: str, name: str, description: str) -> Grouping | Group:
        make = Grouping if self.words.kind is Kind.GROUPING else Group
        return make(self.course.course, key, name, description)

    def _as_is(self, held: Held) -> Grouping | Group:
        return self._thing(held.plan_key, held.name, held.description)

    def _change(self, before: Grouping | Group | None, after: Grouping | Group, rule: str, row: Wanted) -> Change:
        return Change(before, after, rule, row.label, row.source_row)

    def _warn_same_name(self, row: Wanted, name: str) -> None:
        noun = self.words.noun
        reason = (
            f'{noun} "{name}" was not imported because an existing {noun.lower()} exists with the same name'
            " but no idNumber"
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
