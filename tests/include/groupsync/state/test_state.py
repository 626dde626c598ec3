"""The state database: stamp, ledger and journal, on SQLite and on PostgreSQL (rules I1, O2, C5, J1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from include.groupsync.errors import SettingsError
from include.groupsync.model.change import Change
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.model.effective import MAPPING_KEY, Switch
from include.groupsync.model.frames import frame_of, rows
from include.groupsync.model.journal import Intent, Outcome, Settled
from include.groupsync.model.kind import Kind
from include.groupsync.model.ledger import LEDGER, may_delete, with_term, without_term
from include.groupsync.model.member_exception import Known, Member, What
from include.groupsync.model.term import TermState
from include.groupsync.model.things import Group, Grouping, Link, Membership, Thing
from include.groupsync.state import approvals, exceptions, ledger, requests, runs, switches, term_states
from include.groupsync.state.database import initialise, open_state, place_of, read_stamp
from include.groupsync.state.history import count_gone, entries_of, forget, last_entry, unsettled_runs
from include.groupsync.state.journal import RunJournal
from include.groupsync.state.tables import EXCEPTION, JOURNAL, METADATA, RUN, TERM_STATE

AT = datetime(2026, 1, 12, 2, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a state database that is not made yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """A state database of environment uat."""
    initialise(url, "uat")
    opened = open_state(DatabaseConnection("state", url), tmp_path)
    yield opened
    opened.dispose()


def ledger_of(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    with engine.connect() as link:
        return rows(ledger.load(link, name))


def journal_of(engine: sa.Engine) -> list[Any]:
    with engine.connect() as link:
        return list(link.execute(sa.select(JOURNAL).order_by(JOURNAL.c.entry)))


def journal(engine: sa.Engine, term: str = "T1") -> RunJournal:
    clock = iter(AT + timedelta(seconds=n) for n in range(100))
    return RunJournal(engine, "run-1", term, lambda: next(clock))


def test_making_it_again_changes_nothing(url: str, tmp_path: Path) -> None:
    """The stamp is set once; the deployment keeps its id."""
    first = initialise(url, "uat")
    assert initialise(url, "uat") == first
    engine = open_state(DatabaseConnection("state", url), tmp_path)
    with engine.connect() as link:
        stamp = read_stamp(link)
    engine.dispose()
    assert stamp is not None
    assert (stamp.environment, stamp.deployment_id) == ("uat", first)


def test_i1_a_ledger_is_never_taken_over_by_another_environment(url: str, tmp_path: Path) -> None:
    """A copied ledger keeps its name, also after the attempt."""
    initialise(url, "uat")
    with pytest.raises(SettingsError, match="belongs to environment 'uat', not 'production'"):
        initialise(url, "production")
    engine = open_state(DatabaseConnection("state", url), tmp_path)
    with engine.connect() as link:
        stamp = read_stamp(link)
    engine.dispose()
    assert stamp is not None
    assert stamp.environment == "uat"


@pytest.fixture
def copied(postgresql_url: str) -> Iterator[str]:
    """The address of a copy of the state database, in the same server."""
    initialise(postgresql_url, "uat")
    url = sa.make_url(postgresql_url)
    name = f"{url.database}_copy"
    engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as link:
        link.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {url.database}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as link:
        link.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.mark.needs("postgresql")
def test_i1_a_copied_ledger_is_no_second_ledger(copied: str, postgresql_url: str) -> None:
    """One deployment id must not be at work in two places; the original goes on."""
    with pytest.raises(SettingsError, match=r"was made in postgresql test_\w+ system \d+ and is in .*_copy.*: a copy"):
        initialise(copied, "uat")
    assert initialise(postgresql_url, "uat")


@pytest.mark.needs("postgresql")
def test_i1_a_ledger_that_has_moved_is_another_deployment_from_then_on(copied: str, postgresql_url: str) -> None:
    """What was left behind no longer has the id that the site is armed for."""
    old = initialise(postgresql_url, "uat")
    with pytest.raises(SettingsError, match=f"not that of deployment wrong, but of {old}"):
        initialise(copied, "uat", moved="wrong")
    new = initialise(copied, "uat", moved=old)
    assert new != old
    assert initialise(copied, "uat") == new
    assert initialise(postgresql_url, "uat") == old


@pytest.mark.needs("postgresql")
def test_i1_a_ledger_of_a_version_that_noted_no_place_notes_it_when_it_is_migrated(postgresql_url: str) -> None:
    """And keeps its id."""
    first = initialise(postgresql_url, "uat")
    engine = sa.create_engine(postgresql_url)
    with engine.begin() as link:
        link.exec_driver_sql("UPDATE stamp SET place = NULL")
    assert initialise(postgresql_url, "uat") == first
    with engine.connect() as link:
        stamp = read_stamp(link)
        assert stamp is not None
        assert stamp.place == place_of(link)
        assert stamp.place is not None
    engine.dispose()


@pytest.mark.parametrize("environment", ["", "UAT", "two words", "1st", "a" * 51, "uat\n"])
def test_i1_an_environments_name_is_a_plain_word(tmp_path: Path, environment: str) -> None:
    """Nothing is made for another."""
    with pytest.raises(SettingsError, match="use lower-case letters, digits and hyphens"):
        initialise(f"sqlite:///{tmp_path}/state.db", environment)
    assert list(tmp_path.iterdir()) == []


def test_two_deployments_of_one_environment_differ(tmp_path: Path) -> None:
    """The marker names one of them."""
    ids = {initialise(f"sqlite:///{tmp_path}/{name}.db", "uat") for name in ("one", "other")}
    assert len(ids) == 2


def test_o2_a_missing_ledger_is_an_error_and_never_a_new_one(tmp_path: Path) -> None:
    """Without a ledger there are no deletes; without saying so, nobody would notice."""
    with pytest.raises(SettingsError, match="connection state: the state database refuses"):
        open_state(DatabaseConnection("state", "sqlite:///state.db"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_refused(url: str, tmp_path: Path) -> None:
    """The message says how to migrate it."""
    initialise(url, "uat")
    raw = sa.create_engine(url)
    with raw.begin() as link:
        link.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    raw.dispose()
    with pytest.raises(SettingsError, match="at version 0000, needed is"):
        open_state(DatabaseConnection("state", url), tmp_path)


@pytest.mark.parametrize("bad", ["nonsense", "nosuch://u:secret@h/d"])
def test_w3_a_url_that_is_none_is_refused_without_its_password(tmp_path: Path, bad: str) -> None:
    """By the connection's name."""
    with pytest.raises(SettingsError, match="connection state") as refused:
        open_state(DatabaseConnection("state", bad), tmp_path)
    assert "secret" not in str(refused.value)


