"""The ledger against Moodle: what is no longer as last applied.  What the source says is for ``next_run.py``.

Only what the ledger has is looked at.  Members and links that somebody added are not ours: they are counted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.drift import COURSE, DRIFT, What, claims
from include.groupsync.model.frames import conform, frame_of, rows
from include.groupsync.model.kind import Kind
from include.groupsync.model.snapshot import Snapshot

Row = dict[str, Any]


def claimed_by(term: str, managed: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The part of the ledger's frames (LEDGER) that the term claims; a year-long thing is two terms'."""
    return {name: _claimed(frame, term) for name, frame in managed.items()}


def _claimed(frame: pd.DataFrame, term: str) -> pd.DataFrame:
    fit = [terms for terms in frame["terms"].dropna().unique() if claims(terms, term)]
    return frame[frame["terms"].isin(fit)]


def drift_of(managed: Mapping[str, pd.DataFrame], snapshot: Snapshot, left_out: Collection[int] = ()) -> pd.DataFrame:
    """DRIFT, without ``next`` and ``why``, of the courses that were read and are not ``left_out`` (ids).

    ``managed`` are the ledger's frames (LEDGER), as ``claimed_by`` the term; ``snapshot`` has their courses as
    far as they could be read.  Sorted by course, kind and key.
    """
    read = set(snapshot.courses["course_id"]) - set(snapshot.unread["course_id"]) - set(left_out)
    ours = {name: frame[frame["course_id"].isin(list(read))] for name, frame in managed.items()}
    places = _Places.of(ours["objects"], snapshot)
    found = frame_of((*_courses(ours["objects"], places), *_objects(ours["objects"], places)), DRIFT)
    links = frame_of(_links(ours["links"], snapshot, places), DRIFT)
    whole = [frame for frame in (found, links, _memberships(ours["memberships"], snapshot, places)) if len(frame)]
    if not whole:
        return frame_of([], DRIFT)
    order = ["course", "kind", "grouping", "group", "user", "what"]
    return conform(pd.concat(whole).sort_values(order), DRIFT)


@dataclass(frozen=True)
class _Places:
    """Courses by id, with the key that Moodle has now; objects by kind and id, as Moodle and as the ledger has them."""

    courses: Mapping[int, str]
    keys_now: Mapping[int, str | None]
    there: Mapping[tuple[str, int], Row]
    applied: Mapping[tuple[str, int], str]

    @classmethod
    def of(cls, objects: pd.DataFrame, snapshot: Snapshot) -> "_Places":
        there = {
            (str(kind), row[f"{kind}_id"]): row
            for kind in (Kind.GROUPING, Kind.GROUP)
            for row in rows(getattr(snapshot, f"{kind}s"))
        }
        applied = {(row["kind"], row["moodle_id"]): row["idnumber"] for row in rows(objects)}
        then = dict(zip(objects["course_id"], objects["course"], strict=True))
        keys_now = {row["course_id"]: row["course"] for row in rows(snapshot.courses)}
        # One that has lost its key is still told by the one that it had.
        courses = {at: key or then.get(at, f"#{at}") for at, key in keys_now.items()}
        return cls(courses, keys_now, there, applied)

    def now(self, kind: Kind, moodle_id: int) -> str | None:
        """The key by which a plan names the object; None where it is gone."""
        found = self.there.get((str(kind), moodle_id))
        return None if found is None else keys.key(found["idnumber"]) or keys.without_idnumber(moodle_id)

    def key(self, kind: Kind, moodle_id: int) -> str:
        """The object's key as last applied, or as it is where the object is not ours."""
        known = self.applied.get((str(kind), moodle_id)) or self.now(kind, moodle_id)
        return known or keys.without_idnumber(moodle_id)


def _courses(objects: pd.DataFrame, places: _Places) -> Iterator[Row]:
    """Courses that no longer have the key under which something was applied: no row finds them."""
    for row in rows(objects[["course_id", "course"]].drop_duplicates("course_id")):
        now = places.keys_now[row["course_id"]]
        if now != row["course"]:
            yield {**row, "kind": COURSE, "what": What.COURSE_KEY, "applied": row["course"], "now": now}


def _objects(objects: pd.DataFrame, places: _Places) -> Iterator[Row]:
    for row in rows(objects):
        kind, now = row["kind"], places.there.get((row["kind"], row["moodle_id"]))
        base = {
            **{name: row[name] for name in ("course_id", "kind", "moodle_id", "module")},
            "course": places.courses[row["course_id"]],
            kind: row["idnumber"],
            f"at_{kind}": places.now(Kind(kind), row["moodle_id"]),
        }
        for what, applied, is_now in _fields(row, now):
            yield {**base, "what": what, "applied": applied, "now": is_now}


