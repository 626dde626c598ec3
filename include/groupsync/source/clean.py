"""A remote table as read, made comparable: keys and names normalised, defaults filled in (rules K3, G2)."""

from collections.abc import Callable
from datetime import datetime

import pandas as pd

from include.groupsync.model import keys
from include.groupsync.model.frames import TEXT, Schema, rewrite
from include.groupsync.model.freshness import parse_freshness
from include.groupsync.model.scope import label_column
from include.groupsync.settings import Settings
from include.groupsync.source.extract import REMOTE

# What the cleaned frames have beside the remote columns: the delivery's label, and what Moodle's text
# cleaning would leave of the name (rule K7).
CLEAN: dict[str, Schema] = {
    name: {**schema, "label": TEXT} | ({"name_in_moodle": TEXT} if "name" in schema else {})
    for name, schema in REMOTE.items()
}
_YES = {"1", "y", "yes", "t", "true", "on"}
_NO = {"0", "n", "no", "f", "false", "off"}


def clean(dataset: str, raw: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows of ``raw`` (columns REMOTE) as rule K3 reads them, in columns CLEAN; no row is lost.

    Absent keys are null; a name defaults to the idnumber, a configured description to blank.
    """
    frame = raw.copy()
    for column, how in _readings(settings).items():
        if column in frame:
            frame[column] = rewrite(frame[column], how)
    columns = settings.tables[dataset].columns
    if "idnumber" in frame:
        frame["name"] = frame["name"].fillna(frame["idnumber"])
        frame["name_in_moodle"] = rewrite(frame["name"], _in_moodle)
    if "description" in frame and "description" in columns.configured:
        frame["description"] = frame["description"].fillna("")
    if dataset == "mappings":
        frame["import_groups"] = rewrite(frame["import_groups"], _switch)
        frame["status"] = rewrite(frame["status"], lambda text: text.lower() if text else None)
        frame = _defaults_of_mappings(frame, columns.configured.keys())
    frame["label"] = label_column(frame, columns.delivery)
    return frame.reindex(columns=list(CLEAN[dataset]))


def _readings(settings: Settings) -> dict[str, Callable[[str | None], str | None]]:
    by_name = {True: keys.name, False: keys.key}
    plain = ("id", "course", "idnumber", "module", "occurrence", "period", "academic_year", "term", "status")
    return dict.fromkeys((*plain, "department", "import_groups"), keys.key) | {
        "name": keys.name,
        "action": lambda text: (keys.key(text) or "").upper() or None,
        "requested_at": _instant,
        "user": lambda text: keys.user_key(text, settings.localuserfield),
        "group": by_name[settings.localgroupfield == "name"],
        "grouping": by_name[settings.localgroupingfield == "name"],
    }


def _in_moodle(name: str | None) -> str | None:
    return None if name is None else name if keys.survives_cleaning(name) else f"{name} (cleaned)"


def _instant(text: str | None) -> str | None:
    """As an ISO time in UTC, so that two can be compared as they are; what is no time stays, to be set aside."""
    given = keys.key(text)
    try:
        at = parse_freshness(given)
    except ValueError:
        return given
    return at.isoformat(timespec="microseconds") if isinstance(at, datetime) else given


def _switch(text: str | None) -> str | None:
    folded = text.lower() if text else "no"
    return "yes" if folded in _YES else "no" if folded in _NO else text


def _defaults_of_mappings(frame: pd.DataFrame, configured: "set[str] | object") -> pd.DataFrame:
    """A mapping table without a status or a switch column has active mappings only."""
    filled = frame.copy()
    for column, default in (("status", "active"), ("import_groups", "yes")):
        if column not in configured:  # type: ignore[operator]
            filled[column] = pd.Series([default] * len(frame), dtype=frame[column].dtype, index=frame.index)
    return filled
