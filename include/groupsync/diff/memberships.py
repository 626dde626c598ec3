"""Who is in which group: packed integer keys on both sides, so that a million rows are one sort (section M).

People and groups are found by key once, where they enter; after that a membership is (group code, user id).
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.groupsync.diff.course import RECLAIMED
from include.groupsync.model.change import PLAN
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import TEXT, WHOLE, Schema, conform, frame_of, rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.ledger import FLAG, MANAGED_MEMBERSHIPS, may_delete, with_term, without_term
from include.groupsync.model.protection import Protection
from include.groupsync.model.scope import Scope, Standing

# The groups of all courses that were read, as they will be after this plan.  ``match`` is the value that
# membership rows name the group by; a group that is to be created has no id; one that is to be deleted
# cannot be joined.  ``keeps_members``: nobody is
# removed from a group that half a key protects (rule K6), or whose idnumber somebody changed in Moodle: its rows
# no longer find it, and that is nobody's leaving.
GROUP_AFTER = {
    "course": TEXT,
    "course_id": WHOLE,
    "group_id": WHOLE,
    "group": TEXT,
    "match": TEXT,
    "fate": TEXT,
    "keeps_members": FLAG,
}
_USER_BITS = 32


@dataclass(frozen=True)
class MembershipSides:
    """``wanted``: usable rows (CLEAN memberships).  ``groups``: GROUP_AFTER.  ``members``, ``participants``:
    as read from Moodle.  ``users``: everybody known, by key.  ``managed``: MANAGED_MEMBERSHIPS.
    ``exceptions``: the data team's pins and exclusions."""

    wanted: pd.DataFrame
    groups: pd.DataFrame
    members: pd.DataFrame
    participants: pd.DataFrame
    users: pd.DataFrame
    managed: pd.DataFrame
    exceptions: pd.DataFrame
    by_group_id: bool = False


@dataclass(frozen=True)
class MembershipDiff:
    """``changes``: PLAN; ``findings``: FINDING; ``observed``: MANAGED_MEMBERSHIPS rows, empty terms drop."""

    changes: pd.DataFrame
    findings: pd.DataFrame
    observed: pd.DataFrame


def diff_memberships(
    sides: MembershipSides,
    protection: Protection,
    scope: Scope,
    term: str,
    open_terms: frozenset[str] | None,
    *,
    reclaim: bool = False,
) -> MembershipDiff:
    """Adds for those listed, enrolled and not there; removals of ours that are no longer listed (M1 to M5).

    With ``reclaim`` those who are listed and there, and not ours, become ours (rule O2).
    """
    groups = sides.groups.reset_index(drop=True)
    groups["code"] = range(len(groups))
    found, lost, protected = _encode(sides, groups, scope)
    waiting = found["fate"] == "waiting"
    found, waits = found[~waiting], found[waiting]
    current = _current(sides.members, groups)
    pinned, excluded, contradictory = _exceptions(sides, groups)
    missing = found[~found["packed"].isin(current) & ~found["packed"].isin(excluded)]
    enrolled = _pack(sides.participants["course_id"], sides.participants["user_id"])
    can_join = _pack(missing["course_id"], missing["user_id"]).isin(set(enrolled))
    ours = _ours(sides.managed, groups, current, found[~found["packed"].isin(excluded)], scope)
    removable = _removals(ours, protection, protected | pinned, excluded, term, open_terms)
    claims = current & set(found["packed"]) - excluded - set(ours["packed"]) if reclaim else set()
    claimed = found[found["packed"].isin(claims)]
    return MembershipDiff(
        changes=_together([_adds(missing[can_join]), _claims(claimed), _takings(removable)], PLAN),
        findings=_together([lost, _deferred(missing[~can_join]), _waiting(waits), contradictory], FINDING),
        observed=_observed(ours, removable, term),
    )


def _encode(sides: MembershipSides, groups: pd.DataFrame, scope: Scope) -> tuple[pd.DataFrame, pd.DataFrame, set[int]]:
    """The rows whose group and person are one each; findings for the others; pairs that ambiguity protects."""
    wanted = sides.wanted.drop(columns=["term", "module", "occurrence", "period"])
    known = groups[groups["fate"] != "deleted"].rename(columns={"group": "group_key", "match": "group"})
    right = known[["course", "group", "code", "group_id", "course_id", "group_key", "fate"]]
    if sides.by_group_id:
        with_group = _by_id(wanted, right, scope)
    else:
        with_group = wanted.merge(right, on=["course", "group"], how="left")
    with_user = with_group.merge(sides.users, on="user", how="left")
    fits = with_user.groupby("source_row").agg(groups=("code", "nunique"), people=("user_id", "nunique"))
    counted = with_user.join(fits, on="source_row")
    single = (counted["groups"] == 1) & (counted["people"] == 1)
    could_mean = counted[~single & counted["code"].notna() & counted["user_id"].notna()]
    found = counted[single].drop_duplicates("source_row").reset_index(drop=True)
    found["packed"] = _pack(found["code"], found["user_id"])
    lost = counted[~single].drop_duplicates("source_row")
    protected = set(_pack(could_mean["code"], could_mean["user_id"]))
    return found.drop_duplicates("packed"), _unmatched(lost), protected


