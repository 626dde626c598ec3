"""Plain pages to look at a site: its courses, and the groups of one. Everything shown is escaped."""

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

from sandbox.moodle.database import Database, Row

PAGE_SIZE = 50

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1.5rem;
color: #1d2125 }
a { color: #0f6cbf; text-decoration: none } a:hover { text-decoration: underline }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #dee2e6; vertical-align: top }
th { background: #f8f9fa } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
input { font: inherit; padding: .25rem .5rem } .faint { color: #6a737b } .tag { background: #e7f1fa;
border-radius: .5rem; padding: 0 .5rem; white-space: nowrap } details { margin: .2rem 0 }
"""


def front_page(database: Database, search: str, page: int) -> str:
    """The courses, searchable by name and idnumber, some at a time."""
    where = "WHERE instr(lower(c.shortname || ' ' || c.fullname || ' ' || c.idnumber), lower(?)) > 0"
    total = (database.one(f"SELECT COUNT(*) AS n FROM mdl_course c {where}", [search]) or {})["n"]
    last = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, page), last)
    sql = (
        "SELECT c.id, c.shortname, c.fullname, c.idnumber, c.visible,"
        " (SELECT COUNT(*) FROM mdl_groupings gr WHERE gr.courseid = c.id) AS groupings,"
        " (SELECT COUNT(*) FROM mdl_groups g WHERE g.courseid = c.id) AS groups,"
        " (SELECT COUNT(*) FROM mdl_groups g JOIN mdl_groups_members m ON m.groupid = g.id"
        " WHERE g.courseid = c.id) AS members"
        f" FROM mdl_course c {where} ORDER BY c.shortname, c.id LIMIT ? OFFSET ?"
    )
    rows = database.all(sql, [search, PAGE_SIZE, (page - 1) * PAGE_SIZE])
    box = f'<input name="search" value="{escape(search)}" placeholder="Search courses">'
    form = f"<form>{box} <button>Search</button></form>"
    head = "<tr><th>Course</th><th>Name</th><th>ID number</th>" + "".join(
        f'<th class="number">{title}</th>' for title in ("Groupings", "Groups", "Members")
    )
    body = "".join(_course_row(row) for row in rows)
    pager = f'<p class="faint">{total} courses, page {page} of {last} {_pager(search, page, last)}</p>'
    return _page("Courses", f"<h1>Courses</h1>{form}{pager}<table>{head}</tr>{body}</table>")


def _course_row(row: Row) -> str:
    hidden = "" if row["visible"] else ' <span class="tag">hidden</span>'
    link = f'<a href="/course/{row["id"]}">{escape(row["shortname"])}</a>'
    counts = "".join(f'<td class="number">{row[name]}</td>' for name in ("groupings", "groups", "members"))
    texts = f"<td>{escape(row['fullname'])}</td><td>{escape(row['idnumber'])}</td>"
    return f"<tr><td>{link}{hidden}</td>{texts}{counts}</tr>"


def _pager(search: str, page: int, last: int) -> str:
    targets = {"previous": page - 1, "next": page + 1}
    links = (
        f'<a href="/?{escape(urlencode({"search": search, "page": number}))}">{title}</a>'
        for title, number in targets.items()
        if 1 <= number <= last
    )
    return " · ".join(links)


def course_page(database: Database, courseid: int) -> str | None:
    """One course: its groupings with their groups, and all groups with their members."""
    course = database.find("course", id=courseid)
    if course is None:
        return None
    groupings = database.all("SELECT * FROM mdl_groupings WHERE courseid = ? ORDER BY name, id", [courseid])
    groups = database.all("SELECT * FROM mdl_groups WHERE courseid = ? ORDER BY name, id", [courseid])
    links = database.all(
        "SELECT gg.groupingid, g.* FROM mdl_groupings gr"
        " JOIN mdl_groupings_groups gg ON gg.groupingid = gr.id"
        " JOIN mdl_groups g ON g.id = gg.groupid WHERE gr.courseid = ? ORDER BY g.name, g.id",
        [courseid],
    )
    members = database.all(
        "SELECT m.groupid, u.idnumber, u.username, u.firstname, u.lastname FROM mdl_groups g"
        " JOIN mdl_groups_members m ON m.groupid = g.id JOIN mdl_user u ON u.id = m.userid"
        " WHERE g.courseid = ? ORDER BY u.lastname, u.firstname, u.id",
        [courseid],
    )
    in_grouping, in_group = _by(links, "groupingid"), _by(members, "groupid")
    title = f"{course['shortname']}: {course['fullname']}"
    body = f'<p><a href="/">All courses</a></p><h1>{escape(title)}</h1>'
    body += f'<p class="faint">ID number {escape(course["idnumber"] or "none")}</p>'
    body += f"<h2>{len(groupings)} groupings</h2>" + _table(
        ("Grouping", "ID number", "Groups"),
        ([_cell(row["name"]), _cell(row["idnumber"]), _tags(in_grouping[row["id"]])] for row in groupings),
    )
    body += f"<h2>{len(groups)} groups</h2>" + _table(
        ("Group", "ID number", "Members"),
        ([_cell(row["name"]), _cell(row["idnumber"]), _members(in_group[row["id"]])] for row in groups),
    )
    return _page(title, body)


def _by(rows: list[Row], name: str) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[name]].append(row)
    return grouped


def _table(titles: Iterable[str], rows: Iterable[list[str]]) -> str:
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(text: str) -> str:
    return escape(text) if text else '<span class="faint">none</span>'


def _tags(groups: list[Row]) -> str:
    return " ".join(f'<span class="tag">{escape(group["name"])}</span>' for group in groups)


def _members(members: list[Row]) -> str:
    lines = "".join(f"<div>{_member(member)}</div>" for member in members)
    return f"<details><summary>{len(members)} members</summary>{lines}</details>"


def _member(member: Row) -> str:
    name = f"{member['firstname']} {member['lastname']}"
    known_as = " · ".join(filter(None, (member["idnumber"], member["username"])))
    return f'{escape(known_as)} <span class="faint">{escape(name)}</span>'


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
