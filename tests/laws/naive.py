"""The rules once more, as naively as they can be said: dictionaries and loops, straight from the design."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from include.groupsync.model import keys
from tests.laws.moodle import MoodleState, Object
from tests.laws.rowchecks import refusals
from tests.laws.university import LATER, TERM, Options, Row, University

KEY = {
    "mappings": ("course", "module", "occurrence", "period"),
    "groupings": ("course", "idnumber"),
    "groups": ("course", "idnumber"),
    "memberships": ("course", "group", "user"),
}
VALUES = {
    "mappings": ("import_groups", "status"),
    "groupings": ("name", "description"),
    "groups": ("name", "description", "grouping"),
    "memberships": (),
}
LIMIT = {"groupings": 255, "groups": 254}
MISSING = ("absent",)


@dataclass
class Naive:
    """What the rules say comes out; ``doubtful`` are courses in which the rules leave a choice."""

    state: MoodleState
    findings: set[tuple[str, str, int]] = field(default_factory=set)  # dataset, rule, row
    doubtful: set[int] = field(default_factory=set)
    waiting: set[tuple[int, str | None, str]] = field(
        default_factory=set
    )  # halves of likely re-keys: course, key, name
    claims: set[tuple[str, int, int]] = field(default_factory=set)  # with reclaim: links and memberships


@dataclass
class Table:
    """A remote table as it may be used, and what its bad rows protect: course, key, user; None is any."""

    usable: list[Row] = field(default_factory=list)
    protected: set[tuple[Any, Any, Any]] = field(default_factory=set)

    def covers(self, course: str, names: set[str | None], user: str | None = None) -> bool:
        """Whether a bad row could have meant this."""
        return any(
            c in (None, course) and (k is None or k in names) and u in (None, user) for c, k, u in self.protected
        )

    def covers_by_half(self, course: str, key: str) -> bool:
        """Whether a row that is half a key could have meant this object."""
        return any((c is None or k is None) and c in (None, course) and k in (None, key) for c, k, _ in self.protected)


def read_rows(university: University, dataset: str) -> list[Row]:
    """Rule K3 and the defaults of rule G2, row by row."""
    options, found = university.options, []
    for at, raw in enumerate(university.rows[dataset], start=1):
        if options.termed and dataset != "mappings" and raw["term"] != TERM:
            continue  # another term's row
        row = {"source_row": at, **raw}
        for column in ("course", "idnumber", "module", "occurrence", "period", "status", "import_groups"):
            row[column] = keys.key(row.get(column))
        by_name = {"group": options.groupfield, "grouping": options.groupingfield}
        for column, field_name in by_name.items():
            row[column] = (keys.name if field_name == "name" else keys.key)(row.get(column))
        row["user"] = keys.user_key(row.get("user"), options.userfield)
        row["name"] = (keys.name(row.get("name")) if options.names else None) or row["idnumber"]
        row["description"] = (row.get("description") or "") if options.descriptions else None
        row["grouping"] = row["grouping"] if options.placed else None
        if dataset == "mappings":
            row["import_groups"] = row["import_groups"] or "no"
        row["label"] = label(row, options.delivery)
        found.append(row)
    return found


def label(row: Row, delivery: tuple[str, ...]) -> str | None:
    """The module delivery that a row belongs to."""
    return " ".join(row[c] or "-" for c in delivery) if delivery and row["module"] else None


def sift(dataset: str, table: list[Row], options: Options, naive: Naive) -> Table:
    """Rules K4 to K7: which rows are used, and what the others protect."""
    reasons: dict[int, set[str]] = {}
    for row in table:
        why = {rule for _, rule in refusals(dataset, row, options)}
        if why:
            reasons[row["source_row"]] = why
    same: dict[Any, list[Row]] = defaultdict(list)
    for row in table:
        same[tuple(row[c] for c in KEY[dataset])].append(row)
    usable = []
    for several in same.values():
        good = [row for row in several if row["source_row"] not in reasons]
        values = {tuple(row[c] for c in VALUES[dataset]) for row in good}
        distinct = [min((r for r in good if tuple(r[c] for c in VALUES[dataset]) == v), key=order) for v in values]
        if len(values) > 1 or (good and len(good) < len(several)):
            for row in distinct:
                reasons[row["source_row"]] = {"K5"}
        else:
            usable += distinct
    if "idnumber" in KEY[dataset]:
        for row in list(usable):
            if any(other["course"] == row["course"] and loosely_equal(other, row) for other in table):
                reasons[row["source_row"]] = {"K7"}
                usable.remove(row)
    found = Table(usable)
    for row in table:
        if row["source_row"] in reasons:
            naive.findings |= {(dataset, rule, row["source_row"]) for rule in reasons[row["source_row"]]}
            own = {"memberships": ("course", "group", "user"), "mappings": ("course", "label")}.get(
                dataset, ("course", "idnumber")
            )
            if any(row[c] for c in own):
                parts = [None if keys.unreadable(row[c]) else row[c] for c in own]
                found.protected.add((*parts, None) if len(parts) == 2 else tuple(parts))  # type: ignore[arg-type]
    return found


def order(row: Row) -> Any:
    """Of identical rows the first by delivery stands for all."""
    return row["label"] is None, row["label"] or "", row["source_row"]


def loosely_equal(one: Row, other: Row) -> bool:
    """Two idnumbers that Moodle takes for one; ``0`` is none."""
    a, b = one["idnumber"], other["idnumber"]
    return bool(a and b and a != b and "0" not in (a, b) and keys.loose(a) == keys.loose(b))


def spoken_of(every: list[Row], delivery: tuple[str, ...]) -> set[str]:
    """The courses of which a mapping of the term speaks before any is set aside: those are read."""
    standings: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for row in every:
        if row["course"] and row["status"]:
            active = (row["status"], row["import_groups"]) == ("active", "yes")
            how = "withdrawn" if row["status"] == "withdrawn" else "active" if active else "frozen"
            standings[row["course"], label(row, delivery)].add(how)
    return {course for (course, _), hows in standings.items() if "active" in hows or hows == {"withdrawn"}}


class Scope:
    """Rules C1 to C6 for one table: how a course's delivery stands."""

    def __init__(self, options: Options, mappings: Table | None, named: set[str], spoken_of: set[str]):
        """``spoken_of``: the courses that are read, as some mapping, be it a bad one, may change something there."""
        self.options, self.mappings, self.named, self.spoken_of = options, mappings, named, spoken_of

    def standing(self, course: str, own: str | None) -> str:
        if self.mappings is None:
            return "active" if course in self.named else "frozen"
        found = {
            "withdrawn" if row["status"] == "withdrawn"
            else "active" if (row["status"], row["import_groups"]) == ("active", "yes")
            else "frozen"
            for row in self.mappings.usable
            if row["course"] == course and (not self.options.delivery or row["label"] == own)
        }  # fmt: skip
        if found and any(c in (None, course) for c, _, _ in self.mappings.protected):
            found.add("frozen")  # a mapping that cannot be read may be any of the course's
        if "active" in found:
            return "active"
        return "withdrawn" if found == {"withdrawn"} else "frozen"

    def takes(self, row: Row) -> bool:
        """Whether the row is in scope, or bad in such a way that it could be."""
        unknown_course = not row["course"] or keys.unreadable(row["course"])
        if not self.options.delivery or not self.labels():
            return unknown_course or self.standing(row["course"], None) == "active"
        unknown_label = not row["label"] or keys.unreadable(row["label"])
        if unknown_course:
            return unknown_label or row["label"] in self.labels()
        if unknown_label and any(self.standing(row["course"], own) == "active" for own in self.labels()):
            return True
        return bool(row["label"]) and self.standing(row["course"], row["label"]) == "active"

    def labels(self) -> set[str]:
        """The deliveries that some course takes groups from."""
        if self.mappings is None:
            return set()
        rows = self.mappings.usable
        return {r["label"] for r in rows if r["label"] and self.standing(r["course"], r["label"]) == "active"}

    def any_delivery(self, course: str) -> bool:
        """Whether anything in the course may change."""
        if self.mappings is None:
            return course in self.named
        return any(
            r["course"] == course and self.standing(course, r["label"]) != "frozen" for r in self.mappings.usable
        )


