"""What in Moodle no longer is as this sync last applied it, and what the next run makes of it."""

from enum import StrEnum

from include.groupsync.model.frames import TEXT, WHOLE, Schema
from include.groupsync.model.ledger import is_restored, released


class What(StrEnum):
    """What has become of a thing that the ledger has."""

    MISSING = "missing"
    RENAMED = "renamed"
    DESCRIBED = "description changed"
    IDNUMBER = "ID number changed"
    NO_IDNUMBER = "ID number taken away"
    MOVED = "moved to another grouping"
    UNLINKED = "taken out of its grouping"
    PUT_BACK = "put back by hand"
    LEFT = "no longer a member"
    WITH_IT = "gone with what it was in"
    COURSE_KEY = "course has another key"


class Next(StrEnum):
    """What the term's next run does about it: source, ledger and Moodle, three ways.

    ``mends``: Moodle becomes what the source says.  ``would be held``: the same, once a person approves.
    ``respects``: a hand's edit that a rule leaves alone.  ``agrees``: the source says no other than Moodle does now.
    ``waits``: it cannot be done yet.  ``frozen``: the run may not touch it.  ``unknown``: no plan could be made.
    """

    MENDS = "mends"
    HELD = "would be held"
    RESPECTS = "respects"
    AGREES = "agrees"
    WAITS = "waits"
    FROZEN = "frozen"
    UNKNOWN = "unknown"


COURSE = "course"  # the kind of a row that is about a course itself

# One row a thing and what became of it.  grouping, group and user are the keys as last applied, user the source's key
# of a person; applied and now are the field's value, or the other groupings of a group.  at_grouping and at_group are
# the keys by which a plan names the same objects now, null where they are gone; moodle_id is that of an object, or of
# the group that a link or membership is of.  used_by: the activities that still refer to a missing object.
DRIFT: Schema = {
    "course": TEXT,
    "kind": TEXT,
    "what": TEXT,
    "grouping": TEXT,
    "group": TEXT,
    "user": TEXT,
    "applied": TEXT,
    "now": TEXT,
    "next": TEXT,
    "why": TEXT,
    "used_by": TEXT,
    "course_id": WHOLE,
    "moodle_id": WHOLE,
    "grouping_id": WHOLE,
    "at_grouping": TEXT,
    "at_group": TEXT,
    "module": TEXT,
}
# What people are shown, and the CSV has.
SHOWN = ("course", "kind", "what", "grouping", "group", "user", "applied", "now", "next", "why", "used_by")

# Courses in which something is managed, and of which nothing can be said; never the same as "nothing has changed".
NOT_READ: Schema = {"course_id": WHOLE, "course": TEXT, "reason": TEXT, "things": WHOLE}


def claims(terms: str | None, term: str) -> bool:
    """Whether the term lists the thing, or a restore brought it back that the term had (rules C5, J5)."""
    return term in ([released(terms)] if terms and is_restored(terms) else (terms or "").split())
