"""What people were asked about held plans, and what they said (rules B4, B5).

One open request for a term, and one for each part of it that a run was for: the table itself refuses a second.  Every
end of a request is written once, by whoever finds it open first; nobody writes over another's answer.
"""

import hashlib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from include.groupsync.model.approval import Answer, Answered, Approval
from include.groupsync.model.extent import WHOLE, Extent
from include.groupsync.state.tables import APPROVAL

_COLUMNS = [APPROVAL.c[field.name] for field in fields(Approval)]


def ask(
    link: sa.Connection,
    *,
    term: str,
    run_id: str,
    digest: str,
    trips: list[dict[str, Any]],
    at: datetime,
    waits: timedelta,
    extent: Extent = WHOLE,
) -> Approval:
    """The open request of the term, or of the part of it, for this digest: the one there is, or a new one.

    An open request for another digest is closed as superseded: what it asks about is no longer what is held.  One that
    another part asked is left alone, as the whole term's is: neither says of the other's plan that it is over.
    """
    expire(link, term, at, extent)
    found = open_of(link, term, extent)
    if found is None or found.digest != digest:
        if found is not None:
            close(link, found.approval, Answered.SUPERSEDED, f"run {run_id} holds something else")
        # Numbered, as what was refused may be asked again within the second.
        number = link.execute(sa.select(sa.func.count() + 1).where(APPROVAL.c.term == term)).scalar_one()
        values = {
            "term": term,
            "run_id": run_id,
            "release_run_id": f"{term}__{at:%Y%m%dT%H%M%S}__{number}__{digest[:8]}",
            "digest": digest,
            "trips": trips,
            "asked_at": at,
            "expires_at": at + waits,
            "state": str(Answered.OPEN),
            "open_for": _open_for(term, extent),
            "extent": extent.document or None,
        }
        try:
            with link.begin_nested():
                link.execute(APPROVAL.insert().values(**values))
        except IntegrityError:
            # Another run of the term asked in this very moment.  Its request stands; if it is about something
            # else, the next run supersedes it.
            pass
        found = open_of(link, term, extent)
        assert found is not None, "there is an open request, ours or the other run's"
    return found


def of_release(link: sa.Connection, release_run_id: str) -> Approval | None:
    """The request that a release run carries; None where nobody has asked for that run."""
    return _one(link, APPROVAL.c.release_run_id == release_run_id)


def answer(
    link: sa.Connection,
    approval: int,
    state: Answered,
    said: Answer,
    *,
    courses: list[str] | None = None,
    remark: str | None = None,
) -> bool:
    """Write down what a person said; False where the request is no longer open."""
    values = {"who": said.who, "answered_at": said.at, "reason": said.reason or None}
    return _leave(link, approval, Answered.OPEN, state, values | {"courses": courses, "remark": remark})


def close(
    link: sa.Connection, approval: int, state: Answered, remark: str | None = None, *, of: Answered = Answered.OPEN
) -> bool:
    """End a request without a person's word, from the state ``of``; False where it is in another by now."""
    return _leave(link, approval, of, state, {"remark": remark} if remark else {})


def supersede(link: sa.Connection, term: str, remark: str) -> list[str]:
    """End the term's open requests, those for a part of it too: the release runs whose questions they were."""
    own = sa.and_(APPROVAL.c.term == term, APPROVAL.c.state == str(Answered.OPEN))
    found = link.execute(sa.select(APPROVAL.c.approval, APPROVAL.c.release_run_id).where(own)).all()
    return [one.release_run_id for one in found if close(link, one.approval, Answered.SUPERSEDED, remark)]


def reopen(link: sa.Connection, approval: Approval) -> bool:
    """Ask again after an answer that could not be used; False where the term has another open request."""
    again = {"state": str(Answered.OPEN), "open_for": _open_for(approval.term, approval.part)}
    fresh = dict.fromkeys(("who", "answered_at", "reason", "courses", "remark"))
    same = sa.and_(APPROVAL.c.approval == approval.approval, APPROVAL.c.state == str(Answered.REFUSED))
    try:
        with link.begin_nested():
            return link.execute(APPROVAL.update().where(same).values(**again, **fresh)).rowcount == 1
    except IntegrityError:
        return False


def expire(link: sa.Connection, term: str, at: datetime, extent: Extent = WHOLE) -> None:
    """Close the open request of the term, or of the part of it, if its time is over."""
    found = open_of(link, term, extent)
    if found is not None and found.expires_at <= at:
        close(link, found.approval, Answered.EXPIRED, f"nobody answered until {found.expires_at:%Y-%m-%d %H:%M} UTC")


def _leave(link: sa.Connection, approval: int, of: Answered, state: Answered, values: dict[str, Any]) -> bool:
    same = sa.and_(APPROVAL.c.approval == approval, APPROVAL.c.state == str(of))
    done = link.execute(APPROVAL.update().where(same).values(state=str(state), open_for=None, **values))
    return done.rowcount == 1


def open_of(link: sa.Connection, term: str, extent: Extent = WHOLE) -> Approval | None:
    """The open request of the term, or of the part of it."""
    return _one(link, APPROVAL.c.open_for == _open_for(term, extent))


def _open_for(term: str, extent: Extent) -> str:
    """What only one open request can have; no longer than a term's key may be."""
    return term if extent.is_whole else hashlib.sha256(f"{term} {extent.digest}".encode()).hexdigest()[:40]


def _one(link: sa.Connection, where: sa.ColumnElement[bool]) -> Approval | None:
    row = link.execute(sa.select(*_COLUMNS).where(where)).mappings().one_or_none()
    if row is None:
        return None
    times = {name: _utc(value) for name, value in row.items() if isinstance(value, datetime)}
    courses = None if row["courses"] is None else tuple(row["courses"])
    return Approval(**{**row, **times, "state": Answered(row["state"]), "courses": courses})


def _utc(at: datetime) -> datetime:
    """SQLite keeps no time zone; what we wrote was UTC."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
