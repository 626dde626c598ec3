"""Read the source's tables, and Moodle as far as they speak of it."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import SnapshotLost
from include.groupsync.model.effective import REQUESTS, SWITCHES
from include.groupsync.model.frames import conform
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import EXCEPTIONS_TOLD, LEDGER
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import Standing
from include.groupsync.model.snapshot import USERS
from include.groupsync.model.term import Term
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.reader import find_users, read_course_keys, read_snapshot
from include.groupsync.settings import Settings
from include.groupsync.source.clean import clean
from include.groupsync.source.database import snapshot
from include.groupsync.source.derive import LEFT_OUT, Derived, derive
from include.groupsync.source.extract import REMOTE, read_dataset, read_freshness
from include.groupsync.source.mappings import in_scope, of_term
from include.groupsync.source.narrow import courses_within
from include.groupsync.source.native import read_native, statements_of
from include.groupsync.source_settings import DERIVED
from include.groupsync.state import ledger, requests, switches, term_states
from include.groupsync.state.history import last_entry, unsettled_runs
from include.groupsync.steps.extent import compared, require_extent, require_kinds
from include.groupsync.steps.holding import courses_asked_for, expected_mappings, switches_of
from include.groupsync.steps.refusing import refuse_what_may_do_nothing
from include.groupsync.steps.run import Deployment, Run, client_of, reader_of, recorded, save_snapshot
from include.groupsync.steps.scoping import TABLES, mappings_of_rows, scope_of_rows
from include.groupsync.steps.writing import settle_open, writing

log = logging.getLogger(__name__)


@recorded
def extract(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Every remote table that is on, whole; tables of one database in one snapshot.  Missing is not empty.

    Where a source is asked how fresh it is, it is asked in the same snapshot.  Where a database could not keep its
    snapshot for as long as it was read, all is read again.  What is derived from CMIS and SITS is
    handed on like ready-made tables; who was left out of it, and why, is in ``source/left_out``.

    Raises RunRefused, before Moodle is read, where a person started the run and it may do nothing, and where the part
    that it is for has what the term has not.
    """
    settings, term = deployment.settings, run.term(deployment)
    require_kinds(settings, run.extent)
    read, found = _read_whole(deployment, run)
    tables = {name: read[name] for name in settings.tables if name in read}
    if settings.native is not None:
        derived = _derived(settings, term, read)
        tables |= derived.tables
        folder.save_frame("source/left_out", derived.left_out, LEFT_OUT)
        found["derived"] = derived.counts
    for name, frame in tables.items():
        folder.save_frame(f"source/{name}", frame, REMOTE[name])
    mappings = expected_mappings(deployment, run, tables)
    refuse_what_may_do_nothing(deployment, run, mappings)
    if not run.extent.is_whole:
        named = {name: clean(name, frame, settings) for name, frame in tables.items() if name in TABLES}
        require_extent(settings, run.extent, term.key, mappings, named)
    return {"rows": {name: len(tables[name]) for name in settings.datasets}, **found}


def _read_whole(deployment: Deployment, run: Run) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """As ``_read_sources``, from the beginning again where a snapshot was lost; SnapshotLost when it always is."""
    restarts = deployment.settings.sources.restarts
    for again in range(restarts + 1):
        try:
            read, told = _read_sources(deployment, run)
            return read, told | {"restarts": again}
        except SnapshotLost as lost:
            if again == restarts:
                raise
            log.warning("all sources are read again: %s", lost)
    raise AssertionError("unreachable")


def _read_sources(deployment: Deployment, run: Run) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """What each table or statement of the sources answered, by its name; and of which moment each database's
    snapshot is, how fresh each source says it is, and how many rows each answered.  Two databases have no snapshot in
    common."""
    term = run.term(deployment)
    settings, sql_folder = deployment.settings, deployment.project_root / "include" / "sql"
    derived = DERIVED if settings.native is not None else {}
    ready_made = {name: table for name, table in settings.tables.items() if name not in derived}
    statements = statements_of(settings)
    by_address: dict[str, set[str]] = {}
    for conn_id in settings.source_connections:
        by_address.setdefault(deployment.database(conn_id).url, set()).add(conn_id)
    read: dict[str, pd.DataFrame] = {}
    answers: dict[str, str] = {}
    taken: dict[str, str] = {}
    reader = reader_of(deployment, "extract", run)
    for conn_ids in by_address.values():
        with snapshot(deployment.database(min(conn_ids)), deployment.project_root, reader) as database:
            taken |= dict.fromkeys(sorted(conn_ids), deployment.now().isoformat())
            for name, dataset in ready_made.items():
                if dataset.connection in conn_ids:
                    read[name] = read_dataset(database, name, dataset, sql_folder, term.binds)
            for name, conn_id in statements.items():
                if conn_id in conn_ids:
                    read[name] = read_native(database, name, sql_folder, term.binds)
            for source in sorted(conn_ids & set(settings.freshness)):
                answers[source] = read_freshness(database, source, sql_folder / settings.freshness[source], term.binds)
    answered = {name: len(frame) for name, frame in read.items()}
    return read, {"freshness": answers, "snapshots": taken, "answered": answered}


