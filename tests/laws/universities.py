"""Strategies for small universities full of trouble: few courses, keys and names, so that they collide."""

from typing import Any

from hypothesis import strategies as st

from include.groupsync.model.keys import key as as_key
from tests.laws.moodle import MoodleState, Object
from tests.laws.university import EARLIER, ENDED, LATER, TERM, Ledger, Options, Row, University

COURSE_IDS = {1: "C1", 2: "C2", 3: "C3 ", 4: "C3", 5: "C5"}  # C3 is two courses' key: nobody's
COURSES = ("C1", "C1", "C1", "C1", "C2", "C2", "C2", "C5", "C5", "C3", "GONE")
ODD_COURSES = ("", " C1 ", "C\x001", None)
KEYS = ("1", "2", "3", "4", "B")
ODD_KEYS = (
    "7", "007", "10", "1e1", "0", "", " ", None, " 1 ", "1\u00a0", "1\x01", "x" * 101, "é", "e\u0301", "😀", "#12",
    "\ufffd", "١",
)  # fmt: skip
NAMES = ("A", "B", "C", "A (1)", "D")
ODD_NAMES = (
    "A (2)", "A (B)", " A ", "\u00a0A", "", "  ", None, "a < b", "<b>x</b>", "a <", "é", "e\u0301", "😀 \u202eא",
    "n" * 252,
    "n" * 255, "A\x07", "A\0", 'q"\'&amp;', "1", "7",
)  # fmt: skip
USERS = {101: "u1", 102: "u2", 103: "u3", 104: "u4", 105: "u5", 106: "u5"}  # u5 is two people's key
LISTED_USERS = ("u1", "u2", "u3", "u4", "u1", "u2", "u3")
ODD_USERS = ("u5", "U1", " u2 ", "nobody", "", None, "u\x011")
DESCRIPTIONS = ("", "", "text", None, " x ")
MODULES = ("M1", "M1", "M1", "M2", None, "M\x00")
CLAIMS = (TERM, TERM, TERM, TERM, ENDED, EARLIER, LATER, f"{LATER} {TERM}", f"{ENDED} {TERM}", f"{EARLIER} {TERM}")


