"""What is wrong with a term's sync, since when, and who has been told of it: once per change of state (rule W2)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """``warning``: something waits, or looks odd, and the rest was applied.  ``error``: something was not done.
    ``critical``: the run was refused as a whole, and no approval overrides that."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True)
class Condition:
    """One thing that is wrong, in words that name no person (rule W3).

    ``key`` is the cause (a step's name, mostly), and ``aspects`` what of it: a new one is news, one less is not.
    ``numbers`` are lines that say how many, and the limit; ``link`` is where a person acts, if not the run's page.
    ``since`` and ``run_id`` are those of the run that first saw it.
    """

    key: str
    severity: Severity
    what: str
    todo: str
    aspects: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = ()
    link: str = ""
    since: str = ""
    run_id: str = ""

    def worse_than(self, told: "Condition") -> bool:
        """Whether who was told of the other has to be told again."""
        return self.severity.rank > told.severity.rank or not self.aspects <= told.aspects


@dataclass(frozen=True)
class Seen:
    """What one run shows: what is wrong, and the causes that it got far enough to find gone.

    A cause in neither is not known: a run that failed before the circuit breaker says nothing of what was held.
    """

    conditions: tuple[Condition, ...] = ()
    cleared: frozenset[str] = frozenset()


@dataclass(frozen=True)
class News:
    """What somebody has to be told: what is new or worse, what is over, and what else goes on."""

    new: tuple[Condition, ...] = ()
    over: tuple[Condition, ...] = ()
    still: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.over)


Conditions = dict[str, Condition]  # by key


@dataclass
class Memory:
    """What is open now, what each recipient was last told of, and which looks were taken in already.

    ``summaries`` has the day of each recipient's last daily summary.
    """

    open: Conditions = field(default_factory=dict)
    told: dict[str, Conditions] = field(default_factory=dict)
    looks: list[str] = field(default_factory=list)
    summaries: dict[str, str] = field(default_factory=dict)

    def take_in(self, seen: Seen, look: str, run_id: str, at: str) -> None:
        """Let a run's findings be how things are.

        ``look`` names run and moment: what was taken in once is not again, so that a repeated alert of last week's
        run brings nothing back.
        """
        if look in self.looks:
            return
        self.looks = [*self.looks, look][-_LOOKS:]
        found = {one.key: one for one in seen.conditions}
        for key in seen.cleared - found.keys():
            self.open.pop(key, None)
        for key, one in found.items():
            first = self.open.get(key)
            since, seen_by = (first.since, first.run_id) if first else (at, run_id)
            self.open[key] = replace(one, since=since, run_id=seen_by)

    def news_for(self, recipient: str, gets: Collection[str]) -> News:
        """What the recipient has not been told, of the severities that they get.

        What they know of is told as over once it is, also where it has become milder than what they get.
        """
        told = self.told.get(recipient, {})
        known = [one for key, one in self.open.items() if one.severity in gets or key in told]
        wanted = [one for one in known if one.severity in gets]
        new = [one for one in wanted if one.key not in told or one.worse_than(told[one.key])]
        over = [one for key, one in told.items() if key not in self.open]
        return News(_worst_first(new), _worst_first(over), _worst_first(one for one in known if one not in new))

    def tell(self, recipient: str, gets: Collection[str]) -> None:
        """The recipient knows everything now."""
        told = self.told.get(recipient, {})
        self.told[recipient] = {k: one for k, one in self.open.items() if one.severity in gets or k in told}

    def keep_only(self, recipients: Collection[str]) -> None:
        """Forget whom the settings no longer name; named again they are told anew."""
        self.told = {name: told for name, told in self.told.items() if name in recipients}
        self.summaries = {name: day for name, day in self.summaries.items() if name in recipients}

    def document(self) -> dict[str, Any]:
        """The memory as plain values."""
        return {
            "open": _plain(self.open),
            "told": {name: _plain(told) for name, told in self.told.items()},
            "looks": self.looks,
            "summaries": self.summaries,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Memory":
        """The memory that has this document."""
        told = {name: _conditions(one) for name, one in document["told"].items()}
        return cls(_conditions(document["open"]), told, list(document["looks"]), dict(document["summaries"]))


_LOOKS = 100  # months of runs; older ones are not repeated


def _worst_first(some: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(sorted(some, key=lambda one: (-one.severity.rank, one.key)))


def _plain(some: Mapping[str, Condition]) -> dict[str, Any]:
    return {key: asdict(one) | {"aspects": sorted(one.aspects)} for key, one in some.items()}


def _conditions(document: Mapping[str, Any]) -> Conditions:
    return {
        key: Condition(
            **{
                **one,
                "severity": Severity(one["severity"]),
                "aspects": frozenset(one["aspects"]),
                "numbers": tuple(one["numbers"]),
            }
        )
        for key, one in document.items()
    }
