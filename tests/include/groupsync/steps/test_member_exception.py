"""What is typed into the form of an exception, before anything is looked up (rules M6, K3, W3)."""

import pytest

from include.groupsync.errors import SettingsError
from include.groupsync.model.member_exception import Member, What
from include.groupsync.steps.member_exception import FOLDER, Excepting, read_form


def typed(**fields: str) -> Excepting:
    form = {"course": "C1", "group": "G1", "person": "Zoe.4711", "what": "pin", "reason": "asked for", "who": "dora"}
    return Excepting("run", FOLDER, **{**form, **fields})


@pytest.mark.parametrize(("field", "user"), [("username", "zoe.4711"), ("email", "zoe.4711"), ("idnumber", "Zoe.4711")])
def test_k3_keys_are_read_as_those_of_rows(field: str, user: str) -> None:
    """Trimmed, composed, and a person's key in small letters where Moodle's are."""
    form = typed(course=" Cafe\u0301 ", group="\u00a0G1\n", person=" Zoe.4711", what="exclude")
    assert read_form(form, field) == (Member("Caf\u00e9", "G1", user), What.EXCLUDE)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"course": ""}, "the course's key is empty"),
        ({"group": " \u00a0"}, "the group's key is empty"),
        ({"person": "\t"}, "the person's key is empty"),
        ({"course": "C\x001"}, "the course's key has a character"),
        ({"group": "G\n1"}, "the group's key has a character"),
        ({"person": "Zoe.4711\x7f"}, "the person's key has a character"),
        ({"person": "Zoe.4711\ufffd"}, "the person's key has a character"),
        ({"course": "c" * 256}, "the course's key is longer than 255"),
        ({"group": "g" * 101}, "the group's key is longer than 100"),
        ({"person": "Zoe.4711" * 32}, "the person's key is longer than 255"),
        ({"what": "Pin"}, "known: pin, exclude, clear"),
        ({"what": ""}, "unknown exception ''"),
        ({"reason": " \n"}, "say why in the form"),
        ({"reason": "asked\x00for"}, "the reason has a character"),
        ({"reason": "", "what": "clear"}, "say why in the form"),
    ],
)
def test_m6_what_cannot_be_meant_is_refused_without_naming_the_person(fields: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_form(typed(**fields), "username")
    assert said in str(raised.value)
    assert "4711" not in str(raised.value)


def test_m6_the_longest_keys_are_taken() -> None:
    form = typed(course="c" * 255, group="g" * 100, person="p" * 255)
    assert read_form(form, "username")[0] == Member(form.course, form.group, form.person)
