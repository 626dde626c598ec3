"""Odd rows: the rows of the odd cases, by table of the database and by frame of the Moodle side."""

from collections import defaultdict
from collections.abc import Iterator

from sandbox.university.calendar import CURRENT, INSTID, PREVIOUS
from sandbox.university.odd import (
    CAME_BACK,
    CASES,
    CAST,
    DROPPED,
    INACTIVE,
    PLAIN,
    TWICE,
    Delivery,
    Mapping,
    Node,
    Person,
    Row,
)

FIRST_KEY = 900_001  # above every thiskey that is drawn in bulk
Rows = dict[str, list[Row]]


def odd_rows() -> Rows:
    """Return the rows of every odd case: {table or frame: rows}; a column not named is NULL."""
    rows: Rows = defaultdict(list)
    rows["depts"] += [{"deptid": "ANTH", "name": "Anthropology"}, {"deptid": "ODDS", "name": "Odd cases"}]
    key = FIRST_KEY
    for case in CASES:
        for delivery in case.deliveries:
            _add_delivery(rows, delivery, key)
            key += len(delivery.nodes)
        rows["group_mappings"] += [_mapping(mapping) for mapping in case.mappings]
    _add_people(rows)
    _add_moodle(rows)
    return rows


def _add_delivery(rows: Rows, delivery: Delivery, key: int) -> None:
    department, instid = delivery.department, INSTID[delivery.occurrence, delivery.period]
    common: Row = {"setid": delivery.year.setid, "moduleid": delivery.module, "instid": instid}
    module = common | {"owner": department, "name": delivery.name, "linkcode": delivery.module}
    rows["module"] += [module | {"csize": len(PLAIN), "isactive": "Y"}] * delivery.rows_in_module
    keys = {node: key + number for number, node in enumerate(dict.fromkeys(delivery.nodes))}
    by_code = {node.grpcode: keys[node] for node in keys}
    for number, node in enumerate(delivery.nodes):
        parent = by_code[node.parent] if isinstance(node.parent, str) else node.parent
        group: Row = {"grpcode": node.grpcode, "name": node.name, "thiskey": keys[node], "parentkey": parent}
        place = list(keys).index(node) if node in keys else number
        rows["modulegroups"].append(common | group | {"owner": department, "maxsize": 20, "groupnum": place})
    rows["stumodules"] += [common | {"deptid": department} | member for member in _members(delivery)]
    _add_sits(rows, delivery)


def _members(delivery: Delivery) -> Iterator[Row]:
    """One row per person for the whole class, one per person and group, and what is odd about a person."""
    seats = [(code, person) for code in _leaves(delivery.nodes) for person in PLAIN] + list(delivery.members)
    for person in dict.fromkeys([*PLAIN, *(person for _, person in delivery.members)]):
        yield _stumodule(person, None)
    for code, person in seats:
        yield _stumodule(person, code)
        if person is CAME_BACK:
            yield _stumodule(person, code) | {"moddropped": "Y"}


def _stumodule(person: Person, code: str | None) -> Row:
    return {
        "studentid": person.number,
        "modgrpcode": code,
        "fixingrp": "N" if code else "Y",
        "inactive": "Y" if person is INACTIVE else None,
        "moddropped": "Y" if person is DROPPED else "N",
        "courseid": "ODDSBSC",
        "crsyear": 1,
    }


def _leaves(nodes: tuple[Node, ...]) -> list[str]:
    parents = {node.parent for node in nodes}
    codes = dict.fromkeys(node.grpcode for node in nodes if node.grpcode and node.grpcode.strip())
    return [code for code in codes if code not in parents]


def _add_sits(rows: Rows, delivery: Delivery) -> None:
    module: Row = {"mod_code": delivery.module, "mod_name": delivery.name, "dpt_code": delivery.department}
    if module not in rows["ins_mod"] and delivery.year is CURRENT:
        rows["ins_mod"].append(module)
    taught: Row = {
        "mod_code": delivery.module, "mav_occur": delivery.occurrence,
        "ayr_code": delivery.year.ayr_code, "psl_code": delivery.period,
    }  # fmt: skip
    scheme = {"lca_code": "BLOOM", "map_code": f"{delivery.module}A", "mks_code": "M40"}
    rows["cam_mav"].append(taught | scheme | {"mav_trgt": 20})
    rows["cam_smo"] += [
        taught | {"spr_code": f"{person.number}/1", "smo_mcrd": 15, "ses_code": "C"}
        for person in dict.fromkeys([*PLAIN, *(person for _, person in delivery.members)])
    ]


def _mapping(mapping: Mapping) -> Row:
    return {
        "course": mapping.course, "module": mapping.module, "occurrence": mapping.occurrence,
        "academic_year": mapping.year.ayr_code, "period": mapping.period,
        "department": mapping.module.strip()[:4], "import_groups": mapping.import_groups,
        "status": mapping.status,
    }  # fmt: skip


def _add_people(rows: Rows) -> None:
    for person in CAST:
        code = f"{person.number}/1"
        rows["ins_spr"].append({"spr_code": code, "spr_stuc": person.number, "sts_code": "C"})
        rows["srs_scj"].append({"scj_code": f"{code}/1", "scj_stuc": person.number, "scj_sprc": code, "scj_stac": "C"})
        listed = 0 if not person.in_cmis else 2 if person is TWICE else 1
        student: Row = {
            "studentid": person.number, "name": f"{person.lastname}, {person.firstname}",
            "linkcode": code, "courseid": "ODDSBSC", "courseyear": 1, "deptid": "ODDS",
            "qtype1": person.number, "qtype2": person.upi if person.stored == "as upi" else person.stored,
        }  # fmt: skip
        for year in (CURRENT, PREVIOUS):
            rows["students"] += [{"setid": year.setid} | student] * listed
        if person.in_moodle:
            rows["users"].append(
                {
                    "username": person.upi.lower(),
                    "idnumber": person.number,
                    "email": f"{person.upi.lower()}@example.org",
                    "firstname": person.firstname,
                    "lastname": person.lastname,
                }
            )


def _add_moodle(rows: Rows) -> None:
    """The courses of the mappings, and in each the class of every delivery that is mapped to it."""
    classes: dict[str, dict[Person, None]] = defaultdict(dict)
    for case in CASES:
        for mapping in case.mappings:
            if mapping.course is not None and mapping.in_moodle:
                classes[mapping.course.strip()].update(dict.fromkeys(_class_of(mapping, case.deliveries)))
    for course, people in classes.items():
        name = "R&D: a < b, „odd“ names" if course.startswith("ODDS0002") else f"{course}: an odd case"
        shortname = course.replace("-", "_", 1)
        visible = int(course.endswith(CURRENT.label))
        rows["courses"].append({"shortname": shortname, "idnumber": course, "fullname": name, "visible": visible})
        rows["enrolments"] += [
            {"course_idnumber": course, "user_username": person.upi.lower(), "status": person.enrolled}
            for person in people
            if person.in_moodle and person.enrolled is not None
        ]


def _class_of(mapping: Mapping, deliveries: tuple[Delivery, ...]) -> Iterator[Person]:
    yield from PLAIN
    for delivery in deliveries:
        if (delivery.module, delivery.occurrence) == (mapping.module.strip(), mapping.occurrence):
            yield from (person for _, person in delivery.members)