def test_the_migrations_make_the_tables_as_they_are_declared(engine: sa.Engine) -> None:
    """A column that was added to the one and not to the other shows here."""
    with engine.connect() as link:
        context = MigrationContext.configure(link, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_o2_a_new_ledger_manages_nothing(engine: sa.Engine) -> None:
    """So nothing can be deleted."""
    assert [ledger_of(engine, name) for name in LEDGER] == [[], [], []]
    with engine.connect() as link:
        assert len(ledger.load_exceptions(link)) == 0


OBJECT = {
    "kind": "group", "moodle_id": 7, "course_id": 2, "course": "C", "idnumber": "G", "name": "N", "description": None,
    "module": "M A T1", "terms": "T1",
}  # fmt: skip
LINK = {"grouping_id": 3, "group_id": 7, "course_id": 2, "module": None, "terms": "T1", "gone": False}
MEMBER = {"group_id": 7, "user_id": 9, "course_id": 2, "user": "ann", "module": None, "terms": "T1"}


def observe(engine: sa.Engine, name: str, *records: dict[str, Any]) -> None:
    with engine.begin() as link:
        ledger.observe(link, name, frame_of(records, LEDGER[name]))


def test_c5_what_a_run_observes_takes_the_place_of_what_was_there(engine: sa.Engine) -> None:
    """By its key; other rows stay, and the last field wins."""
    observe(engine, "objects", OBJECT, OBJECT | {"kind": "grouping", "name": "S"})
    observe(engine, "objects", OBJECT | {"name": "new", "terms": "T1 T2"})
    found = {row["kind"]: row for row in ledger_of(engine, "objects")}
    assert found["group"] == OBJECT | {"name": "new", "terms": "T1 T2"}
    assert found["grouping"]["name"] == "S"


def test_observing_nothing_changes_nothing(engine: sa.Engine) -> None:
    """For each of the three tables."""
    for name, record in (("objects", OBJECT), ("links", LINK), ("memberships", MEMBER)):
        observe(engine, name, record)
        observe(engine, name)
        assert ledger_of(engine, name) == [record]


@pytest.mark.parametrize(("name", "record"), [("objects", OBJECT), ("links", LINK), ("memberships", MEMBER)])
def test_c5_what_no_term_lists_any_more_is_dropped(engine: sa.Engine, name: str, record: dict[str, Any]) -> None:
    """An empty claim is no claim."""
    observe(engine, name, record)
    observe(engine, name, record | {"terms": ""})
    assert ledger_of(engine, name) == []


def test_a_dropped_group_takes_its_links_and_memberships_with_it(engine: sa.Engine) -> None:
    """And no other group's; a grouping takes its links alone."""
    other_link, other_member = LINK | {"group_id": 8}, MEMBER | {"group_id": 8}
    observe(engine, "links", LINK, other_link)
    observe(engine, "memberships", MEMBER, other_member)
    observe(engine, "objects", OBJECT | {"terms": ""})
    assert (ledger_of(engine, "links"), ledger_of(engine, "memberships")) == ([other_link], [other_member])
    observe(engine, "objects", OBJECT | {"kind": "grouping", "moodle_id": 3, "terms": ""})
    assert (ledger_of(engine, "links"), ledger_of(engine, "memberships")) == ([], [other_member])


def intent(before: Thing | None, after: Thing | None, **ids: Any) -> Intent:
    return Intent(Change(before, after, "X1", "M A T1", 5), batch=1, course_id=2, **ids)


def test_j1_an_intent_is_on_disk_before_anything_is_sent(engine: sa.Engine) -> None:
    """Another connection sees it, without outcome, and the ledger has not moved."""
    entries = journal(engine).intend([intent(None, Group("C", "G", "N", "d")), intent(Link("C", "S", "G"), None)])
    first, second = journal_of(engine)
    assert entries == [first.entry, second.entry]
    assert (first.run_id, first.kind, first.action, first.rule, first.course) == ("run-1", "group", "create", "X1", "C")
    assert (first.outcome, first.outcome_at, first.before) == (None, None, None)
    assert first.after == {"course": "C", "group": "G", "name": "N", "description": "d"}
    assert (second.grouping, second.group, second.after) == ("S", "G", None)
    assert ledger_of(engine, "objects") == []


def test_j1_a_deletes_intent_holds_the_full_image(engine: sa.Engine) -> None:
    """What a restore needs."""
    image = {"visibility": 1, "members": ["ann", "Ångström"]}
    journal(engine).intend([intent(Group("C", "G", "N", "d"), None, group_id=7, image=image)])
    [entry] = journal_of(engine)
    assert entry.before == {"course": "C", "group": "G", "name": "N", "description": "d", **image}
    assert entry.group_id == 7


def test_j1_an_outcome_and_what_it_makes_managed_come_together(engine: sa.Engine) -> None:
    """The id that Moodle gave is in both."""
    run = journal(engine)
    [entry] = run.intend([intent(None, Group("C", "G", "N", "d"))])
    run.settle([Settled(entry, Outcome.DONE, made_id=7)])
    [written] = journal_of(engine)
    assert (written.outcome, written.group_id) == ("done", 7)
    assert written.intent_at < written.outcome_at
    assert ledger_of(engine, "objects") == [OBJECT | {"description": "d"}]


def test_j1_a_ledger_that_cannot_be_written_leaves_no_outcome_either(engine: sa.Engine) -> None:
    """One transaction: the entry stays open, to be settled by reading."""
    run = journal(engine)
    good, bad = run.intend([intent(None, Group("C", "G", "N")), intent(None, Group("C", "H", "M"))])
    with engine.begin() as link:
        link.execute(sa.text("DROP TABLE ledger_object"))
    with pytest.raises(sa.exc.SQLAlchemyError):
        run.settle([Settled(good, Outcome.DONE, made_id=7), Settled(bad, Outcome.DONE, made_id=8)])
    assert [entry.outcome for entry in journal_of(engine)] == [None, None]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.DONE])
