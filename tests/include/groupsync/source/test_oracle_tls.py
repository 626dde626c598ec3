"""TLS to Oracle: the URL asks for it, and a server that cannot show who it is gets no password."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.groupsync.errors import SettingsError, SourceError
from include.groupsync.model.connection import DatabaseConnection
from include.groupsync.source.database import snapshot
from include.groupsync.source.reader import Reader
from tests import certificates

if TYPE_CHECKING:
    from tests.oracle_wire import Wire

READER = Reader(connect_timeout=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def wire(postgresql_server: str, made: certificates.Certificates) -> "Iterator[Wire]":
    from tests import oracle_wire

    with oracle_wire.serving(postgresql_server, "sits", made.server) as served:
        yield served


def connection(wire: "Wire", host: str = "localhost", more: str = "") -> DatabaseConnection:
    return DatabaseConnection("sits", wire.url.replace("127.0.0.1", host) + "&protocol=tcps" + more)


@pytest.mark.needs("the Oracle wire")
def test_a_server_whose_certificate_the_wallet_vouches_for_is_read(
    tmp_path: Path, wire: "Wire", made: certificates.Certificates
) -> None:
    """Its address is part of its identity, as without TLS (rule I1)."""
    with snapshot(connection(wire, more=f"&wallet_location={made.authority}"), tmp_path, READER) as database:
        assert database.identity() == f"oracle SITS service SITS at localhost:{wire.port}"


@pytest.mark.needs("the Oracle wire")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_that_nobody_vouches_for_is_refused(
    tmp_path: Path, wire: "Wire", made: certificates.Certificates, host: str
) -> None:
    """An unknown authority, or a certificate that is for another name; no statement reaches the server."""
    trusted = f"&wallet_location={made.authority}" if host != "localhost" else ""
    seen = len(wire.statements)
    with pytest.raises(SourceError, match="connection sits: the database refuses: DPY-6005"):
        snapshot(connection(wire, host, trusted), tmp_path, READER).__enter__()
    assert wire.statements[seen:] == []


@pytest.mark.needs("the Oracle wire")
def test_the_name_is_not_looked_at_only_where_the_url_says_so(
    tmp_path: Path, wire: "Wire", made: certificates.Certificates
) -> None:
    """For a tunnel, say; the authority still has to vouch for it."""
    unnamed = f"&wallet_location={made.authority}&ssl_server_dn_match=off"
    with snapshot(connection(wire, "127.0.0.1", unnamed), tmp_path, READER) as database:
        assert database.identity().startswith("oracle SITS service SITS at 127.0.0.1")


@pytest.mark.parametrize("slip", ["protocol=tls", "protocol=tcps&ssl_server_dn_match=no"])
def test_a_slip_in_the_url_is_said(tmp_path: Path, slip: str) -> None:
    """It would else be a connection without the protection that was asked for."""
    wrong = DatabaseConnection("sits", f"oracle+oracledb://u:secret@db.example.ac.uk/?service_name=SITS&{slip}")
    with pytest.raises(SettingsError, match="protocol is tcp or tcps") as refused:
        snapshot(wrong, tmp_path, READER).__enter__()
    assert "secret" not in str(refused.value)
