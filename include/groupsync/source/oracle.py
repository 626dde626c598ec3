"""What is Oracle's own: how it is connected to, over TLS where the URL says so, and what it is told of us."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from include.groupsync.errors import SettingsError
from include.groupsync.model.frames import TEXT
from include.groupsync.source.reader import Reader

# Rows in one network answer where values come one by one; the driver's own 100 would wait for the network too often.
ARRAY_ROWS = 1_000
# A NUMBER that says nothing of its precision would come as a float, which loses the last digits of a long key.
_EXACT = pa.decimal128(38, 10)
_NOT_EXACT = "DPY-4042"
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


def read_frames(link: sa.Connection, statement: Any, binds: Mapping[str, Any], batch_rows: int) -> pa.Table | None:
    """All rows of the statement as Arrow frames, every value as text, names as SQLAlchemy has them.

    The schema is pinned before the first row: text as text, a NUMBER as an exact decimal.  None where that does not
    hold all of it, a date or a number of more than ten places: such an answer has to be read value by value.
    """
    asked = statement.compile(link).construct_expanded_state(dict(binds))  # a list in a bind becomes as many binds
    driver: Any = link.connection.driver_connection
    with _as_sqlalchemys(link), driver.cursor() as cursor:
        cursor.parse(asked.statement)
        wanted = [(column[0], _pinned(column[1])) for column in cursor.description or ()]
    if not wanted or any(kind is None for _, kind in wanted):  # no columns: not a query, for Oracle to refuse
        return None
    names = [str(link.dialect.normalize_name(name)) for name, _ in wanted]
    schema = pa.schema([(name, TEXT) for name in names])
    try:
        with _as_sqlalchemys(link):
            frames = driver.fetch_df_batches(
                asked.statement, dict(asked.parameters), size=batch_rows, requested_schema=pa.schema(wanted)
            )
            batches = [pa.table([_as_text(one) for one in pa.table(frame).columns], schema=schema) for frame in frames]
    except sa.exc.DatabaseError as error:
        if _NOT_EXACT in str(error.orig):
            return None
        raise
    return pa.concat_tables(batches) if batches else schema.empty_table()


def _pinned(kind: Any) -> pa.DataType | None:
    if kind.name in ("DB_TYPE_VARCHAR", "DB_TYPE_NVARCHAR", "DB_TYPE_CHAR", "DB_TYPE_NCHAR"):
        return TEXT
    return _EXACT if kind.name == "DB_TYPE_NUMBER" else None


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type == TEXT:
        return column
    try:
        return column.cast(pa.decimal128(38, 0)).cast(TEXT)
    except pa.ArrowInvalid:  # one of them has a fraction
        return pa.chunked_array([pa.array([_plain(value) for value in column.to_pylist()], TEXT)])


def _plain(value: Decimal | None) -> str | None:
    """Without needless noughts, and never as a power of ten."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".")


@contextmanager
def _as_sqlalchemys(link: sa.Connection) -> Iterator[None]:
    """The driver's errors as SQLAlchemy's, which is also told of a connection that is no more."""
    import oracledb

    driver: Any = link.connection.driver_connection
    try:
        yield
    except oracledb.Error as error:
        if not driver.is_healthy():
            link.invalidate()
        raise sa.exc.DatabaseError(None, None, error) from error


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
