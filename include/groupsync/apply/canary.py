"""A large approved plan does not delete everything before anybody has looked: a few go first, and are read back."""

from collections import Counter
from dataclasses import dataclass

from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan

_OBJECTS = [str(Kind.GROUP), str(Kind.GROUPING)]


@dataclass(frozen=True)
class Cut:
    """A plan in three: all that is made or changed (rule A1), a few deletes of one course, all else that goes."""

    made: Plan
    canary: Plan
    rest: Plan
    course: str


def cut(plan: Plan, over: int | None, size: int) -> Cut | None:
    """The plan in three where it deletes more than ``over`` groups and groupings; None where it need not be.

    The canary's course has enough deletes to tell something, and as few more as may be.
    """
    frame = plan.frame
    deletes = frame["action"] == str(Action.DELETE)
    objects = deletes & frame["kind"].isin(_OBJECTS)
    if over is None or int(objects.sum()) <= over:
        return None
    counts = Counter(frame.loc[objects, "course"])
    course = min(counts, key=lambda c: (counts[c] < size, counts[c] if counts[c] >= size else -counts[c], c))
    own = objects & (frame["course"] == course)
    first = own & (own.astype(int).cumsum() <= size)
    return Cut(plan.only(~deletes), plan.only(first), plan.only(deletes & ~first), course)
