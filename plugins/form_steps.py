"""How the DAGs that do what a person asks for by a form run the engine: what was typed goes in, and the log says what
became of it.

Every Airflow component imports this file at start, so the engine is imported inside the task only.
"""

from __future__ import annotations

from typing import Any

from sync_steps import deployment_of_airflow, failing_the_task


def run_arming(name: str) -> None:
    """Run one of the arming's two steps with what the operator typed into the form; inside a task only."""
    from include.groupsync.steps import arm

    arming = arm.Arming(**_asked("url", "environment", "old_deployment_id"), term_key=arm.FOLDER)
    with failing_the_task():
        {"look": arm.look, "write": arm.write}[name](deployment_of_airflow(), arming)


def run_member_exception() -> None:
    """Pin, exclude or clear what the operator typed into the form; inside a task only. Its log names no person."""
    import logging

    from include.groupsync.steps import member_exception
    from include.groupsync.steps.run import step_records

    form = _asked("course", "group", "person", "what", "reason")
    change = member_exception.Excepting(**form, term_key=member_exception.FOLDER)
    with failing_the_task():
        deployment = deployment_of_airflow()
        member_exception.set_member_exception(deployment, change)
    told = step_records(change.folder(deployment))["set_member_exception"]
    log = logging.getLogger(__name__)
    how = "Course %s, group %s: %s. Before: %s. %s" if told["changed"] else "Course %s, group %s: %s already (%s). %s"
    log.info(how, told["course"], told["group"], told["what"], told["before"], told["means"])
    for warning in told["warnings"]:
        log.warning(warning)


def run_term_state() -> None:
    """Give a term the state that the operator picked in the form; inside a task only."""
    import logging

    from include.groupsync.steps import term_state
    from include.groupsync.steps.run import step_records

    form = _asked("term", "state", "reason")
    setting = term_state.Setting(term_set=form.pop("term"), **form, term_key=term_state.FOLDER)
    with failing_the_task():
        deployment = deployment_of_airflow()
        term_state.set_term_state(deployment, setting)
    told = step_records(setting.folder(deployment))["set_term_state"]
    how = "Term %s was %s, and is %s now. %s" if told["changed"] else "Term %s is %s: %s already, nothing changed. %s"
    logging.getLogger(__name__).info(how, told["term"], told["before"], told["after"], told["means"])


def run_course_switch() -> None:
    """Switch the courses that the operator named in the form; inside a task only."""
    import logging

    from airflow.sdk import get_current_context

    from include.groupsync.steps import course_switch
    from include.groupsync.steps.run import step_records

    form = _asked("term", "courses", "switch", "reason")
    context: Any = get_current_context()
    every = bool(context["params"].get("all_mapped"))
    change = course_switch.Switching(
        term_set=form.pop("term"), every=every, **form, term_key=course_switch.FOLDER
    )  # fmt: skip
    with failing_the_task():
        deployment = deployment_of_airflow()
        course_switch.set_course_switch(deployment, change)
    told = step_records(change.folder(deployment))["set_course_switch"]
    log = logging.getLogger(__name__)
    log.info(
        "Term %s, %s: %d of %d courses changed. %s",
        told["term"],
        told["switch"],
        told["changed"],
        told["asked"],
        told["means"],
    )
    for warning in told["warnings"]:
        log.warning(warning)


def _asked(*fields: str) -> dict[str, Any]:
    """This DAG run, whoever started it, and what they typed into these fields of its form."""
    from airflow.sdk import get_current_context

    from include.groupsync.model.run_path import run_name

    context: Any = get_current_context()
    dag_run, form = context["dag_run"], context["params"]
    typed = {name: (form[name] or "").strip() for name in fields}
    who = dag_run.triggering_user_name or "(not known)"
    return {"run_id": run_name(dag_run.dag_id, dag_run.run_id), "who": who, **typed}
