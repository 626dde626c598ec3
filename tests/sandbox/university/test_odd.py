"""Every quirk that the sample promises is in it, under a name that other tests may rely on."""

import unicodedata

import pandas as pd
import pytest

from sandbox.university import University, generate
from sandbox.university.odd import CASES

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def small() -> University:
    return generate("small")


@pytest.fixture(scope="module")
def tables(small: University) -> Tables:
    return small.tables


def group_names(tables: Tables, module: str) -> set[str]:
    rows = tables["modulegroups"].query("moduleid == @module and setid == 'LIVE-26-27'")
    return set(rows["name"].dropna())


def seats(tables: Tables, number: str) -> pd.DataFrame:
    return tables["stumodules"].query("studentid == @number and moduleid == 'ODDS0001'")


def test_every_case_says_why_it_is_there() -> None:
    assert all(case.why for case in CASES)
    assert len({case.why for case in CASES}) == len(CASES)


def test_two_modules_of_one_course_have_a_group_of_the_same_name(tables: Tables) -> None:
    mapped = tables["group_mappings"].query("course == 'ANTH1014-26-27'")
    assert set(mapped["module"]) == {"ANTH1014", "ANTH1014A"}
    assert group_names(tables, "ANTH1014") == group_names(tables, "ANTH1014A") == {"Tutorials", "TUT1"}


def test_rows_without_group_code_are_the_whole_class(tables: Tables) -> None:
    assert tables["stumodules"]["modgrpcode"].isna().any()


def test_a_root_of_the_tree_has_no_parent_or_parent_nought(tables: Tables) -> None:
    parents = tables["modulegroups"]["parentkey"]
    assert parents.isna().any()
    assert (parents == 0).any()


def test_some_groups_have_a_grouping_above_them_and_some_have_none(tables: Tables) -> None:
    tree = tables["modulegroups"]
    has_parent = tree["parentkey"].isin(tree["thiskey"])
    is_parent = tree["thiskey"].isin(tree["parentkey"].dropna())
    assert has_parent.any()
    assert (~has_parent & ~is_parent).any()


@pytest.mark.parametrize("table", ["module", "modulegroups", "stumodules", "students", "group_mappings"])
def test_identical_rows_repeat(tables: Tables, table: str) -> None:
    assert tables[table].duplicated().any()


def test_two_rows_of_one_group_say_different_names(tables: Tables) -> None:
    rows = tables["modulegroups"].query("moduleid == 'ODDS0004' and grpcode == 'TUT1'")
    assert set(rows["name"]) == {"Tutorial 1", "Tutorial one"}


def test_a_parent_is_missing_and_a_tree_has_three_levels(tables: Tables) -> None:
    rows = tables["modulegroups"].query("moduleid == 'ODDS0004'").drop_duplicates().set_index("name")
    assert not (rows["thiskey"] == rows.loc["Tutorial 3", "parentkey"]).any()
    assert rows.loc["Lab 1, bench A", "parentkey"] == rows.loc["Lab 1", "thiskey"]
    assert rows.loc["Lab 1", "parentkey"] == rows.loc["Labs", "thiskey"]


def test_a_membership_names_a_group_that_is_not_there(tables: Tables) -> None:
    assert "GONE" in set(tables["stumodules"]["modgrpcode"])
    assert "GONE" not in set(tables["modulegroups"]["grpcode"])


def test_odd_names_are_there_and_some_must_be_quarantined(tables: Tables) -> None:
    fine, bad = group_names(tables, "ODDS0002"), group_names(tables, "ODDS0003")
    assert {"O'Brien's lab", "R&D: a < b", '🧪 Lab, "B"; 1 > 0', "  Spaces around  ", "   "} <= fine
    assert {"Bell\u0007", "Two\nlines", "<b>Bold</b>", "Age <25", "Ends with <"} <= bad


