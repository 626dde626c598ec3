"""The tables of the sample database: SITS and CMIS as far as they matter here, with their key widths.

CHAR columns are those that Oracle hands out blank-padded. Names are lower-case, as SQLAlchemy shows
Oracle's upper-case ones. The last two tables are the university's own.
"""

from typing import Any

from sqlalchemy import CHAR, VARCHAR, Column, Index, Integer, MetaData, Table, func
from sqlalchemy.types import TypeEngine

METADATA = MetaData()
NUMBER = Integer()


def _table(name: str, /, **columns: TypeEngine[Any]) -> Table:
    return Table(name, METADATA, *(Column(column, kind) for column, kind in columns.items()))


SETID, MODULEID, GRPCODE, STUDENTID = VARCHAR(10), CHAR(12), CHAR(10), CHAR(12)

depts = _table("depts", deptid=VARCHAR(10), name=VARCHAR(250))
cminstances = _table(
    "cminstances", setid=SETID, instid=NUMBER, instcode=CHAR(10), instname=VARCHAR(40), instrank=NUMBER
)
module = _table(
    "module", setid=SETID, moduleid=MODULEID, owner=VARCHAR(10), name=VARCHAR(120), linkcode=VARCHAR(20),
    csize=NUMBER, instid=NUMBER, isactive=VARCHAR(1),
)  # fmt: skip
modulegroups = _table(
    "modulegroups", setid=SETID, moduleid=MODULEID, owner=VARCHAR(10), grpcode=GRPCODE, name=VARCHAR(30),
    csize=NUMBER, maxsize=NUMBER, thiskey=NUMBER, parentkey=NUMBER, groupnum=NUMBER, instid=NUMBER,
)  # fmt: skip
students = _table(
    "students", setid=SETID, studentid=STUDENTID, name=VARCHAR(120), linkcode=VARCHAR(20),
    courseid=VARCHAR(12), courseyear=NUMBER, deptid=VARCHAR(10), qtype1=VARCHAR(20), qtype2=VARCHAR(20),
)  # fmt: skip
stumodules = _table(
    "stumodules", setid=SETID, studentid=STUDENTID, deptid=VARCHAR(10), moduleid=MODULEID,
    modgrpcode=GRPCODE, fixingrp=VARCHAR(1), inactive=VARCHAR(1), instid=NUMBER, courseid=VARCHAR(12),
    crsyear=NUMBER, moddropped=VARCHAR(1),
)  # fmt: skip
timetable = _table(
    "timetable", slotid=NUMBER, setid=SETID, weekday=NUMBER, starttime=VARCHAR(5), finishtime=VARCHAR(5),
    moduleid=MODULEID, deptid=VARCHAR(10), lecturerid=CHAR(12), moduletype=VARCHAR(10), modgrpcode=GRPCODE,
    roomid=VARCHAR(12), instid=NUMBER,
)  # fmt: skip

ins_mod = _table("ins_mod", mod_code=VARCHAR(12), mod_name=VARCHAR(120), dpt_code=VARCHAR(12))
cam_mav = _table(
    "cam_mav", mod_code=VARCHAR(12), mav_occur=CHAR(6), ayr_code=VARCHAR(12), psl_code=CHAR(6),
    lca_code=VARCHAR(6), map_code=VARCHAR(12), mks_code=VARCHAR(12), mav_trgt=NUMBER,
)  # fmt: skip
cam_smo = _table(
    "cam_smo", spr_code=VARCHAR(12), mod_code=VARCHAR(12), mav_occur=CHAR(6), ayr_code=VARCHAR(12),
    psl_code=CHAR(6), smo_mcrd=NUMBER, ses_code=VARCHAR(6), smo_rtsc=VARCHAR(6),
)  # fmt: skip
cam_sms = _table(
    "cam_sms", spr_code=VARCHAR(12), mod_code=VARCHAR(12), sms_occl=CHAR(6), ayr_code=VARCHAR(12),
    ses_code=VARCHAR(6), sms_mcrd=NUMBER,
)  # fmt: skip
ins_spr = _table(
    "ins_spr", spr_code=VARCHAR(12), spr_stuc=VARCHAR(12), rou_code=VARCHAR(12), sts_code=VARCHAR(6),
    spr_levc=VARCHAR(6), prs_code=VARCHAR(12),
)  # fmt: skip
srs_scj = _table(
    "srs_scj", scj_code=VARCHAR(15), scj_stuc=VARCHAR(12), scj_sprc=VARCHAR(12), scj_crsc=VARCHAR(12),
    scj_udfa=VARCHAR(15), scj_seq2=VARCHAR(2), scj_stac=VARCHAR(6),
)  # fmt: skip

group_mappings = _table(
    "group_mappings", course=VARCHAR(100), module=VARCHAR(12), occurrence=VARCHAR(6),
    academic_year=VARCHAR(12), period=VARCHAR(6), department=VARCHAR(10), import_groups=VARCHAR(1),
    status=VARCHAR(10),
)  # fmt: skip
groupsync_stamp = _table("groupsync_stamp", environment=VARCHAR(20), size_name=VARCHAR(20), seed=NUMBER)

# Which of them a university has in which database; each sample has the stamp beside them.
STAMP = "groupsync_stamp"
CMIS = ("depts", "cminstances", "module", "modulegroups", "students", "stumodules", "timetable", STAMP)
SITS = ("ins_mod", "cam_mav", "cam_smo", "cam_sms", "ins_spr", "srs_scj", STAMP)
MAPPINGS = ("group_mappings", STAMP)

# Padded and unpadded codes meet in joins, so the joins trim, and the indexes hold what is trimmed.
Index("cminstances_instcode", cminstances.c.setid, func.trim(cminstances.c.instcode))
for _by_delivery in (module, modulegroups, stumodules):
    _columns = _by_delivery.c
    Index(f"{_by_delivery.name}_delivery", _columns.setid, _columns.instid, func.trim(_columns.moduleid))
Index("modulegroups_thiskey", modulegroups.c.setid, modulegroups.c.thiskey)
Index("modulegroups_parentkey", modulegroups.c.setid, modulegroups.c.parentkey)
Index("students_studentid", students.c.setid, students.c.studentid)
