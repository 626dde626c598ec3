"""What a run of moodle_group_sync is asked for: which part of its term, and how much of it.

Every Airflow component imports this file at start, so the engine is imported inside the task only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

if TYPE_CHECKING:
    from datetime import date

    from include.groupsync.model.extent import Extent
    from include.groupsync.model.mode import Mode
    from include.groupsync.steps import Deployment

KINDS = ["grouping", "group", "link", "membership"]
AS_SET = "as the settings say"  # the mode of whoever chooses none


def extent_params(section: str | None = None, description: str = "") -> dict[str, Param]:
    """The fields of a form that say which part of its term a run is for."""

    def names(title: str, told: str) -> Param:
        return Param(
            None, type=["null", "string"], format="multiline", title=title, section=section,
            description=description or told,
        )  # fmt: skip

    return {
        "courses": names(
            "Courses",
            "One a line, each by the key that the mappings have. Leave empty for all. Of the fields here, what is in"
            " all of them is done, and everything else of the term is left exactly as it is.",
        ),
        "modules": names(
            "Modules",
            "One module code a line. Where the tables do not say which module a row is of, a course that takes groups"
            " from several is refused: name the course instead.",
        ),
        "departments": names("Departments", "One a line, as the mappings name them: all of their courses."),
        "kinds": Param(
            [], type=["null", "array"], items={"type": "string", "enum": KINDS}, examples=KINDS, title="Kinds",
            section=section,
            description=description
            or "Leave empty for all. What needs a kind that is left out waits, such as the members of a group that is"
            " not made.",
        ),
    }  # fmt: skip


def mode_of(asked: str | None, deployment: Deployment, term: str, day: date) -> tuple[Mode, str]:
    """How much the run does, and who says so: its form, or else the settings for that environment and day."""
    from include.groupsync.errors import SettingsError
    from include.groupsync.model.mode import Mode
    from include.groupsync.model.schedule import phase_of

    if asked and asked != AS_SET:
        try:
            return Mode(asked), "as its form says"
        except ValueError:
            raise SettingsError(
                f"unknown mode {asked!r}: the form has {', '.join(map(str, Mode))} and {AS_SET!r}"
            ) from None
    try:
        phase = phase_of(deployment.calendar, deployment.calendar.term(term), day)
    except KeyError:
        return Mode.FULL, ""  # a step says what is wrong with the term, before anything is read
    told = f"as the settings say (modes.{deployment.environment}.{phase})"
    return deployment.settings.mode_of(deployment.environment, phase), told


def extent_of(form: dict[str, Any]) -> Extent:
    """The part of the term that the form names; what it leaves empty leaves nothing out."""
    from include.groupsync.errors import SettingsError
    from include.groupsync.model.extent import Extent
    from include.groupsync.model.kind import Kind

    try:
        return Extent.of(form)
    except ValueError as error:
        raise SettingsError(f"kinds: {error}; the kinds are {', '.join(map(str, Kind))}") from None
