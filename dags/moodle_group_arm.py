"""
### Arm a Moodle site: say which deployment may write groups to it

A site without the marker is read-only to every sync; with it, to every deployment but the one that it names. Run this
once for each site, and again when another deployment is to take over.

| field of the form | what to type |
|---|---|
| *Moodle's address* | the address, by hand; it must be the connection's **and** the one that the site gives |
| *Environment* | the environment that this deployment is (`GROUPSYNC_ENVIRONMENT`), configured in `groupsync.yaml` |
| *Old deployment's id* | empty; only to take a site over, the id in the marker that is there |

| task | what it does | where to look when it is red |
|---|---|---|
| `look` | asks all five sides and shows what they say, in the run's tab *Sync report* | its log |
| `write_marker` | asks again; writes the marker and reads it back | the tab, and its log |

Before the first time: in Moodle, make a hidden course with the ID number `groupsync-control`. For an environment that
is not configured yet, the tab shows the lines to paste into `groupsync.yaml`.

Nothing is written but the marker, a grouping in that course. Once it names another deployment, the old one is refused
from its next check on: before each run, and before its first write.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, chain, dag, task
from form_steps import run_arming
from sync_steps import environment_names


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=15)},
    params={
        "url": Param(
            type="string",
            minLength=1,
            title="Moodle's address",
            description="Type it by hand, do not paste it. Such as https://moodle.example.ac.uk",
        ),
        "environment": Param(
            type="string",
            pattern="^[a-z][a-z0-9-]{0,49}$",
            examples=environment_names(),
            title="Environment",
            description="Which one this deployment is: its GROUPSYNC_ENVIRONMENT.",
        ),
        "old_deployment_id": Param(
            None,
            type=["null", "string"],
            title="Old deployment's id",
            description="Leave empty. Only to take a site over: the id in its marker, which the page of a refused run"
            " shows. That deployment can no longer write then.",
        ),
    },
)
def moodle_group_arm() -> None:
    def step(name: str, task_id: str, **options: object):
        return task(task_id=task_id, **options)(run_arming)(name)

    chain(step("look", "look"), step("write", "write_marker", pool="moodle_writes"))


moodle_group_arm()