def _derived(settings: Settings, term: Term, read: Mapping[str, pd.DataFrame]) -> Derived:
    assert settings.native is not None
    assert settings.mappings is not None
    mappings = of_term(clean("mappings", read["mappings"], settings), term, settings.mappings.columns.configured)
    wanted = [name for name in settings.datasets if name != "mappings"]
    return derive(mappings, {name: read[name] for name in statements_of(settings)}, settings.native, wanted)


@recorded
def read_moodle(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """The courses that the mappings speak of and the run is for, with everything in them, and the ledger as it is."""
    client = client_of(deployment, run)
    settled = settle(deployment, run, client)
    return {**read_both(deployment, run, folder, client), "settled": settled, "calls": dict(client.calls)}


def read_both(deployment: Deployment, run: Run, folder: RunFolder, client: MoodleClient) -> dict[str, int]:
    """Ledger and Moodle into the folder, and how many courses that are; writes nothing elsewhere."""
    settings = deployment.settings
    managed = save_ledger(deployment, folder)
    cleaned = {name: clean(name, folder.frame(f"source/{name}"), settings) for name in settings.tables}
    mappings = mappings_of_rows(cleaned, settings, run.term(deployment), switches_of(run, folder))
    scope = compared(scope_of_rows(cleaned, settings, mappings), settings, run.extent, mappings)
    wanted = frozenset(scope.loc[scope["standing"] != str(Standing.FROZEN), "course"].dropna())
    # Before the queue is judged: a course that it speaks of may be in scope, and one that is not is read for nothing.
    asked, part = courses_asked_for(cleaned, run, folder), courses_within(run.extent, mappings)
    asked = asked if part is None else asked & part
    wanted |= asked
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
    others = _others(client, cleaned, scope, asked, found.users, settings)
    folder.save_frame("users", pd.concat([found.users, others]).drop_duplicates(), USERS)
    return {"courses": len(courses), "courses_in_moodle": len(everywhere), "unread": len(found.unread)}


def settle(deployment: Deployment, run: Run, client: MoodleClient) -> int:
    """What an interrupted run did without anybody knowing is in the ledger before anything is compared with it."""
    with deployment.state.connect() as link:
        if not unsettled_runs(link):
            return 0
    with writing(deployment, run, client) as pace:
        return settle_open(deployment, client, pace)


def save_ledger(deployment: Deployment, folder: RunFolder) -> dict[str, pd.DataFrame]:
    """The ledger as it is now, into the folder: its frames by name (LEDGER); exceptions, states of terms, switches of
    courses, remembered requests and the number of the journal's last entry beside."""
    with deployment.state.connect() as link:
        # First: what is written in between counts as written since.
        folder.save_json("ledger/journal", {"last_entry": last_entry(link)})
        frames = {name: ledger.load(link, name) for name in LEDGER}
        exceptions, states = ledger.load_exceptions(link), term_states.load(link)
        switched, asked = switches.load(link), requests.load(link)
    folder.save_frame("ledger/switches", switched, SWITCHES)
    folder.save_frame("ledger/requests", asked, REQUESTS)
    folder.save_frame("ledger/exceptions", exceptions, EXCEPTIONS_TOLD)
    folder.save_frame("ledger/term_states", states, term_states.TERM_STATES)
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
    asked: frozenset[str],
    participants: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """The people whom the source lists and no course that was read has: known to Moodle, or not (rule M4).

    ``asked`` are courses that the queue may yet bring into scope: all of their rows count.

    Moodle keeps usernames and ids apart; another field may be two people's, so every key is asked for (K3).
    """
    if "memberships" not in cleaned:
        return conform(participants.head(0), USERS)
    every = cleaned["memberships"]
    listed = set(in_scope(every, scope, "memberships")["user"].dropna())
    if asked:
        listed |= set(every.loc[every["course"].isin(list(asked)) | every["course"].isna(), "user"].dropna())
    if settings.localuserfield in ("username", "id"):
        listed -= set(participants["user"].dropna())
    return find_users(client, settings.localuserfield, listed)
