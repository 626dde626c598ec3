"""The three tables out of CMIS's and SITS's own rows: joined by module, and occurrence and period.

What leaves somebody out is said row by row: nobody is missing from a group without a reason in ``LEFT_OUT``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.frames import TEXT, Schema, conform, frame_of, rewrite
from include.groupsync.source.extract import REMOTE
from include.groupsync.source_settings import Native

# Who is in a group of CMIS and does not become a member, and why: the first reason that fits.
LEFT_OUT: Schema = {"course": TEXT, "group": TEXT, "user": TEXT, "student": TEXT, "reason": TEXT}
DROPPED, INACTIVE, LEFT = "dropped the module", "inactive", "left the university"
UNREGISTERED = "not registered for the module in SITS"

_MAPPING = ["course", "module", "occurrence", "period"]
_DELIVERY = ["module", "instance"]
_PERSON = ["course", "group", "student"]


@dataclass(frozen=True)
class Derived:
    """``tables``: REMOTE frames of the tables that are on; ``left_out``: LEFT_OUT; ``counts``: what the run records."""

    tables: dict[str, pd.DataFrame]
    left_out: pd.DataFrame
    counts: dict[str, int]


def derive(mappings: pd.DataFrame, read: Mapping[str, pd.DataFrame], native: Native, wanted: Iterable[str]) -> Derived:
    """The ``wanted`` tables from the mappings of the term (CLEAN) and what the statements answered (NATIVE).

    An idnumber is ``SET:MODULE:INSTANCE:CODE``, of a session type ``SET:MODULE:INSTANCE:type:CODE``; a colon or per
    cent sign within a part is escaped, so that no two deliveries share one.  A delivery whose code CMIS gives to two
    instances is nobody's: its rows come without idnumber, are set aside, and protect what the course has (K6).  So do
    rows whose module, instance or group is one that is known but for the case of its letters.
    The rows are in an order of their own, whatever the order in which the databases answer.
    """
    trimmed = {name: _trimmed(frame) for name, frame in read.items()}
    deliveries = _deliveries(mappings)
    ambiguous = _ambiguous(trimmed)
    joined = {
        name: _with_idnumber(_of_deliveries(deliveries, frame.dropna(subset=_DELIVERY)), ambiguous)
        for name, frame in trimmed.items()
        if name.startswith("cmis_")
    }
    titles = trimmed.get("sits_modules")
    types = _session_types(joined["cmis_sessions"], native) if "cmis_sessions" in joined else None
    tables: dict[str, pd.DataFrame] = {}
    left_out = frame_of([], LEFT_OUT)
    if "groupings" in wanted:
        nodes = joined["cmis_groupings"] if types is None else _of_types(joined["cmis_groups"], types, native)
        tables["groupings"] = _finished("groupings", _described(nodes, titles))
    if "groups" in wanted:
        groups = _placed(joined["cmis_groups"], types)
        tables["groups"] = _finished("groups", _described(groups, titles))
    if "memberships" in wanted:
        people = _of_known_groups(joined["cmis_memberships"], joined.get("cmis_groups"))
        people = people.rename(columns={"idnumber": "group"})
        people["user"] = people["upi" if native.user == "upi" else "student"]
        people["reason"] = _reasons(people, trimmed, native)
        stays = people["reason"].isna()
        tables["memberships"] = _finished("memberships", people[stays])
        left_out = _left_out(people[~stays], people[stays])
    there = pd.concat([frame[_DELIVERY] for frame in joined.values()])
    return Derived(tables, left_out, _counts(deliveries, there, ambiguous, left_out))


def _trimmed(frame: pd.DataFrame) -> pd.DataFrame:
    """Codes as keys are compared (rule K3); names and descriptions as they are."""
    plain = {column for column in frame if column in ("name", "description")}
    return frame.assign(**{str(c): rewrite(frame[c], keys.key) for c in frame if c not in plain})


def _deliveries(mappings: pd.DataFrame) -> pd.DataFrame:
    """Each mapped delivery once per course, with CMIS's code of it; half a delivery finds none."""
    whole = mappings[_MAPPING].dropna(subset=["module", "occurrence", "period"]).drop_duplicates()
    return whole.assign(instance=whole["occurrence"] + "-" + whole["period"])


