"""What the rules look at: the plan, and what is managed in scope (rule B3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.plan import Plan


@dataclass(frozen=True)
class Evidence:
    """``managed``: managed objects in scope, by kind.  ``managed_groups``: by course, managed groups now.
    ``rows_read``: rows of each dataset as read for the term; ``unread``: datasets that are on and were not
    read whole; ``identity``: what differs between the environment's five names, empty if nothing does."""

    plan: Plan
    managed: Mapping[Kind, int] = field(default_factory=dict)
    managed_groups: Mapping[str, int] = field(default_factory=dict)
    rows_read: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()

    def count(self, kinds: tuple[Kind, ...], action: Action) -> int:
        """How many changes of these kinds the plan makes."""
        counts = self.plan.counts
        return sum(counts[str(kind)][str(action)] for kind in kinds)

    def by_course(self, kind: Kind, action: Action) -> dict[str, int]:
        """Changes of one kind and action, by course."""
        frame = self.plan.frame
        own = frame[(frame["kind"] == str(kind)) & (frame["action"] == str(action))]
        return {str(course): int(n) for course, n in own.groupby("course").size().items()}
