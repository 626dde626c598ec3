"""``config_changed``: a run that deletes under another configuration than the last that was applied."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: the deletes of such a run, removals included; a trip holds all of them.

    Settings, statements and calendar are the configuration: a slip in any of them looks like an empty source.
    """
    limit, before, now = limits.run, evidence.baselines.settings_digest, evidence.settings_digest
    changed = before is not None and before != now
    count = evidence.losses if changed else 0
    text = "as in the last applied run"
    if before is None:
        text = "no run was applied before"
    elif changed:
        text = f"{before[:12]} in the last applied run, {now[:12]} now; {count} deletes and removals"
    yield Observation(
        "config_changed", "run", count, limit, count, evidence.losses, limit is not None and count > limit,
        f"configuration: {text}",
        Effect.HOLD, ALL_DELETES,
    )  # fmt: skip
