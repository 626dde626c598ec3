"""The run's pages in a real browser: they open, say what they should, and need nothing from outside."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.chromium import QUIET
from tests.world import NO_BREAKER, World

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("chromium")]


def opened(page: Path, profile: Path) -> str:
    """The page's document as the browser has it after loading."""
    chromium = shutil.which("chromium") or "chromium"
    command = [chromium, *QUIET, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a run that creates, deletes, holds back a row, and meets names that are no HTML."""
    with World(tmp_path_factory.mktemp("world"), NO_BREAKER) as world:
        world.course("C1", users=["ann", "bob"])
        world.map("C1")
        world.source.group("C1", "G1", name="R&D <3 a < b")
        world.source.group("C1", "G2", name='Lab "1" & co')
        world.source.group("C1", "G3", name="Gone")
        world.source.members("C1", "G2", "ann", "bob")
        world.sync()
        world.source.drop_group("C1", "G3")
        world.source.group("C1", "G4", name="<script>document.title = 'taken over'</script>")
        run = world.sync()
        assert run.state == "applied"
        return run.folder.path


@pytest.mark.parametrize("name", ["report.html", "plan.html", "rejected.html", "quality.html"])
def test_w1_a_page_opens_and_loads_nothing_from_outside(folder: Path, tmp_path: Path, name: str) -> None:
    """No script, no image, no style and no font of anybody else's."""
    document = opened(folder / name, tmp_path)
    assert "<h1>" in document
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", document)
    assert "<script" not in document
    assert "taken over" not in (re.search(r"<title>(.*?)</title>", document) or [""])[0]


def test_w1_the_report_says_what_was_done_and_what_was_set_aside(folder: Path, tmp_path: Path) -> None:
    """A delete stands in the list of deletes, a bad row with its reason and next step."""
    document = opened(folder / "report.html", tmp_path)
    assert "1 change applied" in document
    assert "Deletes in the plan" in document
    assert "Gone" in document
    assert "Moodle would change this name" in document


def test_w1_the_plan_shows_names_as_they_are(folder: Path, tmp_path: Path) -> None:
    """Escaped once, so that a reader sees what the source says."""
    assert "Gone" in opened(folder / "plan.html", tmp_path)
    assert "&lt;script&gt;" not in opened(folder / "plan.html", tmp_path)
