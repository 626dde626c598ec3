"""A message about a run, as a person reads it: a subject, plain text, and HTML that fits a phone (rules W2, W3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.groupsync.model.alert import Condition, News, Severity
from include.groupsync.model.journal import LEFT_UNDONE
from include.groupsync.report.pages import render

# A mail programme takes no style sheet from elsewhere, and some take none at all: colours are given in place.
_COLOURS = {"critical": "#8c1d18", "error": "#b3261e", "warning": "#8a5a00", "over": "#1b6e36", "summary": "#35506b"}
_ONCE = "You get this once. The next message comes when something is added, gets worse, or is over."
_FINDINGS = {"error": "errors", "quarantined": "rows set aside", "warning": "warnings", "deferred": "deferred"}


@dataclass(frozen=True)
class Place:
    """Where a run was: the environment, the site's address, the run and its page.

    ``scope`` is whose state it is: the ``term``'s, where there is one, or a restore's.
    """

    environment: str
    site: str
    scope: str
    run_id: str
    page: str
    term: str = ""


Fact = tuple[str, str]  # what it is, which may be empty, and the value


@dataclass(frozen=True)
class Part:
    """One thing that a message tells; ``link`` is what to press, and where it leads."""

    tag: str
    title: str
    colour: str
    facts: tuple[Fact, ...]
    link: Fact | None = None


@dataclass(frozen=True)
class Message:
    """``level`` is a severity, ``over`` or ``summary``."""

    level: str
    subject: str
    text: str
    html: str


def alert_message(news: News, place: Place) -> Message:
    """What is new, what is over and what goes on, in one message."""
    first, *others = news.new or news.over
    more = f" (and {len(others)} more)" if others else ""
    level = str(first.severity) if news.new else "over"
    headline = f"{first.what}{more}"
    if not news.new:
        headline = f"{headline}, is over" if news.still else f"all is well again: {headline}, is over"
    return _message(level, f"{level.upper()} {place.scope}: {headline}", place, _parts(news, place), _ONCE)


def summary_message(document: Mapping[str, Any], headline: str, place: Place, answer_at: str) -> Message:
    """The counts of a run's report, as its document has them."""
    link = ("See what is held, and answer", answer_at) if answer_at else None
    part = Part("summary", headline, _COLOURS["summary"], tuple(_counts(document)), link)
    return _message("summary", f"{place.scope}: {headline}", place, [part], "")


def _message(level: str, subject: str, place: Place, parts: Sequence[Part], note: str) -> Message:
    every = [("environment", place.environment), ("Moodle", place.site), ("term", place.term), ("run", place.run_id)]
    where = [(name, value) for name, value in every if value]
    html = render("alert.html", subject=subject, parts=parts, where=where, page=place.page, note=note)
    # One line: a break in a name would be a header of its own.
    one_line = " ".join(f"groupsync {place.environment or 'without environment'}: {subject}".split())
    return Message(level, one_line[:250], "\n".join(_text(parts, where, place.page, note)), html)


def _text(parts: Sequence[Part], where: Sequence[Fact], page: str, note: str) -> Iterator[str]:
    for part in parts:
        yield f"{part.tag.upper()}: {part.title}"
        yield from (f"  {name}: {value}" if name else f"  {value}" for name, value in part.facts)
        if part.link is not None:
            yield f"  {part.link[0]}: {part.link[1]}"
        yield ""
    yield from (f"{name}: {value}" for name, value in where)
    yield f"the run's page: {page}"
    if note:
        yield from ("", note)


def _parts(news: News, place: Place) -> list[Part]:
    return [
        *(_new(one, place) for one in news.new),
        *(Part("over", one.what, _COLOURS["over"], (("it began", _when(one)),)) for one in news.over),
        *(Part("still open", one.what, _COLOURS[one.severity], (("since", _when(one)),)) for one in news.still),
    ]


def _new(one: Condition, place: Place) -> Part:
    since = _when(one) + (", the run below" if one.run_id == place.run_id else "")
    facts = (*(("", number) for number in one.numbers), ("since", since), ("what to do", one.todo))
    link = ("Look at it, and answer", one.link) if one.link else None
    return Part(one.severity, one.what, _COLOURS[one.severity], facts, link)


def _when(one: Condition) -> str:
    return f"{one.since[:16].replace('T', ' ')} UTC"


def _counts(document: Mapping[str, Any]) -> Iterator[Fact]:
    """The report's counts, a line each."""
    plan = document["plan"]
    if plan is not None:
        for kind, actions in plan["counts"].items():
            made = {
                action: document["applied"].get(f"{kind} {action}", {}) for action in ("create", "update", "delete")
            }
            told = [
                f"{planned:,} to {action}" + (f", {made[action].get('done', 0):,} done" if planned else "")
                for action, planned in actions.items()
                if planned
            ]
            yield f"{kind}s", "; ".join(told) or "nothing to change"
        yield "held", f"{plan['held']['changes']:,} changes"
    courses = document["courses"]
    yield "courses changed", f"{courses['affected']:,} of {courses['in_scope']:,}"
    if courses["unread"]:
        yield "courses that could not be read", f"{courses['unread']:,}"
    outcomes = [pair for one in document["applied"].values() for pair in one.items()]
    left = sum(n for outcome, n in outcomes if outcome in LEFT_UNDONE)
    yield "changes not made", f"{left:,}"
    for severity, name in _FINDINGS.items():
        found = sum(n for what, n in document["findings"]["counts"].items() if what.split(" ")[0] == severity)
        if found:
            yield name, f"{found:,}"
    trips = [one for one in (document["verdict"] or {}).get("observations", []) if one["tripped"]]
    yield (
        "circuit breaker",
        f"{len(trips)} trips: {', '.join(sorted({one['rule'] for one in trips}))}" if trips else "quiet",
    )
    failed = [step["name"] for step in document["steps"] if step["ok"] is False]
    if failed:
        yield "failed steps", ", ".join(failed)
    minutes, seconds = divmod(round(sum(step["seconds"] or 0 for step in document["steps"])), 60)
    yield "took", f"{minutes} min {seconds} s"


def notify_type(level: str) -> str:
    """What a chat service is told about how bad it is: failure, warning, success or info."""
    known = {"over": "success", "summary": "info", str(Severity.WARNING): "warning"}
    return known.get(level, "failure")
