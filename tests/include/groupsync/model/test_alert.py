"""Once per change of state, for each recipient (rule W2)."""

import json
from dataclasses import replace

from include.groupsync.model.alert import Condition, Memory, News, Seen, Severity

ALL = ("warning", "error", "critical")
HELD = Condition("circuit_breaker", Severity.WARNING, "held", "approve", frozenset({"run_deletes"}))
BROKEN = Condition("extract", Severity.ERROR, "unreadable", "see to it", frozenset({"SourceError"}))


def after(memory: Memory, *conditions: Condition, cleared: tuple[str, ...] = (), at: str = "t1") -> Memory:
    memory.take_in(Seen(conditions, frozenset(cleared)), f"look {at}", f"run {at}", at)
    return memory


def told(memory: Memory, who: str = "team", gets: tuple[str, ...] = ALL) -> News:
    news = memory.news_for(who, gets)
    memory.tell(who, gets)
    return news


def keys(*conditions: Condition) -> list[str]:
    return [one.key for one in conditions]


def test_w2_the_same_state_is_told_once() -> None:
    memory = Memory()
    assert keys(*told(after(memory, HELD)).new) == ["circuit_breaker"]
    assert not told(after(memory, HELD, at="t2"))
    assert memory.open["circuit_breaker"].since == "t1", "since the first run that saw it"
    assert memory.open["circuit_breaker"].run_id == "run t1"


def test_w2_another_cause_another_aspect_and_a_worse_severity_are_news() -> None:
    memory = after(Memory(), HELD)
    told(memory)
    assert keys(*told(after(memory, HELD, BROKEN, at="t2")).new) == ["extract"]
    more = replace(HELD, aspects=HELD.aspects | {"volume groups"})
    assert keys(*told(after(memory, more, at="t3")).new) == ["circuit_breaker"]
    worse = replace(more, severity=Severity.CRITICAL)
    assert keys(*told(after(memory, worse, at="t4")).new) == ["circuit_breaker"]


def test_w2_milder_is_no_news_and_worse_again_is() -> None:
    memory = after(Memory(), replace(HELD, severity=Severity.ERROR, aspects=HELD.aspects | {"empty groups"}))
    told(memory)
    assert not told(after(memory, HELD, at="t2"))
    assert told(after(memory, replace(HELD, severity=Severity.ERROR), at="t3"))


def test_w2_it_is_over_once_a_run_has_shown_that_it_is() -> None:
    memory = after(Memory(), HELD)
    told(memory)
    assert not told(after(memory, at="t2")), "a run that failed before the breaker knows nothing of it"
    news = told(after(memory, cleared=("circuit_breaker",), at="t3"))
    assert (keys(*news.over), news.over[0].since) == (["circuit_breaker"], "t1")
    assert not told(after(memory, cleared=("circuit_breaker",), at="t4"))
    assert told(after(memory, HELD, at="t5")).new[0].since == "t5", "it is another one"


def test_w2_what_came_and_went_untold_is_not_told() -> None:
    memory = after(Memory(), HELD)
    assert not told(after(memory, cleared=("circuit_breaker",), at="t2"))


def test_w2_each_recipient_has_a_state_of_their_own() -> None:
    memory = after(Memory(), HELD)
    told(memory)
    assert told(memory, "somebody new").new
    assert not told(memory)


def test_w2_a_recipient_gets_their_severities_and_hears_the_end_of_what_they_know() -> None:
    memory = after(Memory(), HELD)
    critical = ("critical",)
    assert not told(memory, "boss", critical)
    assert told(after(memory, replace(HELD, severity=Severity.CRITICAL), at="t2"), "boss", critical).new
    assert not told(after(memory, HELD, at="t3"), "boss", critical), "milder than what they get"
    assert told(after(memory, cleared=("circuit_breaker",), at="t4"), "boss", critical).over


def test_w2_what_goes_on_is_said_beside_the_news() -> None:
    memory = after(Memory(), HELD)
    told(memory)
    news = told(after(memory, HELD, BROKEN, at="t2"))
    assert (keys(*news.new), keys(*news.still)) == (["extract"], ["circuit_breaker"])


def test_w2_a_look_is_taken_in_once() -> None:
    """The alert of an old run, cleared: what it saw is over since."""
    memory = after(Memory(), HELD)
    told(memory)
    told(after(memory, cleared=("circuit_breaker",), at="t2"))
    assert not told(after(memory, HELD, at="t1"))


def test_w2_whom_the_settings_no_longer_name_is_forgotten() -> None:
    memory = after(Memory(), HELD)
    told(memory)
    memory.keep_only(["others"])
    assert told(memory).new


def test_the_memory_survives_being_stored() -> None:
    memory = after(Memory(summaries={"team": "2026-10-12"}), replace(HELD, numbers=("a", "b"), link="https://x"))
    told(memory)
    assert Memory.of(json.loads(json.dumps(memory.document()))) == memory
