"""``opened_again``: a term in which nothing was deleted by order, and whose runs may delete again; and a course that
somebody switched on, or back to what the source says (rule C2).

What the source has dropped meanwhile would go all at once: a person looks first.  It holds until a run that began
since is accepted, which one that holds something is by its approval (rule B5).
"""

from collections.abc import Iterator

from include.groupsync.breaker.evidence import Evidence
from include.groupsync.breaker.limits import Limits
from include.groupsync.breaker.rules.reaches import ALL_DELETES, EVERY_KIND
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.verdict import Effect, Observation, Reach


def look(evidence: Evidence, _: Limits) -> Iterator[Observation]:
    """One observation of the run, and one of each such course that would lose something: the deletes, removals
    included; any is held, and no setting changes that."""
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
    for course, since in sorted(evidence.courses_opened.items()):
        count = evidence.count(Kind, Action.DELETE, (course,))
        if count:
            yield Observation(
                "opened_again", course, count, 0, count, count, True,
                f"course {course} was switched {since}; {count} deletes and removals, and nobody approved any since",
                Effect.HOLD, Reach((str(Action.DELETE),), EVERY_KIND, course), stratum=f"course {course}",
            )  # fmt: skip
