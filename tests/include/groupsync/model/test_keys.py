"""Keys and names as both sides read them (rules K3, K4, K7)."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.groupsync.model import keys
from sandbox.moodle import types

LANG_SPAN = '<span lang="en" class="multilang">'
PIECES = st.sampled_from(
    [
        "a", "B 7", " ", "\t", "\n", "<", ">", "<b>", "</b>", "< ", "<\f", "<a b", "é", "&amp;", "\0", "\x07", '"', "'",
        LANG_SPAN, '<span class="multilang" lang="de">', '<span lang="en">', "</span>", "</SPAN>", "</span >",
        '<lang lang="en">', '<lang lang="x y">', "</lang>", "<!--", "-->",
    ]
)  # fmt: skip
NAMES = st.lists(PIECES, max_size=8).map("".join)
DIGITS = st.text("0123456789", min_size=1, max_size=6)


def php_number(text: str) -> int | float | None:
    """A numeric string's number as PHP 8 reads it, for numbers that a double holds exactly."""
    trimmed = text.strip(" \t\n\r\v\f")
    if re.fullmatch(r"[+-]?[0-9]+", trimmed):
        return int(trimmed)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", trimmed):
        return float(trimmed)
    return None


def php_equal(left: str, right: str) -> bool:
    """PHP 8's ``==``: two numeric strings compare as numbers, everything else as text."""
    one, other = php_number(left), php_number(right)
    return left == right if one is None or other is None else one == other


@given(st.text("aBé \t\u00a0\u0301A\u030a\u2126ﬁ", max_size=8))
def test_k3_a_key_read_twice_is_the_key_read_once(text: str) -> None:
    """Trimming and composing settle at once, and what is left is never blank."""
    found = keys.key(text)
    assert keys.key(found) == found
    assert found is None or (found.strip() == found and unicodedata.is_normalized("NFC", found))


@pytest.mark.parametrize("blank", [None, "", " ", "\u00a0\u3000", "\t\r\n"])
def test_k3_null_empty_and_blank_are_one_absence(blank: str | None) -> None:
    """Neither a key, a name nor a person comes out of nothing."""
    assert keys.key(blank) is keys.name(blank) is keys.user_key(blank, "username") is None


def test_k3_char_padding_and_hard_spaces_around_a_key_go() -> None:
    """Oracle's CHAR columns come padded; other blanks come from spreadsheets."""
    assert keys.key("SEM1      ") == keys.key("\u00a0SEM1\u2003") == "SEM1"


def test_k3_composed_and_decomposed_letters_are_one_key_and_two_names() -> None:
    """Keys are normalised; Moodle keeps names as they were sent, so we do."""
    composed, decomposed = "\u00c5", "A\u030a"
    assert keys.key(composed) == keys.key(decomposed)
    assert keys.name(composed) != keys.name(decomposed)


@pytest.mark.parametrize("field", ["username", "email"])
def test_k3_usernames_and_addresses_match_without_regard_to_case(field: str) -> None:
    """Moodle's usernames are lower case; the records system's need not be."""
    assert keys.user_key(" Ann.Lee@X.ac.uk ", field) == "ann.lee@x.ac.uk"


@pytest.mark.parametrize("field", ["idnumber", "id"])
def test_k3_idnumbers_of_people_match_exactly(field: str) -> None:
    """``s1`` and ``S1`` are two people."""
    assert keys.user_key("S1", field) == "S1"


@pytest.mark.parametrize("kept", ["\u00a0", "\u3000", "\ufeff", "\u0085", "\f"])
def test_k3_a_name_is_trimmed_as_moodle_trims_it(kept: str) -> None:
    """PHP's trim takes its blanks and leaves every other where it is; a NUL stays, to be refused (K4)."""
    assert keys.name(f" \t\n\r\x0bA{kept} ") == f"A{kept}"
    assert keys.name(f" A{kept}\0 ") == f"A{kept}\0"


