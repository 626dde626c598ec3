"""The rules once more: which groups are in which groupings (section L), and who is in which group (section M)."""

from collections import defaultdict
from typing import Any

from include.groupsync.model import keys
from tests.laws.naive import Naive, One, Scope, Table, may_delete
from tests.laws.university import University

Found = dict[tuple[str, int], list[One]]


def links_of_course(
    university: University,
    naive: Naive,
    tables: dict[str, Table],
    scope: Scope,
    here: tuple[str, int],
    found: Found,
) -> None:
    """Section L for one course."""
    course, course_id = here
    state = naive.state
    for group in found["groups", course_id]:
        if group.at is None or group.after is None or group.pending:
            continue
        row = group.row if usable(naive, group, "groups") else None
        if row is None:  # the links of a group that this term does not list are left alone
            continue
        own = {a: base for (a, b), base in university.ledger.links.items() if b == group.at}
        target = None
        if row is not None and row["grouping"]:
            matches = groupings_of(university, naive, course_id, row["grouping"], found)
            if len(matches) != 1:
                naive.findings.add(("groups", "L1", row["source_row"]))
                continue
            target = matches[0]
            if target < 0:  # half of a likely re-key: nothing moves before a person has decided
                continue
            there = (target, group.at) in university.moodle.links
            if target not in own and not there:
                state.links.add((target, group.at))
            if there and (target not in own or own[target]["gone"]):
                naive.claims.add(("link", target, group.at))
        for grouping_id, base in own.items():
            if grouping_id == target or (grouping_id, group.at) not in university.moodle.links or base["gone"]:
                continue
            grouping = next((o for o in found.get(("groupings", course_id), ()) if o.at == grouping_id), None)
            half = grouping and grouping.key and "groupings" in tables
            if half and tables["groupings"].covers_by_half(course, grouping.key):  # type: ignore[union-attr,arg-type]
                continue
            if tables["groups"].covers_by_half(course, group.key):  # type: ignore[arg-type]
                continue
            if grouping and grouping.pending:
                continue
            if may_delete(university, base["terms"]) and scope.standing(course, base["module"]) != "frozen":
                state.links.discard((grouping_id, group.at))


def usable(naive: Naive, one: One, dataset: str) -> bool:
    """Whether the row was not quarantined on the way (rules G8, K7, P8); G4's warning lets the rest go on."""
    if one.row is None:
        return False
    return not any((dataset, rule, one.row["source_row"]) in naive.findings for rule in ("K3", "K7", "P8", "P11", "G8"))


def groupings_of(university: University, naive: Naive, course_id: int, value: str, found: Found) -> list[int]:
    """The groupings that a group's row may mean; -1 for one that waits for a decision on a likely re-key."""
    field_name = university.options.groupingfield
    matches = []
    ones = found.get(("groupings", course_id))
    if ones is None:
        here = {at: one for at, one in university.moodle.groupings.items() if one.course_id == course_id}
        ones = [One(at, keys.key(one.idnumber), one, one) for at, one in here.items()]
    for one in ones:
        if one.now is None and one.after is None:
            continue
        if one.after is None and not one.pending:
            continue
        after = one.after or one.now
        assert after is not None
        texts = {"id": str(one.at) if one.now else None, "idnumber": one.key, "name": after.name}
        if texts[field_name] == value:
            matches.append(one.at or -1)
    return matches


