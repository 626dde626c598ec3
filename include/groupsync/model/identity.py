"""Whether the five names of an environment are one (rules I1 to I3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SANDBOX = "sandbox"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Side:
    """One of the five, what it says of itself, and what it should say; ``agrees`` is the comparison."""

    name: str
    says: str
    expected: str

    @property
    def agrees(self) -> bool:
        return self.says == self.expected


@dataclass(frozen=True)
class Answers:
    """What was found: ``databases`` by connection (who they say they are), and their stamps; the ledger's
    environment and deployment; the Moodle connection's address, the site's own, and its marker."""

    databases: Mapping[str, str]
    stamps: Mapping[str, str | None]
    ledger: tuple[str, str] | None
    moodle_connection: str
    moodle_site: str
    marker: tuple[str, str] | str


def compare(environment: str, expected: tuple[str, Mapping[str, str]] | None, answers: Answers) -> list[Side]:
    """The five sides, each with what it says and what it should say.

    ``expected`` is the configured environment's Moodle address and database answers; None where it is not
    configured.  The reserved environment ``sandbox`` needs none: it takes sources that the sample generator
    stamped and a Moodle on the loopback, and nothing else.
    """
    if environment == SANDBOX:
        wanted = Side("deployment", environment, environment)
        sources = [Side(f"source {c}", f"stamp {s}", f"stamp {SANDBOX}") for c, s in answers.stamps.items()]
        moodle = _loopback(answers.moodle_site)
    else:
        known = expected is not None
        wanted = Side("deployment", environment or "(not set)", environment if known else "a configured environment")
        address, databases = expected or ("(not configured)", {})
        sources = [
            Side(f"source {c}", says, databases.get(c, "(not configured)")) for c, says in answers.databases.items()
        ]
        moodle = Side("Moodle", answers.moodle_site, address.rstrip("/"))
    deployment_id = answers.ledger[1] if answers.ledger else "(none)"
    connection = answers.moodle_connection.rstrip("/")
    if moodle.agrees and connection != answers.moodle_site:
        moodle = Side("Moodle", f"connection {connection}, site {answers.moodle_site}", f"connection {moodle.expected}")
    marker = answers.marker if isinstance(answers.marker, str) else " ".join(answers.marker)
    ledger = answers.ledger[0] if answers.ledger else "(no stamp)"
    return [
        wanted,
        *sources,
        Side("ledger", ledger, environment),
        moodle,
        Side("marker", marker, f"{environment} {deployment_id}"),
    ]


def differing(sides: Sequence[Side]) -> list[str]:
    """A sentence for each side that does not agree."""
    return [f"{side.name} says {side.says}, expected {side.expected}" for side in sides if not side.agrees]


def table(sides: Sequence[Side]) -> str:
    """All sides under each other, the differing ones marked, for a message that a person reads at night."""
    width = max(len(side.name) for side in sides)
    lines = []
    for side in sides:
        mark, why = ("  ", "") if side.agrees else ("!!", f"   expected: {side.expected}")
        lines.append(f"{mark} {side.name:<{width}}  {side.says}{why}")
    return "\n".join(lines)


def _loopback(address: str) -> Side:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    return Side("Moodle", address, address if host in _LOOPBACK else "an address on the loopback")
