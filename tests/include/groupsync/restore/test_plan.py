"""The plan that takes a run back (rules J3, J4)."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.model import keys
from include.groupsync.model.change import Change
from include.groupsync.model.frames import frame_of
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import SCHEMAS, Snapshot
from include.groupsync.model.things import Group, Grouping, Link, Membership
from include.groupsync.restore.plan import Restoration, restore


@dataclass
class Site:
    """One course in memory that carries out plans, and writes the journal of them."""

    objects: dict[tuple[Kind, int], tuple[str, str, str]] = field(default_factory=dict)
    pairs: set[tuple[Kind, int, int]] = field(default_factory=set)
    enrolled: set[int] = field(default_factory=lambda: {1, 2, 3})
    last: int = 100

    def id_of(self, kind: Kind, key: str) -> int:
        return next(i for (k, i), own in self.objects.items() if k is kind and own[0] == key)

    def snapshot(self) -> Snapshot:
        made: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
        made["courses"] = [{"course_id": 9, "course": "c"}]
        for (kind, i), (key, name, text) in self.objects.items():
            row = {"course_id": 9, f"{kind}_id": i, "idnumber": key, "name": name, "description": text}
            made[f"{kind}s"].append(row)
        for kind, a, b in self.pairs:
            if kind is Kind.LINK:
                made["links"].append({"grouping_id": a, "group_id": b})
            else:
                made["members"].append({"group_id": a, "user_id": b})
        made["participants"] = [{"course_id": 9, "user_id": u} for u in self.enrolled]
        made["users"] = [{"user_id": u, "user": f"u{u}"} for u in (1, 2, 3)]
        return Snapshot(**{name: frame_of(made[name], schema) for name, schema in SCHEMAS.items()})

    def apply(self, plan: Plan, outcome: str = "done") -> list[dict[str, Any]]:
        return [self._one(change) | {"outcome": outcome} for change in plan.changes()]

    def _one(self, change: Change) -> dict[str, Any]:
        thing, entry = change.thing, {"grouping_id": None, "group_id": None, "user_id": None, "user": None}
        before = asdict(change.before) if change.before else None
        if isinstance(thing, Grouping | Group):
            kind = thing.kind
            self.last += 1
            own = self.last if change.action is Action.CREATE else self.id_of(kind, thing.key)
            entry[f"{kind}_id"] = own
            if isinstance(change.after, Grouping | Group):
                new = change.after
                others = {name for (k, i), (_, name, _) in self.objects.items() if k is kind and i != own}
                assert new.name not in others, "Moodle refuses a name twice"
                self.objects[kind, own] = (new.key, new.name, new.description or "")
            else:
                assert before is not None
                before |= self._image(kind, own)
                del self.objects[kind, own]
        else:
            group = self.id_of(Kind.GROUP, thing.group)
            entry["group_id"] = group
            if isinstance(thing, Link):
                entry["grouping_id"] = self.id_of(Kind.GROUPING, thing.grouping)
                pair = (Kind.LINK, entry["grouping_id"], group)
            else:
                entry |= {"user_id": int(thing.user[1:]), "user": thing.user}
                pair = (Kind.MEMBERSHIP, group, int(thing.user[1:]))
            (self.pairs.add if change.after else self.pairs.remove)(pair)
        common = {"kind": str(change.kind), "action": str(change.action), "rule": change.rule, "module": None}
        common |= {"course": "c", "course_id": 9}
        return entry | common | {"before": before, "after": asdict(change.after) if change.after else None}

    def _image(self, kind: Kind, own: int) -> dict[str, Any]:
        links = {p for p in self.pairs if p[0] is Kind.LINK and p[1 if kind is Kind.GROUPING else 2] == own}
        members = {p for p in self.pairs if kind is Kind.GROUP and p[:2] == (Kind.MEMBERSHIP, own)}
        self.pairs -= links | members
        if kind is Kind.GROUPING:
            return {"groups": [p[2] for p in links]}
        people = [{"user_id": p[2], "user": f"u{p[2]}"} for p in members]
        return {"members": people, "groupings": [p[1] for p in links]}

    def without_ids(self) -> tuple[set[Any], set[Any]]:
        key = {at: own[0] for at, own in self.objects.items()}
        pairs = {
            (k, key[Kind.GROUPING, a], key[Kind.GROUP, b]) if k is Kind.LINK else (k, key[Kind.GROUP, a], b)
            for k, a, b in self.pairs
        }
        return {(kind, *own) for (kind, _), own in self.objects.items()}, pairs


def site() -> Site:
    """Grouping A (1) holds group G (11) with users 1 and 2; group H (12) is empty."""
    objects = {
        (Kind.GROUPING, 1): ("A", "name A", "of A"),
        (Kind.GROUP, 11): ("G", "name G", "of G"),
        (Kind.GROUP, 12): ("H", "name H", "of H"),
    }
    return Site(objects, {(Kind.LINK, 1, 11), (Kind.MEMBERSHIP, 11, 1), (Kind.MEMBERSHIP, 11, 2)})


A, G = Grouping("c", "A", "name A", "of A"), Group("c", "G", "name G", "of G")
DELETES = Plan.of_changes([Change(A, None, "G7"), Change(G, None, "P7")])


def back(entries: list[dict[str, Any]], now: Site, **options: Any) -> Restoration:
    return restore(entries, now.snapshot(), **options)


def test_j3_j4_deletes_come_back_with_fields_links_and_members_and_only_once() -> None:
    now, before = site(), site().without_ids()
    entries = now.apply(DELETES)
    now.apply(back(entries, now).plan)
    assert now.without_ids() == before
    again = back(entries, now)
    assert (len(again.plan), again.findings) == (0, [])


def test_m5_what_a_hand_had_put_into_a_deleted_object_comes_back_and_is_not_ours() -> None:
    """The before-image says what of the inside was managed; of an older journal nothing was."""
    now = site()
    entries = now.apply(DELETES)
    of_group = next(entry for entry in entries if entry["kind"] == "group")
    of_group["before"]["ours"] = {"members": [1]}
    rules = {c.thing: c.rule for c in back(entries, now).plan.changes() if isinstance(c.thing, Link | Membership)}
    assert rules == {
        Membership("c", "G", "u1"): "J3",
        Membership("c", "G", "u2"): "J3/O1",
        Link("c", "A", "G"): "J3/O1",
    }


def test_j3_a_person_without_a_source_key_comes_back_by_the_account() -> None:
    now = site()
    now.pairs.add((Kind.MEMBERSHIP, 11, 4))
    now.enrolled.add(4)
    entries = now.apply(DELETES)
    for member in next(entry for entry in entries if entry["kind"] == "group")["before"]["members"]:
        member["user"] = None if member["user_id"] == 4 else member["user"]
    named = {c.thing.user for c in back(entries, now).plan.changes() if isinstance(c.thing, Membership)}
    assert named == {"u1", "u2", "#4"}


def test_k3_two_accounts_of_one_key_come_back_by_their_ids() -> None:
    now = site()
    entries = now.apply(DELETES)
    snapshot = now.snapshot()
    twins = frame_of([{"user_id": 1, "user": "u1"}, {"user_id": 2, "user": "u1"}], SCHEMAS["users"])
    plan = restore(entries, replace(snapshot, users=twins)).plan
    assert {c.thing.user for c in plan.changes() if isinstance(c.thing, Membership)} == {"#1", "#2"}


def test_j3_what_the_run_did_not_do_is_not_restored() -> None:
    now = site()
    for outcome in ("skipped", "unknown", "refused"):
        entries = site().apply(DELETES, outcome)
        assert len(back(entries, now).plan) == 0


def test_j3_a_field_that_was_changed_since_stays_with_a_finding() -> None:
    now = site()
    entries = now.apply(Plan.of_changes([Change(G, Group("c", "G", "other", "of G"), "P6")]))
    now.objects[Kind.GROUP, 11] = ("G", "by hand", "of G")
    result = back(entries, now)
    assert len(result.plan) == 0
    assert [(f.key, "changed in Moodle" in f.reason) for f in result.findings] == [("G", True)]


def test_j3_a_created_group_that_somebody_joined_since_stays_with_a_finding() -> None:
    now = site()
    entries = now.apply(Plan.of_changes([Change(None, Group("c", "N", "new", ""), "P5")]))
    now.pairs.add((Kind.MEMBERSHIP, now.id_of(Kind.GROUP, "N"), 3))
    result = back(entries, now)
    assert (len(result.plan), [f.key for f in result.findings]) == (0, ["N"])


def test_j3_a_created_group_that_is_kept_keeps_whom_the_run_had_put_there() -> None:
    now = site()
    entries = now.apply(Plan.of_changes([Change(None, Group("c", "N", "new", ""), "P5")]))
    entries += now.apply(Plan.of_changes([Change(None, Membership("c", "N", "u1"), "M4")]))
    assert [c.after for c in back(entries, now).plan.changes()] == [None], "nobody else has joined: it goes with them"
    now.pairs.add((Kind.MEMBERSHIP, now.id_of(Kind.GROUP, "N"), 3))
    assert len(back(entries, now).plan) == 0


def test_c5_what_another_term_lists_too_stays_where_the_run_made_it() -> None:
    """A group by itself or for somebody in it; a membership and a link alone; what nobody else lists goes."""
    now = site()
    new = [Group("c", key, f"Lab {key}", "") for key in ("N1", "N2", "N3")]
    inside = [Membership("c", "N1", "u1"), Membership("c", "N1", "u2"), Membership("c", "N2", "u1")]
    links = [Link("c", "A", "N1"), Link("c", "A", "N2")]
    entries = now.apply(Plan.of_changes(Change(None, one, "P5") for one in (*new, *inside, *links)))
    at = {key: now.id_of(Kind.GROUP, key) for key in ("N1", "N2", "N3")}
    grouping = now.id_of(Kind.GROUPING, "A")
    listed = {
        (Kind.GROUP, at["N1"]),
        (Kind.MEMBERSHIP, at["N1"], 1),
        (Kind.MEMBERSHIP, at["N2"], 1),
        (Kind.LINK, grouping, at["N2"]),
    }
    found = back(entries, now, listed=listed)
    assert {change.thing for change in found.plan.changes()} == {inside[1], links[0], new[2]}
    assert {(one.key, one.user, one.rule, str(one.severity)) for one in found.findings} == {
        ("N1", None, "C5", "note"),
        ("N2", None, "C5", "note"),
        ("N1", "u1", "C5", "note"),
        ("N2", "u1", "C5", "note"),
    }
    assert len(back(entries, now).plan) == len(entries) - len(inside) - len(links), "they go with their groups"


def test_j3_who_is_no_longer_enrolled_is_deferred() -> None:
    now = site()
    entries = now.apply(DELETES)
    now.enrolled.remove(2)
    result = back(entries, now)
    assert [(f.severity, f.user) for f in result.findings] == [("deferred", "u2")]
    assert [c.thing.user for c in result.plan.changes() if isinstance(c.thing, Membership)] == ["u1"]


def test_j3_what_exists_again_is_matched_and_a_name_that_is_taken_is_a_finding() -> None:
    now = site()
    entries = now.apply(DELETES)
    now.objects[Kind.GROUP, 50] = ("G", "made again", "")
    now.objects[Kind.GROUPING, 51] = ("Z", "name A", "")
    result = back(entries, now)
    assert {(c.kind, c.action) for c in result.plan.changes()} == {(Kind.MEMBERSHIP, Action.CREATE)}
    assert sorted(f.reason for f in result.findings) == [
        "its idnumber is there with another name or description",
        "its name is taken by Z",
    ]


def test_k3_an_idnumber_that_a_hand_made_with_blanks_around_it_is_no_second_one() -> None:
    now = site()
    entries = now.apply(DELETES)
    now.objects[Kind.GROUP, 50] = ("G ", "name G", "of G")
    changes = list(back(entries, now).plan.changes())
    assert [c.thing for c in changes if c.kind is Kind.GROUP] == []
    assert {c.thing.user for c in changes if isinstance(c.thing, Membership)} == {"u1", "u2"}


def test_k7_a_name_may_be_as_long_as_its_kind_allows() -> None:
    """One that steps out of its name takes a temporary one, which must not be longer either."""
    for kind, make in ((Kind.GROUP, Group), (Kind.GROUPING, Grouping)):
        long = "n" * keys.MAX_NAME[str(kind)]
        names = [(long[:-1] + letter) for letter in "ab"]
        now = Site({(kind, 1): ("P", names[0], ""), (kind, 2): ("Q", names[1], "")})
        entries = []
        for key, old, new in (("P", names[0], "p"), ("Q", names[1], names[0]), ("P", "p", names[1])):
            entries += now.apply(Plan.of_changes([Change(make("c", key, old, ""), make("c", key, new, ""), "P6")]))
        steps = list(back(entries, now).plan.changes())
        given = [c.after.name for c in steps if isinstance(c.after, Grouping | Group)]
        assert len(given) == 3, "a swap goes by way of a temporary name"
        assert max(map(len, given)) <= keys.MAX_NAME[str(kind)]
        now.apply(Plan.of_changes(steps))
        assert {own[:2] for own in now.objects.values()} == {("P", names[0]), ("Q", names[1])}


def test_j3_only_the_courses_and_kinds_that_were_asked_for() -> None:
    now = site()
    entries = now.apply(DELETES)
    assert len(back(entries, now, courses=["other"]).plan) == 0
    only = back(entries, now, kinds=[Kind.GROUPING])
    assert [c.thing for c in only.plan.changes()] == [A]


@st.composite
def states(draw: st.DrawFn) -> Site:
    objects: dict[tuple[Kind, int], tuple[str, str, str]] = {}
    for kind, letters in ((Kind.GROUPING, "AB"), (Kind.GROUP, "GHI")):
        for at, key in enumerate(letters):
            if draw(st.booleans()):
                objects[kind, at + 1] = (key, f"name {key}", draw(st.sampled_from(["", "x", "y"])))
    groups = [i for kind, i in objects if kind is Kind.GROUP]
    pairs = {(Kind.MEMBERSHIP, g, u) for g in groups for u in (1, 2, 3) if draw(st.booleans())}
    groupings = [i for kind, i in objects if kind is Kind.GROUPING]
    pairs |= {(Kind.LINK, a, g) for a in groupings for g in groups if draw(st.booleans())}
    return Site(objects, pairs)


def between(old: Site, new: Site) -> Plan:
    """The plan that makes the one state of the other."""
    changes: list[Change] = []
    (was, pairs_were), (shall, pairs_shall) = old.without_ids(), new.without_ids()
    make: dict[Kind, Any] = {Kind.GROUPING: Grouping, Kind.GROUP: Group}
    a = {(kind, key): make[kind]("c", key, name, text) for kind, key, name, text in was}
    b = {(kind, key): make[kind]("c", key, name, text) for kind, key, name, text in shall}
    changes += [Change(a.get(at), b.get(at), "P6") for at in a.keys() | b.keys() if a.get(at) != b.get(at)]
    for kind, first, second in pairs_were ^ pairs_shall:
        link = kind is Kind.LINK
        thing = Link("c", first, second) if link else Membership("c", first, f"u{second}")
        there = (kind, first, second) in pairs_were
        ends = [(Kind.GROUPING, first), (Kind.GROUP, second)] if link else [(Kind.GROUP, first)]
        if not there or all(end in b for end in ends):
            changes.append(Change(thing if there else None, None if there else thing, "M5"))
    return Plan.of_changes(changes)


@settings(deadline=None, max_examples=60)
@given(states(), states())
def test_j3_j4_an_applied_plan_restored_is_the_state_before_and_a_second_time_nothing_changes(
    old: Site, new: Site
) -> None:
    before, after = old.without_ids(), new.without_ids()
    entries = old.apply(between(old, new))
    assert old.without_ids() == after
    result = back(entries, old)
    assert result.findings == []
    old.apply(result.plan)
    assert old.without_ids() == before
    assert len(back(entries, old).plan) == 0
