"""Who are we talking to?  Asked before anything is read, and again before anything is written (I1 to I3)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from include.groupsync.errors import IdentityError
from include.groupsync.model.identity import SANDBOX, Answers, Side, compare, differing, table
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.marker import Marker, read_marker, site_url
from include.groupsync.source.database import snapshot
from include.groupsync.state import runs
from include.groupsync.state.database import read_stamp
from include.groupsync.steps.run import Deployment, Run, client_of, recorded


def sides_of(deployment: Deployment, client: MoodleClient) -> list[Side]:
    """The five names as they are at this moment; each is asked, none is remembered."""
    conn_ids = sorted({dataset.connection for dataset in deployment.settings.datasets.values()})
    databases, stamps = {}, {}
    for conn_id in conn_ids:
        with snapshot(deployment.database(conn_id), deployment.project_root) as source:
            if deployment.environment == SANDBOX:
                stamps[conn_id] = source.stamped_environment()
            else:
                databases[conn_id] = source.identity()
    with deployment.state.connect() as link:
        stamp = read_stamp(link)
    site = site_url(client)  # first: it names the functions that the token lacks
    marker = read_marker(client)
    configured = deployment.settings.environments.get(deployment.environment)
    return compare(
        deployment.environment,
        (configured.moodle, configured.databases) if configured else None,
        Answers(
            databases=databases,
            stamps=stamps,
            ledger=(stamp.environment, stamp.deployment_id) if stamp else None,
            moodle_connection=deployment.moodle.url,
            moodle_site=site,
            marker=(marker.environment, marker.deployment_id) if isinstance(marker, Marker) else marker,
        ),
    )


def require_identity(deployment: Deployment, client: MoodleClient) -> list[Side]:
    """The five sides; IdentityError with all of them side by side where one differs."""
    sides = sides_of(deployment, client)
    if differing(sides):
        raise IdentityError(
            "This run is not one environment end to end, so it reads and writes nothing.\n"
            f"{table(sides)}\n"
            "Correct the side that is wrong (GROUPSYNC_ENVIRONMENT, a connection, environments in"
            " groupsync.yaml), or arm the site; no option overrides this."
        )
    return sides


@recorded
def check_identity(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Compare the five names; nothing of a group is read before this."""
    run.term(deployment)
    client = client_of(deployment)
    sides = require_identity(deployment, client)
    folder.save_json("identity", {"sides": [asdict(side) | {"agrees": side.agrees} for side in sides]})
    with deployment.state.begin() as link:
        runs.begin(link, run.run_id, run.term_key, deployment.now())
    return {"calls": dict(client.calls)}
