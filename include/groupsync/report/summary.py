"""What a run did and did not do, as one document (rule W1); works with whatever the run has left."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.model.change import PLAN
from include.groupsync.model.effective import SWITCHES, Switch
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import Schema, conform, frame_of, rows
from include.groupsync.model.journal import OUTCOME
from include.groupsync.model.ledger import EXCEPTIONS_TOLD
from include.groupsync.model.mode import Mode
from include.groupsync.model.plan import Plan
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.term import TermState

_PARTS = (
    "calendar",
    "source",
    "requests",
    "moodle",
    "groupings",
    "groups",
    "links",
    "memberships",
    "extent",
    "vanishing",
    "mode",
    "kept",
    "restore",
    "use",
    "verify",
)
_SHOWN = 200
_FEW = 20  # of more courses the report has the number, and the CSV each


def findings_of(folder: RunFolder) -> pd.DataFrame:
    """All findings of the run (columns FINDING), the worst first, then by dataset and row."""
    frames = [_frame(folder, f"findings/{part}", FINDING) for part in _PARTS]
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frame_of([], FINDING)
    whole = conform(pd.concat(filled), FINDING)
    rank = whole["severity"].map({"error": 0, "quarantined": 1, "warning": 2, "deferred": 3, "note": 4})
    order = whole.assign(rank=rank).sort_values(["rank", "dataset", "source_row", "course", "key"], kind="stable")
    return whole.loc[order.index].reset_index(drop=True)


def summarise(
    folder: RunFolder, run: Mapping[str, Any], steps: Mapping[str, Mapping[str, Any]], order: list[str]
) -> dict[str, Any]:
    """The report's document.

    ``run`` says which run this is; ``steps`` are the steps' own records and ``order`` all steps that there
    are, so that one which did not end shows as such.
    """
    findings = findings_of(folder)
    outcomes = _frame(folder, "outcomes", OUTCOME)
    plan = _json(folder, "plan")
    courses = _courses(folder, outcomes)
    return {
        **run,
        "steps": [_step(name, steps.get(name)) for name in order],
        "plan": plan,
        "verdict": _json(folder, "verdict"),
        "identity": _json(folder, "identity"),
        "quality": folder.has("quality.html"),
        "applied": _applied(outcomes),
        "canary": (steps.get("apply") or {}).get("canary"),
        "derived": (steps.get("extract") or {}).get("derived"),
        "courses": courses,
        "exceptions": _exceptions(folder),
        "switches": _switches(folder, run["term"]),
        "requests": _requests(folder),
        "calls": _calls(steps),
        "findings": {
            "counts": dict(sorted(Counter(findings["severity"] + " " + findings["rule"]).items())),
            "first": rows(findings.head(_SHOWN)),
            "total": len(findings),
        },
        "failed_changes": rows(outcomes[~outcomes["outcome"].isin(["done"])].head(_SHOWN)),
        "held_changes": rows(_frame(folder, "held", PLAN).head(_SHOWN)),
        "deletes": rows(_deletes(folder).head(_SHOWN)),
    }


def headline(document: Mapping[str, Any]) -> str:
    """The run in one sentence."""
    failed = [step["name"] for step in document["steps"] if step["ok"] is False]
    if failed:
        return f"failed at {failed[0]}"
    held = (document["plan"] or {}).get("held", {}).get("changes", 0)
    done = sum(actions.get("done", 0) for actions in document["applied"].values())
    word = f"{done} change{'' if done == 1 else 's'} applied" if done else "nothing to do"
    if document["mode"] == Mode.PLAN and document["plan"]:
        planned = document["plan"]["released"]["changes"]
        why = "the term is frozen, nothing written" if _is_frozen(document) else "a plan only"
        word = f"{why}: {planned} change{'' if planned == 1 else 's'} would be applied"
    return f"{word}, {held} held" if held else word


def _is_frozen(document: Mapping[str, Any]) -> bool:
    return (document["term_state"] or {}).get("state") == TermState.FROZEN


def _applied(outcomes: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Outcomes by kind and action: {"group create": {"done": 3}}."""
    found: dict[str, dict[str, int]] = {}
    counts = Counter(zip(outcomes["kind"], outcomes["action"], outcomes["outcome"], strict=True))
    for (kind, action, outcome), n in sorted(counts.items()):
        found.setdefault(f"{kind} {action}", {})[outcome] = n
    return found


def _courses(folder: RunFolder, outcomes: pd.DataFrame) -> dict[str, Any]:
    read = _json(folder, "steps/read_moodle") or {}
    in_scope = int(read.get("courses", 0))
    affected = outcomes.loc[outcomes["outcome"] == "done", "course"].nunique()
    return {
        "affected": int(affected),
        "in_scope": in_scope,
        "share": affected / in_scope if in_scope else None,
        "unread": int(read.get("unread", 0)),
    }


def _calls(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for record in steps.values():
        total.update(record.get("calls", {}))
    return dict(sorted(total.items()))


def _exceptions(folder: RunFolder) -> dict[str, Any]:
    """The pins and exclusions that the run went by (rule M6); people by source key only (rule W3)."""
    found = _frame(folder, "ledger/exceptions", EXCEPTIONS_TOLD)
    return {"total": len(found), "first": rows(found.head(_SHOWN))}


def _switches(folder: RunFolder, term: str) -> dict[str, Any]:
    """How many courses of the term people switched on and off; each of them where they are few."""
    found = _frame(folder, "ledger/switches", SWITCHES)
    own = found[(found["term"] == term) & (found["switch"] != str(Switch.SOURCE))]
    counts = Counter(own["switch"])
    few = rows(own) if len(own) <= _FEW else []
    return {"total": len(own), "on": counts["on"], "off": counts["off"], "few": few}


def _requests(folder: RunFolder) -> dict[str, Any]:
    """The queue's open requests, and those that this run was done with (rule C3), the open ones first."""
    if not folder.has("requests_told.parquet"):
        return {"total": 0, "open": 0, "done": 0, "first": []}
    every = sorted(rows(folder.frame("requests_told")), key=lambda row: (row["state"] != "open", row["requested_at"]))
    counts = Counter(row["state"] for row in every)
    return {"total": len(every), "open": counts["open"], "done": counts["done"], "first": every[:_SHOWN]}


def _deletes(folder: RunFolder) -> pd.DataFrame:
    plan = _frame(folder, "plan", PLAN)
    return Plan.of(plan[plan["action"] == "delete"]).frame if len(plan) else plan


def _step(name: str, record: Mapping[str, Any] | None) -> dict[str, Any]:
    if record is None:
        return {"name": name, "ok": None, "seconds": None, "message": None}
    kept = {key: record.get(key) for key in ("ok", "seconds", "message")}
    return {"name": name, **kept}


def _frame(folder: RunFolder, name: str, schema: Schema) -> pd.DataFrame:
    return folder.frame(name) if folder.has(f"{name}.parquet") else frame_of([], schema)


def _json(folder: RunFolder, name: str) -> dict[str, Any] | None:
    return folder.json(name) if folder.has(f"{name}.json") else None
