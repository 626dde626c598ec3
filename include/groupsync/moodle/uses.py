"""What in a course uses a group or grouping, as far as web services show it (rule J1, the breaker's ``in_use``).

Read for the objects in question only, and only in their courses: one call for the settings of all courses, one for
the contents of each, one for each activity whose grouping matters.  ``could not read`` is never ``is not used``:
where Moodle does not show something, every object in question of that course has a use ``unread``.

Moodle shows a section's restriction only as text with the object's name, and only to an account without
``moodle/site:accessallgroups``; activities of a kind that the account may not view it leaves out without a word.
Team submissions, overrides and posts of a group are in no function that the sync may call.
"""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from include.groupsync.errors import MoodleRefused
from include.groupsync.model.snapshot import How, InQuestion, Use
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.halving import bisect

_RAW = {"moodlewssettingraw": 1}
_OPTIONS = [{"name": "excludecontents", "value": 1}]
_NO_SETTINGS = (
    "Moodle does not show the course's settings to the token's account; give it the capability moodle/course:update"
)


@dataclass
class Uses:
    """The uses found, by course id, and why something could not be read, by course id."""

    found: dict[int, list[Use]] = field(default_factory=dict)
    unread: dict[int, str] = field(default_factory=dict)


def read_uses(client: MoodleClient, courses: Mapping[int, InQuestion]) -> Uses:
    """The uses of the objects in question, by course id; a course that refuses is told in ``unread``.

    Raises MoodleUnreachable when the site stops answering.
    """
    uses = Uses()
    settings = _settings(client, [*courses], uses)
    with ThreadPoolExecutor(client.settings.readers) as pool:
        readers = [_CourseReader(client, course_id, asked) for course_id, asked in courses.items()]
        found = pool.map(lambda reader: reader.read(settings.get(reader.course_id)), readers)
        for reader, several in zip(readers, found, strict=True):
            reason = uses.unread.get(reader.course_id) or reader.unread
            if reason:
                uses.unread[reader.course_id] = reason
                several += [Use(kind, moodle_id, How.UNREAD) for kind, moodle_id in reader.asked.objects]
            uses.found[reader.course_id] = several
    return uses


def _settings(client: MoodleClient, course_ids: list[int], uses: Uses) -> dict[int, dict[str, Any]]:
    """Group mode, whether it is forced, and default grouping: shown to who may update the course."""

    def failed(course_id: int, refused: MoodleRefused) -> None:
        uses.unread[course_id] = str(refused)

    def ask(some: list[int]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = client.read("core_course_get_courses", {"options": {"ids": some}})
        return listed

    size = max(1, client.settings.form_variables - 10)
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(course_ids), size):
        for course in bisect(ask, course_ids[start : start + size], failed):
            if "defaultgroupingid" in course:
                found[course["id"]] = course
    for course_id in course_ids:
        if course_id not in found:
            uses.unread.setdefault(course_id, _NO_SETTINGS)
    return found


class _CourseReader:
    """Reads one course; ``unread`` is the first reason why something of it could not be read."""

    def __init__(self, client: MoodleClient, course_id: int, asked: InQuestion):
        self.course_id, self.asked, self.unread = course_id, asked, ""
        self._client = client
        self._site = client.connection.url.rstrip("/")

    def read(self, settings: Mapping[str, Any] | None) -> list[Use]:
        """The uses by the course's contents, and by its settings where those are shown."""
        course = settings or {"groupmode": 0, "groupmodeforce": 0, "defaultgroupingid": 0}
        found = []
        if course["defaultgroupingid"] in self.asked.groupings:
            url = f"{self._site}/course/edit.php?id={self.course_id}"
            found.append(Use("grouping", course["defaultgroupingid"], How.DEFAULT_GROUPING, url=url))
        arguments = {"courseid": self.course_id, "options": _OPTIONS, **_RAW}
        try:
            sections = self._client.read("core_course_get_contents", arguments)
        except MoodleRefused as refused:
            self.unread = str(refused)
            return found
        # Contents give an activity's own mode, also where the course forces another.
        forced = course["groupmode"] if course["groupmodeforce"] else None
        for section in sections:
            found += self._of_section(section)
            for module in section["modules"]:
                found += self._of_activity(module, forced)
        return found

    def _of_section(self, section: Mapping[str, Any]) -> Iterator[Use]:
        if section.get("uservisible") is False:
            self.unread = self.unread or (
                f"the token's account may not use section {section.get('section')}; give it the capabilities"
                " moodle/course:viewhiddensections and moodle/course:ignoreavailabilityrestrictions"
            )
        reason = unescape(section.get("availabilityinfo") or "")
        url = f"{self._site}/course/section.php?id={section['id']}"
        for kind, names in (("group", self.asked.groups), ("grouping", self.asked.groupings)):
            for moodle_id, name in names.items():
                if f"<strong>{_as_shown(name)}</strong>" in reason:
                    yield Use(kind, moodle_id, How.SECTION_RESTRICTION, activity=section["name"], url=url)

    def _of_activity(self, module: Mapping[str, Any], forced: int | None) -> Iterator[Use]:
        named = {
            "cmid": module["id"],
            "activity": module["name"],
            "module": module["modname"],
            # A label has no page of its own.
            "url": module.get("url") or f"{self._site}/course/view.php?id={self.course_id}#module-{module['id']}",
        }
        conditions = [*_conditions(json.loads(module.get("availability") or "{}"))]
        for kind, moodle_id in {(c["type"], c["id"]) for c in conditions if c.get("id")}:
            if (kind, moodle_id) in self.asked.objects:
                yield Use(kind, moodle_id, How.RESTRICTION, **named)
        groupmode = module.get("groupmode", 0) if forced is None else forced
        by_own_grouping = any(c.get("activity") for c in conditions)
        if not groupmode and not by_own_grouping:
            return  # A grouping without group mode has no effect.
        grouping_id = self._grouping(module["id"])
        if grouping_id in self.asked.groupings:
            yield Use("grouping", grouping_id, How.ACTIVITY_GROUPING, **named)
            if by_own_grouping:
                yield Use("grouping", grouping_id, How.RESTRICTION, **named)
        for group_id in self.asked.groups if groupmode else ():
            if not grouping_id or (grouping_id, group_id) in self.asked.links:
                yield Use("group", group_id, How.GROUP_MODE, **named)

    def _grouping(self, cmid: int) -> int:
        """Only the activity itself names its grouping; 0 if it has none."""
        try:
            answer = self._client.read("core_course_get_course_module", {"cmid": cmid})
        except MoodleRefused as refused:
            self.unread = self.unread or str(refused)
            return 0
        return int(answer["cm"].get("groupingid") or 0)


def _conditions(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The conditions on groups and groupings in a restriction, however deep they are nested or negated."""
    if tree.get("type") in ("group", "grouping"):
        yield tree
    for inner in tree.get("c", ()):
        yield from _conditions(inner)


def _as_shown(name: str) -> str:
    """A name as it stands in Moodle's text, once that is unescaped: without the tags of other languages."""
    return unescape(re.sub(r"</?(span|lang)\b[^>]*>", "", name))
