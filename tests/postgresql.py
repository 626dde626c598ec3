"""A PostgreSQL server of our own, while a test needs it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.conftest import find_postgresql


@contextmanager
def running(port: int | None = None, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server without any database of ours, reached by a socket in its own folder or, with ``port``,
    on the loopback.

    ``{database}`` in it is for a database's name; ``environment`` is what the server has besides.
    """
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
        # Of the server alone: what changes the account should not have what is preloaded.
        own = ["env", *(f"{name}={value}" for name, value in (environment or {}).items())]
        command = [*owner, *own, str(programs / program), "-D", str(home / "cluster"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=home, timeout=120)

    try:
        run("initdb", "--username=test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        listens = "-c listen_addresses=" if port is None else f"-c listen_addresses=127.0.0.1 -p {port}"
        options = f"-k {home} {listens} -c fsync=off -c log_min_messages=fatal"
        run("pg_ctl", "--wait", "--log", str(home / "log"), "-o", options, "start")
        try:
            place = f"/{{database}}?host={home}" if port is None else f"127.0.0.1:{port}/{{database}}"
            yield f"postgresql+psycopg2://test@{place}"
        finally:
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def create_database(address: str, name: str) -> None:
    """An empty database of the server."""
    engine = sa.create_engine(address.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        link.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
