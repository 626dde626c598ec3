"""
### Apply what a sync run held, once a person has approved it

Started by a run of `moodle_group_sync` that holds something, never by hand. It asks; after the answer it makes the
whole plan anew, and applies the approved part if that is still exactly what is held.

| task | what it does | where to look when it is red |
|---|---|---|
| `approve` | asks, on its tab *Required Actions*, without using a worker; red unless approved | its log |
| `check_identity` ... | as in `moodle_group_sync`: everything is read and compared again | their logs |
| `circuit_breaker` | refuses what is no longer what was approved, or is held by more | its message |
| `apply` | writes the approved part, and nothing else; of many deletes a few go first and are read back | the report |
| `verify` | reads the touched courses again and compares | the report's rows with rule J2 |
| `report` | the run's tab *Sync report* | |
| `outcome` | red unless what was approved is in Moodle | its message |
| `alert` | tells whom the settings name what has changed; red if it could not | its log names the connection |
| `succeeded` | does nothing: green as `outcome` is | |

A refused answer (no reason, a course that is not in the plan) can be given again: clear `approve`. A rejected or
expired plan stays on record and is not applied; the next sync run that holds it asks anew.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag, task
from lineage import moodle_asset, plan_asset, source_assets
from release_requests import APPROVE, ApproveHeld
from run_alerts import run_alert
from sync_forms import extent_params
from sync_steps import run_step


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,  # a paused one would never ask
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(hours=6)},
    params={
        "term": Param(None, type=["null", "string"], title="Term", description="Set by the run that asks."),
        "run": Param(None, type=["null", "string"], title="Run", description="The run that asks."),
        "digest": Param(None, type=["null", "string"], title="Plan", description="Names what it holds."),
        "mode": Param(
            "full", type="string", enum=["full", "add"], title="Mode", description="As that run was started."
        ),
        **extent_params(description="As that run was started."),
        "reclaim": Param(False, type="boolean", title="Reclaim", description="As that run was started."),
        "reason": Param(None, type=["null", "string"], title="Reason", description="As that run was started."),
    },
)
def moodle_group_release() -> None:
    def step(name: str, **options: object):
        return task(task_id=name, **options)(run_step)(name)

    chain(
        # How long it waits is in groupsync.yaml; this is only what one look may take.
        ApproveHeld(task_id=APPROVE, execution_timeout=timedelta(minutes=10), response_timeout=timedelta(minutes=5)),
        step("check_identity"),
        step("extract", outlets=source_assets()),
        step("read_moodle"),
        step("validate"),
        step("diff_groupings"),
        step("diff_groups"),
        step("diff_memberships"),
        step("read_use"),
        step("circuit_breaker", outlets=[plan_asset()]),
        step("apply", outlets=[moodle_asset()], pool="moodle_writes"),
        step("verify"),
        step("report", trigger_rule="all_done"),
        step("outcome", trigger_rule="all_done"),
        [
            task(task_id="alert", trigger_rule="all_done", retries=2, retry_delay=timedelta(minutes=5))(run_alert)(),
            # Airflow judges a run by its last tasks: without this one a sent alert would make a failed run green.
            EmptyOperator(task_id="succeeded"),
        ],
    )


moodle_group_release()
