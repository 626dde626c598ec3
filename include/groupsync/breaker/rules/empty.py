"""``empty``: the source no longer has the run's term, or a table of it, or what SITS decides by: missing is not empty.

What the ledger holds of the term is what its runs have read once.  Where *no* table that is on has a row, the term is
gone there (a set that was cleared, a year that was archived), and the run as a whole is blocked: in mode ``add`` too,
which would otherwise end as if there were nothing to add.
"""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach

_KINDS = {
    "groupings": (Kind.GROUPING,),
    "groups": (Kind.GROUP, Kind.LINK),
    "memberships": (Kind.MEMBERSHIP,),
}
# What SITS's answers decide: without them those come back whom they kept out, and titles go.
_PEOPLE = Reach((str(Action.CREATE), str(Action.DELETE)), (str(Kind.MEMBERSHIP),))
_DECIDES = {
    "sits_registrations": _PEOPLE,
    "sits_students": _PEOPLE,
    "sits_modules": Reach((str(Action.UPDATE),), (str(Kind.GROUPING), str(Kind.GROUP))),
}
_NEXT = "Restore it there, or freeze the term (moodle_term_state): then it keeps what it has, and its runs are green"


def look(evidence: Evidence, limits: Limits) -> Iterator[Observation]:
    """One observation for the run where no table has a row and there ought to be some; else one for each dataset, whose
    trip blocks the deletes of its kinds, and one for each answer of SITS that decides something.

    The limit is how many things a table without rows may leave behind.
    """
    limit = limits.run
    read = {dataset: evidence.rows_read[dataset] for dataset in _KINDS if dataset in evidence.rows_read}
    if read and not any(read.values()):
        gone = _term(evidence, tuple(read), limit)
        if gone.tripped:
            yield gone
            return
    for dataset, rows in read.items():
        yield _dataset(evidence, dataset, rows, limit)
    for statement, reach in _DECIDES.items():
        if statement in evidence.answered:
            yield _answer(evidence, statement, reach, limit)


def _term(evidence: Evidence, on: tuple[str, ...], limit: int | None) -> Observation:
    """Of a term whose runs have listed or read something, or that has ended.  One that has neither may be yet to come:
    its groups are made when the source has them."""
    listed = sum(evidence.listed.values())
    read = max((rows for dataset in on for rows in evidence.baselines.rows.get(dataset, ())), default=0)
    missing = max(listed, read, int(evidence.ended)) if evidence.takes_groups else 0
    why = f"{listed} things of its own are managed"
    if not listed:
        why = f"an accepted run read {read} rows of it" if read else "its last day is past: no more is to be expected"
    return Observation(
        "empty", "run", missing, limit, missing, listed, limit is not None and missing > limit,
        f"the source no longer has term {evidence.asked_for}: {_and(on)} {'is' if len(on) == 1 else 'are'} empty, and"
        f" {why}. {_NEXT}",
        Effect.BLOCK,
    )  # fmt: skip


def _dataset(evidence: Evidence, dataset: str, rows: int, limit: int | None) -> Observation:
    kinds = _KINDS[dataset]
    listed = sum(evidence.listed.get(kind, 0) for kind in kinds)
    left = 0 if rows else listed
    trips = limit is not None and left > limit
    return Observation(
        "empty", dataset, left, limit, left, listed, trips,
        f"{dataset}: no row of term {evidence.asked_for}, and {listed} things of it are managed. {_NEXT}"
        if trips
        else f"{dataset}: {rows} rows for the term, {listed} managed",
        Effect.BLOCK, Reach((str(Action.DELETE),), tuple(map(str, kinds))),
    )  # fmt: skip


def _answer(evidence: Evidence, statement: str, reach: Reach, limit: int | None) -> Observation:
    """Where an accepted run of the term has had an answer."""
    rows, before = evidence.answered[statement], max(evidence.baselines.rows.get(statement, ()), default=0)
    left = 0 if rows else before
    trips = limit is not None and left > limit
    return Observation(
        "empty", statement, left, limit, left, before, trips,
        f"{statement}: SITS answers no row for term {evidence.asked_for}, and {before} in an accepted run. {_NEXT}"
        if trips
        else f"{statement}: {rows} rows for the term",
        Effect.BLOCK, reach,
    )  # fmt: skip


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
