"""Where a database or a Moodle is, handed in from outside; a secret never shows in a repr or a log (rule W3)."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatabaseConnection:
    """``url`` is a SQLAlchemy URL; it may hold a password."""

    conn_id: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class MoodleConnection:
    """``url`` is the site's address, ``token`` that of its web service."""

    conn_id: str
    url: str
    token: str = field(repr=False)
