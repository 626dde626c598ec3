"""Who are we talking to?  Asked before anything is read, and again before anything is written (I1 to I3)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from include.groupsync.errors import IdentityError
from include.groupsync.model.finding import FINDING, Finding, Severity
from include.groupsync.model.frames import frame_of
from include.groupsync.model.identity import SANDBOX, Answers, Side, compare, differing, table
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.marker import Marker, read_marker, site_url
from include.groupsync.source.database import SourceDatabase, snapshot
from include.groupsync.state import runs
from include.groupsync.state.database import Stamp, place_of, read_stamp
from include.groupsync.steps.run import Deployment, Run, client_of, reader_of, recorded, week_of

T = TypeVar("T")
Ask = Callable[[Callable[[], T]], T | str]


def answers_of(deployment: Deployment, client: MoodleClient, ask: Ask[Any] = lambda question: question()) -> Answers:
    """What each side answers at this moment; each is asked, none is remembered.

    ``ask`` puts a question, and may answer for a side that fails; by default the failure is everybody's.
    """
    stamps, databases = {}, {}
    for conn_id in deployment.settings.source_connections:
        if deployment.environment == SANDBOX:
            stamps[conn_id] = ask(partial(_stamp_of_source, deployment, conn_id))
        else:
            databases[conn_id] = ask(partial(_identity_of_source, deployment, conn_id))
    return Answers(
        databases=databases,
        stamps=stamps,
        ledger=ask(partial(_ledger, deployment)),
        moodle_connection=deployment.moodle.url,
        moodle_site=ask(partial(site_url, client)),  # before the marker: it names the functions that the token lacks
        marker=ask(partial(_marker, client)),
    )


def sides_of(deployment: Deployment, answers: Answers) -> list[Side]:
    """The five sides, each with what it says and what it should say in this deployment."""
    configured = deployment.settings.environments.get(deployment.environment)
    expected = (configured.moodle, configured.databases) if configured else None
    return compare(deployment.environment, expected, answers)


def require_identity(deployment: Deployment, client: MoodleClient) -> list[Side]:
    """The five sides; IdentityError with all of them side by side where one differs."""
    sides = sides_of(deployment, answers_of(deployment, client))
    if differing(sides):
        raise IdentityError(
            "This run is not one environment end to end, so it reads and writes nothing.\n"
            f"{table(sides)}\n"
            "Correct the side that is wrong (GROUPSYNC_ENVIRONMENT, a connection, environments in"
            " groupsync.yaml), or arm the site; no option overrides this."
        )
    return sides


def require_own_state(deployment: Deployment, stamp: Stamp | None) -> None:
    """Of what is written to the state database alone: IdentityError where that is another environment's (rule I1)."""
    found = stamp.environment if stamp else "nobody"
    if found != deployment.environment:
        raise IdentityError(
            f"the state database belongs to {found}, and this deployment is {deployment.environment or '(not set)'}"
            " (GROUPSYNC_ENVIRONMENT): correct the connection, or the environment. Nothing was changed."
        )


@recorded
def check_identity(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Compare the five names; nothing of a group is read before this."""
    week_of(deployment, run)  # a term that the calendar does not have is told before anything is asked
    folder.save_frame("findings/calendar", frame_of((one.row() for one in _on_calendar(deployment)), FINDING), FINDING)
    client = client_of(deployment)
    sides = require_identity(deployment, client)
    folder.save_json("identity", {"sides": [as_document(side) for side in sides]})
    with deployment.state.begin() as link:
        runs.begin(link, run.run_id, run.term_key, deployment.now())
    return {"calls": dict(client.calls)}


def _on_calendar(deployment: Deployment) -> Iterator[Finding]:
    """A warning, for weeks before it, that no term comes after the last."""
    if told := deployment.calendar.ends_soon(deployment.today):
        yield Finding("calendar", Severity.WARNING, "C5", told, next_step="add them to include/config/terms.yaml")


def as_document(side: Side) -> dict[str, Any]:
    """A side as plain values, for a run's files."""
    return asdict(side) | {"agrees": side.agrees}


def _asked(deployment: Deployment, conn_id: str) -> AbstractContextManager[SourceDatabase]:
    return snapshot(deployment.database(conn_id), deployment.project_root, reader_of(deployment, "identity"))


def _identity_of_source(deployment: Deployment, conn_id: str) -> str:
    with _asked(deployment, conn_id) as source:
        return source.identity()


def _stamp_of_source(deployment: Deployment, conn_id: str) -> str | None:
    with _asked(deployment, conn_id) as source:
        return source.stamped_environment()


def _ledger(deployment: Deployment) -> tuple[str, str] | None:
    with deployment.state.connect() as link:
        stamp, place = read_stamp(link), place_of(link)
    if stamp is None:
        return None
    copied = "" if stamp.place == place else f", a copy: made in {stamp.place or '(unknown)'}, found in {place}"
    return stamp.environment + copied, stamp.deployment_id


def _marker(client: MoodleClient) -> tuple[str, str] | str:
    marker = read_marker(client)
    return (marker.environment, marker.deployment_id) if isinstance(marker, Marker) else marker