def test_o1_only_what_was_done_becomes_managed(engine: sa.Engine, outcome: Outcome) -> None:
    """Everything else is on record with its reason."""
    run = journal(engine)
    entries = run.intend([intent(None, Group("C", "G", "N")), intent(None, Membership("C", "G", "ann"), group_id=7)])
    run.settle([Settled(entry, outcome, "because") for entry in entries])
    assert [(entry.outcome, entry.reason) for entry in journal_of(engine)] == [(str(outcome), "because")] * 2
    assert [ledger_of(engine, name) for name in LEDGER] == [[], [], []]


def test_c5_an_update_adds_a_claim_beside_those_of_other_terms(engine: sa.Engine) -> None:
    """And holds the fields as applied now, a new idnumber included."""
    observe(engine, "objects", OBJECT)
    run = journal(engine, "T2")
    before, after = Group("C", "G", "N"), Group("C", "G2", "new", "d")
    run.settle([Settled(run.intend([intent(before, after, group_id=7)])[0], Outcome.DONE)])
    assert ledger_of(engine, "objects") == [
        OBJECT | {"idnumber": "G2", "name": "new", "description": "d", "terms": "T1 T2"}
    ]


def test_c5_the_newest_state_of_a_term_holds_and_every_one_stays_on_record(engine: sa.Engine) -> None:
    """Who, when and why; a term that nobody gave a state has none."""
    with engine.begin() as link:
        for at, (term, state) in enumerate([("T1", "closed"), ("T2", "closed"), ("T1", "open")]):
            term_states.change(link, term, TermState(state), who="ada", reason="why", at=AT + timedelta(days=at))
    with engine.begin() as link, pytest.raises(ValueError, match="by somebody, for a reason"):
        term_states.change(link, "T3", TermState.CLOSED, who="ada", reason=" ", at=AT)
    with engine.connect() as link:
        assert rows(term_states.load(link)) == [
            {"term": "T1", "state": "open", "change": 3},
            {"term": "T2", "state": "closed", "change": 2},
        ]
        assert [(one.state, one.at, one.who) for one in term_states.history(link, "T1")] == [
            (TermState.CLOSED, AT, "ada"),
            (TermState.OPEN, AT + timedelta(days=2), "ada"),
        ]
        assert [one.change for one in term_states.history(link, "T1", since=2)] == [3]
        assert len(list(link.execute(sa.select(TERM_STATE)))) == 3


