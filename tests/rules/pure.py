"""One course, or one table's memberships, compared without Moodle and without databases."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.groupsync.diff.course import Course, CourseDiff, Held, Managed, Policy, Wanted, Words, no_overlap
from include.groupsync.diff.memberships import GROUP_AFTER, MembershipDiff, MembershipSides, diff_memberships
from include.groupsync.diff.objects import GROUPS, diff_course
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.ledger import EXCEPTIONS, MANAGED_MEMBERSHIPS
from include.groupsync.model.plan import Plan
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import SCOPE, Scope, Standing
from include.groupsync.model.snapshot import MEMBERS, PARTICIPANTS, USERS
from include.groupsync.quality.judge import judge
from include.groupsync.quality.suites import suite_for
from include.groupsync.settings import Settings
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.extract import REMOTE
from include.groupsync.source.quarantine import FAILURE, PROTECTED, Sifted, sift
from tests.world import CALENDAR, TERM1, TERM2

__all__ = ["TERM1", "TERM2"]

POLICY = Policy(TERM1, None)


# --- groupings and groups of one course


def want(key: str, name: str | None = None, description: str | None = None, **more: Any) -> Wanted:
    """A usable row; the name defaults to the idnumber."""
    return Wanted(key, name or key, description, more.get("label"), more.get("row", 1), more.get("grouping"))


def held(moodle_id: int, key: str | None, name: str | None = None, description: str = "") -> Held:
    """What Moodle has; without idnumber it needs a name."""
    return Held(moodle_id, key, name or str(key), description)


def ours(of: Held, terms: str = TERM1, **more: Any) -> Managed:
    """The ledger's row of an object: applied as it is in Moodle now, unless the fields say otherwise."""
    fields: dict[str, Any] = {"key": of.key, "name": of.name, "description": of.description, "module": None}
    return Managed(of.moodle_id, terms=terms, **(fields | more))


def compare(
    wanted: Sequence[Wanted],
    there: Sequence[Held],
    managed: Sequence[Managed] = (),
    *,
    words: Words = GROUPS,
    policy: Policy = POLICY,
    protected: Collection[str] = (),
    standing: Callable[[str | None], Standing] = lambda _: Standing.ACTIVE,
    appropriated: Collection[int] = (),
    overlap: Mapping[tuple[int, str], float] | None = None,
) -> CourseDiff:
    """Course C1's comparison; ``protected`` are keys of bad rows, ``overlap`` shares of members in common."""
    alike = (lambda moodle_id, key: overlap.get((moodle_id, key))) if overlap else no_overlap
    course = Course(
        "C1", 1, wanted, there, managed, protected.__contains__, standing, frozenset(appropriated), alike
    )  # fmt: skip
    return diff_course(words, course, policy)


def short(found: CourseDiff) -> list[str]:
    """The changes in the order of the plan: ``+ G1 Name``, ``~ G1 Old > New``, ``- G1``; a re-key ``~ G1>G2``."""
    return [_short(row) for row in rows(Plan.of_changes(found.changes).frame)]


def _short(row: Mapping[str, Any]) -> str:
    key = row[row["kind"]] + (f">{row['to_key']}" if row["to_key"] else "")
    match row["action"]:
        case "create":
            return f"+ {key} {row['name_after']}"
        case "delete":
            return f"- {key}"
    if row["name_before"] == row["name_after"]:
        return f"~ {key}"
    return f"~ {key} {row['name_before']} > {row['name_after']}"


def said(found: CourseDiff) -> list[tuple[str, str, str | None, str]]:
    """The findings: severity, rule, key and reason."""
    return [(str(f.severity), f.rule, f.key, f.reason) for f in found.findings]


def terms_now(found: CourseDiff) -> dict[int, str]:
    """What the ledger is told of claims, by Moodle id; an empty text drops the row."""
    return {row["moodle_id"]: row["terms"] for row in found.observed}


def applied(found: CourseDiff, there: Sequence[Held]) -> dict[str, str]:
    """Names by idnumber after the plan, step by step; Moodle's refusal of a taken name is an AssertionError."""
    now = {one.plan_key: one.name for one in there}
    for change in Plan.of_changes(found.changes).changes():
        if change.after is None:
            del now[change.before.key]
            continue
        key = change.before.key if change.before else change.after.key
        others = {name for other, name in now.items() if other != key}
        assert change.after.name not in others, f"Moodle would refuse {change}"
        now.pop(key, None)
        now[change.after.key] = change.after.name
    return now


# --- memberships

Member = tuple[str, str]  # group and person


