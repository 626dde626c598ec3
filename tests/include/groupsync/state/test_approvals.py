"""Requests on SQLite and PostgreSQL: one open a term, each ended once (rules B4, B5)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from include.groupsync.model.approval import APPROVE_ALL, Answer, Answered, Approval
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.state import approvals, runs
from include.groupsync.state.database import initialise, open_state
from include.groupsync.state.tables import APPROVAL, RUN

AT = datetime(2026, 10, 12, 6, 0, tzinfo=UTC)
DAY = timedelta(hours=20)
TRIPS = [{"rule": "run_deletes", "subject": "groups", "observed": 7, "limit": 5.0, "text": "7 groups"}]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A state database of environment uat."""
    local = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/state.db" if local else str(request.getfixturevalue("postgresql_url"))
    initialise(url, "uat")
    opened = open_state(DatabaseConnection("state", url), tmp_path)
    yield opened
    opened.dispose()


def ask(engine: sa.Engine, digest: str = "a" * 64, run_id: str = "run-1", **more: Any) -> Approval:
    given = {"term": "T1", "trips": TRIPS, "at": AT, "waits": DAY, **more}
    with engine.begin() as link:
        return approvals.ask(link, run_id=run_id, digest=digest, **given)


def found(engine: sa.Engine, approval: Approval) -> Approval:
    with engine.connect() as link:
        one = approvals.of_release(link, approval.release_run_id)
    assert one is not None
    return one


def said(at: datetime = AT, **given: Any) -> Answer:
    return Answer(APPROVE_ALL, {"reason": " agreed ", **given}, "dana", at)


def test_b4_what_was_refused_can_be_asked_again_in_the_same_second(engine: sa.Engine) -> None:
    """Two release runs, each with an id of its own."""
    refused = ask(engine)
    with engine.begin() as link:
        assert approvals.answer(link, refused.approval, Answered.REJECTED, said())
    again = ask(engine, run_id="run-2")
    assert again.release_run_id != refused.release_run_id
    assert found(engine, refused).state == Answered.REJECTED
    assert found(engine, again).state == Answered.OPEN


def test_b4_a_request_comes_back_as_it_was_asked(engine: sa.Engine) -> None:
    """Times in UTC, whatever the database's own zone."""
    made = ask(engine)
    assert found(engine, made) == made
    assert (made.state, made.asked_at, made.expires_at) == (Answered.OPEN, AT, AT + DAY)
    assert made.trips == TRIPS
    with engine.connect() as link:
        assert approvals.open_of(link, "T1") == made
        assert approvals.open_of(link, "T2") is None
        assert approvals.of_release(link, "manual") is None


def test_b4_the_same_digest_joins_the_open_request(engine: sa.Engine) -> None:
    first = ask(engine)
    assert ask(engine, run_id="run-2", at=AT + timedelta(hours=1)) == first


def test_b4_another_digest_supersedes_it(engine: sa.Engine) -> None:
    first = ask(engine)
    second = ask(engine, "b" * 64, "run-2")
    assert second.approval != first.approval
    assert found(engine, first).state is Answered.SUPERSEDED
    assert found(engine, first).remark == "run run-2 holds something else"


def test_b4_every_term_has_an_open_request_of_its_own(engine: sa.Engine) -> None:
    first = ask(engine)
    ask(engine, "b" * 64, "run-2", term="T2")
    assert found(engine, first).state is Answered.OPEN


def test_b4_the_database_refuses_a_second_open_request(engine: sa.Engine) -> None:
    """Whatever two runs do at once."""
    ask(engine)
    with engine.connect() as link:
        row = dict(link.execute(sa.select(APPROVAL)).mappings().one())
    again = row | {"approval": 99, "release_run_id": "other"}
    with pytest.raises(IntegrityError), engine.begin() as link:
        link.execute(APPROVAL.insert().values(**again))


