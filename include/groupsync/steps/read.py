"""Read the source's tables, and Moodle as far as they speak of it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.model.frames import conform
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import EXCEPTIONS, LEDGER
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Standing
from include.groupsync.model.snapshot import USERS
from include.groupsync.model.term import TERM_STATES
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import find_users, read_course_keys, read_snapshot
from include.groupsync.settings import Settings
from include.groupsync.source.clean import clean
from include.groupsync.source.database import snapshot
from include.groupsync.source.extract import REMOTE, read_dataset, read_freshness
from include.groupsync.source.mappings import in_scope
from include.groupsync.state import ledger, term_states
from include.groupsync.state.journal import unsettled_runs
from include.groupsync.steps.run import Deployment, Run, client_of, recorded, save_snapshot
from include.groupsync.steps.scoping import scope_of_rows
from include.groupsync.steps.writing import settle_open, writing


@recorded
def extract(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Every remote table that is on, whole; tables of one database in one snapshot.  Missing is not empty.

    Where a source is asked how fresh it is, it is asked in the same snapshot.
    """
    settings, binds = deployment.settings, run.term(deployment).binds
    by_address: dict[str, list[str]] = {}
    for name, dataset in settings.datasets.items():
        by_address.setdefault(deployment.database(dataset.connection).url, []).append(name)
    counts: dict[str, int] = {}
    answers: dict[str, str] = {}
    sql_folder = deployment.project_root / "include" / "sql"
    for names in by_address.values():
        connection = deployment.database(settings.datasets[names[0]].connection)
        with snapshot(connection, deployment.project_root) as database:
            for name in names:
                frame = read_dataset(database, name, settings.datasets[name], sql_folder, binds)
                folder.save_frame(f"source/{name}", frame, REMOTE[name])
                counts[name] = len(frame)
            for source in sorted({settings.datasets[name].connection for name in names} & set(settings.freshness)):
                answers[source] = read_freshness(database, source, sql_folder / settings.freshness[source], binds)
    return {"rows": counts, "freshness": answers}


@recorded
def read_moodle(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """The courses that the mappings speak of, with everything in them, and the ledger as it is now."""
    settings, client = deployment.settings, client_of(deployment)
    settled = settle(deployment, run, client)
    managed = save_ledger(deployment, folder)
    cleaned = {name: clean(name, folder.frame(f"source/{name}"), settings) for name in settings.datasets}
    scope = scope_of_rows(cleaned, settings, run.term(deployment))
    wanted = frozenset(scope.loc[scope["standing"] != str(Standing.FROZEN), "course"].dropna())
    everywhere = read_course_keys(client, settings.localcoursefield)
    courses = everywhere[everywhere["course"].isin(list(wanted))].reset_index(drop=True)
    known = managed["objects"]
    found = read_snapshot(
        client,
        courses,
        user_field=settings.localuserfield,
        with_people=Kind.MEMBERSHIP in settings.kinds,
        known_groups=known_ids(known, Kind.GROUP),
        known_groupings=known_ids(known, Kind.GROUPING),
    )
    save_snapshot(folder, found)
    others = _others(client, cleaned, scope, found.users, settings)
    folder.save_frame("users", pd.concat([found.users, others]).drop_duplicates(), USERS)
    counts = {"courses": len(courses), "courses_in_moodle": len(everywhere), "unread": len(found.unread)}
    return {**counts, "settled": settled, "calls": dict(client.calls)}


def settle(deployment: Deployment, run: Run, client: MoodleClient) -> int:
    """What an interrupted run did without anybody knowing is in the ledger before anything is compared with it."""
    with deployment.state.connect() as link:
        if not unsettled_runs(link):
            return 0
    with writing(deployment, run, client) as pace:
        return settle_open(deployment, client, pace)


def save_ledger(deployment: Deployment, folder: RunFolder) -> dict[str, pd.DataFrame]:
    """The ledger as it is now, into the folder: its frames by name (LEDGER), exceptions and states of terms beside."""
    with deployment.state.connect() as link:
        frames = {name: ledger.load(link, name) for name in LEDGER}
        exceptions, states = ledger.load_exceptions(link), term_states.load(link)
    folder.save_frame("ledger/exceptions", exceptions, EXCEPTIONS)
    folder.save_frame("ledger/term_states", states, TERM_STATES)
    for name, frame in frames.items():
        folder.save_frame(f"ledger/{name}", frame, LEDGER[name])
    return frames


def known_ids(managed: pd.DataFrame, kind: Kind) -> dict[int, list[int]]:
    """The ids of what is managed (MANAGED_OBJECTS) of a kind, by course id: Moodle's lists may hide them."""
    own = managed[managed["kind"] == str(kind)]
    found: dict[int, list[int]] = {}
    for course_id, moodle_id in zip(own["course_id"], own["moodle_id"], strict=True):
        found.setdefault(course_id, []).append(moodle_id)
    return found


def _others(
    client: MoodleClient,
    cleaned: Mapping[str, pd.DataFrame],
    scope: pd.DataFrame,
    participants: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """The people whom the source lists and no course that was read has: known to Moodle, or not (rule M4).

    Moodle keeps usernames and ids apart; another field may be two people's, so every key is asked for (K3).
    """
    if "memberships" not in cleaned:
        return conform(participants.head(0), USERS)
    listed = set(in_scope(cleaned["memberships"], scope, "memberships")["user"].dropna())
    if settings.localuserfield in ("username", "id"):
        listed -= set(participants["user"].dropna())
    return find_users(client, settings.localuserfield, listed)
