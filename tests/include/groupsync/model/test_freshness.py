"""What a source's answer of its freshness means."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from include.groupsync.model.freshness import Freshness, parse_freshness


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("17", Decimal(17)),
        (" 17.50 ", Decimal("17.5")),
        ("20261012", Decimal(20261012)),
        ("2026-10-12", datetime(2026, 10, 12, tzinfo=UTC)),
        ("2026-10-12 06:30:00", datetime(2026, 10, 12, 6, 30, tzinfo=UTC)),
        ("2026-10-12T06:30:00+01:00", datetime(2026, 10, 12, 5, 30, tzinfo=UTC)),
        ("2026-10-12 06:30:00.5Z", datetime(2026, 10, 12, 6, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_or_a_number(text: str, answer: Freshness) -> None:
    """A time without a zone is taken for UTC, and comes in UTC."""
    found = parse_freshness(text)
    assert (found, type(found)) == (answer, type(answer))
    assert parse_freshness(str(found)) == found
    if isinstance(found, datetime):
        assert found.utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize("text", [None, "", "  ", "NaN", "Infinity", "yesterday", "12.10.2026"])
def test_anything_else_is_an_error(text: str | None) -> None:
    """Never taken for now."""
    with pytest.raises(ValueError, match=r"."):
        parse_freshness(text)
