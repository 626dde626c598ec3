"""The plan that takes a run back, out of its journal and what Moodle has now (rules J3 and J4).

What somebody has changed since is left, with a finding; what a hand had made and a deleted object took with it comes
back and is not ours (``BY_HAND``).  A description's format is not in a plan, and is not restored.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from include.groupsync.diff.renames import Claim, Holder, by_name, rule_on
from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.finding import Finding, Severity
from include.groupsync.model.frames import rows
from include.groupsync.model.journal import BY_HAND
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import Snapshot
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.restore.net import Entry, Net, Object, Pair, PairNet, net_of


@dataclass(frozen=True)
class Restoration:
    """The changes that bring back what can be, and a finding for each thing that cannot."""

    plan: Plan
    findings: list[Finding]


def restore(
    entries: Iterable[Entry],
    snapshot: Snapshot,
    *,
    courses: Collection[str] | None = None,
    kinds: Collection[Kind] = tuple(Kind),
    listed: Collection[Object | Pair] = (),
) -> Restoration:
    """``entries``: a run's journal in order, with nothing left open; ``courses`` None: all.

    What is ``listed`` by a term that is not the run's stays where the run made it (rule C5).
    """
    objects, pairs = net_of(entries)
    made = {pair for pair, net in pairs.items() if net.is_now}
    work = _Restore(snapshot, objects, made, kinds, listed)
    work.prepare([net for net in objects.values() if courses is None or net.course in courses])
    work.pairs({key: net for key, net in pairs.items() if courses is None or net.course in courses})
    return Restoration(Plan.of_changes(work.changes), work.findings)


@dataclass
class Now:
    """Moodle's objects by id and by course and idnumber, and what is in them."""

    objects: dict[tuple[Kind, int], dict[str, Any]] = field(default_factory=dict)
    by_key: dict[tuple[Kind, int, str], int] = field(default_factory=dict)
    pairs: set[Pair] = field(default_factory=set)
    inside: dict[tuple[Kind, int], set[Pair]] = field(default_factory=dict)  # the pairs by their first end

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Now":
        now = cls()
        for kind, frame in ((Kind.GROUPING, snapshot.groupings), (Kind.GROUP, snapshot.groups)):
            for row in rows(frame):
                now.objects[kind, row[f"{kind}_id"]] = row
                if key := keys.key(row["idnumber"]):  # as a sync reads it: blanks around it do not count (rule K3)
                    now.by_key[kind, row["course_id"], key] = row[f"{kind}_id"]
        now.pairs = {(Kind.LINK, row["grouping_id"], row["group_id"]) for row in rows(snapshot.links)}
        now.pairs |= {(Kind.MEMBERSHIP, row["group_id"], row["user_id"]) for row in rows(snapshot.members)}
        for pair in now.pairs:
            now.inside.setdefault(pair[:2], set()).add(pair)
        return now


