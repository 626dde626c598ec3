"""What uses a group or grouping, asked of a running stand-in (rule J1; what the breaker's ``in_use`` looks at)."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from include.groupsync.model.snapshot import How, InQuestion, Use
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.uses import Uses, read_uses
from include.groupsync.moodle.writer import MoodleWriter
from sandbox.moodle import RunningSite
from sandbox.moodle.coursework import add_activities, set_sections
from sandbox.moodle.database import Database, connect
from tests.include.groupsync.moodle.conftest import CHEM, HIDDEN, HIST, client_of

# What Moodle shows of it is escaped, and without the tags.
ONE = 'R&D <span lang="en" class="multilang">one</span>'


class Coursework:
    """Two groups and two groupings of the history course, and activities as its teachers make them."""

    def __init__(self, path: Path, client: MoodleClient):
        writer = MoodleWriter(client)
        thing = {"courseid": HIST, "description": ""}
        names = {"A": ONE, "B": "Two"}
        self.one, self.two = writer.create_groups(
            [{**thing, "name": name, "idnumber": idnumber} for idnumber, name in names.items()]
        )
        self.seminars, self.labs = writer.create_groupings(
            [{**thing, "name": name, "idnumber": name} for name in ("Seminars", "Labs")]
        )
        writer.add_links([(self.seminars, self.one)])
        self._path = path

    def activity(self, module: str = "page", course: int = HIST, **fields: Any) -> int:
        wanted = {"course": course, "module": module, "name": f"A {module}", **fields}
        with closing(Database(connect(self._path))) as database, database.transaction():
            return add_activities(database, [wanted])[0]

    def section(self, number: int, **fields: Any) -> int:
        with closing(Database(connect(self._path))) as database, database.transaction():
            return set_sections(database, [{"course": HIST, "section": number, **fields}])[0]

    def edit(self, sql: str, *values: Any) -> None:
        with closing(Database(connect(self._path))) as database:
            database.execute(sql, values)

    @property
    def all(self) -> InQuestion:
        """All four objects."""
        return InQuestion(
            groups={self.one: ONE, self.two: "Two"},
            groupings={self.seminars: "Seminars", self.labs: "Labs"},
            links=frozenset({(self.seminars, self.one)}),
        )


@pytest.fixture
def coursework(tmp_path: Path, client: MoodleClient) -> Coursework:
    return Coursework(tmp_path / "site.sqlite", client)


def group(moodle_id: int) -> dict[str, Any]:
    return {"type": "group", "id": moodle_id}


def grouping(moodle_id: int) -> dict[str, Any]:
    return {"type": "grouping", "id": moodle_id}


def every(*conditions: Any) -> dict[str, Any]:
    return {"op": "&", "c": list(conditions), "showc": [True] * len(conditions)}


def read(client: MoodleClient, coursework: Coursework) -> list[tuple[str, int, How, int | None]]:
    uses = read_uses(client, {HIST: coursework.all})
    assert uses.unread == {}
    return sorted((use.kind, use.moodle_id, use.how, use.cmid) for use in uses.found[HIST])


def test_a_course_that_uses_nothing_has_no_uses(client: MoodleClient, coursework: Coursework) -> None:
    coursework.activity("forum")
    assert read(client, coursework) == []


def test_restrictions_are_found_however_deep_and_negated(client: MoodleClient, coursework: Coursework) -> None:
    """Each object once for each activity, though it be named twice."""
    inner = {"op": "!|", "c": [group(coursework.one), {"op": "!&", "c": [grouping(coursework.labs)]}]}
    cmid = coursework.activity(availability=every({"type": "date", "d": ">=", "t": 1}, inner, group(coursework.one)))
    assert read(client, coursework) == [
        ("group", coursework.one, How.RESTRICTION, cmid),
        ("grouping", coursework.labs, How.RESTRICTION, cmid),
    ]


def test_a_restriction_to_any_group_uses_none(client: MoodleClient, coursework: Coursework) -> None:
    coursework.activity(availability=every({"type": "group"}))
    assert read(client, coursework) == []


def test_hidden_activities_and_labels_count(client: MoodleClient, coursework: Coursework) -> None:
    """A label has no page of its own; its address is its place in the course."""
    hidden = coursework.activity(visible=0, availability=every(group(coursework.one)))
    label = coursework.activity("label", availability=every(group(coursework.two)))
    uses = {use.cmid: use for use in read_uses(client, {HIST: coursework.all}).found[HIST]}
    site = client.connection.url
    assert {cmid: use.url for cmid, use in uses.items()} == {
        hidden: f"{site}/mod/page/view.php?id={hidden}",
        label: f"{site}/course/view.php?id={HIST}#module-{label}",
    }


def test_an_activitys_grouping_counts_where_it_works_in_groups(client: MoodleClient, coursework: Coursework) -> None:
    """Without group mode a grouping has no effect; with it, the grouping's groups have their part in it."""
    separate = coursework.activity("forum", groupmode=1, groupingid=coursework.seminars)
    visible = coursework.activity("assign", groupmode=2, groupingid=coursework.labs)
    coursework.activity("quiz", groupingid=coursework.seminars)
    assert read(client, coursework) == [
        ("group", coursework.one, How.GROUP_MODE, separate),
        ("grouping", coursework.seminars, How.ACTIVITY_GROUPING, separate),
        ("grouping", coursework.labs, How.ACTIVITY_GROUPING, visible),
    ]


