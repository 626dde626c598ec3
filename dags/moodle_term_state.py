"""
### Switch a term: open, add-only, frozen or closed

Who may trigger this decides what every run of a term may do, from now on and until somebody sets another state.

| field of the form | what to type |
|---|---|
| *Term* | a term of the calendar (`include/config/terms.yaml`) |
| *State* | see below |
| *Reason* | why. It is kept with your name, and shown in every report of the term |

| state | what its runs do | what other terms' runs delete of what it lists |
|---|---|---|
| `open` | create, update, add, delete, remove | nothing, until its last day |
| `add-only` | create, update, add | nothing, whatever its last day |
| `frozen` | plan and report; nothing is written, to Moodle or the ledger | nothing, whatever its last day |
| `closed` | as when open | what they drop themselves |

| task | what it does | where to look when it is red |
|---|---|---|
| `set_term_state` | writes it down; the run's tab *Sync report* shows what it was and is | the tab, and its log |

A run that is writing when its term is frozen sends no further batch, and ends red. After *frozen* or *add-only* the
first run that may delete again holds what it would delete, until a person has looked at it. Moodle is not asked and no
run is waited for: a term can be frozen at once. Setting the state that it has already changes nothing.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task
from form_steps import run_term_state
from sync_steps import term_names


@dag(
    schedule=None,
    start_date=datetime(2026, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,  # in an emergency it has to be there
    doc_md=__doc__,
    tags=["moodle", "groups"],
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=5)},
    params={
        "term": Param(
            type="string",
            minLength=1,
            examples=term_names(),
            title="Term",
            description="A term of the calendar, such as 2026-27-T1.",
        ),
        "state": Param(
            type="string",
            enum=["open", "add-only", "frozen", "closed"],
            title="State",
            description="open: its runs do all of it. add-only: they delete and remove nothing. frozen: they write"
            " nothing. closed: as open, and other terms' runs need not keep what it lists.",
        ),
        "reason": Param(
            type="string",
            minLength=1,
            title="Reason",
            description="Why. It is kept with your name, and shown in every report of the term.",
        ),
    },
)
def moodle_term_state() -> None:
    # In no pool: it must not wait for the run that is writing.
    task(task_id="set_term_state")(run_term_state)()


moodle_term_state()
