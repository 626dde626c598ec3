"""The web-service functions the stand-in knows: what they take, what they answer and whether they write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.moodle import (
    activities,
    contents,
    courselists,
    courses,
    enrolled,
    enrolments,
    groupings,
    groups,
    members,
    siteinfo,
    users,
)
from sandbox.moodle.access import Call
from sandbox.moodle.descriptions import Description, Many, One, Value, default


@dataclass(frozen=True)
class Function:
    """One function of Moodle's; atomic ones undo everything when an item fails."""

    run: Callable[..., Any]
    parameters: One
    returns: Description | None
    writes: bool = False
    atomic: bool = True


def _get_cohorts(call: Call, cohortids: list[int]) -> list[Any]:
    call.require("moodle/cohort:view", {"id": 1, "contextlevel": 10, "instanceid": 0})
    return [call.database.must_find("cohort", id=cohortid) for cohortid in cohortids]


def _write(run: Callable[..., Any], parameters: One, returns: Description | None = None) -> Function:
    return Function(run, parameters, returns, writes=True)


_COHORTS = One({"cohortids": Many(Value("int"), "default")})

FUNCTIONS: dict[str, Function] = {
    "core_webservice_get_site_info": Function(
        siteinfo.get_site_info, siteinfo.SITE_INFO_PARAMETERS, siteinfo.SITE_INFO
    ),
    "core_course_get_courses": Function(courselists.get_courses, courselists.GET_COURSES, courselists.COURSES),
    "core_course_get_courses_by_field": Function(
        courselists.get_courses_by_field, courselists.BY_FIELD, courselists.COURSES_BY_FIELD
    ),
    "core_course_get_categories": Function(
        courselists.get_categories, courselists.GET_CATEGORIES, courselists.CATEGORIES
    ),
    "core_course_create_courses": _write(courses.create_courses, courses.CREATE_COURSES, courses.CREATED_COURSES),
    "core_course_update_courses": Function(
        courses.update_courses, courses.UPDATE_COURSES, courses.ONLY_WARNINGS, writes=True, atomic=False
    ),
    "core_course_delete_courses": Function(
        courses.delete_courses, courses.COURSEIDS, courses.ONLY_WARNINGS, writes=True, atomic=False
    ),
    "core_course_get_contents": Function(contents.get_course_contents, contents.CONTENTS_OPTIONS, contents.CONTENTS),
    "core_course_get_course_module": Function(activities.get_course_module, activities.CMID, activities.COURSE_MODULE),
    "core_group_get_activity_groupmode": Function(
        activities.get_activity_groupmode, activities.CMID, activities.GROUPMODE
    ),
    "core_group_get_activity_allowed_groups": Function(
        activities.get_activity_allowed_groups, activities.CMID_USERID, activities.ALLOWED_GROUPS
    ),
    "core_user_get_users": Function(users.get_users, users.CRITERIA, users.FOUND_USERS),
    "core_user_get_users_by_field": Function(users.get_users_by_field, users.BY_FIELD, users.USERS),
    "core_user_create_users": _write(users.create_users, users.CREATE_USERS, users.CREATED_USERS),
    "core_user_update_users": Function(
        users.update_users, users.UPDATE_USERS, users.ONLY_WARNINGS, writes=True, atomic=False
    ),
    "core_user_delete_users": _write(users.delete_users, users.USERIDS),
    "enrol_manual_enrol_users": _write(enrolments.enrol_users, enrolments.ENROL_USERS),
    "enrol_manual_unenrol_users": _write(enrolments.unenrol_users, enrolments.UNENROL_USERS),
    "core_role_assign_roles": _write(enrolments.assign_roles, enrolments.ASSIGN_ROLES),
    "core_enrol_get_enrolled_users": Function(enrolled.get_enrolled_users, enrolled.ENROLLED_USERS, enrolled.ENROLLED),
    "core_enrol_get_enrolled_users_with_capability": Function(
        enrolled.get_enrolled_users_with_capability,
        enrolled.WITH_CAPABILITY,
        enrolled.ENROLLED_WITH_CAPABILITY,
    ),
    "core_enrol_get_users_courses": Function(
        enrolled.get_users_courses, enrolled.USERS_COURSES, enrolled.COURSES_OF_USER
    ),
    "core_group_create_groups": _write(groups.create_groups, groups.CREATE_GROUPS, groups.CREATED_GROUPS),
    "core_group_get_groups": Function(groups.get_groups, groups.GROUPIDS, groups.GROUPS_WITH_FIELDS),
    "core_group_update_groups": _write(groups.update_groups, groups.UPDATE_GROUPS),
    "core_group_delete_groups": _write(groups.delete_groups, groups.GROUPIDS),
    "core_group_get_course_groups": Function(groups.get_course_groups, groups.COURSEID, groups.COURSE_GROUPS),
    "core_group_get_course_user_groups": Function(
        groups.get_course_user_groups, groups.COURSE_USER_GROUPS, groups.USER_GROUPS
    ),
    "core_group_create_groupings": _write(
        groupings.create_groupings, groupings.CREATE_GROUPINGS, groupings.CREATED_GROUPINGS
    ),
    "core_group_get_groupings": Function(groupings.get_groupings, groupings.GET_GROUPINGS, groupings.GROUPINGS),
    "core_group_update_groupings": _write(groupings.update_groupings, groupings.UPDATE_GROUPINGS),
    "core_group_delete_groupings": _write(groupings.delete_groupings, groupings.GROUPINGIDS),
    "core_group_get_course_groupings": Function(
        groupings.get_course_groupings, groups.COURSEID, groupings.COURSE_GROUPINGS
    ),
    "core_group_assign_grouping": _write(groupings.assign_grouping, groupings.ASSIGNMENTS),
    "core_group_unassign_grouping": _write(groupings.unassign_grouping, groupings.UNASSIGNMENTS),
    "core_group_add_group_members": _write(members.add_group_members, members.MEMBERS),
    "core_group_delete_group_members": _write(members.delete_group_members, members.MEMBERS),
    "core_group_get_group_members": Function(members.get_group_members, groups.GROUPIDS, members.GROUP_MEMBERS),
    "core_cohort_get_cohorts": Function(_get_cohorts, _COHORTS, Many(One({"id": default("int", 0)}))),
}

# Functions of a real site that the stand-in does not have: they exist, but are in nobody's service.
OTHER_FUNCTIONS = frozenset(Path(__file__).with_name("other_functions.txt").read_text(encoding="utf-8").split())