def test_without_a_grouping_an_activity_works_with_all_groups(client: MoodleClient, coursework: Coursework) -> None:
    cmid = coursework.activity("forum", groupmode=1)
    assert read(client, coursework) == [
        ("group", coursework.one, How.GROUP_MODE, cmid),
        ("group", coursework.two, How.GROUP_MODE, cmid),
    ]


def test_a_forced_group_mode_is_the_one_in_force(client: MoodleClient, coursework: Coursework) -> None:
    """Contents give the activity's own mode: only the course says that another is forced, or none."""
    cmid = coursework.activity("quiz", groupingid=coursework.seminars)
    coursework.edit("UPDATE mdl_course SET groupmode = 2, groupmodeforce = 1 WHERE id = ?", HIST)
    assert ("grouping", coursework.seminars, How.ACTIVITY_GROUPING, cmid) in read(client, coursework)
    coursework.edit("UPDATE mdl_course SET groupmode = 0 WHERE id = ?", HIST)
    coursework.edit("UPDATE mdl_course_modules SET groupmode = 1 WHERE id = ?", cmid)
    assert read(client, coursework) == []


def test_a_restriction_to_the_activitys_own_grouping_is_one(client: MoodleClient, coursework: Coursework) -> None:
    """It names no id and needs no group mode."""
    cmid = coursework.activity(groupingid=coursework.labs, availability=every({"type": "grouping", "activity": True}))
    assert read(client, coursework) == [
        ("grouping", coursework.labs, How.ACTIVITY_GROUPING, cmid),
        ("grouping", coursework.labs, How.RESTRICTION, cmid),
    ]


def test_the_default_grouping_of_the_course_is_a_use(client: MoodleClient, coursework: Coursework) -> None:
    coursework.edit("UPDATE mdl_course SET defaultgroupingid = ? WHERE id = ?", coursework.labs, HIST)
    assert read(client, coursework) == [("grouping", coursework.labs, How.DEFAULT_GROUPING, None)]


def test_a_restricted_section_is_known_by_its_text(client: MoodleClient, coursework: Coursework) -> None:
    """Moodle tells it to an account that may not access all groups, with the name as HTML; to others not at all."""
    section = coursework.section(1, availability=every(group(coursework.one), grouping(coursework.labs)))
    assert read(client, coursework) == []
    coursework.edit("DELETE FROM mdl_role_capabilities WHERE capability = 'moodle/site:accessallgroups'")
    uses = read_uses(client, {HIST: coursework.all}).found[HIST]
    url = f"{client.connection.url}/course/section.php?id={section}"
    assert uses == [
        Use("group", coursework.one, How.SECTION_RESTRICTION, activity="New section", url=url),
        Use("grouping", coursework.labs, How.SECTION_RESTRICTION, activity="New section", url=url),
    ]