def _by_id(wanted: pd.DataFrame, groups: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    """Rows that name their group by Moodle's id: the group's own course has to be the row's, and in scope."""
    stated = wanted.rename(columns={"course": "stated"})
    found = stated.merge(groups, on="group", how="left")
    elsewhere = found["stated"].notna() & found["course"].notna() & (found["stated"] != found["course"])
    found.loc[elsewhere, "code"] = None
    found["course"] = found["stated"].fillna(found["course"])
    standings = zip(_or_none(found["course"]), _or_none(found["label"]), _or_none(found["code"]), strict=True)
    inside = [code is None or scope.standing(course, label) is Standing.ACTIVE for course, label, code in standings]
    return found[pd.Series(inside, dtype=bool)].drop(columns=["stated"])


def _pack(high: pd.Series, low: pd.Series) -> pd.Series:
    packed = (high.astype("int64").to_numpy() << _USER_BITS) | low.astype("int64").to_numpy()
    return pd.Series(packed, index=high.index)


def _current(members: pd.DataFrame, groups: pd.DataFrame) -> set[int]:
    """What Moodle has now, packed, in the groups that were read."""
    there = members.merge(groups[["group_id", "code"]].dropna(), on="group_id")
    return set(_pack(there["code"], there["user_id"]))


def _ours(
    managed: pd.DataFrame, groups: pd.DataFrame, current: set[int], listed: pd.DataFrame, scope: Scope
) -> pd.DataFrame:
    """Our memberships of groups that were read, with how each stands now."""
    existing = groups.dropna(subset=["group_id"])
    ours = managed.merge(
        existing[["group_id", "code", "course", "group", "match", "fate", "keeps_members"]], on="group_id"
    )
    ours["packed"] = _pack(ours["code"], ours["user_id"])
    ours["there"] = ours["packed"].isin(current)
    ours["listed"] = ours["packed"].isin(set(listed["packed"]))
    ours = ours.merge(listed[["packed", "label"]], on="packed", how="left")
    ours["frozen"] = [
        scope.standing(course, label) is Standing.FROZEN
        for course, label in zip(ours["course"], _or_none(ours["module"]), strict=True)
    ]
    return ours


def _or_none(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), None)


def _exceptions(sides: MembershipSides, groups: pd.DataFrame) -> tuple[set[int], set[int], pd.DataFrame]:
    """Who is pinned and who is excluded, packed; findings for those who are both: neither is done (rule M6)."""
    if not len(sides.exceptions):
        return set(), set(), frame_of([], FINDING)
    known = groups[["course", "group", "code"]]
    meant = sides.exceptions.merge(known, on=["course", "group"]).merge(sides.users, on="user")
    meant["packed"] = _pack(meant["code"], meant["user_id"])
    pins, bans = (set(meant.loc[meant["what"] == what, "packed"]) for what in ("pin", "exclude"))
    both = meant[meant["packed"].isin(pins & bans)].drop_duplicates("packed").assign(source_row=None)
    reason = pd.Series("the person is both pinned to the group and excluded from it", index=both.index)
    return pins - bans, bans - pins, _findings(both, "error", "M6", reason, "Clear one of the two exceptions.")


def _removals(
    ours: pd.DataFrame,
    protection: Protection,
    protected: set[int],
    excluded: set[int],
    term: str,
    open_terms: frozenset[str] | None,
) -> pd.DataFrame:
    """Ours, there, in a group that stays whole, in scope, and listed no more by anybody or anything (M5, K6).

    An excluded person goes whatever any term or row says: the data team has said so (rule M6).
    """
    candidates = ours[
        ours["there"] & ~ours["listed"] & ~ours["frozen"] & (ours["fate"] == "stays") & ~ours["keeps_members"]
    ]
    keep = [
        packed in excluded
        or (
            packed not in protected
            and may_delete(row["terms"], term, open_terms)
            and not protection.covers(row["course"], {row["match"] or row["group"], row["group"]}, row["user"])
        )
        for packed, row in zip(
            candidates["packed"], rows(candidates[["terms", "course", "match", "group", "user"]]), strict=True
        )
    ]
    removable = candidates[pd.Series(keep, index=candidates.index, dtype=bool)]
    # Two accounts of ours in one group that had one key: only the account itself says which is meant.
    twins = removable["packed"].isin(ours.loc[ours.duplicated(["group_id", "user"], keep=False), "packed"])
    named = removable["user"].where(~twins, "#" + removable["user_id"].astype(str))
    return removable.assign(
        user=named, rule=lambda frame: frame["packed"].isin(excluded).map({True: "M6", False: "M5"})
    )


