"""The web services on groupings and on the groups in them."""

from sandbox.moodle import php
from sandbox.moodle.access import Call
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Description, Many, One, Value, default, optional
from sandbox.moodle.errors import InvalidParameter, MoodleException
from sandbox.moodle.groupcache import with_idnumber
from sandbox.moodle.groups import SHOWN_CUSTOMFIELDS, enter_to_manage
from sandbox.moodle.text import format_text, validate_format

_SENT_CUSTOMFIELDS = Many(One({"shortname": Value("alphanumext"), "value": Value("raw")}), "optional")
_SENT: dict[str, Description] = {
    "name": Value("text"),
    "description": Value("raw"),
    "descriptionformat": default("int", 1),
    "idnumber": optional("raw"),
    "customfields": _SENT_CUSTOMFIELDS,
}
CREATE_GROUPINGS = One({"groupings": Many(One({"courseid": Value("int"), **_SENT}))})
UPDATE_GROUPINGS = One({"groupings": Many(One({"id": Value("int"), **_SENT}))})
_SHOWN: dict[str, Description] = {
    "id": Value("int"),
    "courseid": Value("int"),
    "name": Value("text"),
    "description": Value("raw"),
    "descriptionformat": Value("int"),
    # Optional on the way in, required on the way out: left out, it fails the answer but not the writing.
    "idnumber": Value("raw"),
}
CREATED_GROUPINGS = Many(One({**_SHOWN, "customfields": _SENT_CUSTOMFIELDS}))
COURSE_GROUPINGS = Many(One(_SHOWN))
_GROUP_IN_GROUPING: dict[str, Description] = {
    **_SHOWN,
    "enrolmentkey": Value("raw"),
    "customfields": SHOWN_CUSTOMFIELDS,
}
GROUPINGS = Many(
    One(
        {
            **_SHOWN,
            "customfields": SHOWN_CUSTOMFIELDS,
            "groups": Many(One(_GROUP_IN_GROUPING), "optional"),
        }
    )
)
GROUPINGIDS = One({"groupingids": Many(Value("int"))})
GET_GROUPINGS = One({"groupingids": Many(Value("int")), "returngroups": default("bool", False)})
_PAIRS = Many(One({"groupingid": Value("int"), "groupid": Value("int")}))
ASSIGNMENTS, UNASSIGNMENTS = One({"assignments": _PAIRS}), One({"unassignments": _PAIRS})


def create_groupings(call: Call, groupings: list[Row]) -> list[Row]:
    """Create groupings and echo what was sent, trimmed, with ids."""
    return [_create(call, grouping) for grouping in groupings]


def _create(call: Call, grouping: Row) -> Row:
    courseid = grouping["courseid"]
    if not php.trim(grouping["name"]):
        raise InvalidParameter("Invalid grouping name")
    if call.database.find("groupings", courseid=courseid, name=grouping["name"]):
        raise InvalidParameter("Grouping with the same name already exists in the course")
    enter_to_manage(call, courseid, call.must_course_context(courseid))
    validate_format(grouping["descriptionformat"])
    row = _to_store(call, grouping, courseid)
    row |= {"courseid": courseid, "timecreated": call.now}
    grouping_id = call.database.insert("groupings", row)
    call.cache.invalidate(courseid)
    echo = {name: value for name, value in row.items() if name in grouping}
    return {**grouping, **echo, "id": grouping_id}


def update_groupings(call: Call, groupings: list[Row]) -> None:
    """Change groupings; the description must always be sent."""
    for grouping in groupings:
        _update(call, grouping)


def _update(call: Call, grouping: Row) -> None:
    if not php.trim(grouping["name"]):
        raise InvalidParameter("Invalid grouping name")
    current = call.database.find("groupings", id=grouping["id"])
    if current is None:
        raise InvalidParameter(f"Grouping {grouping['id']} does not exist in the course")
    courseid = current["courseid"]
    if not php.loosely_equal(grouping["name"], current["name"]) and call.database.find(
        "groupings", courseid=courseid, name=grouping["name"]
    ):
        raise InvalidParameter("A different grouping with the same name already exists in the course")
    enter_to_manage(call, courseid, call.must_course_context(courseid))
    validate_format(grouping["descriptionformat"])
    call.database.update("groupings", grouping["id"], _to_store(call, grouping, courseid, grouping["id"]))
    call.cache.invalidate(courseid)


