"""Moodle and the ledger read straight from their tables, and the journal replayed over an earlier Moodle."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from tests.machine.model import KINDS, Ledger, Site, Thing
from tests.world import TERM1, World

# Not yet, and passed over here until then; each is to become True.
# A lost answer in the middle of the writer's `heal` leaves its temporary grouping in the course for good.
CACHE_REFRESH_LEAVES_NOTHING = True
# Our membership of a group that was never managed stays in the ledger when the group is deleted by hand.
ORPHANS_ARE_FORGOTTEN = True
# The before-image of a group's delete has the groupings that were read before the plan was made, not now.
BEFORE_IMAGE_HAS_LATE_LINKS = True


def site_of(world: World, courses: Iterable[str]) -> Site:
    """What Moodle holds in these courses."""
    site = Site()
    ids = {world.moodle.course_id(course): course for course in courses}
    for kind in KINDS:
        for row in world.moodle.query(f"SELECT * FROM mdl_{kind}s"):  # noqa: S608 (one of two words)
            left_over = row["name"].startswith("groupsync cache refresh") and not CACHE_REFRESH_LEAVES_NOTHING
            if row["courseid"] in ids and not left_over:
                thing = Thing(ids[row["courseid"]], row["idnumber"] or "", row["name"], row["description"] or "")
                site.things[kind][row["id"]] = thing
    links = world.moodle.query("SELECT groupingid, groupid FROM mdl_groupings_groups")
    site.links = {(row["groupingid"], row["groupid"]) for row in links}
    members = world.moodle.query(
        "SELECT m.groupid, u.username FROM mdl_groups_members m JOIN mdl_user u ON u.id = m.userid"
    )
    site.members = {(row["groupid"], row["username"]) for row in members}
    return site


def ledger_of(world: World) -> Ledger:
    """What the state database says is managed; all of it is this term's."""
    ledger, names = Ledger(), _usernames(world)
    courses = {row["id"]: row["idnumber"] for row in world.moodle.query("SELECT id, idnumber FROM mdl_course")}
    for row in world.ledger:
        assert row["terms"] == TERM1, row
        kind, course = row["kind"], courses[row["course_id"]]
        if kind in KINDS:
            ident: Any = row["moodle_id"]
            assert row["course"] == course, row
            ledger.things[kind][ident] = row["idnumber"]
        elif kind == "link":
            ident = (row["grouping_id"], row["group_id"])
            ledger.links[ident] = bool(row["gone"])
        else:
            ident = (row["group_id"], names[row["user_id"]])
            assert row["user"] == ident[1], row
            ledger.members.add(ident)
        ledger.courses[kind, ident] = course
    if not ORPHANS_ARE_FORGOTTEN:
        known = {row["id"] for row in world.moodle.query("SELECT id FROM mdl_groups")} | set(ledger.things["group"])
        ledger.members = {pair for pair in ledger.members if pair[0] in known}
    return ledger


def replayed(before: Site, entries: Iterable[Mapping[str, Any]], now: Site, world: World, exact: bool = True) -> Site:
    """What the journal says became of Moodle; where an entry does not know, Moodle ``now`` is asked.

    ``exact`` False: a hand was at work after Moodle was read, and an update's before is what was read.
    """
    site, names = deepcopy(before), _usernames(world)
    for entry in entries:
        if entry["outcome"] == "done" or (entry["outcome"] in (None, "unknown") and _shows(entry, now, names)):
            _do(site, entry, now, names, exact)
    return site


def _do(site: Site, entry: Mapping[str, Any], now: Site, names: Mapping[int, str], exact: bool) -> None:
    kind, action = entry["kind"], entry["action"]
    if kind in ("link", "membership"):
        pairs, pair = _pairs(site, entry, names)
        if exact:
            assert (pair in pairs) == (action != "create"), f"{action} of {pair} makes no sense"
        if action == "update":  # a claim, which changes nothing in Moodle (rule O2)
            return
        (pairs.add if action == "create" else pairs.discard)(pair)
        return
    things, ident = site.things[kind], entry[f"{kind}_id"]
    if action == "create":
        ident = ident or _found(now, entry)
        assert ident not in things, entry
        after = entry["after"]
        things[ident] = Thing(entry["course"], after[kind], after["name"], after["description"] or "")
        return
    if exact or action == "delete":
        _check_before(site, entry, things[ident], names, exact)
    if action == "delete":
        site.remove(kind, ident)
        return
    thing, after = things[ident], entry["after"]
    # What is not sent stays as a hand may have left it.
    thing.name = after["name"]
    if kind == "grouping" or after["description"] != entry["before"]["description"]:
        thing.description = after["description"] or ""
    if after[kind] != entry["before"][kind]:
        thing.key = after[kind]


def _check_before(site: Site, entry: Mapping[str, Any], thing: Thing, names: Mapping[int, str], exact: bool) -> None:
    """The before-image is what was there; a delete's has all that goes with it (rule J1)."""
    kind, before = entry["kind"], entry["before"]
    assert (before["name"], before["description"] or "") == (thing.name, thing.description), (entry, thing)
    assert before[kind] == thing.key or before[kind].startswith("#"), (entry, thing)
    if entry["action"] != "delete":
        return
    ident = entry[f"{kind}_id"]
    if kind == "grouping":
        assert set(before["groups"]) == {group for grouping, group in site.links if grouping == ident}, entry
    else:
        members = {user for group, user in site.members if group == ident}
        assert {names[one["user_id"]] for one in before["members"]} == members, (entry, members)
        links = {grouping for grouping, group in site.links if group == ident}
        late = not exact and not BEFORE_IMAGE_HAS_LATE_LINKS
        assert late or set(before["groupings"]) == links, (entry, links)


def _shows(entry: Mapping[str, Any], now: Site, names: Mapping[int, str]) -> bool:
    kind, action = entry["kind"], entry["action"]
    if kind in ("link", "membership"):
        pairs, pair = _pairs(now, entry, names)
        return (pair in pairs) == (action != "delete")
    if action == "create":
        return _found(now, entry) is not None
    thing = now.things[kind].get(entry[f"{kind}_id"])
    if action == "delete" or thing is None:
        return thing is None
    return (thing.name, thing.description) == (entry["after"]["name"], entry["after"]["description"] or "")


def _found(now: Site, entry: Mapping[str, Any]) -> int | None:
    there = now.of(entry["kind"], entry["course"])
    return next((ident for ident, thing in there.items() if thing.key == entry["after"][entry["kind"]]), None)


def _pairs(site: Site, entry: Mapping[str, Any], names: Mapping[int, str]) -> tuple[set[Any], tuple[Any, Any]]:
    if entry["kind"] == "link":
        return site.links, (entry["grouping_id"], entry["group_id"])
    return site.members, (entry["group_id"], names[entry["user_id"]])


def _usernames(world: World) -> dict[int, str]:
    return {row["id"]: row["username"] for row in world.moodle.query("SELECT id, username FROM mdl_user")}
