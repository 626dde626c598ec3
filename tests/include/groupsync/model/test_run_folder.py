"""The folder of one run: whole files under safe names."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.groupsync.model.frames import TEXT, WHOLE, frame_of
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.run_path import find_run_folder, run_name, safe_run_id

SCHEMA = {"course": TEXT, "course_id": WHOLE}
FRAME = frame_of([{"course": "Ç", "course_id": 2**60}, {"course": None, "course_id": None}], SCHEMA)


@given(st.text("a/\\.:+ \0\né*?[~%", max_size=12))
@example("..")
@example("../../etc/passwd")
@example("/")
def test_a_run_id_never_leads_out_of_its_folder(run_id: str) -> None:
    """It is one plain part of a path, never empty and never hidden."""
    safe = safe_run_id(run_id)
    assert Path(safe).parts == (safe,)
    assert not safe.startswith(".")
    assert (Path("/runs") / safe).resolve() == Path("/runs") / safe


def test_airflows_run_ids_are_kept_as_they_are() -> None:
    """A person finds the run's folder by the name that the UI shows."""
    run_id = "scheduled__2026-01-12T02:00:00+00:00"
    assert safe_run_id(run_id) == run_id


def test_two_dags_may_have_runs_of_one_id() -> None:
    """The journal and the folder of one are never the other's."""
    assert run_name("moodle_group_sync", "manual__1") == "manual__1"
    assert run_name("moodle_group_release", "manual__1") == "moodle_group_release.manual__1"


def test_a_run_is_found_whichever_its_term(tmp_path: Path) -> None:
    """The page knows the run's id only."""
    made = RunFolder.of(tmp_path, "2025-26/T1", "manual__1").path
    assert find_run_folder(tmp_path, "manual__1") == made
    assert made.parent.parent == tmp_path
    assert find_run_folder(tmp_path, "manual__2") is None
    assert find_run_folder(tmp_path / "nothing", "manual__1") is None


@pytest.mark.parametrize("run_id", ["*", "manual__?", "[m]anual__1", "../2025/manual__1"])
def test_a_run_is_not_found_by_a_pattern(tmp_path: Path, run_id: str) -> None:
    """What comes in an address is a name, not a wildcard."""
    RunFolder.of(tmp_path, "2025", "manual__1")
    assert find_run_folder(tmp_path, run_id) is None


def test_a_frame_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Nulls, large numbers and letters included."""
    folder = RunFolder(tmp_path)
    folder.save_frame("moodle/courses", FRAME, SCHEMA)
    assert folder.has("moodle/courses.parquet")
    assert folder.frame("moodle/courses").equals(FRAME)


def test_a_document_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Readable by a person: letters are not escaped."""
    folder = RunFolder(tmp_path)
    folder.save_json("steps/plan", {"name": "Ångström", "n": 1})
    assert folder.json("steps/plan") == {"name": "Ångström", "n": 1}
    assert "Ångström" in (tmp_path / "steps/plan.json").read_text(encoding="utf-8")


def test_a_file_that_no_step_has_left_is_an_error(tmp_path: Path) -> None:
    """Missing is not empty."""
    with pytest.raises(FileNotFoundError):
        RunFolder(tmp_path).frame("plan")


def test_a_file_is_whole_or_the_one_before(tmp_path: Path) -> None:
    """What fails half-way leaves the old file, and nothing beside it."""
    folder = RunFolder(tmp_path)
    folder.save_json("plan", {"digest": "old"})
    circle: dict[str, object] = {}
    circle["self"] = circle
    with pytest.raises(ValueError, match="Circular"):
        folder.save_json("plan", circle)
    with pytest.raises(UnicodeEncodeError):
        folder.save_text("plan.json", "half of it and \ud800")
    assert folder.json("plan") == {"digest": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path) -> None:
    """A step that is repeated changes nothing."""
    folder = RunFolder(tmp_path)
    for name in ("one", "other"):
        folder.save_frame(name, FRAME, SCHEMA)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_a_frame_is_read_bit_by_bit_and_course_by_course(tmp_path: Path) -> None:
    """In the order in which it was saved, whatever the size of the bits; a course that is not there gives no row."""
    folder = RunFolder(tmp_path)
    frame = frame_of(({"course": f"C{n % 7}", "course_id": n} for n in range(120_000)), SCHEMA)
    folder.save_frame("many", frame, SCHEMA)
    batches = [*folder.batches("many", ["course_id"])]
    assert max(len(batch) for batch in batches) <= 10_000
    assert [n for batch in batches for n in batch["course_id"].to_pylist()] == [*range(120_000)]
    wanted = frame[frame["course"].isin(["C3", "C5"])].reset_index(drop=True)
    assert folder.frame_of_courses("many", {"C5", "C3", "C9"}).equals(wanted)
    assert folder.frame_of_courses("many", set()).equals(frame_of([], SCHEMA))
    folder.save_frame("none", frame_of([], SCHEMA), SCHEMA)
    assert folder.frame_of_courses("none", {"C3"}).equals(frame_of([], SCHEMA))
