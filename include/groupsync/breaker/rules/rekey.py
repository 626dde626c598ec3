"""``rekey``: one thing under a new identifier, by name, members or number; nobody but a person can tell (P10)."""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.frames import rows
from include.groupsync.model.kind import Action
from include.groupsync.model.verdict import Effect, Observation, Reach


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for each proposed re-key, holding it; one for the run where there is none.

    Switched off by null, the comparison plans an ordinary delete and create instead, so there is none.
    """
    limit, frame = limits.run, evidence.plan.frame
    proposed = rows(frame[frame["to_key"].notna() & (frame["rule"] == "P10")])
    tripped = limit is not None and len(proposed) > limit
    for row in proposed:
        old = row[row["kind"]]
        yield Observation(
            "rekey", f"{row['course']} {old}", len(proposed), limit, len(proposed), None, tripped,
            f"{row['kind']} {old} of {row['course']} may now be {row['to_key']}: {row['evidence']}",
            Effect.HOLD, Reach((str(Action.UPDATE),), (row["kind"],), row["course"], old),
            stratum=f"course {row['course']}",
        )  # fmt: skip
    if not proposed:
        yield Observation("rekey", "run", 0, limit, 0, None, False, "no likely re-key")