class _Restore:
    """One restoration in the making."""

    def __init__(
        self,
        snapshot: Snapshot,
        nets: Mapping[tuple[Kind, int], Net],
        made: Collection[Pair],
        kinds: Collection[Kind],
        listed: Collection[Object | Pair],
    ):
        self.made, self.listed = frozenset(made), frozenset(listed)
        self.now, self.nets, self.kinds = Now.of(snapshot), nets, kinds
        self.read = {row["course_id"] for row in rows(snapshot.courses)}
        self.read -= {row["course_id"] for row in rows(snapshot.unread)}
        self.enrolled = {(row["course_id"], row["user_id"]) for row in rows(snapshot.participants)}
        self.users = {row["user_id"]: row["user"] for row in rows(snapshot.users)}
        # A key that two accounts have names neither (rule K3): they are named by their ids.
        self.ambiguous = {user for user, accounts in Counter(self.users.values()).items() if accounts > 1}
        self.changes: list[Change] = []
        self.findings: list[Finding] = []
        self.coming: set[tuple[Kind, int]] = set()  # old ids of what is created again
        self.going: set[tuple[Kind, int]] = set()
        self.in_use: set[tuple[Kind, int]] = set()  # made by the run, and kept with all that is in it
        self.rekeyed: dict[tuple[Kind, int], str] = {}

    # --- groupings and groups

    def prepare(self, nets: Sequence[Net]) -> None:
        unread = {net.course_id: net for net in nets if net.course_id not in self.read}
        for net in unread.values():
            self._find(net.course, None, "its course could not be read, and nothing in it is restored")
        wanted: dict[tuple[Kind, int], list[tuple[Net, Change]]] = {}
        for net in nets:
            if net.course_id in self.read and net.kind in self.kinds and (change := self._change(net)):
                wanted.setdefault((net.kind, net.course_id), []).append((net, change))
        for (kind, course_id), several in wanted.items():
            self._name(kind, course_id, several)

    def _change(self, net: Net) -> Change | None:
        if net.after is not None:
            held = self.now.objects.get((net.kind, net.moodle_id))
            return self._gone(net) if held is None else self._undo(net, net.after, held)
        return self._again(net, net.before) if net.before is not None else None

    def _again(self, net: Net, before: Grouping | Group) -> Change | None:
        """What was deleted is made again, unless its idnumber is there."""
        if there := self.now.by_key.get((net.kind, net.course_id, before.key)):
            held = self.now.objects[net.kind, there]
            now = replace(before, name=held["name"], description=held["description"] or "")
            if _like(before, now) == now:
                return None
            return self._left(net.course, before.key, "its idnumber is there with another name or description")
        if before.key.startswith("#"):
            return self._left(net.course, before.key, "it had no idnumber by which it could be brought back")
        return Change(None, replace(before, description=before.description or ""), "J3", net.module)

    def _gone(self, net: Net) -> Change | None:
        """What was made or changed, and is not there: only of the latter something is left to do."""
        return None if net.before is None else self._left(net.course, net.before.key, "it is no longer there")

    def _undo(self, net: Net, after: Grouping | Group, held: Mapping[str, Any]) -> Change | None:
        """Back to what was before, where Moodle has what the run wrote."""
        key = held["idnumber"] or f"#{net.moodle_id}"
        now = type(after)(net.course, key, held["name"], held["description"] or "")
        if net.before is not None and _like(net.before, now) == now:
            return None
        if _like(after, now) != now:
            return self._left(net.course, after.key, "it was changed in Moodle after the run wrote it")
        if net.before is None and self._holds_more(net):
            self.in_use.add((net.kind, net.moodle_id))
            return self._left(net.course, after.key, "it holds what the run did not put there")
        if net.before is None and self._is_listed(net):
            self._stays(net.course, after.key)
            return None
        return Change(now, _like(net.before, now) if net.before else None, "J3", net.module)

    def _holds_more(self, net: Net) -> bool:
        return not self._inside(net) <= self.made

    def _inside(self, net: Net) -> set[Pair]:
        kind = Kind.LINK if net.kind is Kind.GROUPING else Kind.MEMBERSHIP
        return self.now.inside.get((kind, net.moodle_id), set())

    def _is_listed(self, net: Net) -> bool:
        """Whether another term lists it, or something that would go with it."""
        return (net.kind, net.moodle_id) in self.listed or not self._inside(net).isdisjoint(self.listed)

    def _name(self, kind: Kind, course_id: int, several: list[tuple[Net, Change]]) -> None:
        """Who gets which name: as in any plan, one that is free or becomes so (rule P9)."""
        leaving = {net.moodle_id for net, change in several if change.after is None}
        held = [(i, row) for (k, i), row in self.now.objects.items() if k is kind and row["course_id"] == course_id]
        holders = by_name(
            (row["name"], Holder(row["idnumber"] or f"#{i}", bool(row["idnumber"]), i in leaving)) for i, row in held
        )
        claims = []
        for _, change in several:
            after, before = change.after, change.before
            if isinstance(after, Grouping | Group):
                was = before.name if isinstance(before, Grouping | Group) else None
                if was != after.name:
                    claims.append(Claim(change.thing.key, after.name))  # type: ignore[union-attr]
        ruling = rule_on(claims, holders, keys.MAX_NAME[str(kind)])
        for net, change in several:
            key = change.thing.key  # type: ignore[union-attr]
            if blocker := ruling.refused.get(key):
                self._find(net.course, key, f"its name is taken by {blocker.key}")
                continue
            waits, before = ruling.waits_for.get(key), change.before
            if (aside := ruling.aside.get(key)) and isinstance(before, Grouping | Group):
                moved = replace(before, name=aside)
                waiting = key if change.after is None else waits
                self.changes.append(Change(before, moved, "P9", net.module, step=1, waits_for=waiting))
                if change.after is not None:
                    before = moved
            step = ruling.step[key] + 1 if key in ruling.step and change.action is Action.UPDATE else 0
            self.changes.append(replace(change, before=before, step=step, waits_for=waits))
            self._note(net, change)

    def _note(self, net: Net, change: Change) -> None:
        at = (net.kind, net.moodle_id)
        if change.action is Action.CREATE:
            self.coming.add(at)
        elif change.action is Action.DELETE:
            self.going.add(at)
        elif net.before is not None:
            self.rekeyed[at] = net.before.key

    # --- links and memberships

    def pairs(self, nets: Mapping[Pair, PairNet]) -> None:
        for pair, net in nets.items():
            if pair[0] in self.kinds and net.course_id in self.read and net.was != net.is_now:
                self._settle(pair, net)

    def _settle(self, pair: Pair, net: PairNet) -> None:
        kind, first, second = pair
        outer = Kind.GROUPING if kind is Kind.LINK else Kind.GROUP
        if (outer, first) in self.in_use:
            return
        ends = [self._end(outer, first)] + ([self._end(Kind.GROUP, second)] if kind is Kind.LINK else [])
        if any(end is None for end in ends):
            return
        now = (kind, ends[0][1], ends[1][1] if kind is Kind.LINK else second)  # type: ignore[index]
        if (now in self.now.pairs) == net.was:
            return
        named = [end[0] for end in ends if end is not None]
        if kind is Kind.LINK:
            thing: Link | Membership = Link(net.course, named[0], named[1])
        else:
            user = self.users.get(second) or net.user
            if user is None or user in self.ambiguous:
                user = keys.without_idnumber(second)
            if net.was and (net.course_id, second) not in self.enrolled:
                self._defer(net.course, named[0], user)
                return
            thing = Membership(net.course, named[0], user)
        if now in self.listed and not net.was:
            self._stays(net.course, named[-1], net.user)
            return
        rule = "J3" if net.ours else BY_HAND
        self.changes.append(Change(None if net.was else thing, thing if net.was else None, rule, net.module))

    def _end(self, kind: Kind, old_id: int) -> tuple[str, int | None] | None:
        """The key and the id now of one end; no id: it is made again.  None: there is none, or it goes itself."""
        at, own = (kind, old_id), self.nets.get((kind, old_id))
        if at in self.going:
            return None
        if held := self.now.objects.get(at):
            return self.rekeyed.get(at, held["idnumber"] or f"#{old_id}"), old_id
        if own is None or own.before is None:
            return None
        new_id = self.now.by_key.get((kind, own.course_id, own.before.key))
        return (own.before.key, new_id) if new_id is not None or at in self.coming else None

    def _defer(self, course: str, key: str, user: str) -> None:
        reason = "the person is not enrolled in the course, or the account is gone"
        step = "Enrol the person, and restore again; whose account is gone cannot be brought back."
        self.findings.append(
            Finding("restore", Severity.DEFERRED, "J3", reason, course, key, user=user, next_step=step)
        )

    def _stays(self, course: str, key: str, user: str | None = None) -> None:
        reason, step = "another term lists it too", "None: it goes once no open term lists it."
        self.findings.append(Finding("restore", Severity.NOTE, "C5", reason, course, key, user=user, next_step=step))

    def _left(self, course: str, key: str, reason: str) -> Change | None:
        self._find(course, key, reason)
        return None

    def _find(self, course: str, key: str | None, reason: str) -> None:
        step = "Look at it in Moodle; restore again once it can be."
        self.findings.append(Finding("restore", Severity.WARNING, "J3", reason, course, key, next_step=step))


def _like(thing: Grouping | Group, now: Grouping | Group) -> Grouping | Group:
    """The thing, with Moodle's description where the run did not look at it."""
    return replace(thing, description=now.description if thing.description is None else thing.description)
