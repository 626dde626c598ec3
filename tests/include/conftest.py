"""What several folders need: patient property tests, and a PostgreSQL server of our own."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from tests.conftest import find_postgresql

# Property tests are judged by what they find, not by how busy the machine is.
# In CI the same examples every time: a run must not fail by the luck of a draw.
settings.register_profile(
    "engine", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("engine")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a server without any database of ours, reached by a socket in its own folder."""
    initdb = find_postgresql()
    assert initdb is not None, "the test lacks the marker needs('postgresql')"
    programs = Path(initdb).resolve().parent
    home = Path(tempfile.mkdtemp(prefix="groupsync-postgresql-"))
    owner: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(home, account.pw_uid, account.pw_gid)
        owner = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        command = [*owner, str(programs / program), "-D", str(home / "cluster"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=home, timeout=60)

    try:
        run("initdb", "--username=test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        options = f"-k {home} -c listen_addresses= -c fsync=off -c log_min_messages=fatal"
        run("pg_ctl", "--wait", "--log", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://test@/{{database}}?host={home}"
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgresql_server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        link.execute(sa.text(f"CREATE DATABASE {name}"))
    yield postgresql_server.format(database=name)
    with engine.connect() as link:
        link.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
