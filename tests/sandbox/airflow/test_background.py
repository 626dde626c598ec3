import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from sandbox.airflow.background import Background, wait_until

# Writes the id of a child that outlives it if nobody stops it.
PARENT = """
import pathlib, signal, subprocess, sys, time
if {deaf}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path({file!r}).write_text(str(child.pid))
time.sleep(300)
"""


@pytest.fixture
def background(tmp_path):
    background = Background(tmp_path / "processes")
    yield background
    background.stop(0.2)


def start_parent(background, tmp_path, *, deaf=False):
    """Start a program with a child; the child's id."""
    file = tmp_path / "child"
    script = PARENT.format(deaf=deaf, file=str(file))
    background.start("parent", [sys.executable, "-c", script], dict(os.environ), tmp_path)
    assert wait_until(lambda: file.exists() and file.read_text() != "", 20)
    return int(file.read_text())


def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("deaf", [False, True], ids=["obeys SIGTERM", "ignores SIGTERM"])
def test_stop_leaves_neither_the_program_nor_its_children(background, tmp_path, deaf):
    child = start_parent(background, tmp_path, deaf=deaf)
    assert lives(child)
    assert background.stop(0.5) == ["parent"]
    assert not background.is_running("parent")
    assert not lives(child)
    assert background.names() == []


def test_stop_finds_the_children_of_a_program_that_was_killed(background, tmp_path):
    """Out of memory, the kernel takes the scheduler and leaves its workers."""
    child = start_parent(background, tmp_path)
    leader = json.loads((background.folder / "parent.json").read_text())["pid"]
    os.kill(leader, signal.SIGKILL)
    assert wait_until(lambda: not background.is_running("parent"), 5)
    assert lives(child)
    background.stop(0.5)
    assert not lives(child)


def test_a_process_that_got_the_same_id_later_is_not_touched(background, tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    background.folder.mkdir()
    record = {"pid": stranger.pid, "started": time.time() + 1000}
    (background.folder / "gone.json").write_text(json.dumps(record))
    assert not background.is_running("gone")
    assert background.stop(0.2) == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_what_runs_already_is_not_started_again(background, tmp_path):
    start_parent(background, tmp_path)
    before = (background.folder / "parent.json").read_text()
    background.start("parent", [sys.executable, "-c", ""], dict(os.environ), tmp_path)
    assert (background.folder / "parent.json").read_text() == before


def test_the_log_keeps_what_a_program_said_before_it_ended(background, tmp_path):
    background.start("short", [sys.executable, "-c", "raise SystemExit('no such port')"], {}, tmp_path)
    assert wait_until(lambda: not background.is_running("short"), 20)
    assert background.last_lines("short") == "no such port"
