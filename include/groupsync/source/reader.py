"""Who reads a source, and how long the database may take: handed to whatever opens one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """``module``, ``action`` and ``client`` tell the database's own people which DAG, task and run is at work: no
    person's name, and no secret.  Time-outs in seconds: to connect, and for the answer to one call."""

    module: str = "groupsync"
    action: str = ""
    client: str = ""
    connect_timeout: float = 20
    answer_timeout: float = 600


ANYBODY = Reader()
