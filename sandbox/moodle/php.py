"""The rules of PHP that show through Moodle's answers: loose comparison, casts, trim and strip_tags."""

import re

_NUMERIC = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)[ \t\n\r\v\f]*\Z", re.ASCII)
_LEADING_INTEGER = re.compile(r"[ \t\n\r\v\f]*([+-]?\d+)", re.ASCII)
_LEADING_NUMBER = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_INT_MAX = 2**63 - 1
_SPACES = " \t\n\v\f\r"


def number(text: str) -> int | float | None:
    """The number PHP 8 takes a numeric string for, or None."""
    found = _NUMERIC.match(text)
    if not found:
        return None
    digits = found.group(1)
    if re.fullmatch(r"[+-]?\d+", digits, re.ASCII) and abs(int(digits)) <= _INT_MAX:
        return int(digits)
    return float(digits)


def loosely_equal(left: object, right: object) -> bool:
    """PHP 8's == between strings, integers and null, as Moodle compares names and idnumbers."""
    if left is None or right is None:
        return (left or "") == (right or "")
    a, b = str(left), str(right)
    if a == b:
        return True
    x, y = number(a), number(b)
    if x is None or y is None:
        return False
    if isinstance(x, float) and isinstance(y, float) and x == y in (float("inf"), float("-inf")):
        return False  # both overflowed: PHP falls back to comparing the strings
    return x == y


def is_empty(value: object) -> bool:
    """PHP's empty(): "0" is empty as well."""
    return not value or value == "0"


def to_int(value: str | float | None) -> int:
    """PHP's (int) cast, saturating at 64 bits."""
    if not isinstance(value, str):
        return int(value or 0)
    found = _LEADING_NUMBER.match(value)
    if not found:
        return 0
    digits = found.group(1)
    whole = _LEADING_INTEGER.fullmatch(digits)
    result = int(digits) if whole else int(float(digits)) if abs(float(digits)) < _INT_MAX else 0
    return max(-_INT_MAX - 1, min(_INT_MAX, result))


def trim(text: str) -> str:
    """PHP's trim(): form feed and U+00A0 stay, NUL and vertical tab go."""
    return text.strip(" \t\n\r\0\x0b")


def strip_tags(text: str) -> str:
    """PHP's strip_tags() without allowed tags; a "<" before white space is text."""
    kept: list[str] = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char == "<" and not text[at + 1 : at + 2].strip(_SPACES) and at + 1 < end:
            kept.append(char)
        elif char == "<":
            at = _end_of_tag(text, at)
        elif char != "\0":
            kept.append(char)
        at += 1
    return "".join(kept)


def _end_of_tag(text: str, start: int) -> int:
    """Position of the ">" closing the tag at start; quotes hide it, nested "<" need their own."""
    if text.startswith("<!--", start):
        closed = text.find("-->", start)
        return closed + 2 if closed >= 0 else len(text)
    quote, depth = "", 0
    for at in range(start + 1, len(text)):
        char = text[at]
        if char in "\"'":
            quote = "" if char == quote else quote or char
        elif quote:
            continue
        elif char == "<" and text[at + 1 : at + 2].strip(_SPACES):
            depth += 1
        elif char == ">" and depth:
            depth -= 1
        elif char == ">":
            return at
    return len(text)


def escape(text: str, *, single_quotes: bool = False) -> str:
    """htmlspecialchars() with ENT_COMPAT, or with ENT_QUOTES."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text.replace("'", "&#039;") if single_quotes else text
