"""How much of what was applied may be otherwise in Moodle before somebody is told."""

from pydantic import Field

from include.groupsync.breaker_settings import Strict


class DriftLimits(Strict):
    """Counts by term; strictly more than the limit is told, ``None`` is never told.

    ``objects``: groupings and groups.  ``inside``: links and memberships of those that are there.  ``courses``: those
    that were not read.
    """

    objects: int | None = Field(10, ge=0)
    inside: int | None = Field(100, ge=0)
    courses: int | None = Field(0, ge=0)
