"""What an address of the store means, and what a person reads when it is a wrong one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_taskmon.cli import cli
from otel_taskmon.errors import StoreUnavailable
from otel_taskmon.queries.connection import connect
from tests.support.certificates import self_signed, server_context
from tests.support.processes import free_port
from tests.support.store import Store

pytestmark = pytest.mark.integration


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:  # the other direction has closed both
        return
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed already
                continue


@pytest.fixture
def tls(store: Store, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(an https address in front of the store, the certificate to trust)."""
    key, certificate = self_signed(tmp_path)
    context = server_context(key, certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:  # closed at the end
                return
            try:
                secured = context.wrap_socket(plain, server_side=True)
            except OSError:  # a client that does not trust us, or speaks no TLS
                plain.close()
                continue
            inner = socket.create_connection(("127.0.0.1", store.http_port))
            for ends in ((secured, inner), (inner, secured)):
                threading.Thread(target=_pass_on, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
    listener.close()


def said(*args: str, **variables: str) -> str:
    """What a command that must fail tells on standard error."""
    done = CliRunner().invoke(cli, list(args), env=variables)
    assert done.exit_code == 1, done.output
    return done.stderr


def test_https_is_tls_on_any_port(
    tls: tuple[str, Path], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = tls
    with pytest.raises(StoreUnavailable, match="self-signed certificate"):
        connect(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with connect(url, "admin", store.admin_password) as client:
        client.run("CREATE TABLE only_admin (one Int8) ENGINE = Memory")
        client.run("DROP TABLE only_admin")


def test_nothing_is_sent_in_the_clear_to_an_https_address(store: Store) -> None:
    """The store itself speaks no TLS: so an answer would mean that the password went out unencrypted."""
    with pytest.raises(StoreUnavailable, match="WRONG_VERSION_NUMBER"):
        connect(f"https://127.0.0.1:{store.http_port}", "admin", store.admin_password)


def test_a_certificate_that_nobody_trusts_says_how_to_trust_it(tls: tuple[str, Path]) -> None:
    assert "SSL_CERT_FILE names" in said("sql", "SELECT 1", "--url", tls[0])


def test_nobody_there_is_told_in_a_sentence_with_a_way_out() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    text = said("inspect", "logs", "--url", url)
    assert text.startswith(f"Error: the store at {url} does not answer: Connection refused\n")
    assert '"taskmon up"' in text
    assert "TASKMON_CLICKHOUSE_URL" in text


def test_another_server_there(store: Store) -> None:
    text = said("inspect", "logs", "--url", store.otlp_url)
    assert "does not answer" in text
    assert "ClickHouse HTTP interface" in text


@pytest.mark.parametrize(
    ("statement", "starts", "way_out"),
    [
        ("SELECT nope FROM otel.audit", "47: Unknown expression identifier", ""),
        ("DROP TABLE otel.audit", "164: default: Cannot execute query in readonly mode", "may only read"),
        ("SELECT 1 FROM otl.runs", "81: Database otl does not exist", ""),
    ],
)
def test_an_error_of_the_store_is_told_once(store: Store, statement: str, starts: str, way_out: str) -> None:
    first, *rest = said("sql", statement, "--url", store.url).splitlines()
    assert first.startswith(f"Error: the store at {store.url} answered with error {starts}")
    assert first.count("Code:") == 0
    assert "version" not in first
    assert "for url" not in first
    assert way_out in " ".join(rest)
    assert bool(way_out) == bool(rest)


def test_tables_of_another_version_are_told_from_a_wrong_question(store: Store) -> None:
    admin = store.client("admin")
    admin.command("RENAME TABLE otel.audit TO otel.audit_before")
    try:
        text = said("sql", "SELECT count() FROM otel.audit", "--url", store.url)
        assert "taskmon migrate" not in text
    finally:
        admin.command("RENAME TABLE otel.audit_before TO otel.audit")
    admin.command("RENAME TABLE otel.celery_tasks_latest TO otel.before")
    admin.command("RENAME TABLE otel.celery_tasks_current TO otel.before_too")
    try:
        text = said("inspect", "logs", "--url", store.url)
        assert "answered with error 60" in text
        assert '"taskmon doctor" says so, and "taskmon migrate" updates them' in text
    finally:
        admin.command("RENAME TABLE otel.before TO otel.celery_tasks_latest")
        admin.command("RENAME TABLE otel.before_too TO otel.celery_tasks_current")


def test_a_refused_password_names_the_settings(store: Store) -> None:
    text = said("inspect", "logs", "--url", store.url, TASKMON_CLICKHOUSE_PASSWORD="not it")
    assert "answered with error 516" in text
    assert "TASKMON_CLICKHOUSE_PASSWORD_FILE" in text
    assert "not it" not in text