def _adds(missing: pd.DataFrame) -> pd.DataFrame:
    return _changes(missing.assign(group=missing["group_key"], module=missing["label"], rule="M4"), Action.CREATE)


def _claims(there: pd.DataFrame) -> pd.DataFrame:
    claimed = there.assign(group=there["group_key"], module=there["label"], rule="O2", evidence=RECLAIMED)
    return _changes(claimed, Action.UPDATE)


def _takings(removable: pd.DataFrame) -> pd.DataFrame:
    return _changes(removable.assign(source_row=None), Action.DELETE)


def _changes(people: pd.DataFrame, action: Action) -> pd.DataFrame:
    if not len(people):
        return frame_of([], PLAN)
    return conform(people.assign(kind=str(Kind.MEMBERSHIP), action=str(action)), PLAN)


def _observed(ours: pd.DataFrame, removable: pd.DataFrame, term: str) -> pd.DataFrame:
    """Claims to add or to drop, and ours that were seen gone: they are no longer ours (rule M5)."""
    records: list[dict[str, Any]] = []
    columns = [*MANAGED_MEMBERSHIPS, "there", "listed", "label", "frozen"]
    pending = set(removable["packed"])
    for row, packed in zip(rows(ours[columns]), ours["packed"], strict=True):
        terms, module = row["terms"], row["module"]
        if not row["there"]:
            terms = ""
        elif row["listed"]:
            # Learned before its table had modules, or of another one that no longer lists it: it is this row's now.
            terms, module = with_term(terms, term), row["label"]
        elif not row["frozen"] and packed not in pending:
            terms = _unlisted(terms, term)
        if (terms, module) != (row["terms"], row["module"]):
            records.append({name: row[name] for name in MANAGED_MEMBERSHIPS} | {"terms": terms, "module": module})
    return frame_of(records, MANAGED_MEMBERSHIPS)


def _unlisted(terms: str, term: str) -> str:
    """Another open term's claim keeps it; an own claim alone is kept too: a bad row or a hold protects it."""
    return without_term(terms, term) or terms


def _unmatched(lost: pd.DataFrame) -> pd.DataFrame:
    """One error a row whose group or person Moodle does not have, or has more than once (rule M2)."""
    reason = pd.Series("user not found: no account in Moodle has this key", index=lost.index)
    reason[lost["people"] > 1] = "user ambiguous: several accounts in Moodle have this key"
    reason[lost["groups"] == 0] = "group not found in the course"
    reason[lost["groups"] > 1] = "group ambiguous: several groups of the course fit"
    return _findings(lost, "error", "M2", reason, "Correct the row, or the account or group in Moodle.")


def _deferred(missing: pd.DataFrame) -> pd.DataFrame:
    """Listed, known, and not enrolled: never an error and never an enrolment; tried again (rule M4)."""
    reason = pd.Series("the person is not enrolled in the course", index=missing.index)
    return _findings(missing, "deferred", "M4", reason, "None: it is added once the person is enrolled.")


def _waiting(waits: pd.DataFrame) -> pd.DataFrame:
    """Listed in a group whose new idnumber a person has to agree to (rule P10)."""
    reason = pd.Series("its group waits for a re-key to be approved", index=waits.index)
    return _findings(waits, "deferred", "P10", reason, "Approve the re-key, or reject it.")


def _together(frames: list[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return conform(pd.concat(filled, ignore_index=True), schema) if filled else frame_of([], schema)


def _findings(of: pd.DataFrame, severity: str, rule: str, reason: pd.Series, next_step: str) -> pd.DataFrame:
    if not len(of):
        return frame_of([], FINDING)
    columns = of[["course", "user", "source_row"]].assign(key=of["group"], reason=reason)
    constant = {"dataset": "memberships", "severity": severity, "rule": rule, "next_step": next_step}
    return conform(columns.assign(**constant), FINDING)
