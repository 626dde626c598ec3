"""The whole of it, once: `make demo` as a stranger runs it, through Airflow, and again."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SECONDS = 200


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    subprocess.run(_demo("stop", folder), cwd=ROOT, check=False, timeout=SECONDS)


@pytest.fixture(scope="module")
def first(home: Path) -> "subprocess.CompletedProcess[str]":
    return once(home)


@pytest.fixture(scope="module")
def second(home: Path, first: "subprocess.CompletedProcess[str]") -> "subprocess.CompletedProcess[str]":
    return once(home)


def once(home: Path) -> "subprocess.CompletedProcess[str]":
    """`make demo ONCE=1`, with its state in a folder of its own."""
    command = [*_demo("start", home), "--once"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            said, _ = running.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGTERM)  # it stops what it has started; a kill would leave all of it
            said, _ = running.communicate(timeout=SECONDS)
            pytest.fail(f"the demo had not ended after {SECONDS} s:\n{said}")
    return subprocess.CompletedProcess(command, running.returncode, said)


def _demo(command: str, home: Path) -> list[str]:
    return [sys.executable, "-m", "sandbox.demo", command, "--home", str(home)]


def test_the_first_run_brings_moodle_in_line_with_the_source(first: "subprocess.CompletedProcess[str]") -> None:
    assert first.returncode == 0, first.stdout
    assert "Moodle compared with the source: no differences" in first.stdout
    assert "calls that wrote to Moodle: 0" not in first.stdout


def test_the_second_run_makes_no_writing_call(second: "subprocess.CompletedProcess[str]") -> None:
    assert second.returncode == 0, second.stdout
    assert "calls that wrote to Moodle: 0" in second.stdout
    assert "Moodle compared with the source: no differences" in second.stdout


def test_nothing_is_left_running(home: Path, second: "subprocess.CompletedProcess[str]") -> None:
    left = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(home) in argument for argument in process.info["cmdline"] or ()):
            left.append(process.info["cmdline"])
    assert left == []
