"""The rules once more: names in the way of each other, links, memberships, and the state that comes out."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from include.groupsync.model import keys
from tests.laws.naive import Naive, One, Scope, Table, label, may_delete, objects_of_course, read_rows, sift, spoken_of
from tests.laws.university import Row, University

TABLES = ("groupings", "groups", "memberships")


def settle_names(university: University, naive: Naive, dataset: str, ones: list[One]) -> None:
    """Rules G4, G8, P9 and P10: who gets the name that another has; what cannot, stays as it is."""
    options = university.options
    if options.rekey:
        doubt_rekeys_in_the_way(university, naive, dataset, ones)
    adopt(naive, dataset, ones, options.adopt)
    refuse_loose(naive, dataset, ones, options.rekey)
    if options.rekey:
        rekeys(university, naive, dataset, ones)
    while True:
        moved = False
        for one in ones:
            if one.after is None or (one.now and one.now.name == one.after.name):
                continue
            holder = next((o for o in ones if o is not one and stays_named(o) == one.after.name), None)
            if holder is None:
                continue
            moved = True
            if holder.pending:
                wait(one)
            else:
                give_up(naive, dataset, one, holder)
        if not moved:
            break
    ones[:] = [one for one in ones if one.now or one.after]


def doubt_rekeys_in_the_way(university: University, naive: Naive, dataset: str, ones: list[One]) -> None:
    """Whether a likely re-key or the name's holder without idnumber comes first, the rules leave open."""
    for new in ones:
        if new.now is not None or new.after is None:
            continue
        if any(o.now and not o.key and o.now.name == new.after.name for o in ones):
            gone = [old for old in ones if old.now is not None and old.after is None]
            if any(alike(university, dataset, old, new) for old in gone):
                naive.doubtful.add(new.after.course_id)


def stays_named(one: One) -> str | None:
    """The name that the object has and keeps; None for one that goes, is renamed or is not there."""
    if one.now is None or (one.after is None and not one.pending):
        return None
    if one.after is not None and one.after.name != one.now.name and not one.pending:
        return None
    return one.now.name


def wait(one: One) -> None:
    """Only the name waits; a create waits whole."""
    one.pending = True
    one.after = replace(one.after, name=one.now.name) if one.now and one.after else None


def give_up(naive: Naive, dataset: str, one: One, holder: One) -> None:
    """Somebody keeps the name: without an idnumber it is G4's warning, with one G8's quarantine."""
    rules = {"groupings": ("G4", "G8"), "groups": ("P4", "P11")}[dataset]
    assert one.row is not None
    naive.findings.add((dataset, rules[0 if holder.key is None else 1], one.row["source_row"]))
    if one.now is None:
        one.after = None
    elif holder.key is None:
        assert one.after is not None
        one.after = replace(one.after, name=one.now.name)
    else:
        one.after = one.now


def adopt(naive: Naive, dataset: str, ones: list[One], on: bool) -> None:
    """``adopt_same_name``: what has the name and no idnumber gets the idnumber."""
    for one in list(ones) if on else ():
        if one.now is None and one.after is not None:
            for other in ones:
                if other.now and not other.key and other.now.name == one.after.name:
                    text = one.after.description if one.row and one.row["description"] is not None else None
                    other.after = replace(
                        other.now, idnumber=one.key, **({} if text is None else {"description": text})
                    )
                    other.key, other.row, other.suffixed = one.key, one.row, one.suffixed
                    ones.remove(one)
                    break


def refuse_loose(naive: Naive, dataset: str, ones: list[One], rekey: bool) -> None:
    """Rule K7 against what Moodle has: a new idnumber that it takes for one that stays.

    One that goes is a likely re-key; where those are off, it still is there when the new one would be made.
    """
    for one in ones:
        if one.after is None or (one.now and one.now.idnumber == one.after.idnumber):
            continue
        for other in ones:
            if other is one or not (other.now and other.now.idnumber and one.key) or (other.after is None and rekey):
                continue
            if keys.loose(other.now.idnumber) == keys.loose(one.key):
                assert one.row is not None
                naive.findings.add((dataset, "K7", one.row["source_row"]))
                one.after = one.now
                break


def rekeys(university: University, naive: Naive, dataset: str, ones: list[One]) -> None:
    """Rule P10: what goes and what comes that may be one; who is whose is a choice where there are several."""
    pairs = [
        (old, new)
        for old in ones
        if old.now is not None and old.after is None
        for new in ones
        if new.now is None and new.after is not None and alike(university, dataset, old, new)
    ]
    for old, new in pairs:
        if sum(old is o or new is n for o, n in pairs) > 1:
            naive.doubtful.add(old.now.course_id)  # type: ignore[union-attr]
        naive.waiting |= (
            {(new.after.course_id, new.key, new.after.name)} if dataset == "groups" and new.after else set()
        )
        old.pending = new.pending = True
        old.after, new.after = old.now, None


