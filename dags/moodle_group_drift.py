"""
### What in Moodle is no longer as it was last applied

Looks at all open terms each night, and writes nothing: not to Moodle, not to the ledger. For each thing that somebody
changed in Moodle since, it says who is affected and what the term's next run does about it, by the plan that that run
would make now. It may run beside a sync: courses that are being written to are left out and named.

| task | what it does | where to look when it is red |
|---|---|---|
| `open_terms` | the terms whose claims have not ended, add-only and frozen ones too | its log |
| `look_at_term` | each of them: ledger against Moodle, then the next run's plan | its log; the others go on |
| `report` | the tab *Sync report*, `drift.csv`, `drift.json`; red if a term was not looked at | the tab |
| `alert` | tells whom the settings name what is above a limit of `drift` | its log names the connection |
| `succeeded` | does nothing: green as `report` is | |

What it finds makes no run red: much is mended by the next run, and some is somebody's right.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import chain, dag, task
from drift_steps import drift_schedule, look_at_term, open_terms, report_drift
from lineage import drift_asset
from run_alerts import run_drift_alert


@dag(
    schedule=drift_schedule(),  # off, until include/config/terms.yaml says when
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(hours=6)},
)
def moodle_group_drift() -> None:
    # One term at a time, and in no pool: it takes nothing from the run that is writing.
    look = task(
        task_id="look_at_term",
        map_index_template="{{ task.op_kwargs['term'] }}",
        max_active_tis_per_dag=1,
        outlets=[drift_asset()],
    )(look_at_term)
    chain(
        look.expand(term=task(task_id="open_terms")(open_terms)()),
        # These run whatever happened; they read what each look left, so that no failure hides another term.
        task(task_id="report", trigger_rule="all_done")(report_drift)(),
        [
            task(task_id="alert", trigger_rule="all_done", retries=2, retry_delay=timedelta(minutes=5))(
                run_drift_alert
            )(),
            EmptyOperator(task_id="succeeded"),
        ],
    )


moodle_group_drift()