def test_b4_a_run_that_asks_while_another_does_takes_the_other_request(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees no open request, and the table does."""
    first = ask(engine)
    looks = iter([None, None])
    real = approvals.open_of
    monkeypatch.setattr(approvals, "open_of", lambda link, *term: next(looks, real(link, *term)))
    assert ask(engine, "b" * 64, "run-2") == first


def test_b5_a_request_whose_time_is_over_is_expired_when_the_next_is_asked(engine: sa.Engine) -> None:
    """The same digest asks anew."""
    first = ask(engine)
    second = ask(engine, run_id="run-2", at=AT + DAY)
    assert found(engine, first).state is Answered.EXPIRED
    assert found(engine, first).remark == "nobody answered until 2026-10-13 02:00 UTC"
    assert second.state is Answered.OPEN


def test_b4_an_answer_is_on_record_with_person_time_reason_and_courses(engine: sa.Engine) -> None:
    made = ask(engine)
    with engine.begin() as link:
        assert approvals.answer(link, made.approval, Answered.APPROVED, said(), courses=["C1"])
    kept = found(engine, made)
    assert (kept.state, kept.who, kept.answered_at, kept.reason) == (Answered.APPROVED, "dana", AT, "agreed")
    assert kept.courses == ("C1",)
    assert kept.told == "approved for 1 courses only by dana at 2026-10-12 06:00 UTC, who says: agreed"


def test_b4_the_first_answer_stands(engine: sa.Engine) -> None:
    """And a request that was closed takes none."""
    made = ask(engine)
    with engine.begin() as link:
        assert approvals.answer(link, made.approval, Answered.REJECTED, said())
        assert not approvals.answer(link, made.approval, Answered.APPROVED, said())
        assert not approvals.close(link, made.approval, Answered.SUPERSEDED)
    assert found(engine, made).state is Answered.REJECTED


def test_b4_a_refused_request_can_be_opened_again_and_forgets_its_answer(engine: sa.Engine) -> None:
    made = ask(engine)
    with engine.begin() as link:
        approvals.answer(link, made.approval, Answered.REFUSED, said(), remark="an answer needs a reason")
        assert approvals.reopen(link, made)
    assert found(engine, made) == made


@pytest.mark.parametrize("state", [Answered.REJECTED, Answered.EXPIRED, Answered.SUPERSEDED, Answered.APPLIED])
def test_b5_no_other_end_of_a_request_can_be_undone(engine: sa.Engine, state: Answered) -> None:
    made = ask(engine)
    with engine.begin() as link:
        approvals.close(link, made.approval, state)
        assert not approvals.reopen(link, made)
    assert found(engine, made).state is state


def test_b4_a_refused_request_is_not_opened_beside_another(engine: sa.Engine) -> None:
    made = ask(engine)
    with engine.begin() as link:
        approvals.close(link, made.approval, Answered.REFUSED)
    ask(engine, "b" * 64, "run-2", at=AT + timedelta(hours=1))
    with engine.begin() as link:
        assert not approvals.reopen(link, made)
    assert found(engine, made).state is Answered.REFUSED


def test_b4_an_answer_holds_as_long_as_the_request_waited(engine: sa.Engine) -> None:
    made = ask(engine)
    assert made.usable_until == AT + DAY
    late = AT + timedelta(hours=19)
    with engine.begin() as link:
        approvals.answer(link, made.approval, Answered.APPROVED, said(at=late))
    assert found(engine, made).usable_until == late + DAY


def test_b5_the_runs_that_held_exactly_what_was_applied_can_be_accepted(engine: sa.Engine) -> None:
    """Not those that ended before it was asked about, held more, or are of another term."""
    with engine.begin() as link:
        for run_id, term, digest, ended_at in (
            ("asked", "T1", "a", AT + timedelta(minutes=1)),
            ("joined", "T1", "a", AT + timedelta(days=1)),
            ("before", "T1", "a", AT - timedelta(minutes=1)),
            ("more", "T1", "b", AT + timedelta(minutes=1)),
            ("other", "T2", "a", AT + timedelta(minutes=1)),
        ):
            runs.begin(link, run_id, term, AT - timedelta(hours=1))
            runs.hold(link, run_id, digest)
            runs.end(link, run_id, ended_at, "held", None, {})
        assert sorted(runs.holding(link, "T1", "a", AT)) == ["asked", "joined"]
        runs.accept(link, "joined")
        accepted = link.execute(sa.select(RUN.c.run_id).where(RUN.c.accepted)).scalars().all()
    assert accepted == ["joined"]
