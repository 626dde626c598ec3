"""Why Moodle refuses one change, worked out by reading: in production it says "invalid parameter" to everything."""

from include.groupsync.apply.ports import Reader
from include.groupsync.errors import MoodleError, MoodleRefused
from include.groupsync.model import keys
from include.groupsync.model.journal import Intent, Outcome
from include.groupsync.model.kind import Action, Kind
from include.groupsync.model.things import Group, Grouping

NOT_ENROLLED = "not enrolled in the course; added once they are"


def judge(reader: Reader, intent: Intent, refused: MoodleRefused) -> tuple[Outcome, str]:
    """The outcome of a change that was refused when it stood alone, and why, with Moodle's own words."""
    try:
        outcome, why = _found(reader, intent, refused)
    except MoodleError:
        outcome, why = Outcome.REFUSED, ""
    return outcome, f"{why} ({refused})" if why and outcome is Outcome.REFUSED else why or str(refused)


def _found(reader: Reader, intent: Intent, refused: MoodleRefused) -> tuple[Outcome, str]:
    kind, action = intent.change.kind, intent.change.action
    if kind in (Kind.GROUPING, Kind.GROUP):
        return Outcome.REFUSED, "" if action is Action.DELETE else _object(reader, intent)
    missing = _missing(reader, intent)
    if missing:
        # A membership or link that is to be removed has gone with what it was in.
        return (Outcome.DONE if action is Action.DELETE else Outcome.REFUSED), missing
    no_account = refused.errorcode == "invaliduser"
    if kind is Kind.MEMBERSHIP and action is Action.CREATE and intent.user_id is not None:
        if no_account:
            return Outcome.REFUSED, "the account has been deleted"
        if intent.user_id not in reader.enrolled_in(intent.course_id):
            return Outcome.DEFERRED, NOT_ENROLLED
    return Outcome.REFUSED, ""


def _missing(reader: Reader, intent: Intent) -> str:
    if intent.group_id is not None and intent.group_id not in reader.groups_now([intent.group_id]):
        return "the group is no longer in Moodle"
    if intent.grouping_id is not None and intent.grouping_id not in reader.groupings_now([intent.grouping_id]):
        return "the grouping is no longer in Moodle"
    return ""


def _object(reader: Reader, intent: Intent) -> str:
    after, kind = intent.change.after, intent.change.kind
    assert isinstance(after, Grouping | Group)
    own = intent.group_id if kind is Kind.GROUP else intent.grouping_id
    if gone := _missing(reader, intent):
        return gone
    for moodle_id, now in reader.objects_in(kind, intent.course_id).items():
        if moodle_id == own:
            continue
        who = now.key or keys.without_idnumber(moodle_id)
        if now.name == after.name:
            return f"the name {after.name!r} is taken by {who}"
        if now.key and keys.loose(now.key) == keys.loose(after.key):
            return f"the ID number is taken by {now.name!r}, {keys.without_idnumber(moodle_id)}"
    return ""
