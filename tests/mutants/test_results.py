"""What is said of mutants and of those that survive."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import PARTS, ROOT
from tests.mutants.results import (
    Edit,
    Outcome,
    Review,
    Score,
    Survivor,
    Verdict,
    function_of,
    module_of,
    reviews,
    score,
    table,
)

NAME = "include.groupsync.diff.links.x__take_out__mutmut_7"
DIFF = """--- include/groupsync/diff/links.py
+++ include/groupsync/diff/links.py
@@ -9,7 +9,7 @@
     for pair in sorted(base):
         if pair in kept:
-            continue
+            break
     return
"""
EDIT = Edit("diff.links._take_out", "if pair in kept:", ("continue",), ("break",))


def test_a_mutant_is_known_by_its_function_and_its_lines() -> None:
    """Numbers move when the function changes; the line above tells two alike apart."""
    assert Edit.of_diff(NAME, DIFF) == EDIT
    assert module_of(NAME) == "diff.links"
    method = "include.groupsync.diff.objects.xǁ_Comparisonǁ__init____mutmut_3"
    assert function_of(method) == "diff.objects._Comparison.__init__"
    assert function_of("include.groupsync.diff.names.x_final_names__mutmut_1") == "diff.names.final_names"


def test_a_review_is_found_by_what_the_mutant_does(tmp_path: Path) -> None:
    """Several edits may have one review; twice the same is a mistake."""
    lines = ("- above: 'if pair in kept:'", "before: continue", "after: break", "verdict: equivalent", "why: The last.")
    entry = "\n  ".join(lines) + "\n"
    path = tmp_path / "reviewed.yaml"
    path.write_text(f"diff.links._take_out:\n{entry}")
    assert reviews(path) == {EDIT: Review(EDIT, Verdict.EQUIVALENT, "The last.")}
    several = entry.replace("after: break", "after: [break, return]")
    path.write_text(f"diff.links._take_out:\n{several}")
    assert {edit.after for edit in reviews(path)} == {("break",), ("return",)}
    path.write_text(f"diff.links._take_out:\n{entry}{entry}")
    with pytest.raises(ValueError, match="reviewed twice"):
        reviews(path)


def test_the_score_leaves_out_what_nothing_could_tell_from_the_engine() -> None:
    """An accepted survivor counts against it, and so does one that nobody has looked at, or no test reaches."""
    fates = (Outcome.KILLED, Outcome.TIMEOUT, Outcome.SURVIVED, Outcome.SURVIVED, Outcome.UNTESTED)
    found = {f"include.groupsync.diff.links.x_f__mutmut_{at}": fate for at, fate in enumerate(fates)}
    verdicts = (Verdict.EQUIVALENT, Verdict.ACCEPTED, None)
    alive = [
        Survivor(f"include.groupsync.diff.links.x_f__mutmut_{at}", EDIT, verdict and Review(EDIT, verdict, ""))
        for at, verdict in enumerate(verdicts, start=2)
    ]
    assert score(found, alive) == Score(mutants=5, killed=2, equivalent=1, accepted=1, unreviewed=1)
    assert score(found, alive).fraction == 0.5
    assert table(found, alive).splitlines()[2:] == [
        "| diff.links | 5 | 2 | 1 | 1 | 1 | 50.0% |",
        "| all | 5 | 2 | 1 | 1 | 1 | 50.0% |",
    ]


def test_every_review_is_of_a_function_that_is_there_and_says_why() -> None:
    """A function that was renamed takes its reviews along."""
    for edit, review in reviews().items():
        module, _, name = edit.function.rpartition(".")
        path = ROOT / "include" / "groupsync" / f"{module.replace('.', '/')}.py"
        text = (path if path.exists() else path.parent.with_suffix(".py")).read_text(encoding="utf-8")  # a method
        assert f"def {name}(" in text, edit.function
        assert all(line in text for line in edit.before), edit
        assert review.why.endswith("."), edit


def test_every_part_has_its_own_tests() -> None:
    """Folders that are there."""
    for part in PARTS.values():
        assert (ROOT / part.engine).is_dir()
        assert all(any((ROOT / folder).glob("test_*.py")) for folder in part.tests)
