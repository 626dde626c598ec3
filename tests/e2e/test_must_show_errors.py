"""What is wrong outside is a clear error: it names the setting and the next step, before anything is written."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.groupsync.state.database import initialise
from tests.world import STATE, World, closed_port


def refused(world: World, step: str, *words: str, state: str = "failed", **options: object) -> str:
    """A run that fails at that step, for that reason, and has written nothing; what it said."""
    before = world.moodle.image("C1", "C2")
    run = world.sync(**options)  # type: ignore[arg-type]
    assert (run.failed_step, run.state, run.writes) == (step, state, 0)
    said = str(run.errors[step])
    assert [word for word in words if word not in said] == []
    assert world.moodle.image("C1", "C2") == before
    return said


@pytest.fixture
def behind(synced: World) -> World:
    """A world in which a run would write, so that not writing says something."""
    synced.source.move("C1", "ann", of="G1", to="G2")
    return synced


# --- settings


def test_an_unknown_key_is_named(behind: World) -> None:
    behind.configure(groups={"colums": {"name": "name"}})
    refused(behind, "check_identity", "groupsync.yaml", "groups.colums: unknown key", "docs/settings.md")


def test_a_wrong_column_is_named_with_those_that_there_are(behind: World) -> None:
    behind.configure(groups={"columns": {"name": "titel"}})
    refused(
        behind, "extract", "groups.columns.name", "no column 'titel'",
        "course, idnumber, name, description, grouping", "Correct groups.columns.name in groupsync.yaml",
    )  # fmt: skip


def test_a_wrong_column_of_a_statement_is_named(behind: World) -> None:
    behind.statement("people.sql", "SELECT course, group_idnumber, user_key AS username FROM remote_memberships")
    behind.configure(memberships={"table": None, "sql": "people.sql"})
    refused(behind, "extract", "memberships.columns.user", "no column 'user_key'", "Correct memberships.columns.user")


def test_a_wrong_table_is_named(behind: World) -> None:
    behind.configure(groupings={"table": "remote_grupings"})
    refused(
        behind, "extract", "groupings", "groupsync_source", "remote_grupings", "Check 'groupings' in groupsync.yaml"
    )


def test_a_missing_statement_is_named(behind: World) -> None:
    behind.configure(groups={"table": None, "sql": "gruops.sql"})
    refused(behind, "extract", "groups.sql", "there is no file include/sql/gruops.sql", "write it or name another")


def test_a_statement_with_an_unknown_bind_is_named(behind: World) -> None:
    behind.statement("groups.sql", "SELECT * FROM remote_groups WHERE term = :trem")
    behind.configure(groups={"table": None, "sql": "groups.sql"})
    refused(behind, "extract", "groups.sql", "unknown bind :trem", ":term")


def test_a_statement_that_the_database_refuses_is_named(behind: World) -> None:
    behind.statement("groups.sql", "SELEC * FROM remote_groups")
    behind.configure(groups={"table": None, "sql": "groups.sql"})
    refused(behind, "extract", "groups", "groupsync_source", "syntax error", "nothing was written")


def test_m1_memberships_without_course_are_refused_before_anything_is_read(behind: World) -> None:
    behind.configure(memberships={"columns": {"course": None}})
    said = refused(behind, "check_identity", "memberships.columns.course")
    assert said.startswith(
        "When using idnumber to identify groups the remote group membership table must include the course."
    )


def test_an_unknown_term_is_named_with_those_that_there_are(behind: World) -> None:
    refused(
        behind, "check_identity", "unknown term '2099-T1'", "2026-27-T1, 2026-27-T2", "include/config/terms.yaml",
        term="2099-T1",
    )  # fmt: skip


# --- databases


def test_a_source_that_is_not_there_is_named(behind: World) -> None:
    behind.databases["groupsync_source"] = f"sqlite:///{behind.folder / 'nowhere.db'}"
    refused(behind, "check_identity", "connection groupsync_source", "the database refuses", "in Airflow")
    assert not (behind.folder / "nowhere.db").exists(), "a missing database is never made"


def test_a_source_that_is_lost_after_the_identity_was_checked_is_named(behind: World) -> None:
    def lose() -> None:
        behind.databases["groupsync_source"] = f"sqlite:///{behind.folder / 'nowhere.db'}"

    refused(behind, "extract", "connection groupsync_source", "the database refuses", before={"extract": lose})


def test_a_source_url_that_is_none_is_named_and_its_password_is_not(behind: World) -> None:
    behind.databases["groupsync_source"] = "oracel://sync:s3cret@cmis.example.org/CMIS"
    said = refused(behind, "check_identity", "connection groupsync_source", "dialect+driver://")
    assert "s3cret" not in said


def test_a_connection_that_is_not_defined_is_named(behind: World) -> None:
    behind.configure(groups={"connection": "groupsync_cmis"})
    refused(behind, "check_identity", "connection groupsync_cmis is not defined", "Admin, Connections")


def test_o2_a_state_database_that_is_not_there_is_no_new_ledger(behind: World) -> None:
    behind.databases[STATE] = f"sqlite:///{behind.folder / 'nowhere.db'}"
    refused(
        behind, "check_identity", "connection groupsync_state", "the state database refuses",
        "python -m include.groupsync.state.database",
    )  # fmt: skip
    assert not (behind.folder / "nowhere.db").exists()


def test_a_state_database_that_was_never_migrated_is_named(behind: World) -> None:
    (behind.folder / "empty.db").touch()
    behind.databases[STATE] = f"sqlite:///{behind.folder / 'empty.db'}"
    refused(behind, "check_identity", "connection groupsync_state", "at version None")


@pytest.fixture
def postgresql_server() -> Iterator[str]:
    """A server of our own that wants a password; its socket's folder.  It refuses to run as root."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, user)
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = f"{installed[-1]}:{os.environ['PATH']}" if installed else os.environ["PATH"]

    def call(program: str, *arguments: str) -> None:
        command = [str(shutil.which(program, path=programs)), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)

    (folder / "password").write_text("right\n")
    if user:
        shutil.chown(folder / "password", user)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    cluster = str(folder / "data")
    secured = ("-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
    try:
        call("initdb", "-D", cluster, "-U", "sync", "--no-sync", *secured)
        call("pg_ctl", "-D", cluster, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield str(folder)
        finally:
            call("pg_ctl", "-D", cluster, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.mark.needs("postgresql")
def test_w3_a_database_that_refuses_the_password_is_named_and_the_password_is_not(
    behind: World, postgresql_server: str
) -> None:
    behind.databases["groupsync_source"] = f"postgresql+psycopg2://sync:wr0ng@/postgres?host={postgresql_server}"
    said = refused(
        behind, "check_identity", "connection groupsync_source", "password authentication failed",
        "Check the connection's address, account and password in Airflow",
    )  # fmt: skip
    assert "wr0ng" not in said


# --- Moodle


def test_a_wrong_token_is_named_and_not_shown(behind: World) -> None:
    behind.token = "0123456789abcdef0123456789abcdef"
    said = refused(behind, "check_identity", "connection groupsync_moodle", "does not know the token", "password")
    assert behind.token not in said


def test_a_token_of_another_service_is_named(behind: World) -> None:
    behind.token = behind.site.tokens["other_service"]
    said = refused(behind, "check_identity", "connection groupsync_moodle", "service", "README.md")
    assert behind.token not in said


def test_a_missing_function_is_named(behind: World) -> None:
    behind.edit_site(
        "DELETE FROM mdl_external_services_functions WHERE functionname = 'core_group_delete_group_members'"
    )
    said = refused(behind, "check_identity", "core_group_delete_group_members", "external service in Moodle")
    assert "core_group_add_group_members" not in said


def test_a_suspended_account_is_named(behind: World) -> None:
    behind.edit_site("UPDATE mdl_user SET suspended = 1 WHERE username = 'wssync'")
    refused(behind, "check_identity", "connection groupsync_moodle", "the token's account is suspended")


def test_moodle_that_is_down_is_named(behind: World) -> None:
    behind.url = f"http://127.0.0.1:{closed_port()}"
    refused(behind, "check_identity", "connection groupsync_moodle", behind.url, "Check that the site is up")


def test_moodle_that_goes_down_in_the_middle_is_named(behind: World) -> None:
    def go_down() -> None:
        behind.url = f"http://127.0.0.1:{closed_port()}"

    refused(behind, "read_moodle", "connection groupsync_moodle", "the site is up", before={"read_moodle": go_down})


def test_an_address_that_is_not_moodles_is_named(behind: World) -> None:
    behind.url = f"{behind.url}/standin"
    refused(behind, "check_identity", "connection groupsync_moodle", "HTTP 404", "the connection's host is right")


# --- identity


def test_i1_an_environment_that_is_not_configured_is_blocked(behind: World) -> None:
    behind.environment = "production"
    said = refused(behind, "check_identity", "!! deployment", "GROUPSYNC_ENVIRONMENT", state="blocked")
    _lists_all_five(said)


def test_i1_an_environment_that_is_not_set_is_blocked(behind: World) -> None:
    behind.environment = ""
    refused(behind, "check_identity", "(not set)", "GROUPSYNC_ENVIRONMENT", state="blocked")


def _unstamp(world: World) -> None:
    world.source.execute("DROP TABLE groupsync_stamp")


def _other_ledger(world: World) -> None:
    initialise(f"sqlite:///{world.folder / 'other.db'}", "staging")
    world.databases[STATE] = f"sqlite:///{world.folder / 'other.db'}"


def _unarm(world: World) -> None:
    world.edit_site("DELETE FROM mdl_groupings WHERE idnumber = 'groupsync-marker'")


def _other_marker(world: World) -> None:
    world.arm("sandbox 00000000-0000-0000-0000-000000000000")


def _no_control_course(world: World) -> None:
    world.edit_site("UPDATE mdl_course SET idnumber = '' WHERE idnumber = 'groupsync-control'")


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (_unstamp, ["!! source groupsync_source", "expected: stamp sandbox"]),
        (_other_ledger, ["!! ledger", "staging", "expected: sandbox"]),
        (_unarm, ["!! marker", "no marker", "arm the site"]),
        (_other_marker, ["!! marker", "sandbox 00000000-0000-0000-0000-000000000000"]),
        (_no_control_course, ["!! marker", "no control course", "hidden course with the ID number groupsync-control"]),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else None,
)
def test_i3_a_side_that_differs_is_blocked(behind: World, break_it: Callable[[World], None], words: list[str]) -> None:
    break_it(behind)
    said = refused(behind, "check_identity", *words, "no option overrides this", state="blocked")
    _lists_all_five(said)


def test_i3_the_identity_is_checked_again_before_the_first_write(behind: World) -> None:
    said = refused(behind, "apply", "!! marker", state="blocked", before={"apply": lambda: _other_marker(behind)})
    _lists_all_five(said)


def test_i3_the_identity_is_checked_again_when_a_run_is_resumed(behind: World) -> None:
    """Killed before its first write, and run again when the site belongs to another."""
    killed = behind.sync(until="circuit_breaker")
    _other_marker(behind)
    again = behind.sync(run_id=killed.run_id, start="apply")
    assert (again.state, again.failed_step, again.writes) == ("blocked", "apply", 0)
    _lists_all_five(again.error)


def test_i1_a_sandbox_takes_no_moodle_but_one_on_the_loopback(behind: World) -> None:
    behind.edit_site("INSERT INTO mdl_config (name, value) VALUES ('wwwroot', 'https://moodle.example.org')")
    behind.site._application.rest_server._options.site_url = "https://moodle.example.org"
    refused(behind, "check_identity", "!! Moodle", "an address on the loopback", state="blocked")


def _lists_all_five(said: str) -> None:
    for side in ("deployment", "source groupsync_source", "ledger", "Moodle", "marker"):
        assert f" {side} " in said, f"{side} is not among the five"


# --- and when all is well again


def test_after_an_error_the_next_run_does_all_that_was_left(behind: World) -> None:
    token, behind.token = behind.token, "wrong"
    assert behind.sync().state == "failed"
    behind.token = token
    assert behind.sync().state == "applied"
    assert behind.moodle.members("C1") == {"G1": {"bob"}, "G2": {"ann", "cid"}}


def test_w1_a_run_that_failed_leaves_a_report_that_names_the_step(behind: World) -> None:
    behind.configure(groups={"columns": {"name": "titel"}})
    run = behind.sync()
    steps = {one["name"]: one for one in run.report["steps"]}
    assert (steps["check_identity"]["ok"], steps["extract"]["ok"], steps["apply"]["ok"]) == (True, False, None)
    assert "groups.columns.name" in (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert run.error.startswith("FAILED: step extract: groups.columns.name")
