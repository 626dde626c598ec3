"""The task ``alert``: tell whom the settings name, over Airflow's connections, what has changed (rule W2).

It looks at what the run has left, never stops it, and is red where something could not be sent. Every Airflow
component imports this file at start, so everything heavy is imported inside the task only.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import make_msgid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.groupsync.alert_settings import Alerts, Channel
    from include.groupsync.report.alert import Message, Place
    from include.groupsync.steps.run import Deployment, Run

OUR_NAME = "groupsync"


def run_alert() -> None:
    """The task of a sync or a release run; inside a task only."""
    from sync_steps import run_of

    _alert(run_of)


def run_restore_alert() -> None:
    """The task of a restore.  A dry run has changed nothing, and somebody is looking at it: nobody is told."""
    from airflow.sdk import get_current_context
    from sync_steps import restore_of

    context: Any = get_current_context()
    if not context["params"]["dry_run"]:
        _alert(lambda context, _: restore_of(context))


def run_drift_alert() -> None:
    """The task of a look for drift, which is of several terms."""
    from include.groupsync.model.run_path import run_name

    _alert(lambda context, _: run_name(context["dag_run"].dag_id, context["dag_run"].run_id), _tell_drift)


def _alert(run_of: Any, tell: Any = None) -> None:
    from airflow.sdk import get_current_context
    from sync_steps import deployment_of_airflow, failing_the_task, settings_path

    from include.groupsync.errors import GroupsyncError
    from include.groupsync.settings import load_alerts

    context: Any = get_current_context()
    with failing_the_task():
        alerts = load_alerts(settings_path())
    if not alerts.channels:
        print("no channel is configured under 'alerts' in groupsync.yaml: nobody is told anything")
        return
    try:
        deployment = deployment_of_airflow()
        run = run_of(context, deployment)
    except GroupsyncError as error:
        _tell_not_started(context, alerts, error)
    else:
        (tell or _tell)(context, alerts, deployment, run)


def _tell_drift(context: Any, alerts: Alerts, deployment: Deployment, run_id: str) -> None:
    """Of each term what is new, worse or over."""
    from include.groupsync.steps import alert
    from include.groupsync.steps.drift import seen_in

    root, now = deployment.runs_root, deployment.now()

    def part(term: str, seen: Any, look: str) -> Any:
        place = replace(_place(context, term, run_id, deployment.moodle.url), term=term)
        return lambda: alert.speak(alerts, root, place, seen, look, now, send)

    _every(*(part(*one) for one in seen_in(deployment, run_id)))


def _tell(context: Any, alerts: Alerts, deployment: Deployment, run: Run) -> None:
    """Every recipient gets what is due before the task fails."""
    from include.groupsync.model.alert import Seen
    from include.groupsync.steps import alert

    folder, now = run.folder(deployment), deployment.now()
    place = _place(context, alert.scope_of(run), run.run_id, deployment.moodle.url)
    if place.scope == run.term_key:
        place = replace(place, term=run.term_key)
    started = _place(context, alert.START, run.run_id, deployment.moodle.url)
    look, root = alert.look_name(run, folder), deployment.runs_root
    _every(
        lambda: alert.speak(alerts, root, started, Seen(cleared=frozenset({alert.START})), look, now, send),
        lambda: alert.speak(alerts, root, place, alert.look_at(deployment, run, folder), look, now, send),
        lambda: alert.summarise_run(alerts, root, place, run, folder, now, send),
    )


def _tell_not_started(context: Any, alerts: Alerts, error: Exception) -> None:
    """Without usable settings or connections there is no term to be sure of: such runs have a state of their own."""
    from sync_steps import runs_root

    from include.groupsync.model.alert import Seen
    from include.groupsync.model.run_path import run_name
    from include.groupsync.report.trouble import not_started
    from include.groupsync.steps import alert

    dag_run = context["dag_run"]
    place = _place(context, alert.START, run_name(dag_run.dag_id, dag_run.run_id), "")
    seen = Seen((not_started(error),))
    look = f"{place.run_id} {dag_run.start_date}"
    _every(lambda: alert.speak(alerts, runs_root(), place, seen, look, datetime.now(UTC), send))


def _every(*parts: Any) -> None:
    """All parts, then AlertError with what could not be sent."""
    from include.groupsync.errors import AlertError

    failures = []
    for part in parts:
        try:
            part()
        except AlertError as error:
            failures.append(str(error))
    if failures:
        raise AlertError("\n".join(dict.fromkeys("\n".join(failures).splitlines())))


def _place(context: Any, scope: str, run_id: str, site: str) -> Place:
    from sync_steps import run_page

    from include.groupsync.report.alert import Place

    return Place(os.environ.get("GROUPSYNC_ENVIRONMENT", ""), site, scope, run_id, run_page(context))


# --- sending


def send(channel: Channel, recipient: str, message: Message) -> None:
    """Send the message to one recipient of the channel; AlertError names the connection and the next step."""
    if channel.mail is not None:
        _mail(channel.mail, channel.address_of(recipient), channel.to.index(channel.address_of(recipient)) + 1, message)
    else:
        _apprise(str(channel.apprise), message)


def _mail(conn_id: str, address: str, number: int, message: Message) -> None:
    """By Airflow's own notifier, one mail an address: of several the server's refusal of one would not be heard."""
    from email.mime.text import MIMEText

    from airflow.providers.smtp.hooks.smtp import SmtpHook
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    class TwoParts(SmtpHook):
        """A mail that has the plain text before the HTML; the hook itself knows HTML only."""

        def _build_mime_message(self, *args: Any, **kwargs: Any) -> Any:
            mail, recipients = super()._build_mime_message(*args, **kwargs)
            mail.set_payload([MIMEText(message.text, "plain", "utf-8"), *mail.get_payload()])
            return mail, recipients

    notifier = SmtpNotifier(
        to=[address],
        subject=message.subject,
        html_content=message.html,
        mime_subtype="alternative",
        custom_headers={
            "Message-ID": make_msgid(domain=OUR_NAME),
            "Auto-Submitted": "auto-generated",
            "X-Groupsync-Level": message.level,
        },
        smtp_conn_id=conn_id,
    )
    notifier.hook = TwoParts(conn_id)
    # Called as a callback it would take names for templates, and keep a failure to itself.
    _sent(conn_id, f"number {number} of its 'to'", lambda: notifier.notify({}), address)


def _apprise(conn_id: str, message: Message) -> None:
    """Over the services that Airflow's hook finds in the connection; its own notifier does not ask whether they took
    the message, and nobody would hear of it."""
    import apprise
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from airflow.sdk.log import mask_secret

    from include.groupsync.report.alert import notify_type

    def notify() -> None:
        hook, services = AppriseHook(conn_id), apprise.Apprise()
        connection = hook.get_connection(conn_id)
        if "config" not in connection.extra_dejson:
            raise ValueError("its extra has no 'config'")
        config = hook.get_config_from_conn(connection)
        configured = config if isinstance(config, list) else [config]
        for one in configured:
            mask_secret(one["path"])
        with _quiet("apprise"):  # it would log an address that it does not know, with whatever secret is in it
            hook.set_config_from_conn(connection, services)
        if len(services) < len(configured):
            raise ValueError("a 'path' of its config is no address that Apprise knows")
        if not services.notify(body=message.text, title=message.subject, notify_type=notify_type(message.level)):
            raise ValueError("the service did not take the message; the lines above have its answer")

    _sent(conn_id, "its service", notify)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    was, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was


def _sent(conn_id: str, who: str, attempt: Any, address: str = "") -> None:
    """AlertError, with nobody's address, where the attempt fails: whatever it fails of, the task must say so."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.groupsync.errors import AlertError

    try:
        attempt()
    except Exception as error:  # noqa: BLE001
        why = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, AirflowNotFoundException) or "connection is not found" in why:
            step = "add it in Airflow under Admin, Connections"
        else:
            step = "check it in Airflow under Admin, Connections, then clear this task; the next run tries again too"
        if address:
            why = why.replace(address, "the address")
        raise AlertError(
            f"connection {conn_id}: an alert could not be sent to {who}: {why[:300]}. Next: {step}."
            " The sync itself does not depend on it; its report and its outcome stand."
        ) from None