@pytest.mark.parametrize(
    ("days", "ended", "opened"),
    [
        ({}, {}, None),
        ({1: "closed", 2: "open"}, {}, None),  # its runs could always delete
        ({1: "frozen"}, {}, None),  # and now they cannot
        ({1: "frozen", 3: "open"}, {}, 3),
        ({1: "frozen", 3: "open"}, {2: "frozen", 4: "held"}, 3),
        ({1: "frozen", 3: "open"}, {2: "applied"}, 3),  # it began before
        ({1: "frozen", 3: "open"}, {4: "added", 5: "planned"}, 3),  # neither has deleted anything
        ({1: "frozen", 3: "open"}, {4: "applied"}, None),
        ({1: "frozen", 3: "add-only"}, {4: "added"}, None),
        ({1: "frozen", 3: "add-only", 5: "open"}, {4: "added"}, 5),
        ({1: "add-only", 3: "closed", 4: "open"}, {}, 3),
        ({1: "frozen", 3: "open", 5: "frozen", 6: "open"}, {4: "applied"}, 6),
    ],
)
def test_c2_a_term_whose_runs_may_delete_again_is_unseen_until_one_is_accepted(
    engine: sa.Engine, days: dict[int, str], ended: dict[int, str], opened: int | None
) -> None:
    """Whatever lay between; ``ended`` are runs that began on a day, and how they ended."""
    with engine.begin() as link:
        for at, state in days.items():
            term_states.change(link, "T1", TermState(state), who="ada", reason="why", at=AT + timedelta(days=at))
        for at, outcome in ended.items():
            began = AT + timedelta(days=at)
            for term in ("T1", "T2"):
                runs.begin(link, f"{term} {at}", term, began)
            runs.end(link, f"T1 {at}", began, outcome, None, {})
            runs.end(link, f"T2 {at}", began, "applied", None, {})
        found = term_states.opened_unseen(link, "T1")
    assert (found.at if found else None) == (AT + timedelta(days=opened) if opened else None)


def test_c2_the_newest_switch_of_a_course_holds_and_every_one_stays_on_record(engine: sa.Engine) -> None:
    """Of each term by itself; what was switched together is told together."""
    with engine.begin() as link:
        for at, (term, courses, word) in enumerate(
            [("T1", ("B", "A"), "off"), ("T2", ("A",), "off"), ("T1", ("A",), "on"), ("T1", ("B",), "source")]
        ):
            switches.change(link, term, courses, Switch(word), who="ada", reason="why", at=AT + timedelta(days=at))
    with engine.begin() as link, pytest.raises(ValueError, match="by somebody, for a reason"):
        switches.change(link, "T1", ["A"], Switch.OFF, who=" ", reason="why", at=AT)
    with engine.connect() as link:
        found = [(row["term"], row["course"], row["switch"], row["change"]) for row in rows(switches.load(link))]
        assert found == [("T1", "A", "on", 4), ("T1", "B", "source", 5), ("T2", "A", "off", 3)]
        assert [(one.switch, one.courses) for one in switches.history(link, "T1")] == [
            (Switch.OFF, ("A", "B")), (Switch.ON, ("A",)), (Switch.SOURCE, ("B",)),
        ]  # fmt: skip
        assert switches.off_since(link, "T1", 0) == ["A", "B"]
        assert switches.off_since(link, "T1", 2) == []


