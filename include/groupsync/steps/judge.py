"""Judge the rows: what is used, what is set aside and why, and what the run may touch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from include.groupsync.breaker.assess import observe_source
from include.groupsync.errors import QualityError
from include.groupsync.model.finding import FINDING
from include.groupsync.model.frames import conform, frame_of
from include.groupsync.model.run_folder import RunFolder
from include.groupsync.model.scope import DEPARTMENT, SCOPE
from include.groupsync.quality.judge import Judgement, judge
from include.groupsync.quality.suites import suite_for
from include.groupsync.quality.watch import NUMBERS, numbers, watched, with_references
from include.groupsync.report.quality import FAILING, named_rows, quality_csv, quality_page, set_aside_rows
from include.groupsync.source.clean import CLEAN, clean
from include.groupsync.source.mappings import departments_of, in_doubt, in_scope, of_term, scope_of
from include.groupsync.source.quarantine import FAILURE, PROTECTED, Sifted, sift
from include.groupsync.steps.evidence import source_evidence
from include.groupsync.steps.extent import compared, findings_within, narrowed
from include.groupsync.steps.holding import as_they_hold
from include.groupsync.steps.run import Deployment, Run, recorded
from include.groupsync.steps.scoping import TABLES, deliveries, scope_named


@dataclass
class _Judged:
    """What was found so far, by dataset, in the order in which the datasets were judged."""

    deployment: Deployment
    run: Run
    cleaned: Mapping[str, pd.DataFrame]
    judgements: dict[str, Judgement] = field(default_factory=dict)
    sifted: dict[str, Sifted] = field(default_factory=dict)
    failing: list[pd.DataFrame] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def judge(self, name: str, frame: pd.DataFrame) -> Sifted:
        """Run the dataset's suite over its rows (CLEAN) and sift them."""
        settings = self.deployment.settings
        term = self.run.term(self.deployment)
        suite = [*suite_for(name, settings, term, len(frame)), *watched(name, settings)]
        found = judge(name, with_references(name, frame, self.cleaned, settings), suite)
        self.judgements[name], self.rows[name] = found, len(frame)
        self.sifted[name] = sift(name, frame, conform(found.failures, FAILURE))
        self.failing += [named_rows(name, frame, found.named), set_aside_rows(self.sifted[name].findings)]
        return self.sifted[name]


@recorded
def validate(deployment: Deployment, run: Run, folder: RunFolder) -> Mapping[str, Any]:
    """Run the suites, sift every dataset, and leave usable rows, findings, protection and scope; quality.html,
    quality.csv and quality.json say what every expectation found.

    ``scope`` is what may change, ``compared`` what is compared: more, where the run is for some modules only.

    Raises QualityError, after all that, where a dataset cannot be used.
    """
    settings = deployment.settings
    cleaned = {name: clean(name, folder.frame(f"source/{name}"), settings) for name in settings.tables}
    judged = _Judged(deployment, run, cleaned)
    whole = _scope(judged, folder)
    part = (settings, run.extent, folder.frame("mappings") if settings.mappings is not None else None)
    scope = compared(whole, *part)
    folder.save_frame("compared", scope, SCOPE)
    folder.save_frame("scope", narrowed(whole, *part)[0], SCOPE)
    for name in TABLES:
        if name in cleaned:
            # Judged whole whatever the run is for: a row elsewhere may be half a key, or one of two (K5, K6).
            usable = judged.judge(name, in_scope(cleaned[name], whole, name)).usable
            own = usable if run.extent.is_whole else in_scope(usable, scope, name)
            folder.save_frame(f"desired/{name}", own, CLEAN[name])
    sifted = judged.sifted
    found = [findings_within(run, scope, s.findings) for s in sifted.values()]
    _save_together(folder, "findings/source", found, FINDING)
    protected = [s.protected for s in sifted.values()]
    if "mappings" in sifted:
        protected.append(in_doubt(sifted["mappings"].usable, sifted["mappings"].protected, TABLES))
    _save_together(folder, "protected", protected, PROTECTED)
    told = {
        "used": {name: len(s.usable) for name, s in sifted.items()},
        "quarantined": {name: s.findings["source_row"].nunique() for name, s in sifted.items()},
        # For the circuit breaker: a queue is no dataset, and one bad request in three says nothing of the others' rows.
        "keys": {name: s.keys for name, s in sifted.items() if name in settings.datasets},
        "keys_quarantined": {name: s.keys_aside for name, s in sifted.items() if name in settings.datasets},
    }
    broken = [f"{name}: {reason}" for name, found in judged.judgements.items() for reason in found.broken]
    _leave_page(judged, folder, told, broken)
    if broken:
        raise QualityError(
            "A dataset cannot be used, so nothing is planned and nothing written:\n  "
            + "\n  ".join(broken)
            + "\nSee 'Data quality' in the run's tab 'Sync report': it has every expectation; its CSV names the rows."
        )
    return told