def may_delete(university: University, terms: str | None) -> bool:
    """Rule C5: the run's own term lists it no more, and no other that is open."""
    claims = set((terms or "").split())
    return TERM in claims and not any(term in university.open_terms for term in claims if term != TERM)


@dataclass
class One:
    """An object of a course on its way: ``after`` None is deleted; ``at`` None is to be created."""

    at: int | None
    key: str | None
    now: Object | None
    after: Object | None
    row: Row | None = None
    managed: Row | None = None
    pending: bool = False  # half of a likely re-key, or waits for one
    suffixed: bool = False
    appropriated: bool = False


def objects_of_course(
    university: University, naive: Naive, dataset: str, course: str, course_id: int, table: Table, scope: Scope
) -> list[One]:
    """Sections G, P, O and C for the groupings or the groups of a course."""
    kind, options = dataset[:-1], university.options
    held = getattr(university.moodle, dataset)
    wanted = {row["idnumber"]: row for row in table.usable if row["course"] == course}
    ones = []
    for at, now in sorted(held.items()):
        if now.course_id == course_id:
            own = university.ledger.objects.get((kind, at))
            if own and own["course_id"] != course_id:
                own = None
            one = One(at, keys.key(now.idnumber), now, now, None, own)
            one.appropriated = kind == "grouping" and any(
                a == at and not university.moodle.groups[b].idnumber for a, b in university.moodle.links
            )
            ones.append(one)
    counts = Counter(one.key for one in ones)
    for key, row in list(wanted.items()):
        if counts[key] > 1:
            naive.findings.add((dataset, "K3", row["source_row"]))
            del wanted[key]
    names, suffixed = collisions(naive, dataset, wanted, options)
    wanted = {key: row for key, row in wanted.items() if key in names}
    quarantined = {row["idnumber"] for row in table.usable if row["course"] == course} - set(wanted)
    for one in ones:
        if one.key in wanted:
            one.row, one.suffixed = wanted[one.key], one.key in suffixed
            one.after = fields_after(university, one, names[one.key])
        elif one.key and one.managed and one.key not in quarantined and counts[one.key] == 1:
            stands = scope.standing(course, one.managed["module"]) != "frozen"
            kept = one.appropriated or table.covers(course, {one.key})
            # With another idnumber than ours it is no longer what we made: somebody has put it to another use.
            kept = kept or one.managed["idnumber"] != one.key
            if stands and not kept and may_delete(university, one.managed["terms"]):
                one.after = None
    for key, row in wanted.items():
        if not counts[key]:
            after = Object(course_id, key, names[key], row["description"] or "")
            ones.append(One(None, key, None, after, row, suffixed=key in suffixed))
    return ones


