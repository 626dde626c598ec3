"""Reading form variables as PHP does: brackets make arrays, the last of two wins, the excess is dropped."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

Form = dict[Any, Any]


def parse_query(text: str, limit: int) -> Form:
    """The variables of a URL; empty parts do not count towards the limit."""
    return _fill([part for part in text.split("&") if part][:limit])


def parse_body(text: str, limit: int) -> Form:
    """The variables of an urlencoded body. PHP checks its limit after storing, so one more gets through."""
    return _fill(text.split("&", limit + 1)[: limit + 1])


def from_pairs(pairs: list[tuple[str, str]], limit: int) -> Form:
    """The variables of a multipart body."""
    form: Form = {}
    for name, value in pairs[:limit]:
        _store(form, name, value)
    return form


def _fill(parts: list[str]) -> Form:
    form: Form = {}
    for part in parts:
        name, _, value = part.partition("=")
        _store(form, _decode(name), _decode(value))
    return form


def _decode(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")


def _store(form: Form, name: str, value: str) -> None:
    base, keys = _split(name.lstrip(" "))
    if not base:
        return
    if not keys:
        form[base] = value
        return
    place = _array_at(form, base)
    for key in keys[:-1]:
        place = _array_at(place, _index(place, key))
    place[_index(place, keys[-1])] = value


def _split(name: str) -> tuple[str, list[str]]:
    name = name.partition("\0")[0]
    base, bracket, rest = name.partition("[")
    base = re.sub(r"[ .]", "_", base)
    if not bracket or not base:
        return re.sub(r"[ .\[]", "_", name), []
    keys: list[str] = []
    while True:
        key, closing, rest = rest.partition("]")
        if not closing:
            # An unclosed bracket is no array: PHP turns it into an underscore.
            return (base, keys) if keys else (f"{base}_{key}", [])
        keys.append(key.lstrip(" \t\n\r\v\f"))
        if not rest.startswith("["):
            return base, keys
        rest = rest[1:]


def _array_at(place: Form, key: Any) -> Form:
    if not isinstance(place.get(key), dict):
        place[key] = {}
    inner: Form = place[key]
    return inner


def _index(place: Form, key: str) -> Any:
    if key == "":
        if place and next(reversed(place)) == len(place) - 1:
            return len(place)
        return max((known for known in place if isinstance(known, int)), default=-1) + 1
    return int(key) if re.fullmatch(r"0|-?[1-9]\d{0,17}", key, re.ASCII) else key
