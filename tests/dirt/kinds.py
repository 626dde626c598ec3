"""All kinds, in the order of docs/data-quality.md."""
# ruff: noqa: S608 (the tables in its SQL are its own)

from tests.dirt.kind import (
    C1,
    DELIVERY,
    FROZEN,
    INSTANCE,
    REPORTED,
    SET,
    STOPS,
    TABLES,
    THROUGH,
    TUT9,
    WAITS,
    Kind,
    aside,
    bad_code,
    bad_name,
    bad_person,
    good_name,
    left_out,
    node,
    of_ann,
    of_mapping,
    remote_group,
    seat,
    spoilt,
    sql,
    student,
    why,
)

_CHANGED_NAME = "Moodle would change this name: a tag other than a multilang span, or < before a non-blank"
_CONTROL = ("groups", "K4", "name contains a control character")
_K7 = ("groups", "K7", _CHANGED_NAME)
_TWO_VALUES = "rows with this key have different values"
_LOOSELY = "Moodle takes this idnumber and {!r} of the same course for equal"
_K5, _M2, _C1 = frozenset({"K5"}), frozenset({"M2"}), frozenset({"C1"})
_CODES = (
    *(("modulegroups", column) for column in ("moduleid", "grpcode")),
    *(("stumodules", column) for column in ("moduleid", "modgrpcode")),
    *(("cam_smo", column) for column in ("mod_code", "mav_occur", "spr_code")),
    *(("cminstances", "instcode"), ("module", "moduleid"), ("students", "qtype2")),
)
_ALL = ("module", "modulegroups", "stumodules", "group_mappings")

