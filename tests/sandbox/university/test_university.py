"""The sample university is the same every time, of the size asked for, and consistent with itself."""

import pandas as pd
import pytest

from sandbox.university import SIZES, Size, University, generate
from sandbox.university.schema import METADATA

SMALL_DIGEST = "b570f2aa0e984bfd2334ad56057369d9494c398153c26d84c213119c709fa56d"


@pytest.fixture(scope="module")
def small() -> University:
    return generate("small", seed=1)


def test_small_with_seed_1_never_changes(small: University) -> None:
    """Goes red when a library or an edit changes one value; a change on purpose writes the new digest."""
    assert small.digest() == SMALL_DIGEST


def test_the_same_size_and_seed_give_the_same_sample(small: University) -> None:
    assert generate("small", seed=1).digest() == small.digest()


def test_another_seed_gives_another_sample(small: University) -> None:
    assert generate("small", seed=2).digest() != small.digest()


def test_a_size_of_ones_own_can_be_generated() -> None:
    university = generate(Size("tiny", courses=2, previous_courses=1, students=50))
    assert len(university.tables["stumodules"]) > 0


def test_a_size_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        generate("enormous")


@pytest.mark.parametrize(
    ("size", "courses", "groups", "memberships"),
    [
        ("small", (35, 45), (100, 200), (1_000, 3_000)),
        ("medium", (950, 1_050), (3_500, 5_000), (50_000, 90_000)),
    ],
)
def test_the_sizes_are_what_they_say(
    size: str, courses: tuple[int, int], groups: tuple[int, int], memberships: tuple[int, int]
) -> None:
    university = generate(size)
    tree, taken = university.tables["modulegroups"], university.tables["stumodules"]
    leaves = tree[~tree["thiskey"].isin(tree["parentkey"].dropna()) & (tree["setid"] == "LIVE-26-27")]
    seats = taken["modgrpcode"].notna() & (taken["setid"] == "LIVE-26-27")
    assert courses[0] <= len(university.courses) <= courses[1]
    assert groups[0] <= len(leaves) <= groups[1]
    assert memberships[0] <= seats.sum() <= memberships[1]


def test_the_ucl_size_asks_for_fourteen_thousand_courses_and_45_000_students() -> None:
    ucl = SIZES["ucl"]
    assert ucl.courses + ucl.previous_courses == pytest.approx(14_000, rel=0.02)
    assert ucl.students == 45_000


def test_every_table_has_the_columns_of_the_schema(small: University) -> None:
    for name, table in METADATA.tables.items():
        assert list(small.tables[name].columns) == table.columns.keys()


def test_no_text_is_wider_than_its_column(small: University) -> None:
    for name, table in METADATA.tables.items():
        for column in table.columns:
            width = getattr(column.type, "length", None)
            if width is not None:
                longest = small.tables[name][column.name].str.len().max()
                assert pd.isna(longest) or longest <= width, f"{name}.{column.name}"


def test_key_widths_are_those_of_sits_and_cmis() -> None:
    widths = {
        ("modulegroups", "moduleid"): 12, ("modulegroups", "grpcode"): 10, ("modulegroups", "name"): 30,
        ("stumodules", "studentid"): 12, ("cminstances", "instcode"): 10, ("cminstances", "setid"): 10,
        ("cam_mav", "mav_occur"): 6, ("cam_mav", "psl_code"): 6, ("cam_mav", "ayr_code"): 12,
    }  # fmt: skip
    for (table, column), width in widths.items():
        assert METADATA.tables[table].columns[column].type.length == width  # type: ignore[attr-defined]


def test_text_is_absent_and_never_empty(small: University) -> None:
    for name, frame in small.tables.items():
        for column in frame.select_dtypes("str"):
            assert not (frame[column] == "").any(), f"{name}.{column}"


def test_every_delivery_of_sits_has_its_instance_in_cmis(small: University) -> None:
    taught, instances = small.tables["cam_mav"], small.tables["cminstances"]
    instcode = taught["mav_occur"] + "-" + taught["psl_code"]
    assert set(instcode) <= set(instances["instcode"])
    assert "A6U-T1/2" in set(instances["instcode"])


def test_moodles_side_is_keyed_once_and_refers_to_itself(small: University) -> None:
    assert small.courses["idnumber"].is_unique
    assert small.courses["shortname"].is_unique
    assert small.users["username"].is_unique
    assert small.users["idnumber"].is_unique
    assert not small.enrolments.duplicated(["course_idnumber", "user_username"]).any()
    assert set(small.enrolments["course_idnumber"]) <= set(small.courses["idnumber"])
    assert set(small.enrolments["user_username"]) <= set(small.users["username"])
    assert set(small.enrolments["status"]) == {0, 1}


def test_moodle_usernames_are_lower_case_and_cmis_upis_upper_case(small: University) -> None:
    drawn = small.tables["students"]["qtype2"].dropna()
    assert small.users["username"].str.islower().all()
    assert drawn[drawn.str.startswith("ZC")].str.isupper().all()


def test_last_years_set_is_there_and_smaller(small: University) -> None:
    sets = small.tables["stumodules"]["setid"].value_counts()
    assert 0 < sets["LIVE-25-26"] < sets["LIVE-26-27"]


def test_the_stamp_says_sandbox(small: University) -> None:
    assert small.tables["groupsync_stamp"].to_dict("records") == [
        {"environment": "sandbox", "size_name": "small", "seed": 1}
    ]
