"""What is Oracle's own: how it is connected to, over TLS where the URL says so, and what it is told of us."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from include.groupsync.errors import SettingsError
from include.groupsync.source.reader import Reader

# How far Oracle keeps them, in bytes.
_MODULE, _ACTION, _CLIENT = 48, 32, 64
_KEEPALIVE_MINUTES = 1
_TLS = ("protocol", "wallet_location", "ssl_server_dn_match", "ssl_server_cert_dn")
# The undo that a snapshot needs is gone, or a table was changed under it: only another snapshot helps.
SNAPSHOT_LOST = frozenset({1466, 1555, 8176})


def connect_args(url: sa.URL, reader: Reader) -> tuple[sa.URL, dict[str, Any]]:
    """The URL without what is ours, and the driver's own arguments.

    ``protocol=tcps`` in the URL asks for TLS: the server's certificate is checked against ``wallet_location`` (a
    folder with ``ewallet.pem``; without one, the machine's own authorities), and its name against the address,
    unless ``ssl_server_dn_match=off``, or against ``ssl_server_cert_dn``.  The driver is python-oracledb's thin
    mode, which needs no client software of Oracle's.
    """
    given = {name: str(value) for name, value in url.query.items() if name in _TLS}
    left = url.difference_update_query(list(given))
    arguments: dict[str, Any] = {
        "tcp_connect_timeout": reader.connect_timeout,
        # A firewall that forgets a quiet connection would leave us waiting for an answer that cannot come.
        "expire_time": _KEEPALIVE_MINUTES,
    }
    if "wallet_location" in given:
        arguments["wallet_location"] = given["wallet_location"]
    # Without a service the host is a name in tnsnames.ora, which says all the rest.
    if given and (url.database or "service_name" in url.query):
        arguments["dsn"] = _descriptor(url, given, reader)
        # The descriptor has no word for "off", which is what the driver writes and reads.
        arguments["ssl_server_dn_match"] = given.get("ssl_server_dn_match", "on") == "on"
    return left, arguments


def _descriptor(url: sa.URL, given: Mapping[str, str], reader: Reader) -> str:
    """The address in Oracle's own notation: SQLAlchemy's has no place for TLS."""
    import oracledb

    match = given.get("ssl_server_dn_match", "on")
    if given.get("protocol", "tcp") not in ("tcp", "tcps") or match not in ("on", "off"):
        raise SettingsError("in an Oracle URL protocol is tcp or tcps, and ssl_server_dn_match is on or off")
    service = {"service_name": url.query["service_name"]} if "service_name" in url.query else {"sid": url.database}
    parameters = oracledb.ConnectParams(
        host=url.host,
        port=url.port or 1521,
        protocol=given.get("protocol", "tcp"),
        ssl_server_dn_match=match == "on",
        ssl_server_cert_dn=given.get("ssl_server_cert_dn"),
        tcp_connect_timeout=reader.connect_timeout,
        expire_time=_KEEPALIVE_MINUTES,
        **service,
    )
    return str(parameters.get_connect_string())


def introduce(link: sa.Connection, reader: Reader) -> None:
    """Say who we are (V$SESSION, audit trails) and how long an answer may take; sent along with the next call."""
    driver = link.connection.driver_connection
    assert driver is not None
    told = {"module": (reader.module, _MODULE), "action": (reader.action, _ACTION)}
    told["client_identifier"] = (reader.client, _CLIENT)
    for name, (text, most) in told.items():
        if text:
            setattr(driver, name, _cut(text, most))
    driver.call_timeout = int(reader.answer_timeout * 1000)


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