@given(st.one_of(DIGITS, st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,2})?", fullmatch=True)),
       st.one_of(DIGITS, st.from_regex(r"[ 0]{0,2}[0-9]{1,4}(\.0{0,2})?([eE][0-9])?", fullmatch=True)))  # fmt: skip
@example("7", "007")
@example("10", "1e1")
@example("10", "10.0")
@example("+5", "5")
@example("-0", "00")
@example("1e3", "1000")
@example(".5", "0.5")
@example("5.", "5")
@example("1e", "1")
@example("1 2", "12")
@example("0x1A", "26")
@example("", "0")
def test_k7_idnumbers_collide_exactly_where_php_takes_them_for_equal(left: str, right: str) -> None:
    """Two idnumbers have one loose value if and only if PHP 8's ``==`` holds."""
    assert (keys.loose(left) == keys.loose(right)) == php_equal(left, right)


@pytest.mark.parametrize("text", ["\u0667", "\uff17", "7\u00a0", "1_0", "inf", "nan", "0b1", "SEM-7"])
def test_k7_what_only_python_takes_for_a_number_is_text(text: str) -> None:
    """Other scripts' digits, underscores and ``inf`` are no numbers to PHP."""
    assert keys.loose(text) == text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("9223372036854775808", "9223372036854775809"),
        ("9223372036854775807", "9223372036854775808"),
        ("-9223372036854775809", "-9223372036854775810"),
        ("99999999999999999999", "099999999999999999999"),
    ],
)
def test_k7_integers_past_64_bits_are_told_apart_by_their_text(left: str, right: str) -> None:
    """PHP compares the strings where both overflow, so long numeric idnumbers do not collide."""
    assert keys.loose(left) != keys.loose(right)


@given(NAMES)
@example("Age <25")
@example("a <")
@example(f"{LANG_SPAN}Group</span>{LANG_SPAN}Gruppe</span>")
def test_k7_a_name_that_is_sent_is_one_that_moodle_keeps(text: str) -> None:
    """Whatever passes here survives the stand-in's own cleaning, which was written independently."""
    assert not keys.survives_cleaning(text) or types.survives(text, "text")


@given(NAMES.filter(lambda text: "span" not in text.lower() and "lang" not in text))
@example("a < b")
@example("R&D \"x\" 'y' 1 > 0")
@example("<")
@example("<\v")
def test_k7_without_multilang_tags_exactly_the_names_that_moodle_keeps_pass(text: str) -> None:
    """No good name is refused: a lone ``<`` before a blank, quotes, ampersands and ``>`` are fine."""
    assert keys.survives_cleaning(text) == types.survives(text, "text")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"{LANG_SPAN}Group</span>", True),
        ('<span class="multilang" lang="en">Group</span> 1', True),
        ('<lang lang="en">Group</lang><lang lang="de">Gruppe</lang>', True),
        (f"{LANG_SPAN}Group", False),
        ("Group</span>", False),
        (f"{LANG_SPAN}<b>Group</b></span>", False),
        ('<span lang="en">Group</span>', False),
        (f"{LANG_SPAN}Group</lang>", False),
        ("a\0b", False),
    ],
)
def test_k7_well_formed_multilang_spans_stay_and_others_do_not(text: str, kept: bool) -> None:
    """Each case agrees with the stand-in."""
    assert keys.survives_cleaning(text) is kept is types.survives(text, "text")


@given(st.integers(1, 10**12))
def test_an_object_without_idnumber_goes_by_its_moodle_id_there_and_back(moodle_id: int) -> None:
    """A plan's ``#7`` is the group with id 7."""
    assert keys.moodle_id_of(keys.without_idnumber(moodle_id)) == moodle_id


@pytest.mark.parametrize("idnumber", ["7", "#", "#7a", "a#7", "# 7", "##7"])
def test_an_idnumber_is_not_taken_for_a_moodle_id(idnumber: str) -> None:
    """Only ``#`` and digits name an object by its id."""
    assert keys.moodle_id_of(idnumber) is None
