"""Whether the five names of an environment are one (rules I1 to I3)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SANDBOX = "sandbox"
ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,49}")
# What a database is asked to say who it is.  PostgreSQL's system identifier needs a function that some hosts keep
# from ordinary accounts; the second answer then says that it is missing, and so is never taken for the first.
WHO_ARE_YOU: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("SELECT 'sqlite ' || environment FROM groupsync_stamp",),
    "postgresql": (
        "SELECT 'postgresql ' || current_database() || ' system ' || system_identifier FROM pg_control_system()",
        "SELECT 'postgresql ' || datname || ' oid ' || oid || ' without system identifier'"
        " FROM pg_database WHERE datname = current_database()",
    ),
    "oracle": (
        "SELECT 'oracle ' || sys_context('USERENV', 'DB_NAME') || ' service '"
        " || sys_context('USERENV', 'SERVICE_NAME') FROM dual",
    ),
}
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
    environment and deployment; the Moodle connection's address, the site's own, and its marker.

    A plain text in place of ledger or marker is why there is none.
    """

    databases: Mapping[str, str]
    stamps: Mapping[str, str | None]
    ledger: tuple[str, str] | str | None
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
    of_ledger, deployment_id = _whose(answers.ledger)
    connection = answers.moodle_connection.rstrip("/")
    if moodle.agrees and connection != answers.moodle_site:
        moodle = Side("Moodle", f"connection {connection}, site {answers.moodle_site}", f"connection {moodle.expected}")
    marker = answers.marker if isinstance(answers.marker, str) else " ".join(answers.marker)
    return [
        wanted,
        *sources,
        Side("ledger", of_ledger, environment),
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


def _whose(ledger: tuple[str, str] | str | None) -> tuple[str, str]:
    return ledger if isinstance(ledger, tuple) else (ledger or "(no stamp)", "(none)")


def _loopback(address: str) -> Side:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    return Side("Moodle", address, address if host in _LOOPBACK else "an address on the loopback")
