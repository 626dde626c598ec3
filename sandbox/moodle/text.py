"""Moodle's format_string() and format_text(): what names and descriptions look like on the way out."""

import re
from html import escape
from html.parser import HTMLParser

from sandbox.moodle import php
from sandbox.moodle.errors import MoodleException

FORMAT_MOODLE, FORMAT_HTML, FORMAT_PLAIN, FORMAT_MARKDOWN = 0, 1, 2, 4

_TAGS = frozenset(
    [
        "a", "abbr", "acronym", "b", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code",
        "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4",
        "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "nolink", "ol", "p", "pre", "q", "rp", "rt",
        "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td",
        "tex", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "algebra", "lang",
    ]
)  # fmt: skip
_EMPTY_TAGS = frozenset(("br", "hr", "img", "col"))
_SWALLOWED = frozenset(("script", "style", "iframe", "object", "embed", "noscript"))
_ATTRIBUTES = frozenset(
    [
        "align", "alt", "border", "cellpadding", "cellspacing", "class", "colspan", "dir", "height", "href",
        "id", "lang", "name", "rel", "rowspan", "scope", "src", "style", "summary", "target", "title",
        "valign", "width",
    ]
)  # fmt: skip


def format_string(text: str | None, *, raw: bool = False) -> str:
    """A name as HTML: bare ampersands and angle brackets escaped, multilang spans flattened."""
    if not text or raw:
        return text or ""
    text = re.sub(r"&(?![a-zA-Z0-9#]{1,8};)", "&amp;", text)
    return php.strip_tags(text).replace("<", "&lt;").replace(">", "&gt;")


def format_text(text: str | None, text_format: int, *, raw: bool = False) -> tuple[str, int]:
    """A description as clean HTML and its new format; an empty one keeps the format it has."""
    if not text:
        return "", text_format
    if raw:
        return text, text_format
    return to_html(text, text_format), FORMAT_HTML


def to_html(text: str, text_format: int) -> str:
    """A description of any format as clean HTML."""
    if text_format == FORMAT_PLAIN:
        escaped = re.sub(r"&amp;#(\d+|x[0-9a-f]+);", r"&#\1;", php.escape(text, single_quotes=True), flags=re.I)
        return _nl2br(escaped.replace("  ", "&nbsp; "))
    if text_format == FORMAT_MOODLE:
        return _purify(_nl2br(re.sub(r">\s+<", "><", text)))
    if text_format == FORMAT_MARKDOWN:
        paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
        return _purify("".join(f"<p>{part}</p>\n" for part in paragraphs))
    return _purify(text)


def validate_format(text_format: int) -> int:
    """Refuse a format the site does not know; the message has no text of its own in Moodle."""
    if text_format not in (FORMAT_MOODLE, FORMAT_HTML, FORMAT_PLAIN, FORMAT_MARKDOWN):
        raise MoodleException(
            "formatnotsupported",
            "webservice/formatnotsupported",
            f"The format with value={text_format} is not supported by this Moodle site",
        )
    return text_format


def _nl2br(text: str) -> str:
    return re.sub(r"(\r\n|\n\r|\n|\r)", r"<br />\1", text)


def _purify(text: str) -> str:
    if not re.search(r"[&<>]", text):
        return text
    purifier = _Purifier()
    purifier.feed(text)
    purifier.close()
    return purifier.result()


class _Purifier(HTMLParser):
    """Keeps harmless tags and attributes; scripts go with their content, other tags alone."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._kept: list[str] = []
        self._open: list[str] = []
        self._swallowing = 0

    def result(self) -> str:
        """The clean HTML, with what was left open closed."""
        return "".join(self._kept) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SWALLOWED:
            self._swallowing += 1
        elif tag in _TAGS and not self._swallowing:
            kept = "".join(f' {name}="{escape(value or name)}"' for name, value in attrs if _harmless(name, value))
            self._kept.append(f"<{tag}{kept} />" if tag in _EMPTY_TAGS else f"<{tag}{kept}>")
            if tag not in _EMPTY_TAGS:
                self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SWALLOWED:
            self._swallowing = max(0, self._swallowing - 1)
        elif tag in self._open and not self._swallowing:
            while self._open:
                closed = self._open.pop()
                self._kept.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._swallowing:
            self._kept.append(escape(data, quote=False))


def _harmless(name: str, value: str | None) -> bool:
    if name not in _ATTRIBUTES:
        return False
    scheme = re.match(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*):", value or "")
    return name not in ("href", "src") or not scheme or scheme.group(1).lower() in ("http", "https", "mailto", "ftp")