@pytest.mark.parametrize(
    ("days", "ended", "unseen"),
    [
        ({}, {}, False),
        ({1: "off"}, {}, False),
        ({1: "off", 3: "source"}, {}, True),
        ({1: "on"}, {}, True),  # its mappings may have been inactive for long
        ({1: "off", 3: "on"}, {2: "applied", 4: "held"}, True),
        ({1: "off", 3: "on"}, {4: "added", 5: "planned"}, True),
        ({1: "off", 3: "on"}, {4: "applied"}, False),
        ({1: "on", 5: "off"}, {}, False),
        ({1: "on", 5: "source"}, {4: "applied"}, True),
    ],
)
def test_c2_a_course_that_was_switched_on_is_unseen_until_a_run_is_accepted(
    engine: sa.Engine, days: dict[int, str], ended: dict[int, str], unseen: bool
) -> None:
    """Of its own term, and one that began since."""
    with engine.begin() as link:
        for at, word in days.items():
            switches.change(link, "T1", ["A"], Switch(word), who="ada", reason="why", at=AT + timedelta(days=at))
        for at, outcome in ended.items():
            began = AT + timedelta(days=at)
            for term in ("T1", "T2"):
                runs.begin(link, f"{term} {at}", term, began)
            runs.end(link, f"T1 {at}", began, outcome, None, {})
        runs.begin(link, "other", "T2", AT + timedelta(days=9))
        runs.end(link, "other", AT, "applied", None, {})
        assert list(switches.on_unseen(link, "T1")) == (["A"] if unseen else [])


def test_c3_a_request_is_remembered_as_it_was_read_first_and_done_once(engine: sa.Engine) -> None:
    """By the first run that says so; the same id of another term is another request."""
    row = {"term": "T1", "request": "7", **dict.fromkeys(MAPPING_KEY, "X"), "action": "RMV", "requested_at": "2026"}
    with engine.begin() as link:
        requests.remember(link, [row], run_id="r1", at=AT)
        requests.remember(link, [{**row, "action": "ADD"}, {**row, "term": "T2"}], run_id="r2", at=AT)
        requests.done(link, "T1", "7", "removed", run_id="r2", at=AT)
        requests.done(link, "T1", "7", "again", run_id="r3", at=AT)
        kept = rows(requests.load(link))
    assert [(one["term"], one["action"], one["done_by"], one["outcome"]) for one in kept] == [
        ("T1", "RMV", "r2", "removed"), ("T2", "RMV", None, None),
    ]  # fmt: skip


def test_m6_an_exception_takes_the_place_of_what_held_and_every_change_is_kept(engine: sa.Engine) -> None:
    """Of that person in that group and of nothing else; what somebody wrote by hand is told as it was."""
    ann, others = Member("C", "G", "ann"), [Member("C", "G", "bob"), Member("C", "H", "ann"), Member("D", "G", "ann")]
    with engine.begin() as link:
        for member in (ann, *others):
            exceptions.change(link, member, What.EXCLUDE, who="ada", reason="why", at=AT)
        by_hand = {**vars(ann), "what": "pin", "who": "team", "reason": "by hand", "at": AT}
        link.execute(EXCEPTION.insert().values(**by_hand))
        assert [one.since for one in exceptions.standing(link, ann)] == [
            "exclude since 2026-01-12 02:00 UTC",
            "pin since 2026-01-12 02:00 UTC",
        ]
        later = AT + timedelta(days=1)
        exceptions.change(link, ann, What.PIN, who="bea", reason="a\n line", at=later)
        [pin] = exceptions.standing(link, ann)
        exceptions.change(link, ann, What.CLEAR, who="ada", reason="done", at=later)
        assert (pin.told, exceptions.standing(link, ann)) == (
            "pin since 2026-01-13 02:00 UTC, by bea, who says: a line",
            [],
        )
        assert [one.told for one in exceptions.history(link, ann)] == [
            "2026-01-12 02:00 UTC: exclude, before: no exception; by ada, who says: why",
            "2026-01-13 02:00 UTC: pin, before: exclude pin; by bea, who says: a line",
            "2026-01-13 02:00 UTC: clear, before: pin; by ada, who says: done",
        ]
        for who, reason in ((" ", "why"), ("ada", " ")):
            with pytest.raises(ValueError, match="for a reason"):
                exceptions.change(link, ann, What.PIN, who=who, reason=reason, at=AT)
        left = rows(ledger.load_exceptions(link))
    told = {"what": "exclude", "since": "2026-01-12 02:00", "reason": "why"}
    assert left == [{**vars(member), **told} for member in others]


