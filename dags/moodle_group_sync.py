"""
### Keep Moodle's groups in step with the student records, for one term

Reads the mappings and the three remote tables, compares them with Moodle, lets the circuit breaker judge the
plan, applies what it releases, reads it back, and reports. It runs by itself as `include/config/terms.yaml` says; a
backfill does one run for each term whose first day is in its range, by the form's defaults unless *Override
parameters on existing runs* is ticked.

| task | what it does | where to look when it is red |
|---|---|---|
| `check_identity` | all five names are one environment | its log lists them |
| `extract` | reads the remote tables whole, or fails: missing is not empty | its log names the setting |
| `read_moodle` | reads the mapped courses | its log |
| `validate` | sets unusable rows aside; fails if a whole table cannot be used | *Data quality* in the report |
| `diff_...` | plan what to create, update and delete, kind by kind | their logs |
| `read_use` | reads what uses the groups and groupings that the plan would delete | its log |
| `circuit_breaker` | holds or blocks an anomalous plan | the report's circuit breaker |
| `apply` | writes what is released, journaled; *skipped* in a frozen term | the report's changes that were not made |
| `verify` | reads the touched courses again and compares | the report's rows with rule J2 |
| `report` | the run's tab *Sync report* | |
| `request_release` | asks about what is held, by `moodle_group_release`; skipped if one asks already | its log |
| `outcome` | red if anything failed, is stale or held: `HELD: N deletes in M courses, approve at LINK` | its message |
| `alert` | tells whom the settings name what has changed; red if it could not | its log names the connection |
| `succeeded` | does nothing: green as `outcome` is | |

*Only a part* of the form narrows a run to courses, modules, departments or kinds. It does there what the whole run
would do, and leaves everything else as it is; no later run compares itself with it, and what it holds is asked for
itself.

Nothing is written before `apply`, and a run that is held has applied everything else. It waits for nobody.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag, task
from lineage import moodle_asset, plan_asset, source_assets
from release_requests import request_release
from run_alerts import run_alert
from sync_forms import AS_SET, extent_params
from sync_steps import run_step, term_choice
from term_timetable import TermTimetable

PART = "Only a part"
LOST = "Only after the ledger was lost"


@dag(
    schedule=TermTimetable(),  # off, until include/config/terms.yaml says when
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # one writer for the site
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(hours=6)},
    params={
        "term": Param(
            None,
            type=["null", "string"],
            **term_choice(),
            title="Term",
            description="Leave empty for the one that is running today, and in a backfill: its runs know theirs.",
        ),
        "mode": Param(
            AS_SET,
            type="string",
            enum=[AS_SET, "full", "add", "plan"],
            title="Mode",
            description="As the settings say: for this environment and this time of the term. full: all of it. add:"
            " creates, updates and adds, never deletes or removes. plan: shows what would be done, and writes nothing.",
        ),
        **extent_params(section=PART),
        "reclaim": Param(
            False,
            type="boolean",
            title="Reclaim",
            section=LOST,
            description="Off for any ordinary run. On: links and memberships that are in Moodle and listed become ours,"
            " and can be removed later. The run asks a person first.",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            title="Reason",
            section=LOST,
            description="Needed with Reclaim: why. It is kept in the report.",
        ),
    },
)
def moodle_group_sync() -> None:
    def step(name: str, **options: object):
        return task(task_id=name, **options)(run_step)(name)

    chain(
        step("check_identity"),
        step("extract", outlets=source_assets()),
        step("read_moodle"),
        step("validate"),
        step("diff_groupings"),
        step("diff_groups"),
        step("diff_memberships"),
        step("read_use"),
        step("circuit_breaker", outlets=[plan_asset()]),
        step(
            "apply",
            outlets=[moodle_asset()],
            pool="moodle_writes",
            retries=2,  # a killed one goes on
            retry_delay=timedelta(minutes=1),
        ),
        step("verify"),
        # These run whatever happened; they read what each step left, so that no failure hides.
        step("report", trigger_rule="all_done"),
        task(task_id="request_release", trigger_rule="all_done")(request_release)(),
        step("outcome", trigger_rule="all_done"),
        [
            task(task_id="alert", trigger_rule="all_done", retries=2, retry_delay=timedelta(minutes=5))(run_alert)(),
            # Airflow judges a run by its last tasks: without this one a sent alert would make a failed run green.
            EmptyOperator(task_id="succeeded"),
        ],
    )


moodle_group_sync()