@dataclass
class Members:
    """Groups of course C1 and who is in them, listed, managed and excepted; ids are positions from 11 and 101."""

    listed: Iterable[Member | tuple[str, str, str]] = ()
    there: Iterable[Member] = ()
    managed: Mapping[Member, str] | Iterable[Member] = ()
    pinned: Iterable[Member] = ()
    excluded: Iterable[Member] = ()
    groups: Sequence[str] = ("G1", "G2")
    people: Sequence[str] = ("ann", "bob", "cid")
    enrolled: Sequence[str] | None = None
    matches: Mapping[str, str] | None = None
    fates: Mapping[str, str] | None = None
    accounts: Sequence[tuple[int, str]] = ()
    protected: Iterable[tuple[str | None, str | None, str | None]] = ()
    modules: Mapping[str, str] | None = None
    reclaim: bool = False
    term: str = TERM1
    open_terms: frozenset[str] | None = None

    def compare(self) -> MembershipDiff:
        managed = self.managed if isinstance(self.managed, Mapping) else dict.fromkeys(self.managed, TERM1)
        records = [
            {"source_row": at, "course": "C1", "group": row[0], "user": row[1], "label": row[2] if row[2:] else None}
            for at, row in enumerate(self.listed, start=1)
        ]
        groups = [
            {
                "course": "C1", "course_id": 1, "group_id": self.group_id(key), "group": key,
                "match": (self.matches or {}).get(key, key), "fate": (self.fates or {}).get(key, "stays"),
                "keeps_members": self.protection.covers_by_half("C1", key),
            }
            for key in self.groups
        ]  # fmt: skip
        enrolled = self.people if self.enrolled is None else self.enrolled
        exceptions = [
            {"course": "C1", "group": group, "user": user, "what": what}
            for what, some in (("pin", self.pinned), ("exclude", self.excluded))
            for group, user in some
        ]
        accounts = [*((self.user_id(user), user) for user in self.people), *self.accounts]
        sides = MembershipSides(
            wanted=frame_of(records, CLEAN["memberships"]),
            groups=frame_of(groups, GROUP_AFTER),
            members=frame_of(
                ({"group_id": self.group_id(g), "user_id": self.user_id(u)} for g, u in self.there), MEMBERS
            ),
            participants=frame_of(({"course_id": 1, "user_id": self.user_id(u)} for u in enrolled), PARTICIPANTS),
            users=frame_of(({"user_id": i, "user": u} for i, u in accounts), USERS),
            managed=frame_of((self._managed(g, u, terms) for (g, u), terms in managed.items()), MANAGED_MEMBERSHIPS),
            exceptions=frame_of(exceptions, EXCEPTIONS),
        )
        return diff_memberships(sides, self.protection, self._scope(), self.term, self.open_terms, reclaim=self.reclaim)

    @property
    def protection(self) -> Protection:
        records = [{"dataset": "memberships", "course": c, "key": k, "user": u} for c, k, u in self.protected]
        return Protection.of(frame_of(records, PROTECTED), "memberships")

    def group_id(self, key: str) -> int:
        return 11 + list(self.groups).index(key)

    def user_id(self, user: str) -> int:
        return 101 + list(self.people).index(user)

    def _managed(self, group: str, user: str, terms: str) -> dict[str, Any]:
        ids = {"group_id": self.group_id(group), "user_id": self.user_id(user), "course_id": 1}
        return ids | {"user": user, "module": None, "terms": terms}

    def _scope(self) -> Scope:
        return Scope.of(
            frame_of([{"dataset": "memberships", "course": "C1", "label": None, "standing": "active"}], SCOPE),
            "memberships",
        )


def moves(found: MembershipDiff) -> set[str]:
    """Adds as ``+ G1 ann``, removals as ``- G1 ann``, claims as ``= G1 ann``."""
    signs = {"create": "+", "update": "=", "delete": "-"}
    return {f"{signs[row['action']]} {row['group']} {row['user']}" for row in rows(found.changes)}


def errors(found: MembershipDiff) -> list[tuple[str, str, str | None, str | None, str]]:
    """The findings: severity, rule, group, person and reason."""
    return [(f["severity"], f["rule"], f["key"], f["user"], f["reason"]) for f in rows(found.findings)]


# --- tables as they are read


_TABLE = {"connection": "source", "table": "T"}
_OBJECT = {"name": "NAME", "description": "DESCRIPTION"}
SETTINGS: dict[str, Any] = {
    "localuserfield": "username",
    "mappings": "none",
    "groupings": {**_TABLE, "columns": _OBJECT},
    "groups": {**_TABLE, "columns": {**_OBJECT, "grouping": "GROUPING"}},
    "memberships": {**_TABLE, "columns": {"course": "COURSE"}},
}


def sifted(dataset: str, *records: Mapping[str, Any], **settings: Any) -> Sifted:
    """A remote table's rows cleaned, judged by the real suite and sifted, numbered from 1."""
    loaded = Settings.model_validate(SETTINGS | settings)
    numbered = [{"source_row": at, **record} for at, record in enumerate(records, start=1)]
    frame = clean(dataset, frame_of(numbered, REMOTE[dataset]), loaded)
    judgement = judge(dataset, frame, suite_for(dataset, loaded, CALENDAR.term(TERM1)))
    assert not judgement.broken, judgement.broken
    return sift(dataset, frame, conform(judgement.failures, FAILURE))


def refused(found: Sifted) -> dict[int, set[tuple[str, str]]]:
    """Rules and reasons by the row's number."""
    reasons: dict[int, set[tuple[str, str]]] = {}
    for row in rows(found.findings):
        reasons.setdefault(row["source_row"], set()).add((row["rule"], row["reason"]))
    return reasons
