"""What became of each mutant, and what people have said of those that no test noticed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

REVIEWED = Path(__file__).with_name("reviewed.yaml")


class Outcome(StrEnum):
    """A mutant that no test reaches survives as well; one that never ends was noticed."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNTESTED = "untested"
    UNDECIDED = "undecided"

    @property
    def alive(self) -> bool:
        return self in (Outcome.SURVIVED, Outcome.UNTESTED)


class Verdict(StrEnum):
    """``equivalent``: no input can tell it from the engine.  ``accepted``: some could, and why none is tested."""

    EQUIVALENT = "equivalent"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Edit:
    """A mutant by what it does, not by its number, which moves: function, the line above, lines out, lines in."""

    function: str
    above: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @classmethod
    def of_diff(cls, mutant: str, diff: str) -> "Edit":
        """``mutant``: mutmut's name of it; ``diff``: a unified diff of the function."""
        lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
        before, after = (tuple(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+")
        first = next((at for at, line in enumerate(lines) if line[:1] in "-+"), 0)
        return cls(function_of(mutant), lines[first - 1].strip() if first else "", before, after)


@dataclass(frozen=True)
class Review:
    """What somebody who looked at a survivor found."""

    edit: Edit
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed, with its review if it has one."""

    mutant: str
    edit: Edit
    review: Review | None


def function_of(mutant: str) -> str:
    """``diff.links.diff_links`` of mutmut's ``include.groupsync.diff.links.x_diff_links__mutmut_7``."""
    name = mutant.removeprefix("include.groupsync.").partition("__mutmut_")[0]
    module, _, function = name.rpartition(".")
    return f"{module}.{function.removeprefix('x').removeprefix('_').replace('ǁ', '.').removeprefix('.')}"


def module_of(mutant: str) -> str:
    """``diff.links`` of the same."""
    return mutant.removeprefix("include.groupsync.").partition("__mutmut_")[0].rpartition(".")[0]


def reviews(path: Path = REVIEWED) -> dict[Edit, Review]:
    """The reviewed survivors: function to a list of edits with verdict and why; ValueError if one is there twice.

    ``after`` may be a list: several edits of one line for which the same holds.
    """
    found: dict[Edit, Review] = {}
    for function, entries in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        for entry in entries:
            for after in entry["after"] if isinstance(entry["after"], list) else [entry["after"]]:
                edit = Edit(function, entry["above"], _lines(entry["before"]), _lines(after))
                if edit in found:
                    raise ValueError(f"{path.name}: reviewed twice: {edit}")
                found[edit] = Review(edit, Verdict(entry["verdict"]), entry["why"])
    return found


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines())


@dataclass(frozen=True)
class Score:
    """Counts of one module, or of several together."""

    mutants: int
    killed: int
    equivalent: int
    accepted: int
    unreviewed: int

    @property
    def fraction(self) -> float:
        """Killed of those that can be told from the engine."""
        return self.killed / (self.mutants - self.equivalent) if self.mutants > self.equivalent else 1.0


def score(outcomes: Mapping[str, Outcome], survivors: Iterable[Survivor]) -> Score:
    """Of these mutants; ``survivors`` may be those of more modules."""
    verdicts = Counter(one.review and one.review.verdict for one in survivors if one.mutant in outcomes)
    return Score(
        mutants=len(outcomes),
        killed=sum(outcome in (Outcome.KILLED, Outcome.TIMEOUT) for outcome in outcomes.values()),
        equivalent=verdicts[Verdict.EQUIVALENT],
        accepted=verdicts[Verdict.ACCEPTED],
        unreviewed=verdicts[None],
    )


def table(outcomes: Mapping[str, Outcome], survivors: Sequence[Survivor]) -> str:
    """A line a module and one for all, as Markdown."""
    lines = [
        "| module | mutants | killed | equivalent | accepted | unreviewed | score |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for module in [*sorted({module_of(mutant) for mutant in outcomes}), "all"]:
        own = {mutant: one for mutant, one in outcomes.items() if module in ("all", module_of(mutant))}
        of = score(own, survivors)
        lines.append(
            f"| {module} | {of.mutants} | {of.killed} | {of.equivalent} | {of.accepted} | {of.unreviewed} |"
            f" {of.fraction:.1%} |"
        )
    return "\n".join(lines)