def _scope(judged: _Judged, folder: RunFolder) -> pd.DataFrame:
    deployment, cleaned = judged.deployment, judged.cleaned
    settings = deployment.settings
    if settings.mappings is None:
        folder.save_frame("departments", frame_of([], DEPARTMENT), DEPARTMENT)
        return scope_named(cleaned)
    term = of_term(cleaned["mappings"], judged.run.term(deployment), settings.mappings.columns.configured)
    # Where the table has rows and none is of the term, the suite is to see what they are of.
    mappings = judged.judge("mappings", term if len(term) else cleaned["mappings"])
    folder.save_frame("departments", departments_of(mappings.usable), DEPARTMENT)
    queue, listed = _queue(judged)
    held = as_they_hold(deployment, judged.run, folder, mappings.usable, queue, listed)
    return scope_of(held, mappings.protected, deliveries(settings))


def _queue(judged: _Judged) -> tuple[Sifted | None, pd.Series]:
    """The queue's rows of the term, sifted, and the ids of them all; None where there is no queue."""
    settings = judged.deployment.settings
    if settings.requests is None:
        return None, pd.Series(dtype=object)
    term = judged.run.term(judged.deployment)
    queue = of_term(judged.cleaned["requests"], term, settings.requests.columns.configured)
    return judged.judge("requests", queue), queue["id"].dropna()


def _leave_page(judged: _Judged, folder: RunFolder, told: Mapping[str, Any], broken: list[str]) -> None:
    """The results as great_expectations has them, the numbers that the circuit breaker will judge, and the rows."""
    deployment, run = judged.deployment, judged.run
    observations = observe_source(source_evidence(deployment, run, folder, told), deployment.settings.breaker)
    frame, expected = numbers(observations)
    suites = {name: found.document for name, found in judged.judgements.items()}
    if expected:
        suites[NUMBERS] = judge(NUMBERS, frame, expected).document
    document = {
        "run_id": run.run_id,
        "term": run.term_key,
        "environment": deployment.environment,
        "judged_at": deployment.now().isoformat(timespec="seconds"),
        "broken": broken,
        "tables": {
            name: {
                "read": len(judged.cleaned[name]),
                "judged": judged.rows[name],
                "used": told["used"][name],
                "set_aside": told["quarantined"][name],
            }
            for name in judged.judgements
        },
        "numbers": [one.document() for one in observations],
        "suites": suites,
    }
    filled = [frame for frame in judged.failing if len(frame)]
    failing = pd.concat(filled, ignore_index=True) if filled else frame_of([], FAILING)
    folder.save_json("quality", document)
    folder.save_text("quality.csv", quality_csv(failing))
    folder.save_text("quality.html", quality_page(document, failing))


def _save_together(folder: RunFolder, name: str, frames: list[pd.DataFrame], schema: Any) -> None:
    filled = [frame for frame in frames if len(frame)]
    folder.save_frame(name, pd.concat(filled) if filled else frame_of([], schema), schema)
