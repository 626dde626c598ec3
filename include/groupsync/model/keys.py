"""How keys and names are read on both sides, and what Moodle makes of them (rules K3, K4, K7)."""

import re
import unicodedata
from math import isfinite

MAX_IDNUMBER = 100
MAX_NAME = {"grouping": 255, "group": 254}
CONTROL_CHARACTER = r"[\x00-\x1f\x7f-\x9f]"
UNDECODABLE = "\N{REPLACEMENT CHARACTER}"

_UNREADABLE = re.compile(f"{CONTROL_CHARACTER}|{UNDECODABLE}")
_PHP_BLANKS = " \t\n\r\x0b"  # and NUL, which no name may have anywhere (K4)
_PHP_NUMBER = re.compile(r"[ \t\n\r\v\f]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t\n\r\v\f]*")
_TAG = re.compile(r"<(?![ \t\n\r\v\f])[^>]*>?")
_OPENING_SPAN = re.compile(r"<span(?:\s+lang=\"[a-zA-Z0-9_-]+\"|\s+class=\"multilang\"){2}\s*>")
_OPENING_LANG = re.compile(r"<lang lang=\"[a-zA-Z0-9_-]+\"\s*>")


def key(text: str | None) -> str | None:
    """A key as both sides compare it: without surrounding white space, NFC; blank is absent (K3)."""
    return unicodedata.normalize("NFC", text.strip()) or None if text else None


def user_key(text: str | None, field: str) -> str | None:
    """A person's key; Moodle's usernames and e-mail addresses match without regard to case (K3)."""
    found = key(text)
    return found.lower() if found and field in ("username", "email") else found


def unreadable(text: str | None) -> bool:
    """Whether a key's text is spoilt, so that it could have been any other: it then counts as unknown (K6)."""
    return text is not None and _UNREADABLE.search(text) is not None


def name(text: str | None) -> str | None:
    """A name trimmed as Moodle trims it (PHP's trim: no hard space); blank is absent (K3)."""
    return text.strip(_PHP_BLANKS) if text and text.strip() else None


def loose(idnumber: str) -> str | int | float:
    """What Moodle compares idnumbers by: PHP's ``==`` takes ``7`` and ``007``, ``10`` and ``1e1`` for equal (K7).

    Two idnumbers collide in Moodle if their ``loose`` values are equal.  PHP's comparison is not transitive past
    64 bits (``10000000000000000000`` also equals ``1e19``); what is missed there Moodle refuses, one by one.
    """
    if not idnumber.isascii() or not _PHP_NUMBER.fullmatch(idnumber):
        return idnumber
    plain = idnumber.strip(" \t\n\r\v\f")
    try:
        whole = int(plain)
    except ValueError:
        number = float(plain)
        return number if isfinite(number) else plain  # two infinities are compared as text
    # Integers past PHP's 64 bits become floats there, unless both overflow: then the text decides.
    return whole if -(2**63) <= whole < 2**63 else plain


def survives_cleaning(text: str) -> bool:
    """Whether Moodle stores this name as sent; what its PARAM_TEXT would strip is refused (K7).

    A ``<`` before a blank stays; well-formed multilang spans stay; any other tag does not.
    """
    tags = _TAG.findall(text)
    if "\0" in text or not tags:
        return "\0" not in text
    if text.count("<") != len(tags):  # beside multilang tags even a lone "<" makes Moodle strip them all
        return False
    for opening, closing in ((_OPENING_LANG, "</lang>"), (_OPENING_SPAN, "</span>")):
        if closing in text:
            return _balanced(tags, opening, closing)
    return False


def _balanced(tags: list[str], opening: re.Pattern[str], closing: str) -> bool:
    expect_closing = False
    for tag in tags:
        if (tag != closing) if expect_closing else not opening.fullmatch(tag):
            return False
        expect_closing = not expect_closing
    return not expect_closing


def without_idnumber(moodle_id: int) -> str:
    """The key under which a plan names an object that has no idnumber (rules M2 and L1)."""
    return f"#{moodle_id}"


def part_of_idnumber(part: str | None) -> str | None:
    """A code as it stands in a derived idnumber, whose parts are told apart by colons."""
    return part.replace("%", "%25").replace(":", "%3A") if part else part


def moodle_id_of(plan_key: str) -> int | None:
    """The Moodle id in a key made by ``without_idnumber``; None for an idnumber."""
    return int(plan_key[1:]) if re.fullmatch(r"#\d+", plan_key) else None
