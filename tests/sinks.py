"""A mail server and an HTTP receiver on the loopback that keep what they are sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller

from sandbox.airflow.server import free_port


@dataclass
class MailServer:
    """``mails`` by recipient, in order; ``refuses`` are addresses that it takes no mail for."""

    port: int
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return f"550 no mailbox for {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return "250 kept"

    @property
    def connection(self) -> str:
        """As AIRFLOW_CONN_... has it."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "groupsync@example.ac.uk", "retry_limit": 0}
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})


def body(mail: EmailMessage, kind: str) -> str:
    """The part of a mail that is ``plain`` or ``html``."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    kept = MailServer(free_port(0))
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


@dataclass
class Receiver:
    """``posts`` are the documents that were posted; ``answers`` is the status that it gives."""

    port: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    answers: int = 200

    @property
    def connection(self) -> str:
        """As AIRFLOW_CONN_... has it."""
        config = {"path": f"json://127.0.0.1:{self.port}/services/T0PSECRET"}
        return json.dumps({"conn_type": "apprise", "extra": {"config": config}})


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(kept.answers)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Receiver(server.server_address[1])
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
