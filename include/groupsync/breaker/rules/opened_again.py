"""``opened_again``: a term in which nothing was deleted by order, and whose runs may delete again (rule C2).

What its source has dropped meanwhile would go all at once: a person looks first.  It holds until a run that began
since is accepted, which one that holds something is by its approval (rule B5).
"""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES
from include.groupsync.model.verdict import Effect, Observation


def look(evidence: Evidence, _: Limits) -> Iterator[Observation]:
    """One observation: the deletes of such a run, removals included; any is held, and no setting changes that."""
    count = evidence.losses if evidence.opened_again else 0
    text = "the term was not frozen or add-only since the last accepted run"
    if evidence.opened_again:
        text = (
            f"the term is {evidence.opened_again} after nothing was deleted in it by order;"
            f" {count} deletes and removals, and nobody has approved any since"
        )
    yield Observation(
        "opened_again", "run", count, 0, count, evidence.losses, count > 0, text, Effect.HOLD, ALL_DELETES,
    )  # fmt: skip
