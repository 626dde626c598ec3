"""Moodle's group cache: phantoms after refused batches, stale pictures, and what heals them."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from sandbox.moodle import running
from tests.sandbox.moodle.conftest import Client

TWINS = [{"courseid": 2, "name": name, "description": "", "idnumber": "PH"} for name in ("Phantom 1", "Phantom 2")]


def test_a_refused_batch_leaves_a_phantom_that_blocks_its_idnumber(client: Client) -> None:
    assert client.call("core_group_create_groups", groups=TWINS)["errorcode"] == "idnumbertaken"
    phantom = client.call("core_group_get_course_groups", courseid=2)[0]
    assert phantom["name"] == "Phantom 1"
    assert client.call("core_group_get_groups", groupids=[phantom["id"]])["errorcode"] == "invalidrecord"
    assert client.group(2, "New", idnumber="PH")["errorcode"] == "idnumbertaken"


def test_deleting_the_phantom_heals_nothing_but_any_group_write_does(client: Client) -> None:
    kept = client.group(2, "Kept")["id"]
    client.call("core_group_create_groups", groups=TWINS)
    phantom = client.call("core_group_get_course_groups", courseid=2)[-1]
    assert client.call("core_group_delete_groups", groupids=[phantom["id"]]) is None
    assert client.group_names(2) == ["Kept", "Phantom 1"]
    assert client.call("core_group_update_groups", groups=[{"id": kept, "name": "Kept"}]) is None
    assert client.group_names(2) == ["Kept"]


def test_a_write_of_a_grouping_heals_the_groups_too(client: Client) -> None:
    client.call("core_group_create_groups", groups=TWINS)
    client.grouping(2, "Any")
    assert client.group_names(2) == []


def test_phantoms_stay_in_their_course(client: Client) -> None:
    client.call("core_group_create_groups", groups=TWINS)
    client.group(3, "Other course")
    assert client.group_names(2) == ["Phantom 1"]
    assert client.group_names(3) == ["Other course"]


def test_a_refused_update_leaves_the_unwritten_name_in_the_list(client: Client) -> None:
    a, b = client.group(2, "A", idnumber="1A")["id"], client.group(2, "B", idnumber="1B")["id"]
    batch = [{"id": a, "name": "A new", "idnumber": "1C"}, {"id": b, "name": "B", "idnumber": "1C"}]
    assert client.call("core_group_update_groups", groups=batch)["errorcode"] == "idnumbertaken"
    assert client.group_names(2) == ["A new", "B"]
    assert client.call("core_group_get_groups", groupids=[a])[0]["name"] == "A"
    again = client.call("core_group_update_groups", groups=[{"id": b, "name": "B", "idnumber": "1C"}])
    assert again["errorcode"] == "idnumbertaken"
    assert client.call("core_group_update_groups", groups=[{"id": a, "name": "A"}]) is None
    assert client.group_names(2) == ["A", "B"]


def test_ids_of_phantoms_are_never_given_again(client: Client) -> None:
    client.call("core_group_create_groups", groups=TWINS)
    phantom = client.call("core_group_get_course_groups", courseid=2)[0]["id"]
    assert client.group(2, "Real")["id"] > phantom


def test_a_course_read_during_a_long_write_stays_stale_until_the_next_write(database: Path) -> None:
    with running(database, delay_item_ms=100) as site:
        client, writer = Client(site), Client(site)
        batch = [{"courseid": 2 + i % 2, "name": f"G{i}", "description": ""} for i in range(4)]
        thread = threading.Thread(target=writer.call, args=["core_group_create_groups"], kwargs={"groups": batch})
        thread.start()
        time.sleep(0.2)
        assert client.group_names(2) == []
        thread.join()
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reading:
            assert reading.execute("SELECT COUNT(*) FROM mdl_groups WHERE courseid = 2").fetchone() == (2,)
        assert client.group_names(2) == []
        assert client.group(2, "G0")["errorcode"] == "invalidparameter"
        client.group(2, "Healing")
        assert client.group_names(2) == ["G0", "G2", "Healing"]


def test_groups_changed_by_sql_show_only_after_the_caches_are_purged(client: Client, database: Path) -> None:
    client.group(2, "A")
    assert client.group_names(2) == ["A"]
    with closing(sqlite3.connect(database)) as writing, writing:
        writing.execute("UPDATE mdl_groups SET name = 'B'")
    assert client.group_names(2) == ["A"]
    client.site.purge_caches()
    assert client.group_names(2) == ["B"]
