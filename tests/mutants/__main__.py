"""Would the tests notice a small mistake?  ``python -m tests.mutants [diff] [breaker] [--keep]``

mutmut makes the mistakes, one at a time (an operator turned round, an argument left out, a text changed), in every
function of a folder of the engine, and runs that folder's own tests that reach the function, the fastest first.
What no test notices survives; each survivor has to be reviewed in ``reviewed.yaml``.  Prints a table by module and
the survivors' differences; exits with 1 below 90 % or with a survivor that nobody has looked at.

An interrupted run goes on where it stopped, as long as neither the engine nor the tests have changed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.results import Edit, Outcome, Score, Survivor, module_of, reviews, score, table

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".mutants"
REQUIRED = 0.9
AT_ONCE = 2
# Two of pytest's plugins search the whole memory for lost exceptions at the end of a run: two thirds of its time.  Half
# of what is left would go into tracebacks that nobody reads.
PYTEST = (
    "-m",
    "not slow",
    "--tb=no",
    *(f"-pno:{plugin}" for plugin in ("cacheprovider", "unraisableexception", "threadexception")),
)
# pytest's and mutmut's exit codes of a mutant's tests; what is not here killed the interpreter, and was noticed.
OUTCOMES = {None: Outcome.UNDECIDED, 2: Outcome.UNDECIDED, 0: Outcome.SURVIVED, 5: Outcome.UNTESTED}
OUTCOMES |= {33: Outcome.UNTESTED, **dict.fromkeys((36, 24, -24, 152, 255), Outcome.TIMEOUT)}


@dataclass(frozen=True)
class Part:
    """A folder of the engine and the tests that are its own; none of them starts a server.

    ``without``: tests of many generated plans, half a minute each, that every survivor would have to wait for.
    """

    name: str
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where mutmut works: it wants its settings, and leaves its results, in the current folder."""
        return WORK / self.name

    @property
    def engine(self) -> str:
        return f"include/groupsync/{self.name}"


PARTS = {
    part.name: part
    for part in (
        Part("diff", ("tests/include/groupsync/diff", "tests/rules")),
        Part(
            "breaker",
            ("tests/include/groupsync/breaker",),
            ("tests/include/groupsync/breaker/test_monotone.py",),
        ),
    )
}


def settings(part: Part) -> str:
    """mutmut's, as it reads them from pyproject.toml."""
    options = {
        "source_paths": ["include"],
        "only_mutate": [f"{part.engine}/*"],
        "also_copy": ["sandbox", "docs", "dags", "plugins"],
        "pytest_add_cli_args": [*PYTEST, *(f"--ignore={path}" for path in part.without)],
        "timeout_multiplier": 60,  # of a wall clock: a busy machine must not kill what the tests do not
        "pytest_add_cli_args_test_selection": list(part.tests),
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in options.items()]
    return "\n".join(["", "[tool.mutmut]", *lines, ""])


def digest(part: Part) -> str:
    """Of all that a mutant's fate depends on: the engine, the tests, mutmut's settings."""
    found = hashlib.sha256(settings(part).encode())
    for folder in ("include", *part.tests):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def prepare(part: Part, *, keep: bool) -> None:
    """The folder, from nothing where the engine or the tests have changed.

    ``keep``: kills in unchanged functions stand all the same, and survivors are tried again; for the time while
    tests are written.
    """
    mark, now = part.folder / "digest", digest(part)
    changed = not mark.exists() or mark.read_text() != now
    if changed and not keep:
        shutil.rmtree(part.folder, ignore_errors=True)
    part.folder.mkdir(parents=True, exist_ok=True)
    for name in ("include", "sandbox", "docs", "dags", "plugins", "tests"):
        if not (part.folder / name).exists():
            (part.folder / name).symlink_to(ROOT / name)
    own = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (part.folder / "pyproject.toml").write_text(own + settings(part), encoding="utf-8")
    if changed and keep:
        _forget_survivors(part)
    mark.write_text(now)


