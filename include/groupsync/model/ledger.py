"""What this sync manages and last applied: the ledger's frames, and what a run observes for it.

``terms`` are the terms that list the thing, sorted and parted by blanks (rule C5); of what a restore brought back,
and no term has listed since, ``restored:`` and the term that had it (rule J5).  ``name`` and
``description`` are what was last applied, null where nothing was.  Memberships and links are found by
Moodle's ids: an object that was deleted and made again by hand has lost what was ours in it.
"""

import pyarrow as pa

from include.groupsync.model.frames import TEXT, WHOLE, Schema

FLAG = pa.bool_()

MANAGED_OBJECTS: Schema = {
    "kind": TEXT,
    "moodle_id": WHOLE,
    "course_id": WHOLE,
    "course": TEXT,
    "idnumber": TEXT,
    "name": TEXT,
    "description": TEXT,
    "module": TEXT,
    "terms": TEXT,
}
# gone: ours, and taken out in Moodle by hand since; it stays as they left it (rule L2).
MANAGED_LINKS: Schema = {
    "grouping_id": WHOLE,
    "group_id": WHOLE,
    "course_id": WHOLE,
    "module": TEXT,
    "terms": TEXT,
    "gone": FLAG,
}
MANAGED_MEMBERSHIPS: Schema = {
    "group_id": WHOLE,
    "user_id": WHOLE,
    "course_id": WHOLE,
    "user": TEXT,
    "module": TEXT,
    "terms": TEXT,
}
# A person pinned to a group, or kept out of it, by the data team (rule M6); natural keys, ``what`` is pin or
# exclude.
EXCEPTIONS: Schema = {"course": TEXT, "group": TEXT, "user": TEXT, "what": TEXT}
# The same, with what the report tells of them; ``since`` is a UTC time to the minute.
EXCEPTIONS_TOLD: Schema = {**EXCEPTIONS, "since": TEXT, "reason": TEXT}

# What the runs of a term have missed, and in how many of them; ``user`` is empty for an object.
VANISHING: Schema = {"kind": TEXT, "course": TEXT, "key": TEXT, "user": TEXT, "runs": WHOLE}

LEDGER: dict[str, Schema] = {
    "objects": MANAGED_OBJECTS,
    "links": MANAGED_LINKS,
    "memberships": MANAGED_MEMBERSHIPS,
}


# A restore's claim.  It is no term's own, so no run may delete what has it alone; the first run that lists the thing
# puts its own claim in the place of this one, and somebody who releases it the term that it came from.
_RESTORED = "restored:"


def restored(term: str) -> str:
    """The claim of a restore on what a run of that term had deleted (rule J5)."""
    return _RESTORED + term.removeprefix(_RESTORED)


def is_restored(terms: str | None) -> bool:
    """Whether a restore brought it back, and no term has listed it since."""
    return bool(terms) and str(terms).startswith(_RESTORED)


def released(terms: str) -> str:
    """The claim of the term that a restored thing came from: its next run may delete it again."""
    return terms.removeprefix(_RESTORED)


def with_term(terms: str | None, term: str) -> str:
    """The claims with the term among them, in the place of a restore's; a restore claims only what nobody claims."""
    if is_restored(term):
        return terms or term
    return " ".join(sorted({*(one for one in (terms or "").split() if not is_restored(one)), term}))


def without_term(terms: str | None, term: str) -> str:
    """The claims without the term."""
    return " ".join(sorted({*(terms or "").split()} - {term}))


def may_delete(terms: str | None, term: str, open_terms: frozenset[str] | None) -> bool:
    """Whether the run's own term has dropped it and no other open term lists it (rule C5).

    ``open_terms`` None: without a calendar every term is open.
    """
    claims = set((terms or "").split())
    others = claims - {term}
    return term in claims and not (others if open_terms is None else others & open_terms)