def alike(university: University, dataset: str, old: One, new: One) -> bool:
    """One name, one number, or four of five members."""
    assert old.now is not None
    assert new.row is not None
    assert new.key is not None
    before = {old.now.name, old.now.name.removesuffix(f" ({old.key})")}  # it may have got a suffix (rule P8)
    after = {new.row["name"], new.after.name if new.after else new.row["name"]}
    if before & after or keys.loose(old.key or "") == keys.loose(new.key):
        return True
    options = university.options
    if dataset != "groups" or "memberships" not in options.on or options.groupfield != "idnumber":
        return False
    now = {user for group, user in university.moodle.members if group == old.at}
    listed = {
        user
        for row in new.row["listed"]
        for user, text in university.moodle.users.items()
        if keys.user_key(text, options.userfield) == row["user"]
    }
    return bool(now) and len(now & listed) / len(now) >= 0.8


def outcome(university: University) -> Naive:
    """The state after a run in which likely re-keys are held and nothing else is, and what it reports."""
    naive = Naive(university.moodle.copy())
    options = university.options
    mappings = None
    if options.mapped:
        every = read_rows(university, "mappings")
        for row in every:
            row["label"] = label(row, ("module", "occurrence", "period"))
        of_term = [r for r in every if not r["period"] or keys.unreadable(r["period"]) or r["period"] == "T1"]
        mappings = sift("mappings", of_term, options, naive)
        # Half a mapping may be the one that switches another off: what is there of that course stays (rule K6).
        halves = [(c, k) for c, k, _ in mappings.protected if c is None or k is None]
        doubt = {
            row["course"]
            for row in mappings.usable
            for c, k in halves
            if c in (None, row["course"]) and k in (None, row["label"])
        }
        for row in mappings.usable:
            row["label"] = label(row, options.delivery)
    read = {name: read_rows(university, name) for name in TABLES if name in options.on}
    named = {row["course"] for some in read.values() for row in some if row["course"]}
    scope = Scope(options, mappings, named, spoken_of(of_term, options.delivery) if options.mapped else named)
    tables = {name: sift(name, [r for r in some if scope.takes(r)], options, naive) for name, some in read.items()}
    for table in tables.values() if mappings else ():
        table.protected |= {(course, None, None) for course in doubt}
    for row in tables["groups"].usable if "groups" in tables else ():
        members = tables["memberships"].usable if "memberships" in tables else []
        row["listed"] = [m for m in members if (m["course"], m["group"]) == (row["course"], row["idnumber"])]
    courses: dict[str | None, list[int]] = defaultdict(list)
    for at, text in university.moodle.courses.items():
        courses[keys.key(text)].append(at)
    found: dict[tuple[str, int], list[One]] = {}
    names = {course for course in courses if course} | {r["course"] for t in tables.values() for r in t.usable}
    for course in sorted(name for name in names if name and scope.any_delivery(name)):
        ids = courses[course]
        for dataset in ("groupings", "groups"):
            if dataset not in tables:
                continue
            if len(ids) != 1:
                rule = "K3" if ids else {"groupings": "G3", "groups": "P3"}[dataset]
                rows = [row for row in tables[dataset].usable if row["course"] == course]
                naive.findings |= {(dataset, rule, row["source_row"]) for row in rows}
            elif ids[0] not in university.unread:
                ones = objects_of_course(university, naive, dataset, course, ids[0], tables[dataset], scope)
                for one in ones:
                    if one.row and dataset == "groups":
                        one.row.setdefault("listed", [])
                settle_names(university, naive, dataset, ones)
                found[dataset, ids[0]] = ones
    finish(university, naive, tables, scope, courses, found)
    return naive


def finish(
    university: University,
    naive: Naive,
    tables: dict[str, Table],
    scope: Scope,
    courses: dict[str | None, list[int]],
    found: dict[tuple[str, int], list[One]],
) -> None:
    """Put the objects into the state, then what is in them, then take away what goes."""
    from tests.laws.naive_inside import links_of_course, memberships  # it reads better after this

    state, gone = naive.state, []
    for (dataset, _), ones in found.items():
        objects = getattr(state, dataset)
        for one in ones:
            if one.after is not None:
                one.at = one.at or max([*state.groupings, *state.groups, 999]) + 1
                objects[one.at] = one.after
            elif one.at is not None:
                gone.append((dataset, one.at))
    read = {ids[0]: course for course, ids in courses.items() if len(ids) == 1 and course}
    for course_id, course in read.items():
        if ("groups", course_id) in found and university.options.placed:
            links_of_course(university, naive, tables, scope, (course, course_id), found)
    if "memberships" in tables:
        memberships(university, naive, tables, scope, read, {at for _, at in gone}, found)
    for dataset, at in gone:
        del getattr(state, dataset)[at]
        if dataset == "groups":
            state.members = {pair for pair in state.members if pair[0] != at}
        side = 0 if dataset == "groupings" else 1
        state.links = {pair for pair in state.links if pair[side] != at}


__all__ = ["Any", "Callable", "Row", "may_delete"]
