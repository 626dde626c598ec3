"""Moodle's PARAM_* types: how a value is cleaned; a valid one survives that unchanged."""

import re
from collections.abc import Callable

from sandbox.moodle import php

LANGUAGES = ("en",)
AUTH_PLUGINS = ("cas", "db", "email", "ldap", "lti", "manual", "none", "nologin", "oauth2", "shibboleth")
THEMES = ("boost", "classic")

_LANG_TAG = re.compile(r'<lang lang="[a-zA-Z0-9_-]+"\s*>\Z')
_SPAN_TAG = re.compile(r'<span(\s+lang="[a-zA-Z0-9_-]+"|\s+class="multilang"){2}\s*>\Z')
_REMOVED = re.compile("[\0\ufffe\uffff\ud800-\udfff]")


def clean(value: object, param_type: str) -> object:
    """What is left of a value cleaned as this type."""
    if param_type == "raw" and not isinstance(value, str):
        return value
    return _CLEANERS[param_type](value if isinstance(value, str) else _as_string(value))


def _as_string(value: object) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def survives(value: object, param_type: str) -> bool:
    """Whether cleaning leaves the value as it is, compared as strings."""
    return _as_string(value) == _as_string(clean(value, param_type))


def fix_utf8(text: str) -> str:
    """Without NUL, non-characters and bytes that are not UTF-8 (they arrive as surrogates)."""
    return _REMOVED.sub("", text)


def _text(value: str) -> str:
    text = fix_utf8(value)
    if "</lang>" in text:
        return text if _is_multilang(text, _LANG_TAG, "</lang>") else php.strip_tags(text)
    if "</span>" in text:
        return text if _is_multilang(text, _SPAN_TAG, "</span>") else php.strip_tags(text)
    return php.strip_tags(text)


def _is_multilang(text: str, opening: re.Pattern[str], closing: str) -> bool:
    is_open = False
    for tag in re.findall(r"<.*?>", text, re.DOTALL):
        if (tag == closing and not is_open) or (tag != closing and not opening.match(tag)):
            return False
        is_open = tag != closing
    rest = re.sub(r"<.*?>", "", text, flags=re.DOTALL)
    return not is_open and php.strip_tags(rest) == rest


def _bool(value: str) -> int:
    if value.lower() in ("on", "yes", "true"):
        return 1
    if value.lower() in ("off", "no", "false"):
        return 0
    return 0 if php.is_empty(value) else 1


def _username(value: str) -> str:
    return re.sub(r"[^-.@_a-z0-9]", "", php.trim(fix_utf8(value)).lower())


def _plugin(value: str) -> str:
    return value if re.fullmatch(r"[a-z](?:[a-z0-9_](?!__))*[a-z0-9]+", value) else ""


def _timezone(value: str) -> str:
    pattern = r"(([+-]?(0?[0-9](\.[5|0])?|1[0-3](\.0)?|1[0-2]\.5))|(99)|[A-Za-z0-9]+(/?[A-Za-z_-])+)"
    return value if re.fullmatch(pattern, value) else ""


def _kept(characters: str) -> Callable[[str], str]:
    unwanted = re.compile(f"[^{characters}]")
    return lambda value: unwanted.sub("", value)


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    return lambda value: value if value in choices else ""


_CLEANERS: dict[str, Callable[[str], object]] = {
    "int": php.to_int,
    "bool": _bool,
    "raw": fix_utf8,
    "raw_trimmed": lambda value: php.trim(fix_utf8(value)),
    "text": _text,
    "notags": lambda value: php.strip_tags(fix_utf8(value)),
    "alpha": _kept("a-zA-Z"),
    "alphanum": _kept("A-Za-z0-9"),
    "alphanumext": _kept("a-zA-Z0-9_-"),
    "safedir": _kept("a-zA-Z0-9_-"),
    "sequence": _kept("0-9,"),
    "username": _username,
    "plugin": _plugin,
    "theme": _one_of(THEMES),
    "lang": _one_of(LANGUAGES),
    "auth": _one_of(AUTH_PLUGINS),
    "timezone": _timezone,
    "capability": lambda value: value if re.fullmatch(r"[a-z]+/[a-z0-9_]+:[a-z]+", value) else "",
}
