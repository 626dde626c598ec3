"""Who collides by name, and what they are called then (rule P8)."""

from include.groupsync.diff.names import final_names


def test_p8_only_those_who_collide_get_their_idnumber() -> None:
    """Two of a name are enough, and one is not."""
    assert final_names({"A": "x", "B": "x", "C": "y"}, "suffix", 254) == ({"A": "x (A)", "B": "x (B)", "C": "y"}, {})


def test_p8_a_name_at_the_limit_is_taken_and_one_over_it_is_not() -> None:
    """Only that of a collision: others were judged with their rows."""
    assert final_names({"A": "xx", "B": "xx"}, "suffix", 6) == ({"A": "xx (A)", "B": "xx (B)"}, {})
    assert final_names({"A": "xx", "BB": "xx", "C": "long enough"}, "suffix", 6) == (
        {"A": "xx (A)", "C": "long enough"},
        {"BB": "its name with the idnumber added is over 6 characters"},
    )


def test_p8_the_first_reason_is_the_one_that_is_told() -> None:
    """Length before clash before what Moodle would clean; the others of the collision keep theirs."""
    names, refused = final_names({"A": "x", "B": "x", "C": "x (A)", "<b>": "y", "D": "y"}, "suffix", 254)
    assert names == {"B": "x (B)", "C": "x (A)", "D": "y (D)"}
    assert refused == {
        "A": "its name with the idnumber added, 'x (A)', is another row's",
        "<b>": "Moodle would change its name with the idnumber added",
    }


def test_p8_with_warn_none_of_those_who_collide_gets_a_name() -> None:
    """The others do."""
    reason = "several rows of the course have the name 'x'"
    assert final_names({"A": "x", "B": "x", "C": "y"}, "warn", 254) == ({"C": "y"}, {"A": reason, "B": reason})
