"""
### Switch courses of a term on, off, or to what the source says

Who may trigger this decides, for single courses and one term, whether its runs touch them; from now on and until
somebody switches them otherwise.

| field of the form | what to type |
|---|---|
| *Term* | a term of the calendar (`include/config/terms.yaml`) |
| *Courses* | their keys, one a line, as the mappings name them |
| *All mapped courses* | instead of *Courses*: every course that a mapping of the term names now |
| *Switch* | see below |
| *Reason* | why. It is kept with your name, and shown on the page of every later change |

| switch | what the term's runs do in these courses |
|---|---|
| `off` | nothing: nothing is created, updated or deleted, whatever source and queue say |
| `on` | mappings that are inactive at the source, or have their import off, are active; withdrawn ones stay so |
| `source` | what the source says, as in a course that nobody switched |

| task | what it does | where to look when it is red |
|---|---|---|
| `set_course_switch` | reads the mappings, and writes the switches down | the tab *Sync report*, and its log |

A run that is writing when a course of its term is switched off sends no further batch, and ends red. After `on` or
`source` what the first run would delete in these courses is held, until a person has approved it. Moodle is not asked.
Courses that are typed can be switched off while the mappings cannot be read.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task
from form_steps import run_course_switch
from sync_steps import term_names


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,  # in an emergency it has to be there
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=30)},
    params={
        "term": Param(
            type="string",
            minLength=1,
            examples=term_names(),
            title="Term",
            description="A term of the calendar, such as 2026-27-T1.",
        ),
        "courses": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Courses",
            description="Their keys, one a line, as the mappings name them.",
        ),
        "all_mapped": Param(
            False,
            type="boolean",
            title="All mapped courses",
            description="On: every course that a mapping of the term names; leave Courses empty then.",
        ),
        "switch": Param(
            type="string",
            enum=["on", "off", "source"],
            title="Switch",
            description="off: nothing of these courses is touched. on: their mappings are active, unless withdrawn."
            " source: as the source says.",
        ),
        "reason": Param(
            type="string",
            minLength=1,
            title="Reason",
            description="Why. It is kept with your name.",
        ),
    },
)
def moodle_course_switch() -> None:
    # In no pool: it must not wait for the run that is writing.
    task(task_id="set_course_switch")(run_course_switch)()


moodle_course_switch()