def _forget_survivors(part: Part) -> None:
    """They are tried once more, with the tests that reach them now; what took too long may have had no time."""
    (part.folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for path in _results(part):
        found = json.loads(path.read_text(encoding="utf-8"))
        for mutant, code in found["exit_code_by_key"].items():
            if _outcome(code) is not Outcome.KILLED:
                found["exit_code_by_key"][mutant] = None
        path.write_text(json.dumps(found), encoding="utf-8")


def run(part: Part) -> None:
    """Decide what is undecided; RuntimeError where mutmut does not come to its end."""
    # Nothing may lead back to the engine as it is.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    mutmut = Path(sys.executable).with_name("mutmut")
    done = subprocess.run(
        [mutmut, "run", "--max-children", str(AT_ONCE)], cwd=part.folder, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"mutmut ended with {done.returncode}; what it has decided is kept in {part.folder}")


def _results(part: Part) -> Iterator[Path]:
    yield from sorted((part.folder / "mutants" / part.engine).rglob("*.meta"))


def _outcome(code: int | None) -> Outcome:
    return OUTCOMES.get(code, Outcome.KILLED)


def outcomes(part: Part) -> dict[str, Outcome]:
    """What became of each mutant, by mutmut's name."""
    return {
        mutant: _outcome(code)
        for path in _results(part)
        for mutant, code in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items()
    }


def survivors(part: Part, found: dict[str, Outcome]) -> Iterator[tuple[Survivor, str]]:
    """Those that no test noticed, each with its difference."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    known = reviews()
    with chdir(part.folder):
        for mutant in (mutant for mutant, outcome in found.items() if outcome.alive):
            diff = get_diff_for_mutant(mutant, path=f"include/groupsync/{module_of(mutant).replace('.', '/')}.py")
            edit = Edit.of_diff(mutant, diff)
            yield Survivor(mutant, edit, known.get(edit)), diff


def judge(part: Part) -> tuple[Score, bool]:
    """Print the part's survivors, the reviews that nobody needs any more, and the table of what is decided.

    Its score, and whether all mutants are decided.
    """
    found = outcomes(part)
    alive = list(survivors(part, found))
    for survivor, diff in alive:
        print(f"\n{survivor.mutant}: {found[survivor.mutant]}")
        print("\n".join(line for line in diff.splitlines() if line[:1] in "-+" and line[:3] not in ("---", "+++")))
        review = survivor.review
        print(f"  {review.verdict}: {review.why}" if review else "  NOT REVIEWED")
    needed = {survivor.edit for survivor, _ in alive}
    for edit in reviews():
        if edit.function.startswith(f"{part.name}.") and edit not in needed:
            print(f"\nreviewed, and no survivor: {edit}")
    decided = {mutant: outcome for mutant, outcome in found.items() if outcome is not Outcome.UNDECIDED}
    slow = [mutant for mutant, outcome in found.items() if outcome is Outcome.TIMEOUT]
    print(f"\ntook too long, and count as killed: {', '.join(slow) or 'none'}")
    print(f"\n{table(decided, [survivor for survivor, _ in alive])}")
    print(f"\n{len(found) - len(decided)} of {len(found)} mutants are undecided.")
    return score(decided, [survivor for survivor, _ in alive]), len(decided) == len(found)


def main() -> int:
    """Run the parts and judge them."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="folders of the engine; default: all")
    parser.add_argument("--keep", action="store_true", help="let kills stand although tests have changed")
    parser.add_argument("--show", action="store_true", help="judge what there is, run nothing")
    wanted = parser.parse_args()
    fine = True
    for part in [PARTS[name] for name in wanted.parts or PARTS]:
        if not wanted.show:
            prepare(part, keep=wanted.keep)
            run(part)
        of, whole = judge(part)
        fine &= whole and of.fraction >= REQUIRED and not of.unreviewed and of.mutants > 0
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
