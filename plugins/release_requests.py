"""How a held plan comes before a person in Airflow: the sync's task that asks, and the release's task that waits.

Every Airflow component imports this file at start, so the engine is imported inside the tasks only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import DagRunTriggerException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

if TYPE_CHECKING:
    from datetime import timedelta

    from include.groupsync.model.approval import Answer
    from include.groupsync.steps import Deployment, Run
    from include.groupsync.steps.run import Counter

SYNC, RELEASE, APPROVE = "moodle_group_sync", "moodle_group_release", "approve"
# Of a release run: what it must know to make the plan anew.
CONF = ("term", "run", "digest", "mode", "reclaim", "reason", "courses", "modules", "departments", "kinds")
ENDED = ("success", "failed")


def request_release() -> None:
    """Ask for what this sync run holds: the engine's step, and a release run for its question.

    A question that an earlier run has asked has its release run already; then the task is skipped.  Should that
    run never have been started, it is now.
    """
    from airflow.sdk import get_current_context
    from sync_steps import deployment_of_airflow, run_of, run_step

    run_step("request_release")
    deployment = deployment_of_airflow()
    folder = run_of(get_current_context(), deployment).folder(deployment)
    if folder.has("request.json"):
        request = folder.json("request")
        _start_release(request["release_run_id"], {name: request[name] for name in CONF})


def _start_release(release_run_id: str, conf: dict[str, Any]) -> NoReturn:
    # What TriggerDagRunOperator raises; importing that costs every component the whole of Airflow's models.
    raise DagRunTriggerException(
        trigger_dag_id=RELEASE,
        dag_run_id=release_run_id,
        conf=conf,
        logical_date=None,
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
    )


class ApproveHeld(HITLOperator):
    """Asks a person about a held plan; succeeds only with an approval that has passed every check of the engine.

    Subject, body and form are made when it runs: they are the plan's.  It wakes up every few minutes to see
    whether the request is still open, since no other run may close another task's question in Airflow.
    """

    template_fields = ()

    def __init__(self, **kwargs: Any):
        from include.groupsync.model.approval import OPTIONS

        super().__init__(subject="Held deletes", options=list(OPTIONS), **kwargs)

    def execute(self, context: Any) -> None:
        """Put the question, and wait without a worker; nothing to ask where it was approved before."""
        deployment, run = self._engine(context)
        asked = self._told(self._question, deployment, run)
        if asked is None:
            return
        self.subject, self.body, self.params = asked.subject, asked.body, _form(asked.digest, asked.courses)
        upsert_hitl_detail(
            ti_id=context["task_instance"].id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            defaults=None,
            multiple=False,
            params=self.serialized_params,
        )
        self._wait(asked.waits)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Check the answer; without one, wait on or end, as the request's state says."""
        from include.groupsync.steps.approve import answered, still_open

        deployment, run = self._engine(context)
        if "error" in event:
            if event["error_type"] != "timeout":
                self.process_trigger_event_error(event)
            self._wait(self._told(still_open, deployment, run))
        approval = self._told(answered, deployment, run, _answer(event))
        self.log.info("The plan %s is %s", approval.digest, approval.state)
        return {"digest": approval.digest, "courses": approval.courses, "who": approval.who}

    def _wait(self, waits: timedelta) -> NoReturn:
        raise TaskAwaitingInput(method_name="execute_complete", timeout=waits)

    def _engine(self, context: Any) -> tuple[Deployment, Run]:
        from sync_steps import deployment_of_airflow, run_of

        deployment = deployment_of_airflow()
        return deployment, run_of(context, deployment)

    def _question(self, deployment: Deployment, run: Any) -> Any:
        from include.groupsync.steps.approve import question

        return question(deployment, run)

    @staticmethod
    def _told(engine: Any, *arguments: Any) -> Any:
        """What the engine answers; its own errors end the task at once, with their message."""
        from sync_steps import failing_the_task

        with failing_the_task():
            return engine(*arguments)


class ApproveRestore(ApproveHeld):
    """Asks about what the circuit breaker holds of a restore, in the restore's own run; most need not ask."""

    def _engine(self, context: Any) -> tuple[Deployment, Run]:
        from sync_steps import deployment_of_airflow, restore_of

        return deployment_of_airflow(), restore_of(context)

    def _question(self, deployment: Deployment, run: Any) -> Any:
        from include.groupsync.steps.restore import ask

        return ask(deployment, run)


def _form(digest: str, courses: tuple[str, ...]) -> ParamsDict:
    some = ", ".join(courses[:2])
    return ParamsDict(
        {
            "reason": Param(
                "",
                type="string",
                minLength=1,
                title="Reason",
                description="Why this is right, or why not. It is kept with your name.",
            ),
            "courses": Param(
                None,
                type=["null", "string"],
                format="multiline",
                title="Only these courses",
                description=f"For the second button only: one a line, such as {some}",
            ),
            "digest": Param(
                digest, type="string", title="Plan", description="Names what you are asked about; leave it as it is."
            ),
        }
    )


def _answer(event: dict[str, Any]) -> Answer:
    from include.groupsync.model.approval import Answer

    user, at = event.get("responded_by_user") or {}, event.get("responded_at")
    return Answer(
        option=", ".join(event["chosen_options"]),
        given=event["params_input"] or {},
        who=str(user.get("name") or user.get("id") or "unknown")[:255],
        at=at if isinstance(at, datetime) else datetime.now(UTC),
    )


def counter_of_airflow() -> Counter:
    """Where this Airflow shows a question and a plan, and whether a release run still waits; in a task only."""
    from airflow.sdk.configuration import conf

    from include.groupsync.model.run_path import dag_run
    from include.groupsync.steps.run import Counter

    base = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")

    def answer_at(release_run_id: str) -> str:
        run = quote(release_run_id, safe="")
        return f"{base}/dags/{RELEASE}/runs/{run}/tasks/{APPROVE}/required_actions"

    def plan_at(run_id: str) -> str:
        dag_id, own = dag_run(run_id)
        return f"{base}/groupsync/runs/{dag_id}/{quote(own, safe='')}/plan.html"

    return Counter(answer_at, plan_at, _still_waits)


def _still_waits(release_run_id: str) -> bool:
    """Also where there is no such run yet: it is still to be started."""
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        state = get_current_context()["ti"].get_dagrun_state(RELEASE, release_run_id)
    except AirflowRuntimeError:
        return True
    return state not in ENDED
