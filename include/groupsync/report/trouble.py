"""What a run that went wrong is told as: fixed words, numbers and configured names, never what a row or a server
says, in which people may be named (rule W3)."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.groupsync.model.alert import Condition, Severity

_LINES = 12
_VENDOR = re.compile(r"\b(?:ORA|DPY|DPI|TNS)-\d{4,5}\b")
_REFUSED = re.compile(r"Moodle refused ([a-z_]+): (\w+):")
_BROKEN = re.compile(r"^  ([a-z_]+): (.+)$", re.MULTILINE)
_SIDE = re.compile(r"^!! (.+?)  ", re.MULTILINE)
_FOUND = re.compile(r" \(found: .*$", re.MULTILINE)  # a long one is cut, and has no end
# Messages of these are made of settings, connections and runs.
_OURS = frozenset({"SettingsError", "LeaseError", "StoppedError", "TermStateError"})
_NOTHING_WRITTEN = "Nothing was written."
_WHAT = {
    "SettingsError": "a setting or a connection is wrong",
    "IdentityError": "the five names are not one environment: the run is refused",
    "SourceError": "a source table could not be read whole",
    "SnapshotLost": "a source's database could not keep its snapshot",
    "QualityError": "a table of the source cannot be used",
    "MoodleUnreachable": "Moodle cannot be reached",
    "OutcomeUnknown": "Moodle did not say whether it has done what it was asked",
    "MoodleRefused": "Moodle refused a call",
    "ApplyError": "not everything was written",
    "BlockedError": "the circuit breaker blocks the run",
    "LeaseError": "another run is writing to the site",
    "StoppedError": "the run was stopped while it was writing",
    "TermStateError": "the term, or courses of it, were switched off meanwhile: the run did not get to its end",
    "Killed": "the task was stopped before its end",
}
_NEXT_STEPS = {
    "check_identity": "Read the log of check_identity: it lists the five side by side, the one that differs marked !!."
    " Correct that side. No option overrides it.",
    "extract": "Read the log of extract: it names the connection and the setting. Missing is never taken for empty.",
    "read_moodle": "See whether Moodle answers, then run again; the log of read_moodle has its own words.",
    "validate": "See the run's page for what failed, and correct it at the source; rows are listed there by key.",
    "apply": "Start the run again when the cause has ended: it reads what is there and goes on.",
    "verify": "See the rows with rule J2 on the run's page. Run again; look at those courses in Moodle if it stays.",
}
_READING = ("check_identity", "extract", "read_moodle", "plan_restore", "validate", "read_use")
_PLANNING = ("diff_groupings", "diff_groups", "diff_memberships", "circuit_breaker")
# A subject of these is a table or a source; another one is another cause.
_BY_SUBJECT = frozenset({"empty", "stale", "volume", "unmatched", "quarantined"})


@dataclass(frozen=True)
class Held:
    """What waits after a run: deletes, their courses, other changes; and where a person answers, if anywhere."""

    deletes: int = 0
    courses: int = 0
    others: int = 0
    answer_at: str = ""

    @property
    def changes(self) -> int:
        return self.deletes + self.others


def failed_step(step: str, record: Mapping[str, Any] | None, connections: Collection[str]) -> Condition:
    """A step that failed or, without a record, died; ``connections`` are those that may be named."""
    error = "Killed" if record is None else str(record.get("error"))
    message = "" if record is None else str(record.get("message") or "")
    what = _WHAT.get(error, "a step failed" if error == "GroupsyncError" else f"an unexpected error ({error})")
    named = [one for one in sorted(connections) if re.search(rf"\b{re.escape(one)}\b", message)]
    numbers = list(_details(error, message))
    if named and error not in _OURS:
        numbers.append(f"connection {', '.join(named)}")
    if step in _READING + _PLANNING:
        numbers.append(_NOTHING_WRITTEN)
    return Condition(
        key=step,
        severity=Severity.CRITICAL if error in ("IdentityError", "BlockedError") else Severity.ERROR,
        what=f"{step}: {what}",
        todo=_NEXT_STEPS.get(step, f"Read the log of {step}, the run's first red task."),
        aspects=frozenset({error, *named, *(dataset for dataset, _ in _broken(error, message))}),
        numbers=tuple(numbers[:_LINES]),
    )


def _details(error: str, message: str) -> Iterable[str]:
    if error in _OURS:
        yield from _FOUND.sub("", message).splitlines()
    if error == "IdentityError" and (sides := [one.strip() for one in _SIDE.findall(message)]):
        yield f"differs: {', '.join(sides)}"
    yield from sorted(set(_VENDOR.findall(message)))
    if refused := _REFUSED.search(message):
        yield f"{refused[1]} was answered with {refused[2]}"
    yield from (f"{dataset}: {reason}" for dataset, reason in _broken(error, message))


def _broken(error: str, message: str) -> list[tuple[str, str]]:
    """The tables that cannot be used, each with the reason that its suite gives."""
    if error != "QualityError" or not message.startswith("A dataset cannot be used"):
        return []
    return _BROKEN.findall(message)


def not_started(error: Exception) -> Condition:
    """A run that did not come to its first step: what Airflow has of the deployment cannot be used."""
    name = type(error).__name__
    told = tuple(_FOUND.sub("", str(error)).splitlines()) if name in _OURS else ()
    return Condition(
        key="start",
        severity=Severity.ERROR,
        what=f"the run could not start: {_WHAT.get(name, name)}",
        todo="Correct what is named, and start the run again.",
        aspects=frozenset({name}),
        numbers=(*told[:_LINES], _NOTHING_WRITTEN),
    )


def tripped(observations: Iterable[Mapping[str, Any]], held: Held, *, blocked: bool) -> Condition | None:
    """What the circuit breaker stopped, or only noticed; None where no rule tripped.

    ``blocked``: the whole run, which no approval overrides.
    """
    trips = [one for one in observations if one["tripped"]]
    if not trips:
        return None
    rules = {one["rule"] for one in trips}
    todo = "See the numbers on the run's page, and whether they are right. Nothing waits for you."
    if blocked:
        severity, what = Severity.CRITICAL, "the circuit breaker blocks the run: nothing was written"
        todo = "No approval overrides this. The run's page says what it is; the next run goes on once it has ended."
    elif held.changes:
        severity, what = Severity.WARNING, _held(held)
        todo = (
            "Open the link: it says what would go and why it waits. Approve it, or some courses, or reject it. If it no"
            " longer asks, a later run has asked anew: see that run."
            if held.answer_at
            else "What is blocked is released by nobody; it ends when its cause does. See to the source."
        )
    elif "stale" in rules:
        severity, what = Severity.WARNING, "a source has stopped: everything was applied, from old rows"
        todo = "See to the source's loading. Nothing is deleted until it goes on."
    else:
        severity, what = Severity.WARNING, f"{', '.join(sorted(rules))} tripped, and nothing had to be held"
    if severity is Severity.WARNING and any(one["effect"] == "block" for one in trips):
        severity = Severity.ERROR
    aspects = frozenset(
        f"{one['rule']} {one['subject']}" if one["rule"] in _BY_SUBJECT else one["rule"] for one in trips
    )
    return Condition("circuit_breaker", severity, what, todo, aspects, tuple(_rules(trips)), held.answer_at)


def _held(held: Held) -> str:
    some = _many(held.deletes, "delete") if held.deletes else _many(held.others, "change")
    more = f" (and {_many(held.others, 'other change')})" if held.deletes and held.others else ""
    verb = "is" if (held.deletes or held.others) == 1 and not more else "are"
    return f"{some}{more} in {_many(held.courses, 'course')} {verb} held; everything else was applied"


def _rules(trips: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """A line a trip of the run as a whole; a line a rule for those of single courses and objects, which have names."""
    of_courses: dict[str, list[Mapping[str, Any]]] = {}
    lines = []
    for one in trips:
        if str(one["stratum"]).startswith("course "):
            of_courses.setdefault(one["rule"], []).append(one)
        else:
            limit = "" if "limit" in one["text"] else f"; {_limit(one)}"
            lines.append(f"{one['rule']}: {one['text']}{limit}")
    for rule, some in of_courses.items():
        courses = len({one["stratum"] for one in some})
        lines.append(f"{rule}: {_many(len(some), 'trip')} in {_many(courses, 'course')}; {_limit(some[0])}")
    yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield f"and {len(lines) - _LINES} more on the run's page"


def _limit(trip: Mapping[str, Any]) -> str:
    """In per cent where it is a share, or a multiple of a median; ``limit`` None: what cannot be switched off."""
    limit = trip["limit"]
    if limit in (None, 0):
        return "none allowed"
    of_median = trip["rule"] == "volume"
    number = f"{limit:.0%}" if of_median or 0 < limit < 1 else f"{limit:g}"
    seen = f"{trip['observed']:.0%} of it, " if of_median and trip["observed"] is not None else ""
    return f"{seen}{'at least' if trip['at_least'] else 'limit'} {number}"


def not_made(outcomes: Mapping[str, int], undone: Mapping[str, int]) -> Condition | None:
    """Changes of ``outcomes`` (how many of each) that are ``undone``: an incomplete apply.  None where none is."""
    count, of = sum(undone.values()), sum(outcomes.values())
    if not count:
        return None
    return Condition(
        key="apply",
        severity=Severity.ERROR,
        what=f"{count:,} of {_many(of, 'change')} {'was' if count == 1 else 'were'} not made",
        todo="See 'Changes that were not made' on the run's page: each has Moodle's reason. The next run tries again.",
        aspects=frozenset(undone),
        numbers=(", ".join(f"{n:,} {outcome}" for outcome, n in sorted(undone.items())),),
    )


def differs(record: Mapping[str, Any], places: int, connections: Collection[str]) -> Condition:
    """Moodle is not what was written, in so many places; or the reading back failed."""
    if not places:
        return failed_step("verify", record, connections)
    return Condition(
        key="verify",
        severity=Severity.ERROR,
        what=f"verify: Moodle differs from what was written in {_many(places, 'place')}",
        todo=_NEXT_STEPS["verify"],
        aspects=frozenset({"differs"}),
    )


def not_released(message: str) -> Condition | None:
    """What was asked about is not applied; None where a person wanted it so, or another run has asked instead."""
    word = message.partition(":")[0]
    if word in ("REJECTED", "SUPERSEDED") or not word.isupper():
        return None
    return Condition(
        key="release",
        severity=Severity.WARNING,
        what={
            "REFUSED": "what was approved, or answered, could not be applied",
            "EXPIRED": "nobody answered in time about what is held",
        }.get(word, "what is held could not be asked about"),
        todo="The run's page says why. The next sync run asks anew if it is still held; a slip in the form can be"
        " mended by clearing the release run's task approve.",
        aspects=frozenset({word}),
    )


def drifted(told: Mapping[str, Any], limits: Mapping[str, int | None]) -> Condition | None:
    """What in Moodle is no longer as last applied, where it is above a limit; None where nothing is.

    ``told`` is what the look at a term has found.  Twice as much as when it was told, or another kind, is news.
    """
    counts = {"objects": told["objects"], "inside": told["inside"], "courses": told["not_read"]}
    over = {name: (counts[name], limit) for name, limit in limits.items() if limit is not None and counts[name] > limit}
    if not over:
        return None
    lines = [f"{_DRIFT[name]}: {count:,}; limit {limit:,}" for name, (count, limit) in over.items()]
    by_next: dict[str, int] = {}
    for one in told["counts"]:
        by_next[one["next"]] = by_next.get(one["next"], 0) + one["count"]
    lines += [f"the next run: {', '.join(f'{n:,} {next_}' for next_, n in sorted(by_next.items()))}"] if by_next else []
    lines += [f"{_many(told['courses'], 'course')}, {told['people']:,} people"] if by_next else []
    return Condition(
        key="drift",
        severity=Severity.WARNING,
        what="Moodle is no longer as it was last applied"
        if {"objects", "inside"} & over.keys()
        else f"drift: {_many(told['not_read'], 'course')} could not be read",
        todo="See the run's page: what somebody changed, who is affected, and whether the next run mends it.",
        aspects=frozenset(
            f"{name} x{2**power}"
            for name, (count, limit) in over.items()
            for power in range((count // max(limit, 1)).bit_length())
        ),
        numbers=tuple(lines),
    )


_DRIFT = {
    "objects": "groupings and groups that are missing or changed",
    "inside": "links and memberships that are gone or moved, of groups that are there",
    "courses": "courses that were not read",
}


def not_looked_at(error: str) -> Condition:
    """A term that the look for drift failed on."""
    return Condition(
        key="drift_look",
        severity=Severity.ERROR,
        what=f"look_at_term: {_WHAT.get(error, f'an unexpected error ({error})')}",
        todo="Read the log of the term's look_at_term. What the sync does is not touched by it.",
        aspects=frozenset({error}),
        numbers=(_NOTHING_WRITTEN,),
    )


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
