"""What rows that cannot be used protect from deletion (rule K6)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

import pandas as pd

from include.groupsync.model.frames import rows

Part = str | None


@dataclass(frozen=True)
class Protection:
    """Keys of one dataset that count as present; an absent part stands for everything it could be."""

    patterns: frozenset[tuple[Part, Part, Part]] = field(default_factory=frozenset)

    @classmethod
    def of(cls, protected: pd.DataFrame, dataset: str) -> "Protection":
        """From a PROTECTED frame."""
        own = protected[protected["dataset"] == dataset]
        return cls(frozenset((row["course"], row["key"], row["user"]) for row in rows(own)))

    def covers(self, course: str, keys: Iterable[str], user: Part = None) -> bool:
        """Whether some bad row could have meant this thing; ``keys`` are the names it goes by."""
        return any(
            pattern in self.patterns
            for pattern in product((course, None), (*keys, None), (user, None) if user else (None,))
        )

    def covers_by_half(self, course: str, key: str) -> bool:
        """Whether half a key protects this object: then its memberships and links stay too."""
        halves = ((course, None, None), (None, key, None), (None, None, None))
        return any(half in self.patterns for half in halves)
