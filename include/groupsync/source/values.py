"""A value of a database as the text that a person would write."""

from decimal import Decimal
from math import isfinite
from typing import Any


def as_text(value: Any) -> str | None:
    """Numbers lose a fraction of nought (Oracle's NUMBER comes as a float); bytes are read as UTF-8."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, float | Decimal) and isfinite(value) and value == int(value):
        return str(int(value))
    return str(int(value)) if isinstance(value, bool) else str(value)
