"""What the five sides answer, over a ledger in PostgreSQL (rule I1)."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from include.groupsync.state.database import initialise
from tests.world import STATE, World

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture
def state_url(postgresql_url: str) -> str:
    initialise(postgresql_url, "sandbox")
    return postgresql_url


def test_i1_a_copied_ledger_is_refused_although_its_deployment_id_is_the_markers(
    tmp_path: Path, state_url: str
) -> None:
    """A dump of production's ledger, restored elsewhere, has production's id; it says where it was made."""
    with World(tmp_path) as world:
        world.databases[STATE] = state_url
        world.arm(f"sandbox {initialise(state_url, 'sandbox')}")
        assert world.sync(until="check_identity").errors == {}
        engine = sa.create_engine(state_url)
        with engine.begin() as link:
            link.exec_driver_sql("UPDATE stamp SET place = 'postgresql groupsync system 7012345678901234567'")
        engine.dispose()
        run = world.sync()
    assert (run.state, run.failed_step, run.writes) == ("blocked", "check_identity", 0)
    assert "!! ledger" in run.error
    assert "sandbox, a copy: made in postgresql groupsync system 7012345678901234567, found in" in run.error
