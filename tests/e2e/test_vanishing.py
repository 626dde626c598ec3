"""What the source lists no more may stay: for good, or for some complete runs (rules G7, P7, M5)."""

from tests.world import NO_BREAKER, World


def test_p7_a_group_goes_once_it_is_missing_from_so_many_more_runs(synced: World) -> None:
    synced.configure({**NO_BREAKER, "vanish_grace_runs": 2})
    synced.source.drop_group("C1", "G2")
    for left in (2, 1):
        run = synced.sync()
        assert (run.state, run.writes) == ("applied", 0), run.error
        assert run.reasons("note") == [
            f"no longer listed; the group stays: goes if it is missing from {left} more complete runs"
        ]
    assert synced.sync().changes == [("group", "delete", "C1", "G2")]
    assert "G2" not in synced.moodle.groups("C1")


def test_p7_a_group_that_is_listed_again_begins_anew(synced: World) -> None:
    synced.configure({**NO_BREAKER, "vanish_grace_runs": 1})
    synced.source.drop_group("C1", "G2")
    assert synced.sync().writes == 0
    synced.source.group("C1", "G2", "Group 2", grouping="S1")
    synced.source.members("C1", "G2", "cid")
    assert synced.sync().state == "applied"
    synced.source.drop_group("C1", "G2")
    assert synced.sync().changes == []
    assert synced.sync().changes == [("group", "delete", "C1", "G2")]


def test_m5_what_is_to_be_kept_stays_and_the_rest_goes(synced: World) -> None:
    synced.configure({**NO_BREAKER, "groups": {"on_vanish": "keep"}})
    synced.source.drop_group("C1", "G2")
    synced.source.drop_member("C1", "G1", "ann")
    run = synced.sync()
    assert run.changes == [("membership", "delete", "C1", "G1", "ann")]
    assert "no longer listed; the group stays: kept, as on_vanish says" in run.reasons("note")
    assert "G2" in synced.moodle.groups("C1")


def test_c3_a_withdrawn_mapping_is_no_vanishing(synced: World) -> None:
    synced.configure({**NO_BREAKER, "vanish_grace_runs": 5, "groups": {"on_vanish": "keep"}})
    synced.remap("C1", status="withdrawn")
    run = synced.sync()
    assert ("group", "delete", "C1", "G2") in run.changes + run.held