def unread(uses: Uses, course_id: int) -> set[tuple[str, int]]:
    return {(use.kind, use.moodle_id) for use in uses.found[course_id] if use.how is How.UNREAD}


def test_a_course_that_refuses_does_not_pass_for_unused(site: RunningSite, coursework: Coursework) -> None:
    """Not known is never unused; and one course that refuses does not hide the others."""
    asked = {HIST: coursework.all, HIDDEN: InQuestion(groups={99: "Hidden"}), 4711: InQuestion(groups={98: "Gone"})}
    coursework.edit("DELETE FROM mdl_role_capabilities WHERE capability = 'moodle/course:viewhiddencourses'")
    uses = read_uses(client_of(site), asked)
    assert set(uses.unread) == {HIDDEN, 4711}
    assert "Course or activity not accessible" in uses.unread[HIDDEN]
    assert unread(uses, HIDDEN) == {("group", 99)}
    assert unread(uses, 4711) == {("group", 98)}
    assert uses.found[HIST] == []


def test_an_account_that_is_not_shown_restrictions_knows_nothing(site: RunningSite, coursework: Coursework) -> None:
    """Without the right to update the course Moodle shows neither its settings nor any restriction."""
    coursework.activity(availability=every(group(coursework.one)))
    uses = read_uses(client_of(site, "plain"), {HIST: coursework.all})
    assert "moodle/course:update" in uses.unread[HIST]
    assert unread(uses, HIST) == coursework.all.objects


def test_a_section_that_may_not_be_used_hides_its_activities(client: MoodleClient, coursework: Coursework) -> None:
    """Moodle empties it; what is in it is not known."""
    coursework.section(1, availability=every(group(coursework.two)))
    coursework.activity(section=1, availability=every(group(coursework.one)))
    for capability in ("moodle/site:accessallgroups", "moodle/course:ignoreavailabilityrestrictions"):
        coursework.edit("DELETE FROM mdl_role_capabilities WHERE capability = ?", capability)
    uses = read_uses(client, {HIST: coursework.all})
    assert "section 1" in uses.unread[HIST]
    assert unread(uses, HIST) == coursework.all.objects


def test_an_activity_that_refuses_to_name_its_grouping_is_told(client: MoodleClient, coursework: Coursework) -> None:
    """Contents may list what get_course_module does not let in: here one that is being deleted meanwhile."""
    cmid = coursework.activity("forum", groupmode=1, groupingid=coursework.seminars)
    ask = client.read

    def vanish(function: str, arguments: Any = None) -> Any:
        if function == "core_course_get_course_module":
            coursework.edit("DELETE FROM mdl_course_modules WHERE id = ?", cmid)
        return ask(function, arguments)

    client.read = vanish  # type: ignore[method-assign]
    uses = read_uses(client, {HIST: coursework.all})
    assert "invalidrecordunknown" in uses.unread[HIST]
    assert unread(uses, HIST) == coursework.all.objects


def test_only_what_is_asked_for_costs_calls(client: MoodleClient, site: RunningSite, coursework: Coursework) -> None:
    """One call for all courses' settings, one for each course, one for each activity that works in groups."""
    coursework.activity("forum", groupmode=1)
    coursework.activity(availability=every(group(coursework.two)))
    site.reset_calls()
    uses = read_uses(client, {HIST: InQuestion(groups={coursework.two: "Two"}), CHEM: InQuestion(groups={97: "X"})})
    assert {name: seen["calls"] for name, seen in site.calls().items()} == {
        "core_course_get_courses": 1,
        "core_course_get_contents": 2,
        "core_course_get_course_module": 1,
    }
    assert {(use.moodle_id, use.how) for use in uses.found[HIST]} == {
        (coursework.two, How.RESTRICTION),
        (coursework.two, How.GROUP_MODE),
    }
    assert uses.found[CHEM] == []
