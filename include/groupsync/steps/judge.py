"""Judge the rows: what is used, what is set aside and why, and what the run may touch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.groupsync.errors import QualityError
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import conform, frame_of
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import DEPARTMENT, SCOPE
from include.groupsync.quality.judge import judge
from include.groupsync.quality.suites import suite_for
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.mappings import departments_of, in_scope, of_term, scope_of
from include.groupsync.source.quarantine import FAILURE, PROTECTED, Sifted, sift
from include.groupsync.steps.run import Deployment, Run, recorded
from include.groupsync.steps.scoping import TABLES, deliveries, scope_named


@recorded
def validate(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Run the suites, sift every dataset, and leave usable rows, findings, protection and scope.

    Raises QualityError, after all datasets were judged and their documents saved, where one cannot be used.
    """
    settings, term = deployment.settings, run.term(deployment)
    cleaned = {name: clean(name, folder.frame(f"source/{name}"), settings) for name in settings.datasets}
    sifted: dict[str, Sifted] = {}
    broken: list[str] = []

    def judged(name: str, frame: pd.DataFrame) -> Sifted:
        judgement = judge(name, frame, suite_for(name, settings, term))
        folder.save_json(f"quality/{name}", judgement.document)
        broken.extend(f"{name}: {reason}" for reason in judgement.broken)
        sifted[name] = sift(name, frame, conform(judgement.failures, FAILURE))
        return sifted[name]

    scope = _scope(deployment, run, folder, cleaned, judged)
    folder.save_frame("scope", scope, SCOPE)
    for name in TABLES:
        if name in cleaned:
            usable = judged(name, in_scope(cleaned[name], scope, name)).usable
            folder.save_frame(f"desired/{name}", usable, CLEAN[name])
    _save_together(folder, "findings/source", [s.findings for s in sifted.values()], FINDING)
    _save_together(folder, "protected", [s.protected for s in sifted.values()], PROTECTED)
    if broken:
        raise QualityError(
            "A dataset cannot be used, so nothing is planned and nothing written:\n  "
            + "\n  ".join(broken)
            + "\nquality/*.json in the run's folder has every expectation."
        )
    return {
        "used": {name: len(s.usable) for name, s in sifted.items()},
        "quarantined": {name: s.findings["source_row"].nunique() for name, s in sifted.items()},
        "keys": {name: s.keys for name, s in sifted.items()},
        "keys_quarantined": {name: s.keys_aside for name, s in sifted.items()},
    }


def _scope(
    deployment: Deployment, run: Run, folder: RunFolder, cleaned: Mapping[str, pd.DataFrame], judged: Any
) -> pd.DataFrame:
    settings = deployment.settings
    if settings.mappings is None:
        folder.save_frame("departments", frame_of([], DEPARTMENT), DEPARTMENT)
        return scope_named(cleaned)
    configured = settings.mappings.columns.configured
    mappings = judged("mappings", of_term(cleaned["mappings"], run.term(deployment), configured))
    folder.save_frame("departments", departments_of(mappings.usable), DEPARTMENT)
    return scope_of(mappings.usable, mappings.protected, deliveries(settings))


def _save_together(folder: RunFolder, name: str, frames: list[pd.DataFrame], schema: Any) -> None:
    filled = [frame for frame in frames if len(frame)]
    folder.save_frame(name, pd.concat(filled) if filled else frame_of([], schema), schema)
