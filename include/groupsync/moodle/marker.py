"""Which site this is and who may write to it: site info, and the marker in the control course (rule I2).

``write_marker`` is the one write to Moodle outside ``apply`` (rule A7): the marker and nothing else.
"""

from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import ApplyError, MoodleRefused, OutcomeUnknown, SettingsError
from include.groupsync.moodle.client import MoodleClient

CONTROL_COURSE = "groupsync-control"
MARKER = "groupsync-marker"
MAKE_CONTROL_COURSE = (
    f"make a hidden course with the ID number {CONTROL_COURSE} and no participants (Site administration, Courses,"
    " Add a new course); the token's account needs moodle/course:view, moodle/course:viewhiddencourses,"
    " moodle/course:update and moodle/course:managegroups there, unless it has them for the whole site"
)
_DESCRIPTION = (
    "<p>Written by moodle_group_arm. Its name says which environment this site belongs to and which deployment of"
    " groupsync may write groups to it. Do not edit or delete it: without it, no sync writes here.</p>"
)
FUNCTIONS = (
    "core_webservice_get_site_info",
    "core_course_get_courses",
    "core_course_get_courses_by_field",
    "core_course_get_contents",
    "core_course_get_course_module",
    "core_user_get_users_by_field",
    "core_enrol_get_enrolled_users",
    "core_group_get_course_groups",
    "core_group_get_groups",
    "core_group_get_group_members",
    "core_group_create_groups",
    "core_group_update_groups",
    "core_group_delete_groups",
    "core_group_add_group_members",
    "core_group_delete_group_members",
    "core_group_get_course_groupings",
    "core_group_get_groupings",
    "core_group_create_groupings",
    "core_group_update_groupings",
    "core_group_delete_groupings",
    "core_group_assign_grouping",
    "core_group_unassign_grouping",
)


@dataclass(frozen=True)
class Marker:
    """The environment that the site belongs to, and the one deployment that may write to it."""

    environment: str
    deployment_id: str

    def __str__(self) -> str:
        return f"{self.environment} {self.deployment_id}"


@dataclass(frozen=True)
class Control:
    """The control course as it is: its id, and those of the groupings that claim to be the marker.

    ``marker`` is what the one marker names; where there is none, ``lacks`` says what is missing and what to do.
    """

    course_id: int | None = None
    grouping_ids: tuple[int, ...] = ()
    marker: Marker | None = None
    lacks: str = ""


def site_url(client: MoodleClient) -> str:
    """The address that the site itself gives; SettingsError where the token lacks a function we need."""
    info = client.read("core_webservice_get_site_info")
    offered = {function["name"] for function in info.get("functions", [])}
    missing = [function for function in FUNCTIONS if function not in offered]
    if missing:
        raise SettingsError(
            f"connection {client.connection.conn_id}: the token's web service lacks {', '.join(missing)};"
            " add them to the external service in Moodle (README.md has the whole list)."
        )
    return str(info["siteurl"]).rstrip("/")


def read_control(client: MoodleClient) -> Control:
    """The control course and the marker in it, past Moodle's cache."""
    asked = {"field": "idnumber", "value": CONTROL_COURSE}
    courses = client.read("core_course_get_courses_by_field", asked)["courses"]
    if not courses:
        return Control(lacks=f"no control course: {MAKE_CONTROL_COURSE}; then arm the site")
    if len(courses) > 1:
        ids = ", ".join(str(course["id"]) for course in courses)
        return Control(lacks=f"{len(courses)} courses have the ID number {CONTROL_COURSE} (ids {ids}): keep one")
    course_id = int(courses[0]["id"])
    try:
        marks = _marks(client, course_id)
    except MoodleRefused as refused:
        return Control(
            course_id, lacks=f"control course {CONTROL_COURSE} cannot be read ({refused}): {MAKE_CONTROL_COURSE}"
        )
    return _control(course_id, marks)


def read_marker(client: MoodleClient) -> Marker | str:
    """The marker in the hidden control course; a sentence on what is missing where there is none."""
    control = read_control(client)
    return control.marker or control.lacks


def write_marker(client: MoodleClient, control: Control, marker: Marker) -> Marker:
    """Make the marker, or let the one that there is name another deployment; the marker as read back.

    ``control`` is the control course as it was just read: whoever calls this has decided that its marker may be
    replaced.  Raises SettingsError where there is no place for a marker or Moodle refuses it, ApplyError where
    Moodle does not hold it afterwards.
    """
    if control.course_id is None or len(control.grouping_ids) > 1:
        raise SettingsError(f"The marker cannot be written: {control.lacks}")
    item = {"name": str(marker), "description": _DESCRIPTION, "idnumber": MARKER}
    try:
        if control.grouping_ids:
            grouping = {"id": control.grouping_ids[0], **item}
            client.write("core_group_update_groupings", {"groupings": [grouping]})
        else:
            client.write("core_group_create_groupings", {"groupings": [{"courseid": control.course_id, **item}]})
    except MoodleRefused as refused:
        taken = refused.errorcode == "idnumbertaken"
        next_step = (
            "another deployment has just armed the site; arm again to see which" if taken else MAKE_CONTROL_COURSE
        )
        raise SettingsError(f"The marker was not written ({refused}): {next_step}") from refused
    except OutcomeUnknown:
        pass  # never sent twice: what follows reads whether it was done
    after = read_control(client)
    if after.marker != marker:
        raise ApplyError(
            f"The marker was sent, and the site does not hold it: {after.marker or after.lacks}. Another deployment"
            " may be arming the site at this moment; look into the control course and arm again."
        )
    return after.marker


def _marks(client: MoodleClient, course_id: int) -> list[dict[str, Any]]:
    # The list may show what a refused update never wrote; its ids are looked up in the database.
    listed = client.read("core_group_get_course_groupings", {"courseid": course_id})
    ids = [grouping["id"] for grouping in listed]
    groupings = client.read("core_group_get_groupings", {"groupingids": ids}) if ids else []
    return [grouping for grouping in groupings if grouping["idnumber"].strip() == MARKER]


def _control(course_id: int, marks: list[dict[str, Any]]) -> Control:
    ids = tuple(int(mark["id"]) for mark in marks)
    if not marks:
        return Control(course_id, lacks=f"no marker: course {CONTROL_COURSE} has no grouping {MARKER}; arm the site")
    if len(marks) > 1:
        names = " and ".join(repr(mark["name"]) for mark in marks)
        return Control(
            course_id,
            ids,
            lacks=f"{len(marks)} markers in course {CONTROL_COURSE}, {names}: only one deployment may write;"
            " find out which, and delete the other grouping in Moodle",
        )
    words = marks[0]["name"].split()
    if len(words) != 2:
        return Control(
            course_id,
            ids,
            lacks=f"no marker: grouping {MARKER} of course {CONTROL_COURSE} is named {marks[0]['name']!r} and so"
            " names no deployment; delete it in Moodle and arm the site",
        )
    return Control(course_id, ids, Marker(*words))
