"""
### Take back what a run did to Moodle's groups

Makes a plan out of the run's journal: what it deleted is made again with the same idnumbers, links and members, what it
made goes, what it changed is changed back; what somebody has changed since is left, and reported. The plan passes the
circuit breaker like any other.

| field of the form | what to type |
|---|---|
| *Run* | the run's id, as Airflow shows it, of `moodle_group_sync`, `moodle_group_release` or of a restore |
| *Courses* | empty for all that it wrote to; else one course key a line |
| *Kinds* | what to bring back; links and memberships need their groups |
| *Dry run* | on: the plan and the work list are shown, and nothing is written |
| *Let go* | only for the run id of a restore: what it brought back need not be kept any longer |

| task | what it does | where to look when it is red |
|---|---|---|
| `check_identity` | all five names are one environment | its log lists them |
| `read_moodle` | finds the run, and reads the courses that it wrote to | its log names the latest runs |
| `plan_restore` | makes the plan | the report's rows with rule J3 |
| `read_use`, `circuit_breaker` | as in a sync | the report's circuit breaker |
| `approve` | asks, if something is held, on its tab *Required Actions*; red unless approved | its log |
| `apply`, `verify` | write, and read back | the report's changes that were not made |
| `list_work` | old and new ids, and what has to be set again by hand | |
| `report`, `outcome` | the run's tab *Sync report*; red if anything was not restored | its message |
| `alert` | tells whom the settings name, after a restore that was no dry run; red if it could not | its log |
| `succeeded` | does nothing: green as `outcome` is | |

What came back is kept: no sync deletes it until the source lists it again, or somebody lets it go (this form). What a
sync would do again anyhow, such as make a group that is listed, its next run does: correct the source first.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag, task
from lineage import moodle_asset, plan_asset
from release_requests import APPROVE, ApproveRestore
from run_alerts import run_restore_alert
from sync_forms import KINDS
from sync_steps import run_restore_step


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,  # in an emergency it has to be there
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(hours=6)},
    params={
        "run": Param(
            type="string",
            minLength=1,
            title="Run",
            description="The id of the run that is to be taken back, such as scheduled__2026-10-12T02:00:00+00:00.",
        ),
        "courses": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Courses",
            description="Leave empty for all that the run wrote to; else one course key a line.",
        ),
        "kinds": Param(
            KINDS,
            type="array",
            items={"type": "string", "enum": KINDS},
            examples=KINDS,
            minItems=1,
            title="Kinds",
            description="What to bring back.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run",
            description="On: show what would be written, and the work list. Nothing is written to Moodle.",
        ),
        "let_go": Param(
            False,
            type="boolean",
            title="Let go",
            section="Afterwards",
            description="Only with the id of a restore: what it brought back need not be kept any longer. Nothing is"
            " written to Moodle; the next run of the term deletes what nothing lists, if the circuit breaker lets it.",
        ),
    },
)
def moodle_group_restore() -> None:
    def step(name: str, **options: object):
        return task(task_id=name, **options)(run_restore_step)(name)

    chain(
        step("check_identity"),
        step("read_moodle"),
        step("plan_restore"),
        step("read_use"),
        step("circuit_breaker", outlets=[plan_asset()]),
        ApproveRestore(task_id=APPROVE, execution_timeout=timedelta(minutes=10), response_timeout=timedelta(minutes=5)),
        step(
            "apply",
            outlets=[moodle_asset()],
            pool="moodle_writes",
            retries=2,  # a killed one goes on
            retry_delay=timedelta(minutes=1),
        ),
        step("verify"),
        step("list_work"),
        step("report", trigger_rule="all_done"),
        step("outcome", trigger_rule="all_done"),
        [
            task(task_id="alert", trigger_rule="all_done", retries=2, retry_delay=timedelta(minutes=5))(
                run_restore_alert
            )(),
            # Airflow judges a run by its last tasks: without this one a sent alert would make a failed run green.
            EmptyOperator(task_id="succeeded"),
        ],
    )


moodle_group_restore()