def test_an_accent_comes_composed_and_combining(tables: Tables) -> None:
    cafes = {name for name in group_names(tables, "ODDS0002") if name.startswith("Caf")}
    assert len(cafes) == 2
    assert len({unicodedata.normalize("NFC", name) for name in cafes}) == 1


def test_a_description_holds_comma_quote_and_newline(tables: Tables) -> None:
    (name,) = tables["module"].query("moduleid == 'ODDS0002'")["name"]
    assert all(sign in name for sign in (",", '"', "'", "\n", "&"))


def test_a_group_has_no_code_and_another_a_blank_one(tables: Tables) -> None:
    codes = tables["modulegroups"].query("moduleid == 'ODDS0005'")["grpcode"]
    assert codes.isna().any()
    assert (codes == "  ").any()


def test_one_group_code_is_in_three_instances_of_a_module(tables: Tables) -> None:
    assert tables["modulegroups"].query("moduleid == 'ODDS0006'")["instid"].nunique() == 3


def test_one_delivery_is_mapped_to_two_courses(tables: Tables) -> None:
    assert len(tables["group_mappings"].query("module == 'ODDS0007'")) == 2


@pytest.mark.parametrize(
    ("module", "status", "switch"),
    [("ODDS0009", "inactive", "Y"), ("ODDS0010", "withdrawn", "Y"), ("ODDS0011", "active", "N")],
)
def test_mappings_are_inactive_withdrawn_and_switched_off(
    tables: Tables, module: str, status: str, switch: str
) -> None:
    (row,) = tables["group_mappings"].query("module == @module").to_dict("records")
    assert (row["status"], row["import_groups"]) == (status, switch)


def test_a_mapped_course_is_not_in_moodle(small: University) -> None:
    assert "ODDS0012-26-27" in set(small.tables["group_mappings"]["course"])
    assert "ODDS0012-26-27" not in set(small.courses["idnumber"])


def test_mapping_rows_lack_parts_of_their_key_or_are_padded(tables: Tables) -> None:
    mappings = tables["group_mappings"]
    assert mappings["course"].isna().any()
    assert mappings["occurrence"].isna().any()
    assert " ODDS0017 " in set(mappings["module"])


def test_flags_say_inactive_and_dropped_and_are_often_empty(tables: Tables) -> None:
    for flag in ("inactive", "moddropped"):
        assert set(tables["stumodules"][flag].dropna()) == {"Y", "N"}
        assert tables["stumodules"][flag].isna().any()
    assert (seats(tables, "99000020")["moddropped"] == "Y").all()
    assert (seats(tables, "99000021")["inactive"] == "Y").all()
    assert set(seats(tables, "99000022")["moddropped"]) == {"Y", "N"}


def test_students_are_unknown_not_enrolled_suspended_or_without_upi(small: University) -> None:
    enrolled = small.enrolments.query("course_idnumber == 'ODDS0001-26-27'").set_index("user_username")
    students = small.tables["students"].set_index("studentid")
    assert enrolled.loc["zzsus01", "status"] == 1
    assert "zznen01" not in enrolled.index
    assert "zzunk01" not in set(small.users["username"])
    assert students.loc["99000026", "qtype2"].isna().all()
    assert "99000027" not in students.index


def test_one_person_has_two_student_numbers(tables: Tables) -> None:
    numbers = tables["students"].query("qtype2 == 'ZZTWO01'")["studentid"]
    assert set(numbers) == {"99000024", "99000025"}


def test_keys_of_people_come_in_lower_case_and_with_blanks(tables: Tables) -> None:
    assert {"zzlow01", "  ZZPAD01  "} <= set(tables["students"]["qtype2"])


def test_a_stale_set_is_seen_by_its_names(tables: Tables) -> None:
    rows = tables["modulegroups"].query("moduleid == 'ODDS0001' and setid == 'LIVE-25-26'")
    assert set(rows["name"]) == {"Last year", "Last year 1"}
