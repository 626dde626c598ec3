"""What a source answers when asked how fresh it is: a time, or a number that only grows."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

Freshness = datetime | Decimal


def parse_freshness(text: str | None) -> Freshness:
    """The answer as an aware UTC time or a finite number; ValueError where it is neither.

    A time without a zone is taken for UTC.
    """
    given = (text or "").strip()
    try:
        number = Decimal(given)
    except InvalidOperation:
        at = datetime.fromisoformat(given)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    if not number.is_finite():
        raise ValueError(f"{given!r} is neither a time nor a number")
    return number