def _fields(row: Row, now: Row | None) -> Iterator[tuple[What, str | None, str | None]]:
    if now is None:
        yield What.MISSING, row["name"], None
        return
    key = keys.key(now["idnumber"])
    if key != row["idnumber"]:
        yield What.IDNUMBER if key else What.NO_IDNUMBER, row["idnumber"], key
    if row["name"] is not None and row["name"] != now["name"]:
        yield What.RENAMED, row["name"], now["name"]
    described = now["description"] or ""
    if row["description"] is not None and row["description"] != described:
        yield What.DESCRIBED, row["description"], described


def _links(links: pd.DataFrame, snapshot: Snapshot, places: _Places) -> Iterator[Row]:
    groupings_of: dict[int, set[int]] = defaultdict(set)
    for row in rows(snapshot.links):
        groupings_of[row["group_id"]].add(row["grouping_id"])
    ours = {(row["grouping_id"], row["group_id"]) for row in rows(links) if not row["gone"]}
    for row in rows(links):
        grouping_id, group_id = row["grouping_id"], row["group_id"]
        at = {"at_grouping": places.now(Kind.GROUPING, grouping_id), "at_group": places.now(Kind.GROUP, group_id)}
        others = sorted(
            places.key(Kind.GROUPING, one) for one in groupings_of[group_id] if (one, group_id) not in ours
        )  # fmt: skip
        what = _of_link(row["gone"], grouping_id in groupings_of[group_id], None not in at.values(), bool(others))
        if what is None:
            continue
        grouping = places.key(Kind.GROUPING, grouping_id)
        yield {
            **at,
            **{name: row[name] for name in ("course_id", "module", "grouping_id")},
            "course": places.courses[row["course_id"]],
            "kind": Kind.LINK,
            "what": what,
            "grouping": grouping,
            "group": places.key(Kind.GROUP, group_id),
            "moodle_id": group_id,
            "applied": None if what is What.PUT_BACK else grouping,
            "now": grouping if what is What.PUT_BACK else ", ".join(others) if what is What.MOVED else None,
        }


def _of_link(gone: bool, there: bool, both_ends: bool, elsewhere: bool) -> What | None:
    """``gone``: a run has seen already that somebody took it out."""
    if not both_ends:
        return None if gone else What.WITH_IT
    if there:
        return What.PUT_BACK if gone else None
    return What.MOVED if elsewhere else What.UNLINKED


def _memberships(memberships: pd.DataFrame, snapshot: Snapshot, places: _Places) -> pd.DataFrame:
    """Sorted out in one merge: of a million memberships few are gone."""
    marked = memberships.merge(snapshot.members, on=["group_id", "user_id"], how="left", indicator=True)
    gone = marked[marked["_merge"] == "left_only"]
    return frame_of((_membership(row, places) for row in rows(gone.drop(columns="_merge"))), DRIFT)


def _membership(row: Row, places: _Places) -> Row:
    at, group = places.now(Kind.GROUP, row["group_id"]), places.key(Kind.GROUP, row["group_id"])
    return {
        **{name: row[name] for name in ("course_id", "module", "user")},
        "course": places.courses[row["course_id"]],
        "kind": Kind.MEMBERSHIP,
        "what": What.LEFT if at else What.WITH_IT,
        "group": group,
        "at_group": at,
        "moodle_id": row["group_id"],
        "applied": group,
    }


def added_by_hand(managed: Mapping[str, pd.DataFrame], snapshot: Snapshot) -> dict[str, int]:
    """How many members and links our groups have that are nobody's in the ledger: found there, or added by hand.

    ``managed``: the whole ledger (LEDGER), so that another term's are not taken for a hand's.
    """
    objects = managed["objects"]
    groups = objects.loc[objects["kind"] == str(Kind.GROUP), "moodle_id"]
    found = {}
    for name, frame, ids in (
        ("memberships", snapshot.members, ["group_id", "user_id"]),
        ("links", snapshot.links, ["grouping_id", "group_id"]),
    ):
        there = frame[frame["group_id"].isin(groups)][ids]
        marked = there.merge(managed[name][ids], on=ids, how="left", indicator=True)
        found[name] = int((marked["_merge"] == "left_only").sum())
    return found
