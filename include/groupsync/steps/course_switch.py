"""Switch courses of a term on, off, or to what the source says, by a person and for a reason (rule C2)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import GroupsyncError, SettingsError
from include.groupsync.model import keys
from include.groupsync.model.effective import Switch, is_active
from include.groupsync.model.frames import rows
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.report.course_switch import course_switch_page
from include.groupsync.source.clean import clean
from include.groupsync.source.database import snapshot
from include.groupsync.source.extract import read_dataset
from include.groupsync.source.mappings import of_term
from include.groupsync.state import switches
from include.groupsync.state.database import read_stamp
from include.groupsync.steps.form import Asked, carry_out
from include.groupsync.steps.holding import of_its_term
from include.groupsync.steps.identify import require_own_state
from include.groupsync.steps.run import Deployment, reader_of, recorded

FOLDER = "course-switches"  # such a run writes to no term; its folder is below this name
_LONGEST_NAME = 255
_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Switching(Asked):
    """One change, as it was typed: ``courses`` one a line; ``every``: all that the term's mappings name."""

    term_set: str
    courses: str
    every: bool
    switch: str


@recorded
def set_course_switch(deployment: Deployment, run: Switching, folder: RunFolder) -> Mapping[str, Any]:
    """Write the switches down, and leave the page of what was and what is; they hold from the next batch of any run on.

    Only the mappings are read; Moodle is not asked.  Courses that are typed can be switched *off* while the mappings
    cannot be read.  SettingsError where something that was typed cannot be used, and IdentityError where the state
    database is another environment's: nothing is written then.  What a course has already is not written down again.
    """
    typed = {"term": run.term_set, "courses": run.courses, "every": run.every, "switch": run.switch}
    typed["reason"] = run.reason
    told = carry_out(deployment, run, folder, "course_switch", typed, lambda: _set(deployment, run), course_switch_page)
    return {name: told[name] for name in ("term", "switch", "asked", "changed", "means", "warnings")}


def _set(deployment: Deployment, run: Switching) -> dict[str, Any]:
    """What became of it; names of people only in the ``history``."""
    switch = _checked(deployment, run)
    wanted, mapped, warnings = _wanted(deployment, run, switch)
    with deployment.state.begin() as link:
        require_own_state(deployment, read_stamp(link))
        before = {row["course"]: row for row in rows(of_its_term(switches.load(link), run.term_set))}
        changed = [one for one in sorted(wanted) if _word(before.get(one)) is not switch]
        if changed:
            who, at = run.who[:_LONGEST_NAME], deployment.now()
            switches.change(link, run.term_set, changed, switch, who=who, reason=run.reason.strip(), at=at)
        history = switches.history(link, run.term_set)
    return {
        "term": run.term_set,
        "switch": str(switch),
        "asked": len(wanted),
        "changed": len(changed),
        "means": _means(switch, changed, mapped),
        "warnings": warnings,
        "courses_switched": [
            {
                "course": course,
                "before": f"{before[course]['switch']} since {before[course]['since']} UTC"
                if course in before
                else "source",
                "changed": course in changed,
                "mappings": _counted(mapped.get(course, [])),
            }
            for course in sorted(wanted)
        ],
        "history": [one.told for one in reversed(history)],
    }


def _checked(deployment: Deployment, run: Switching) -> Switch:
    try:
        deployment.calendar.term(run.term_set)
    except KeyError as error:
        raise SettingsError(f"{error.args[0]}; include/config/terms.yaml has the calendar") from None
    if run.switch not in list(Switch):
        raise SettingsError(f"unknown switch {run.switch!r}; known: {', '.join(Switch)}")
    if not run.reason.strip():
        raise SettingsError("a course is switched for a reason: say why in the form. Nothing was changed.")
    if deployment.settings.mappings is None:
        raise SettingsError(
            "the settings say 'mappings: none': there is no mapping that a course could be switched by. Take the course"
            " out of the tables' rows, or freeze the term with moodle_term_state."
        )
    return Switch(run.switch)


def _wanted(
    deployment: Deployment, run: Switching, switch: Switch
) -> tuple[set[str], dict[str, list[dict[str, Any]]], list[str]]:
    """The courses that are meant, the term's mappings by course, and what to be warned of."""
    named = {found for line in run.courses.splitlines() if (found := keys.key(line)) is not None}
    if bool(named) == run.every:
        raise SettingsError(
            "name the courses, one a line, or tick that all mapped courses of the term are meant; one of the two."
            " Nothing was changed."
        )
    try:
        mapped = _mapped(deployment, run.term_set)
    except GroupsyncError as error:
        if switch is not Switch.OFF or run.every:
            raise
        unread = f"The mappings could not be read ({type(error).__name__}): nobody has looked whether they name these."
        return named, {}, [unread]
    if run.every and not mapped:
        raise SettingsError(f"the mappings have no course of term {run.term_set}. Nothing was changed.")
    if unknown := sorted(named - mapped.keys()):
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise SettingsError(
            f"no mapping of term {run.term_set} has the course {', '.join(unknown[:_NAMED])}{more}: type its key as the"
            " mappings have it. A course without mapping is left as it is by every run. Nothing was changed."
        )
    return named or set(mapped), mapped, []


def _mapped(deployment: Deployment, term_key: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of the term's mappings (CLEAN) that name a course, by course, as the source has them now."""
    settings, term = deployment.settings, deployment.calendar.term(term_key)
    assert settings.mappings is not None
    dataset, sql_folder = settings.mappings, deployment.project_root / "include" / "sql"
    with snapshot(
        deployment.database(dataset.connection), deployment.project_root, reader_of(deployment, "course_switch")
    ) as database:
        table = read_dataset(database, "mappings", dataset, sql_folder, term.binds)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(of_term(clean("mappings", table, settings), term, dataset.columns.configured)):
        if row["course"] is not None:
            found.setdefault(row["course"], []).append(row)
    return found


def _word(row: Mapping[str, Any] | None) -> Switch:
    return Switch(row["switch"]) if row else Switch.SOURCE


def _counted(mappings: list[dict[str, Any]]) -> str:
    """What the source says of a course's mappings, such as ``2 active, 1 inactive``."""
    words = Counter(_status(row) for row in mappings)
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "not read"


def _status(row: Mapping[str, Any]) -> str:
    if row["status"] == "active" and not is_active(row):
        return "active with the import off"
    return row["status"] if row["status"] in ("active", "inactive", "withdrawn") else "unusable"


def _means(switch: Switch, changed: list[str], mapped: Mapping[str, list[dict[str, Any]]]) -> str:
    """What the next runs do, as far as the source says now."""
    if not changed:
        return "Every course that was asked for is switched so already: nothing was changed."
    if switch is Switch.OFF:
        return (
            f"In {len(changed)} courses nothing is created, updated or deleted from now on, by no run of the term, and"
            " whatever the source or the queue of requests says."
        )
    words = Counter(_status(row) for course in changed for row in mapped.get(course, []))
    held = " What the first run that may delete would delete in them is held until a person has approved it."
    if switch is Switch.SOURCE:
        return f"In {len(changed)} courses the source decides: {_listed(words)}.{held}"
    turned = words["inactive"] + words["active with the import off"]
    stays = words["withdrawn"]
    return (
        f"In {len(changed)} courses {turned} mappings that are inactive at the source are active from now on"
        + (f"; {stays} that are withdrawn stay withdrawn" if stays else "")
        + f".{held}"
    )


def _listed(words: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items())) + " mappings"
