"""The table of docs/data-quality.md: ``python -m tests.dirt``."""

from tests.dirt.kinds import KINDS


def table() -> str:
    """The kinds and what becomes of each, as in docs/data-quality.md."""
    lines = ["| # | kind | where | outcome | what becomes of it |", "|---|---|---|---|---|"]
    for at, kind in enumerate(KINDS, start=1):
        lines.append(f"| {at} | {kind.name} | {kind.where} | {kind.outcome} | {kind.becomes} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