def mostly(usual: tuple[Any, ...], odd: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """One of the usual values in nine of ten draws."""
    return st.integers(0, 9).flatmap(lambda at: st.sampled_from(odd if at == 9 else usual))


keys_drawn = mostly(KEYS, ODD_KEYS)
names_drawn = mostly(NAMES, ODD_NAMES)
courses_drawn = mostly(COURSES, ODD_COURSES)


def course_named(text: str | None, field_name: str) -> str | None:
    """A course's idnumber, odd or not, as the value of the field that courses are matched by."""
    core = (text or "").strip()
    found = {"idnumber": core, "shortname": f"short {core}", "id": core.removeprefix("C").replace("GONE", "99")}
    return text.replace(core, found[field_name]) if text and core else text


@st.composite
def options(draw: st.DrawFn) -> Options:
    """All settings; the plain ones more often than not."""
    mapped = draw(st.booleans())
    delivery = draw(st.sampled_from(((), ("module",), ("module", "occurrence")))) if mapped else ()
    groupfield = draw(st.sampled_from(("idnumber", "idnumber", "name", "id")))
    every = ("groupings", "groups", "memberships")
    on = draw(st.sampled_from((every, every, every, *((one,) for one in every), every[:2], every[1:], every[::2])))
    return Options(
        on=frozenset(on),
        delivery=delivery,
        mapped=mapped,
        userfield=draw(st.sampled_from(("idnumber", "email"))),
        groupfield=groupfield,
        groupingfield=draw(st.sampled_from(("idnumber", "idnumber", "name", "id"))),
        collision=draw(st.sampled_from(("suffix", "warn"))),
        adopt=draw(st.booleans()),
        edit=draw(st.sampled_from(("source", "source", "keep"))),
        descriptions=draw(st.booleans()),
        names=draw(st.sampled_from((True, True, True, False))),
        placed=draw(st.sampled_from((True, True, False))),
        # By id a group needs no course, unless the scope is to come from somewhere.
        member_course=groupfield != "id" or draw(st.booleans()),
        rekey=draw(st.booleans()),
        coursefield=draw(st.sampled_from(("idnumber", "idnumber", "shortname", "id"))),
        termed=draw(st.booleans()),
    )


@st.composite
def states(draw: st.DrawFn, coursefield: str) -> MoodleState:
    """Moodle as people left it: objects without idnumber, keys that occur twice, groups of other courses linked."""
    courses = {
        at: str(at) if coursefield == "id" else course_named(text, coursefield) for at, text in COURSE_IDS.items()
    }
    state = MoodleState(courses=courses, users=dict(USERS))
    state.enrolled = draw(
        st.sets(st.tuples(st.sampled_from((1, 2, 5)), st.sampled_from(tuple(USERS))), min_size=6, max_size=16)
    )
    state.suspended = draw(st.sets(st.sampled_from(sorted(state.enrolled)), max_size=3))
    idnumbers = mostly((*KEYS, None, None), ("é", "e\u0301", "10", "7", " 1", "0", "é "))
    for objects, first in ((state.groupings, 201), (state.groups, 301)):
        taken: set[tuple[int, str]] = set()
        for at in range(first, first + draw(st.integers(2, 9))):
            course_id = draw(st.sampled_from((1, 1, 1, 2, 2, 5, 3)))
            name = draw(st.sampled_from((*NAMES, "é", "A (2)", "Z")))
            if (course_id, name) not in taken:
                taken.add((course_id, name))
                objects[at] = Object(course_id, draw(idnumbers), name, draw(st.sampled_from(("", "", "text"))))
    if state.groupings and state.groups:
        pairs = st.tuples(st.sampled_from(sorted(state.groupings)), st.sampled_from(sorted(state.groups)))
        state.links = draw(st.sets(pairs, max_size=6))
    people = [
        (g, u) for g, one in sorted(state.groups.items()) for c, u in sorted(state.enrolled) if c == one.course_id
    ]
    if people:
        state.members = draw(st.sets(st.sampled_from(people), min_size=min(2, len(people)), max_size=10))
    return state


@st.composite
def ledgers(draw: st.DrawFn, state: MoodleState, delivery: tuple[str, ...]) -> Ledger:
    """What was applied: most objects with an idnumber, some that are gone or were edited by hand since."""
    ledger = Ledger()
    label = {0: None, 1: "M1", 2: "M1 1"}[len(delivery)]
    labels = (label, label, label and label.replace("M1", "M2"), None)
    for kind, objects in (("grouping", state.groupings), ("group", state.groups)):
        for at, one in objects.items():
            chance = draw(st.integers(0, 9))
            if not one.idnumber or chance > 7:
                continue
            ledger.objects[kind, at] = {
                "kind": kind, "moodle_id": at, "course_id": one.course_id,
                "course": as_key(state.courses[one.course_id]),
                "idnumber": as_key(one.idnumber) if chance else draw(st.sampled_from(KEYS)),
                "name": draw(st.sampled_from((one.name, one.name, "B", None))),
                "description": draw(st.sampled_from((one.description, None, "other"))),
                "module": draw(st.sampled_from(labels)), "terms": draw(st.sampled_from(CLAIMS)),
            }  # fmt: skip
    if draw(st.booleans()):
        ledger.objects["group", 399] = {
            "kind": "group", "moodle_id": 399, "course_id": 1, "course": as_key(state.courses[1]),
            "idnumber": draw(st.sampled_from(KEYS)),
            "name": "A", "description": "", "module": label, "terms": draw(st.sampled_from(CLAIMS)),
        }  # fmt: skip
    _links(draw, ledger, state, labels)
    _memberships(draw, ledger, state, labels)
    return ledger


def _links(draw: st.DrawFn, ledger: Ledger, state: MoodleState, labels: tuple[Any, ...]) -> None:
    own = [
        (a, b) for a, one in state.groupings.items() for b, o in state.groups.items() if one.course_id == o.course_id
    ]
    some = sorted(draw(st.sets(st.sampled_from(sorted(own)), max_size=5))) if own else []
    for pair in some:
        ledger.links[pair] = {
            "grouping_id": pair[0], "group_id": pair[1], "course_id": state.groups[pair[1]].course_id,
            "module": draw(st.sampled_from(labels)), "terms": draw(st.sampled_from(CLAIMS)),
            "gone": pair not in state.links and draw(st.booleans()),
        }  # fmt: skip


def _memberships(draw: st.DrawFn, ledger: Ledger, state: MoodleState, labels: tuple[Any, ...]) -> None:
    some = set(state.members)
    if state.groups:
        some |= draw(
            st.sets(st.tuples(st.sampled_from(sorted(state.groups)), st.sampled_from(sorted(USERS))), max_size=2)
        )
    for pair in sorted(some):
        if draw(st.integers(0, 3)):
            ledger.memberships[pair] = {
                "group_id": pair[0], "user_id": pair[1], "course_id": state.groups[pair[0]].course_id,
                "user": USERS[pair[1]], "module": draw(st.sampled_from(labels)), "terms": draw(st.sampled_from(CLAIMS)),
            }  # fmt: skip


@st.composite
def tables(draw: st.DrawFn, chosen: Options, state: MoodleState) -> dict[str, list[Row]]:
    """The remote tables; what Moodle has is often listed, so that something stays."""
    rows: dict[str, list[Row]] = {"groupings": [], "groups": [], "memberships": [], "mappings": []}
    occurrences = mostly(("1",), ("2", None, "\x01"))

    def delivery() -> Row:
        return {"module": draw(mostly(MODULES[:4], MODULES[4:])), "occurrence": draw(occurrences)}

    def group_value() -> Any:
        if chosen.groupfield == "id":
            return draw(mostly(tuple(map(str, sorted(state.groups))) or ("301",), ("9", "x", "", None, " 301 ")))
        return draw(names_drawn if chosen.groupfield == "name" else keys_drawn)

    def grouping_value() -> Any:
        if chosen.groupingfield == "id":
            return draw(mostly(tuple(map(str, sorted(state.groupings))) or ("201",), ("9", "x", "", None)))
        return draw(st.none() | (names_drawn if chosen.groupingfield == "name" else keys_drawn))

    for name in ("groupings", "groups"):
        for _ in range(draw(st.integers(1, 9))):
            row = {"course": draw(courses_drawn), "idnumber": draw(keys_drawn), "name": draw(names_drawn)}
            row |= {"description": draw(st.sampled_from(DESCRIPTIONS))} | delivery()
            rows[name].append(row | ({"grouping": grouping_value()} if name == "groups" else {}))
            if draw(st.integers(0, 9)) == 9:
                rows[name].append(dict(row))
    for _ in range(draw(st.integers(2, 12))):
        row = {"course": draw(courses_drawn) if chosen.member_course else None, "group": group_value()}
        rows["memberships"].append(row | {"user": draw(mostly(LISTED_USERS, ODD_USERS))} | delivery())
    for course in ("C1", "C2", "C5") if chosen.mapped and draw(st.integers(0, 5)) else ():
        row = {"course": course, "period": "T1", "status": draw(mostly(("active",), _STATUSES)), "import_groups": "yes"}
        rows["mappings"].append(row | {"module": "M1", "occurrence": "1"})
    for _ in range(draw(st.integers(0, 4)) if chosen.mapped else 0):
        row = {"course": draw(courses_drawn), "period": "T1", "status": draw(mostly(_STATUSES, ("odd", None)))}
        rows["mappings"].append(row | {"import_groups": draw(mostly(("yes",), ("no", "odd")))} | delivery())
    terms = mostly((TERM,), (EARLIER, LATER, None, f" {TERM}")) if chosen.termed else st.just(TERM)
    for name, several in rows.items():
        for row in several:
            row["course"] = course_named(row["course"], chosen.coursefield)
            if name != "mappings":
                row["term"] = draw(terms)
    return rows


_STATUSES = ("active", "active", "active", "withdrawn", "inactive")


@st.composite
def universities(draw: st.DrawFn) -> University:
    """A university with everything that may be wrong with one."""
    chosen = draw(options())
    state = draw(states(chosen.coursefield))
    some = st.tuples(st.sampled_from(("C1", "C2")), st.sampled_from(KEYS), st.sampled_from(("u1", "u2", "u3", "u5")))
    exceptions = [
        {
            "course": course_named(c, chosen.coursefield),
            "group": g,
            "user": u,
            "what": draw(st.sampled_from(("pin", "exclude"))),
        }
        for c, g, u in draw(st.lists(some, max_size=2))
    ]
    unread = draw(st.sampled_from((frozenset(), frozenset(), frozenset(), frozenset({2}), frozenset({1}))))
    return University(
        options=chosen,
        rows=draw(tables(chosen, state)),
        moodle=state,
        ledger=draw(ledgers(state, chosen.delivery)),
        exceptions=exceptions,
        unread=unread,
        closed=draw(st.sampled_from((frozenset(), frozenset(), frozenset({EARLIER}), frozenset({LATER})))),
        reclaim=draw(st.sampled_from((False, False, True))),
    )
