"""Which rows are used, which are set aside, and what a bad row protects (rules K4 to K7)."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.groupsync.model import keys
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.source.clean import CLEAN
from include.groupsync.source.quarantine import FAILURE, Sifted, sift

KEY = {"groups": ("course", "idnumber"), "memberships": ("course", "group", "user")}


def row(number: int, course: str | None = "C", idnumber: str | None = "G", **more: Any) -> dict[str, Any]:
    return {"source_row": number, "course": course, "idnumber": idnumber, "name": "N", **more}


def failures(bad: list[int]) -> list[dict[str, Any]]:
    return [{"source_row": n, "column": "idnumber", "rule": "K4", "reason": "unusable"} for n in bad]


def sifted(*records: dict[str, Any], bad: tuple[int, ...] = (), dataset: str = "groups") -> Sifted:
    return sift(dataset, frame_of(records, CLEAN[dataset]), frame_of(failures(list(bad)), FAILURE))


def used(found: Sifted) -> list[int]:
    return sorted(found.usable["source_row"])


def told(found: Sifted) -> dict[int, str]:
    return {f["source_row"]: f["rule"] for f in rows(found.findings)}


def protected(found: Sifted) -> set[tuple[Any, ...]]:
    return {(p["course"], p["key"], p["user"]) for p in rows(found.protected)}


def test_k5_identical_rows_collapse_without_a_word() -> None:
    """A source that repeats itself says one thing."""
    found = sifted(row(1), row(2), row(3, "D"))
    assert (used(found), told(found), protected(found)) == ([1, 3], {}, set())


def test_k5_the_module_is_no_value() -> None:
    """One group of two modules is one group; its label does not depend on the order."""
    for order in ((1, 2), (2, 1)):
        [only] = rows(sifted(row(order[0], label="B T1"), row(order[1], label="A T1")).usable)
        assert only["label"] == "A T1"


@pytest.mark.parametrize("differing", [{"name": "M"}, {"description": "d"}, {"grouping": "X"}, {"name": None}])
def test_k5_rows_of_one_key_with_different_values_are_all_set_aside(differing: dict[str, Any]) -> None:
    """Never last-wins; the key counts as present."""
    found = sifted(row(1), row(2) | differing, row(3, idnumber="H"))
    assert (used(found), told(found)) == ([3], {1: "K5", 2: "K5"})
    assert protected(found) == {("C", "G", None)}


def test_k5_a_good_row_beside_a_bad_one_of_its_key_is_set_aside() -> None:
    """Nobody knows which of the two is meant."""
    found = sifted(row(1), row(2, name="N\x07"), row(3, "D"), bad=(2,))
    assert (used(found), told(found)) == ([3], {1: "K5", 2: "K4"})


def test_k4_a_bad_row_is_listed_with_its_reason_and_the_next_step() -> None:
    """With the row's number at the source, so that somebody can find it."""
    [finding] = rows(sifted(row(7, "C", "G"), bad=(7,)).findings)
    assert finding | {"next_step": ""} == {
        "dataset": "groups", "source_row": 7, "severity": "quarantined", "rule": "K4", "course": "C", "key": "G",
        "user": None, "reason": "unusable", "next_step": "",
    }  # fmt: skip
    assert "Correct the row at the source" in finding["next_step"]


@pytest.mark.parametrize(("one", "other"), [("7", "007"), ("10", "1e1"), ("10", "10.0")])
def test_k7_idnumbers_that_moodle_takes_for_equal_are_both_set_aside(one: str, other: str) -> None:
    """In one course; the same two in two courses are fine."""
    found = sifted(row(1, "C", one), row(2, "C", other), row(3, "D", one))
    assert (used(found), told(found)) == ([3], {1: "K7", 2: "K7"})
    assert protected(found) == {("C", one, None), ("C", other, None)}
    reasons = " ".join(sifted(row(1, "C", one), row(2, "C", other)).findings["reason"])
    assert repr(one) in reasons
    assert repr(other) in reasons


def test_k7_a_bad_row_still_spoils_the_number_that_it_has() -> None:
    """It may be corrected to what it says."""
    found = sifted(row(1, "C", "7"), row(2, "C", "007", name="N\x07"), bad=(2,))
    assert (used(found), told(found)) == ([], {1: "K7", 2: "K4"})


