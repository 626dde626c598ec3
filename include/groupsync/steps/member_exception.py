"""Pin a person to a group, keep one out of it, or end that, by a person and for a reason (rule M6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import SettingsError
from include.groupsync.model import keys
from include.groupsync.model.member_exception import Known, Member, What
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.member_exception import member_exception_page
from include.groupsync.state import exceptions
from include.groupsync.state.database import read_stamp
from include.groupsync.steps.form import Asked, carry_out
from include.groupsync.steps.identify import require_own_state
from include.groupsync.steps.run import Deployment, recorded

FOLDER = "exceptions"  # such a run belongs to no term; its folder is below this name
_LONGEST = {"course": 255, "group": keys.MAX_IDNUMBER, "person": 255}
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Excepting(Asked):
    """One change, as it was typed into the form."""

    course: str
    group: str
    person: str
    what: str


@recorded
def set_member_exception(deployment: Deployment, run: Excepting, folder: RunFolder) -> Mapping[str, Any]:
    """Write the exception down, or end it, and leave the page of what it was, what it is and what the next run does.

    Neither Moodle nor the source is asked; what the ledger does not know is a warning.  SettingsError where something
    that was typed cannot be meant, and IdentityError where the state database is another environment's: nothing is
    written then.  What holds already is written down no second time.  The person's key is on the page, and neither in
    an error nor in what is returned: those go to logs (rule W3).
    """
    typed = {"course": run.course, "group": run.group, "user": run.person, "what": run.what, "reason": run.reason}
    told = carry_out(
        deployment, run, folder, "member_exception", typed, lambda: _set(deployment, run), member_exception_page
    )
    return {name: told[name] for name in ("course", "group", "what", "before", "changed", "means", "warnings")}


def _set(deployment: Deployment, run: Excepting) -> dict[str, Any]:
    member, what = read_form(run, deployment.settings.localuserfield)
    with deployment.state.begin() as link:
        require_own_state(deployment, read_stamp(link))
        before = exceptions.standing(link, member)
        changed = [one.what for one in before] != ([] if what is What.CLEAR else [what])
        if changed:
            who, reason = run.who[:_LONGEST_NAME], run.reason.strip()
            exceptions.change(link, member, what, who=who, reason=reason, at=deployment.now())
        after, known = exceptions.standing(link, member), exceptions.known(link, member)
        history = exceptions.history(link, member)
    return {
        **vars(member),
        "what": str(what),
        "before": ", ".join(one.since for one in before) or "no exception",
        "changed": changed,
        "after": [one.told for one in after],
        "means": _means(what, {one.what for one in before}, ours=known.ours),
        "warnings": _warnings(member, known),
        "history": [one.told for one in reversed(history)],
    }


def read_form(run: Excepting, user_field: str) -> tuple[Member, What]:
    """What was typed, with keys as rule K3 reads them.

    SettingsError, which does not have the person's key, where it cannot be meant.
    """
    typed = {"course": run.course, "group": run.group, "person": run.person}
    for name, text in typed.items():
        found = keys.key(text)
        if found is None:
            raise SettingsError(f"the {name}'s key is empty: type it as the source has it. Nothing was changed.")
        if keys.unreadable(found):
            raise SettingsError(
                f"the {name}'s key has a character that no key can have: type it anew, do not paste it."
            )
        if len(found) > _LONGEST[name]:
            raise SettingsError(f"the {name}'s key is longer than {_LONGEST[name]} characters: no key of a {name} is.")
    if run.what not in list(What):
        raise SettingsError(f"unknown exception {run.what!r}; known: {', '.join(What)}")
    if not run.reason.strip():
        raise SettingsError("an exception is made and ended for a reason: say why in the form. Nothing was changed.")
    if "\0" in run.reason:
        raise SettingsError("the reason has a character that no text can have: type it anew, do not paste it.")
    course, group, user = keys.key(run.course), keys.key(run.group), keys.user_key(run.person, user_field)
    return Member(str(course), str(group), str(user)), What(run.what)


def _means(what: What, before: set[str], *, ours: bool) -> str:
    """What the next runs do, as far as the ledger knows."""
    if what is not What.CLEAR:
        return _MEANS[what, ours]
    if not before:
        return "There was no exception to end: the source decides, as before."
    return _AGAIN_ADDED if before == {What.EXCLUDE} else _AGAIN_TAKEN


_MEANS = {
    (What.PIN, True): "The person is in the group by this sync, and stays there as long as the group does,"
    " when the source lists them no more too.",
    (What.PIN, False): "A pin adds nobody, and the person is not in the group by this sync. Once it has added them,"
    " because the source lists them, they stay.",
    (What.EXCLUDE, True): "The next full run that has the course in scope takes the person out of the group, if the"
    " circuit breaker lets it, and no run adds them again.",
    (What.EXCLUDE, False): "No run adds the person to the group. Put there by other hands than this sync's they stay.",
}
_AGAIN_ADDED = "The source decides again: the next run adds the person, if it lists them and they are enrolled."
_AGAIN_TAKEN = (
    "The source decides again: where it lists the person no more, the next full run takes them out of the group, if"
    " they are in it by this sync and the circuit breaker lets it."
)


def _warnings(member: Member, known: Known) -> list[str]:
    """What may have been mistyped: only the ledger is asked, and it does not know what no run has seen."""
    if known.group:
        return []
    if not known.course:
        return [
            f"The ledger has nothing of a course {member.course}: is that its key in the mappings? As long as no course"
            " has it, the exception does nothing."
        ]
    meant = f"; a group of that name or id has the key {' or '.join(known.meant)}" if known.meant else ""
    return [
        f"The ledger has no group {member.group} in course {member.course}{meant}. As long as no group has that key,"
        " the exception does nothing."
    ]
