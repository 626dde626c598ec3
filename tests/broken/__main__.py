"""Do the tests of a rule notice when the rule is broken?  ``python -m tests.broken [--rule K3 ...]``

For each rule the project is copied, the rule's broken variant is put in, and the tests that name the rule are
run there: they must fail.  All of them must pass first where nothing is broken.  Prints a table; exits with 1
where a rule has no test, or its tests pass all the same.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.broken.variants import RULES, VARIANTS, Variant

ROOT = Path(__file__).resolve().parents[2]
# Where tests name rules; the tests that start Airflow are no part of it.
TESTS = ("tests/rules", "tests/include", "tests/e2e")
WITHOUT = ("tests/e2e/test_demo.py",)
AT_ONCE = 2
PASSED, FAILED = 0, 1  # pytest's exit codes; another one means that no test was run, or none to its end


def functions_naming(rule: str) -> list[str]:
    """The test functions whose name begins with the rule, or has it among the first: ``file::function``."""
    name = re.compile(rf"^\s*def (test_(?:[a-z]\d+_)*?{rule.lower()}_\w+)\(", re.MULTILINE)
    return [
        f"{path.relative_to(ROOT)}::{function}"
        for folder in TESTS
        for path in sorted((ROOT / folder).rglob("test_*.py"))
        if str(path.relative_to(ROOT)) not in WITHOUT
        for function in name.findall(path.read_text(encoding="utf-8"))
    ]


@contextmanager
def copy_of_the_project() -> Iterator[Path]:
    """A folder like this one: ``include`` and ``tests`` are copies, compiled as they are, the rest leads back here."""
    with tempfile.TemporaryDirectory(prefix="groupsync-broken-") as name:
        copy = Path(name)
        shutil.copytree(ROOT / "include", copy / "include")
        # A test may write beside the code: what leads back is named, so that no run's folder is shared.
        for part in ("pyproject.toml", "sandbox", "dags", "plugins", "docs", "airflow_settings.yaml", "README.md"):
            if (ROOT / part).exists():
                (copy / part).symlink_to(ROOT / part)
        shutil.copytree(ROOT / "tests", copy / "tests")
        yield copy


def put_in(variant: Variant, project: Path) -> None:
    """Break the copy; ValueError where the variant does not fit the engine any more."""
    path = project / "include" / "groupsync" / variant.file
    text = path.read_text(encoding="utf-8")
    if text.count(variant.old) != 1:
        raise ValueError(f"{variant.rule}: the old text occurs {text.count(variant.old)} times in {variant.file}")
    path.write_text(text.replace(variant.old, variant.new), encoding="utf-8")


def run_tests(project: Path, names: Sequence[str]) -> tuple[int, str]:
    """pytest's exit code and output for these test functions, in that folder; it stops at the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=line", *names]
    environment = os.environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True)
class Row:
    """What became of one rule."""

    rule: str
    tests: int
    result: str
    seconds: float
    breaks: str
    output: str = ""

    @property
    def fine(self) -> bool:
        return self.result == "killed"


def judge(variant: Variant) -> Row:
    """Break the rule and run its tests."""
    names, began = functions_naming(variant.rule), monotonic()
    if not names:
        return Row(variant.rule, 0, "NO TEST", 0, variant.breaks)
    with copy_of_the_project() as project:
        put_in(variant, project)
        code, output = run_tests(project, names)
    result = {PASSED: "SURVIVED", FAILED: "killed"}.get(code, f"ERROR {code}")
    return Row(variant.rule, len(names), result, monotonic() - began, variant.breaks, output)


def main() -> int:
    """Judge the rules and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.broken", description=__doc__.partition("\n")[0])
    parser.add_argument("--rule", action="append", choices=RULES, help="only this one; may be given again")
    parser.add_argument("--skip-whole", action="store_true", help="do not run the tests on the unbroken engine first")
    wanted = parser.parse_args()
    variants = [variant for variant in VARIANTS if not wanted.rule or variant.rule in wanted.rule]
    if not wanted.skip_whole:
        names = list(dict.fromkeys(name for variant in variants for name in functions_naming(variant.rule)))
        with copy_of_the_project() as project:
            code, output = run_tests(project, names)
        if code != PASSED:
            print(f"{output[-4000:]}\nThe tests fail where nothing is broken, so they say nothing of what is.")
            return 1
        print(f"{len(names)} tests name these rules, and pass where nothing is broken.")
    print(f"{'rule':<5} {'tests':>5}  {'result':<9} {'s':>4}  what the broken variant does")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = []
        for row in pool.map(judge, variants):
            print(f"{row.rule:<5} {row.tests:>5}  {row.result:<9} {row.seconds:>4.0f}  {row.breaks}", flush=True)
            rows.append(row)
    for row in rows:
        if row.result.startswith("ERROR"):
            print(f"\n{row.rule}:\n{row.output[-2000:]}")
    bad = [row.rule for row in rows if not row.fine]
    print(f"{len(rows) - len(bad)} of {len(rows)} broken variants were noticed" + f"; not: {bad}" * bool(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
