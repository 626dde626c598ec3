"""What a person reads who is asked to approve: Markdown that fits a phone, numbers before names (rules B4, W3)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.model.approval import Approval
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan
from include.groupsync.model.snapshot import How, Snapshot

_WORST = 10


@dataclass(frozen=True)
class Losses:
    """What people lose by the held deletes: people in all and by course, memberships in all, and how many of the
    groups and groupings activities use; None where nobody has looked."""

    people: int
    people_by_course: Mapping[str, int]
    memberships: int
    in_use: int | None
    in_use_unread: int = 0  # nobody could look: never the same as unused


def losses_of(held: pd.DataFrame, groups: pd.DataFrame, there: Snapshot, uses: pd.DataFrame | None) -> Losses:
    """From the held part (columns PLAN), the objects (AFTER), Moodle as it was read, and the uses (USE)."""
    deletes = held[held["action"] == str(Action.DELETE)]
    gone = {(row["course"], row["group"]) for row in rows(deletes[deletes["kind"] == str(Kind.GROUP)])}
    ids = {row["moodle_id"]: row["course"] for row in rows(groups) if (row["course"], row["key"]) in gone}
    people: dict[str, set[object]] = {}
    memberships = 0
    for row in rows(there.members[there.members["group_id"].isin(list(ids))]):
        people.setdefault(ids[row["group_id"]], set()).add(row["user_id"])
        memberships += 1
    removed = rows(deletes[deletes["kind"] == str(Kind.MEMBERSHIP)])
    known = {row["user"]: row["user_id"] for row in rows(there.users)}
    for row in removed:
        people.setdefault(row["course"], set()).add(known.get(row["user"], row["user"]))
    used, unread = None, 0
    if uses is not None:
        objects = gone | {(row["course"], row["grouping"]) for row in rows(deletes[deletes["kind"] == "grouping"])}
        dark = {(row["course"], row["key"]) for row in rows(uses) if row["how"] == How.UNREAD} & objects
        used, unread = len({(row["course"], row["key"]) for row in rows(uses)} & objects - dark), len(dark)
    everyone = set().union(*people.values()) if people else set()
    by_course = {course: len(who) for course, who in people.items()}
    return Losses(len(everyone), by_course, memberships + len(removed), used, unread)


def subject(approval: Approval, held: Plan) -> str:
    """The request in one line."""
    deletes = int((held.frame["action"] == str(Action.DELETE)).sum())
    only = f", only {approval.part.short}" if approval.extent else ""
    return f"{approval.term}{only}: {deletes} deletes in {held.frame['course'].nunique()} courses are held"


def summary(approval: Approval, held: Plan, losses: Losses, plan_at: str) -> str:
    """The question as Markdown: what would happen, why it waits, who loses what, where, and the whole plan."""
    courses = held.frame["course"].nunique()
    part = f"Only {_plain(approval.part.told)}: the run that asks was for this part of the term."
    only = (part, "") if approval.extent else ()
    lines = [
        *only,
        f"**If approved: {_what(held)} in {courses} {'course' if courses == 1 else 'courses'}.**",
        "",
        f"**Who loses what:** {_who(losses)}",
        "",
        "**Why it waits**",
        "",
        *_trips(approval.trips),
        "",
        f"**{f'The {_WORST} courses with most' if courses > _WORST else 'Where'}**",
        "",
        *_worst(held.frame, losses.people_by_course),
        "",
        f"[The whole plan, course by course]({plan_at})",
        "",
        f"Good until {approval.expires_at:%a %d %b %H:%M} UTC. The plan is made anew after your answer, and refused"
        " if it is no longer this one.",
    ]
    return "\n".join(lines)


def _what(held: Plan) -> str:
    counts = held.counts
    every = (Kind.GROUP, Kind.GROUPING, Kind.MEMBERSHIP, Kind.LINK)
    # An update of a pair is a claim: it stays as it is in Moodle, and becomes ours to remove (rule O2).
    parts = [
        ("delete", Action.DELETE, every),
        ("change", Action.UPDATE, every[:2]),
        ("create", Action.CREATE, every),
        ("reclaim", Action.UPDATE, every[2:]),
    ]
    told = []
    for verb, action, kinds in parts:
        found = [(kind, counts[str(kind)][str(action)]) for kind in kinds]
        things = [f"{n:,} {kind if n == 1 else kind.plural}" for kind, n in found if n]
        if things:
            told.append(f"{verb} {_list(things)}")
    return "; ".join(told)


def _who(losses: Losses) -> str:
    people, memberships = losses.people, losses.memberships
    told = (
        f"{people:,} {'person loses' if people == 1 else 'people lose'} {memberships:,}"
        f" {'membership' if memberships == 1 else 'memberships'}"
        if memberships
        else "nobody loses a membership"
    )
    if losses.in_use is None:
        return f"{told}; whether activities use what goes was not looked at."
    use = f"**activities use {losses.in_use:,} of what goes**" if losses.in_use else "no activity uses what goes"
    dark = f", as far as Moodle shows it: **of {losses.in_use_unread:,} it does not**" if losses.in_use_unread else ""
    return f"{told}; {use}{dark}."


def _trips(trips: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line a rule: what one of its trips saw, and how many more there are."""
    by_rule: dict[str, list[Mapping[str, Any]]] = {}
    for trip in trips:
        by_rule.setdefault(trip["rule"], []).append(trip)
    for rule, own in by_rule.items():
        first = min(own, key=lambda trip: 0 if trip["headroom"] is None else trip["headroom"])
        more = f" (and {len(own) - 1} more)" if len(own) > 1 else ""
        yield f"- `{rule}` {_numbers(first)}{more}: {_plain(first['text'])}"


def _numbers(trip: Mapping[str, Any]) -> str:
    seen = "" if trip["observed"] is None else f"{trip['observed']:g}"
    limit = "none allowed" if trip["limit"] in (None, 0) else f"limit {trip['limit']:g}"
    return ", ".join(filter(None, (seen, limit)))


def _worst(held: pd.DataFrame, people: Mapping[str, int]) -> Iterator[str]:
    changes: Counter[str] = Counter(held["course"])
    deletes: Counter[str] = Counter(held.loc[held["action"] == str(Action.DELETE), "course"])
    for course in sorted(changes, key=lambda c: (-deletes[c], -changes[c], c))[:_WORST]:
        losing = people.get(course, 0)
        who = f", {losing:,} {'person' if losing == 1 else 'people'}" if losing else ""
        gone = f"{deletes[course]:,} {'delete' if deletes[course] == 1 else 'deletes'}" if deletes[course] else ""
        kept = f"{changes[course] - deletes[course]:,} other" if changes[course] > deletes[course] else ""
        yield f"- {_plain(course)}: {' and '.join(filter(None, (gone, kept)))}{who}"


def _plain(text: str) -> str:
    """Keys and names come from elsewhere: none of them is Markdown, or breaks a table."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>()#+-!|~" else char for char in " ".join(text.split()))


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