def _to_store(call: Call, grouping: Row, courseid: int, own_id: int | None = None) -> Row:
    row = {
        "name": php.trim(grouping["name"]),
        "description": grouping["description"],
        "descriptionformat": grouping["descriptionformat"],
        "timemodified": call.now,
    }
    if "idnumber" in grouping:
        row["idnumber"] = php.trim(grouping["idnumber"])
        holder = with_idnumber(call.course_groups(courseid).groupings, row["idnumber"])
        if holder and holder["id"] != own_id:
            raise MoodleException("idnumbertaken", "This ID number is already in use")
    return row


def get_course_groupings(call: Call, courseid: int) -> list[Row]:
    """The groupings of a course by name, from the cache; names are not escaped, unlike those of groups."""
    enter_to_manage(call, courseid, call.must_course_context(courseid))
    return [_shown(call, grouping) for grouping in call.course_groups(courseid).groupings]


def get_groupings(call: Call, groupingids: list[int], returngroups: bool) -> list[Row]:
    """Groupings by id; "groups" is missing altogether where a grouping has none."""
    return [_with_groups(call, groupingid, returngroups) for groupingid in groupingids]


def _with_groups(call: Call, groupingid: int, returngroups: bool) -> Row:
    grouping = call.database.must_find("groupings", id=groupingid)
    enter_to_manage(call, grouping["courseid"], call.must_course_context(grouping["courseid"]))
    answer = _shown(call, grouping) | {"customfields": []}
    if returngroups:
        sql = (
            "SELECT g.* FROM mdl_groupings_groups gg JOIN mdl_groups g ON g.id = gg.groupid"
            " WHERE gg.groupingid = ? ORDER BY gg.groupid, gg.id"
        )
        groups = call.database.all(sql, [groupingid])
        if groups:
            answer["groups"] = [_shown(call, group) | {"customfields": []} for group in groups]
    return answer


def delete_groupings(call: Call, groupingids: list[int]) -> None:
    """Delete groupings; their groups stay, ids that do not exist are passed over."""
    for groupingid in groupingids:
        grouping = call.database.find("groupings", id=groupingid)
        if grouping:
            enter_to_manage(call, grouping["courseid"], call.must_course_context(grouping["courseid"]))
            delete_grouping(call, grouping)


def delete_grouping(call: Call, grouping: Row) -> None:
    """Delete one grouping and take it out of the course and activity settings that name it."""
    database, groupingid = call.database, grouping["id"]
    database.execute("DELETE FROM mdl_groupings_groups WHERE groupingid = ?", [groupingid])
    database.execute("UPDATE mdl_course SET defaultgroupingid = 0 WHERE defaultgroupingid = ?", [groupingid])
    database.execute("UPDATE mdl_course_modules SET groupingid = 0 WHERE groupingid = ?", [groupingid])
    database.execute("DELETE FROM mdl_groupings WHERE id = ?", [groupingid])
    call.cache.invalidate(grouping["courseid"])


def assign_grouping(call: Call, assignments: list[Row]) -> None:
    """Put groups into groupings, of whatever course they are."""
    for pair in assignments:
        grouping, link = _linked(call, pair)
        if link is None:
            enter_to_manage(call, grouping["courseid"], call.must_course_context(grouping["courseid"]))
            call.database.insert("groupings_groups", {**pair, "timeadded": call.now})
            call.cache.invalidate(grouping["courseid"])


def unassign_grouping(call: Call, unassignments: list[Row]) -> None:
    """Take groups out of groupings."""
    for pair in unassignments:
        grouping, link = _linked(call, pair)
        if link is not None:
            enter_to_manage(call, grouping["courseid"], call.must_course_context(grouping["courseid"]))
            sql = "DELETE FROM mdl_groupings_groups WHERE groupingid = ? AND groupid = ?"
            call.database.execute(sql, [pair["groupingid"], pair["groupid"]])
            call.cache.invalidate(grouping["courseid"])


def _linked(call: Call, pair: Row) -> tuple[Row, Row | None]:
    grouping = call.database.must_find("groupings", id=pair["groupingid"])
    call.database.must_find("groups", id=pair["groupid"])
    return grouping, call.database.find("groupings_groups", **pair)


def _shown(call: Call, row: Row) -> Row:
    description, text_format = format_text(row["description"], row["descriptionformat"], raw=call.raw)
    return {**row, "description": description, "descriptionformat": text_format}
