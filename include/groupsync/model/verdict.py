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
    """What a trip stops: changes of these kinds and actions, in one course or in all, of one object or all.

    A hold of deletes stops the removal of memberships and links in its reach too: while the source is in
    doubt, nobody loses anything.
    """

    actions: tuple[str, ...]
    kinds: tuple[str, ...]
    course: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Observation:
    """One rule on one subject, passed or tripped: what was seen, and the limit that holds for it.

    ``observed`` and ``limit`` are numbers of things, or fractions where ``denominator`` is given with a
    fraction limit; ``text`` says it in words.
    """

    rule: str
    subject: str
    observed: float
    limit: float | None
    numerator: int
    denominator: int | None
    tripped: bool
    text: str
    effect: Effect | None = None
    reach: Reach | None = None

    @property
    def headroom(self) -> float | None:
        """How much more it could have been; None where the rule is off."""
        return None if self.limit is None else self.limit - self.observed

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