def fields_after(university: University, one: One, name: str) -> Object:
    """Rule G6, with O4's ``keep`` and the later term's word (C5)."""
    now, row, managed = one.now, one.row, one.managed
    assert now is not None
    assert row is not None
    if managed and LATER in (managed["terms"] or "").split() and LATER in university.open_terms:
        return now
    after = {"name": name, "description": now.description if row["description"] is None else row["description"]}
    for field_name in after:
        last = managed[field_name] if managed else None
        if university.options.edit == "keep" and last is not None and getattr(now, field_name) != last:
            after[field_name] = getattr(now, field_name)
    return replace(now, **after)


def collisions(naive: Naive, dataset: str, wanted: dict[str, Row], options: Options) -> tuple[dict[str, str], set[str]]:
    """Rule P8: the names that the rows are to have; a row that gets none is quarantined."""
    many = Counter(row["name"] for row in wanted.values())
    names = {key: row["name"] for key, row in wanted.items()}
    suffixed = {key for key, row in wanted.items() if many[row["name"]] > 1}
    for key in suffixed:
        names[key] = f"{names[key]} ({key})"
    out = set(suffixed) if options.collision == "warn" else set()
    again = Counter(names.values())
    for key in suffixed:
        if again[names[key]] > 1 or len(names[key]) > LIMIT[dataset]:
            out.add(key)
    naive.findings |= {(dataset, "P8", wanted[key]["source_row"]) for key in out}
    return {key: name for key, name in names.items() if key not in out}, suffixed
