"""What Moodle and the ledger are after a run that nothing disturbs: the rules with dictionaries and loops.

The domain is small so that this stays simple and right: one term, tables without module, keys and names that
need no cleaning, matching by idnumber, ``on_name_collision: suffix``, re-keys switched off.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
KINDS = ("grouping", "group")
TABLES = {"grouping": "remote_groupings", "group": "remote_groups", "membership": "remote_memberships"}
BELL = "\a"  # no text for a key or a name (rule K4)


@dataclass
class Thing:
    """A grouping or group in Moodle; ``key`` is empty without idnumber."""

    course: str
    key: str
    name: str
    description: str = ""


@dataclass
class Site:
    """Moodle by its ids; an object that is still to be made has a tuple in the place of an id."""

    things: dict[str, dict[Any, Thing]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    links: set[tuple[Any, Any]] = field(default_factory=set)  # grouping, group
    members: set[tuple[Any, str]] = field(default_factory=set)  # group, username

    def of(self, kind: str, course: str) -> dict[Any, Thing]:
        return {ident: thing for ident, thing in self.things[kind].items() if thing.course == course}

    def remove(self, kind: str, ident: Any) -> None:
        """Moodle takes what is inside with it (rule P7)."""
        del self.things[kind][ident]
        at = KINDS.index(kind)
        self.links = {pair for pair in self.links if pair[at] != ident}
        if kind == "group":
            self.members = {pair for pair in self.members if pair[0] != ident}


@dataclass
class Ledger:
    """What is managed: the idnumber of each object, the links with whether a hand removed them, memberships.

    ``courses`` remembers where each thing was, for when Moodle no longer has it.
    """

    things: dict[str, dict[Any, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    links: dict[tuple[Any, Any], bool] = field(default_factory=dict)
    members: set[tuple[Any, str]] = field(default_factory=set)
    courses: dict[tuple[str, Any], str] = field(default_factory=dict)

    def forget(self, kind: str, ident: Any) -> None:
        self.things[kind].pop(ident, None)
        at = KINDS.index(kind)
        self.links = {pair: gone for pair, gone in self.links.items() if pair[at] != ident}
        if kind == "group":
            self.members = {pair for pair in self.members if pair[0] != ident}


@dataclass
class University:
    """The source's rows by table, each course's mappings (module to state), and who is enrolled."""

    tables: dict[str, list[Row]]
    mappings: dict[str, dict[str, str]]
    enrolled: set[tuple[str, str]]

    def standing(self, course: str) -> str:
        """Any active mapping counts; withdrawn only if all are; all else is frozen (rules C2 to C4)."""
        states = set(self.mappings.get(course, {}).values())
        if "active" in states:
            return "active"
        return "withdrawn" if states == {"withdrawn"} else "frozen"

    @property
    def active(self) -> set[str]:
        return {course for course in self.mappings if self.standing(course) == "active"}


@dataclass
class Sifted:
    """Usable rows by key, and the keys, whole or half, that bad rows protect (rules K5, K6)."""

    rows: dict[tuple[str, ...], Row]
    patterns: set[tuple[str | None, ...]]

    def protects(self, *key: str) -> bool:
        """Whether some bad row could have meant this; an absent part stands for everything."""
        return any(
            all(part in (None, own) for part, own in zip(pattern, key, strict=True)) and any(pattern)
            for pattern in self.patterns
        )

    def protects_by_half(self, course: str, key: str) -> bool:
        return (course, None) in self.patterns or (None, key) in self.patterns


def sift(table: str, rows: Iterable[Row], active: Collection[str]) -> Sifted:
    """Rows of courses that take groups, and those without course; one bad row spoils all rows of its key."""
    parts = ("course", "group_idnumber", "user_key") if table == "remote_memberships" else ("course", "idnumber")
    by_key: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["course"] is None or row["course"] in active:
            by_key[tuple(row[part] for part in parts)].append(row)
    found = Sifted({}, set())
    for key, several in by_key.items():
        bad = None in key or any(BELL in (row.get("name") or "") for row in several)
        if bad or any(row != several[0] for row in several):
            found.patterns.add(key)
        else:
            found.rows[key] = several[0]
    return found


def after_sync(site: Site, ledger: Ledger, university: University, *, reclaim: bool = False) -> tuple[Site, Ledger]:
    """Moodle and the ledger as a whole and undisturbed run leaves them; with ``reclaim`` once it is agreed to."""
    site, ledger = deepcopy(site), deepcopy(ledger)
    sifted = {kind: sift(table, university.tables[table], university.active) for kind, table in TABLES.items()}
    for course in sorted(university.mappings):
        if university.standing(course) != "frozen":
            _Course(course, site, ledger, university, sifted, reclaim).bring_in_line()
    return site, ledger


class _Course:
    def __init__(
        self,
        course: str,
        site: Site,
        ledger: Ledger,
        university: University,
        sifted: Mapping[str, Sifted],
        reclaim: bool,
    ) -> None:
        self.course, self.site, self.ledger, self.sifted, self.reclaim = course, site, ledger, sifted, reclaim
        self.enrolled = {user for where, user in university.enrolled if where == course}
        self.set_aside: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.leaving: dict[str, set[Any]] = {}

    def bring_in_line(self) -> None:
        members_before = set(self.site.members)
        links_before = set(self.site.links)
        for kind in KINDS:
            self._things(kind, self._listed(kind))
        self._links(links_before)
        self._memberships(members_before)
        for kind in KINDS:
            for ident in self.leaving[kind]:
                self.site.remove(kind, ident)
                self.ledger.forget(kind, ident)

    def _listed(self, kind: str) -> dict[str, Row]:
        return {key: row for (course, key), row in self.sifted[kind].rows.items() if course == self.course}

    # --- groupings and groups (sections G and P)

    def _things(self, kind: str, listed: dict[str, Row]) -> None:
        there = self.site.of(kind, self.course)
        managed = self.ledger.things[kind]
        by_key = {thing.key: ident for ident, thing in there.items() if thing.key}
        self.leaving[kind] = {
            ident
            for ident, thing in there.items()
            if ident in managed
            and thing.key == managed[ident]
            and thing.key not in listed
            and not self.sifted[kind].protects(self.course, thing.key)
            and not (kind == "grouping" and self._appropriated(ident))
        }
        names = suffixed({key: row["name"] or key for key, row in listed.items()})
        idents = {key: by_key.get(key, ("new", kind, self.course, key)) for key in listed}
        refused = self._refused(kind, {idents[key]: names[key] for key in listed}, there)
        for key, row in listed.items():
            ident, blocker = idents[key], refused.get(idents[key])
            if blocker is not None and there[blocker].key:
                self.set_aside[kind].add(key)  # "name taken by": the row waits (G8, P11)
                continue
            if ident in there:
                thing = self.site.things[kind][ident]
                thing.name = thing.name if blocker is not None else names[key]
                thing.description = row["description"] or ""
                managed[ident] = key
            elif blocker is None:
                self.site.things[kind][ident] = Thing(self.course, key, names[key], row["description"] or "")
                managed[ident] = key
            self.ledger.courses[kind, ident] = self.course
        for ident in [i for i in managed if i not in self.site.things[kind] and self._was_here(kind, i)]:
            self.ledger.forget(kind, ident)

    def _appropriated(self, grouping: Any) -> bool:
        """Somebody has put a group without idnumber into it (rule G7)."""
        return any(p == grouping and not self.site.things["group"][g].key for p, g in self.site.links)

    def _refused(self, kind: str, wanted: dict[Any, str], there: dict[Any, Thing]) -> dict[Any, Any]:
        """Who keeps which claim from its name: somebody who neither leaves nor takes another name."""
        holders = {thing.name: ident for ident, thing in there.items()}
        pending = {i: name for i, name in wanted.items() if i not in there or there[i].name != name}
        refused: dict[Any, Any] = {}
        while True:
            more = {
                ident: holders[name]
                for ident, name in pending.items()
                if name in holders and holders[name] not in self.leaving[kind] and holders[name] not in pending
            }
            if not more:
                return refused
            refused |= more
            pending = {ident: name for ident, name in pending.items() if ident not in more}

    def _was_here(self, kind: str, ident: Any) -> bool:
        """A managed object that Moodle no longer has; in which course it was, the machine has written down."""
        return self.ledger.courses[kind, ident] == self.course

    # --- links (section L)

    def _links(self, before: set[tuple[Any, Any]]) -> None:
        groupings = self._by_key("grouping")
        groups = self._by_key("group")
        kept: set[tuple[Any, Any]] = set()
        settled: set[Any] = set()
        for key, row in self._listed("group").items():
            group = groups.get(key)
            if group is None or key in self.set_aside["group"]:
                continue
            if row["grouping"] and row["grouping"] not in groupings:
                continue  # a warning at every run (L1); the old link stays (L2)
            settled.add(group)
            if row["grouping"]:
                pair = (groupings[row["grouping"]], group)
                kept.add(pair)
                self._merge(pair, pair in before)
        self._take_out(before, kept, settled)

    def _by_key(self, kind: str) -> dict[str, Any]:
        there = self.site.of(kind, self.course)
        return {t.key: ident for ident, t in there.items() if t.key and ident not in self.leaving[kind]}

    def _merge(self, pair: tuple[Any, Any], there: bool) -> None:
        """Three ways: listed, in the base or not, in Moodle or not (rule L2)."""
        if pair not in self.ledger.links:
            if not there:
                self.site.links.add(pair)
            if not there or self.reclaim:
                self.ledger.links[pair] = False
                self.ledger.courses["link", pair] = self.course
        elif not there:
            self.ledger.links[pair] = True  # taken out by hand: it stays out
        elif self.ledger.links[pair] and self.reclaim:
            self.ledger.links[pair] = False
        elif self.ledger.links[pair]:
            del self.ledger.links[pair]  # put back by hand: theirs

    def _take_out(self, before: set[tuple[Any, Any]], kept: set[tuple[Any, Any]], settled: set[Any]) -> None:
        for pair, gone in list(self.ledger.links.items()):
            grouping, group = (self.site.things[kind].get(ident) for kind, ident in zip(KINDS, pair, strict=True))
            if not self._was_here("link", pair):
                continue
            if grouping is None or group is None:
                del self.ledger.links[pair]
                continue
            leaves = pair[0] in self.leaving["grouping"] or pair[1] in self.leaving["group"]
            if leaves or pair in kept or pair[1] not in settled:
                continue
            if self.sifted["group"].protects(self.course, group.key):
                continue
            if self.sifted["grouping"].protects_by_half(self.course, grouping.key):
                continue
            if pair in before and not gone:
                self.site.links.discard(pair)
            del self.ledger.links[pair]

    # --- memberships (section M)

    def _memberships(self, before: set[tuple[Any, str]]) -> None:
        groups = self._by_key("group")
        listed = set()
        for course, key, user in self.sifted["membership"].rows:
            if course != self.course or key not in groups or user not in self.known:
                continue
            pair = (groups[key], user)
            listed.add(pair)
            joins = pair not in before and user in self.enrolled
            if joins:
                self.site.members.add(pair)
            if joins or (pair in before and self.reclaim):
                self.ledger.members.add(pair)
                self.ledger.courses["membership", pair] = self.course
        for pair in sorted(self.ledger.members, key=repr):
            group = self.site.things["group"].get(pair[0])
            if not self._was_here("membership", pair) or pair[0] in self.leaving["group"]:
                continue
            if group is None or pair not in self.site.members:
                self.ledger.members.discard(pair)  # seen gone: no longer ours (M5)
            elif pair not in listed and not self._member_protected(group, pair[1]):
                self.site.members.discard(pair)
                self.ledger.members.discard(pair)

    def _member_protected(self, group: Thing, user: str) -> bool:
        half = self.sifted["group"].protects_by_half(self.course, group.key)
        ident = next(ident for ident, thing in self.site.things["group"].items() if thing is group)
        taken_over = self.ledger.things["group"].get(ident, group.key) != group.key
        return half or taken_over or self.sifted["membership"].protects(self.course, group.key, user)

    known: Collection[str] = ("u1", "u2", "u3", "u4", "u5")


def suffixed(names: Mapping[str, str]) -> dict[str, str]:
    """A name that several rows of a course have gets the idnumber added in each of them (rule P8)."""
    every = list(names.values())
    return {key: name if every.count(name) == 1 else f"{name} ({key})" for key, name in names.items()}
