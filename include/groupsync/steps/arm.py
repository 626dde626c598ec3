"""Arm a site: a person says which site and environment are one, and the site's marker then says so (rule I2).

The one write to Moodle outside ``apply`` (rule A7): the marker in the control course and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import GroupsyncError, IdentityError
from include.groupsync.model.identity import SANDBOX, Answers, Side, differing, table
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.moodle.client import MoodleClient
from include.groupsync.moodle.marker import Control, Marker, read_control, write_marker
from include.groupsync.report.arming import arming_page, settings_to_paste
from include.groupsync.steps.form import Asked
from include.groupsync.steps.identify import answers_of, as_document, sides_of
from include.groupsync.steps.run import Deployment, client_of, recorded

FOLDER = "arming"  # arming belongs to no term; its runs' folders are below this name


@dataclass(frozen=True, kw_only=True)
class Arming(Asked):
    """One run of the arming, as it was typed into the form."""

    url: str
    environment: str
    old_deployment_id: str


@recorded
def look(deployment: Deployment, run: Arming, folder: RunFolder) -> Mapping[str, Any]:
    """Ask all five sides and leave the page of what they say, whatever it is; nothing is written to Moodle."""
    client = client_of(deployment)
    answers = answers_of(deployment, client, _or_why_not)
    sides = sides_of(deployment, answers)
    before = [as_document(side) for side in sides]
    _tell(deployment, run, folder, {"before": before, "settings": _settings(deployment, answers)})
    return {"differing": differing(sides), "calls": dict(client.calls)}


@recorded
def write(deployment: Deployment, run: Arming, folder: RunFolder) -> Mapping[str, Any]:
    """Write the marker, unless anything speaks against it; IdentityError with all five sides where it does."""
    client = client_of(deployment)
    try:
        done = _write(deployment, run, client)
    except GroupsyncError as error:
        _tell(deployment, run, folder, {"refused": str(error)})
        raise
    after = sides_of(deployment, answers_of(deployment, client))
    _tell(deployment, run, folder, {"done": done, "after": [as_document(side) for side in after]})
    return {"done": done, "calls": dict(client.calls)}


def _write(deployment: Deployment, run: Arming, client: MoodleClient) -> str:
    """What was done, in words."""
    answers = answers_of(deployment, client)
    sides, control = sides_of(deployment, answers), read_control(client)
    own = Marker(deployment.environment, answers.ledger[1] if isinstance(answers.ledger, tuple) else "")
    wrong = _not_an_environment(deployment, answers) or _differing(sides)
    if reasons := _typed_wrongly(deployment, run, answers) + wrong + _taken(run, control, own):
        raise IdentityError(_refusal(reasons, sides))
    if control.marker == own:
        return "nothing to do"
    write_marker(client, control, own)
    return f"taken over from {control.marker}" if control.marker else "armed"


def _or_why_not(question: Callable[[], Any]) -> Any:
    """The answer, or why there is none: whoever sets up a deployment wants to see all that is missing at once."""
    try:
        return question()
    except GroupsyncError as error:
        return f"no answer ({error})"


def _typed_wrongly(deployment: Deployment, run: Arming, answers: Answers) -> list[str]:
    """What the operator typed that is not what this deployment is connected to."""
    reasons = []
    typed = run.url.rstrip("/")
    for name, found in (("the connection's", answers.moodle_connection), ("the site's own", answers.moodle_site)):
        if typed != found.rstrip("/"):
            reasons.append(f"The address typed is {typed or '(empty)'}, {name} is {found}.")
    if run.environment != deployment.environment:
        reasons.append(
            f"The environment picked is {run.environment or '(empty)'}, this deployment's is"
            f" {deployment.environment or '(not set)'} (GROUPSYNC_ENVIRONMENT)."
        )
    return reasons


def _not_an_environment(deployment: Deployment, answers: Answers) -> list[str]:
    """Why there is nothing that the sides could be compared with."""
    if not deployment.environment:
        return ["This deployment has no environment: set GROUPSYNC_ENVIRONMENT outside the project."]
    if settings := _settings(deployment, answers):
        return [
            f"Environment {deployment.environment} is not configured. Check line by line that this is the Moodle and"
            " these are the databases of the environment, for the sync will hold to them; then put it into"
            " groupsync.yaml, in place of 'environments: {}' or its inner lines below those that are there, and arm"
            f" again:\n{settings}"
        ]
    return []


def _differing(sides: list[Side]) -> list[str]:
    """The sides but the marker that differ: no marker is written into an environment that is not one."""
    return [f"{reason}." for reason in differing([side for side in sides if side.name != "marker"])]


def _taken(run: Arming, control: Control, own: Marker) -> list[str]:
    """Why the marker that is there, or is missing, stays as it is."""
    if control.marker is None:
        if control.course_id is None or control.grouping_ids:
            return [f"{control.lacks}."]
        if run.old_deployment_id:
            return ["There is no marker to take over: leave the old deployment's id empty."]
        return []
    if control.marker == own or control.marker.deployment_id == run.old_deployment_id:
        return []
    typed = f"{run.old_deployment_id} was typed" if run.old_deployment_id else "it was not typed"
    return [
        f"The site is armed for another deployment, {control.marker}. To take it over, so that the other one can no"
        f" longer write, type its deployment id as the old one; {typed}."
    ]


def _refusal(reasons: list[str], sides: list[Side]) -> str:
    said = "\n".join(f"- {reason}" for reason in reasons)
    return f"The site is not armed, and nothing was written to it.\n{said}\nWhat was found:\n{table(sides)}"


def _settings(deployment: Deployment, answers: Answers) -> str | None:
    """What to paste for an environment that is not configured; None where there is nothing to configure."""
    name = deployment.environment
    if name in {"", SANDBOX, *deployment.settings.environments}:
        return None
    return settings_to_paste(name, answers.moodle_site, answers.databases)


def _tell(deployment: Deployment, run: Arming, folder: RunFolder, more: Mapping[str, Any]) -> None:
    """The page of the run, with what is known by now."""
    known = folder.json("arming") if folder.has("arming.json") else {}
    document = {
        **known,
        "run_id": run.run_id,
        "who": run.who,
        "at": deployment.now().isoformat(timespec="seconds"),
        "url": run.url,
        "environment": run.environment,
        "old_deployment_id": run.old_deployment_id,
        **more,
    }
    folder.save_json("arming", document)
    folder.save_text("report.html", arming_page(document))
