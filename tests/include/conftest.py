"""What several folders need: patient property tests, and a PostgreSQL server of our own."""

import os
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from tests.postgresql import running

# Property tests are judged by what they find, not by how busy the machine is.
# In CI the same examples every time: a run must not fail by the luck of a draw.
settings.register_profile(
    "engine", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("engine")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a server without any database of ours, reached by a socket in its own folder."""
    with running() as address:
        yield address


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