def test_k7_nought_is_set_aside_on_its_own_and_spoils_no_other() -> None:
    """Moodle never compares ``0``: it counts as empty."""
    found = sifted(row(1, "C", "0"), row(2, "C", "00"), row(3, "C", "1"), bad=(1,))
    assert (used(found), told(found)) == ([2, 3], {1: "K4"})


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"course": "C", "idnumber": None}, ("C", None, None)),
        ({"course": None, "idnumber": "G"}, (None, "G", None)),
        ({"course": "C\ufffd", "idnumber": "G"}, (None, "G", None)),
        ({"course": "C", "idnumber": "\ufffd"}, ("C", None, None)),
    ],
)
def test_k6_half_a_key_protects_all_that_it_could_mean(part: dict[str, Any], key: tuple[Any, ...]) -> None:
    """Text that could not be decoded could mean anything."""
    assert protected(sifted(row(1) | part, bad=(1,))) == {key}


def test_k6_a_row_without_any_part_of_a_key_protects_nothing() -> None:
    """It is reported all the same."""
    found = sifted(row(1, None, None), bad=(1,))
    assert (protected(found), told(found)) == (set(), {1: "K4"})


@pytest.mark.parametrize("absent", ["course", "group", "user"])
def test_k6_half_a_membership_protects_what_is_left_of_it(absent: str) -> None:
    """Without user the group's members, without group the person in the course."""
    whole = {"course": "C", "group": "G", "user": "u"}
    found = sifted({"source_row": 1, **whole, absent: None}, bad=(1,), dataset="memberships")
    assert protected(found) == {tuple(None if part == absent else whole[part] for part in whole)}


def test_a_table_without_rows_is_sifted_to_nothing() -> None:
    """Of every dataset."""
    for dataset in CLEAN:
        found = sifted(dataset=dataset)
        assert (len(found.usable), len(found.findings), len(found.protected)) == (0, 0, 0)


GROUP_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["C", "D", None]),
        st.sampled_from(["G", "H", "7", "007", "0", None]),
        st.sampled_from(["N", "M", "bad"]),
        st.sampled_from([None, "A T1", "B T1"]),
    ),
    max_size=10,
)


def sift_groups(order: list[tuple[Any, ...]]) -> tuple[Sifted, list[dict[str, Any]]]:
    """What is unusable by itself is so by its values, as the row expectations judge."""
    records = [
        {"source_row": i, "course": c, "idnumber": n, "name": name, "description": "", "label": label}
        for i, (c, n, name, label) in enumerate(order, start=1)
    ]
    bad = [
        r["source_row"] for r in records
        if r["course"] is None or r["idnumber"] in (None, "0") or r["name"] == "bad"
    ]  # fmt: skip
    return sifted(*records, bad=tuple(bad)), records


def key_and_values(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["course"], record["idnumber"], record["name"]


@settings(max_examples=30)
@given(GROUP_ROWS, st.randoms(use_true_random=False))
def test_the_outcome_does_not_depend_on_the_order_of_rows(order: list[tuple[Any, ...]], random: Any) -> None:
    """The same rows are used, with the same labels, and the same keys protected."""
    shuffled = random.sample(order, len(order))
    (one, _), (other, _) = sift_groups(order), sift_groups(shuffled)
    for part in ("usable", "findings"):
        left, right = (
            Counter(tuple(sorted((k, v) for k, v in r.items() if k != "source_row" and v is not None)) for r in rows(f))
            for f in (getattr(one, part), getattr(other, part))
        )
        assert left == right
    assert protected(one) == protected(other)


@settings(max_examples=20)
@given(GROUP_ROWS)
def test_nothing_is_lost(order: list[tuple[Any, ...]]) -> None:
    """Every row is used, or says the same as one that is used or reported, or is reported itself."""
    found, records = sift_groups(order)
    by_row = {r["source_row"]: r for r in records}
    kept = set(used(found)) | set(told(found))
    assert set(used(found)).isdisjoint(told(found))
    assert {key_and_values(r) for r in records} == {key_and_values(by_row[n]) for n in kept}


@settings(max_examples=20)
@given(GROUP_ROWS)
def test_what_is_used_is_unambiguous(order: list[tuple[Any, ...]]) -> None:
    """One row a key, no bad one of the same key, no other that Moodle takes for equal."""
    found, records = sift_groups(order)
    usable = rows(found.usable)
    assert len({(r["course"], r["idnumber"]) for r in usable}) == len(usable)
    for one in usable:
        for other in records:
            if other["course"] != one["course"] or other["idnumber"] in (None, "0"):
                continue
            if keys.loose(other["idnumber"]) == keys.loose(one["idnumber"]):
                assert key_and_values(one) == key_and_values(other)


@settings(max_examples=20)
@given(GROUP_ROWS)
def test_k6_every_key_that_is_set_aside_is_protected(order: list[tuple[Any, ...]]) -> None:
    """Bad data never causes a delete."""
    found, records = sift_groups(order)
    present = {(r["course"], r["idnumber"]) for r in records} - {(None, None)}
    usable = {(r["course"], r["idnumber"]) for r in rows(found.usable)}
    assert {(course, key) for course, key, _ in protected(found)} == present - usable
