"""Laws of bad rows: what one row's error may change, and that it deletes nothing (rule K6)."""

from dataclasses import replace
from typing import Any

from include.groupsync.model import keys
from tests.laws.driver import plan_of
from tests.laws.shown import Row, Shown, alike, nothing, told
from tests.laws.university import University

COLUMNS = {
    "groupings": ("course", "idnumber", "name", "description", "module"),
    "groups": ("course", "idnumber", "name", "description", "grouping", "module"),
    "memberships": ("course", "group", "user", "module"),
    "mappings": ("course", "module", "status", "import_groups"),
}


def one_rows_error_deletes_nothing_and_changes_nothing_elsewhere(shown: Shown) -> None:
    """Whatever part of whatever row is spoilt or missing: nothing is deleted because of it; and where the row says
    which course it is of, what happens to the others is the same."""
    name = shown.chance.choice([name for name in COLUMNS if shown.university.rows[name]])
    at = shown.chance.randrange(len(shown.university.rows[name]))
    column = shown.chance.choice(COLUMNS[name])
    row = shown.university.rows[name][at]
    texts = [f"{row.get(column) or ''}\x01", "\ufffd", None, "  "]
    # A group that names no grouping is in none, and that is no error.
    bad = {**row, column: shown.chance.choice(texts[:2] if column == "grouping" else texts)}
    records = [*shown.university.rows[name]]
    records[at] = bad
    after = told(plan_of(replace(shown.university, rows={**shown.university.rows, name: records})).plan)
    assert_no_new_deletes(shown.changes, after)
    own = courses_of(shown.university, row)
    if not shown.university.options.member_course:
        own |= courses_of(shown.university, bad)  # only its group says which course it is of, or could have been
    if keys.key(bad.get("course")) == keys.key(row.get("course")) and None not in own:
        alike(elsewhere(after, own), elsewhere(shown.changes, own))


def a_course_whose_every_row_is_bad_changes_nothing_elsewhere(shown: Shown) -> None:
    """With all rows of a course spoilt, every other course's changes are the same, and nothing of it goes."""
    course = shown.chance.choice(sorted(filter(None, {keys.key(t) for t in shown.university.moodle.courses.values()})))
    spoilt, own = {}, {course}
    for name, records in shown.university.rows.items():
        spoilt[name] = [*records]
        for at, row in enumerate(records):
            of_row = courses_of(shown.university, row)
            if name != "mappings" and course in of_row and None not in of_row:
                own |= of_row
                spoilt[name][at] = {**row, "name": "\x01", "user": "\x01"}
    after = told(plan_of(replace(shown.university, rows=spoilt)).plan)
    alike(elsewhere(after, own), elsewhere(shown.changes, own))
    assert_no_new_deletes(shown.changes, after)


def courses_of(university: University, row: Row) -> set[str | None]:
    """The courses that a row may say something of; None stands for any."""
    course: Any = keys.key(row.get("course")) if row.get("course") else None
    if "user" not in row or university.options.groupfield != "id":
        return {None if keys.unreadable(course) else course}
    found = {course} if university.options.member_course else set()
    group: Any = university.moodle.groups.get(int(row["group"])) if str(row["group"] or "").strip().isdigit() else None
    return found | {keys.key(university.moodle.courses[group.course_id]) if group else None}


def elsewhere(changes: list[Row], own: set[str | None]) -> list[Row]:
    return [change for change in changes if change["course"] not in own]


def assert_no_new_deletes(before: list[Row], after: list[Row]) -> None:
    """But for what was a likely re-key before: it had left the source, and its new row is the bad one.

    Who is removed from a group that would have been adopted (rule P4) is removed from it under its old key.
    """
    old_key = {(c["course"], c["to_key"]): c["group"] for c in before if c["rule"] == "P4" and c["kind"] == "group"}
    gone = [what(change) for change in before if change["action"] == "delete"]
    gone += [one | {"group": old_key.get((one["course"], one["group"]), one["group"])} for one in gone]
    rekeyed = [what(change) for change in before if change["rule"] == "P10"]
    nothing([c for c in after if c["action"] == "delete" and what(c) not in gone and what(c) not in rekeyed])


def what(change: Row) -> Row:
    return {part: change.get(part) for part in ("kind", "course", "grouping", "group", "user")}
