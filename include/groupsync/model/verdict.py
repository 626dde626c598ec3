"""What the circuit breaker says of a plan: every rule's observation, its trips, and what is held."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """``hold`` waits for a person's approval; ``block`` is never applied (rule B2)."""

    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True)
class Reach:
    """What a trip stops: changes of these kinds and actions, in one course, in some or in all, of one object or all.

    With a group's ``key``, ``kinds`` may have links and memberships beside it: those of the group.  A hold of deletes
    stops the removal of memberships and links in its reach too: while the source is in doubt, nobody loses anything.
    """

    actions: tuple[str, ...]
    kinds: tuple[str, ...]
    course: str | None = None
    key: str | None = None
    courses: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Observation:
    """One rule on one subject, passed or tripped: what was seen, and the limit that holds for it.

    ``observed`` and ``limit`` are in one unit, that of the rule (things, shares, hours), and exact enough to be
    shown: ``tripped`` was decided exactly.  ``observed`` is None where there was nothing to compare, as the text
    says; ``limit`` where the rule is off or has none yet.  ``at_least``: the limit is the least that it may be.
    ``stratum`` is what the numbers are of: ``run``, ``department NAME`` or ``course KEY``.
    """

    rule: str
    subject: str
    observed: float | None
    limit: float | None
    numerator: float
    denominator: int | None
    tripped: bool
    text: str
    effect: Effect | None = None
    reach: Reach | None = None
    stratum: str = "run"
    at_least: bool = False

    @property
    def headroom(self) -> float | None:
        """How much more, or less, it could have been; negative past the limit, None where nothing is known."""
        if self.limit is None or self.observed is None:
            return None
        return self.observed - self.limit if self.at_least else self.limit - self.observed

    def document(self) -> dict[str, Any]:
        """The observation as plain values, with its headroom."""
        return asdict(self) | {"headroom": self.headroom}


@dataclass(frozen=True)
class Verdict:
    """All observations of all rules on one plan, named by its digest (rule B1)."""

    plan_digest: str
    observations: tuple[Observation, ...]

    @property
    def trips(self) -> tuple[Observation, ...]:
        return tuple(one for one in self.observations if one.tripped)

    @property
    def blocked(self) -> tuple[Observation, ...]:
        """The trips that block the whole run."""
        return tuple(one for one in self.trips if one.effect is Effect.BLOCK and one.reach is None)

    def document(self) -> dict[str, Any]:
        """The verdict as plain values, passed rules with their headroom included."""
        rows = [one.document() for one in self.observations]
        return {"plan_digest": self.plan_digest, "tripped": bool(self.trips), "observations": rows}