def test_m6_what_the_ledger_knows_of_a_person_in_a_group(engine: sa.Engine) -> None:
    """Groups by their key in the course, not by name and not in another; a group without one by Moodle's id."""
    group = {"kind": "group", "name": "Lab", "description": "", "module": None, "terms": "T1"}
    objects = [
        {**group, "moodle_id": 11, "course_id": 1, "course": "C", "idnumber": "G"},
        {**group, "moodle_id": 12, "course_id": 1, "course": "C", "idnumber": "S", "kind": "grouping"},
        {**group, "moodle_id": 21, "course_id": 2, "course": "D", "idnumber": "G"},
    ]
    member = {"user_id": 5, "user": "ann", "course_id": 1, "module": None, "terms": "T1"}
    with engine.begin() as link:
        ledger.observe(link, "objects", frame_of(objects, LEDGER["objects"]))
        ours = [{**member, "group_id": 11}, {**member, "group_id": 31}]
        ledger.observe(link, "memberships", frame_of(ours, LEDGER["memberships"]))
        for (course, key, user), known in {
            ("C", "G", "ann"): Known(course=True, group=True, ours=True, meant=()),
            ("C", "G", "bob"): Known(course=True, group=True, ours=False, meant=()),
            ("C", "S", "ann"): Known(course=True, group=False, ours=False, meant=()),
            ("C", "Lab", "ann"): Known(course=True, group=False, ours=False, meant=("G",)),
            ("C", "11", "ann"): Known(course=True, group=False, ours=False, meant=("G",)),
            ("C", "#31", "ann"): Known(course=True, group=True, ours=True, meant=()),
            ("D", "G", "ann"): Known(course=True, group=True, ours=False, meant=()),
            ("E", "G", "ann"): Known(course=False, group=False, ours=False, meant=()),
        }.items():
            assert exceptions.known(link, Member(course, key, user)) == known


def test_o2_a_claim_makes_ours_what_is_there(engine: sa.Engine) -> None:
    """A link and a membership that stay as they are; in the place of a link that was seen gone."""
    member, tie = Membership("C", "G", "ann"), Link("C", "S", "G")
    observe(engine, "links", LINK | {"gone": True})
    run = journal(engine)
    ids = [{"group_id": 7, "user_id": 9}, {"grouping_id": LINK["grouping_id"], "group_id": LINK["group_id"]}]
    entries = run.intend([intent(thing, thing, **own) for thing, own in zip((member, tie), ids, strict=True)])
    run.settle([Settled(entry, Outcome.DONE) for entry in entries])
    assert [(row["user"], row["terms"]) for row in ledger_of(engine, "memberships")] == [("ann", "T1")]
    assert [(row["gone"], row["terms"]) for row in ledger_of(engine, "links")] == [(False, "T1")]


def test_m4_l2_what_we_add_is_ours_and_what_we_remove_is_not(engine: sa.Engine) -> None:
    """Memberships and links."""
    member, tie = Membership("C", "G", "ann"), Link("C", "S", "G")
    run = journal(engine)
    ids: tuple[dict[str, int], dict[str, int]] = ({"group_id": 7, "user_id": 9}, {"grouping_id": 3, "group_id": 7})
    added = run.intend([intent(None, member, **ids[0]), intent(None, tie, **ids[1])])
    run.settle([Settled(entry, Outcome.DONE) for entry in added])
    assert ledger_of(engine, "memberships") == [MEMBER | {"module": "M A T1"}]
    assert ledger_of(engine, "links") == [LINK | {"module": "M A T1"}]
    removed = run.intend([intent(member, None, **ids[0]), intent(tie, None, **ids[1])])
    run.settle([Settled(entry, Outcome.DONE) for entry in removed])
    assert (ledger_of(engine, "memberships"), ledger_of(engine, "links")) == ([], [])


@pytest.mark.parametrize("kind", ["group", "grouping"])
def test_p7_g7_a_deleted_object_leaves_the_ledger_with_all_in_it(engine: sa.Engine, kind: str) -> None:
    """Moodle took its members and links with it."""
    moodle_id = 7 if kind == "group" else 3
    observe(engine, "objects", OBJECT | {"kind": kind, "moodle_id": moodle_id})
    observe(engine, "links", LINK)
    observe(engine, "memberships", MEMBER)
    thing = Group("C", "G", "N") if kind == "group" else Grouping("C", "G", "N")
    run = journal(engine)
    [entry] = run.intend([intent(thing, None, **{f"{kind}_id": moodle_id})])
    run.settle([Settled(entry, Outcome.DONE)])
    assert (ledger_of(engine, "objects"), ledger_of(engine, "links")) == ([], [])
    assert ledger_of(engine, "memberships") == ([] if kind == "group" else [MEMBER])


def test_a_run_that_is_repeated_begins_anew(engine: sa.Engine) -> None:
    """One line a run, with how it ended last."""
    with engine.begin() as link:
        runs.begin(link, "run-1", "T1", AT)
        runs.end(link, "run-1", AT, "failed", None, {})
        runs.begin(link, "run-2", "T1", AT)
        runs.begin(link, "run-1", "T1", AT)
        assert link.execute(sa.select(RUN.c.outcome)).scalars().all() == [None, None]
        runs.end(link, "run-1", AT, "applied", "abc", {"group": {"create": 3}})
        [ended] = link.execute(sa.select(RUN.c.run_id, RUN.c.counts).where(RUN.c.outcome == "applied"))
    assert tuple(ended) == ("run-1", {"group": {"create": 3}})