def _of_deliveries(deliveries: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame's rows with each course that their delivery is mapped to.

    ``in_doubt``: a row of no delivery that is mapped, but for the case of its letters.  Left out, it would take away
    what is there; taken for meant, it would mix two deliveries.
    """
    exact = deliveries.merge(frame, on=_DELIVERY).assign(in_doubt=False)
    odd = pd.Series(False, index=frame.index)
    for column in _DELIVERY:
        odd |= frame[column].isin(_spelt_otherwise(frame[column], deliveries[column]))
    if not odd.any():
        return exact
    meant = deliveries.assign(**_folded(deliveries, _DELIVERY))
    spelt = frame[odd].assign(**_folded(frame[odd], _DELIVERY)).drop(columns=_DELIVERY)
    alike = meant.merge(spelt, on=[f"{column} folded" for column in _DELIVERY]).assign(in_doubt=True)
    return pd.concat([exact, alike[list(exact)]], ignore_index=True)


def _of_known_groups(people: pd.DataFrame, groups: pd.DataFrame | None) -> pd.DataFrame:
    """Without the idnumber of a group that is one of the groups but for the case of its letters."""
    if groups is None:
        return people
    odd = people["idnumber"].isin(_spelt_otherwise(people["idnumber"], groups["idnumber"]))
    return people.assign(idnumber=people["idnumber"].mask(odd))


def _spelt_otherwise(column: pd.Series, known: pd.Series) -> list[str]:
    """The column's values that are not known, and would be in another case."""
    exact = set(known.dropna().unique())
    folded = {text.casefold() for text in exact}
    return [text for text in column.dropna().unique() if text not in exact and text.casefold() in folded]


def _folded(frame: pd.DataFrame, columns: list[str]) -> dict[str, pd.Series]:
    return {f"{c} folded": rewrite(frame[c], lambda text: text.casefold() if text else text) for c in columns}


def _ambiguous(read: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The deliveries whose code belongs to more than one instance of the set."""
    parts = [frame[[*_DELIVERY, "instance_id"]] for name, frame in read.items() if name.startswith("cmis_")]
    every = pd.concat(parts).dropna(subset=_DELIVERY).drop_duplicates()
    return every.loc[every.duplicated(subset=_DELIVERY), _DELIVERY]


def _with_idnumber(frame: pd.DataFrame, ambiguous: pd.DataFrame) -> pd.DataFrame:
    if "setid" not in frame:
        return frame
    made = _joined(frame, ["setid", *_DELIVERY, "code"])
    return frame.assign(idnumber=made.mask(_is_in(frame, ambiguous, _DELIVERY) | frame["in_doubt"]))


def _is_in(frame: pd.DataFrame, others: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Which rows have the same values in these columns as one of the others."""
    marked = others[columns].drop_duplicates().assign(found=True)
    return frame[columns].merge(marked, on=columns, how="left")["found"].notna().set_axis(frame.index)


def _joined(frame: pd.DataFrame, columns: list[str], before_last: str = "") -> pd.Series:
    """The parts with colons between them, null where one is; no two lists of parts make one text."""
    parts = [rewrite(frame[column], keys.part_of_idnumber) for column in columns]
    text = parts[0]
    for part in parts[1:-1]:
        text = text + ":" + part
    return text + f":{before_last}" + parts[-1]


# --- groupings and groups


def _described(frame: pd.DataFrame, titles: pd.DataFrame | None) -> pd.DataFrame:
    """CMIS's name of the delivery; where it has none, SITS's of the module."""
    if titles is None:
        return frame
    known = titles.dropna().drop_duplicates("module").set_index("module")["name"]
    absent = rewrite(frame["description"], keys.key).isna()
    return frame.assign(description=frame["description"].mask(absent, frame["module"].map(known)))


def _placed(groups: pd.DataFrame, types: pd.DataFrame | None) -> pd.DataFrame:
    """The groups with the grouping that they are in: their parent's in the tree, or their session type's."""
    if types is None:
        parents = _joined(groups, ["setid", *_DELIVERY, "parent"])
        return groups.assign(grouping=parents.mask(groups["idnumber"].isna() & groups["code"].notna()))
    placed = groups.merge(types, on=[*_DELIVERY, "code"], how="left")
    return placed.assign(grouping=_of_type(placed))


def _session_types(sessions: pd.DataFrame, native: Native) -> pd.DataFrame:
    """One session type for each group that has one: of several, the first in the settings' order."""
    order = {code: number for number, code in enumerate(native.session_types)}
    known = sessions.loc[sessions["session_type"].isin(list(order)), [*_DELIVERY, "code", "session_type"]]
    known = known.dropna(subset=["code"])
    ranked = known.assign(rank=known["session_type"].map(order)).sort_values("rank", kind="stable")
    return ranked.drop_duplicates([*_DELIVERY, "code"]).drop(columns="rank")


def _of_types(groups: pd.DataFrame, types: pd.DataFrame, native: Native) -> pd.DataFrame:
    """A grouping for each session type that a delivery has groups of."""
    typed = groups.dropna(subset=["idnumber"]).merge(types, on=[*_DELIVERY, "code"])
    typed = typed.assign(idnumber=_of_type(typed), name=rewrite(typed["session_type"], native.session_types.get))
    return typed.drop_duplicates([*_MAPPING, "idnumber", "description"])


def _of_type(frame: pd.DataFrame) -> pd.Series:
    """Five parts, so that no group's idnumber, which has four, can be a session type's."""
    made = _joined(frame, ["setid", *_DELIVERY, "session_type"], before_last="type:")
    return made.mask(frame["idnumber"].isna())


# --- memberships


def _reasons(people: pd.DataFrame, read: Mapping[str, pd.DataFrame], native: Native) -> pd.Series:
    """Why each row is left out; null for those who stay.  What SITS does not know leaves nobody out."""
    found = {
        DROPPED: _is_yes(people["dropped"]),
        INACTIVE: _is_yes(people["inactive"]),
        LEFT: people["student"].isin(_leavers(read, native)),
        UNREGISTERED: _unregistered(people, read),
    }
    reasons = rewrite(people["student"], lambda _: None)
    for reason, holds in reversed(found.items()):
        reasons = reasons.mask(holds, reason)
    return reasons


def _is_yes(flag: pd.Series) -> pd.Series:
    return rewrite(flag, lambda text: text.upper() if text else None).isin(["Y"])


def _leavers(read: Mapping[str, pd.DataFrame], native: Native) -> list[str]:
    """The students all of whose courses of study have ended; one without any, or of unknown status, is none."""
    if "sits_students" not in read:
        return []
    students = read["sits_students"].dropna(subset=["student"])
    here = students.loc[~students["status"].isin(list(native.left)), "student"]
    return sorted(set(students["student"]) - set(here))


def _unregistered(people: pd.DataFrame, read: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Whom SITS does not list for a delivery of which it lists others, and all of them by number; in whatever case
    the two write their codes: nobody loses a place by that."""
    if "sits_registrations" not in read:
        return pd.Series(False, index=people.index)
    listed = read["sits_registrations"].dropna(subset=["module", "occurrence", "period"])
    listed = listed.assign(instance=listed["occurrence"] + "-" + listed["period"])
    ours, theirs = (frame.assign(**_folded(frame, [*_DELIVERY, "student"])) for frame in (people, listed))
    delivery = [f"{column} folded" for column in _DELIVERY]
    doubtful = theirs[theirs["student"].isna()]
    known = theirs[~_is_in(theirs, doubtful, delivery)]
    takes = _is_in(ours, known, [*delivery, "student folded"])
    return _is_in(ours, known, delivery) & ~takes & people["student"].notna()


def _left_out(gone: pd.DataFrame, stay: pd.DataFrame) -> pd.DataFrame:
    """Each person once per group and reason; who stays by another row is not left out."""
    really = gone[~_is_in(gone, stay, _PERSON)]
    return conform(really, LEFT_OUT).drop_duplicates().sort_values(list(LEFT_OUT), ignore_index=True)


# --- all of them


def _finished(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """In the columns of REMOTE, sorted by all of them and numbered: alike from every database."""
    columns = [column for column in REMOTE[name] if column != "source_row"]
    ordered = conform(frame, REMOTE[name]).sort_values(columns, ignore_index=True)
    return conform(ordered.assign(source_row=range(1, len(ordered) + 1)), REMOTE[name])


def _counts(
    deliveries: pd.DataFrame, there: pd.DataFrame, ambiguous: pd.DataFrame, left_out: pd.DataFrame
) -> dict[str, int]:
    mapped = deliveries[_DELIVERY].drop_duplicates()
    counts = {
        "deliveries mapped": len(mapped),
        "deliveries without groups in CMIS": int((~_is_in(mapped, there, _DELIVERY)).sum()),
        "deliveries with two instances in CMIS": int(_is_in(mapped, ambiguous, _DELIVERY).sum()),
    }
    return counts | {f"left out: {reason}": int(n) for reason, n in left_out["reason"].value_counts().items()}
