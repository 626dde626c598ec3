"""The incident's next step at a tenth: groups of a frozen term that were deleted in Moodle come back by a backfill."""

import re
from collections.abc import Iterator

import pytest

from include.groupsync.model.mode import Mode
from tests.incident.next_step import TENTH_NEXT, WHOLE_NEXT, NextStep
from tests.incident.scene import TERM1, TERM2
from tests.incident.story import Incident


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NextStep]:
    with Incident(tmp_path_factory.mktemp("next-step"), TENTH_NEXT) as incident:
        yield NextStep(incident)


def test_the_size_is_the_post_mortems() -> None:
    assert (WHOLE_NEXT.groups, WHOLE_NEXT.affected, WHOLE_NEXT.courses) == (1_700, 323, 14_000)
    assert TENTH_NEXT.groups == 170


def test_c2_c5_the_backfill_is_refused_and_after_two_forms_brings_back_what_was_deleted(story: NextStep) -> None:
    """Refused, it names the frozen term and the inactive mappings; then everything is made again, with members and
    groupings, nothing is deleted, and Term 2 is what it was, byte for byte."""
    size, before = TENTH_NEXT, story.rows(TERM1, as_made=True)
    assert {name: len(rows) for name, rows in before.items()} == {
        "groupings": size.groupings, "groups": size.groups, "links": size.groups, "memberships": 12 * size.groups,
    }  # fmt: skip
    of_term2 = story.what_has_been()
    assert (of_term2.run.error, of_term2.deleted) == ("", 0)
    term2 = story.rows(TERM2)
    assert len(term2["groups"]) == size.groups
    assert not any(story.rows(TERM1).values())

    for mode in (Mode.ADD, Mode.FULL):
        refused = story.backfill(mode)
        assert (refused.run.failed_step, refused.written) == ("extract", {})
        first, second, *_ = refused.run.error.splitlines()
        assert re.fullmatch(
            rf"REFUSED: a run of term {TERM1} was started to write\. The term is frozen since 2020-11-19 \d\d:\d\d UTC,"
            rf" and none of its mappings is active: 80 mappings of {size.affected} courses are inactive\.",
            first,
        )
        assert second == "Inactive: C00000, C00001, C00002, C00003, C00004 and 27 more."

    term, courses = story.switch_back()
    assert (term.error, courses.error, term.calls + courses.calls) == ("", "", [])
    assert courses.folder.json("course_switch")["changed"] == size.affected

    done = story.backfill()
    assert done.run.error == ""
    assert done.deleted == 0
    assert story.rows(TERM1, as_made=True) == before
    assert story.rows(TERM2) == term2
    assert done.run.report["switches"] == {"total": size.affected, "on": size.affected, "off": 0, "few": []}
