"""
### Pin a person to a group, keep one out of it, or end that

For the data team, where the source is wrong about one person and will be for a while. It holds for one course and
group, in every term, until somebody clears it.

| field of the form | what to type |
|---|---|
| *Course* | its key, as the mappings name it |
| *Group* | its ID number, as the plan shows it; `#` and Moodle's id for a group without one |
| *Person* | the person's key, as the source has it. Never a name |
| *What* | see below |
| *Reason* | why. It is kept with your name, and shown in every report. Name nobody in it |

| what | what the runs do from then on |
|---|---|
| `pin` | whom the sync has put there stays when the source lists them no more. It adds nobody |
| `exclude` | the person is never added, and goes with the next full run. Put there by hand, they stay |
| `clear` | the source decides again |

A pin takes the place of an exclusion, and the other way round; what holds already changes nothing.

| task | what it does | where to look when it is red |
|---|---|---|
| `set_member_exception` | writes it down; the tab *Sync report* shows what comes of it | the tab, and its log |

Neither Moodle nor the source is asked: a course or a group that no run has seen is a warning, since it may be yet to
come. A run that has read the ledger already goes by what it read.

**What is typed here can be read** in Airflow, with the run and in the audit log, by everybody who may see this DAG's
runs there: let those see it who may know who is in which group.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task
from form_steps import run_member_exception


def typed(title: str, description: str) -> Param:
    return Param(type="string", minLength=1, title=title, description=description)


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=5)},
    params={
        "course": typed("Course", "The course's key, as the mappings name it."),
        "group": typed("Group", "The group's ID number, as the plan shows it."),
        "person": typed("Person", "The person's key, as the source has it. Never a name."),
        "what": Param(
            type="string",
            enum=["pin", "exclude", "clear"],
            title="What",
            description="pin: the sync does not take them out. exclude: it does not add them, and takes them out if it"
            " put them there. clear: the source decides again.",
        ),
        "reason": typed("Reason", "Why. It is kept with your name, and shown in every report. Name nobody in it."),
    },
)
def moodle_member_exception() -> None:
    # In no pool: it writes nothing to Moodle.
    task(task_id="set_member_exception")(run_member_exception)()


moodle_member_exception()
