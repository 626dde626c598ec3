"""What a person asked for by a form, of the DAGs that write to no course: it is done or refused, and a page says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from include.groupsync.errors import GroupsyncError
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.steps.run import Deployment, Run


@dataclass(frozen=True, kw_only=True)
class Asked(Run):
    """One run of such a form, with what was typed into it, ``reason`` too; ``who`` is their name in Airflow."""

    who: str


def carry_out(
    deployment: Deployment,
    run: Asked,
    folder: RunFolder,
    name: str,
    typed: Mapping[str, Any],
    change: Callable[[], dict[str, Any]],
    page: Callable[[Mapping[str, Any]], str],
) -> dict[str, Any]:
    """What ``change`` says it did; NAME.json and the page have it with what was typed, and a refusal as well.

    Raises what ``change`` raises.
    """
    about = {"run_id": run.run_id, "who": run.who, "at": deployment.now().isoformat(timespec="seconds"), **typed}

    def leave(told: Mapping[str, Any]) -> None:
        document = {**about, **told}
        folder.save_json(name, document)
        folder.save_text("report.html", page(document))

    try:
        told = change()
    except GroupsyncError as error:
        leave({"refused": str(error)})
        raise
    leave(told)
    return told
