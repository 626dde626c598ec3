"""What a machine lacks is said at the end of the run, never passed over in silence.

A test that needs a program carries `@pytest.mark.needs("postgresql")`. Where it is missing the test is not
run and the summary lists it; with REQUIRE_ALL=1, as in CI, it fails.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

NEEDS = "needs "


def find_postgresql() -> str | None:
    """Debian keeps initdb out of PATH, in one folder per version."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return shutil.which("initdb") or (str(installed[-1]) if installed else None)


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


PROGRAMS = {"postgresql": find_postgresql, "chromium": find_chromium}


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = [name for marker in item.iter_markers("needs") for name in marker.args]
    for name in needed:
        if PROGRAMS[name]() is None:
            if os.environ.get("REQUIRE_ALL") == "1":
                pytest.fail(f"{NEEDS}{name}, and REQUIRE_ALL=1 lets nothing be missing", pytrace=False)
            pytest.skip(f"{NEEDS}{name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = Counter(
        report.longrepr[2].removeprefix(f"Skipped: {NEEDS}")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and report.longrepr[2].startswith(f"Skipped: {NEEDS}")
    )
    for name, test_count in sorted(missing.items()):
        terminalreporter.write_line(f"not run: needs {name} ({test_count} tests)", yellow=True)