def memberships(
    university: University,
    naive: Naive,
    tables: dict[str, Table],
    scope: Scope,
    read: dict[int, str],
    gone: set[int],
    found: Found,
) -> None:
    """Section M for all courses."""
    state, options, table = naive.state, university.options, tables["memberships"]
    people: dict[str, list[int]] = defaultdict(list)
    for at, text in university.moodle.users.items():
        people[keys.user_key(text, options.userfield) or ""].append(at)
    spoilt = set(table.protected)
    listed: set[tuple[int, int]] = set()
    pins, excluded = exceptions(university, read, people, state)
    groups = {
        at: one
        for at, one in state.groups.items()
        if one.course_id in read and one.course_id not in university.unread and read[one.course_id] in scope.spoken_of
    }
    for row in table.usable:
        ids = [at for at, course in read.items() if course == row["course"]]
        if (ids and ids[0] in university.unread) or (options.groupfield != "id" and not ids):
            if not ids:
                naive.findings.add(("memberships", "M2", row["source_row"]))
            continue
        matches = [
            at for at, one in groups.items() if at not in gone and matches_row(options.groupfield, at, one, row, read)
        ]
        users = people.get(row["user"], [])
        if options.groupfield == "id" and len(matches) == 1:
            group = groups[matches[0]]  # an id says nothing of the course: the group's own has to take groups
            if scope.standing(read[group.course_id], row["label"]) != "active":
                continue
        if not matches and len(users) == 1 and names_what_waits(options.groupfield, row, ids, naive):
            continue  # deferred: its group waits for a re-key to be approved
        if len(matches) != 1 or len(users) != 1:
            naive.findings.add(("memberships", "M2", row["source_row"]))
            if matches and users:  # ambiguous: what is not found can mean nothing that is there (rule K6)
                spoilt.add((row["course"], row["group"], row["user"]))
            continue
        group_id, user_id = matches[0], users[0]
        listed.add((group_id, user_id))
        if (group_id, user_id) in excluded:
            continue
        if (group_id, user_id) in university.moodle.members and (
            group_id,
            user_id,
        ) not in university.ledger.memberships:
            naive.claims.add(("membership", group_id, user_id))
        if (group_id, user_id) in state.members:
            continue
        if (groups[group_id].course_id, user_id) in university.moodle.enrolled:
            state.members.add((group_id, user_id))
    # A likely re-key holds the removal of its group's members with it (rule M5).
    held = {o.at for (dataset, _), ones in found.items() for o in ones if dataset == "groups" and waits_for_a_key(o)}
    for (group_id, user_id), base in university.ledger.memberships.items():
        if (group_id, user_id) not in university.moodle.members or group_id in gone or group_id not in groups:
            continue
        one, pair = groups[group_id], (group_id, user_id)
        if group_id in held:
            continue
        course = read[one.course_id]
        if (pair in listed and pair not in excluded) or pair in pins:
            continue
        # A row means a group by the field that groups are matched by; its idnumber is never passed over.
        by_field = {"id": str(group_id), "idnumber": keys.key(one.idnumber), "name": one.name}[options.groupfield]
        names = {by_field, keys.key(one.idnumber) or f"#{group_id}"}
        texts = {base["user"], keys.user_key(university.moodle.users[user_id], options.userfield)}
        kept = any(Table([], spoilt).covers(course, names, text) for text in texts)
        half = "groups" in tables and tables["groups"].covers_by_half(course, keys.key(one.idnumber) or "#")
        half = half or taken_over(university, tables, group_id, course)
        stands = scope.standing(course, base["module"]) != "frozen"
        # An excluded person goes whatever a term or a membership row says (rule M6).
        dropped = pair in excluded or (not kept and may_delete(university, base["terms"]))
        if stands and not half and dropped:
            state.members.discard(pair)


def waits_for_a_key(one: One) -> bool:
    """Whether it is no longer listed, and may be what a new row means."""
    return one.pending and one.now is not None and one.row is None


def names_what_waits(field_name: str, row: Any, ids: list[int], naive: Naive) -> bool:
    """Whether the row's group is half of a likely re-key."""
    at = {"idnumber": 1, "name": 2}.get(field_name)
    return at is not None and any(one[0] in ids and one[at] == row["group"] for one in naive.waiting)


def matches_row(field_name: str, at: int, one: Any, row: Any, read: dict[int, str]) -> bool:
    """Rule M1: how a membership row names its group."""
    if (field_name != "id" or row["course"]) and read[one.course_id] != row["course"]:
        return False
    texts = {"id": str(at) if at < 1000 else None, "idnumber": keys.key(one.idnumber), "name": one.name}
    return texts[field_name] == row["group"]


def taken_over(university: University, tables: dict[str, Table], group_id: int, course: str) -> bool:
    """Whether somebody changed our group's idnumber to one that no row lists: that is nobody's leaving."""
    ours = university.ledger.objects.get(("group", group_id))
    own = keys.key(university.moodle.groups[group_id].idnumber) if group_id in university.moodle.groups else None
    if "groups" not in tables or ours is None or ours["idnumber"] == own:
        return False
    return not any((row["course"], row["idnumber"]) == (course, own) for row in tables["groups"].usable)


def exceptions(
    university: University, read: dict[int, str], people: dict[str, list[int]], state: Any
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Rule M6: pairs of group and person that are pinned, and that are excluded; both means neither is done."""
    found: dict[str, set[tuple[int, int]]] = {"pin": set(), "exclude": set()}
    for row in university.exceptions:
        of_key = [
            at
            for at, one in state.groups.items()
            if read.get(one.course_id) == row["course"] and keys.key(one.idnumber) == row["group"]
        ]
        for at in of_key if len(of_key) == 1 else ():  # a key that fits two fits none (rule K3)
            found[row["what"]] |= {(at, user) for user in people.get(row["user"], ())}
    return found["pin"] - found["exclude"], found["exclude"] - found["pin"]
