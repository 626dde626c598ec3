"""``out_of_scope``: a change that the run may not make: a bug of ours, whatever it is; never overridable (rule C1)."""

from collections.abc import Iterator
from typing import Any

from include.groupsync.breaker.evidence import Evidence, Place
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation: how many changes are in a course or delivery that is not in scope or was not read."""
    changes = len(evidence.plan)
    outside = [] if evidence.scope is None else list(_outside(evidence, evidence.scope))
    count = sum(row["n"] for row in outside)
    yield Observation(
        "out_of_scope", "run", count, 0, count, changes, count > 0,
        "; ".join(f"{row['n']} {row['action']}s of a {row['kind']} in {row['course']}" for row in outside[:5])
        + " are outside the run's scope; this is a bug, tell who keeps the project"
        if outside
        else f"all {changes} changes are in scope",
        Effect.BLOCK,
    )  # fmt: skip


def _outside(evidence: Evidence, scope: frozenset[Place]) -> Iterator[dict[str, Any]]:
    with_labels = {place.dataset for place in scope if place.label is not None}
    groups = evidence.plan.frame.groupby(["kind", "action", "course", "module"], dropna=False).size()
    for row in rows(groups.rename("n").reset_index()):
        dataset = Kind(row["kind"]).dataset
        label = row["module"] if dataset in with_labels else None
        active = Place(dataset, row["course"], label, True)
        withdrawn = Place(dataset, row["course"], label, False)
        if active not in scope and not (row["action"] == str(Action.DELETE) and withdrawn in scope):
            yield row