KINDS: tuple[Kind, ...] = (
    # --- names
    good_name("an apostrophe: O'Brien's tutorial", "O'Brien's tutorial"),
    good_name("comma and quotes", 'Lab, "B"; 1 > 0'),
    good_name("an emoji", "Tutorial 🧪"),
    bad_name("a newline in a name", "Two\nlines", _CONTROL),
    bad_name("NUL in a name", "a\0b", _CONTROL, _K7),
    bad_name("bytes that cannot be decoded in a name", b"Caf\xe9", ("groups", "K4", "name could not be decoded")),
    bad_name("a name of 300 characters", "x" * 300, ("groups", "K4", "name is over 254 characters")),
    bad_name("a tag in a name", "<b>Lab</b>", _K7),
    bad_name("< before a digit", "Age <25", _K7),
    aside(
        "NUL in a description",
        "MODULE.NAME",
        sql("UPDATE module SET name = ? WHERE moduleid = 'ARTS0001'", values=("a\0b",)),
        why("groups", "K4", "description contains a NUL") | why("groupings", "K4", "description contains a NUL"),
        rows=4,
    ),
    # --- keys of groups
    Kind(
        "'' instead of NULL",
        "STUMODULES.MODDROPPED, INACTIVE, MODGRPCODE",
        THROUGH,
        sql(
            "UPDATE stumodules SET moddropped = '', inactive = ''",
            "UPDATE stumodules SET modgrpcode = '' WHERE modgrpcode IS NULL",
        ),
    ),
    Kind(
        "CHAR padded with blanks",
        "every code of CMIS and SITS",
        THROUGH,
        sql(*(f"UPDATE {table} SET {column} = {column} || '   '" for table, column in _CODES)),
    ),
    Kind(
        "a trailing space in a code",
        "GROUP_MAPPINGS.COURSE, MODULE",
        THROUGH,
        of_mapping("course = course || ' ', module = module || ' '"),
    ),
    Kind(
        "combining and precomposed é",
        "MODULEGROUPS.GRPCODE",
        THROUGH,
        sql("UPDATE modulegroups SET grpcode = ? WHERE grpcode = ?", values=("CAFE\u0301", "CAF\u00c9")),
    ),
    bad_code("a group without code", None, "idnumber is absent"),
    bad_code("a blank code", "   ", "idnumber is absent"),
    bad_code("a control character in a code", "TUT\x071", "idnumber contains a control character"),
    bad_code("bytes that cannot be decoded in a code", b"TUT\xff", "idnumber could not be decoded"),
    aside(
        "a code of 120 characters",
        "MODULEGROUPS.GRPCODE",
        [node("X" * 120, "Long")],
        why("groups", "K4", "idnumber is over 100 characters"),
    ),
    Kind(
        "a group's code in lower case",
        "MODULEGROUPS.GRPCODE",
        WAITS,
        spoilt("grpcode", "tut1"),
        aside=why("memberships", "K4", "group is absent"),
        rows_aside=2,
        trips=frozenset({"rekey"}),
    ),
    aside(
        "a module's code in lower case",
        "MODULEGROUPS.MODULEID",
        spoilt("moduleid", "arts0001"),
        why("groups", "K4", "idnumber is absent"),
        watched=_M2,
    ),
    # --- rows that are there twice
    Kind(
        "every row twice",
        ", ".join(_ALL).upper(),
        THROUGH,
        sql(*(f"INSERT INTO {table} SELECT * FROM {table}" for table in _ALL)),
        watched=_K5,
    ),
    aside(
        "one key with two names",
        "MODULEGROUPS",
        [node("TUT1", "Tutorial one", parent=1)],
        why("groups", "K5", _TWO_VALUES),
        rows=2,
        watched=_K5,
    ),
    aside(
        "a good row beside a bad one of its key",
        "MODULEGROUPS",
        [node("TUT1", "Bell\x07", parent=1)],
        why("groups", "K5", "another row with this key cannot be used") | {_CONTROL},
        rows=2,
        watched=_K5,
    ),
    aside(
        "one instance code of two instances",
        "CMINSTANCES",
        [
            ("INSERT INTO cminstances (setid, instid, instcode) VALUES (?, 9, ?)", (SET, INSTANCE)),
            node("TUT1", "Another's", instid=9),
        ],
        why("groups", "K4", "idnumber is absent")
        | why("groupings", "K4", "idnumber is absent")
        | why("memberships", "K4", "group is absent"),
        rows=10,
    ),
    # --- people
    Kind("a UPI in lower case", "STUDENTS.QTYPE2", THROUGH, sql("UPDATE students SET qtype2 = LOWER(qtype2)")),
    Kind(
        "hard spaces around a UPI",
        "STUDENTS.QTYPE2",
        THROUGH,
        sql("UPDATE students SET qtype2 = ? || qtype2 || ?", values=("\u00a0", "\u2003")),
    ),
    Kind(
        "two student numbers of one person",
        "STUDENTS, STUMODULES",
        THROUGH,
        (*student("90000099", "ZZANN01"), seat("90000099", "TUT1")),
        watched=_K5,
    ),
    bad_person("a student without UPI", of_ann("UPDATE students SET qtype2 = NULL"), "user is absent"),
    bad_person("a student whom CMIS does not have", of_ann("DELETE FROM students"), "user is absent"),
    bad_person(
        "a control character in a UPI",
        of_ann("UPDATE students SET qtype2 = ?", "ZZANN\t01"),
        "user contains a control character",
    ),
    aside(
        "a member's group code in lower case",
        "STUMODULES.MODGRPCODE",
        sql(
            "UPDATE stumodules SET modgrpcode = 'tut1' WHERE moduleid = 'ARTS0001' AND studentid = '90000001'"
            " AND setid = 'LIVE-26-27' AND modgrpcode = 'TUT1'"
        ),
        why("memberships", "K4", "group is absent"),
    ),
    Kind(
        "a person whom Moodle does not know",
        "STUDENTS, STUMODULES",
        REPORTED,
        (*student("90000077", "ZZNOB07"), seat("90000077", "TUT1")),
        reported=(("M2", "user not found"),),
    ),
    Kind(
        "a member of a group that CMIS does not have",
        "STUMODULES.MODGRPCODE",
        REPORTED,
        (seat("90000006", "GONE"),),
        reported=(("M2", "group not found"),),
        watched=_M2,
    ),
    left_out(
        "a student who has left",
        "SRS_SCJ.SCJ_STAC",
        "left the university",
        ("UPDATE srs_scj SET scj_stac = 'L' WHERE scj_stuc = '90000006'", ()),
        seat("90000006", "TUT1"),
    ),
    left_out(
        "a student who has dropped the module",
        "STUMODULES.MODDROPPED",
        "dropped the module",
        seat("90000006", "TUT1", moddropped="Y"),
    ),
    left_out("a student who is inactive", "STUMODULES.INACTIVE", "inactive", seat("90000006", "TUT1", inactive="Y")),
    left_out(
        "a student not registered for the module",
        "CAM_SMO",
        "not registered for the module in SITS",
        ("DELETE FROM cam_smo WHERE spr_code = '90000006/1' AND mod_code = 'ARTS0001'", ()),
        seat("90000006", "TUT1"),
    ),
    Kind(
        "a registration in lower case",
        "CAM_SMO.MOD_CODE",
        THROUGH,
        sql("UPDATE cam_smo SET mod_code = LOWER(mod_code) WHERE spr_code = '90000001/1'"),
    ),
    Kind(
        "another year's registrations alone",
        "CAM_SMO.AYR_CODE",
        WAITS,
        sql("UPDATE cam_smo SET ayr_code = '2025'"),
        nothing_else=True,
        trips=frozenset({"empty"}),
    ),
    Kind(
        "a group with no class",
        "MODULEGROUPS without STUMODULES",
        THROUGH,
        (node("TUT9", "Tutorial 9", parent=1),),
        changes=(("group", "create", C1, TUT9), ("link", "create", C1, f"{DELIVERY}:TUTS", TUT9)),
    ),
    # --- mappings
    Kind(
        "a module without occurrence", "GROUP_MAPPINGS.OCCURRENCE", FROZEN, of_mapping("occurrence = NULL"), watched=_C1
    ),
    Kind(
        "a module that CMIS does not have", "GROUP_MAPPINGS.MODULE", FROZEN, of_mapping("module = 'ARTS9'"), watched=_C1
    ),
    aside(
        "a mapping without course",
        "GROUP_MAPPINGS.COURSE",
        of_mapping("course = NULL"),
        why("mappings", "K4", "course is absent"),
    ),
    aside(
        "a mapping of unknown status",
        "GROUP_MAPPINGS.STATUS",
        of_mapping("status = 'paused'"),
        why("mappings", "C1", "status is not active, inactive or withdrawn"),
    ),
    aside(
        "a mapping with two statuses",
        "GROUP_MAPPINGS",
        sql(
            "INSERT INTO group_mappings SELECT course, module, occurrence, academic_year, period, department,"
            " import_groups, 'withdrawn' FROM group_mappings WHERE module = 'ARTS0001'"
        ),
        why("mappings", "K5", _TWO_VALUES),
        rows=2,
        watched=_K5,
    ),
    # --- whole tables
    Kind(
        "last year's set",
        "the set that a statement asks for",
        STOPS,
        stops="groups: idnumber is not of the term's set LIVE-26-27",
        files=(("cmis_groups.sql", "WHERE g.setid = :setid", "WHERE g.setid = 'LIVE-25-26'"),),
    ),
    Kind(
        "a set that was emptied",
        "MODULEGROUPS, STUMODULES",
        STOPS,
        sql("DELETE FROM modulegroups WHERE setid = 'LIVE-26-27'", "DELETE FROM stumodules WHERE setid = 'LIVE-26-27'"),
        stops="the source no longer has term",
    ),
    Kind(
        "a time in the hour that comes twice (BST to GMT)",
        "a freshness statement",
        THROUGH,
        files=(("fresh.sql", "2026-10-25 00:10:00", "2026-10-25 01:30:00"),),
    ),
    # --- ready-made tables
    Kind(
        "NUMBER as a float: 20250001.0",
        "the user column",
        THROUGH,
        sql("UPDATE remote_memberships SET user_key = CAST(user_key AS REAL)"),
        place=TABLES,
    ),
    Kind(
        "NUMBER of 17 digits: 10^16",
        "the user column",
        THROUGH,
        sql("UPDATE remote_memberships SET user_key = CAST(user_key AS INTEGER)"),
        place=TABLES,
    ),
    aside(
        "7 beside 007",
        "the idnumber column",
        remote_group("007"),
        why("groups", "K7", _LOOSELY.format("007"), _LOOSELY.format("7")),
        rows=2,
        place=TABLES,
    ),
    aside(
        "the idnumber 0",
        "the idnumber column",
        remote_group("0"),
        why("groups", "K7", "the idnumber 0 counts as empty in Moodle"),
        place=TABLES,
    ),
    aside(
        "a row without course",
        "the course column",
        sql("UPDATE remote_groups SET course = NULL WHERE idnumber = 'G1' AND course = 'C1'"),
        why("groups", "K4", "course is absent"),
        place=TABLES,
        watched=_M2,
    ),
    aside(
        "a row of nothing",
        "every column",
        sql("INSERT INTO remote_memberships DEFAULT VALUES"),
        why("memberships", "K4", "course is absent", "group is absent", "user is absent"),
        place=TABLES,
    ),
)
