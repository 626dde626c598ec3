"""The data team's pins and exclusions: those that hold, and every change of them by the form (rule M6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.groupsync.model.kind import Kind
from include.groupsync.model.member_exception import ExceptionChange, Known, Member, Standing, What
from include.groupsync.state.ledger import in_utc
from include.groupsync.state.tables import EXCEPTION, EXCEPTION_CHANGE, MEMBERSHIP, OBJECT


def standing(link: sa.Connection, member: Member) -> list[Standing]:
    """The exceptions that hold for the person in the group, by name; two where somebody wrote both by hand."""
    asked = sa.select(*(EXCEPTION.c[name] for name in ("what", "who", "reason", "at"))).where(_of(EXCEPTION, member))
    return [Standing(**_typed(row)) for row in link.execute(asked.order_by(EXCEPTION.c.what)).mappings()]


def change(link: sa.Connection, member: Member, what: What, *, who: str, reason: str, at: datetime) -> None:
    """Put ``what`` in the place of all that holds for the person in the group, or nothing for a clear; the change
    itself stays on record for good."""
    if not who.strip() or not reason.strip():
        raise ValueError("an exception is made and ended by somebody, for a reason")
    before = " ".join(one.what for one in standing(link, member))
    told = {**vars(member), "what": str(what), "reason": reason, "who": who, "at": at}
    link.execute(EXCEPTION.delete().where(_of(EXCEPTION, member)))
    if what is not What.CLEAR:
        link.execute(EXCEPTION.insert().values(**told))
    link.execute(EXCEPTION_CHANGE.insert().values(**told, before=before))


def history(link: sa.Connection, member: Member) -> list[ExceptionChange]:
    """Every change for the person in the group, in order."""
    asked = sa.select(*(EXCEPTION_CHANGE.c[name] for name in ("what", "before", "who", "reason", "at")))
    asked = asked.where(_of(EXCEPTION_CHANGE, member)).order_by(EXCEPTION_CHANGE.c.change)
    return [ExceptionChange(**{**_typed(row), "what": What(row["what"])}) for row in link.execute(asked).mappings()]


def known(link: sa.Connection, member: Member) -> Known:
    """What the ledger has of the person, the group and the course; Moodle and the source are not asked."""
    of_course = sa.select(*(OBJECT.c[name] for name in ("kind", "moodle_id", "idnumber", "name"))).where(
        OBJECT.c.course == member.course
    )
    objects = link.execute(of_course).mappings().all()
    groups = [row for row in objects if row["kind"] == Kind.GROUP]
    ids = {row["moodle_id"] for row in groups if row["idnumber"] == member.group}
    if member.group_id is not None:
        ids.add(member.group_id)
    asked = sa.select(sa.func.count()).select_from(MEMBERSHIP)
    asked = asked.where(MEMBERSHIP.c.group_id.in_(sorted(ids)), MEMBERSHIP.c.user == member.user)
    return Known(
        course=bool(objects),
        group=bool(ids),
        ours=bool(link.execute(asked).scalar_one()),
        meant=tuple(sorted(row["idnumber"] for row in groups if member.group in (row["name"], str(row["moodle_id"])))),
    )


def _of(table: sa.Table, member: Member) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == value for name, value in vars(member).items()))


def _typed(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {**row, "at": in_utc(row["at"])}
