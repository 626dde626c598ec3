"""Which site this is and who may write to it: site info, and the marker in the control course (rule I2)."""

from dataclasses import dataclass

from include.groupsync.errors import SettingsError
from include.groupsync.moodle.client import MoodleClient

CONTROL_COURSE = "groupsync-control"
MARKER = "groupsync-marker"
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


def read_marker(client: MoodleClient) -> Marker | str:
    """The marker in the hidden control course; a sentence on what is missing where there is none."""
    found = client.read("core_course_get_courses_by_field", {"field": "idnumber", "value": CONTROL_COURSE})["courses"]
    if not found:
        return (
            f"no control course: make a hidden course with the ID number {CONTROL_COURSE}"
            " that the token's account may enter, then arm the site"
        )
    # The list may show what a refused update never wrote; its ids are looked up in the database.
    listed = client.read("core_group_get_course_groupings", {"courseid": found[0]["id"]})
    ids = [grouping["id"] for grouping in listed]
    groupings = client.read("core_group_get_groupings", {"groupingids": ids}) if ids else []
    marks = [grouping["name"].split() for grouping in groupings if grouping["idnumber"] == MARKER]
    if len(marks) != 1 or len(marks[0]) != 2:
        return f"no marker: course {CONTROL_COURSE} has no grouping {MARKER} that names a deployment; arm the site"
    return Marker(*marks[0])