@pytest.mark.parametrize(
    ("terms", "open_terms", "may"),
    [
        ("T1", {"T1"}, True),
        ("T1 T2", {"T1", "T2"}, False),
        ("T1 T2", {"T1"}, True),
        ("T1 T2", None, False),
        ("T1", None, True),
        ("T2", {"T1"}, False),
        ("", {"T1"}, False),
        (None, None, False),
    ],
)
def test_c5_a_run_deletes_what_its_own_term_dropped_and_no_other_open_term_lists(
    terms: str | None, open_terms: set[str] | None, may: bool
) -> None:
    """What only other terms list, ended or not, is left alone; without a calendar every term is open."""
    assert may_delete(terms, "T1", None if open_terms is None else frozenset(open_terms)) is may


def test_c5_claims_are_a_set_of_terms() -> None:
    """Sorted, each once."""
    assert with_term(with_term("T2", "T1"), "T2") == "T1 T2"
    assert without_term("T1 T2", "T1") == "T2"
    assert without_term(None, "T1") == without_term("T1", "T1") == ""


MEASURES = {"rows": {"groups": 3}, "week": 2}


def ended(link: sa.Connection, run_id: str, outcome: str, hours: int, term: str = "T1", measured: bool = True) -> None:
    """A run that began so many hours after AT and ended so."""
    runs.begin(link, run_id, term, AT + timedelta(hours=hours))
    if measured:
        runs.measure(link, run_id, MEASURES, f"digest of {run_id}")
    runs.end(link, run_id, AT + timedelta(hours=hours + 1), outcome, "plan", {})


def test_b5_accepted_runs_are_those_that_were_applied_or_approved(engine: sa.Engine) -> None:
    """The newest first; a run is no baseline for itself, nor is one that has not ended or measured nothing."""
    with engine.begin() as link:
        for hours, outcome in enumerate(("applied", "held", "blocked", "failed", "applied", "held")):
            ended(link, f"run-{hours}", outcome, hours, term=f"T{hours % 2}")
        ended(link, "unmeasured", "applied", 9, measured=False)
        runs.begin(link, "open", "T1", AT)
        runs.measure(link, "open", MEASURES, "x")
    with engine.connect() as link:
        assert [run["run_id"] for run in runs.accepted(link, besides="")] == ["run-4", "run-0"]
        assert [run["run_id"] for run in runs.accepted(link, besides="run-4")] == ["run-0"]
        [first] = runs.accepted(link, besides="run-4")
    assert first == {
        "run_id": "run-0", "term": "T0", "outcome": "applied", "measures": MEASURES,
        "settings_digest": "digest of run-0",
    }  # fmt: skip
    with engine.begin() as link:
        assert runs.accept(link, "run-1")
        assert [run["run_id"] for run in runs.accepted(link, besides="")] == ["run-4", "run-1", "run-0"]


def test_b5_only_what_was_held_can_be_accepted(engine: sa.Engine) -> None:
    """Neither a blocked run nor a failed one, whoever says so."""
    with engine.begin() as link:
        for hours, outcome in enumerate(("held", "blocked", "failed")):
            ended(link, f"run-{hours}", outcome, hours)
        assert [runs.accept(link, run_id) for run_id in ("run-1", "run-2", "nobody")] == [False] * 3
        assert runs.accepted(link, besides="") == []
        assert runs.accept(link, "run-0") is True
        assert [run["run_id"] for run in runs.accepted(link, besides="")] == ["run-0"]


def test_b5_a_run_that_is_repeated_has_to_be_accepted_again(engine: sa.Engine) -> None:
    """Nothing is left of what it was."""
    with engine.begin() as link:
        ended(link, "run-0", "applied", 0)
        runs.begin(link, "run-0", "T1", AT)
        assert runs.accepted(link, besides="") == []


def test_what_went_in_the_last_hours_is_counted_by_kind(engine: sa.Engine) -> None:
    """What was done, or got no answer; after the moment, not at it; creates are none."""
    group, grouping = Group("C", "G", "N"), Grouping("C", "S", "N")
    losses = [(Change(group, None, "P7"), outcome) for outcome in Outcome] + [
        (Change(grouping, None, "G7"), Outcome.DONE)
    ]
    others = [(Change(None, group, "P5"), Outcome.DONE), (Change(Membership("C", "G", "a"), None, "M5"), Outcome.DONE)]
    clock = iter(AT + timedelta(hours=n) for n in range(100))
    went(RunJournal(engine, "run-1", "T1", lambda: next(clock)), *losses, *others)
    with engine.connect() as link:
        ever, later = count_gone(link, AT - timedelta(hours=1)), count_gone(link, AT)
        assert ever == {Kind.GROUPING: 1, Kind.GROUP: 2, Kind.LINK: 0, Kind.MEMBERSHIP: 1}
        assert later == {Kind.GROUPING: 1, Kind.GROUP: 1, Kind.LINK: 0, Kind.MEMBERSHIP: 1}
        assert count_gone(link, AT + timedelta(hours=40)) == dict.fromkeys(Kind, 0)


