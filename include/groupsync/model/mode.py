"""How much a run may do, as whoever starts it says."""

from enum import StrEnum


class Mode(StrEnum):
    """``plan`` writes nothing; ``add`` creates, updates and adds, and never deletes or removes; ``full`` does all."""

    PLAN = "plan"
    ADD = "add"
    FULL = "full"

    @property
    def rank(self) -> int:
        """The higher, the more it may do."""
        return list(Mode).index(self)