def went(log: RunJournal, *changes: tuple[Change, Outcome]) -> None:
    for change, how in changes:
        [entry] = log.intend([Intent(change, 1, 1, group_id=5, grouping_id=6, user_id=7)])
        log.settle([Settled(entry, how)])


def test_removals_that_a_person_approved_are_not_counted_and_deletes_are(engine: sa.Engine) -> None:
    """A release run is known by its request; another DAG's run is none."""
    with engine.begin() as link:
        asked = approvals.ask(
            link, term="T1", run_id="run-1", digest="a" * 64, trips=[], at=AT, waits=timedelta(hours=20)
        )
    losses = [Change(Membership("C", "G", "a"), None, "M5"), Change(Link("C", "S", "G"), None, "L2")]
    losses.append(Change(Group("C", "G", "N"), None, "P7"))
    for run_id in (f"moodle_group_release.{asked.release_run_id}", asked.release_run_id, "moodle_group_release."):
        went(RunJournal(engine, run_id, "T1", lambda: AT), *((change, Outcome.DONE) for change in losses))
    with engine.connect() as link:
        found = count_gone(link, AT - timedelta(hours=1))
    assert found == {Kind.GROUPING: 0, Kind.GROUP: 3, Kind.LINK: 2, Kind.MEMBERSHIP: 2}


def test_a5_what_a_killed_run_left_open_is_found_with_its_term_and_settled_as_ours(engine: sa.Engine) -> None:
    """By another process, which knows nothing of the intents."""
    killed = journal(engine, "T2")
    kept = killed.intend(
        [intent(None, Group("C", "G", "N", "d")), intent(None, Membership("C", "G", "ann"), group_id=7, user_id=9)]
    )
    gone = killed.intend([intent(Group("C", "H", "M"), None, group_id=8, image={"name": "M2", "members": []})])
    with engine.connect() as link:
        assert unsettled_runs(link) == [("run-1", "T2")]
    later = RunJournal(engine, "run-1", "T2", lambda: AT + timedelta(hours=1))
    found = later.unsettled()
    assert [entry for entry, _ in found] == [*kept, *gone]
    assert [(one.change.action, one.change.kind, one.group_id, one.user_id) for _, one in found] == [
        ("create", "group", None, None),
        ("create", "membership", 7, 9),
        ("delete", "group", 8, None),
    ]
    later.settle(
        [Settled(kept[0], Outcome.DONE, made_id=7), Settled(kept[1], Outcome.DONE), Settled(gone[0], Outcome.NOT_TRIED)]
    )
    assert ledger_of(engine, "objects") == [OBJECT | {"description": "d", "terms": "T2"}]
    assert ledger_of(engine, "memberships") == [MEMBER | {"module": "M A T1", "terms": "T2"}]
    with engine.connect() as link:
        assert unsettled_runs(link) == []


def test_a5_what_a_run_did_counts_for_its_plan_only(engine: sa.Engine) -> None:
    """Repeated from the start it has another plan, which may add again what somebody took out since."""
    made, gone = Change(None, Group("C", "G", "N"), "P5"), Change(Membership("C", "G", "ann"), None, "M5")
    renames = [Change(Group("C", "R", a), Group("C", "R", b), "P6", step=at) for at, (a, b) in enumerate(["xt", "ty"])]
    before = journal(engine)
    for change, ids in [(made, {}), (gone, {"group_id": 7, "user_id": 9}), (renames[0], {"group_id": 5})]:
        [entry] = before.intend([Intent(change, 1, 2, **ids)])
        before.settle([Settled(entry, Outcome.DONE, made_id=6 if change is made else None)])
    again = journal(engine)
    assert again.has_begun
    assert (again.done([made]), again.done([gone])) == ({0: 6}, {0: 7})
    assert again.done(renames) == {0: 5}, "the second step of a swap is still to be done"
    with engine.connect() as link:
        another = RunJournal(engine, "run-1", "T1", lambda: AT, after=last_entry(link))
    assert not another.has_begun
    assert another.done([made]) == {}


def test_j1_the_retention_drops_what_is_old_and_settled(engine: sa.Engine) -> None:
    """What nobody knows of stays until it is settled."""
    run = journal(engine)
    done, unknown, opened = (run.intend([intent(None, Group("C", key, key))])[0] for key in "GHI")
    run.settle([Settled(done, Outcome.DONE, made_id=7), Settled(unknown, Outcome.UNKNOWN)])
    with engine.begin() as link:
        assert forget(link, AT) == 0
        assert forget(link, AT + timedelta(days=1)) == 1
        assert [row["entry"] for row in entries_of(link, "run-1")] == [unknown, opened]
